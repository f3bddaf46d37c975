# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gate: do the heartbeats, or without metrics the time, prove that the transactors are up?

Late data only adds to a count, so that a minute that suffices needs no allowance for CloudWatch's delay; how old such
minutes may be is what allows for it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from .heartbeats import ENOUGH, EVIDENCE_AGE, level, minutes, pair, processes
from .state import MINUTE, Goal, Instance, Metrics, Observed

RECENT_SECONDS = 30 * MINUTE
"""So long after its launch a transactor has to prove that it serves, by its heartbeats."""
CONFLICT_MINUTES = 3
"""How many minutes in a row have to show too many processes before another system is suspected."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether the gate is open, and what was seen, as one line of progress."""

    open: bool
    seen: str


def newcomers(observed: Observed, goal: Goal) -> tuple[Instance, ...]:
    """Those that the surge launched: the youngest fresh ones, as many as the group is larger than its own size."""
    fresh = [member for member in observed.members if not goal.doomed(member)]
    surge = max(0, len(observed.members) - observed.own.desired)
    return tuple(fresh[len(fresh) - min(surge, len(fresh)) :])


def before_stopping(observed: Observed, goal: Goal) -> Verdict:
    """May the old ones go? The new ones have to stand by beside an active one that beats."""
    fresh = [member for member in observed.members if not goal.doomed(member)]
    if missing := waiting(fresh):
        return Verdict(False, missing)
    if observed.metrics is None:
        return _settled(observed, fresh, goal)
    new = newcomers(observed, goal)
    others = [member for member in observed.serving if member not in new]
    launch = min((member.launched_at for member in new), default=observed.now)
    since = max([observed.last_stop, *(member.launched_at for member in new)])
    before = level(observed.metrics, launch)
    if before is None:
        # Minutes that are no longer known leave the benefit of the doubt: all of them, one of them active.
        return _judge(observed, observed.metrics, since, active=bool(others), total=len(others) + len(new))
    most = min(len(others), before.total)
    verdict = _judge(observed, observed.metrics, since, active=before.active, total=most + len(new))
    least = min(len(others), before.total - observed.ended_between(before.first, launch))
    if not verdict.open and 0 <= least < most and _settled(observed, new, goal).open:
        # Of those that ended since, nobody knows whether they were among those that beat: in doubt, time tells too.
        return _judge(observed, observed.metrics, since, active=before.active, total=least + len(new))
    return verdict


def after_stopping(observed: Observed, goal: Goal) -> Verdict:
    """Is the group whole? One active, and all others stand by."""
    members = observed.members
    if missing := waiting(members):
        return Verdict(False, missing)
    if observed.metrics is None:
        return _settled(observed, members, goal)
    return _judge(observed, observed.metrics, observed.last_stop, active=True, total=len(members))


def unproven(observed: Observed, goal: Goal) -> str:
    """What is missing to prove that transactors launched not long ago serve, as a line of progress; empty when nothing.

    Nothing is asked of a system that has run for longer, nor without metrics.
    """
    if observed.metrics is None or not recent(observed):
        return ""
    verdict = after_stopping(observed, goal)
    return "" if verdict.open else verdict.seen


def recent(observed: Observed) -> tuple[Instance, ...]:
    """Those that were launched not long ago."""
    return tuple(member for member in observed.members if observed.now < member.launched_at + RECENT_SECONDS)


def before_shrinking(observed: Observed, goal: Goal, kept: Sequence[Instance]) -> Verdict:
    """May a group lose its surplus, as far as its states and, without heartbeats, the time tell?"""
    if missing := waiting(kept):
        return Verdict(False, missing)
    if silent(observed):
        return _settled(observed, kept, goal)
    return Verdict(True, "")


def one_serves(observed: Observed, goal: Goal) -> Verdict:
    """Is one active, after the newest termination? Whether others hang, a smaller group does not have to prove."""
    if missing := waiting(observed.members):
        return Verdict(False, missing)
    if observed.metrics is None or silent(observed):
        return _settled(observed, observed.members, goal)
    return _judge(observed, observed.metrics, observed.last_stop, active=True, total=1)


def silent(observed: Observed) -> bool:
    """No heartbeat is known: there are no metrics, or the running ones report under what the files do not say yet."""
    return observed.metrics is None or not (observed.metrics.active or observed.metrics.standby)


def conflict(observed: Observed) -> str:
    """What shows that another system reports under the same dimension value; empty when nothing does."""
    metrics = observed.metrics
    if metrics is None:
        return ""
    most = len(observed.instances)
    since = max([observed.last_stop, observed.now - 2 * EVIDENCE_AGE])
    for minute in minutes(since, observed.now, CONFLICT_MINUTES):
        active = processes(metrics.active, metrics, minute, CONFLICT_MINUTES)
        total = active + processes(metrics.standby, metrics, minute, CONFLICT_MINUTES)
        # One process may be seen once too often in three minutes, another system's is seen at least twice.
        if active * CONFLICT_MINUTES > 1 * CONFLICT_MINUTES + 2:
            return f"{active:.0f} active transactors report HeartbeatMsec"
        if total * CONFLICT_MINUTES > most * CONFLICT_MINUTES + 2:
            return f"{total:.0f} transactors report heartbeats, but the group has {most}"
    return ""


def waiting(members: Sequence[Instance]) -> str:
    """Which of them are not in service yet, as a line of progress; empty when all are."""
    late = [f"{member.instance_id} ({_state(member)})" for member in members if not member.serving]
    return f"waiting for {', '.join(late)} to be in service" if late else ""


def _state(member: Instance) -> str:
    return member.state if member.healthy else f"{member.state}, unhealthy"


def _settled(observed: Observed, members: Sequence[Instance], goal: Goal) -> Verdict:
    """Without metrics only time tells: every one has been in service for the settling time."""
    youngest = max((member.in_service_at or member.launched_at for member in members), default=0.0)
    if observed.now >= youngest + goal.settle_seconds:
        return Verdict(True, f"{len(members)} in service for {goal.settle_seconds:.0f} s or longer")
    return Verdict(False, f"{len(members)} in service, settling for {goal.settle_seconds:.0f} s")


def _judge(observed: Observed, metrics: Metrics, since: float, *, active: bool, total: int) -> Verdict:
    """active: one has to be seen beating beside the others; without it only the number of processes counts.

    total: how many processes have to be seen. since: minutes before it may hold beats of others.
    """
    windows = [
        pair(metrics, minute)
        for minute in minutes(max(since, observed.now - EVIDENCE_AGE - 2 * MINUTE), observed.now, 2)
    ]
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
    standing = f"standby {number} of {expected} is beating {per_minute}"
    return standing if actives >= ENOUGH else f"{standing}, {one}"
