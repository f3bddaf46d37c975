# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The trials: what is tried, and how many of the tries lost, orphaned, leaked or crashed something."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import tempfile
from collections.abc import Iterable

from tests.chaos.system import READ_TIMEOUT, ModuleError, System, die_at, in_a_child
from tests.emulator import Emulator

STARVATION = ("throttle", "5xx", "drop", "drop_after", "timeout")
LATE = 2 * READ_TIMEOUT


@dataclasses.dataclass
class Tally:
    """One row of the table. details: what was wrong, for the reader."""

    name: str
    tried: int = 0
    lost: int = 0
    orphaned: int = 0
    leaked: int = 0
    crashed: int = 0
    details: list[str] = dataclasses.field(default_factory=list)

    @property
    def bad(self) -> int:
        return self.lost + self.orphaned + self.leaked + self.crashed

    def compare(self, what: str, found: dict[str, object], wanted: dict[str, object]) -> None:
        """Count a try whose end state has to be the one of a run that nothing disturbed."""
        self.tried += 1
        for part, count in (("account", "orphaned"), ("groups", "orphaned"), ("stacks", "orphaned")):
            if found[part] != wanted[part]:
                setattr(self, count, getattr(self, count) + 1)
                self.details.append(f"{what}: {part}: {found[part]}, not {wanted[part]}")
                return
        for part in ("files", "status", "left"):
            if found[part] != wanted[part]:
                self.lost += 1
                self.details.append(f"{what}: {part}: {found[part]}, not {wanted[part]}")
                return

    def crash(self, what: str) -> None:
        self.tried += 1
        self.crashed += 1
        self.details.append(what)


class Trials:
    """Runs of create and of a changing update against one emulator. step: 1 tries every moment, 5 every fifth."""

    def __init__(self, aws: Emulator, step: int = 1) -> None:
        self.aws = aws
        self.step = step
        self.kinds: tuple[str, ...] = ()

    def fresh(self, playbook: str) -> System:
        """A system just before create, or before an update that changes something."""
        self.aws.reset()
        system = System(pathlib.Path(tempfile.mkdtemp(prefix="chaos-")) / "estate", self.aws)
        if playbook == "update":
            system.run()
            system.edit()
        self.aws.clear_calls()
        return system

    def undisturbed(self, playbook: str) -> tuple[dict[str, object], int]:
        """The end state, and how many calls it took."""
        system = self.fresh(playbook)
        system.run()
        self.kinds = tuple(call.kind for call in self.aws.calls())
        return system.state(), len(self.kinds)

    def killed(self, playbooks: Iterable[str] = ("create", "update")) -> Tally:
        """Killed before and after every call, and at every change of a file and every git command."""
        tally = Tally("killed")
        for playbook in playbooks:
            wanted, calls = self.undisturbed(playbook)
            for k in range(1, calls + 1, self.step):
                # After a call that changes nothing comes the next call or change of a file, at which it is killed too.
                for mode in ("kill", "kill_after") if self.kinds[k - 1] != "read" else ("kill",):
                    self.killed_once(tally, playbook, wanted, f"{mode} at call {k}", k, mode)
            for k in itertools.count(1, self.step):
                if not self.killed_once(tally, playbook, wanted, f"killed at change {k}", k, ""):
                    break
        return tally

    def killed_once(self, tally: Tally, playbook: str, wanted: dict[str, object], what: str, k: int, mode: str) -> bool:
        system = self.fresh(playbook)

        def work() -> None:
            if not mode:
                die_at(k, str(system.directory))
            system.run()

        def prepare(pid: int) -> None:
            if mode:
                self.aws.fault(k=k, mode=mode, pid=pid)

        killed = in_a_child(work, prepare)
        self.aws.clear_faults()
        if killed:
            try:
                system.run()
                tally.compare(f"{playbook}, {what}", system.state(), wanted)
            except Exception as error:
                tally.crash(f"{playbook}, {what}: {type(error).__name__} {error}")
        return killed

    def starved(self, playbooks: Iterable[str] = ("create", "update")) -> Tally:
        """Every call fails once, in turn, in a run of its own for each failure; the run ends well by itself."""
        tally = Tally("starved")
        for playbook in playbooks:
            wanted, calls = self.undisturbed(playbook)
            for how in STARVATION:
                for k in range(1, calls + 1, self.step):
                    system = self.fresh(playbook)
                    self.starve(how, k)
                    try:
                        system.run()
                        tally.compare(f"{playbook}, {how} at call {k}", system.state(), wanted)
                    except ModuleError as error:
                        tally.crash(f"{playbook}, {how} at call {k}: {error}")
        return tally

    def starve(self, how: str, k: int) -> None:
        if how == "5xx":
            # botocore sends both again by the same rule.
            code, status = (("InternalError", 500), ("ServiceUnavailable", 503))[k % 2]
            self.aws.fault(k=k, mode="error", code=code, status=status)
        else:
            self.aws.fault(k=k, mode=how, seconds=LATE)
