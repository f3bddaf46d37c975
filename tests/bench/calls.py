# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows 3 and 4: how many calls ensure_transactor and a plan make, and how many of them wait for each other."""

from __future__ import annotations

import pathlib
import statistics
import tempfile
import time
from collections.abc import Sequence

from tests.bench.figures import Row, others_garbage_aside, paired, spread
from tests.emulator import Emulator
from tests.golden.harness import CASES, play
from tests.integration.planning import System
from tests.modules import CREDENTIALS, run_module

CASE = "transactor-again-sample"
"""Of the recorded cases: a fresh account, then nothing to do."""
LATENCY = 0.1
CHAIN_GOAL = 5
LEGACY_GOAL, MODERN_GOAL = 16, 20
"""Calls of a plan without changes."""


def counts(aws: Emulator) -> list[Row]:
    """Row 3, compared with recorded calls of the tool."""
    case = CASES[CASE]
    aws.reset()
    with tempfile.TemporaryDirectory() as directory:
        played, _account = play(case, aws, pathlib.Path(directory))
    (fresh, again), (tool_fresh, tool_again) = played, case["runs"]
    writes = [call for call in again.calls if _writes(call)]
    tool_writes = [call for call in tool_again["calls"] if _writes(call)]
    calls, tool_calls = len(fresh.calls), len(tool_fresh["calls"])
    return [
        Row(
            "3a",
            "calls of ensure_transactor, fresh",
            "bin/datomic",
            f"{calls} vs. {tool_calls} calls",
            "no more calls",
            calls,
            tool_calls,
            details={"calls": list(fresh.calls), "tool_calls": list(tool_fresh["calls"])},
        ),
        Row(
            "3b",
            "calls of ensure_transactor, nothing to do",
            "bin/datomic",
            f"{len(again.calls)} vs. {len(tool_again['calls'])} calls, {len(writes)} vs. {len(tool_writes)} writes",
            "0 writes",
            len(writes),
            0,
            details={"calls": list(again.calls), "tool_calls": list(tool_again["calls"])},
        ),
    ]


def plans(aws: Emulator) -> list[Row]:
    """Rows 3c and 3d: the calls of a plan without changes, which are all that update.yml makes then."""
    public = {"datomic-deploy-s3-bucket": "datomic-pro-downloads"}
    secrets = {"memcached-password": "secret"}
    rows = []
    for number, work, goal, flavor, kept, cf in (
        ("3c", "legacy", LEGACY_GOAL, "legacy", {}, {}),
        ("3d", "modern, with secrets", MODERN_GOAL, "modern", secrets, public),
    ):
        aws.reset()
        with tempfile.TemporaryDirectory() as directory:
            system = System(aws, pathlib.Path(directory) / "aws", flavor, kept, cf)
            system.create()
            calls = sorted(system.calls_of_nothing_to_do().elements())
        writes = [call for call in calls if _writes(call)]
        rows.append(
            Row(
                number,
                f"calls of a plan without changes, {work}",
                "",
                f"{len(calls)} calls, {len(writes)} writes",
                f"at most {goal} calls, 0 writes",
                len(calls),
                goal,
                not writes,
                {"calls": calls},
            )
        )
    return rows


def _writes(call: str) -> bool:
    return not call.partition(":")[2].startswith(("Get", "List", "Describe", "Head"))


def chain(aws: Emulator, runs: int) -> list[Row]:
    """Row 4: the longest chain, by the calls' moments and by the time."""
    aws.reset()
    with tempfile.TemporaryDirectory() as directory:
        play(CASES[CASE], aws, pathlib.Path(directory))
        names = CASES[CASE]["runs"][-1]["args"]
        params = {
            **CREDENTIALS,
            "endpoint_url": aws.url,
            "src": f"{directory}/{names[1]}",
        }
        longest = 0

        def once(latency: float) -> float:
            nonlocal longest
            aws.configure(latency=latency * 1000)
            aws.clear_calls()
            start = time.perf_counter()
            result = run_module("ensure_transactor", params)
            taken = time.perf_counter() - start
            if result["failed"] or result["changed"]:
                raise RuntimeError(f"it was to have nothing to do: {result}")
            if latency:
                longest = max(longest, _longest([call.time for call in aws.calls()], latency))
            return taken

        once(0)  # imports and botocore's data
        with others_garbage_aside():
            pairs = paired(lambda: once(LATENCY), lambda: once(0), runs)
    aws.configure(latency=0)
    by_time = [(slow - fast) / LATENCY for slow, fast in zip(pairs.ours, pairs.peer, strict=True)]
    agrees = statistics.median(by_time) <= longest + 1  # the cost of the threads
    return [
        Row(
            "4",
            "ensure_transactor, nothing to do, every answer takes 100 ms",
            "the same, answers at once",
            f"longest chain {longest} calls; by time {spread(by_time, 'calls')}",
            f"at most {CHAIN_GOAL} calls one after another, and the time agrees",
            longest,
            CHAIN_GOAL,
            agrees,
            {"chain": longest, "by_time": by_time, **pairs.as_dict()},
        )
    ]


def _longest(begins: Sequence[float], latency: float) -> int:
    """How many of these calls can have waited for each other at most: none begins before another's answer."""
    chained, free = 0, 0.0
    for begin in sorted(begins):
        if begin >= free:
            chained, free = chained + 1, begin + latency
    return chained
