# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""DynamoDB: the current table, and the executors of its actions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..actions import Executors
from ..errors import AwsError
from ..steps.transactor.current import Table
from ..steps.transactor.table import KEY, ON_DEMAND, CreateTable, SetBackups, UpdateTable
from .calls import aws_call, aws_wait, tag_list
from .errors import responder

WAIT_SECONDS = 300
"""AWS creates a table in seconds, and changes one in minutes at worst."""


def observe(client: Any, name: str, *, backups: bool) -> Table | None:
    """The table; None when there is none. backups: read point-in-time recovery as well (a second call)."""
    expected = ("ResourceNotFoundException",)
    answer = aws_call("read the table", name, client.describe_table, expected=expected, TableName=name)
    if answer is None:
        return None
    found = _table(answer["Table"])
    if not backups:
        return found
    described = aws_call("read the backups of the table", name, client.describe_continuous_backups, TableName=name)
    recovery = described["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    return dataclasses.replace(found, backups=recovery.get("PointInTimeRecoveryStatus") == "ENABLED")


def observe_at(client: Any, name: str, endpoint: str, path: str) -> Table | None:
    """As observe, at the endpoint in the properties file at path: the error says when no DynamoDB answers there."""
    try:
        return observe(client, name, backups=False)
    except (AwsError, AttributeError, KeyError, TypeError, ValueError) as error:
        cause = error.__cause__ if isinstance(error, AwsError) else None
        answered_by = responder(cause)
        if answered_by == "aws":
            raise
        reason = "nothing answers there" if answered_by == "nobody" else "what answers there is no DynamoDB"
        if cause:  # the beginning: the text may contain a whole page
            reason += f" ({' '.join(str(cause).split())[:120].rstrip('. ')})"
        raise AwsError(
            f"Could not read the table at {endpoint}, the aws-dynamodb-override-endpoint of {path}: {reason}. "
            "Start DynamoDB Local there, or correct host and port. Nothing was changed.",
            code=error.code if isinstance(error, AwsError) else "",
        ) from error


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
            answer = aws_call("create the table", name, client.create_table, **_creation(name, table))
            status = answer["TableDescription"].get("TableStatus")
        except AwsError as error:
            # This run's own table when an answer was lost, or another run's: fine when it has the same key.
            if error.code != "ResourceInUseException":
                raise
            found = observe(client, name, backups=False)
            if found is None or found.key != KEY:
                raise
            status = found.status
        if status != "ACTIVE":
            wait(name)

    def wait(name: str) -> None:
        aws_wait("wait for the table", name, client, "table_exists", seconds=WAIT_SECONDS, TableName=name)

    def update(name: str, table: UpdateTable) -> None:
        wait(name)
        aws_call("change the table", name, client.update_table, TableName=name, **_changes(table))
        wait(name)

    def backups(name: str, recovery: SetBackups) -> None:
        wait(name)
        aws_call(
            "set point-in-time recovery of the table",
            name,
            client.update_continuous_backups,
            TableName=name,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": recovery.enabled},
        )

    return Executors().add(CreateTable, create).add(UpdateTable, update).add(SetBackups, backups)


def _creation(name: str, table: CreateTable) -> dict[str, Any]:
    request: dict[str, Any] = {
        "TableName": name,
        "AttributeDefinitions": [{"AttributeName": part, "AttributeType": kind} for part, kind, _role in KEY],
        "KeySchema": [{"AttributeName": part, "KeyType": role} for part, _kind, role in KEY],
        **_changes(table),
    }
    if table.tags:
        request["Tags"] = tag_list(table.tags)
    return request


def _changes(table: UpdateTable) -> dict[str, Any]:
    request: dict[str, Any] = {}
    if table.billing_mode:
        request["BillingMode"] = table.billing_mode
    if table.read is not None:
        request["ProvisionedThroughput"] = {"ReadCapacityUnits": table.read, "WriteCapacityUnits": table.write}
    if table.deletion_protection is not None:
        request["DeletionProtectionEnabled"] = table.deletion_protection
    return request
