# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""make verify: run every part, print the table, and end with an error when something did not agree.

    python -m tests.verify [--write] [--only PART ...] [--oldest PYTHON] [--ministack PYTHON]

--write puts the table into docs/development/verified.md. --oldest is the Python of an environment with the oldest
supported versions, in which the parts that depend on Python run once more. Nothing is installed; Maven fetches jars
into .cache/verify.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

from tests import conftest
from tests.verify import jvm, servers
from tests.verify.tally import Tally, exceptions, table

PAGE = conftest.ROOT / "docs" / "development" / "verified.md"
ONCE = ("peer",)
"""Parts in which no Python of ours runs; the others run on the oldest and on the newest."""
PARTS = ("table", "peer", "properties", "ministack", "runner", "models")
NO_OLDEST = "the oldest supported Python was not at hand: nothing was tried with it and the oldest ansible-core"

ABOUT = """\
# Verified against parts that others wrote

`make verify` runs the collection against parts that others wrote, and prints this table. It needs a JDK (17 or newer)
and Maven. Each comparison also runs on builds with deliberate mistakes, and fails if it does not notice one. The parts
that depend on Python run on the oldest and on the newest Python and ansible-core.

"""


def main() -> int:
    arguments = _arguments()
    if {"table", "peer", "properties"} & set(arguments.only) and (refusal := jvm.refusal()):
        print(refusal, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _stop)
    try:
        tallies = _all(arguments)
    except KeyboardInterrupt:
        print("Stopped; the servers are stopped too.", file=sys.stderr)
        return 130
    if arguments.json:
        arguments.json.write_text(json.dumps([dataclasses.asdict(one) for one in tallies]))
        return 0
    for one in tallies:
        for problem in one.problems[:20]:
            print(f"{one.part} {one.version} ({one.python}): {problem[:2000]}", file=sys.stderr)
    passed = all(one.passed for one in tallies)
    text = table(tallies)
    left_out = exceptions(tallies, [] if _has_oldest(arguments) else [NO_OLDEST])
    if left_out:
        text += f"\n## Left out\n\n{left_out}"
    print(text)
    if arguments.write and not passed:
        print(f"{PAGE.name} stays as it is: not all of it agrees.", file=sys.stderr)
    elif arguments.write:
        PAGE.write_text(ABOUT + text)
    return 0 if passed else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.verify", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.name}")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="these parts alone")
    parser.add_argument("--oldest", type=os.path.abspath, help="the Python of the environment with the oldest versions")
    ministack = "the Python of the environment that has ministack"
    parser.add_argument("--ministack", type=os.path.abspath, default=sys.executable, help=ministack)
    parser.add_argument("--json", type=pathlib.Path, help="write the rows into this file instead of printing them")
    arguments = parser.parse_args()
    if arguments.write and (set(arguments.only) != set(PARTS) or not arguments.oldest):
        parser.error("--write is for the whole table: without --only, and with --oldest")
    # A run that is to prove something does not pass with half of it.
    if arguments.oldest and not _has_oldest(arguments) and os.environ.get("CI") == "true":
        parser.error(f"{arguments.oldest} is missing: {NO_OLDEST}")
    return arguments


def _has_oldest(arguments: argparse.Namespace) -> bool:
    return bool(arguments.oldest) and pathlib.Path(arguments.oldest).exists()


def _stop(number: int, _frame: object) -> NoReturn:
    """SIGTERM ends like Ctrl-C, so that every server is stopped."""
    raise KeyboardInterrupt(number)


def _all(arguments: argparse.Namespace) -> list[Tally]:
    """The rows of this Python, then those of the oldest."""
    servers.CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="verify-") as name:
        directory = pathlib.Path(name)
        tallies = _here(arguments, directory)
        if _has_oldest(arguments):
            tallies += _oldest(arguments, directory)
    return tallies


def _here(arguments: argparse.Namespace, directory: pathlib.Path) -> list[Tally]:
    # Imported when asked for: moto and hypothesis take seconds.
    only = arguments.only
    tallies: list[Tally] = []
    if "table" in only or "peer" in only:
        tallies += _with_dynamodb_local("peer" in only, directory)
    if "properties" in only:
        from tests.verify import javaproperties

        tallies.append(_timed(javaproperties.run))
    if "ministack" in only:
        from tests.verify import ministack

        tallies.append(_timed(lambda: ministack.run(arguments.ministack, directory)))
    if "runner" in only:
        from tests.verify import awx

        tallies.append(_timed(lambda: awx.run(directory)))
    if "models" in only:
        from tests.verify import models

        tallies.append(_timed(models.run))
    return tallies


def _with_dynamodb_local(peers: bool, directory: pathlib.Path) -> list[Tally]:
    """Part 1, and part 2 on what it left."""
    from tests.verify import peer
    from tests.verify import table as tables

    port = servers.free_port()
    main_class = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner"
    command = ["java", "-cp", jvm.classpath("dynamodb-local"), main_class, "-inMemory", "-sharedDb"]
    command += ["-port", str(port)]
    if peers:
        for release in peer.RELEASES:
            jvm.classpath(f"peer-{release}")
    # It measures its use for Amazon unless it is told not to.
    environment = os.environ | {"DDB_LOCAL_TELEMETRY": "0"}
    with servers.server("dynamodb-local", command, port, environment, directory) as url:
        tallies = [_timed(lambda: tables.run(url, jvm.release("dynamodb-local", "DynamoDBLocal"), directory))]
        if peers:
            with ThreadPoolExecutor() as pool:
                tallies += pool.map(lambda release: _timed(lambda: peer.run(release, url)), peer.RELEASES)
    return tallies


def _timed(run: Callable[[], Tally]) -> Tally:
    start = time.monotonic()
    tally = run()
    tally.seconds = time.monotonic() - start
    print(f"{tally.part} {tally.version}: {tally.agreed:,} of {tally.total:,} agree", file=sys.stderr, flush=True)
    return tally


def _oldest(arguments: argparse.Namespace, directory: pathlib.Path) -> list[Tally]:
    """The rows of the oldest versions, from a process of theirs."""
    rows = directory / "oldest.json"
    parts = [part for part in arguments.only if part not in ONCE]
    if not parts:
        return []
    command = [arguments.oldest, "-m", "tests.verify", "--json", str(rows), "--ministack", arguments.ministack]
    process = subprocess.Popen([*command, "--only", *parts], cwd=conftest.ROOT)
    try:
        if process.wait():
            raise SystemExit("The oldest versions did not come to an end; see above.")
    except BaseException:
        process.terminate()
        process.wait()
        raise
    return [Tally(**row) for row in json.loads(rows.read_text())]


if __name__ == "__main__":
    sys.exit(main())
