# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why an operation on a stack failed, what it changed, and what to do next. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Literal

from ...rolling.state import Activity
from .events import STACK_TYPE, Event

GROUP_TYPE = "AWS::AutoScaling::AutoScalingGroup"
CANCELLED = ("Resource creation cancelled", "Resource update cancelled")
"""CloudFormation's reasons for a resource that failed only because another one did."""
NO_LAUNCH_CONFIGURATIONS = "not available in your account"
SHOWN = 5
"""Failures in a message."""
KEPT = {
    "ROLLBACK_COMPLETE": " and has no resources",
    "UPDATE_ROLLBACK_COMPLETE": ": its resources are as before",
    "UPDATE_ROLLBACK_FAILED": ": some of its resources are as before, others are not",
}
"""What an operation has left, by the stack's status."""
Operation = Literal["create", "update"]
_FAILED_LINE = re.compile(r"(?P<type>\S+) (?P<logical_id>\S+) (?P<status>[A-Z_]+_FAILED): (?P<reason>.+)", re.DOTALL)


def root_causes(events: Sequence[Event]) -> list[str]:
    """The resources that failed, the first one first. events: of one operation, oldest first."""
    found = [
        f"{one.logical_id} ({one.type}) is {one.status}: {one.reason.rstrip('.')}"
        for one in events
        if failed(one) and one.type != STACK_TYPE
    ]
    rollbacks = [one.reason.rstrip(".") for one in events if one.type == STACK_TYPE and "ROLLBACK" in one.status]
    return list(dict.fromkeys(found or filter(None, rollbacks)))[:SHOWN]


def failed(event: Event) -> bool:
    """Whether the resource failed by itself."""
    return event.status.endswith("_FAILED") and bool(event.reason) and not event.reason.startswith(CANCELLED)


def events_of(log: Iterable[str]) -> list[Event]:
    """The failed events in the log of amazon.aws.cloudformation, which has the newest first; the oldest first."""
    found = [match for line in log if (match := _FAILED_LINE.fullmatch(line))]
    return [Event(physical_id="", **one.groupdict()) for one in reversed(found)]


@dataclasses.dataclass(frozen=True)
class Failure:
    """A failed operation. Its text is the error of the run: root cause first, then diagnostics, effect, and next step.

    operation: "create" or "update"; status: the stack's, empty if no operation began; details: lines of diagnostics.
    repeatable: whether the stack provably never had a transactor, and creating it again may succeed.
    refused: whether CloudFormation did not accept the request.
    """

    name: str
    operation: Operation
    status: str = ""
    causes: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    stack_id: str = ""
    repeatable: bool = False
    refused: bool = False

    @property
    def cause(self) -> str:
        """The reason, in lines."""
        first, *others = self.causes or ("CloudFormation gives no reason in the stack's events",)
        further = (f"Further: {one}." for one in others)
        return "\n".join((f"Could not {self.operation} the stack {self.name}: {first}.", *further, *self.details))

    def __str__(self) -> str:
        if self.status.endswith("_IN_PROGRESS"):
            return (
                f"The {self.operation} of the stack {self.name} has not ended: it is {self.status}. "
                "No transactor was replaced. Wait for its end, and run again."
            )
        effect = f"The stack is {self.status}{KEPT.get(self.status, '')}. " if self.status else ""
        if self.refused:
            effect = "No stack was created. " if self.operation == "create" else "The stack was not changed. "
        return f"{self.cause}\n{effect}No transactor was replaced. {self._advice}"

    @property
    def _advice(self) -> str:
        cause = "Correct the cause."
        if any(NO_LAUNCH_CONFIGURATIONS in one for one in self.causes):
            cause = "AWS refuses launch configurations in this account: set datomic_template_flavor: modern."
        if self.operation == "create":
            delete = f"aws cloudformation delete-stack --stack-name {self.name}"
            return f"{cause} Then {f'delete the stack ({delete}) and ' if self.status else ''}run create.yml."
        if self.status == "UPDATE_ROLLBACK_FAILED":
            return f"{cause} Then continue the rollback (aws cloudformation continue-update-rollback) and run again."
        return f"{cause} Then run again."


def operation(status: str) -> Operation:
    """What brought a stack into that status."""
    return "create" if status.startswith(("CREATE", "ROLLBACK", "DELETE")) else "update"


def may_succeed_again(events: Sequence[Event]) -> bool:
    """Whether the same request may succeed at another time."""
    return bool(events) and not any(NO_LAUNCH_CONFIGURATIONS in one for one in root_causes(events))


def group_name(events: Sequence[Event]) -> str:
    """The auto scaling group that was created and may have launched a transactor; empty without one."""
    return next((one.physical_id for one in events if one.type == GROUP_TYPE and one.physical_id), "")


def never_launched(activities: Iterable[Activity]) -> bool:
    """Whether a group has tried to launch instances and never got one. activities: all that it ever had."""
    launches = [one for one in activities if one.kind == "launch"]
    return bool(launches) and all(one.status == "Failed" for one in launches)
