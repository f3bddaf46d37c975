# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows 1, 2, 5 and 6: whole playbooks."""

from __future__ import annotations

import os
import pathlib
import statistics
import threading
from collections.abc import Iterator

from tests.bench.estates import SYSTEM, Account, Playbooks, earlier
from tests.bench.figures import Pairs, Row, paired, spread

AWS_TASKS = 5
"""Of a playbook that asks AWS module by module: group, transactor, security group, template, stack. floor.yml has as
many."""
FLOOR_GOAL, BY_HAND_GOAL, GROWTH_GOAL, CHANGE_GOAL, EARLIER_GOAL = 0.6, 0.5, 1.1, 15.0, 0.5


def nothing_to_do(plays: Playbooks, runs: int) -> list[Row]:
    """Row 1, compared with the floor."""
    pairs = paired(lambda: plays.seconds("update.yml", changed=False), lambda: plays.seconds("floor.yml"), runs)
    cpu = statistics.median(plays.cpu["update.yml"]) / statistics.median(plays.cpu["floor.yml"])
    return [
        Row(
            "1",
            "update.yml, nothing to do, one system",
            f"a playbook of {AWS_TASKS} aws_caller_info tasks",
            f"{pairs.shown()}; processor time {cpu:.2f} x",
            f"at most {FLOOR_GOAL} x",
            pairs.ratio,
            FLOOR_GOAL,
            details={**pairs.as_dict(), "cpu_s": plays.cpu},
        )
    ]


def by_hand(plays: Playbooks, account: Account, runs: int) -> list[Row]:
    """Row 2: a first run and one with nothing to do, compared with by_hand.yml."""
    estate = plays.estate
    seconds: dict[str, list[float]] = {"first": [], "first by hand": [], "again": [], "again by hand": []}
    calls: dict[str, int] = {}
    (estate.directory / "aws/by-hand.json").write_text(_by_hand_template(plays))
    estate.git("add", "aws/by-hand.json")
    estate.git("commit", "--quiet", "--message", "A template by hand")
    first = estate.git("rev-list", "--max-parents=0", "HEAD").strip()
    for run in range(runs):
        for hand in (run % 2 == 0, run % 2 != 0):
            account.post("reset")
            name, again = ("by_hand.yml", "by_hand.yml") if hand else ("create.yml", "update.yml")
            if not hand:
                estate.git("checkout", first, "--", "aws")
                estate.git("commit", "--quiet", "--allow-empty", "--message", "The first day again")
            ending = " by hand" if hand else ""
            seconds[f"first{ending}"].append(plays.seconds(name, changed=True))
            calls[f"first{ending}"] = plays.calls()
            seconds[f"again{ending}"].append(plays.seconds(again, changed=False))
            calls[f"again{ending}"] = plays.calls()
    rows = []
    for letter, what, label in (("a", "first", "first run"), ("b", "again", "no-change run")):
        pairs = Pairs(seconds[what], seconds[f"{what} by hand"])
        made, made_by_hand = calls[what], calls[f"{what} by hand"]
        rows.append(
            Row(
                f"2{letter}",
                f"the same work: {label}",
                "by_hand.yml: amazon.aws and community.aws alone",
                f"{pairs.shown()}; {made} calls vs. {made_by_hand}",
                f"at most {BY_HAND_GOAL} x, no more calls",
                pairs.ratio,
                BY_HAND_GOAL,
                made <= made_by_hand,
                {**pairs.as_dict(), "calls": made, "calls_by_hand": made_by_hand},
            )
        )
    return rows


def _by_hand_template(plays: Playbooks) -> str:
    """Our template, with the names that by_hand.yml gives."""
    directory = plays.estate.directory / "aws"
    text = (directory / f"{SYSTEM}-cf.json").read_text()
    for line in (directory / f"{SYSTEM}-transactor.properties").read_text().splitlines():
        key, _equals, value = line.partition("=")
        if key == "aws-transactor-role":
            text = text.replace(value, "by-hand-transactor")
        elif key == "aws-s3-log-bucket-id":
            text = text.replace(value, "datomic-logs-by-hand")
    text = text.replace('"datomic"', '"by-hand"')
    return text.replace(f"aws-dynamodb-table={SYSTEM}", "aws-dynamodb-table=by-hand")


def growth(plays: Playbooks, sizes: tuple[int, int, int], runs: int) -> list[Row]:
    """Row 5: more systems in one run."""
    one, some, many = sizes
    limit = {size: ",".join(f"system{number:03}" for number in range(size)) for size in sizes}
    creation = plays.seconds("create.yml", "--forks", "10", "--limit", limit[many], changed=True)
    memory = {size: Memory() for size in sizes}

    def each(size: int) -> float:
        with memory[size]:
            return plays.seconds("update.yml", "--forks", "10", "--limit", limit[size], changed=False) / size

    alone = [each(one) for _run in range(runs)]
    pairs = paired(lambda: each(many), lambda: each(some), runs)
    peaks = memory[many]
    return [
        Row(
            "5",
            f"{one}, {some}, {many} systems in one run, --forks 10",
            f"seconds per system at {some}",
            f"{pairs.shown()} per system; {one}: {spread(alone)}; peak memory: controller {peaks.controller:.0f} MiB, "
            f"fork {peaks.fork:.0f} MiB",
            f"at most {GROWTH_GOAL} x",
            pairs.ratio,
            GROWTH_GOAL,
            details={
                **pairs.as_dict(),
                "alone_s": alone,
                "creation_s": creation,
                "controller_mib": {str(size): memory[size].controller for size in sizes},
                "fork_mib": {str(size): memory[size].fork for size in sizes},
            },
        )
    ]


def against(plays: Playbooks, directory: pathlib.Path, commit: str, systems: int, runs: int) -> list[Row]:
    """Row 9: many systems with nothing to do, compared with the collection of an earlier commit on the same estate."""
    limit = ",".join(f"system{number:03}" for number in range(systems))
    tree = str(earlier(directory, commit))
    plays.seconds("create.yml", "--forks", "10", "--limit", limit)
    made: dict[str, tuple[int, int]] = {}

    def each(which: str, collections: str = "") -> float:
        taken = plays.seconds("update.yml", "--forks", "10", "--limit", limit, changed=False, collections=collections)
        assert plays.last is not None
        made[which] = (plays.calls() // systems, plays.last.output.count("\n") // systems)
        return taken / systems

    pairs = paired(lambda: each("now"), lambda: each("then", tree), runs)
    (calls, lines), (calls_then, lines_then) = made["now"], made["then"]
    return [
        Row(
            "9",
            f"{systems} systems in one run, --forks 10, nothing to do",
            f"the collection of {commit}",
            f"{pairs.shown()} per system; {calls} calls vs. {calls_then}, {lines} lines vs. {lines_then}",
            f"at most {EARLIER_GOAL} x",
            pairs.ratio,
            EARLIER_GOAL,
            details={**pairs.as_dict(), "calls": made},
        )
    ]


def change(plays: Playbooks, runs: int) -> list[Row]:
    """Row 6: an update that changes the stack and replaces the transactor, on an AWS that takes no time."""
    seconds = []
    for run in range(runs):
        plays.estate.edit(f"aws/{SYSTEM}-transactor.properties", memory_index_max=f"{256 + run}m")
        seconds.append(plays.seconds("update.yml", "-e", "datomic_replace_settle=0", changed=True))
    return [
        Row(
            "6",
            "the whole changing update.yml on an AWS that takes no time",
            "",
            spread(seconds),
            f"at most {CHANGE_GOAL:.0f} s",
            statistics.median(seconds),
            CHANGE_GOAL,
            details={"seconds": seconds},
        )
    ]


class Memory:
    """The most memory that ansible-playbook and any fork of it hold while the context lasts, in MiB, by /proc."""

    controller = 0.0
    fork = 0.0

    def __enter__(self) -> Memory:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.25):
            for parent, mib in _playbook_processes():
                if parent == os.getpid():
                    self.controller = max(self.controller, mib)
                else:
                    self.fork = max(self.fork, mib)


def _playbook_processes() -> Iterator[tuple[int, float]]:
    """Parent and peak memory of each process of ansible-playbook."""
    for process in pathlib.Path("/proc").iterdir():
        try:
            if not process.name.isdecimal() or b"ansible-playbook" not in (process / "cmdline").read_bytes():
                continue
            status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
            yield int(status["PPid"]), int(status["VmHWM"].split()[0]) / 1024
        except (OSError, KeyError):
            continue  # it has ended
