# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run has to tell: the moments of a replacement, found by comparing one look at the cloud with the next."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from .actions import Done, Resize, Step, Stop, Terminate, Wait
from .state import STOPPING, Goal, Observed


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happened. instance_id: empty when it concerns the group."""

    text: str
    instance_id: str = ""

    def __str__(self) -> str:
        return f"{self.instance_id} {self.text}".strip()


def snapshot(observed: Observed, goal: Goal, step: Step) -> dict[str, Any]:
    """What of an observation a user wants to hear of when it changes, in JSON's types."""
    return {
        "sizes": str(observed.sizes),
        "own": observed.sizes == observed.own and not observed.noted,
        "without_old": _without_old(observed),
        "shrinking": goal.shrinking,
        "instances": {
            instance.instance_id: {
                "state": instance.state,
                "healthy": instance.healthy,
                "old": goal.doomed(instance),
            }
            for instance in observed.instances
        },
        "seen": step.why if isinstance(step, Wait) else getattr(step, "seen", ""),
        "failed": [activity.message for activity in observed.failed_launches(goal.since)][:1],
    }


def _without_old(observed: Observed) -> str:
    """What there is to do where nothing is to be replaced."""
    members, own = observed.members, observed.own
    if observed.noted:
        return "finishing an earlier replacement"
    if len(members) > own.desired:
        return f"the group has {len(members)} instances, {own.desired} configured: ending {len(members) - own.desired}"
    if observed.sizes != own:
        return f"the group has {observed.sizes}, configured are {own}: changing its sizes"
    return "waiting for the new transactors to serve"


def as_returned(step: Step) -> dict[str, Any]:
    """A step in JSON's types, for the action plugin."""
    kinds: dict[type[Step], str] = {Wait: "wait", Resize: "resize", Terminate: "terminate", Stop: "stop", Done: "done"}
    return {
        "kind": kinds[type(step)],
        "why": getattr(step, "why", ""),
        "instance_ids": list(getattr(step, "instance_ids", ())),
        "retreat": getattr(step, "retreat", False),
    }


def acted(step: Mapping[str, Any]) -> Iterator[Event]:
    """What a step that was carried out did."""
    if step["kind"] == "resize":
        yield Event(step["why"])
    for instance_id in step["instance_ids"]:
        yield Event(step["why"], instance_id)


def events(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Event]:
    """What happened between two snapshots."""
    old, new = before["instances"], now["instances"]
    for instance_id, instance in new.items():
        was = old.get(instance_id)
        if was is None:
            yield Event("is launched", instance_id)
        if was is None or was["state"] != instance["state"]:
            if instance["state"] == "InService":
                yield Event("is in service", instance_id)
            elif instance["state"] in STOPPING and (was is None or was["state"] not in STOPPING):
                yield Event("is going away", instance_id)
        if not instance["healthy"] and (was is None or was["healthy"]):
            yield Event("is unhealthy", instance_id)
    for instance_id in old:
        if instance_id not in new:
            yield Event("is gone", instance_id)
    for message in now["failed"]:
        if message not in before["failed"]:
            yield Event(f"a launch failed: {message}")
    if now["seen"] != before["seen"] and now["seen"] and not now["seen"].startswith("waiting for"):
        yield Event(now["seen"])
