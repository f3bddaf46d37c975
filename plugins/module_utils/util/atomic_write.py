# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replace a file's bytes so that a reader, a crash or a full disk never sees half of them."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile

from ..errors import DatomicError
from . import lock

NEW_FILE_MODE = 0o600
"""A file that did not exist may come to hold secrets: for its owner alone."""


def replace(path: str, content: bytes, *, was: bytes | None) -> None:
    """Put content in the place of path's bytes, atomically and durably; a symlink's target is what is replaced.

    was: the bytes that the file has to have now; None: it must not exist. Mode and owner are kept.
    Raises DatomicError with the file as it was, except after the very last step, the sync of the directory.
    """
    target = os.path.realpath(path)
    directory, name = os.path.split(target)
    try:
        _remove_left_over(directory, name)
        # The suffix tells the next run what a killed one left behind.
        descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".tmp", dir=directory)
        try:
            with os.fdopen(descriptor, "wb") as file:
                lock.take(file.fileno())
                file.write(content)
                file.flush()
                _keep_owner_and_mode(file.fileno(), target)
                os.fsync(file.fileno())
                _check_unchanged(path, target, was)
                os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        _sync(directory)
    except OSError as error:
        raise DatomicError(
            f"Could not write {path}: {error.strerror or error}. Check the directory's space and permissions."
        ) from error


def _check_unchanged(path: str, target: str, was: bytes | None) -> None:
    try:
        with open(target, "rb") as file:
            now: bytes | None = file.read(len(was or b"") + 1)
    except FileNotFoundError:
        now = None
    if now != was:
        state = "is gone" if now is None else "was created" if was is None else "was changed by someone else"
        raise DatomicError(f"{path} {state} since it was read: it was not written. Look at it and run again.")


def _keep_owner_and_mode(descriptor: int, target: str) -> None:
    try:
        before = os.stat(target)
    except FileNotFoundError:
        os.fchmod(descriptor, NEW_FILE_MODE)
        return
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        os.fchown(descriptor, before.st_uid, before.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))


def _remove_left_over(directory: str, name: str) -> None:
    """Remove temporary files of this target whose writer is dead: a living one holds a lock on its file."""
    ours = re.compile(re.escape(f".{name}.") + r"[a-z0-9_]{8}\.tmp")
    for entry in os.listdir(directory):
        if not ours.fullmatch(entry):
            continue
        left_over = os.path.join(directory, entry)
        with contextlib.suppress(FileNotFoundError), open(left_over, "rb") as file:
            if lock.take(file.fileno()):
                os.unlink(left_over)


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
