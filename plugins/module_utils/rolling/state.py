# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of a group and its transactors at one moment. Everything comes from the cloud; times are its own.

All times are seconds since the epoch, by AWS's clock.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Literal

Strategy = Literal["rolling", "terminate"]
MINUTE = 60.0
RUNNING = "InService"
STARTING = ("Pending", "Pending:Wait", "Pending:Proceed")
STOPPING = ("Terminating", "Terminating:Wait", "Terminating:Proceed")
ROUND_SECONDS = 10.0
"""Launches that begin within so many seconds are one attempt of the group."""
ORDINARY = (RUNNING, *STARTING, *STOPPING, "Terminated", "Detached")
"""In any other state an instance does not count as the group's capacity but may still run: set aside, or kept back."""


@dataclasses.dataclass(frozen=True)
class Sizes:
    """The sizes of a group."""

    minimum: int
    maximum: int
    desired: int

    def __str__(self) -> str:
        return f"minimum {self.minimum}, desired {self.desired}, maximum {self.maximum}"


@dataclasses.dataclass(frozen=True)
class Instance:
    """One instance of the group.

    state: Auto Scaling's LifecycleState. launched_with: "launch configuration NAME", "launch template ID version N", or
    empty when what launched it no longer exists. launched_at: EC2's LaunchTime, 0 when EC2 no longer knows it.
    in_service_at: when the group had it InService, 0 when its activities no longer tell. protected: from scale-in.
    """

    instance_id: str
    state: str = RUNNING
    healthy: bool = True
    stale: bool = False
    launched_at: float = 0.0
    in_service_at: float = 0.0
    launched_with: str = ""
    private_ip: str = ""
    zone: str = ""
    protected: bool = False

    @property
    def serving(self) -> bool:
        """InService and healthy: its transactor may be up."""
        return self.state == RUNNING and self.healthy


@dataclasses.dataclass(frozen=True)
class Activity:
    """A scaling activity. instance_id is empty when it names none (a launch that failed).

    reason: "grown": somebody raised the group's desired size; "unhealthy": the instance had ended, or failed a check of
    AWS; empty for everything else.
    """

    activity_id: str
    kind: Literal["launch", "terminate", "other"]
    status: str
    started_at: float
    ended_at: float = 0.0
    instance_id: str = ""
    message: str = ""
    reason: Literal["grown", "unhealthy", ""] = ""

    @property
    def failed(self) -> bool:
        return self.status in ("Failed", "Cancelled")

    @property
    def over(self) -> bool:
        return self.failed or self.status == "Successful"


@dataclasses.dataclass(frozen=True)
class Beats:
    """A minute's statistics of one heartbeat metric: how many beats, and their sum in milliseconds."""

    started_at: float
    count: float
    sum_msec: float


@dataclasses.dataclass(frozen=True)
class Metrics:
    """The heartbeats under the system's dimension value, oldest first.

    interval_msec: what the transactor file says. active: HeartbeatMsec, standby: HeartMonitorMsec. since: of minutes
    before that nothing is known.
    """

    interval_msec: float
    active: tuple[Beats, ...] = ()
    standby: tuple[Beats, ...] = ()
    since: float = 0.0

    @property
    def rate(self) -> float:
        """Beats of one process per minute."""
        return MINUTE * 1000 / self.interval_msec


@dataclasses.dataclass(frozen=True)
class Circumstances:
    """What goes on with the group beside a replacement.

    suspended: the group's suspended processes. refresh: the status of an instance refresh under way, else empty.
    warm: how many instances its warm pool holds, None without one. protects_new: the group protects what it
    launches from scale-in. stack_status: the stack's status, empty without a stack. deleting: the group's status while
    it is deleted.
    """

    suspended: tuple[str, ...] = ()
    refresh: str = ""
    warm: int | None = None
    protects_new: bool = False
    stack_status: str = ""
    deleting: str = ""


@dataclasses.dataclass(frozen=True)
class Observed:
    """A group at one moment.

    now: by AWS's clock. sizes: what the group has; own: what it has outside a replacement, as its stack says;
    own_known: own comes from the stack or from the note that an earlier run left, not just from the group as it is.
    noted: there is such a note, whether it counts or not.
    room: how many more instances its subnets can take. zones: the group's. activities: newest first. metrics: None
    when the transactor file names no region or no dimension. around: what else goes on with the group.
    """

    group: str
    now: float
    sizes: Sizes
    own: Sizes
    own_known: bool = True
    noted: bool = False
    instances: tuple[Instance, ...] = ()
    room: int = 1_000_000
    zones: tuple[str, ...] = ()
    activities: tuple[Activity, ...] = ()
    metrics: Metrics | None = None
    around: Circumstances = Circumstances()

    @property
    def members(self) -> tuple[Instance, ...]:
        """Those that count as the group's capacity, oldest first."""
        present = [instance for instance in self.instances if instance.state in (RUNNING, *STARTING)]
        return tuple(sorted(present, key=lambda instance: (instance.launched_at or self.now, instance.instance_id)))

    @property
    def serving(self) -> tuple[Instance, ...]:
        return tuple(instance for instance in self.members if instance.serving)

    @property
    def stopping(self) -> tuple[Instance, ...]:
        return tuple(instance for instance in self.instances if instance.state in STOPPING)

    @property
    def launching(self) -> bool:
        """The group is still about to launch, or what it launched is not in service yet."""
        return self.sizes.desired > len(self.members) or any(member.state != RUNNING for member in self.members)

    @property
    def launch_under_way(self) -> bool:
        """An instance is being launched that does not count yet."""
        present = {instance.instance_id for instance in self.instances}
        return any(not one.over and one.instance_id not in present for one in self._kind("launch"))

    @property
    def balancing(self) -> bool:
        """More instances than the group wants: it terminates some itself, as AZRebalance does after a launch."""
        return len(self.members) > self.sizes.desired

    @property
    def last_stop(self) -> float:
        """When the newest termination was over, as far as is known; 0 without one."""
        ends = (activity.ended_at or activity.started_at for activity in self._kind("terminate"))
        return max(ends, default=0.0)

    def ended_between(self, first: float, last: float) -> int:
        """How many terminations began between two moments."""
        return sum(first <= activity.started_at < last for activity in self._kind("terminate"))

    @property
    def grown_at(self) -> float:
        """When the group began to launch for a desired size that somebody raised last; now when that is not known."""
        begun = (activity.started_at for activity in self._kind("launch") if activity.reason == "grown")
        return max(begun, default=self.now)

    def ended_by_themselves(self, since: float) -> tuple[str, ...]:
        """Instances launched since a moment that ended though nobody terminated them; the oldest first.

        One whose end the group has not noticed yet counts too.
        """
        launched = [each.instance_id for each in reversed(self._kind("launch")) if each.started_at >= since]
        ended = {each.instance_id for each in self._kind("terminate") if each.reason == "unhealthy"}
        ended |= {member.instance_id for member in self.members if not member.healthy}
        return tuple(instance_id for instance_id in launched if instance_id in ended)

    def activities_since(self, since: str) -> tuple[Activity, ...]:
        """Those after the activity since; newest first."""
        return tuple(itertools.takewhile(lambda activity: activity.activity_id != since, self.activities))

    def failed_launches(self, since: str) -> tuple[Activity, ...]:
        """Launches that failed after the activity since; newest first. A success or a termination ends the count."""
        failed = []
        for activity in self.activities_since(since):
            if activity.status == "Successful" or activity.kind == "terminate":
                break
            if activity.kind == "launch" and activity.failed:
                failed.append(activity)
        return tuple(failed)

    def failed_rounds(self, since: str) -> int:
        """How often the group has tried in vain; what it tries at one moment, an instance each, is one round."""
        rounds, last = 0, 0.0
        for started in sorted(activity.started_at for activity in self.failed_launches(since)):
            if not rounds or started >= last + ROUND_SECONDS:
                rounds, last = rounds + 1, started
        return rounds

    def _kind(self, kind: str) -> tuple[Activity, ...]:
        return tuple(activity for activity in self.activities if activity.kind == kind)


@dataclasses.dataclass(frozen=True)
class Goal:
    """What a run wants, the same from its first call to its last.

    replacing: the instances to replace; None: the stale ones. since: the newest activity before the run.
    new_since: what was launched since that moment is this run's, or the killed run's that this one continues.
    settle_seconds: how long an instance has to be in service when there are no metrics.
    shrinking: only end what the group has beyond its own size. acted: this run has already changed something.
    giving_up: the time is over; go back to a whole group.
    """

    strategy: Strategy = "rolling"
    replacing: frozenset[str] | None = None
    since: str = ""
    new_since: float = 0.0
    settle_seconds: float = 300.0
    shrinking: bool = False
    acted: bool = False
    giving_up: bool = False

    @property
    def doomed(self) -> Callable[[Instance], bool]:
        """Whether an instance has to go."""
        replacing = self.replacing
        if replacing is None:
            return lambda instance: instance.stale
        return lambda instance: instance.instance_id in replacing
