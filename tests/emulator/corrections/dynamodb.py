# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""DynamoDB as AWS has it: names, ids, and tables that take a while to be there."""

from __future__ import annotations

import re
import uuid
from typing import Any

from moto.dynamodb.exceptions import DynamodbException, MockValidationException, ResourceInUseException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

from tests.emulator.clock import CLOCK
from tests.emulator.settings import SETTINGS

_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")


def apply() -> None:
    _names()
    _described()
    _creating()
    _unchanged_throughput()


def _names() -> None:
    """A table's name has 3 to 255 characters of a-z, A-Z, 0-9, underscore, hyphen and dot; moto takes any.

    "Supported data types and naming rules in Amazon DynamoDB",
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
    """
    create = DynamoDBBackend.create_table
    describe = DynamoDBBackend.describe_table

    def valid(name: str) -> None:
        if not _NAME.fullmatch(name):
            raise MockValidationException(
                "Invalid table/index name.  Table/index names must be between 3 and 255 characters long, and may"
                " contain only the characters a-z, A-Z, 0-9, '_', '-', and '.'"
            )

    def describe_table(self: DynamoDBBackend, name: str) -> dict[str, Any]:
        if not name.startswith("arn:"):
            valid(name)
        shown: dict[str, Any] = describe(self, name)
        return shown

    def create_table(self: DynamoDBBackend, name: str, *args: Any, **kwargs: Any) -> Table:
        valid(name)
        table: Table = create(self, name, *args, **kwargs)
        table.active_at = CLOCK.now() + SETTINGS.table_creating
        return table

    DynamoDBBackend.create_table = create_table
    DynamoDBBackend.describe_table = describe_table


def creating(table: Table) -> bool:
    return CLOCK.now() < getattr(table, "active_at", 0.0)


def _described() -> None:
    """Every table has a TableId, is CREATING at first, and has no units when it is on demand; moto has none of this.

    "TableDescription", https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html
    """
    describe = Table.describe

    def described(self: Table, base_key: str = "TableDescription") -> dict[str, Any]:
        shown: dict[str, Any] = describe(self, base_key)
        shown[base_key]["TableId"] = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.table_arn} {self.created_at}"))
        if self.billing_mode == "PAY_PER_REQUEST":
            shown[base_key]["ProvisionedThroughput"] |= {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
        if creating(self):
            shown[base_key]["TableStatus"] = "CREATING"
        return shown

    Table.describe = described


def _creating() -> None:
    """A table can be used and changed only when it is ACTIVE.

    "CreateTable" and "UpdateTable", ResourceInUseException,
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html; "UpdateContinuousBackups",
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateContinuousBackups.html
    """

    def guarded(operation: str) -> Any:
        run = getattr(DynamoDBBackend, operation)

        def when_active(self: DynamoDBBackend, *args: Any, **kwargs: Any) -> Any:
            name = args[0] if args else kwargs.get("name") or kwargs.get("table_name")
            table = self.tables.get(name)
            if table is not None and creating(table):
                if operation == "update_continuous_backups":
                    raise DynamodbException(
                        "com.amazonaws.dynamodb.v20120810#ContinuousBackupsUnavailableException",
                        f"Backups are being enabled for the table: {name}. Please retry later",
                    )
                raise ResourceInUseException(f"Attempt to change a resource which is still in use: Table: {name}")
            return run(self, *args, **kwargs)

        return when_active

    for operation in ("update_table", "delete_table", "update_time_to_live", "update_continuous_backups"):
        setattr(DynamoDBBackend, operation, guarded(operation))


def _unchanged_throughput() -> None:
    """Provisioned throughput that stays what it is cannot be set again; moto takes it.

    "UpdateTable", https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html
    """
    update = DynamoDBBackend.update_table

    def update_table(self: DynamoDBBackend, name: str, *args: Any, **kwargs: Any) -> Table:
        table, wanted = self.tables.get(name), kwargs.get("throughput") or {}
        if table is not None and wanted and kwargs.get("billing_mode") in (None, table.billing_mode):
            units = ("ReadCapacityUnits", "WriteCapacityUnits")
            now = {unit: int((table.throughput or {}).get(unit) or 0) for unit in units}
            if all(int(wanted.get(unit) or 0) == now[unit] for unit in units):
                raise MockValidationException(
                    "The provisioned throughput for the table will not change. The requested value equals the current"
                    f" value. Current ReadCapacityUnits provisioned for the table: {now[units[0]]}. Requested"
                    f" ReadCapacityUnits: {now[units[0]]}. Current WriteCapacityUnits provisioned for the table:"
                    f" {now[units[1]]}. Requested WriteCapacityUnits: {now[units[1]]}. Refer to the Amazon DynamoDB"
                    " Developer Guide for current limits and how to request higher limits."
                )
        updated: Table = update(self, name, *args, **kwargs)
        return updated

    DynamoDBBackend.update_table = update_table
