# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several machines that work on one system: each has a clone of one repository, a HOME and AWS credentials."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence

from tests.chaos.launcher import LEASE, Launcher
from tests.chaos.system import LOCAL, System
from tests.emulator import Emulator
from tests.emulator.faults import kill_tree
from tests.estate import LEGACY

LEASE_SECONDS = 8
"""Many times what a renewal takes on two busy cores."""


class Machine(System):
    """One of them. Its name is the name of its user, and its access key. Ansible's directory is in its HOME."""

    def __init__(self, base: pathlib.Path, aws: Emulator, origin: pathlib.Path, launcher: Launcher | None) -> None:
        self.caller = base.name
        self._origin = origin
        super().__init__(base, aws, launcher=launcher)
        self.environment[LEASE] = str(LEASE_SECONDS)

    def _check_out(self, *, users: bool) -> None:
        assert not users
        _git("clone", "--quiet", str(self._origin), str(self.directory))
        self._configure(self.caller)

    def pull(self, *others: Machine) -> None:
        """Get what the remote has, or what the others have where nobody pushes; edits of this one stay, as a commit.

        Of two versions of one line the other's is taken: the next run writes what it generates again.
        """
        self.git("add", "aws")
        if self.git("diff", "--cached", "--name-only"):
            self.git("commit", "--quiet", "--message", "Edited here")
        for source in others or (None,):
            where = (str(source.directory), "main") if source else ()
            self.git("pull", "--quiet", "--rebase", "--strategy-option=ours", *where)

    def set(self, key: str, value: str) -> None:
        """Edit a key of the transactor's file in its place, as a person does: two clones merge edits of two lines."""
        lines = self.transactor.read_text().splitlines(keepends=True)
        edited = [f"{key}={value}\n" if line.startswith(f"{key}=") else line for line in lines]
        self.transactor.write_text("".join(edited))

    def processes(self) -> list[int]:
        """What runs on the machine, without the process that starts its runs, and without those."""
        mine = f"HOME={self.home}".encode()
        parents = {}
        for place in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended, or is another user's
                if mine in (place / "environ").read_bytes().split(b"\0"):
                    parents[int(place.name)] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
        return [pid for pid in parents if self.launcher.pid not in _ancestors(pid, parents)]

    def cut_the_power(self) -> None:
        """Kill what a killed run has left behind, and what renews the lock of a run."""
        for pid in self.processes():
            kill_tree(pid)


def crew(
    place: pathlib.Path,
    aws: Emulator,
    names: Sequence[str],
    launchers: dict[str, Launcher],
    variables: Mapping[str, str],
) -> list[Machine]:
    """Machines on the day before create, always in the same directories.

    launchers: of earlier ones, by name. variables: of the role, in the inventory.
    """
    origin = place / "origin.git"
    shutil.rmtree(origin, ignore_errors=True)
    shutil.copytree(_seed(place, variables), origin)
    found = []
    for name in names:
        shutil.rmtree(place / name, ignore_errors=True)
        machine = Machine(place / name, aws, origin, launchers.get(name))
        launchers[name] = machine.launcher
        found.append(machine)
    return found


def _seed(place: pathlib.Path, variables: Mapping[str, str]) -> pathlib.Path:
    """A bare repository that has the estate, made once."""
    seed = place / f"seed{''.join(variables.values())}.git"
    if not seed.exists():
        first = place / "first"
        shutil.copytree(LEGACY, first)
        with (first / "inventory" / "hosts.yml").open("a") as inventory:
            inventory.writelines(f"    {name}: {value}\n" for name, value in variables.items())
        author = ("-c", "user.name=Operator", "-c", "user.email=operator@example.com")
        _git("init", "--quiet", "--initial-branch", "main", str(first))
        _git("-C", str(first), "add", ".")
        _git("-C", str(first), *author, "commit", "--quiet", "--message", "The first day")
        _git("clone", "--quiet", "--bare", str(first), str(seed))
        shutil.rmtree(first)
    return seed


def _ancestors(pid: int, parents: Mapping[int, int]) -> Iterator[int]:
    """The process itself, its parent, and so on, as far as they are known."""
    while pid in parents:
        yield pid
        pid = parents[pid]


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], env=LOCAL | {"LC_ALL": "C"}, check=True, capture_output=True)
