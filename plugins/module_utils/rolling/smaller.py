# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A group that has more instances than its own size: which of them go, in words for people, and what that may cost."""

from __future__ import annotations

import dataclasses

from . import zones
from .state import Goal, Instance, Observed, Sizes


def surplus(observed: Observed, goal: Goal) -> tuple[Instance, ...]:
    """Those that go without a successor, as far as it is known now; outdated ones go with the replacement."""
    members = observed.members
    count = len(members) - observed.own.desired
    if count <= 0 or any(goal.doomed(member) for member in members):
        return ()
    return zones.to_go(members, members, count)


def to_come(observed: Observed, size: int | None) -> Observed:
    """The group with the size that it is going to have; None: the size that it has."""
    if size is None:
        return observed
    return dataclasses.replace(observed, own=Sizes(size, size, size), own_known=True)


def afterwards(observed: Observed) -> Observed:
    """The group as it will be when its surplus has gone."""
    going = surplus(observed, Goal(replacing=frozenset()))
    left = tuple(instance for instance in observed.instances if instance not in going)
    sizes = observed.own if going else observed.sizes
    return dataclasses.replace(observed, instances=left, sizes=sizes)


def finding(observed: Observed, goal: Goal, interval_msec: float, *, reports: bool) -> str:
    """What an operator has to know before a group gets smaller; empty when it does not.

    The pause: https://docs.datomic.com/operation/ha.html; a standby samples at its own phase, so that it takes over one
    to three intervals after the last heartbeat, and a peer asks for the new one once a second.
    """
    going = surplus(observed, goal)
    if not going:
        return ""
    names = ", ".join(each.instance_id for each in going)
    seconds = 3 * interval_msec / 1000 + 1
    before = " before the stack is updated" if goal.shrinking else ""
    known = (
        "Heartbeats name no instance, so it is not known which one is active"
        if reports
        else "Without metrics nothing tells which one is active, and no heartbeat proves that another one is left"
    )
    return (
        f"The group {observed.group} has {len(observed.members)} transactors, and its size is {observed.own.desired}: "
        f"this task terminates {len(going)} of them{before} ({names} as things are now). {known}: where the active "
        f"one goes, nobody can write for up to {seconds:g} s (3 heartbeats and 1 s), until a standby takes over."
    )
