# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our replacement and an instance refresh compared: docs/development/decisions/004-own-replacement.md has the table.

`python -m tests.bench.refresh` prints it. The refresh is a stand-in that does what AWS documents of one with
MinHealthyPercentage 100 and MaxHealthyPercentage 200: as many new instances as old ones, and when the new ones are in
service and warmed up, the old ones are terminated. It runs on the same emulated group as ours.

"How an instance refresh works", https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-overview.html
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from tests.bench.outages import BOOT, METRICS_DELAY, PENDING, PROPERTIES, REPLACEMENT, TERMINATING
from tests.emulator import Emulator
from tests.emulator.clock import CLOCK
from tests.integration import groups

AFTERWARDS = 900.0
"""Seconds that the system is watched after the replacement."""
INTERVAL = 5000


@dataclasses.dataclass(frozen=True)
class Case:
    """size: transactors, all of which are replaced. settings: of the emulator, from the launch of the new ones on."""

    name: str
    size: int
    settings: dict[str, object] = dataclasses.field(default_factory=dict)


CASES = (
    Case("two of two, all well", 2),
    Case("one of one, all well", 1),
    Case("the new ones hang: in service, no heartbeat", 2, {"modes": {"second": "unhealthy"}}),
    Case("the new ones end at their start", 2, {"modes": {"second": "crash"}, "health_check": 60}),
    Case("the new ones boot in four minutes", 1, {"modes": {"second": "slow"}, "slow_boot": 240}),
    Case("CloudWatch shows a report after four minutes", 2, {"metrics_delay": 240}),
)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """outage: milliseconds without an active transactor; serving: somebody is active at the end; took: seconds."""

    outage: float
    serving: bool
    took: float
    done: bool

    def __str__(self) -> str:
        took = f"{'done' if self.done else 'failed'} after {self.took / 60:.0f} min"
        outage = f"{self.outage / 1000:.0f} s without writes" if self.outage else "no outage"
        return f"{took}, {outage}" if self.serving else f"{took}, nothing can be written any more"


def measured(aws: Emulator, case: Case, replace: Callable[[Emulator, Case], bool]) -> Outcome:
    """A system that serves, its update, and its replacement."""
    aws.reset()
    properties = PROPERTIES.format(interval=INTERVAL)
    aws.configure(simulator=True, boot=0, launch_configurations=True)
    groups.create(aws, case.size, properties=properties)
    aws.advance(433)
    groups.update(aws, case.size, properties=properties)
    ours = {"boot": BOOT, "pending": PENDING, "terminating": TERMINATING, "replacement": REPLACEMENT}
    aws.configure(**{**ours, "metrics_delay": METRICS_DELAY, **case.settings})
    aws.measure()
    start = CLOCK.now()
    done = replace(aws, case)
    took = CLOCK.now() - start
    aws.advance(AFTERWARDS)
    serving = any(one["role"] == "active" for one in aws.transactors())
    return Outcome(aws.outage(), serving, took, done)


def ours(aws: Emulator, case: Case) -> bool:
    options: dict[str, Any] = {
        "cloudwatch_region": "us-east-1",
        "cloudwatch_dimension_value": "orders",
        "poll_seconds": 20,
    }
    result = groups.replace(aws, timeout=1800, heartbeat_interval_msec=INTERVAL, **options)
    return not result.get("failed")


def refresh(warmup: float) -> Callable[[Emulator, Case], bool]:
    """warmup: its InstanceWarmup, seconds."""

    def replace(aws: Emulator, case: Case) -> bool:
        client, name = aws.backstage("autoscaling"), groups.group_name(aws)
        old, size, start = groups.ids(aws), case.size, CLOCK.now()
        client.update_auto_scaling_group(AutoScalingGroupName=name, MaxSize=2 * size, DesiredCapacity=2 * size)
        since: dict[str, float] = {}
        while CLOCK.now() < start + 3600:  # a refresh fails when it makes no progress for an hour
            aws.advance(5)
            new = [one for one in groups.group(aws)["Instances"] if one["InstanceId"] not in old]
            ready = [one["InstanceId"] for one in new if one["LifecycleState"] == "InService"]
            since = {each: since.get(each, CLOCK.now()) for each in ready}
            if len(since) == size and all(CLOCK.now() >= at + warmup for at in since.values()):
                break
        else:
            return False
        for each in old:
            client.terminate_instance_in_auto_scaling_group(InstanceId=each, ShouldDecrementDesiredCapacity=True)
        client.update_auto_scaling_group(AutoScalingGroupName=name, MaxSize=size)
        aws.advance(TERMINATING)
        return True

    return replace


WAYS: dict[str, Callable[[Emulator, Case], bool]] = {
    "ours": ours,
    "instance refresh, no warmup": refresh(0),
    "instance refresh, warmup 300 s": refresh(300),
}


def main() -> None:
    print(f"| case | {' | '.join(WAYS)} |\n|---|{'---|' * len(WAYS)}")
    with Emulator() as aws:
        for case in CASES:
            outcomes = [str(measured(aws, case, way)) for way in WAYS.values()]
            print(f"| {case.name} | {' | '.join(outcomes)} |", flush=True)


if __name__ == "__main__":
    main()
