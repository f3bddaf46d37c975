# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Readiness: do the heartbeats, or without metrics the time in service, prove that the transactors are up?

Late data only adds to a count. So a minute that shows enough needs no allowance for CloudWatch's delay; only how old
such minutes may be allows for it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from .heartbeats import ENOUGH, OLDEST, before_launch, minutes, pair, processes
from .state import MINUTE, Goal, Instance, Metrics, Observed

RECENT_SECONDS = 30 * MINUTE
"""A transactor launched within this time has to prove by its heartbeats that it serves."""
CONFLICT_MINUTES = 3
"""Only so many minutes in a row with too many processes show another system."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether the transactors are ready, and what was seen, as one line of progress."""

    ready: bool
    seen: str


def new_instances(observed: Observed, goal: Goal) -> tuple[Instance, ...]:
    """What the surge launched: the youngest fresh members, as many as the group's surplus."""
    fresh = goal.fresh(observed)
    return fresh[len(fresh) - min(max(0, observed.surplus), len(fresh)) :]


def before_stopping(observed: Observed, goal: Goal) -> Verdict:
    """May the old ones go? The new ones have to stand by while an active one beats."""
    fresh = goal.fresh(observed)
    if missing := waiting(fresh):
        return Verdict(False, missing)
    if observed.metrics is None:
        return _settled(observed, fresh, goal)
    new = new_instances(observed, goal)
    others = [member for member in observed.members if member.serving and member not in new]
    launch = min((member.launched_at for member in new), default=observed.now)
    since = max([observed.last_stop, *(member.launched_at for member in new)])
    before = before_launch(observed.metrics, launch)
    if before is None:
        # The minutes before the launch are no longer known: take all old ones to have beaten, one of them as active.
        return _judge(observed, observed.metrics, since, active=bool(others), total=len(others) + len(new))
    most = min(len(others), before.total)
    verdict = _judge(observed, observed.metrics, since, active=before.active, total=most + len(new))
    least = min(len(others), before.total - observed.ended_between(before.first, launch))
    if not verdict.ready and 0 <= least < most and _settled(observed, new, goal).ready:
        # Nobody knows whether those that ended since were among those that beat: then the time in service counts too.
        return _judge(observed, observed.metrics, since, active=before.active, total=least + len(new))
    return verdict


def after_stopping(observed: Observed, goal: Goal) -> Verdict:
    """Does the group serve? One is active, and all others stand by."""
    members = observed.members
    if missing := waiting(members):
        return Verdict(False, missing)
    if observed.metrics is None:
        return _settled(observed, members, goal)
    return _judge(observed, observed.metrics, observed.last_stop, active=True, total=len(members))


def not_yet_serving(observed: Observed, goal: Goal) -> bool:
    """Whether heartbeats still have to prove that transactors launched not long ago serve."""
    return observed.metrics is not None and bool(recent(observed)) and not after_stopping(observed, goal).ready


def recent(observed: Observed) -> tuple[Instance, ...]:
    """Members launched not long ago."""
    return tuple(member for member in observed.members if observed.now < member.launched_at + RECENT_SECONDS)


def before_shrinking(observed: Observed, goal: Goal, kept: Sequence[Instance]) -> Verdict:
    """May a group lose its surplus, as far as states show it and, without heartbeats, the time in service?"""
    if missing := waiting(kept):
        return Verdict(False, missing)
    return _settled(observed, kept, goal) if no_heartbeats(observed) else Verdict(True, "")


def one_serves(observed: Observed, goal: Goal) -> Verdict:
    """Is one active after the latest termination? A smaller group need not prove that the others stand by."""
    if missing := waiting(observed.members):
        return Verdict(False, missing)
    if observed.metrics is None or no_heartbeats(observed):
        return _settled(observed, observed.members, goal)
    return _judge(observed, observed.metrics, observed.last_stop, active=True, total=1)


def no_heartbeats(observed: Observed) -> bool:
    """There are no metrics, or the running transactors report under other names than the files have now."""
    return observed.metrics is None or not (observed.metrics.active or observed.metrics.standby)


def conflict(observed: Observed) -> str:
    """What shows that another system reports under the same dimension value; empty when nothing does."""
    metrics = observed.metrics
    if metrics is None:
        return ""
    most = len(observed.instances)
    since = max([observed.last_stop, observed.now - 2 * OLDEST])
    for minute in minutes(since, observed.now, CONFLICT_MINUTES):
        active = processes(metrics.active, metrics, minute, CONFLICT_MINUTES)
        total = active + processes(metrics.standby, metrics, minute, CONFLICT_MINUTES)
        # In three minutes one process may be counted once too often, another system's is counted at least twice.
        if active * CONFLICT_MINUTES > 1 * CONFLICT_MINUTES + 2:
            return f"{active:.0f} active transactors report HeartbeatMsec"
        if total * CONFLICT_MINUTES > most * CONFLICT_MINUTES + 2:
            return f"{total:.0f} transactors report heartbeats, but the group has {most}"
    return ""


def waiting(members: Sequence[Instance]) -> str:
    """Which members are not in service yet, as a line of progress; empty when all are."""
    late = [
        f"{member.instance_id} ({member.state}{'' if member.healthy else ', unhealthy'})"
        for member in members
        if not member.serving
    ]
    return f"waiting for {', '.join(late)} to be in service" if late else ""


def _settled(observed: Observed, members: Sequence[Instance], goal: Goal) -> Verdict:
    """Without metrics: has every member been in service for the settling time?"""
    youngest = max((member.in_service_at or member.launched_at for member in members), default=0.0)
    if observed.now >= youngest + goal.settle_seconds:
        return Verdict(True, f"{len(members)} in service for {goal.settle_seconds:.0f} s or longer")
    return Verdict(False, f"{len(members)} in service, settling for {goal.settle_seconds:.0f} s")


def _judge(observed: Observed, metrics: Metrics, since: float, *, active: bool, total: int) -> Verdict:
    """total: how many processes have to beat. active: one of them as active. since: older minutes do not count."""
    since = max(since, observed.now - OLDEST - 2 * MINUTE)
    windows = [pair(metrics, minute) for minute in minutes(since, observed.now, 2)]
    slack = 1 - ENOUGH
    # Where the active one has reported, a standby's report is at most a minute behind: older minutes prove nothing.
    latest = [pair for pair in windows if pair[0] >= ENOUGH][:2] if active else windows
    for actives, standbys in latest:
        enough = standbys >= total - 1 - slack if active else actives + standbys >= total - slack
        if enough and standbys < len(observed.members):
            return Verdict(True, _seen(actives, standbys, total, metrics))
    actives, standbys = max(latest or windows, key=lambda pair: pair[1], default=(0.0, 0.0))
    return Verdict(False, _seen(actives, standbys, total, metrics))


def _seen(actives: float, standbys: float, total: int, metrics: Metrics) -> str:
    number = math.floor(standbys + 1 - ENOUGH)
    expected = max(0, total - 1, number)
    per_minute = f"({standbys * metrics.rate:.0f} per minute)"
    if actives < ENOUGH and number == 0:
        return "no heartbeat yet"
    one = "an active one is beating" if actives >= ENOUGH else "no active one is beating"
    if expected == 0 and number == 0:
        return f"{one} ({actives * metrics.rate:.0f} per minute)"
    beating = f"standby {number} of {expected} is beating {per_minute}"
    return beating if actives >= ENOUGH else f"{beating}, {one}"
