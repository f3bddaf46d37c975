# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulator of Datomic's transactors on the instances of auto scaling groups, and of a peer that writes all the time.

Each instance runs one transactor after its boot time. Of those on one storage (a table) one is active, by
compare-and-set on the heartbeat that it writes; the others stand by. A standby's loop sleeps one interval, reads the
heartbeat, and counts a timestamp that has not changed as missed; when two in a row are missed, it takes over. It
looks at its own phase, so that this is between one and three intervals after the active one's end. A fresh transactor
does the same, also when nobody is active. Peers look for the new one every second. Each process reports its beats to
CloudWatch once a minute. All of it is computed from moments on the emulated clock whenever the emulator is called, so
an outage is exact however slowly a test runs.

Sources: "High Availability", https://docs.datomic.com/operation/ha.html; "Monitoring Datomic",
https://docs.datomic.com/operation/monitoring.html; "Transactor properties: heartbeat-interval-msec",
https://docs.datomic.com/operation/system-properties.html. The standby's loop is that of Datomic's released classes
(datomic.lifecycle-ext), which takes longer than the page on High Availability says. If a process that gets SIGTERM
resigns is unproved: here it does not.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal

from moto.autoscaling.models import InstanceState
from moto.cloudwatch.models import cloudwatch_backends
from moto.s3.models import s3_backends

from tests.emulator.clock import CLOCK, naive
from tests.emulator.corrections.autoscaling_capacity import ended_elsewhere
from tests.emulator.corrections.autoscaling_instances import HISTORY, NEVER
from tests.emulator.settings import SETTINGS
from tests.emulator.user_data import properties, text

MISSED = 2
"""Heartbeats in a row after which a standby takes over."""
CATCH_UP = 0.1
"""Seconds from then until it is active: a conditional write, and the rest of the log."""
PEER_POLL = 1.0
"""Seconds between two looks of a peer that has lost its transactor."""
MINUTE = 60.0

Role = Literal["booting", "standby", "active", "stuck", "dead"]
METRICS: dict[Role, str] = {"active": "HeartbeatMsec", "standby": "HeartMonitorMsec"}


@dataclasses.dataclass
class System:
    """The transactors of one storage. beat: the moment of the last heartbeat in it. down: since when none is active."""

    name: str
    active: Transactor | None = None
    beat: float | None = None
    down: float | None = None
    outages: list[tuple[float, float]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Transactor:
    """One process. marks: what a mode's key is looked for in. interval: seconds between heartbeats.

    roles: when each role began, for counting beats.
    """

    instance: InstanceState
    system: System
    properties: dict[str, str]
    marks: str
    interval: float
    starts: float = NEVER
    role: Role = "booting"
    since: float = NEVER
    reports: float = NEVER
    roles: list[tuple[Role, float]] = dataclasses.field(default_factory=list)
    log: list[str] = dataclasses.field(default_factory=list)

    @property
    def mode(self) -> str:
        """What is wrong with it as the settings are now, so that it can begin in the middle."""
        return next((mode for part, mode in SETTINGS.modes.items() if part in self.marks), "")

    def become(self, role: Role) -> None:
        now = CLOCK.now()
        self.role, self.since = role, now
        self.roles.append((role, now))
        self.say(f"INFO  datomic.transactor - {{:event :transactor/{role}, :system {self.system.name}}}")

    def say(self, line: str) -> None:
        self.log.append(f"{CLOCK.utcnow().isoformat(sep=' ', timespec='milliseconds')} {line}")

    def beats(self, role: Role, begin: float, end: float) -> int:
        """How many beats of a role it made after begin, until end."""
        count = 0
        for position, (name, since) in enumerate(self.roles):
            until = self.roles[position + 1][1] if position + 1 < len(self.roles) else end
            first, last = max(since, begin), min(until, end)
            if name == role and first < last:
                count += _ticks(since, self.interval, last) - _ticks(since, self.interval, first)
        return count

    @property
    def ended(self) -> float:
        return float(self.instance.ended)


def _ticks(since: float, interval: float, until: float) -> int:
    return max(0, int((until - since) / interval + 1e-9))


def _takes_over(standby: Transactor, beat: float | None) -> float:
    """When a standby is active, as its loop looks at the heartbeat. beat: the last one; None: there was none."""
    looks = math.ceil((beat - standby.since) / standby.interval - 1e-9) if beat is not None else 0
    return standby.since + (max(0, looks) + MISSED) * standby.interval + CATCH_UP


class Fleet:
    """All transactors of the emulator, one a process as moto's accounts are."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.systems: dict[str, System] = {}
        self.transactors: list[Transactor] = []
        self._seen = 0
        self._batches: list[tuple[float, str, list[dict[str, Any]]]] = []

    def watch(self) -> None:
        """Take notice of the instances launched since the last look, and of the transactors that are told to hang."""
        if not SETTINGS.simulator:
            return
        for one in self.transactors:
            if one.role in METRICS and one.mode == "hang":
                self._leave(one, "stuck", CLOCK.now())
        for instance in HISTORY[self._seen :]:
            self.transactors.append(self._transactor(instance))
        self._seen = len(HISTORY)

    def _transactor(self, instance: InstanceState) -> Transactor:
        group, user_data = instance.auto_scaling_group, text(instance.instance.user_data)
        given = {**SETTINGS.transactor_properties, **properties(user_data)}
        table = given.get("aws-dynamodb-table")
        name = f"{given.get('aws-dynamodb-region', group.region)}/{table}" if table else group.name
        one = Transactor(
            instance=instance,
            system=self.systems.setdefault(name, System(name)),
            properties=given,
            marks=_marks(instance, user_data),
            interval=float(given.get("heartbeat-interval-msec") or 5000) / 1000,
        )
        one.starts = instance.launched + (SETTINGS.slow_boot if one.mode == "slow" else SETTINGS.boot)
        return one

    def next_due(self) -> float:
        moments = [NEVER, *(moment for moment, _region, _data in self._batches)]
        for one in self.transactors:
            if one.role != "dead":
                moments += [one.ended, one.starts if one.role == "booting" else NEVER, one.reports]
        moments += [self._takeover(system)[0] for system in self.systems.values()]
        return min(moments)

    def run_due(self) -> None:
        """What is due now: ends, then starts, takeovers, reports, and what CloudWatch shows by now."""
        now = CLOCK.now()
        for one in [one for one in self.transactors if one.role != "dead"]:
            if one.ended <= now:
                self._end(one)
            elif one.role == "booting" and one.starts <= now:
                self._start(one)
        for system in self.systems.values():
            moment, successor = self._takeover(system)
            if successor is not None and moment <= now:
                self._take_over(system, successor)
        for one in self.transactors:
            if one.reports <= now:
                self._report(one)
        for batch in [batch for batch in self._batches if batch[0] <= now]:
            self._batches.remove(batch)
            _moment, region, data = batch
            account = next(iter(self.transactors)).instance.auto_scaling_group.account_id
            cloudwatch_backends[account][region].put_metric_data("Datomic", data)

    def _start(self, one: Transactor) -> None:
        bucket = one.properties.get("aws-s3-log-bucket-id")
        crash, _colon, told = one.mode.partition(": ")
        if crash == "crash" or (bucket and bucket not in _buckets(one)):
            missing = bucket and bucket not in _buckets(one)
            why = f"log bucket {bucket} is not writable" if missing else told or "out of memory"
            one.say(f"ERROR datomic.transactor - Critical failure, cannot continue: {why}")
            ended_elsewhere(one.instance)
            one.instance.auto_scaling_group.ec2_backend.terminate_instances([one.instance.instance_id])
            self._end(one)
        elif one.mode == "unhealthy":
            one.become("stuck")
            one.say("WARN  datomic.transactor - Heartbeat failed, storage does not answer")
        else:
            one.become("standby")
            one.reports = CLOCK.now() + MINUTE

    def _takeover(self, system: System) -> tuple[float, Transactor | None]:
        """When who becomes active, as things stand."""
        standbys = [one for one in self.transactors if one.system is system and one.role == "standby"]
        if system.active is not None or not standbys:
            return NEVER, None
        return min(((_takes_over(one, system.beat), one) for one in standbys), key=lambda pair: pair[0])

    def _take_over(self, system: System, one: Transactor) -> None:
        now = CLOCK.now()
        one.become("active")
        system.active = one
        if system.down is not None:
            polls = math.ceil((now - system.down) / PEER_POLL - 1e-6)
            system.outages.append((system.down, system.down + polls * PEER_POLL))
            system.down = None

    def _leave(self, one: Transactor, role: Role, moment: float) -> None:
        """It beat for the last time before that moment: as one that ended, or hangs."""
        system = one.system
        if system.active is one:
            system.active, system.down = None, moment
            system.beat = one.since + _ticks(one.since, one.interval, moment) * one.interval
        one.become(role)
        one.reports = NEVER

    def _end(self, one: Transactor) -> None:
        last_role = one.role
        self._leave(one, "dead", one.ended)
        self._keep_log(one, "active" if last_role == "active" else "standby")

    def _keep_log(self, one: Transactor, role: str) -> None:
        """The last log lines go to <bucket>/<table>/<active|standby>/<time>/, so that the prefix tells the role."""
        bucket, table = one.properties.get("aws-s3-log-bucket-id"), one.properties.get("aws-dynamodb-table", "datomic")
        if bucket in _buckets(one):
            time = CLOCK.utcnow().strftime("%Y-%m-%d-%H-%M-%S")
            key = f"{table}/{role}/{time}/{one.instance.instance_id}.log"
            _s3(one).put_object(bucket, key, ("\n".join(one.log) + "\n").encode())

    def _report(self, one: Transactor) -> None:
        now = CLOCK.now()
        one.reports = now + MINUTE
        if one.mode == "mute":
            return
        dimension = one.properties.get("aws-cloudwatch-dimension-value") or SETTINGS.dimension
        region = one.properties.get("aws-cloudwatch-region") or one.instance.auto_scaling_group.region
        if not dimension:
            return
        data = [
            _datum(metric, dimension, count, one.interval * 1000)
            for role, metric in METRICS.items()
            if (count := one.beats(role, now - MINUTE, now))
        ]
        self._batches.append((now + SETTINGS.metrics_delay, region, data))

    def outages(self) -> list[dict[str, Any]]:
        """Each time without an active transactor, the last one until now if it goes on."""
        found = []
        for system in self.systems.values():
            open_now = [] if system.down is None else [(system.down, CLOCK.now())]
            found += [
                {"system": system.name, "start": start, "milliseconds": round((end - start) * 1000, 3)}
                for start, end in system.outages + open_now
            ]
        return found

    def measure(self) -> None:
        """Forget the outages so far; one that goes on counts from now."""
        for system in self.systems.values():
            system.outages.clear()
            if system.down is not None:
                system.down = CLOCK.now()

    def shown(self) -> list[dict[str, Any]]:
        return [
            {
                "instance_id": one.instance.instance_id,
                "system": one.system.name,
                "role": one.role,
                "since": None if one.since == NEVER else one.since,
                "mode": one.mode,
                "roles": one.roles,
                "log": one.log,
            }
            for one in self.transactors
        ]


def _marks(instance: InstanceState, user_data: str) -> str:
    """What a mode's key is looked for in: instance id, launch configuration or template:version, user data."""
    version = instance.launch_version or {}
    template = f"{version.get('LaunchTemplateName')}:{version.get('Version')}"
    return "\n".join((instance.instance_id, instance.launch_name or "", template, user_data))


def _datum(metric: str, dimension: str, count: int, milliseconds: float) -> dict[str, Any]:
    return {
        "MetricName": metric,
        "Dimensions": [{"Name": "Transactor", "Value": dimension}],
        "Unit": "Milliseconds",
        "Timestamp": naive(CLOCK.now()),
        "StatisticValues": {
            "SampleCount": count,
            "Sum": count * milliseconds,
            "Minimum": milliseconds,
            "Maximum": milliseconds,
        },
    }


def _s3(one: Transactor) -> Any:
    return s3_backends[one.instance.auto_scaling_group.account_id]["aws"]


def _buckets(one: Transactor) -> Any:
    return _s3(one).buckets


FLEET = Fleet()
