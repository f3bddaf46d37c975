# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of the table and its auto scaling, and whether an existing table can be Datomic's. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from ...actions import Action, shown
from ...errors import Finding
from ...system import System
from .current import Scaling, Table, Units
from .desired import TABLE, Options

PROVISIONED, ON_DEMAND = "PROVISIONED", "PAY_PER_REQUEST"
AUTO_SCALING = "application-autoscaling"
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/AutoScaling.html"""
UTILIZATION = 70
"""The default target in percent, as in DynamoDB's console."""

KEY = (("id", "S", "HASH"),)
"""Datomic's tables have one attribute, which is the key."""

READ_UNITS, WRITE_UNITS = 100, 50
"""What bin/datomic provisions for a new table."""

USABLE = ("ACTIVE", "CREATING", "UPDATING")


@dataclasses.dataclass(frozen=True)
class UpdateTable:
    """None: left as it is."""

    billing_mode: str | None = None
    read: int | None = None
    write: int | None = None
    deletion_protection: bool | None = None


@dataclasses.dataclass(frozen=True)
class CreateTable(UpdateTable):
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class SetBackups:
    """Switch point-in-time recovery."""

    enabled: bool


@dataclasses.dataclass(frozen=True)
class SetScalableTarget:
    minimum: int
    maximum: int
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class PutScalingPolicy:
    """utilization: in percent. policy: the name of the policy that exists, empty for a new one."""

    utilization: float
    policy: str = ""


def findings(system: System, table: Table | None, options: Options) -> Iterator[Finding]:
    """What makes an existing table unfit for Datomic, or an option unfit for the table."""
    if table is None:
        return
    properties, name = system.transactor, system.table
    other = "choose another table name; this table is left as it is"
    if table.status not in USABLE:
        yield properties.finding(
            TABLE, f"the table {name} is {table.status}", "wait, or choose another table name", rule="table-status"
        )
    if table.key != KEY:
        key = ", ".join(f"{attribute} ({kind}, {role})" for attribute, kind, role in table.key)
        what = f"the table {name} has the key {key}; Datomic's has id (S, HASH)"
        yield properties.finding(TABLE, what, other, rule="table-key")
    if table.indexes:
        what = f"the table {name} has secondary indexes: {', '.join(table.indexes)}"
        yield properties.finding(TABLE, what, "Datomic's tables have none: " + other, rule="table-indexes")
    if table.replicas:
        what = f"the table {name} is a global table, with replicas in {', '.join(table.replicas)}"
        yield properties.finding(TABLE, what, "Datomic cannot run on a global table: " + other, rule="table-global")
    if table.on_demand and options.table_billing_mode == PROVISIONED:
        what = f"the table {name} is on demand; provisioned units would limit it"
        yield properties.finding(
            TABLE, what, "leave table_billing_mode out, or change the table by hand", rule="table-on-demand"
        )
    lower = [
        f"{wanted} {kind} units wanted, {have} there"
        for kind, wanted, have in (
            ("read", options.table_read_capacity, table.read),
            ("write", options.table_write_capacity, table.write),
        )
        if wanted is not None and not table.on_demand and wanted < have and kind not in maximum_units(options)
    ]
    if lower:
        what = f"the table {name} keeps what it has: {', '.join(lower)}"
        yield properties.finding(
            TABLE, what, "an existing table is never shrunk", rule="table-shrunk", severity="warning"
        )


def actions(
    system: System, table: Table | None, scaling: Mapping[Units, Scaling], options: Options, local: bool
) -> Iterator[Action]:
    """Create it, or raise and switch what the options say.

    scaling: how it scales by now. local: DynamoDB Local, which has neither tags nor backups nor deletion protection,
    and does not scale.
    """
    name, tags = system.table, system.tags
    yield from _of_table(name, table, options, tags, local)
    units = _units(table, options)
    if units and not local:
        yield from _scaling(name, scaling, units, options, tags)


def _of_table(
    name: str, table: Table | None, options: Options, tags: Mapping[str, str], local: bool
) -> Iterator[Action]:
    mode, units = options.table_billing_mode or PROVISIONED, _units(table, options)
    protection, backups = options.table_deletion_protection, options.table_point_in_time_recovery
    if local:
        protection, backups, tags = None, None, {}
    if table is None:
        create = CreateTable(mode, units.get("read"), units.get("write"), protection or None, tags)
        after = {"key": "id (S, HASH)", **shown(create)}
        yield Action("dynamodb", "table", name, "create", after=after, params=create)
        if backups:
            yield _backups(name, False, True)
        return
    before = {"billing_mode": PROVISIONED, "read": table.read, "write": table.write}
    update = UpdateTable(mode, units.get("read"), units.get("write"))
    if not table.on_demand and shown(update) != before:
        yield Action("dynamodb", "table", name, "update", before, shown(update), update)
    if protection not in (None, table.deletion_protection):
        before_protection = {"deletion_protection": table.deletion_protection}
        protect = UpdateTable(deletion_protection=protection)
        yield Action("dynamodb", "table", name, "update", before_protection, shown(protect), protect)
    if backups not in (None, bool(table.backups)):
        yield _backups(name, bool(table.backups), bool(backups))


def write_units(table: Table | None, options: Options) -> int | None:
    """The write units that it has afterwards, as many as auto scaling may give; None on demand."""
    units = _units(table, options)
    return max(units["write"], options.table_max_write_capacity or 0) if units else None


def _units(table: Table | None, options: Options) -> dict[str, int]:
    """What it has afterwards; empty on demand."""
    if options.table_billing_mode == ON_DEMAND or (table and table.on_demand):
        return {}
    return {
        "read": max(table.read if table else 0, options.table_read_capacity or (0 if table else READ_UNITS)),
        "write": max(table.write if table else 0, options.table_write_capacity or (0 if table else WRITE_UNITS)),
    }


def _backups(name: str, before: bool, after: bool) -> Action:
    """No backup of Datomic: a restored table lacks writes of one moment; backup-db makes those."""
    key = "point_in_time_recovery"
    return Action("dynamodb", "continuous_backups", name, "update", {key: before}, {key: after}, SetBackups(after))


def maximum_units(options: Options) -> dict[Units, int]:
    """The maximum of each kind of units that has auto scaling."""
    most: dict[Units, int | None] = {"read": options.table_max_read_capacity, "write": options.table_max_write_capacity}
    return {kind: units for kind, units in most.items() if units is not None}


def _scaling(
    name: str, found: Mapping[Units, Scaling], units: Mapping[str, int], options: Options, tags: Mapping[str, str]
) -> Iterator[Action]:
    """units: those of the table afterwards. An existing range only grows, like the table itself."""
    given: dict[Units, int | None] = {"read": options.table_read_capacity, "write": options.table_write_capacity}
    for kind, asked in maximum_units(options).items():
        have = found.get(kind)
        least = max(given[kind] or 0, have.minimum if have else units[kind])
        most = max(asked, least, have.maximum if have else 0)
        target, resource = f"{name}/{kind}", "scalable_target"
        params = SetScalableTarget(least, most, {} if have else tags)
        if have is None:
            yield Action(AUTO_SCALING, resource, target, "create", after=shown(params), params=params)
        elif (have.minimum, have.maximum) != (least, most):
            before = {"minimum": have.minimum, "maximum": have.maximum}
            yield Action(AUTO_SCALING, resource, target, "update", before, shown(params), params)
        yield from _scaling_policy(target, have, options.table_target_utilization)


def _scaling_policy(target: str, have: Scaling | None, asked: int | None) -> Iterator[Action]:
    if have is None or not have.policy:
        params = PutScalingPolicy(asked or UTILIZATION)
        yield Action(AUTO_SCALING, "scaling_policy", target, "create", after=shown(params), params=params)
    elif asked is not None and asked != have.utilization:
        before, params = {"policy": have.policy, "utilization": have.utilization}, PutScalingPolicy(asked, have.policy)
        yield Action(AUTO_SCALING, "scaling_policy", target, "update", before, shown(params), params)
