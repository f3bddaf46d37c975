# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of whole playbooks on a system: undisturbed, killed at a call of AWS, killed at a change of a file."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import subprocess
import sys
import threading
from collections.abc import Iterator

from tests.chaos.system import System
from tests.emulator.faults import kill_tree
from tests.estate import environment

SCALE = 120
"""Seconds of AWS's time in one of ours: without metrics a new transactor has to settle for minutes."""
PATIENCE = 300
LAUNCH = pathlib.Path(__file__).with_name("launch.py")
LOCKS = ".ansible/datomic_onprem.aws"


@dataclasses.dataclass(frozen=True)
class Ended:
    """A run that has ended. code: -9 when it was killed."""

    code: int
    output: str


@contextlib.contextmanager
def _started(system: System, arguments: list[str], k: int, extra: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A run, which is over after the block: at its k-th change of a file it is killed, 0: at none."""
    reader, writer = os.pipe()
    places = f"{system.directory}:{system.home / LOCKS}"
    with (system.base / "output").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, str(LAUNCH), str(k), str(writer), places, "-i", "inventory", *arguments],
            cwd=system.directory,
            env=environment(system.aws.url, system.home) | {"TMPDIR": str(system.temporary)} | extra,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(writer,),
            text=True,
        )
    os.close(writer)
    late = threading.Timer(PATIENCE, kill_tree, (process.pid,))
    late.start()
    try:
        yield process
        # Its end when the last process of the run has ended.
        if os.read(reader, 1):
            kill_tree(process.pid)
        process.wait()
    finally:
        late.cancel()
        os.close(reader)


def play(system: System, playbook: str, *arguments: str, k: int = 0, **extra: str) -> Ended:
    """A run that nothing disturbs but the faults that are set. k: see above; extra: environment variables."""
    with _started(system, [playbook if "." in playbook else f"{playbook}.yml", *arguments], k, extra) as process:
        pass
    return _ended(system, process)


def killed_at_call(system: System, playbook: str, k: int, mode: str) -> Ended:
    """kill -9 of all its processes at the k-th call, or right after it."""
    with _started(system, [f"{playbook}.yml"], 0, {}) as process:
        system.aws.fault(k=k, mode=mode, pid=process.pid)
    system.aws.clear_faults()
    return _ended(system, process)


def _ended(system: System, process: subprocess.Popen[str]) -> Ended:
    return Ended(process.returncode, (system.base / "output").read_text(errors="replace"))
