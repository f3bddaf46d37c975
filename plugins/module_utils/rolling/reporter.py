# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run reports: the events of a replacement, found by comparing one observation with the next."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from .planner import Step, Wait
from .state import IN_SERVICE, STOPPING, Goal, Instance, Observed


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happened. instance_id: empty when it concerns the group."""

    text: str
    instance_id: str = ""

    def __str__(self) -> str:
        return f"{self.instance_id} {self.text}".strip()


def seen(step: Step) -> str:
    """What a step shows of heartbeats; empty when it only waits for the group."""
    text = step.why if isinstance(step, Wait) else str(getattr(step, "seen", ""))
    return "" if text.startswith("waiting for") else text


def opening(observed: Observed, goal: Goal) -> str:
    """The first line: what the run does, and that stopping it does no harm."""
    again = "starts over" if goal.replacing else "continues"
    return f"{_purpose(observed, goal)}; if this is stopped, running it again {again}"


def _purpose(observed: Observed, goal: Goal) -> str:
    if outdated := [each.instance_id for each in observed.instances if goal.is_outdated(each)]:
        return f"replacing {', '.join(outdated)}"
    if observed.saved_sizes is not None:
        return "finishing an earlier replacement"
    members, size = len(observed.members), observed.configured_sizes.desired
    if members > size:
        return f"the group has {members} instances, {size} configured: terminating {members - size}"
    if observed.sizes != observed.configured_sizes:
        return f"the group has {observed.sizes}, configured are {observed.configured_sizes}: changing its sizes"
    return "waiting for the new transactors to serve"


def events(before: Observed, now: Observed, goal: Goal) -> Iterator[Event]:
    """What happened between two observations."""
    old = {instance.instance_id: instance for instance in before.instances}
    new = {instance.instance_id: instance for instance in now.instances}
    for instance_id, instance in new.items():
        for text in _changes(old.get(instance_id), instance):
            yield Event(text, instance_id)
    for instance_id in old:
        if instance_id not in new:
            yield Event("is gone", instance_id)
    known = [activity.message for activity in before.failed_launches(goal.since)]
    for activity in now.failed_launches(goal.since)[:1]:
        if activity.message not in known:
            yield Event(f"a launch failed: {activity.message}")


def _changes(before: Instance | None, now: Instance) -> Iterator[str]:
    if before is None:
        yield "is launched"
    if before is None or before.state != now.state:
        if now.state == IN_SERVICE:
            yield "is in service"
        elif now.state in STOPPING and (before is None or before.state not in STOPPING):
            yield "is stopping"
    if not now.healthy and (before is None or before.healthy) and now.state not in STOPPING:
        yield "is unhealthy"
