# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a system stays healthy: one look, and a series of looks. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from . import readiness
from .readiness import Verdict
from .state import MINUTE, Goal, Observed

PATIENCE = 2 * MINUTE
"""A shorter bad time is forgiven. A takeover is over after seconds, but CloudWatch counts heartbeats by the minute, one
report may come a minute late, and two minutes in a row are counted together."""


def look(observed: Observed, alarms: Iterable[str]) -> Verdict:
    """Is the group healthy now? alarms: the names of those that count and are in ALARM."""
    problems = [f"the alarm {name} is in ALARM" for name in sorted(alarms)]
    members = observed.members
    if len(members) < observed.sizes.desired:
        problems.insert(0, f"the group has {len(members)} of {observed.sizes.desired} instances")
    elif not (verdict := _serving(observed)).ready:
        problems.insert(0, verdict.seen)
    return Verdict(not problems, "; ".join(problems) or _serving(observed).seen)


def _serving(observed: Observed) -> Verdict:
    """One is active, and all others stand by. Without metrics all in service have to do."""
    if observed.metrics is None and not readiness.waiting(observed.members):
        return Verdict(True, f"{len(observed.members)} in service")
    return readiness.after_stopping(observed, Goal())


@dataclasses.dataclass(frozen=True)
class Soak:
    """A series of looks. Times in seconds.

    lasts: how long the system has to stay healthy. began, bad_since: moments; bad_since is None while it is healthy.
    """

    lasts: float
    began: float
    patience: float = PATIENCE
    bad_since: float | None = None

    def after(self, now: float, verdict: Verdict) -> Soak:
        """The same with one more look."""
        first = now if self.bad_since is None else self.bad_since
        return dataclasses.replace(self, bad_since=None if verdict.ready else first)

    def failed(self, now: float) -> bool:
        return self.bad_since is not None and now >= self.bad_since + self.patience

    def over(self, now: float) -> bool:
        """Whether it has lasted long enough, and the last look was good."""
        return self.bad_since is None and now >= self.began + self.lasts
