# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""make chaos: every trial, two side by side, and one table; it fails when anything was lost, leaked or crashed."""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable

from tests import conftest as _importable
from tests.chaos import playbooks, single
from tests.chaos.trials import Tally, Trials
from tests.emulator import Emulator

assert _importable  # it makes the collection importable from a plain checkout

ROWS: dict[str, Callable[[Trials], Tally]] = {
    "killed update.yml": lambda trials: playbooks.killed(trials, "update"),
    "killed create.yml": lambda trials: playbooks.killed(trials, "create"),
    "killed create": lambda trials: trials.killed(["create"]),
    "killed update": lambda trials: trials.killed(["update"]),
    "starved create": lambda trials: trials.starved(["create"]),
    "starved update": lambda trials: trials.starved(["update"]),
    "wrong place": single.wrong_place,
    "twice at once": single.twice,
    "preflight": single.preflight,
    "secrets": single.secrets,
    "secrets in playbooks": playbooks.secrets,
    "rubbish": single.rubbish,
    "absurd options": single.options,
}
COLUMNS = ("tried", "lost", "orphaned", "leaked", "crashed")


def alone(name: str, step: int) -> Tally:
    """One row, in a process of its own: accounts are one set a process."""
    command = [sys.executable, "-m", "tests.chaos", "--row", name, "--step", str(step)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return Tally(name, tried=1, crashed=1, details=[done.stderr[-2000:]])
    return Tally(**json.loads(lines[-1]))


def table(tallies: list[Tally]) -> str:
    """The seven rows."""
    rows: dict[str, list[int]] = {}
    for tally in tallies:
        row = rows.setdefault(tally.name, [0] * len(COLUMNS))
        rows[tally.name] = [before + getattr(tally, name) for before, name in zip(row, COLUMNS, strict=True)]
    head = f"{'':14}" + "".join(f"{name:>10}" for name in COLUMNS)
    return "\n".join([head, *(f"{name:14}" + "".join(f"{n:10}" for n in row) for name, row in rows.items())])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--step", type=int, default=1, help="try every STEP-th moment only")
    parser.add_argument("--row", choices=ROWS, help="one row, as JSON")
    options = parser.parse_args()
    if options.row:
        with Emulator() as aws:
            print(json.dumps(dataclasses.asdict(ROWS[options.row](Trials(aws, options.step)))))
        return 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        start = time.monotonic()
        tallies = list(pool.map(lambda name: alone(name, options.step), ROWS))
    for tally in tallies:
        for detail in tally.details:
            print(f"{tally.name}: {detail}")
    print(table(tallies))
    print(f"{(time.monotonic() - start) / 60:.0f} minutes")
    return 1 if any(tally.bad for tally in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
