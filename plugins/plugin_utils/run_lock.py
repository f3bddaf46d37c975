# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Locks that last as long as a run of ansible-playbook.

Each task has a process of its own, so a lock of the kernel would end with the task that takes it. The lock is a file
that names ansible-playbook's own process by its number and its start, since numbers are used again: it is void as soon
as that process is gone, however it ended, and nobody has to release it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import pathlib
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator

from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import clock
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util.lock import opened, require_regular

PAUSE_SECONDS = 0.5
LINE_SECONDS = 60.0
"""A line is due so often while another run is waited for."""


@dataclasses.dataclass(frozen=True)
class Owner:
    """A process that holds locks. began: when it started, as the system tells it; since: when it took the lock."""

    pid: int
    began: str
    since: str

    @property
    def lives(self) -> bool:
        return bool(self.began) and beginning(self.pid) == self.began

    def __str__(self) -> str:
        return f"process {self.pid} of this machine, since {self.since}"


def beginning(pid: int) -> str:
    """When a process started, empty when it has ended: clock ticks on Linux, else what ps says."""
    try:
        # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: the second field, in parentheses, may hold blanks
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        state, *fields = stat.rpartition(")")[2].split()
        return "" if state in "ZX" else fields[18]
    except (FileNotFoundError, ProcessLookupError):  # the second: it ended between open and read
        if os.path.exists("/proc/self/stat"):
            return ""
    told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return told.stdout.strip()


def me(pid: int) -> Owner:
    """The run of this process."""
    return Owner(pid, beginning(pid), clock.iso(clock.now()))


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
        began = time.monotonic()
        deadline = began + timeout
        for key, what in sorted(set(wanted)):
            due = 0.0
            while other := self._claim(key):
                if time.monotonic() >= deadline:
                    raise DatomicError(
                        f"Another run works on {what}: {other}. It did not end within {timeout:.0f} s. Wait for it, or "
                        "stop it, and run again. Nothing was changed."
                    )
                if time.monotonic() >= due:
                    passed = f" {(time.monotonic() - began) / 60:.0f} of {timeout / 60:.0f} min" if due else ""
                    self._show(f"waiting{passed} for another run that works on {what}: {other}")
                    due = time.monotonic() + LINE_SECONDS
                time.sleep(min(PAUSE_SECONDS, timeout))

    def _claim(self, key: str) -> Owner | None:
        """Take the lock; who has it instead, if somebody does."""
        name = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        path = self._directory / f"{name}.json"
        with self._alone():
            require_regular(str(path))
            require_regular(str(path.with_suffix(".new")))
            holder = _read(path)
            if holder and holder.lives and (holder.pid, holder.began) != (self._owner.pid, self._owner.began):
                return holder
            try:
                new = path.with_suffix(".new")
                new.write_text(json.dumps(dataclasses.asdict(self._owner)), encoding="utf-8")
                os.replace(new, path)
            except OSError as error:
                raise DatomicError(f"The lock {path} cannot be written: {error.strerror}.") from error
        return None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Only for the moment of looking and writing, so a lock of the kernel does."""
        with contextlib.ExitStack() as stack:
            try:
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                descriptor = opened(str(self._directory / "lock"), os.O_WRONLY | os.O_CREAT)
                file = stack.enter_context(os.fdopen(descriptor, "w", encoding="utf-8"))
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:
                raise DatomicError(
                    f"The directory of locks {self._directory} cannot be used: {error.strerror}."
                ) from error
            yield


def _read(path: pathlib.Path) -> Owner | None:
    """The owner that a file names; None when it names none, as one does that was damaged."""
    try:
        return Owner(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
