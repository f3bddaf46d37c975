# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why an operation on a stack failed, root cause first, and whether a stack may be made again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from .changes import without

STACK_TYPE = "AWS::CloudFormation::Stack"
GROUP_TYPE = "AWS::AutoScaling::AutoScalingGroup"
FOLLOWED = ("Resource creation cancelled", "Resource update cancelled")
"""What CloudFormation says of a resource that only another one's failure has stopped."""
NO_LAUNCH_CONFIGURATIONS = "not available in your account"
SHOWN = 5
"""Failures in a message."""


@dataclasses.dataclass(frozen=True)
class Event:
    """One event of a stack."""

    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str = ""


def failed(events: Sequence[Event]) -> list[str]:
    """What failed, the root cause first. events: of one operation, the oldest first."""
    own = [one for one in events if one.status.endswith("_FAILED") and one.reason and one.type != STACK_TYPE]
    roots = [one for one in own if not one.reason.startswith(FOLLOWED)]
    found = [f"{one.logical_id} ({one.type}) is {one.status}: {one.reason.rstrip('.')}" for one in roots]
    if not found:
        found = [
            one.reason.rstrip(".")
            for one in events
            if one.type == STACK_TYPE and "ROLLBACK" in one.status and one.reason
        ]
    return list(dict.fromkeys(found))[:SHOWN]


def refused(name: str, doing: str, refusal: str, secrets: set[str]) -> str:
    """What a run says of a request that CloudFormation has not taken."""
    again = "run create.yml" if doing == "create" else "run again"
    text = f"Could not {doing} the stack {name}: {refusal.rstrip('.')}. No transactor was replaced. "
    return without(f"{text}Correct the cause. Then {again}.", secrets)


def unfinished(name: str, doing: str, status: str) -> str:
    """What a run says of an operation that goes on after the run has given up."""
    return (
        f"The {doing} of the stack {name} has not ended: it is {status}. No transactor was replaced. "
        "Wait for its end, and run again."
    )


def message(name: str, doing: str, status: str, events: Sequence[Event], told: str, secrets: set[str]) -> str:
    """What a run says of it. doing: "create" or "update"; told: what the stack itself gives as the reason."""
    causes = failed(events) or (
        [told.rstrip(".")] if told else ["CloudFormation gives no reason in the stack's events"]
    )
    text = f"Could not {doing} the stack {name}: {'. Further: '.join(causes)}."
    text += f" The stack is {status}. No transactor was replaced."
    return without(f"{text} {_advice(name, doing, status, causes)}", secrets)


def _advice(name: str, doing: str, status: str, causes: Sequence[str]) -> str:
    cause = "Correct the cause."
    if any(NO_LAUNCH_CONFIGURATIONS in one for one in causes):
        cause = "AWS refuses launch configurations in this account: set datomic_template_flavor: modern."
    if doing == "create":
        return (
            f"{cause} Then delete the stack (aws cloudformation delete-stack --stack-name {name}) and run create.yml."
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        return f"{cause} Then continue the rollback (aws cloudformation continue-update-rollback) and run again."
    return f"{cause} Then run again."


def group(events: Sequence[Event]) -> str:
    """The name of the auto scaling group that was made, which may have launched a transactor; empty without one."""
    names = [one.physical_id for one in events if one.type == GROUP_TYPE and one.physical_id]
    return names[0] if names else ""


def worth_another(events: Sequence[Event]) -> bool:
    """Whether the same request may end otherwise."""
    return not any(NO_LAUNCH_CONFIGURATIONS in one for one in failed(events))
