# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Locks that last as long as a run of ansible-playbook.

Each task has a process of its own, so a lock of the kernel would end with the task that takes it. The lock is a file
that names ansible-playbook's own process by its number and its start, since numbers are used again: it is void as soon
as that process is gone, however it ended, and nobody has to release it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Iterable

from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import clock, lock
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util.subprocesses import started

PAUSE_SECONDS = 0.5
LINE_SECONDS = 60.0
"""How often a wait for another run is reported."""
MOMENT_SECONDS = 30


@dataclasses.dataclass(frozen=True)
class Owner:
    """A process that holds locks. began: when it started, as the system tells it; since: when it took the lock."""

    pid: int
    began: str
    since: str

    @property
    def lives(self) -> bool:
        return bool(self.began) and started(self.pid) == self.began

    def __str__(self) -> str:
        return f"process {self.pid} of this machine, since {self.since}"


def me(pid: int) -> Owner:
    """The run of this process."""
    return Owner(pid, started(pid), clock.iso(clock.now()))


class Locks:
    """The locks in a directory. show: gets a line when there is somebody to wait for."""

    def __init__(self, directory: pathlib.Path, owner: Owner, show: Callable[[str], None]) -> None:
        self._directory = directory
        self._owner = owner
        self._show = show

    def take(self, wanted: Iterable[tuple[str, str]], timeout: float) -> None:
        """Hold all of (key, what it is), or none but those that could be taken when the time is over.

        Always in one order, so that two runs of several systems do not wait for each other.
        """
        began = clock.now()
        deadline = began + timeout
        for key, what in sorted(set(wanted)):
            due = 0.0
            while other := self._claim(key):
                if clock.now() >= deadline:
                    raise DatomicError(
                        f"Another run works on {what}: {other}. It did not end within {timeout:.0f} s. Wait for it, or "
                        "stop it, and run again. Nothing was changed."
                    )
                if clock.now() >= due:
                    passed = f" {(clock.now() - began) / 60:.0f} of {timeout / 60:.0f} min" if due else ""
                    self._show(f"waiting{passed} for another run that works on {what}: {other}")
                    due = clock.now() + LINE_SECONDS
                clock.sleep(min(PAUSE_SECONDS, timeout))

    def _claim(self, key: str) -> Owner | None:
        """Take the lock; who has it instead, if somebody does."""
        name = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        path = self._directory / f"{name}.json"
        new = path.with_suffix(".new")
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise DatomicError(f"The directory of locks {self._directory} cannot be used: {error.strerror}.") from error
        # Only for the moment of reading and writing, so a lock of the kernel does.
        with lock.only_one(str(self._directory / "lock"), "Another run takes a lock.", wait=MOMENT_SECONDS):
            lock.require_regular(str(path))
            lock.require_regular(str(new))
            holder = _read(path)
            if holder and holder.lives and (holder.pid, holder.began) != (self._owner.pid, self._owner.began):
                return holder
            try:
                new.write_text(json.dumps(dataclasses.asdict(self._owner)), encoding="utf-8")
                os.replace(new, path)
            except OSError as error:
                raise DatomicError(f"The lock {path} cannot be written: {error.strerror}.") from error
        return None


def _read(path: pathlib.Path) -> Owner | None:
    """The owner that a file names; None when it names none, as one does that was damaged."""
    try:
        return Owner(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
