# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One at a time on this machine: a lock that ends with the last process that holds it, however that ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator

from ..errors import DatomicError
from . import clock

DIRECTORY = "/var/tmp"
"""The same for every user and shell: TMPDIR may differ between two runs that have to see each other."""
PAUSE_SECONDS = 0.2


@contextlib.contextmanager
def only_one(name: str, busy: str, *, wait: float = 0) -> Iterator[int]:
    """Hold the machine's lock of that name; the file descriptor, for a child that has to hold it too.

    DatomicError with the text busy when another still holds it after that many seconds. The file stays: removing it
    would let two processes lock two files of one name.
    """
    path = os.path.join(DIRECTORY, name)
    descriptor = _shared(path)
    try:
        deadline = clock.now() + wait
        while not _taken(descriptor, path):
            if clock.now() >= deadline:
                raise DatomicError(busy)
            clock.sleep(PAUSE_SECONDS)
        yield descriptor
    finally:
        os.close(descriptor)


def opened(path: str, flags: int, mode: int = 0o600) -> int:
    """A file descriptor of a lock. What is no regular file is refused: to open a FIFO would wait for ever."""
    require_regular(path)
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, mode)
    except OSError as error:
        raise DatomicError(f"The lock {path} cannot be opened: {error.strerror}.") from error
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise DatomicError(_irregular(path))


def require_regular(path: str) -> None:
    """DatomicError for what is there and no regular file."""
    try:
        regular = stat.S_ISREG(os.lstat(path).st_mode)
    except FileNotFoundError:
        return
    except OSError as error:
        raise DatomicError(f"The lock {path} cannot be looked at: {error.strerror}.") from error
    if not regular:
        raise DatomicError(_irregular(path))


def _irregular(path: str) -> str:
    return f"The lock {path} is no regular file (a FIFO, a directory, a device or a link): remove it, and run again."


def _shared(path: str) -> int:
    if os.path.exists(path):  # another user's file in a sticky directory opens only without O_CREAT
        return opened(path, os.O_RDONLY)
    return opened(path, os.O_RDONLY | os.O_CREAT, 0o644)


def _taken(descriptor: int, path: str) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise DatomicError(f"The lock {path} cannot be taken: {error.strerror}.") from error
    return True
