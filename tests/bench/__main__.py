# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the rows, print the table, write it as JSON and as a chart, and end non-zero when a goal is missed."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

from tests.bench import ROOT, calls, chart, files, outages, playbooks
from tests.bench.estates import Playbooks, account
from tests.bench.figures import Row
from tests.emulator import Emulator

SECTION = "## Measured"
ROWS = ("3", "4", "7", "8", "8real", "1", "2", "6", "5")


@dataclasses.dataclass(frozen=True)
class Size:
    """How much is measured. runs: pairs; replacements: of each case of row 8; systems: of row 5."""

    runs: int
    replacements: int
    systems: tuple[int, int, int]


FULL = Size(7, 20, (1, 10, 100))
QUICK = Size(1, 1, (1, 2, 3))


def rows(chosen: set[str], size: Size, commit: str = "") -> Iterator[Row]:
    """Row after row; the one in real time runs in parallel with the others and comes last.

    commit: an earlier one, with which row 9 compares.
    """
    real = _begin_real() if "8real" in chosen else None
    try:
        if chosen & {"3", "4", "8"}:
            with Emulator() as aws:
                if "3" in chosen:
                    yield from calls.counts(aws)
                    yield from calls.plans(aws)
                if "4" in chosen:
                    yield from calls.chain(aws, size.runs)
                if "8" in chosen:
                    yield from outages.outages(aws, size.replacements)
        if "7" in chosen:
            yield from files.large(size.runs)
        yield from _whole_playbooks(chosen, size, commit)
        if real is not None:
            yield outages.real_row(json.loads(real.communicate()[0]), outages.REAL)
    finally:
        if real is not None and real.poll() is None:
            real.terminate()


def _begin_real() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.bench.outages"], cwd=ROOT, stdout=subprocess.PIPE)


def _whole_playbooks(chosen: set[str], size: Size, commit: str) -> Iterator[Row]:
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        if chosen & {"1", "2", "6"}:
            (directory / "one").mkdir()
            with account(directory) as aws:
                plays = Playbooks(directory / "one", aws)
                plays.seconds("create.yml", changed=True)
                if "1" in chosen:
                    yield from playbooks.nothing_to_do(plays, size.runs)
                if "6" in chosen:
                    yield from playbooks.change(plays, size.runs)
                if "2" in chosen:
                    yield from playbooks.by_hand(plays, aws, size.runs)
        if "5" in chosen or commit:
            (directory / "many").mkdir()
            with account(directory) as aws:
                plays = Playbooks(directory / "many", aws, max(size.systems))
                if "5" in chosen:
                    yield from playbooks.growth(plays, size.systems, size.runs)
                if commit:
                    yield from playbooks.against(plays, directory, commit, max(size.systems), min(3, size.runs))


def line(row: Row) -> str:
    peer = f" | peer: {row.peer}" if row.peer else ""
    return (
        f"{row.number:6} {row.work}{peer}\n       {row.figure}\n       goal: {row.goal}: {'yes' if row.met else 'NO'}"
    )


def measured(page: str, found: Sequence[Row]) -> str:
    """The page with the rows as the table of its section."""
    head, section, rest = page.partition(SECTION)
    before, _old, after = rest.partition("| row |")
    if not after:
        raise SystemExit(f"The page has no table below {SECTION!r}.")
    rows = [("row", "work", "figure", "goal", "reached"), ("---",) * 5]
    rows += [(row.number, row.work, row.figure, row.goal, "yes" if row.met else "no") for row in found]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in rows)
    return head + section + before + table + after[after.index("\n\n") + 1 :]


def machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "processors": os.cpu_count(),
        "load_before": os.getloadavg()[0],
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one run of each: shows that the bench works, no more")
    parser.add_argument("--rows", default=",".join(ROWS), help="which rows (default: %(default)s)")
    parser.add_argument("--against", default="", help="an earlier commit, with whose playbooks row 9 compares")
    parser.add_argument("--json", type=pathlib.Path, help="file for the table as JSON")
    parser.add_argument("--svg", type=pathlib.Path, help="file for the chart")
    parser.add_argument("--page", type=pathlib.Path, help=f"page in Markdown whose section {SECTION!r} gets the table")
    chosen = parser.parse_args()
    names = set(filter(None, chosen.rows.split(",")))
    if unknown := names - set(ROWS):
        parser.error(f"no rows {', '.join(sorted(unknown))}")
    about, start, found = machine(), time.monotonic(), []
    for row in rows(names, QUICK if chosen.quick else FULL, chosen.against):
        print(line(row), flush=True)
        found.append(row)
    found.sort(key=lambda row: row.number)
    about["minutes"] = round((time.monotonic() - start) / 60, 1)
    if chosen.json:
        table = {"machine": about, "rows": [dataclasses.asdict(row) | {"met": row.met} for row in found]}
        chosen.json.write_text(json.dumps(table, indent=1) + "\n")
    if chosen.svg:
        chosen.svg.write_text(chart.svg(found))
    if chosen.page:
        chosen.page.write_text(measured(chosen.page.read_text(), found))
    missed = [row.number for row in found if not row.met]
    print(
        f"{about['minutes']} minutes; " + (f"goals missed: {', '.join(missed)}" if missed else "every goal is reached")
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
