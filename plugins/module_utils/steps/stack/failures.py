# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why an operation on a stack failed, and whether the stack may be created again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

STACK_TYPE = "AWS::CloudFormation::Stack"
GROUP_TYPE = "AWS::AutoScaling::AutoScalingGroup"
CANCELLED = ("Resource creation cancelled", "Resource update cancelled")
"""CloudFormation's reasons for a resource that failed only because another one did."""
NO_LAUNCH_CONFIGURATIONS = "not available in your account"
SHOWN = 5
"""Failures in a message."""


@dataclasses.dataclass(frozen=True)
class Event:
    """An event of a stack."""

    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str = ""


def root_causes(events: Sequence[Event]) -> list[str]:
    """The resources that failed, the first one first. events: of one operation, oldest first."""
    found = [
        f"{one.logical_id} ({one.type}) is {one.status}: {one.reason.rstrip('.')}"
        for one in events
        if one.status.endswith("_FAILED") and one.type != STACK_TYPE
        if one.reason and not one.reason.startswith(CANCELLED)
    ]
    rollbacks = [one.reason.rstrip(".") for one in events if one.type == STACK_TYPE and "ROLLBACK" in one.status]
    return list(dict.fromkeys(found or filter(None, rollbacks)))[:SHOWN]


def message(name: str, operation: str, causes: Sequence[str], status: str) -> str:
    """The error of a run. operation: "create" or "update"; status: the stack's, empty if no operation began."""
    causes = causes or ["CloudFormation gives no reason in the stack's events"]
    state = f" The stack is {status}." if status else ""
    return (
        f"Could not {operation} the stack {name}: {'. Further: '.join(causes)}.{state} No transactor was replaced. "
        f"{_advice(name, operation, causes, status)}"
    )


def unfinished(name: str, operation: str, status: str) -> str:
    """The error of a run that ends before the operation does."""
    return (
        f"The {operation} of the stack {name} has not ended: it is {status}. No transactor was replaced. "
        "Wait for its end, and run again."
    )


def _advice(name: str, operation: str, causes: Sequence[str], status: str) -> str:
    cause = "Correct the cause."
    if any(NO_LAUNCH_CONFIGURATIONS in one for one in causes):
        cause = "AWS refuses launch configurations in this account: set datomic_template_flavor: modern."
    if operation == "create":
        delete = f"delete the stack (aws cloudformation delete-stack --stack-name {name}) and " if status else ""
        return f"{cause} Then {delete}run create.yml."
    if status == "UPDATE_ROLLBACK_FAILED":
        return f"{cause} Then continue the rollback (aws cloudformation continue-update-rollback) and run again."
    return f"{cause} Then run again."


def may_succeed_again(events: Sequence[Event]) -> bool:
    """Whether the same request may succeed at another time."""
    return bool(events) and not any(NO_LAUNCH_CONFIGURATIONS in one for one in root_causes(events))


def group_name(events: Sequence[Event]) -> str:
    """The auto scaling group that was created and may have launched a transactor; empty without one."""
    return next((one.physical_id for one in events if one.type == GROUP_TYPE and one.physical_id), "")
