# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of whole playbooks on a system: undisturbed, killed at a call of AWS, killed at a change of a file."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

from tests.chaos.launcher import Launcher
from tests.chaos.system import System

SCALE = 480
"""Seconds of AWS's time in one of ours: without metrics a new transactor has to settle for minutes."""
LOCKS = ".ansible/datomic_onprem.aws"


@dataclasses.dataclass(frozen=True)
class Ended:
    """A run that has ended. code: -9 when it was killed."""

    code: int
    output: str


def play(system: System, playbook: str, *arguments: str, k: int = 0, **extra: str) -> Ended:
    """A run that nothing disturbs but the faults that are set.

    k: at which change of a file it is killed, 0: at none. extra: environment variables, for which Ansible starts anew.
    """
    asked = [playbook if "." in playbook else f"{playbook}.yml", *arguments]
    if not extra:
        return _ended(system, system.launcher, asked, k)
    with contextlib.closing(Launcher(system.directory, {**system.environment, **extra})) as launcher:
        return _ended(system, launcher, asked, k)


def killed_at_call(system: System, playbook: str, **fault: Any) -> Ended:
    """kill -9 of all its processes at a call, or right after it; fault: mode, k, match, body."""

    def prepare(pid: int) -> None:
        system.aws.fault(**fault, pid=pid, caller=system.caller)

    ended = _ended(system, system.launcher, [f"{playbook}.yml"], prepare=prepare)
    system.aws.clear_faults()
    return ended


def _ended(
    system: System,
    launcher: Launcher,
    arguments: list[str],
    k: int = 0,
    prepare: Callable[[int], object] = lambda pid: None,
) -> Ended:
    output = system.base / "output"
    places = [str(system.directory), str(system.home / LOCKS)]
    code = launcher.run(["-i", "inventory", *arguments], k, places, output, prepare)
    return Ended(code, output.read_text(errors="replace"))
