# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""make chaos: every trial, four side by side, and one table; it fails when anything was lost, leaked or crashed."""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable

from tests import conftest as _importable
from tests.chaos import malformed_files, meetings, playbooks, secret_leaks, single, suites
from tests.chaos.trials import Tally, Trials
from tests.emulator import Emulator
from tests.estate import ROOT

assert _importable  # it makes the collection importable from a plain checkout

PARTS: dict[str, Callable[[Trials], Tally]] = {
    "create/create": meetings.create,
    "update/update": meetings.update,
    "one is killed": meetings.killed,
    "update/rollback": meetings.rollback,
    "killed update.yml": lambda trials: playbooks.killed(trials, "update"),
    "starved create": lambda trials: trials.starved(["create"]),
    "killed create.yml": lambda trials: playbooks.killed(trials, "create"),
    "starved users": lambda trials: trials.starved(["users"]),
    "starved update.yml": lambda trials: playbooks.starved(trials, "update"),
    "killed users": lambda trials: trials.killed(["users"]),
    "killed create at changes": lambda trials: trials.killed(["create"], calls=False),
    "starved update": lambda trials: trials.starved(["update"]),
    "killed update at changes": lambda trials: trials.killed(["update"], calls=False),
    "secrets in playbooks": secret_leaks.in_playbooks,
    "starved create.yml": lambda trials: playbooks.starved(trials, "create", every=8),
    "twice: tests": lambda _trials: suites.suite("twice at once", *suites.TWICE),
    "wrong place: tests": lambda _trials: suites.suite("wrong place", *suites.WRONG_PLACE),
    "refused: tests": lambda _trials: suites.suite("starved", *suites.REFUSED),
    "rubbish": malformed_files.files,
    "absurd variables": malformed_files.variables,
    "preflight: tests": lambda _trials: suites.suite("preflight", *suites.PREFLIGHT),
    "absurd options": malformed_files.options,
    "secrets in modules": secret_leaks.in_modules,
    "twice": single.twice,
    "wrong place": single.wrong_place,
    "preflight": single.preflight,
}
"""The longest first, so that the workers end together."""
WORKERS = 5
"""Three more than the cores: playbooks wait for the emulated AWS a third of their time, starved runs most of it."""
LEAST = {
    "killed": 500,
    "starved": 480,
    "wrong place": 8,
    "twice at once": 20,
    "preflight": 100,
    "secrets": 60,
    "rubbish": 15_000,
    "create/create": 20,
    "update/update": 15,
    "update/rollback": 5,
    "one is killed": 15,
}
"""How many tries each row has at least: a row that tries little proves nothing."""
MOST_UNMET = 0.05
"""The part of a row's tries that may end before their moment came."""
COLUMNS = ("tried", "lost", "orphaned", "leaked", "crashed")
PAGE = ROOT / "docs" / "development" / "chaos.md"
BEGIN, END = "<!-- table of make chaos -->\n", "<!-- end of the table -->\n"


def alone(name: str, step: int) -> Tally:
    """One part, in a process of its own: accounts are one set a process."""
    command = [sys.executable, "-m", "tests.chaos", "--part", name, "--step", str(step)]
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return Tally(name, tried=1, crashed=1, details=[done.stderr[-2000:]])
    tally = Tally(**json.loads(lines[-1]))
    alike = f" ({tally.alike} left what another had left)" if tally.alike else ""
    print(f"{name}: {tally.tried} tried{alike}, {tally.bad} bad, {time.monotonic() - start:.0f} s", flush=True)
    return tally


def rows(tallies: Iterable[Tally]) -> dict[str, Tally]:
    """The rows, each the sum of its parts."""
    found = {name: Tally(name) for name in LEAST}
    for tally in tallies:
        row = found.setdefault(tally.name, Tally(tally.name))
        for name in (*COLUMNS, "alike", "unmet"):
            setattr(row, name, getattr(row, name) + getattr(tally, name))
    return found


def table(found: dict[str, Tally]) -> str:
    head = f"{'':16}" + "".join(f"{name:>10}" for name in COLUMNS)
    lines = (f"{name:16}" + "".join(f"{getattr(row, column):10}" for column in COLUMNS) for name, row in found.items())
    return "\n".join([head, *lines])


def complaints(found: dict[str, Tally], step: int = 1) -> list[str]:
    """Why the whole does not count as passed, beside what the table shows."""
    said = [f"{row.name}: {row.bad} of {row.tried} went wrong" for row in found.values() if row.bad]
    for name, least in LEAST.items():
        if found[name].tried < max(1, least // step // 2 if step > 1 else least):
            said.append(f"{name}: only {found[name].tried} were tried, not {least}")
        if found[name].unmet > 2 + MOST_UNMET * found[name].tried:
            said.append(f"{name}: {found[name].unmet} tries ended before their moment came")
    return said


def write(text: str) -> None:
    """Put the table into the page."""
    before, _begin, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n```\n{text}\n```\n\n{END}{after}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--step", type=int, default=1, help="try every STEP-th moment only")
    parser.add_argument("--minutes", type=float, default=20, help="how long it may take; 0: as long as it takes")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    parser.add_argument("--part", choices=PARTS, help="one part, as JSON")
    options = parser.parse_args()
    if options.part:
        with Emulator() as aws:
            print(json.dumps(dataclasses.asdict(PARTS[options.part](Trials(aws, options.step)))))
        return 0
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        tallies = list(pool.map(lambda name: alone(name, options.step), PARTS))
    for tally in tallies:
        for detail in tally.details:
            print(f"{tally.name}: {detail}")
    found = rows(tallies)
    minutes = (time.monotonic() - start) / 60
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = f"{table(found)}\n\n{minutes:.0f} minutes, {(used.ru_utime + used.ru_stime) / 60:.0f} of processor time"
    text += f"; {found['killed'].alike} of those killed left what an earlier one had left"
    print(text)
    if options.write:
        write(text)
    said = complaints(found, options.step)
    if options.minutes and minutes > options.minutes:
        said.append(f"it took {minutes:.0f} minutes, more than {options.minutes:.0f}")
    print("\n".join(said) or "nothing was lost, orphaned or leaked, and nothing crashed")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
