# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rolling back: which instances go, and may they? Whatever serves has to stay."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from . import readiness
from .heartbeats import ENOUGH, OLDEST, before_launch, minutes, pair
from .state import IN_SERVICE, MINUTE, Goal, Instance, Metrics, Observed

SLACK = 1 - ENOUGH
BOOT_SECONDS = 15.0
"""No instance starts its system and Java in less."""
MISSED = 2
"""Heartbeats that a new transactor waits for in vain before it becomes active."""


def surplus(observed: Observed, goal: Goal) -> tuple[Instance, ...]:
    """Instances to terminate to return to the configured size: what does not serve, old or new, then the newest."""
    members, configured = observed.members, observed.configured_sizes
    new = readiness.new_instances(observed, goal)
    youngest_first = [member for member in reversed(members) if not member.serving or member in new]
    useless_first = sorted(youngest_first, key=lambda member: (member.healthy, member.state == IN_SERVICE))
    count = max(0, min(observed.surplus, observed.sizes.desired - configured.minimum))
    return tuple(member for member in members if member in useless_first[:count])


def doubt(observed: Observed, going: Sequence[Instance]) -> str:
    """Why nobody may be active without these; empty when somebody will be, as far as anybody knows.

    An instance can be in service while its transactor hangs, and a new one serves in its place.
    """
    metrics = observed.metrics
    if metrics is None:
        return ""
    earliest = BOOT_SECONDS + MISSED * metrics.interval_msec / 1000
    # An unhealthy one ends in any case, and one that was launched just now cannot be active yet.
    suspects = [each for each in going if each.healthy and observed.now >= each.launched_at + earliest]
    if not suspects:
        return ""
    if not readiness.conflict(observed):
        launch = min(member.launched_at for member in suspects)
        if _others_beat(observed, metrics, len(suspects)) or _never_beat(observed, metrics, launch):
            return ""
    names = ", ".join(member.instance_id for member in suspects)
    lower = ""
    if observed.sizes.minimum >= observed.sizes.desired:  # AWS refuses a decrement below the minimum
        lower = (
            f"aws autoscaling update-auto-scaling-group --auto-scaling-group-name {observed.group} "
            f"--min-size {observed.configured_sizes.minimum} && "
        )
    return (
        f"nothing is removed, because {names} may be the active one now. The logs show which one is active (active/ in "
        f"the log bucket). Terminate one that does not serve, then run again: {lower}aws autoscaling "
        "terminate-instance-in-auto-scaling-group --should-decrement-desired-capacity --instance-id ID"
    )


def _others_beat(observed: Observed, metrics: Metrics, suspects: int) -> bool:
    """More processes beat than go, so that one is left whichever these are."""
    since = max(observed.last_stop, observed.now - OLDEST - 2 * MINUTE)
    windows = [sum(pair(metrics, minute)) for minute in minutes(since, observed.now, 2)]
    # The newest that have arrived: some that beat in older ones may hang by now.
    beating = max([window for window in windows if window >= ENOUGH][:2], default=0.0)
    ended = sum(not member.healthy for member in observed.members)
    return beating + SLACK >= 1 + suspects + ended


def _never_beat(observed: Observed, metrics: Metrics, launch: float) -> bool:
    """Since the launch one has been active without a gap, and no more have stood by than before."""
    before = before_launch(metrics, launch)
    if before is None:
        return False
    windows = [(minute, *pair(metrics, minute)) for minute in minutes(launch, observed.now, 2)]
    if not before.active:
        # The old ones do not report: a new one that is active would.
        return observed.now >= launch + OLDEST and not any(active for _minute, active, _standby in windows)
    # A minute that is not over yet can show that somebody stands by, though not that nobody does.
    standbys = [pair(metrics, minute)[1] for minute in minutes(launch, observed.now + 2 * MINUTE, 2)]
    if any(standby > before.standby + SLACK * bool(before.standby) for standby in standbys):
        return False
    reported = list(itertools.dropwhile(lambda window: window[1] < ENOUGH, windows))
    recent = bool(reported) and reported[0][0] + 2 * MINUTE >= observed.now - OLDEST
    return recent and all(active >= ENOUGH for _minute, active, _standby in reported)
