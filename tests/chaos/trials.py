# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The trials: what is tried, and how many of the tries lost, orphaned, leaked or crashed something."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import shutil
import tempfile
from collections.abc import Iterable
from typing import Any

from tests.chaos import state, waiters
from tests.chaos.kill_points import die_at, in_a_child
from tests.chaos.launcher import Launcher
from tests.chaos.system import READ_TIMEOUT, System
from tests.emulator import Emulator

STARVATION = ("throttle", "500", "503", "drop", "drop_after", "timeout")
CODES = {"500": "InternalError", "503": "ServiceUnavailable"}
LATE = 1.5 * READ_TIMEOUT
INVISIBLE = 0.2
"""Seconds for which something new is unknown; AWS's eventual consistency."""


@dataclasses.dataclass
class Tally:
    """One row of the table.

    alike: of those tried, kills that left what an earlier one had left, after which the second run is known already.
    unmet: tries that ended before their moment came, which try nothing. details: what was wrong, for the reader.
    """

    name: str
    tried: int = 0
    lost: int = 0
    orphaned: int = 0
    leaked: int = 0
    crashed: int = 0
    alike: int = 0
    unmet: int = 0
    details: list[str] = dataclasses.field(default_factory=list)

    @property
    def bad(self) -> int:
        return self.lost + self.orphaned + self.leaked + self.crashed

    def compare(self, what: str, found: dict[str, Any], wanted: dict[str, Any]) -> None:
        """Count a try whose end state has to be the one of a run that nothing disturbed."""
        self.tried += 1
        differing = [part for part in wanted if part != "commits" and found[part] != wanted[part]]
        if "commits" in wanted and doubled(found["commits"], wanted["commits"]):
            differing.append("commits")
        if not differing:
            return
        if set(differing) & set(state.ACCOUNT):
            self.orphaned += 1
        else:
            self.lost += 1
        shown = "; ".join(f"{part}: {_difference(found[part], wanted[part])}" for part in differing)
        self.details.append(f"{what}: {shown}")

    def crash(self, what: str) -> None:
        self.tried += 1
        self.crashed += 1
        self.details.append(what)

    def leak(self, what: str) -> None:
        self.leaked += 1
        self.details.append(what)


def doubled(found: list[str], wanted: list[str]) -> bool:
    """Whether the commits are others than an interrupted run and its repetition may make.

    The repetition commits what the interrupted one wrote before it goes on: one commit more, with a subject that says
    what git shows. So none is empty, none has another file than an undisturbed run commits, no subject is there twice.
    """
    subjects, files = zip(*(commit.partition("  ")[::2] for commit in found), strict=True)
    known = {file for commit in wanted for file in commit.partition("  ")[2].split(" ")}
    strange = any(file not in known for each in files for file in each.split(" "))
    return strange or len(set(subjects)) < len(subjects) or not len(wanted) <= len(found) <= len(wanted) + 1


def _difference(found: Any, wanted: Any) -> str:
    if isinstance(found, list) and isinstance(wanted, list):
        more, less = [one for one in found if one not in wanted], [one for one in wanted if one not in found]
        return f"more: {more!s:.500}, less: {less!s:.500}"
    if isinstance(found, dict) and isinstance(wanted, dict):
        names = [name for name in sorted(found | wanted) if found.get(name) != wanted.get(name)]
        return ", ".join(f"{name}: {found.get(name)!r:.300}, not {wanted.get(name)!r:.300}" for name in names)
    return f"{found!r:.300}, not {wanted!r:.300}"


class Trials:
    """Runs of create and of a changing update against one emulator. step: 1 tries every moment, 5 every fifth."""

    def __init__(self, aws: Emulator, step: int = 1) -> None:
        self.aws = aws
        self.step = step
        self.kinds: tuple[str, ...] = ()
        waiters.hurry()
        self._temporary = tempfile.TemporaryDirectory(prefix="chaos-")
        self.directory = pathlib.Path(self._temporary.name)
        self._launcher: Launcher | None = None
        self.launchers: dict[str, Launcher] = {}

    def fresh(self, playbook: str) -> System:
        """A system just before create, or before an update that changes something; always in the same directory.

        playbook: create, update, or users: create with users and access keys.
        """
        self.aws.reset()
        base = self.directory / "base"
        shutil.rmtree(base, ignore_errors=True)
        system = System(base, self.aws, users=playbook == "users", launcher=self._launcher)
        self._launcher = system.launcher
        if playbook == "update":
            system.run()
            system.edit()
        self.aws.clear_calls()
        return system

    def _visible_late(self, playbook: str) -> System:
        system = self.fresh(playbook)
        self.aws.configure(visibility=INVISIBLE)
        return system

    def undisturbed(self, playbook: str) -> tuple[dict[str, Any], int]:
        """The end state, and how many calls it took."""
        system = self._visible_late(playbook)
        system.run()
        self.kinds = tuple(call.kind for call in self.aws.calls())
        return system.state(), len(self.kinds)

    def killed(self, playbooks: Iterable[str] = ("create", "update", "users"), *, calls: bool = True) -> Tally:
        """Killed at every change of a file and every git command, and (calls) before and after every call."""
        tally = Tally("killed")
        for playbook in playbooks:
            wanted, made = self.undisturbed(playbook)
            for k in range(1, made + 1, self.step) if calls else ():
                # After a call that changes nothing comes the next call or change of a file, at which it is killed too.
                for mode in ("kill", "kill_after") if self.kinds[k - 1] != "read" else ("kill",):
                    if not self.killed_once(tally, playbook, wanted, f"{mode} at call {k}", k, mode):
                        tally.unmet += 1
            for k in itertools.count(1, self.step):
                if not self.killed_once(tally, playbook, wanted, f"killed at change {k}", k, ""):
                    break
        return tally

    def killed_once(self, tally: Tally, playbook: str, wanted: dict[str, Any], what: str, k: int, mode: str) -> bool:
        system = self._visible_late(playbook)

        def work() -> None:
            if not mode:
                die_at(k, str(system.directory))
            system.run()

        def prepare(pid: int) -> None:
            if mode:
                self.aws.fault(k=k, mode=mode, pid=pid)

        try:
            killed = in_a_child(work, prepare)
            self.aws.clear_faults()
            if killed:
                system.run()
                tally.compare(f"{playbook}, {what}", system.state(), wanted)
        except Exception as error:
            self.aws.clear_faults()
            tally.crash(f"{playbook}, {what}: {type(error).__name__} {error}")
            return True
        return killed

    def starved(self, playbooks: Iterable[str] = ("create", "update", "users")) -> Tally:
        """Every call fails once, in turn, in a run of its own for each failure; the run ends well by itself."""
        tally = Tally("starved")
        for playbook in playbooks:
            wanted, calls = self.undisturbed(playbook)
            for how in STARVATION:
                for k in range(1, calls + 1, self.step):
                    system = self._visible_late(playbook)
                    self.starve(how, k)
                    try:
                        system.run()
                    except Exception as error:
                        tally.crash(f"{playbook}, {how} at call {k}: {type(error).__name__} {error}")
                        continue
                    if any(call.fault for call in self.aws.calls()):
                        tally.compare(f"{playbook}, {how} at call {k}", system.state(), wanted)
                    else:
                        tally.unmet += 1
        return tally

    def starve(self, how: str, k: int, late: float = LATE) -> None:
        """Let the k-th call fail once."""
        if how in CODES:
            self.aws.fault(k=k, mode="error", code=CODES[how], status=int(how))
        else:
            self.aws.fault(k=k, mode=how, seconds=late)
