# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Row 8: how long nobody can write while transactors are replaced, on the simulated transactors.

`python -m tests.bench.outages` makes the one run in real time, and prints its figures as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import random
import statistics
import time
from collections.abc import Iterator
from typing import Any

from tests.bench.figures import Row
from tests.emulator import Emulator
from tests.emulator.clock import CLOCK
from tests.integration import groups

BOOT, PENDING, TERMINATING, REPLACEMENT, METRICS_DELAY = 45.0, 20.0, 20.0, 10.0, 40.0
"""Seconds that the emulated AWS and Datomic take. The outage of terminate is made of BOOT, which counts from the launch
and so holds PENDING, REPLACEMENT, and two looks of a fresh transactor."""
PROPERTIES = (
    "aws-dynamodb-table=orders\naws-cloudwatch-region=us-east-1\n"
    "aws-cloudwatch-dimension-value=orders\nheartbeat-interval-msec={interval}"
)


@dataclasses.dataclass(frozen=True)
class Case:
    """strategy, how many transactors, milliseconds between heartbeats."""

    strategy: str
    size: int
    interval: int

    @property
    def bound(self) -> float:
        """Seconds: a standby takes over within three heartbeats, or others boot and wait for two; and a second."""
        if self.strategy == "rolling":
            return 3 * self.interval / 1000 + 1
        return BOOT + REPLACEMENT + 2 * self.interval / 1000 + 1


CASES = [
    Case(strategy, size, interval)
    for strategy in ("rolling", "terminate")
    for size in (1, 2)
    for interval in (1000, 5000)
]


def replaced(aws: Emulator, case: Case, *, seed: int, real: bool = False) -> tuple[float, float]:
    """One replacement of all transactors: seconds of the longest outage, seconds that it took, by the emulated clock.

    real: whoever waits waits; otherwise the emulated clock jumps.
    """
    aws.reset()
    properties = PROPERTIES.format(interval=case.interval)
    aws.configure(simulator=True, boot=0)
    groups.create(aws, case.size, properties=properties)
    # Somewhere between two heartbeats and two reports.
    aws.advance(420 + random.Random(seed).uniform(0, 60))
    groups.update(aws, case.size, properties=properties)
    aws.configure(
        boot=BOOT, pending=PENDING, terminating=TERMINATING, replacement=REPLACEMENT, metrics_delay=METRICS_DELAY
    )
    aws.measure()
    start = CLOCK.now()
    options: dict[str, Any] = {
        "strategy": case.strategy,
        "cloudwatch_region": "us-east-1",
        "cloudwatch_dimension_value": "orders",
        "heartbeat_interval_msec": case.interval,
        "poll_seconds": 5 if real else 20,
    }
    result = (groups.replace_in_time if real else groups.replace)(aws, timeout=1800, **options)
    if result.get("failed") or groups.sizes(aws) != (case.size,) * 3:
        raise RuntimeError(f"{case} failed: {result} {groups.sizes(aws)}")
    taken = CLOCK.now() - start
    aws.advance(300)  # until somebody serves again, whatever the strategy waits for
    return aws.outage() / 1000, taken


def outages(aws: Emulator, runs: int) -> Iterator[Row]:
    """One row for each case."""
    for letter, case in zip("abcdefgh", CASES, strict=True):
        found = [replaced(aws, case, seed=seed) for seed in range(runs)]
        seconds = [outage for outage, _taken in found]
        yield Row(
            f"8{letter}",
            f"write outage, {case.strategy}, {case.size} of {case.size} replaced, heartbeat {case.interval} ms",
            "terminate" if case.strategy == "rolling" else "its boot",
            f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), {runs} runs",
            f"at most {case.bound:.0f} s in every run",
            max(seconds),
            case.bound,
            details={"seconds": seconds, "took_s": [taken for _outage, taken in found]},
        )


def real_row(told: dict[str, float], case: Case) -> Row:
    """What the run in real time told."""
    return Row(
        "8 real",
        f"the same in real time, {case.strategy}, one transactor, heartbeat {case.interval} ms",
        "",
        f"{told['outage']:.2f} s; the replacement took {told['took']:.0f} s",
        f"at most {case.bound:.0f} s",
        told["outage"],
        case.bound,
        details=told,
    )


REAL = Case("rolling", 1, 5000)


def main() -> None:
    start = time.monotonic()
    with Emulator() as aws:
        outage, _taken = replaced(aws, REAL, seed=1, real=True)
    print(json.dumps({"outage": outage, "took": time.monotonic() - start}))


if __name__ == "__main__":
    main()
