# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runs of ensure_transactor that part 1 makes, and the tables that they leave to part 2."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

NAMES = {"ddb": "ddb", "ddb-local": "local"}
FOREIGN = "pk"
LONGEST = {"ddb": 100, "ddb-local": 255}
"""Characters: DynamoDB takes 255, IAM 128 for the name of a policy, which has the table's name in it."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One run of ensure_transactor.

    what: for people; check: check mode; changed: None when it has to fail; forgotten: what DynamoDB Local forgets;
    scaling: how the table scales afterwards, when that matters.
    """

    what: str
    table: str
    options: Mapping[str, Any]
    changed: bool | None
    check: bool = False
    forgotten: str = ""
    scaling: Mapping[str, tuple[int, int, float]] | None = None


def steps(protocol: str, prefix: str) -> list[Step]:
    """The life of some tables; each step finds what the ones before it left."""
    plain, lean, bare = f"{prefix}-plain", f"{prefix}-on-demand", f"{prefix}-raised"
    units = {"table_read_capacity": 120, "table_write_capacity": 60}
    options = {
        "table_billing_mode": "PROVISIONED",
        "table_deletion_protection": True,
        "tags": {"team": "databases"},
        **units,
    }
    return [
        Step("check mode before there is a table", plain, {}, True, check=True),
        Step("fresh", plain, {}, True),
        Step("again", plain, {}, False),
        Step("again, in check mode", plain, {}, False, check=True),
        Step("more units, in check mode", plain, units, True, check=True),
        Step("more units", plain, units, True),
        Step("more units again", plain, units, False),
        Step("fewer units: a warning, never a change", plain, {"table_read_capacity": 5}, False),
        Step("a fresh table on demand", lean, {"table_billing_mode": "PAY_PER_REQUEST"}, True),
        Step("on demand again", lean, {"table_billing_mode": "PAY_PER_REQUEST"}, False),
        Step("from on demand to provisioned: an error", lean, {"table_billing_mode": "PROVISIONED"}, None),
        Step("units for a table on demand: nothing", lean, units, False),
        Step("every option on a fresh table, in check mode", bare, options, True, check=True),
        Step("every option on a fresh table", bare, options, True),
        Step("every option again", bare, options, False),
        Step(
            "from provisioned to on demand",
            bare,
            {"table_billing_mode": "PAY_PER_REQUEST"},
            True,
            forgotten="protected",
        ),
        Step("a table with another key", f"{prefix}-{FOREIGN}", {}, None),
        Step("a table with another key, in check mode", f"{prefix}-{FOREIGN}", {}, None, check=True),
        Step("a table with a sort key", f"{prefix}-sorted", {}, None),
        Step("a table with a number as key", f"{prefix}-number", {}, None),
        Step("a name of two characters", "ab", {}, None),
        Step("a name with a blank", "a b", {}, None),
        Step("a name of 256 characters", "x" * 256, {}, None),
        Step("a long name", f"{prefix}-".ljust(LONGEST[protocol], "x"), {}, True),
        Step("no units", f"{prefix}-zero", {"table_read_capacity": 0}, None),
        *_scaling_steps(protocol, f"{prefix}-scaled"),
    ]


def _scaling_steps(protocol: str, table: str) -> list[Step]:
    """Auto scaling, which is another service's: the emulator's, beside DynamoDB Local too."""
    most = {"table_max_read_capacity": 400, "table_max_write_capacity": 90, "table_write_capacity": 60}
    least = {"table_max_read_capacity": 10, "table_read_capacity": 11}
    both = {"read": (100, 400, 70.0), "write": (60, 90, 70.0)}
    wider = both | {"read": (100, 500, 50.0)}
    raised = {"table_max_read_capacity": 500, "table_target_utilization": 50}
    refused = [
        Step("a maximum below the units", table, least, None),
        Step("a utilization of 91 percent", table, {**most, "table_target_utilization": 91}, None),
    ]
    if protocol == "ddb-local":
        return [
            Step("auto scaling, which DynamoDB Local does not have", table, {**most, **raised}, True),
            Step("that again", table, {**most, **raised}, False),
            *refused,
        ]
    return [
        Step("auto scaling of a fresh table, in check mode", table, most, True, check=True),
        Step("auto scaling of a fresh table", table, most, True, scaling=both),
        Step("auto scaling again", table, most, False, scaling=both),
        Step("a wider range and another utilization, in check mode", table, raised, True, check=True, scaling=both),
        Step("a wider range and another utilization", table, raised, True, scaling=wider),
        Step("that again", table, raised, False, scaling=wider),
        Step("a narrower range: never", table, most, False, scaling=wider),
        *refused,
    ]


def good_tables() -> list[str]:
    """The tables of DynamoDB Local that are Datomic's after the steps."""
    return sorted({step.table for names in NAMES.items() for step in steps(*names) if step.changed})
