# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what was observed to the next step. Pure: the same observation gives the same step, whoever asks and when.

So a run that was killed anywhere goes on from where the cloud stands: nothing is remembered but the goal.
"""

from __future__ import annotations

import dataclasses

from ansible_collections.datomic_onprem.aws.plugins.module_utils.replacement import gate, retreat
from ansible_collections.datomic_onprem.aws.plugins.module_utils.replacement.observed import (
    Goal,
    Instance,
    Observed,
    Sizes,
)
from ansible_collections.datomic_onprem.aws.plugins.module_utils.replacement.obstacles import obstacles
from ansible_collections.datomic_onprem.aws.plugins.module_utils.replacement.steps import (
    Done,
    Resize,
    Step,
    Stop,
    Terminate,
    Wait,
)

LAUNCH_ATTEMPTS = 2
"""So many failed rounds of launches in a row are no passing trouble: the group itself has tried again."""

ENDED_BY_THEMSELVES = 2
"""So many new instances that end by themselves show that this version does not start: the next ones end as well."""

CANNOT_LAUNCH = "the group cannot launch instances"


def next_step(observed: Observed, goal: Goal) -> Step:
    """What to do now."""
    if goal.giving_up:
        return _retreat(observed, goal) if goal.strategy == "rolling" else Stop("the time is over")
    doomed = tuple(member for member in observed.members if goal.doomed(member))
    if not doomed and not goal.acted and whole(observed) and not observed.noted and not gate.unproven(observed, goal):
        return Done()
    if found := obstacles(observed, goal):
        return Stop("; ".join(found))
    if not doomed:
        return _finish(observed, goal)
    if goal.strategy == "terminate":
        return Terminate(_ids(doomed), decrement=False, why="terminated; the group launches others")
    return _roll(observed, goal, doomed)


def _roll(observed: Observed, goal: Goal, doomed: tuple[Instance, ...]) -> Step:
    """Rolling, while there are instances to replace."""
    members, sizes, own = observed.members, observed.sizes, observed.own
    if other := gate.conflict(observed):
        return Stop(
            f"another system reports under the same CloudWatch dimension value: {other}. Give each system an "
            "aws-cloudwatch-dimension-value of its own",
            retreat=len(members) > own.desired,
        )
    if sizes.desired > own.desired and (stop := _ending(observed, goal)):
        return stop
    failed = observed.failed_rounds(goal.since) >= LAUNCH_ATTEMPTS
    if sizes.desired > len(members) and failed:
        return _without_the_missing(observed, goal)
    if observed.launching:
        return Wait(gate.before_stopping(observed, goal).seen if len(members) > own.desired else "the group launches")
    wanted = own.desired - (len(members) - len(doomed))
    if wanted > 0 and observed.stopping:
        return Wait(_going(observed))  # they still take up the capacity that the next ones need
    if wanted > 0 and observed.room > 0 and not failed:
        return _surge(observed, min(wanted, observed.room))
    if len(members) <= own.desired:
        return Stop(CANNOT_LAUNCH if failed else "the group's subnets have no free address for one more instance")
    verdict = gate.before_stopping(observed, goal)
    dead = tuple(member for member in doomed if not member.serving)
    alive = tuple(member for member in doomed if member.serving)
    going = _ids((*dead, *alive)[: len(members) - own.desired])
    if not verdict.open:
        return Wait(verdict.seen)
    # No metric names an instance, so nobody knows which old one is active. All at once cost one takeover at the most,
    # one after the other as many as there are.
    why = "stopped; a standby takes over from it if it was the active one"
    return _remove(observed, going, why, verdict.seen)


def _surge(observed: Observed, extra: int) -> Resize:
    desired = observed.sizes.desired + extra
    return Resize(
        Sizes(observed.own.minimum, max(observed.sizes.maximum, desired), desired),
        f"the group grows to {desired}, {extra} new beside the old",
        note=None if observed.own_known else observed.own,
    )


def _ending(observed: Observed, goal: Goal) -> Stop | None:
    """The group would launch one after the other that ends at its start, for as long as it is let."""
    ended = observed.ended_by_themselves(goal.new_since)
    if len(ended) < ENDED_BY_THEMSELVES:
        return None
    return Stop(
        f"{len(ended)} new instances ended by themselves ({', '.join(ended)}), so this configuration does not start; "
        "the reason is in their console and log",
        retreat=goal.strategy == "rolling",
    )


def _without_the_missing(observed: Observed, goal: Goal) -> Step:
    """Some instances cannot be launched: go on with those that could, or give up when there are none."""
    if gate.newcomers(observed, goal):
        desired = len(observed.members)
        return _shrink(observed, desired, f"no more can be launched: going on with {desired}")
    return Stop(CANNOT_LAUNCH, retreat=True)


def _finish(observed: Observed, goal: Goal) -> Step:
    """Nothing is left to replace: see that the group is whole, without a surplus and at its own sizes."""
    members, sizes, own = observed.members, observed.sizes, observed.own
    if stop := _ending(observed, goal):
        return stop
    if observed.failed_rounds(goal.since) >= LAUNCH_ATTEMPTS and sizes.desired > len(members):
        if len(members) < own.desired:
            return Stop(CANNOT_LAUNCH)
        return _shrink(observed, len(members), "no more are needed")
    if observed.stopping:
        return Wait(_going(observed))
    if observed.launching:
        return Wait(gate.waiting(members) or "the group launches")
    seen = gate.waiting(members)
    if seen:
        return Wait(seen)
    if goal.strategy == "rolling" or observed.metrics is not None:
        verdict = gate.after_stopping(observed, goal)
        if not verdict.open:
            return Wait(verdict.seen)
        seen = verdict.seen
    if len(members) > own.desired:
        # The youngest: an older one is the likelier to be active.
        going = _ids(members[own.desired :])
        return _remove(observed, going, "stopped: more than the group's size", seen)
    if sizes != own or observed.noted:
        return _restore(observed, seen)
    return Done(seen)


def _retreat(observed: Observed, goal: Goal) -> Step:
    """Back to a whole group of the old size: what was launched goes, what serves stays.

    While nobody can tell what serves, it waits: for the metrics, or for the end of the time that this may take.
    """
    members, sizes, own = observed.members, observed.sizes, observed.own
    if going := retreat.surplus(observed, goal):
        if doubt := retreat.doubt(observed, going):
            return Wait(doubt)
        return _remove(observed, _ids(going), "removed again")
    if sizes.desired > max(len(members), own.desired):
        return _shrink(observed, max(len(members), own.desired), "no more are launched")
    if len(members) <= own.desired and (sizes != own or observed.noted):
        return _restore(observed)
    return Stop("the time is over")


def _remove(observed: Observed, going: tuple[str, ...], why: str, seen: str = "") -> Resize | Terminate:
    """Terminate these without successors, which AWS refuses below a minimum that somebody has raised."""
    if observed.sizes.minimum > observed.own.minimum:
        sizes = dataclasses.replace(observed.sizes, minimum=observed.own.minimum)
        return Resize(sizes, "the group may shrink to its own size again")
    return Terminate(going, decrement=True, why=why, seen=seen)


def _shrink(observed: Observed, desired: int, why: str) -> Resize | Wait:
    """Give up instances that are missing. One that arrives meanwhile is one too many, and then the group chooses."""
    if observed.launch_under_way:
        return Wait("an instance is being launched")
    minimum = min(observed.sizes.minimum, desired)  # somebody may have raised it
    return Resize(dataclasses.replace(observed.sizes, minimum=minimum, desired=desired), why)


def _restore(observed: Observed, seen: str = "") -> Resize:
    return Resize(observed.own, "the group is back at its own sizes", forget=True, seen=seen)


def _going(observed: Observed) -> str:
    return f"waiting for {', '.join(_ids(observed.stopping))} to be gone"


def whole(observed: Observed) -> bool:
    """At its own sizes, everything in service."""
    return (
        observed.sizes == observed.own
        and not observed.launching
        and not observed.stopping
        and all(member.serving for member in observed.members)
    )


def _ids(instances: tuple[Instance, ...]) -> tuple[str, ...]:
    return tuple(instance.instance_id for instance in instances)
