# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What replace_transactors does in one call: look, decide, do one step; the action plugin of the same name goes on."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

from ..aws import autoscaling, cloudwatch, diagnostics, stack
from ..aws.client import Clients
from ..aws.stack import Stack
from ..aws.sts import refuse_other_account
from ..errors import AwsError, DatomicError, Finding, InputError
from ..properties import file as properties_file
from ..properties import keys
from ..properties.file import Properties
from ..rolling import readiness, smaller
from ..rolling.actions import Done, Resize, Step, Stop, Terminate, Wait
from ..rolling.planner import next_step
from ..rolling.preview import outlook
from ..rolling.reporter import as_returned, snapshot
from ..rolling.state import ROUND_SECONDS, Goal, Observed
from ..steps.stack.failures import GROUP_TYPE
from ..util import clock, redact
from .observed_group import observed_group

HEARTBEAT = keys.TRANSACTOR["heartbeat-interval-msec"]
CALLBACK = "metrics-callback"
BUSY = "ScalingActivityInProgress"
"""AWS's code for a request that the group takes a little later, which botocore does not send again.

https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html
"""
SHORTEST_PAUSE = 0.1
"""Seconds between two looks: fewer would only run into AWS's limits."""
SHOWN_ACTIVITIES = 3
SHOWN_MINUTES = 5
SHOWN_CONSOLES = 2
"""Of instances that ended by themselves: the newest."""


@dataclasses.dataclass(frozen=True)
class Options:
    """The module's options. Empty texts and zeros: not given."""

    stack_name: str = ""
    auto_scaling_group_name: str = ""
    account_id: str = ""
    strategy: str = "rolling"
    when: str = "stale"
    transactor_src: str = ""
    heartbeat_interval_msec: int | None = None
    cloudwatch_region: str = ""
    cloudwatch_dimension_value: str = ""
    log_bucket: str = ""
    table: str = ""
    settle_seconds: int = 300
    poll_seconds: float = 5.0
    size: int | None = None


@dataclasses.dataclass(frozen=True)
class System:
    """How the system reports, by its properties file and the options that win over it."""

    interval_msec: int
    region: str
    dimension: str
    log_bucket: str
    table: str
    secrets: tuple[str, ...] = ()
    callback: str = ""

    @property
    def reports(self) -> bool:
        """Whether heartbeats reach CloudWatch; a callback gets all metrics instead."""
        return bool(self.region and self.dimension and not self.callback)

    @property
    def advice(self) -> str:
        """How to have heartbeats."""
        if self.callback:
            return f"{CALLBACK} in the transactor's properties file replaces the reporter to CloudWatch."
        return "Set aws-cloudwatch-region and aws-cloudwatch-dimension-value in the transactor's properties file."


def system(options: Options) -> System:
    """Read the transactor's file, if there is one."""
    file = properties_file.read(options.transactor_src) if options.transactor_src else None
    if wrong := _wrong(options, file):
        raise InputError(wrong)

    def value(key: str, given: str = "") -> str:
        return given or (file.get(key).strip() if file else "")

    return System(
        interval_msec=options.heartbeat_interval_msec or int(value(HEARTBEAT.name) or HEARTBEAT.default),
        region=value("aws-cloudwatch-region", options.cloudwatch_region),
        dimension=value("aws-cloudwatch-dimension-value", options.cloudwatch_dimension_value),
        log_bucket=value("aws-s3-log-bucket-id", options.log_bucket),
        table=options.table or (keys.table_of(file.as_dict()) if file else ""),
        secrets=keys.secrets(file) if file else (),
        callback=value(CALLBACK),
    )


def _wrong(options: Options, file: Properties | None) -> list[Finding]:
    """What nothing can be reckoned with."""
    given, least = options.heartbeat_interval_msec, HEARTBEAT.minimum or 0
    bounds = [
        ("heartbeat_interval_msec", given, least),
        ("settle_seconds", options.settle_seconds, 0),
        ("poll_seconds", options.poll_seconds, SHORTEST_PAUSE),
        ("size", options.size, 1),
    ]
    found = [
        Finding("invalid-value", f"{value} is too little", key=name, suggestion=f"write at least {minimum}")
        for name, value, minimum in bounds
        if value is not None and value < minimum
    ]
    if file and given is None:
        found += [finding for finding in keys.check(file, "transactor") if finding.key == HEARTBEAT.name]
    return found


class Cloud:
    """What one call sees of AWS, and what it changes there."""

    def __init__(self, aws: Clients, options: Options, of: System) -> None:
        self._aws = aws
        self._system = of
        self._size = options.size
        # Whether the youngest has ever beaten is known from the minutes before its launch.
        self._history = cloudwatch.LONG_HISTORY if options.when == "surplus" else cloudwatch.HISTORY
        self._autoscaling = aws.client("autoscaling")
        self._ec2 = aws.client("ec2")
        self._cloudwatch = aws.client("cloudwatch", region=of.region) if of.reports else None
        self._stack = self._find_stack(options.stack_name) if options.stack_name else None
        self._name = options.auto_scaling_group_name
        if options.stack_name:
            self._name = self._stack.group if self._stack else ""
            self._missing = _no_group(options.stack_name, self._stack)
        else:
            self._missing = f"There is no auto scaling group {self._name}."

    def _find_stack(self, name: str) -> Stack | None:
        return stack.observe(self._aws.client("cloudformation"), name)

    def observe(self) -> Observed | None:
        """The group as it is now; None when there is none."""
        group = autoscaling.observe(self._autoscaling, self._ec2, self._name) if self._name else None
        if group is None:
            return None
        if self._stack is None and group.tags.get(autoscaling.STACK_TAG):
            self._stack = self._find_stack(group.tags[autoscaling.STACK_TAG])
        metrics = None
        if self._cloudwatch is not None:
            metrics = cloudwatch.observe(
                self._cloudwatch, self._system.dimension, self._system.interval_msec, group.now, self._history
            )
        return smaller.to_come(observed_group(group, self._stack, metrics), self._size)

    def expected(self) -> Observed:
        """The group as it is now, which has to be there."""
        observed = self.observe()
        if observed is None:
            raise DatomicError(self.missing)
        return observed

    @property
    def missing(self) -> str:
        """Why there is no group, in words."""
        return self._missing

    def carry_out(self, group: str, step: Step) -> Step:
        """Do what the step says; the step as far as it was done.

        One that fails in the middle was done in part, which has to be told. The next look finds what is left of it.
        """
        if isinstance(step, Resize):
            if step.note:
                autoscaling.save_sizes_tag(self._autoscaling, group, step.note)
            autoscaling.resize(self._autoscaling, group, step.sizes)
            if step.forget:
                autoscaling.delete_sizes_tag(self._autoscaling, group)
        elif isinstance(step, Terminate):
            for done, instance_id in enumerate(step.instance_ids):
                try:
                    autoscaling.terminate(self._autoscaling, instance_id, decrement=step.decrement)
                except AwsError:
                    if not done:
                        raise
                    return dataclasses.replace(step, instance_ids=step.instance_ids[:done])
        return step

    def evidence(self, observed: Observed, goal: Goal) -> list[str]:
        """What was seen of a failure: activities, heartbeats, consoles, the last log. Secrets are masked."""
        failed = [one.message for one in observed.activities_since(goal.since) if one.failed and one.message]
        lines = [f"Scaling activity: {message}" for message in dict.fromkeys(failed)][:SHOWN_ACTIVITIES]
        lines += _heartbeats(observed)
        new = readiness.newcomers(observed, goal) or tuple(
            one for one in readiness.recent(observed) if not goal.doomed(one)
        )
        ended = observed.ended_by_themselves(goal.new_since)
        suspects = dict.fromkeys([*ended[-SHOWN_CONSOLES:], *(instance.instance_id for instance in new)])
        for instance_id in suspects:
            lines += diagnostics.console(self._ec2, instance_id)
        if self._system.log_bucket and suspects:
            since = min([goal.new_since if ended else observed.now, *(instance.launched_at for instance in new)])
            lines += diagnostics.log(self._aws.client("s3"), self._system.log_bucket, self._system.table, since)
        return [redact.values(line, self._system.secrets) for line in lines]


def _no_group(name: str, found: Stack | None) -> str:
    if found is None:
        return f"There is no stack {name}."
    return f"The stack {name} ({found.status}) has no resource {stack.LAUNCH_GROUP} of type {GROUP_TYPE}."


def _heartbeats(observed: Observed) -> list[str]:
    if observed.metrics is None:
        return []
    first = math.floor(observed.now / 60) - SHOWN_MINUTES
    lines = []
    for name, series in ((cloudwatch.ACTIVE, observed.metrics.active), (cloudwatch.STANDBY, observed.metrics.standby)):
        counts = {round(beats.started_at / 60): beats.count for beats in series}
        shown = " ".join(f"{counts.get(first + index, 0):.0f}" for index in range(SHOWN_MINUTES))
        lines.append(f"{name}, beats in each of the last {SHOWN_MINUTES} minutes: {shown}")
    return lines


def once(
    aws: Clients, options: Options, run: Mapping[str, Any], *, check_mode: bool, warn: Callable[[str], None]
) -> dict[str, Any]:
    """One call. run: what the run's first call returned as run, with seen and wait; empty in the first call.

    Returns changed, the step, a snapshot for the lines of progress, and run for the next call.
    """
    if options.when == "never":
        return {"changed": False, "replaced": [], "ended": [], "steps": []}
    if "since" not in run:
        refuse_other_account(aws, options.account_id)
    of = system(options)
    cloud = Cloud(aws, options, of)
    observed = cloud.observe()
    if observed is None:
        if check_mode:
            return {"changed": False, "replaced": [], "ended": [], "steps": [], "note": cloud.missing}
        raise DatomicError(cloud.missing)
    goal = _goal(options, run, observed)
    finishing = options.when == "stale" and any(member.stale for member in observed.members)
    if check_mode and options.size and not goal.shrinking and not finishing:
        observed = smaller.afterwards(observed)  # another run, with when: surplus, comes before this one
    if "since" not in run and (finding := smaller.finding(observed, goal, of.interval_msec, reports=of.reports)):
        warn(finding)
    if check_mode:
        return _foreseen(observed, goal)
    to_be_proven = options.strategy == "rolling" and any(goal.doomed(member) for member in observed.members)
    if "since" not in run and to_be_proven and not of.reports:
        warn(
            "Without metrics nothing proves that a new transactor stands by before an old one goes: only "
            f"{options.settle_seconds} s in service are waited for. {of.advice}"
        )
    until = clock.now() + float(run.get("wait") or 0)
    while True:
        step = next_step(observed, goal)
        seen = snapshot(observed, goal, step)
        if not isinstance(step, Wait) or seen != run.get("seen") or clock.now() >= until:
            break
        clock.sleep(min(options.poll_seconds, until - clock.now()))
        observed = cloud.expected()
    failing = isinstance(step, Stop) or goal.giving_up
    found: list[str] = []
    if failing and not run.get("reported"):
        found = cloud.evidence(observed, goal)
        # That took its time. What is changed follows from how things stand now.
        observed = cloud.expected()
        step = next_step(observed, goal)
        seen = snapshot(observed, goal, step)
    try:
        step = cloud.carry_out(observed.group, step)
    except AwsError as error:
        if error.code != BUSY:
            raise
        clock.sleep(options.poll_seconds)
        step = Wait("another scaling activity of the group to end")
    return {
        "changed": isinstance(step, (Resize, Terminate)),
        "step": as_returned(step),
        "snapshot": seen,
        "evidence": found,
        "run": {
            "replacing": None if goal.replacing is None else sorted(goal.replacing),
            "since": goal.since,
            "new_since": goal.new_since,
            "acted": goal.acted,
            "giving_up": goal.giving_up,
            "reported": bool(failing),
        },
    }


def _goal(options: Options, run: Mapping[str, Any], observed: Observed) -> Goal:
    """What the run wants: fixed by its first call, handed back by the later ones."""
    if "since" not in run:
        replacing = _replacing(options, observed)
        since = observed.activities[0].activity_id if observed.activities else ""
        # A killed run's surge goes on: what has ended in it counts.
        surging = observed.sizes.desired > observed.own.desired
        new_since = observed.grown_at if surging else observed.now
        if not any(member.stale for member in observed.members) and replacing is None:
            # Those of a new stack were launched before the run began.
            launched = [member.launched_at - ROUND_SECONDS for member in readiness.recent(observed)]
            new_since = min([new_since, *launched])
        acted = giving_up = False
    else:
        replacing = None if run.get("replacing") is None else frozenset(run["replacing"])
        since, acted, giving_up = str(run["since"]), bool(run.get("acted")), bool(run.get("giving_up"))
        new_since = float(run["new_since"])
    return Goal(
        strategy="terminate" if options.strategy == "terminate" else "rolling",
        replacing=replacing,
        since=since,
        new_since=new_since,
        settle_seconds=options.settle_seconds,
        shrinking=options.when == "surplus",
        acted=acted,
        giving_up=giving_up,
    )


def _replacing(options: Options, observed: Observed) -> frozenset[str] | None:
    if options.when == "surplus":
        return frozenset()
    return frozenset(member.instance_id for member in observed.members) if options.when == "always" else None


def _foreseen(observed: Observed, goal: Goal) -> dict[str, Any]:
    """Check mode: what would go, and the steps that would follow."""
    step = next_step(observed, goal)
    if isinstance(step, Stop):
        raise DatomicError(f"The transactors cannot be replaced now: {step.why}.")
    steps = [] if isinstance(step, Done) else outlook(observed, goal)
    doomed = [member for member in observed.members if goal.doomed(member)]
    return {
        "changed": bool(steps),
        "replaced": [member.instance_id for member in doomed],
        "ended": [member.instance_id for member in smaller.surplus(observed, goal)],
        "steps": steps,
        "diff": _diff(observed, goal),
    }


def _diff(observed: Observed, goal: Goal) -> list[dict[str, str]]:
    doomed = [member for member in observed.members if goal.doomed(member)]
    if not doomed:
        return []
    header = f"instances of {observed.group}"
    before = [
        f"{member.instance_id} {member.launched_with or 'a deleted launch configuration'}"
        for member in observed.members
    ]
    kept = [f"{member.instance_id} {member.launched_with}" for member in observed.members if member not in doomed]
    after = kept + ["<generated> what the group launches now"] * max(0, observed.own.desired - len(kept))
    return [
        {
            "before_header": header,
            "after_header": header,
            "before": "".join(f"{line}\n" for line in before),
            "after": "".join(f"{line}\n" for line in after),
        }
    ]
