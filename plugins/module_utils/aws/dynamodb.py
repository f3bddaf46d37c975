# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""DynamoDB: the table as it is, and the executors of its actions."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import AwsError
from ..plan import Executors
from ..steps.transactor import ON_DEMAND
from ..steps.transactor.resources import Table
from ..steps.transactor.table import KEY, CreateTable, SetBackups, UpdateTable
from .errors import aws_errors, responder

WAIT = {"Delay": 1, "MaxAttempts": 300}
"""Seconds between looks, and looks: five minutes. AWS makes a table in seconds, and changes one in minutes at worst."""


@contextlib.contextmanager
def asking(endpoint: str, path: str) -> Iterator[None]:
    """Say of an endpoint that a file names where nothing, or no DynamoDB, answers. endpoint: empty for AWS's own."""
    try:
        yield
    except (AwsError, AttributeError, KeyError, TypeError, ValueError) as error:
        cause = error.__cause__ if isinstance(error, AwsError) else None
        answer = responder(cause)
        if not endpoint or answer == "aws":
            raise
        what = "nothing answers there" if answer == "nobody" else "what answers there is no DynamoDB"
        raise AwsError(
            f"Could not read the table at {endpoint}, the aws-dynamodb-override-endpoint of {path}: {what}"
            f"{f' ({_said(cause)})' if cause else ''}. Start DynamoDB Local there, or correct host and port. "
            "Nothing was changed.",
            code=error.code if isinstance(error, AwsError) else "",
        ) from error


def _said(cause: BaseException) -> str:
    """The first words of an error, which may quote a whole page."""
    return " ".join(str(cause).split())[:120].rstrip(". ")


def observe(client: Any, name: str, *, backups: bool) -> Table | None:
    """The table, None when there is none. backups: look at point-in-time recovery as well (a second call)."""
    try:
        with aws_errors("read the table", name, client):
            table = client.describe_table(TableName=name)["Table"]
    except AwsError as error:
        if error.code == "ResourceNotFoundException":
            return None
        raise
    found = _table(table)
    if not backups:
        return found
    with aws_errors("read the backups of the table", name, client):
        described = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = described.get("PointInTimeRecoveryDescription", {})
    return dataclasses.replace(found, backups=recovery.get("PointInTimeRecoveryStatus") == "ENABLED")


def _table(table: Mapping[str, Any]) -> Table:
    types = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in table["AttributeDefinitions"]}
    units = table.get("ProvisionedThroughput", {})
    indexes = [*table.get("GlobalSecondaryIndexes", []), *table.get("LocalSecondaryIndexes", [])]
    return Table(
        status=table["TableStatus"],
        key=tuple(
            (part["AttributeName"], types.get(part["AttributeName"], ""), part["KeyType"])
            for part in table["KeySchema"]
        ),
        indexes=tuple(index["IndexName"] for index in indexes),
        replicas=tuple(replica["RegionName"] for replica in table.get("Replicas", [])),
        on_demand=table.get("BillingModeSummary", {}).get("BillingMode") == ON_DEMAND,
        read=units.get("ReadCapacityUnits", 0),
        write=units.get("WriteCapacityUnits", 0),
        deletion_protection=table.get("DeletionProtectionEnabled", False),
    )


def executors(client: Any) -> Executors:
    """For a client in the table's region."""

    def create(name: str, table: CreateTable) -> None:
        try:
            with aws_errors("create the table", name, client):
                made = client.create_table(**_creation(name, table))["TableDescription"]
        except AwsError as error:
            # Our own request whose answer was lost, or another run of ours: fine when it is the table that we want.
            if error.code != "ResourceInUseException":
                raise
            found = observe(client, name, backups=False)
            if found is None or found.key != KEY:
                raise
            made = {"TableStatus": found.status}
        if made.get("TableStatus") != "ACTIVE":
            wait(name)

    def wait(name: str) -> None:
        with aws_errors("wait for the table", name, client):
            client.get_waiter("table_exists").wait(TableName=name, WaiterConfig=WAIT)

    def update(name: str, table: UpdateTable) -> None:
        wait(name)
        with aws_errors("change the table", name, client):
            client.update_table(TableName=name, **_change(table))
        wait(name)

    def backups(name: str, recovery: SetBackups) -> None:
        wait(name)
        with aws_errors("set point-in-time recovery of the table", name, client):
            client.update_continuous_backups(
                TableName=name,
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": recovery.enabled},
            )

    return Executors().add(CreateTable, create).add(UpdateTable, update).add(SetBackups, backups)


def _creation(name: str, table: CreateTable) -> dict[str, Any]:
    request: dict[str, Any] = {
        "TableName": name,
        "AttributeDefinitions": [{"AttributeName": part, "AttributeType": kind} for part, kind, _role in KEY],
        "KeySchema": [{"AttributeName": part, "KeyType": role} for part, _kind, role in KEY],
        **_change(table),
    }
    if table.tags:
        request["Tags"] = [{"Key": key, "Value": value} for key, value in table.tags.items()]
    return request


def _change(table: UpdateTable) -> dict[str, Any]:
    request: dict[str, Any] = {}
    if table.billing_mode:
        request["BillingMode"] = table.billing_mode
    if table.units:
        read, write = table.units
        request["ProvisionedThroughput"] = {"ReadCapacityUnits": read, "WriteCapacityUnits": write}
    if table.deletion_protection is not None:
        request["DeletionProtectionEnabled"] = table.deletion_protection
    return request
