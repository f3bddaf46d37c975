# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many transactors beat in which minutes.

CloudWatch's Datomic metrics name no instance, so processes are counted. Every process reports for each minute as many
beats as its heartbeat interval allows, which sum up to about 60000 ms: the active one as HeartbeatMsec, a standby as
HeartMonitorMsec. A process publishes once a minute, so a minute may hold none or two of its reports: two minutes in a
row are counted together.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

from .state import MINUTE, Beats, Metrics

OLDEST = 5 * MINUTE
"""How long ago minutes that prove something may have ended: CloudWatch's delay, and a minute for looking."""
MINUTES_BEFORE = 5
"""How many minutes before a launch show who was beating then."""
ENOUGH = 0.75
"""This share of a process's beats counts as that process: a report may be a few beats short."""


@dataclasses.dataclass(frozen=True)
class BeforeLaunch:
    """Who beat in the minutes from first until a launch: the most at once, whether one was active, the most standbys.

    None may be active: the active one reports elsewhere, or not at all, where the update has changed just that.
    """

    first: float
    total: int
    active: bool
    standby: float


def before_launch(metrics: Metrics, launch: float) -> BeforeLaunch | None:
    """Who was beating before a launch; None when that is no longer known."""
    first = math.floor(launch / MINUTE) * MINUTE - MINUTES_BEFORE * MINUTE
    if first < metrics.since:
        return None
    seen = [pair(metrics, first + index * MINUTE) for index in range(MINUTES_BEFORE - 1)]
    return BeforeLaunch(
        first=first,
        total=math.floor(max(active + standby for active, standby in seen) + 0.3),
        active=math.floor(max(active for active, _standby in seen) + 0.3) > 0,
        standby=max(standby for _active, standby in seen),
    )


def pair(metrics: Metrics, minute: float) -> tuple[float, float]:
    """How many active ones and how many standbys beat in the two minutes from the given one."""
    return processes(metrics.active, metrics, minute, 2), processes(metrics.standby, metrics, minute, 2)


def minutes(since: float, until: float, length: int) -> Iterator[float]:
    """The starts of all runs of so many whole minutes between two moments, newest first."""
    first = math.ceil(since / MINUTE)
    last = math.floor(until / MINUTE) - length
    for minute in range(last, first - 1, -1):
        yield minute * MINUTE


def processes(series: Sequence[Beats], metrics: Metrics, minute: float, length: int) -> float:
    """How many processes beat on average in so many minutes from the given one.

    Counted at the file's interval. When the average beat shows that some beat at another one, as the old ones do after
    a change of the interval, the sum counts: it is a minute for each process at any interval.
    """
    inside = [beats for beats in series if minute <= beats.started_at < minute + length * MINUTE]
    count, total = sum(beats.count for beats in inside), sum(beats.sum_msec for beats in inside)
    if count and total and abs(total / count - metrics.interval_msec) > 0.2 * metrics.interval_msec:
        return total / (MINUTE * 1000) / length
    return count / metrics.rate / length
