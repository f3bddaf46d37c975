# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run would do, for check mode, and the warning before a group gets smaller."""

from __future__ import annotations

import dataclasses
from typing import Any

from . import zones
from .state import Activity, Goal, Instance, Observed


def surplus(observed: Observed, goal: Goal) -> tuple[Instance, ...]:
    """The members that go without a successor, as things are now. Outdated ones go with the replacement instead."""
    if goal.outdated(observed):
        return ()
    return zones.choose(observed.members, observed.members, max(0, observed.surplus))


def without_surplus(observed: Observed) -> Observed:
    """The group after a run with when: surplus."""
    going = surplus(observed, Goal(replacing=frozenset()))
    if not going:
        return observed
    left = tuple(instance for instance in observed.instances if instance not in going)
    # Heartbeats before it count no more, or those of the surplus would look like another system's.
    ended = Activity("", "terminate", "Successful", observed.now, observed.now)
    return dataclasses.replace(
        observed,
        instances=left,
        sizes=observed.configured_sizes,
        activities=(ended, *observed.activities),
    )


def result(observed: Observed, goal: Goal) -> dict[str, Any]:
    """The result of check mode: which instances would go, and the steps."""
    outdated, ending = goal.outdated(observed), surplus(observed, goal)
    steps = _replacement(observed, goal, _names(outdated)) if outdated else _ending(observed, goal, _names(ending))
    if outdated and goal.until_takeover:
        steps[-2:] = ["pause before the takeover"]
    elif steps or observed.sizes != observed.configured_sizes or observed.saved_sizes is not None:
        steps.append(f"leave the group at {observed.configured_sizes}")
    return {
        "changed": bool(steps),
        "replaced": [] if goal.until_takeover else [member.instance_id for member in outdated],
        "ended": [member.instance_id for member in ending],
        "steps": steps,
        "diff": _diff(observed, goal) if outdated else [],
    }


def _replacement(observed: Observed, goal: Goal, going: str) -> list[str]:
    size, missing = observed.configured_sizes.desired, len(goal.outdated(observed)) - observed.surplus
    if goal.strategy == "terminate":
        proof = " and one is active (HeartbeatMsec)" if observed.metrics else ""
        return [
            f"terminate {going}; no transactor serves until the group has launched others",
            f"wait until {size} new ones are in service{proof}",
        ]
    batch = min(missing, observed.room)
    batches = "" if batch == missing else f", {batch} at a time (free addresses)"
    launch = [f"launch {missing} in addition to the old{batches}"] if missing > 0 else []
    proof = "stand by (HeartMonitorMsec)" if observed.metrics else f"have settled for {goal.settle_seconds:.0f} s"
    return [
        *launch,
        f"wait until the new ones are in service and {proof}",
        f"terminate {going}; a standby takes over",
        "wait until one is active and the others stand by" if observed.metrics else "wait until all are in service",
    ]


def _ending(observed: Observed, goal: Goal, going: str) -> list[str]:
    if not going:
        return []
    if goal.strategy == "terminate":
        return [f"terminate {going}, more than the group's size"]
    proof = "heartbeats prove" if observed.metrics else f"{goal.settle_seconds:.0f} s in service suggest"
    return [
        f"terminate {going}, more than the group's size, when {proof} that another one serves",
        "wait until one is active" if observed.metrics else "wait until all are in service",
    ]


def _diff(observed: Observed, goal: Goal) -> list[dict[str, str]]:
    header = f"instances of {observed.group}"
    before = [
        f"{member.instance_id} {member.launched_with or 'a deleted launch configuration'}"
        for member in observed.members
    ]
    after = [f"{member.instance_id} {member.launched_with}" for member in goal.fresh(observed)]
    after += ["<generated> what the group launches now"] * (observed.configured_sizes.desired - len(after))
    texts = {name: "".join(f"{line}\n" for line in lines) for name, lines in (("before", before), ("after", after))}
    return [{"before_header": header, "after_header": header, **texts}]


def shrink_warning(observed: Observed, goal: Goal, interval_msec: float, *, reports: bool) -> str:
    """What an operator has to know before a group gets smaller; empty when it does not.

    The pause: https://docs.datomic.com/operation/ha.html. A standby samples at its own phase, so it takes over one to
    three intervals after the last heartbeat, and a peer asks for the new one once a second.
    """
    going = surplus(observed, goal)
    if not going:
        return ""
    before = " before the stack is updated" if goal.shrinking else ""
    ends = f"{len(going)} of them {'ends' if len(going) == 1 else 'end'}{before}"
    unknown = (
        "Heartbeats name no instance, so it is unknown which one is active"
        if reports
        else "Without metrics it is unknown which one is active, and no heartbeat proves that another one is left"
    )
    return (
        f"The group {observed.group} has {len(observed.members)} transactors, and its size is "
        f"{observed.configured_sizes.desired}: {ends} ({_names(going)} as "
        f"things are now). {unknown}. If the active one goes, nobody can write for up to "
        f"{3 * interval_msec / 1000 + 1:g} s (3 heartbeats and 1 s), until a standby takes over."
    )


def _names(instances: tuple[Instance, ...]) -> str:
    return ", ".join(instance.instance_id for instance in instances)
