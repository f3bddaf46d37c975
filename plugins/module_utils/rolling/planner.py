# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From an observation to the next step. The same observation gives the same step, so a killed run can be resumed."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from typing import TypeAlias

from . import readiness, rollback, zones
from .preconditions import unmet
from .state import Goal, Instance, Observed, Sizes

LAUNCH_ATTEMPTS = 2
"""After so many failed rounds of launches in a row the group cannot launch."""
ENDED_BY_THEMSELVES = 2
"""After so many new instances that ended by themselves the next ones will end as well."""
CANNOT_LAUNCH = "the group cannot launch instances"
LAUNCHING = "waiting for the group to launch instances"
BALANCING = "waiting for the group to terminate an instance, of which it has more than its desired size (AZRebalance)"
TIMED_OUT = "the time is over"


@dataclasses.dataclass(frozen=True)
class Wait:
    """Look again later. why: what the run waits for."""

    why: str


@dataclasses.dataclass(frozen=True)
class Resize:
    """Give the group these sizes. save: first save these in the tag; delete_tag: afterwards delete the tag.

    seen: which heartbeats allowed it.
    """

    sizes: Sizes
    why: str
    save: Sizes | None = None
    delete_tag: bool = False
    seen: str = ""


@dataclasses.dataclass(frozen=True)
class Terminate:
    """Terminate these instances. decrement: the group does not replace them. seen: which heartbeats allowed it."""

    instance_ids: tuple[str, ...]
    decrement: bool
    why: str
    seen: str = ""


@dataclasses.dataclass(frozen=True)
class Stop:
    """The run has failed. roll_back: first remove what it launched."""

    why: str
    roll_back: bool = False


@dataclasses.dataclass(frozen=True)
class Pause:
    """The new instances are ready, and the old ones still serve. seen: which heartbeats prove it."""

    new: tuple[str, ...]
    old: tuple[str, ...]
    seen: str = ""


@dataclasses.dataclass(frozen=True)
class Done:
    """The group is steady and nothing is left to replace. seen: which heartbeats prove it."""

    seen: str = ""


Step: TypeAlias = "Wait | Resize | Terminate | Stop | Pause | Done"


def next_step(observed: Observed, goal: Goal) -> Step:
    """What to do now."""
    if goal.rolling_back:
        removes = goal.strategy == "rolling" and not goal.shrinking
        return _roll_back(observed, goal) if removes else Stop(TIMED_OUT)
    if goal.shrinking:
        return _shrink_only(observed, goal)
    outdated = goal.outdated(observed)
    untouched = not outdated and not goal.acted and observed.is_steady and observed.saved_sizes is None
    if untouched and not readiness.not_yet_serving(observed, goal):
        return Done()
    if found := unmet(observed, goal):
        return Stop("; ".join(found))
    if not outdated:
        return _finish(observed, goal)
    if goal.strategy == "terminate":
        return Terminate(_ids(outdated), decrement=False, why="terminated; the group launches another one")
    return _replace(observed, goal, outdated)


def _replace(observed: Observed, goal: Goal, outdated: tuple[Instance, ...]) -> Step:
    """The next step of a rolling replacement while there are outdated members."""
    members, surplus = observed.members, observed.surplus
    if other := readiness.conflict(observed):
        return Stop(
            f"another system reports under the same CloudWatch dimension value: {other}. Give each system its own "
            "aws-cloudwatch-dimension-value",
            roll_back=surplus > 0,
        )
    if observed.sizes.desired > observed.configured_sizes.desired and (stop := _ending(observed, goal)):
        return stop
    failed = observed.failed_rounds(goal.since) >= LAUNCH_ATTEMPTS
    if observed.sizes.desired > len(members) and failed:
        return _without_the_missing(observed, goal)
    if observed.launching:
        return Wait(readiness.before_stopping(observed, goal).seen if surplus > 0 else LAUNCHING)
    if len(members) > observed.sizes.desired:
        return Wait(BALANCING)
    missing = len(outdated) - surplus
    if missing > 0 and observed.stopping:
        return Wait(_stopping(observed))  # they still take up the capacity that the next ones need
    if missing > 0 and observed.room > 0 and not failed:
        return _surge(observed, min(missing, observed.room))
    if surplus <= 0:
        return Stop(CANNOT_LAUNCH if failed else "the group's subnets have no free address for one more instance")
    fresh = goal.fresh(observed)
    extra = zones.choose(fresh, fresh, len(fresh) - observed.configured_sizes.desired)
    if not failed and _needs_one_more(observed, outdated, fresh, extra):
        return _surge(observed, 1, "one more so that the new ones leave the zones balanced")
    verdict = readiness.before_stopping(observed, goal)
    if not verdict.ready:
        return Wait(verdict.seen)
    if goal.until_takeover:
        return Pause(_ids(fresh), _ids(outdated), verdict.seen)
    chosen = (*extra, *zones.choose(members, outdated, surplus - len(extra)))
    # No metric names an instance, so nobody knows which old one is active. All at once cost one takeover at most, one
    # after the other cost as many as there are.
    why = "stopped; a standby takes over from it if it was the active one"
    return _remove(observed, tuple(member for member in members if member in chosen), why, verdict.seen)


def _needs_one_more(
    observed: Observed, outdated: tuple[Instance, ...], fresh: tuple[Instance, ...], extra: tuple[Instance, ...]
) -> bool:
    """Whether the fresh ones without the extra ones would be unbalanced, and another launch may help.

    A group launches in its emptiest zone, the outdated instances counted. When each zone has its share of the
    configured size and as many as the most outdated ones of any zone, the fresh ones can be balanced.
    """
    rest = [member for member in fresh if member not in extra]
    if not observed.room or zones.balanced(rest, observed.zones):
        return False
    most_outdated = max(Counter(member.zone for member in outdated).values())
    share = math.ceil(observed.configured_sizes.desired / len(observed.zones))
    return len(observed.members) < (share + most_outdated) * len(observed.zones)


def _surge(observed: Observed, count: int, why: str = "") -> Resize:
    desired, configured = observed.sizes.desired + count, observed.configured_sizes
    return Resize(
        Sizes(configured.minimum, max(observed.sizes.maximum, desired), desired),
        f"the group grows to {desired}, {why or f'{count} new in addition to the old'}",
        save=None if observed.configured_sizes_known else configured,
    )


def _ending(observed: Observed, goal: Goal) -> Stop | None:
    """Without it the group would go on launching instances that end at their start."""
    ended = observed.ended_by_themselves(goal.new_since)
    if len(ended) < ENDED_BY_THEMSELVES:
        return None
    return Stop(
        f"{len(ended)} new instances ended by themselves ({', '.join(ended)}), so this configuration does not start; "
        "their console and log show the reason",
        roll_back=goal.strategy == "rolling",
    )


def _without_the_missing(observed: Observed, goal: Goal) -> Step:
    """Some instances cannot be launched: continue with those that could, or fail when there are none."""
    if not readiness.new_instances(observed, goal):
        return Stop(CANNOT_LAUNCH, roll_back=True)
    desired = len(observed.members)
    return _lower(observed, desired, f"no more can be launched: continuing with {desired}")


def _finish(observed: Observed, goal: Goal) -> Step:
    """Nothing is left to replace: return to the configured sizes."""
    if stop := _ending(observed, goal):
        return stop
    missing = observed.sizes.desired > len(observed.members)
    if missing and observed.failed_rounds(goal.since) >= LAUNCH_ATTEMPTS:
        if observed.surplus < 0:
            return Stop(CANNOT_LAUNCH)
        return _lower(observed, len(observed.members), "no more are needed")
    if observed.stopping:
        return Wait(_stopping(observed))
    if (step := _without_surplus(observed, goal)) is not None:
        return step
    seen = readiness.waiting(observed.members)
    if seen or observed.launching:
        return Wait(seen or LAUNCHING)
    if goal.strategy == "rolling" or observed.metrics is not None:
        verdict = readiness.after_stopping(observed, goal)
        if not verdict.ready:
            return Wait(verdict.seen)
        seen = verdict.seen
    return _restore_or_done(observed, seen)


def _shrink_only(observed: Observed, goal: Goal) -> Step:
    """Terminate the surplus and nothing else, so that the stack's update finds nothing to terminate."""
    if not goal.acted and max(len(observed.members), observed.sizes.desired) <= observed.configured_sizes.desired:
        return Done()
    if found := unmet(observed, goal):
        return Stop("; ".join(found))
    if observed.stopping:
        return Wait(_stopping(observed))
    if (step := _without_surplus(observed, goal)) is not None:
        return step
    verdict = readiness.one_serves(observed, goal)
    if goal.strategy == "rolling" and not verdict.ready:
        return Wait(verdict.seen)
    return _restore_or_done(observed, verdict.seen)


def _without_surplus(observed: Observed, goal: Goal) -> Step | None:
    """The next step to a group without a surplus; None when it has none.

    Heartbeats have to prove that one is left that serves, whichever of those that go is active. As many go at once as
    they prove that for: then that costs one takeover at most.
    """
    members = observed.members
    needed = max(len(members), observed.configured_sizes.desired)
    if observed.sizes.desired > needed:
        return _lower(observed, needed, "no more are needed")
    if observed.surplus <= 0:
        return None
    if len(members) > observed.sizes.desired:
        return Wait(BALANCING)
    others = tuple(member for member in members if member.instance_id not in goal.kept)
    going = zones.choose(members, others or members, observed.surplus)
    if found := unmet(observed, dataclasses.replace(goal, replacing=frozenset(_ids(going)))):
        return Stop("; ".join(found))
    why = "stopped: more than the group's size; a standby takes over from it if it was the active one"
    if goal.strategy == "terminate":
        return _remove(observed, going, why)
    verdict = readiness.before_shrinking(observed, goal, tuple(member for member in members if member not in going))
    if not verdict.ready:
        return Wait(verdict.seen)
    if readiness.no_heartbeats(observed):
        return _remove(observed, going, why, verdict.seen)
    for count in range(len(going), 0, -1):
        if not rollback.doubt(observed, going[:count]):
            return _remove(observed, going[:count], why, verdict.seen)
    return Wait(rollback.doubt(observed, going[:1]))


def _roll_back(observed: Observed, goal: Goal) -> Step:
    """Return to the configured sizes: what was launched goes, what serves stays.

    While it is unknown who serves, wait for the metrics, or for the end of the time that this may take.
    """
    if going := rollback.surplus(observed, goal):
        if doubt := rollback.doubt(observed, going):
            return Wait(doubt)
        return _remove(observed, going, "removed again")
    needed = max(len(observed.members), observed.configured_sizes.desired)
    if observed.sizes.desired > needed:
        return _lower(observed, needed, "no more are launched")
    if observed.surplus <= 0 and isinstance(step := _restore_or_done(observed, ""), Resize):
        return step
    return Stop(TIMED_OUT)


def _remove(observed: Observed, going: tuple[Instance, ...], why: str, seen: str = "") -> Resize | Terminate:
    """Terminate these without successors, which AWS refuses below a minimum that somebody has raised."""
    minimum = observed.configured_sizes.minimum
    if observed.sizes.minimum > minimum:
        return Resize(
            dataclasses.replace(observed.sizes, minimum=minimum), "the group's minimum is the configured one again"
        )
    return Terminate(_ids(going), decrement=True, why=why, seen=seen)


def _lower(observed: Observed, desired: int, why: str) -> Resize | Wait:
    """Do without missing instances. If one arrived meanwhile, the group would choose itself which one goes."""
    if observed.launch_under_way:
        return Wait("waiting for the launch of an instance to end")
    minimum = min(observed.sizes.minimum, desired)  # somebody may have raised it
    return Resize(dataclasses.replace(observed.sizes, minimum=minimum, desired=desired), why)


def _restore_or_done(observed: Observed, seen: str) -> Resize | Done:
    if observed.sizes == observed.configured_sizes and observed.saved_sizes is None:
        return Done(seen)
    why = "the group has its configured sizes again"
    return Resize(observed.configured_sizes, why, delete_tag=observed.saved_sizes is not None, seen=seen)


def _stopping(observed: Observed) -> str:
    return f"waiting for {', '.join(_ids(observed.stopping))} to end"


def _ids(instances: tuple[Instance, ...]) -> tuple[str, ...]:
    return tuple(instance.instance_id for instance in instances)
