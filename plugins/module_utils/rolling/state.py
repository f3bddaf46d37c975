# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A group and its transactors at one moment, and what a run wants of them. Times are AWS's, in seconds since 1970."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Literal

Strategy = Literal["rolling", "terminate"]
OldLeft = Literal["all", "some", "none"]
"""How many old transactors a failed replacement left. all: and no new one serves. none: new ones serve."""
MINUTE = 60.0
IN_SERVICE = "InService"
STARTING = ("Pending", "Pending:Wait", "Pending:Proceed")
STOPPING = ("Terminating", "Terminating:Wait", "Terminating:Proceed")
NORMAL_STATES = (IN_SERVICE, *STARTING, *STOPPING, "Terminated", "Detached")
"""In any other state an instance may run, but does not count as capacity of its group."""
ROUND_SECONDS = 10.0
"""Launches that begin within so many seconds are one attempt of the group."""
UNLIMITED = 1_000_000


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

    state: Auto Scaling's LifecycleState. outdated: the group would launch something else now. launched_with: "launch
    configuration NAME", "launch template ID version N", or empty when it was deleted since. launched_at: 0 when EC2 no
    longer knows it. in_service_at: 0 when no activity shows it. protected: from scale-in.
    """

    instance_id: str
    state: str = IN_SERVICE
    healthy: bool = True
    outdated: bool = False
    launched_at: float = 0.0
    in_service_at: float = 0.0
    launched_with: str = ""
    private_ip: str = ""
    zone: str = ""
    protected: bool = False

    @property
    def serving(self) -> bool:
        """InService and healthy: its transactor may be up."""
        return self.state == IN_SERVICE and self.healthy


@dataclasses.dataclass(frozen=True)
class Activity:
    """A scaling activity. instance_id: empty for a launch that failed.

    reason: "grown": the desired size was raised; "unhealthy": the instance ended, or failed a check of AWS.
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
    """One minute of a heartbeat metric: how many beats, and their sum in milliseconds."""

    started_at: float
    count: float
    sum_msec: float


@dataclasses.dataclass(frozen=True)
class Metrics:
    """The heartbeats under the system's dimension value, oldest first.

    interval_msec: of the transactor file. active: HeartbeatMsec. standby: HeartMonitorMsec. since: of the first minute.
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
class Observed:
    """A group at one moment.

    configured_sizes: the sizes outside a replacement; configured_sizes_known: the stack or the tag gives them, not only
    the group. saved_sizes: what the tag of an earlier run holds. launches: in the words of Instance.launched_with.
    subnets: ids. room: how many more instances they can take. activities: newest first. metrics: None without a region
    or a dimension value. suspended: processes. refresh: the status of an instance refresh under way, else empty.
    warm_pool: how many instances it holds, None without one. protects_new: from scale-in. stack_name, stack_status:
    empty without a stack. deleting: the group's status while AWS deletes it.
    """

    group: str
    now: float
    sizes: Sizes
    configured_sizes: Sizes
    configured_sizes_known: bool = True
    saved_sizes: Sizes | None = None
    instances: tuple[Instance, ...] = ()
    launches: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    room: int = UNLIMITED
    zones: tuple[str, ...] = ()
    activities: tuple[Activity, ...] = ()
    metrics: Metrics | None = None
    suspended: tuple[str, ...] = ()
    refresh: str = ""
    warm_pool: int | None = None
    protects_new: bool = False
    stack_name: str = ""
    stack_status: str = ""
    deleting: str = ""

    def configured_by(self, template: Mapping[str, int]) -> Observed:
        """The group with the sizes of its stack's template: MinSize, MaxSize, DesiredCapacity, as far as it has them.

        The tag of an earlier run gives the others, or else the group.
        """
        saved = self.saved_sizes
        if saved and (saved.minimum != self.sizes.minimum or saved.maximum > self.sizes.maximum):
            saved = None  # somebody has changed the sizes since
        rest = saved or self.sizes
        minimum = template.get("MinSize", rest.minimum)
        maximum = template.get("MaxSize", rest.maximum)
        desired = min(maximum, max(minimum, template.get("DesiredCapacity", rest.desired)))
        known = len(template) == 3 or saved is not None
        return dataclasses.replace(
            self, configured_sizes=Sizes(minimum, maximum, desired), configured_sizes_known=known
        )

    @property
    def members(self) -> tuple[Instance, ...]:
        """The instances that count as capacity, oldest first."""
        present = [instance for instance in self.instances if instance.state in (IN_SERVICE, *STARTING)]
        return tuple(sorted(present, key=lambda instance: (instance.launched_at or self.now, instance.instance_id)))

    @property
    def has_outdated(self) -> bool:
        return any(instance.outdated for instance in self.instances)

    @property
    def is_current(self) -> bool:
        """Whether there are instances, and all run what the group launches now."""
        return bool(self.instances) and not self.has_outdated

    @property
    def surplus(self) -> int:
        """How many members the group has above its configured size; negative when some are missing."""
        return len(self.members) - self.configured_sizes.desired

    @property
    def stopping(self) -> tuple[Instance, ...]:
        return tuple(instance for instance in self.instances if instance.state in STOPPING)

    @property
    def launching(self) -> bool:
        """An instance is missing, or is not in service yet."""
        return self.sizes.desired > len(self.members) or any(member.state != IN_SERVICE for member in self.members)

    @property
    def launch_under_way(self) -> bool:
        """An instance is being launched that is no member yet."""
        present = {instance.instance_id for instance in self.instances}
        return any(not one.over and one.instance_id not in present for one in self._activities("launch"))

    @property
    def is_steady(self) -> bool:
        """At its configured sizes, with everything in service and healthy."""
        settled = self.sizes == self.configured_sizes and not self.launching and not self.stopping
        return settled and all(member.serving for member in self.members)

    @property
    def last_stop(self) -> float:
        """The end of the latest termination; 0 without one."""
        return max((one.ended_at or one.started_at for one in self._activities("terminate")), default=0.0)

    @property
    def grown_at(self) -> float:
        """When the group began to launch for the desired size that was raised last; now when no activity shows it."""
        begun = (activity.started_at for activity in self._activities("launch") if activity.reason == "grown")
        return max(begun, default=self.now)

    def ended_between(self, first: float, last: float) -> int:
        """How many terminations began between two moments."""
        return sum(first <= activity.started_at < last for activity in self._activities("terminate"))

    def ended_by_themselves(self, since: float) -> tuple[str, ...]:
        """Instances launched since a moment that ended without being terminated, oldest first.

        One whose end its group has not noticed yet counts too.
        """
        launched = [each.instance_id for each in reversed(self._activities("launch")) if each.started_at >= since]
        ended = {each.instance_id for each in self._activities("terminate") if each.reason == "unhealthy"}
        ended |= {member.instance_id for member in self.members if not member.healthy}
        return tuple(instance_id for instance_id in launched if instance_id in ended)

    def activities_since(self, since: str) -> tuple[Activity, ...]:
        """The activities after the one of this ID; newest first."""
        return tuple(itertools.takewhile(lambda activity: activity.activity_id != since, self.activities))

    def failed_launches(self, since: str) -> tuple[Activity, ...]:
        """Launches that failed after that activity; newest first. A success or a termination ends the count."""
        failed = []
        for activity in self.activities_since(since):
            if activity.status == "Successful" or activity.kind == "terminate":
                break
            if activity.kind == "launch" and activity.failed:
                failed.append(activity)
        return tuple(failed)

    def failed_rounds(self, since: str) -> int:
        """How many times in a row the group could not launch. Launches of one moment are one round."""
        rounds, last = 0, 0.0
        for started in sorted(activity.started_at for activity in self.failed_launches(since)):
            if not rounds or started >= last + ROUND_SECONDS:
                rounds, last = rounds + 1, started
        return rounds

    def _activities(self, kind: str) -> tuple[Activity, ...]:
        return tuple(activity for activity in self.activities if activity.kind == kind)


@dataclasses.dataclass(frozen=True)
class Goal:
    """What a run wants.

    replacing: the instances to replace; None: the outdated ones. since: the newest activity before the run. new_since:
    instances launched since that moment belong to this run, or to the stopped run that it continues. settle_seconds:
    how long an instance has to be in service without metrics. shrinking: only terminate the surplus. acted: this run
    has changed something. rolling_back: return to the configured sizes with what serves. until_takeover: stop before an
    old transactor is terminated. kept: the surplus is chosen among the others, if there are any.
    """

    strategy: Strategy = "rolling"
    replacing: frozenset[str] | None = None
    since: str = ""
    new_since: float = 0.0
    settle_seconds: float = 300.0
    shrinking: bool = False
    acted: bool = False
    rolling_back: bool = False
    until_takeover: bool = False
    kept: frozenset[str] = frozenset()

    def is_outdated(self, instance: Instance) -> bool:
        """Whether the run has to replace it."""
        return instance.outdated if self.replacing is None else instance.instance_id in self.replacing

    def outdated(self, observed: Observed) -> tuple[Instance, ...]:
        """The members to replace, oldest first."""
        return tuple(member for member in observed.members if self.is_outdated(member))

    def fresh(self, observed: Observed) -> tuple[Instance, ...]:
        """The other members, oldest first."""
        return tuple(member for member in observed.members if not self.is_outdated(member))
