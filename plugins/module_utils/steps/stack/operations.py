# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose operation of a stack it is, by its events and by what the stack has afterwards. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import document
from .events import STACK_TYPE, Event

BEGINS = tuple(f"{verb}_IN_PROGRESS" for verb in ("CREATE", "UPDATE", "DELETE", "IMPORT"))
SHOWN = 5
"""Events in a message."""
ANEW = "run again: the plan is made anew."
_LOST_LETTERS = re.compile(r"(?:\\u[0-9a-f]{4}|\?)+")
"""Letters outside of ASCII, and what GetTemplate returns of them.

https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1220
"""


class AnotherOperationError(Exception):
    """An operation is another's, or may be. Its text is the error."""


def of_stack(event: Event) -> bool:
    """Whether the event is the stack's, not that of a resource, such as a nested stack."""
    return event.type == STACK_TYPE and event.physical_id == event.stack_id


def begins(event: Event) -> bool:
    """Whether an operation on the stack begins with this event."""
    return of_stack(event) and event.status in BEGINS


def running(newest_first: Iterable[Event]) -> list[Event]:
    """The events of the operation that is under way, oldest first; empty without one.

    A change set that was never executed is none.
    """
    found: list[Event] = []
    at_rest = True
    for event in newest_first:
        found.append(event)
        if of_stack(event) and at_rest:
            at_rest = not event.status.endswith("_IN_PROGRESS") or event.status == "REVIEW_IN_PROGRESS"
            if at_rest:
                return []
        if begins(event):
            break
    return [] if at_rest else found[::-1]


def differences(
    current: Any, current_tags: Mapping[str, str], desired: Any, desired_tags: Mapping[str, str] | None
) -> list[str]:
    """What of "template" and "tags" differs by meaning. desired_tags: None for any."""
    found = []
    if _meaning(current) != _meaning(desired):
        found.append("template")
    if desired_tags is not None and dict(current_tags) != dict(desired_tags):
        found.append("tags")
    return found


def _meaning(template: Any) -> str:
    return _LOST_LETTERS.sub("?", document.canonical(document.parsed(template) or template))


def under_way(name: str, events: Sequence[Event]) -> str:
    """The error about an operation that began before this run's request. events: its events, oldest first."""
    return _with_events(
        f"Another operation on the stack {name}, which this run did not begin, is under way: {events[0].status} since "
        f"{events[0].at}. Nothing was changed. Wait for its end, then {ANEW}",
        events,
    )


def changed(name: str, events: Sequence[Event], different: Iterable[str]) -> str:
    """The error about another's operation that began after this run looked at the stack. different: of differences."""
    return _with_events(
        f"Another operation changed the stack {name}: it began at {events[0].at}. The stack does not have this run's "
        f"{' and '.join(different)}, and no transactor was replaced. {ANEW[0].upper()}{ANEW[1:]}",
        events,
    )


def unproved(name: str) -> str:
    """The error about an operation that may be this run's."""
    return (
        f"CloudFormation has an operation of the stack {name}, and nothing proves that this run began it: either an "
        "answer of CloudFormation was lost, or somebody else changes the stack. No transactor was replaced. Wait for "
        f"its end, then {ANEW}"
    )


def _with_events(text: str, events: Sequence[Event]) -> str:
    reasons = (f": {' '.join(one.reason.split())}" if one.reason else "" for one in events)
    lines = [f"  {one.at} {one.logical_id} {one.status}{reason}" for one, reason in zip(events, reasons, strict=True)]
    return "\n".join([text, "Its events:", *lines[:SHOWN], *(["  ..."] if len(lines) > SHOWN else [])])
