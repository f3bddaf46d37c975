# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Directories for what only one program may read: one at a time for each purpose, and gone whatever happens.

A process that is killed removes nothing. So each directory is locked by those who work in it, and whoever makes the
next one removes those that nobody holds any more.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator

from . import lock

FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OURS = re.compile(r"datomic-([0-9a-f]{16})-[a-z0-9_]{8}")


class HeldError(Exception):
    """Another process works for the same purpose."""


@contextlib.contextmanager
def directory(purpose: str) -> Iterator[tuple[str, int]]:
    """An empty directory that only this user can read, and the file descriptor of its lock.

    A program that works there has to hold the descriptor too, so that both outlive this process together.
    HeldError while another process holds the directory of the same purpose.
    """
    mark = hashlib.sha256(purpose.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    path, descriptor = _locked(mark)
    try:
        if mark in _held_by_others(path):
            raise HeldError(purpose)
        yield path, descriptor
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def _locked(mark: str) -> tuple[str, int]:
    while True:
        path = tempfile.mkdtemp(prefix=f"datomic-{mark}-")
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(path, FLAGS)
            if lock.take(descriptor) and os.path.isdir(path):
                return path, descriptor
            os.close(descriptor)
        # It was taken for a left-over before it was locked.


def _held_by_others(own: str) -> set[str]:
    """The marks of the other directories that are held; those that are not are removed."""
    held = set()
    for entry in os.scandir(os.path.dirname(own)):
        found = _OURS.fullmatch(entry.name)
        if not found or entry.path == own:
            continue
        try:
            descriptor = os.open(entry.path, FLAGS)
        except OSError:  # gone meanwhile, or another user's
            continue
        if os.fstat(descriptor).st_uid == os.geteuid():
            if lock.take(descriptor):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                held.add(found[1])
        os.close(descriptor)
    return held
