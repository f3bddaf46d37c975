# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stack's events, and the lines that show how far an operation is: "3/9 LaunchGroup UPDATE_IN_PROGRESS". Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

STACK_TYPE = "AWS::CloudFormation::Stack"


@dataclasses.dataclass(frozen=True)
class Event:
    """An event of a stack. at: ISO 8601 in UTC; token: of the request that began the operation."""

    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str = ""
    at: str = ""
    event_id: str = ""
    stack_id: str = ""
    token: str = ""

    def as_returned(self) -> dict[str, str]:
        """The event as a module returns it."""
        return {name: getattr(self, name) for name in ("at", "logical_id", "type", "status", "reason")}


class Progress:
    """The line of each event of one operation. The events come in their order.

    resources: logical ids of the resources that change. Without them a line has no count, because CloudFormation says
    at the end only which resources an update changes. Neither has it during a rollback, which counts for nothing.
    """

    def __init__(self, resources: Iterable[str]) -> None:
        self._all = set(resources)
        self._counts = bool(self._all)
        self._finished: set[str] = set()
        self._statuses: dict[str, str] = {}

    def line(self, event: Event) -> str:
        """Empty for an event that repeats the resource's status."""
        before = self._statuses.get(event.logical_id)
        self._statuses[event.logical_id] = event.status
        if event.type == STACK_TYPE:
            self._counts &= "ROLLBACK" not in event.status
        else:
            self._all.add(event.logical_id)
            if event.status.endswith("_COMPLETE"):
                self._finished.add(event.logical_id)
        if event.status == before:
            return ""
        count = f"{len(self._finished)}/{len(self._all)} " if self._counts else ""
        reason = f": {' '.join(event.reason.split())}" if event.reason and event.status.endswith("_FAILED") else ""
        return f"{count}{event.logical_id} {event.status}{reason}"


def created(template: Any) -> list[str]:
    """The logical ids of the resources that a template surely creates: those without a condition."""
    resources = template.get("Resources", {}) if isinstance(template, Mapping) else {}
    return [name for name, resource in resources.items() if "Condition" not in resource]
