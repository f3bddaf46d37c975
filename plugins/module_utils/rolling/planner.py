# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what was observed to the next step. Pure: the same observation gives the same step, whoever asks and when.

So a run that was killed anywhere goes on from where the cloud stands: nothing is remembered but the goal.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter

from . import readiness, rollback, zones
from .actions import Done, Resize, Step, Stop, Terminate, Wait
from .preconditions import obstacles
from .state import Goal, Instance, Observed, Sizes

LAUNCH_ATTEMPTS = 2
"""So many failed rounds of launches in a row are no passing trouble: the group itself has tried again."""

ENDED_BY_THEMSELVES = 2
"""So many new instances that end by themselves show that this version does not start: the next ones end as well."""

BALANCING = "the group has more instances than its desired size; waiting for it to terminate one, as AZRebalance does"

CANNOT_LAUNCH = "the group cannot launch instances"


def next_step(observed: Observed, goal: Goal) -> Step:
    """What to do now."""
    if goal.giving_up:
        back = goal.strategy == "rolling" and not goal.shrinking
        return _retreat(observed, goal) if back else Stop("the time is over")
    if goal.shrinking:
        return _smaller(observed, goal)
    doomed = tuple(member for member in observed.members if goal.doomed(member))
    if (
        not doomed
        and not goal.acted
        and whole(observed)
        and not observed.noted
        and not readiness.unproven(observed, goal)
    ):
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
    if other := readiness.conflict(observed):
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
        return Wait(
            readiness.before_stopping(observed, goal).seen if len(members) > own.desired else "the group launches"
        )
    if observed.balancing:
        return Wait(BALANCING)
    wanted = own.desired - (len(members) - len(doomed))
    if wanted > 0 and observed.stopping:
        return Wait(_going(observed))  # they still take up the capacity that the next ones need
    if wanted > 0 and observed.room > 0 and not failed:
        return _surge(observed, min(wanted, observed.room))
    if len(members) <= own.desired:
        return Stop(CANNOT_LAUNCH if failed else "the group's subnets have no free address for one more instance")
    fresh = tuple(member for member in members if member not in doomed)
    extra = zones.to_go(fresh, fresh, len(fresh) - own.desired)
    if not failed and _one_more(observed, fresh, extra):
        return _surge(observed, 1, "one more, for the new ones to leave the zones balanced")
    verdict = readiness.before_stopping(observed, goal)
    chosen = (*extra, *zones.to_go(members, doomed, len(members) - own.desired - len(extra)))
    going = _ids(tuple(member for member in members if member in chosen))
    if not verdict.open:
        return Wait(verdict.seen)
    # No metric names an instance, so nobody knows which old one is active. All at once cost one takeover at the most,
    # one after the other as many as there are.
    why = "stopped; a standby takes over from it if it was the active one"
    return _remove(observed, going, why, verdict.seen)


def _one_more(observed: Observed, fresh: tuple[Instance, ...], extra: tuple[Instance, ...]) -> bool:
    """Whether the new ones alone would be unbalanced, and another one of them may mend it.

    A group launches in its emptiest zone, the outdated instances counted. When each zone has the instances that it is
    to have beside the most outdated ones that any zone has, the rest is balanced: more would not help.
    """
    rest = [member for member in fresh if member not in extra]
    if not observed.room or zones.balanced(rest, observed.zones):
        return False
    outdated = Counter(member.zone for member in observed.members if member not in fresh)
    share = math.ceil(observed.own.desired / len(observed.zones)) + max(outdated.values(), default=0)
    return len(observed.members) < share * len(observed.zones)


def _surge(observed: Observed, extra: int, why: str = "") -> Resize:
    desired = observed.sizes.desired + extra
    return Resize(
        Sizes(observed.own.minimum, max(observed.sizes.maximum, desired), desired),
        f"the group grows to {desired}, {why or f'{extra} new beside the old'}",
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
    if readiness.newcomers(observed, goal):
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
    if (step := _without_surplus(observed, goal)) is not None:
        return step
    if observed.launching:
        return Wait(readiness.waiting(members) or "the group launches")
    seen = readiness.waiting(members)
    if seen:
        return Wait(seen)
    if goal.strategy == "rolling" or observed.metrics is not None:
        verdict = readiness.after_stopping(observed, goal)
        if not verdict.open:
            return Wait(verdict.seen)
        seen = verdict.seen
    if sizes != own or observed.noted:
        return _restore(observed, seen)
    return Done(seen)


def _smaller(observed: Observed, goal: Goal) -> Step:
    """End what the group has beyond its own size, and nothing else, for the stack's update to find nothing to end."""
    members, sizes, own = observed.members, observed.sizes, observed.own
    if not goal.acted and max(len(members), sizes.desired) <= own.desired:
        return Done()
    if found := obstacles(observed, goal):
        return Stop("; ".join(found))
    if observed.stopping:
        return Wait(_going(observed))
    if (step := _without_surplus(observed, goal)) is not None:
        return step
    verdict = readiness.one_serves(observed, goal)
    if goal.strategy == "rolling" and not verdict.open:
        return Wait(verdict.seen)
    return Done(verdict.seen) if sizes == own else _restore(observed, verdict.seen)


def _without_surplus(observed: Observed, goal: Goal) -> Step | None:
    """The next step to a group without a surplus; None when it has none.

    Heartbeats have to prove that one is left that serves, whichever of those that go is active. As many go at once as
    they prove that for: then that costs one takeover, if any.
    """
    members, sizes, own = observed.members, observed.sizes, observed.own
    if sizes.desired > max(len(members), own.desired):
        return _shrink(observed, max(len(members), own.desired), "no more are needed")
    if len(members) <= own.desired:
        return None
    if observed.balancing:
        return Wait(BALANCING)
    going = zones.to_go(members, members, len(members) - own.desired)
    if found := obstacles(observed, dataclasses.replace(goal, replacing=frozenset(_ids(going)))):
        return Stop("; ".join(found))
    why = "stopped: more than the group's size; a standby takes over from it if it was the active one"
    if goal.strategy == "terminate":
        return _remove(observed, _ids(going), why)
    verdict = readiness.before_shrinking(observed, goal, tuple(member for member in members if member not in going))
    if not verdict.open:
        return Wait(verdict.seen)
    if readiness.silent(observed):
        return _remove(observed, _ids(going), why, verdict.seen)
    for count in range(len(going), 0, -1):
        if not rollback.doubt(observed, going[:count]):
            return _remove(observed, _ids(going[:count]), why, verdict.seen)
    return Wait(rollback.doubt(observed, going[:1]))


def _retreat(observed: Observed, goal: Goal) -> Step:
    """Back to a whole group of the old size: what was launched goes, what serves stays.

    While nobody can tell what serves, it waits: for the metrics, or for the end of the time that this may take.
    """
    members, sizes, own = observed.members, observed.sizes, observed.own
    if going := rollback.surplus(observed, goal):
        if doubt := rollback.doubt(observed, going):
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
