# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One at a time on this machine: a lock that ends with the last process that holds it, however that ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator

from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError

FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


@contextlib.contextmanager
def only_one(name: str, doing: str) -> Iterator[int]:
    """Hold the machine's lock of that name; the file descriptor, for a child that has to hold it too.

    The file stays: removing it would let two processes lock two files of one name. DatomicError when another holds it.
    """
    path = os.path.join(tempfile.gettempdir(), name)
    try:
        try:
            descriptor = os.open(path, FLAGS | os.O_CREAT, 0o644)
        except PermissionError:  # another user's file in a sticky directory opens only without O_CREAT
            descriptor = os.open(path, FLAGS)
    except OSError as error:
        raise DatomicError(f"The lock {path} cannot be opened: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DatomicError(
                f"Another backup or restore of the same backup URI runs on this machine; {doing} was not started. "
                "Wait for it to end and run again."
            ) from error
        yield descriptor
    finally:
        os.close(descriptor)
