# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes that are killed at a chosen moment: a change of a file, an fsync, the start of a git command."""

from __future__ import annotations

import mmap
import os
import signal
import sys
import traceback
from collections.abc import Callable, Collection, Sequence
from typing import Any

CHANGES = frozenset(("os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"))
WRITING = os.O_WRONLY | os.O_RDWR


def in_a_child(work: Callable[[], object], prepare: Callable[[int], object] = lambda pid: None) -> bool:
    """Run it in another process, in a group of its own; whether that was killed. An exception there is one here.

    prepare: gets its process id before it starts.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.setpgid(0, 0)
            os.read(reader, 1)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)
    prepare(child)
    os.write(writer, b"x")
    os.close(reader)
    os.close(writer)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if ended not in (0, -signal.SIGKILL):
        raise RuntimeError(f"the child neither ended well nor was killed: {ended}")
    return ended == -signal.SIGKILL


def on_moment(number: int, places: Collection[str], reached: Callable[[], object]) -> None:
    """Call reached at the number-th moment of this process and all that it forks.

    A moment is a file below one of the places opened for writing, renamed, removed, linked or synced, or a git command.
    What is written between an open and its fsync is in the file at the fsync.
    """
    count = mmap.mmap(-1, 8)

    def meet() -> None:
        done = int.from_bytes(count[:8], "little") + 1
        count[:8] = done.to_bytes(8, "little")
        if done == number:
            reached()

    def ours(path: object) -> bool:
        return any(place in str(path) for place in places)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in CHANGES or (event == "open" and (arguments[2] or 0) & WRITING):
            moment = any(map(ours, arguments))
        elif event == "subprocess.Popen":
            moment = _runs_git([str(argument) for argument in arguments[1]])
        else:
            return
        if moment:
            meet()

    fsync = os.fsync

    def counted(fd: Any) -> None:
        if ours(os.readlink(f"/proc/self/fd/{fd}")):
            meet()
        fsync(fd)

    os.fsync = counted
    sys.addaudithook(hook)


def _runs_git(command: Sequence[str]) -> bool:
    """Also by way of a shell, which holds the lock of the repository while git commits."""
    return os.path.basename(command[0]) == "git" or (command[:2] == ["sh", "-c"] and 'git "$@"' in command[2])


def die_at(number: int, *places: str) -> None:
    """Let this process be killed at its number-th moment."""
    on_moment(number, places, lambda: os.kill(os.getpid(), signal.SIGKILL))
