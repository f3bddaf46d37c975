# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Locks on this machine. The kernel frees a lock when the last process that holds it ends, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Callable, Iterator

from ..errors import DatomicError
from . import clock

DIRECTORY = "/var/tmp"
"""The same for every user and shell: TMPDIR may differ between two runs that have to see each other."""
PAUSE_SECONDS = 0.1


@contextlib.contextmanager
def only_one(
    path: str, busy: str, *, wait: float = 0, show: Callable[[str], object] = lambda line: None
) -> Iterator[int]:
    """Hold the lock of a file; its descriptor, for a program that has to hold the lock too.

    path: below DIRECTORY unless it is absolute. busy: text of the DatomicError if another process still holds the lock
    after wait seconds. show: gets a line when the wait begins. The file stays: removing it would let two processes lock
    two files of one name.
    """
    path = os.path.join(DIRECTORY, path)
    descriptor = _open(path)
    try:
        deadline = clock.now() + wait
        shown = False
        while not take(descriptor):
            if clock.now() >= deadline:
                raise DatomicError(f"{busy} Process {_holder(descriptor)} holds the lock {path}.")
            if not shown:
                show(f"waiting for process {_holder(descriptor)}, which holds the lock {path}")
                shown = True
            clock.sleep(PAUSE_SECONDS)
        with contextlib.suppress(OSError):  # another user's file can be locked, not written
            os.pwrite(descriptor, f"{os.getpid():<20}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def take(descriptor: int) -> bool:
    """Take the lock of an open file, unless another process holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def require_regular(path: str) -> None:
    """DatomicError for a lock that exists and is no regular file. To open a FIFO would block."""
    try:
        regular = stat.S_ISREG(os.lstat(path).st_mode)
    except FileNotFoundError:
        return
    except OSError as error:
        raise DatomicError(f"The lock {path} cannot be read: {error.strerror}.") from error
    if not regular:
        raise DatomicError(
            f"The lock {path} is no regular file (a FIFO, a directory, a device or a link): remove it, and run again."
        )


def _open(path: str) -> int:
    require_regular(path)
    flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        if not os.path.exists(path):
            return os.open(path, flags | os.O_RDWR | os.O_CREAT, 0o644)
        # Another user's file in a sticky directory opens only without O_CREAT, and may be read-only.
        with contextlib.suppress(PermissionError):
            return os.open(path, flags | os.O_RDWR)
        return os.open(path, flags | os.O_RDONLY)
    except OSError as error:
        raise DatomicError(f"The lock {path} cannot be opened: {error.strerror}.") from error


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "(unknown)"
