# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What replace_transactors does: look, decide, and run the loop."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

from .. import screen
from ..aws import autoscaling, cloudwatch, diagnostics
from ..aws.client import Clients
from ..aws.stack import Stack
from ..aws.sts import refuse_other_account
from ..errors import AwsError, DatomicError, Finding, InputError
from ..properties import file as properties_file
from ..properties import keys
from ..properties.file import Properties
from ..rolling import preview, readiness, restore_command
from ..rolling.loop import Loop
from ..rolling.planner import Done, Resize, Step, Stop, Terminate, next_step
from ..rolling.state import MINUTE, ROUND_SECONDS, Goal, Observed, OldLeft, Sizes, Strategy
from ..steps.stack.document import LAUNCH_GROUP
from ..steps.stack.failures import GROUP_TYPE
from ..util import clock, redact
from .transactor_info import observe

HEARTBEAT = keys.TRANSACTOR["heartbeat-interval-msec"]
CALLBACK = "metrics-callback"
SHORTEST_PAUSE = 0.1
"""Seconds between two looks. Fewer would only exceed AWS's limits."""
STACK_SECONDS = 30.0
"""How long the stack as it was read last is taken to be unchanged."""
SHOWN_ACTIVITIES = 3
SHOWN_MINUTES = 5
SHOWN_CONSOLES = 2
"""Of instances that ended by themselves: the newest."""


@dataclasses.dataclass(frozen=True)
class Options:
    """The module's options. An empty text is one that is not given."""

    stack_name: str = ""
    auto_scaling_group_name: str = ""
    account_id: str = ""
    strategy: Strategy = "rolling"
    when: str = "stale"
    until: str = "end"
    instances: tuple[str, ...] = ()
    transactor_src: str = ""
    heartbeat_interval_msec: int | None = None
    cloudwatch_region: str = ""
    cloudwatch_dimension_value: str = ""
    log_bucket: str = ""
    table: str = ""
    settle_seconds: int = 300
    poll_seconds: float = 5.0
    size: int | None = None
    timeout: int = 1800
    files: tuple[str, ...] = ()
    commit_before: str = ""
    current: tuple[str, ...] = ()
    roll_back_while: tuple[OldLeft, ...] = ()


@dataclasses.dataclass(frozen=True)
class Reporting:
    """Where the system reports, by its properties file and the options that override it."""

    interval_msec: int
    region: str
    dimension: str
    log_bucket: str
    table: str
    secrets: tuple[str, ...] = ()
    callback: str = ""

    @property
    def has_heartbeats(self) -> bool:
        """Whether heartbeats reach CloudWatch. A callback gets all metrics instead."""
        return bool(self.region and self.dimension and not self.callback)

    @property
    def hint(self) -> str:
        """How to get heartbeats."""
        if self.callback:
            return f"{CALLBACK} in the transactor's properties file replaces the reporter to CloudWatch."
        return "Set aws-cloudwatch-region and aws-cloudwatch-dimension-value in the transactor's properties file."


def reporting(options: Options) -> Reporting:
    """Read the transactor's file, if one is given. InputError for values that cannot be used."""
    file = properties_file.read(options.transactor_src) if options.transactor_src else None
    if found := _invalid(options, file):
        raise InputError(found)

    def value(key: str, given: str = "") -> str:
        return given or (file.get(key).strip() if file else "")

    return Reporting(
        interval_msec=options.heartbeat_interval_msec or int(value(HEARTBEAT.name) or HEARTBEAT.default),
        region=value("aws-cloudwatch-region", options.cloudwatch_region),
        dimension=value("aws-cloudwatch-dimension-value", options.cloudwatch_dimension_value),
        log_bucket=value("aws-s3-log-bucket-id", options.log_bucket),
        table=options.table or (keys.table_of(file.as_dict()) if file else ""),
        secrets=keys.secrets(file) if file else (),
        callback=value(CALLBACK),
    )


def _invalid(options: Options, file: Properties | None) -> list[Finding]:
    given = options.heartbeat_interval_msec
    bounds = [
        ("heartbeat_interval_msec", given, HEARTBEAT.minimum or 0),
        ("settle_seconds", options.settle_seconds, 0),
        ("poll_seconds", options.poll_seconds, SHORTEST_PAUSE),
        ("size", options.size, 1),
    ]
    found = [
        Finding("invalid-value", f"{value} is too little", key=name, suggestion=f"write at least {minimum}")
        for name, value, minimum in bounds
        if value is not None and value < minimum
    ]
    if options.until == "takeover" and (options.strategy != "rolling" or options.when not in ("stale", "always")):
        message = "only a rolling replacement pauses, with when=stale or when=always"
        found.append(Finding("invalid-value", message, key="until"))
    if file and given is None:
        found += [finding for finding in keys.check(file, "transactor") if finding.key == HEARTBEAT.name]
    return found


class Cloud:
    """The group in AWS: what the loop observes and changes."""

    def __init__(self, aws: Clients, options: Options, system: Reporting) -> None:
        self._aws = aws
        self._options = options
        self._system = system
        self._stack: Stack | None = None
        self._stack_read_at = 0.0

    def find(self) -> Observed | None:
        """The group as it is now; None when there is none."""
        if clock.now() >= self._stack_read_at + STACK_SECONDS:
            self._stack, self._stack_read_at = None, clock.now()
        options = self._options
        self._stack, group = observe(self._aws, options.stack_name, options.auto_scaling_group_name, self._stack)
        return group and self.reported(group)

    def reported(self, group: Observed) -> Observed:
        """The group with its heartbeats, and with the size of the options."""
        options, system = self._options, self._system
        if options.size is not None:
            sizes = Sizes(options.size, options.size, options.size)
            group = dataclasses.replace(group, configured_sizes=sizes, configured_sizes_known=True)
        if not system.has_heartbeats:
            return group
        # Whether the youngest has ever beaten is known from the minutes before its launch.
        history = cloudwatch.LONG_HISTORY if options.when == "surplus" else cloudwatch.HISTORY
        client = self._aws.client("cloudwatch", region=system.region)
        metrics = cloudwatch.observe(client, system.dimension, system.interval_msec, group.now, history)
        return dataclasses.replace(group, metrics=metrics)

    def observe(self, time_left: float) -> Observed:
        """The group as it is now. time_left: seconds that the run may still take."""
        self._aws.limit_time(time_left)
        observed = self.find()
        if observed is None:
            raise DatomicError(self.missing)
        return observed

    def mark_current(self, observed: Observed, *, check_mode: bool) -> Observed:
        """The group, in which the instances of the options count as current from now on."""
        listed = () if self._options.when == "surplus" else self._options.current
        if not any(one.outdated and one.instance_id in listed for one in observed.instances):
            return observed
        present = [one.instance_id for one in observed.instances if one.instance_id in listed][
            : autoscaling.CURRENT_ROOM
        ]
        if not check_mode:
            autoscaling.save_current_tag(self._aws.client("autoscaling"), observed, present)
        instances = (
            dataclasses.replace(one, outdated=one.outdated and one.instance_id not in present)
            for one in observed.instances
        )
        return dataclasses.replace(observed, instances=tuple(instances))

    @property
    def missing(self) -> str:
        """Why there is no group."""
        name = self._options.stack_name
        if not name:
            return f"There is no auto scaling group {self._options.auto_scaling_group_name}."
        if self._stack is None:
            return f"There is no stack {name}."
        return f"The stack {name} ({self._stack.status}) has no resource {LAUNCH_GROUP} of type {GROUP_TYPE}."

    def carry_out(self, group: str, step: Step) -> Step:
        """Do what the step says. Returns the step as far as it was done; the next look finds what is left."""
        client = self._aws.client("autoscaling")
        if isinstance(step, Resize):
            if step.save:
                autoscaling.save_sizes_tag(client, group, step.save)
            autoscaling.resize(client, group, step.sizes)
            if step.delete_tag:
                autoscaling.delete_sizes_tag(client, group)
        elif isinstance(step, Terminate):
            for done, instance_id in enumerate(step.instance_ids):
                try:
                    autoscaling.terminate(client, instance_id, decrement=step.decrement)
                except AwsError:
                    if not done:
                        raise
                    return dataclasses.replace(step, instance_ids=step.instance_ids[:done])
        return step

    def diagnostics(self, observed: Observed, goal: Goal) -> list[str]:
        """What AWS shows of a failure: activities, heartbeats, consoles, the last log. Secrets are masked."""
        failed = [one.message for one in observed.activities_since(goal.since) if one.failed and one.message]
        lines = [f"Scaling activity: {message}" for message in dict.fromkeys(failed)][:SHOWN_ACTIVITIES]
        lines += _heartbeats(observed)
        new = readiness.new_instances(observed, goal) or tuple(
            one for one in readiness.recent(observed) if not goal.is_outdated(one)
        )
        ended = observed.ended_by_themselves(goal.new_since)
        suspects = dict.fromkeys([*ended[-SHOWN_CONSOLES:], *(instance.instance_id for instance in new)])
        for instance_id in suspects:
            lines += diagnostics.console(self._aws.client("ec2"), instance_id)
        if self._system.log_bucket and suspects:
            since = min([goal.new_since if ended else observed.now, *(instance.launched_at for instance in new)])
            lines += diagnostics.log(self._aws.client("s3"), self._system.log_bucket, self._system.table, since)
        return [redact.values(line, self._system.secrets) for line in lines]


def _heartbeats(observed: Observed) -> list[str]:
    if observed.metrics is None:
        return []
    first = math.floor(observed.now / MINUTE) - SHOWN_MINUTES
    lines = []
    for name, series in ((cloudwatch.ACTIVE, observed.metrics.active), (cloudwatch.STANDBY, observed.metrics.standby)):
        counts = {round(beats.started_at / MINUTE): beats.count for beats in series}
        shown = " ".join(f"{counts.get(first + index, 0):.0f}" for index in range(SHOWN_MINUTES))
        lines.append(f"{name}, beats in each of the last {SHOWN_MINUTES} minutes: {shown}")
    return lines


def replace(
    aws: Clients, options: Options, *, check_mode: bool, warn: Callable[[str], None], show: Callable[[str], None]
) -> dict[str, Any]:
    """The module's result. show: prints a line of progress."""
    nothing = {
        **{"changed": False, "replaced": [], "ended": [], "launched": [], "timeline": [], "seconds": 0.0},
        **{"paused": False, "new": [], "old": []},
    }
    if options.when == "never":
        return nothing
    try:
        return _replace(aws, options, nothing, check_mode=check_mode, warn=warn, show=show)
    except DatomicError as error:
        # Without a look at the group no instance was replaced.
        error.details.setdefault("roll_back", "all" in options.roll_back_while)
        raise


def _replace(
    aws: Clients,
    options: Options,
    nothing: Mapping[str, Any],
    *,
    check_mode: bool,
    warn: Callable[[str], None],
    show: Callable[[str], None],
) -> dict[str, Any]:
    refuse_other_account(aws, options.account_id)
    system = reporting(options)
    cloud = Cloud(aws, options, system)
    observed = cloud.find()
    if observed is None:
        if check_mode:
            return {**nothing, "steps": [], "note": cloud.missing}
        raise DatomicError(cloud.missing)
    observed = cloud.mark_current(observed, check_mode=check_mode)
    if check_mode:
        steps, warnings = planned(observed, options, system)
        for text in warnings:
            warn(text)
        return {**nothing, **steps}
    goal = _goal(options, observed)
    for text in _warnings(observed, goal, system):
        warn(text)
    limits = {"timeout": options.timeout, "poll_seconds": options.poll_seconds}
    loop = Loop(cloud, observed, goal, **limits, show=show)
    with screen.last_words(lambda: f"Stopped. {loop.standing()}"):
        try:
            result = loop.run()
            return {**result, "roll_back": goal.shrinking and loop.kept_left in options.roll_back_while}
        except DatomicError as error:
            rolls_back = loop.old_left in options.roll_back_while
            files = options.files or tuple(filter(None, [options.transactor_src]))
            advises = not rolls_back and not loop.replaced
            advice = restore_command.advice(files, options.commit_before) if advises else ""
            raise DatomicError(f"{error}\n{advice}".rstrip(), **error.details, roll_back=rolls_back) from error


def planned(observed: Observed, options: Options, system: Reporting) -> tuple[dict[str, Any], list[str]]:
    """What a run would do, as preview.result, and its warnings. DatomicError when it cannot be done now."""
    goal = _goal(options, observed)
    if options.size and not goal.shrinking and (options.when == "always" or not goal.outdated(observed)):
        observed = preview.without_surplus(observed)  # another run, with when: surplus, comes before this one
    step = next_step(observed, goal)
    if isinstance(step, Stop):
        raise DatomicError(f"The transactors cannot be replaced now: {step.why}.")
    result = {"steps": []} if isinstance(step, Done) else preview.result(observed, goal)
    return result, _warnings(observed, goal, system)


def _warnings(observed: Observed, goal: Goal, system: Reporting) -> list[str]:
    shrinks = preview.shrink_warning(observed, goal, system.interval_msec, reports=system.has_heartbeats)
    unproved = ""
    if goal.strategy == "rolling" and goal.outdated(observed) and not system.has_heartbeats:
        unproved = (
            "Without metrics nothing proves that a new transactor stands by before an old one goes: the run only waits "
            f"for {goal.settle_seconds:.0f} s in service. {system.hint}"
        )
    return [text for text in (shrinks, unproved) if text]


def _goal(options: Options, observed: Observed) -> Goal:
    replacing: frozenset[str] | None = None
    if options.when == "surplus":
        replacing = frozenset()
    elif options.when == "always":
        replacing = frozenset(options.instances or (member.instance_id for member in observed.members))
    # The surge of a killed run goes on: instances that ended in it count.
    surging = observed.sizes.desired > observed.configured_sizes.desired
    new_since = observed.grown_at if surging else observed.now
    # After a rollback, instances of the failed version have ended. They say nothing of those that are left.
    if replacing is None and not options.current and not any(member.outdated for member in observed.members):
        # The instances of a new stack were launched before the run began.
        launched = [member.launched_at - ROUND_SECONDS for member in readiness.recent(observed)]
        new_since = min([new_since, *launched])
    return Goal(
        strategy=options.strategy,
        replacing=replacing,
        since=observed.activities[0].activity_id if observed.activities else "",
        new_since=new_since,
        settle_seconds=options.settle_seconds,
        shrinking=options.when == "surplus",
        until_takeover=options.until == "takeover",
        kept=frozenset(options.current if options.when == "surplus" else ()),
    )
