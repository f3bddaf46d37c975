# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last words of a worker that a signal ends."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from ansible.playbook.task import Task

ABOVE = os.dup(2)
"""ansible-playbook's own standard error: it loads this file before it starts the worker, which has none left."""


def say(task: Task, line: str) -> None:
    """Show the line past ansible-playbook, which shows no line of a worker any more once it was stopped."""
    if not task.no_log:
        with contextlib.suppress(OSError):
            os.write(ABOVE, f"{line}\n".encode())


class Signals:
    """Inside, SIGINT and SIGTERM first show the last words, then do what they did before.

    A line of progress goes to ansible-playbook through a queue with a lock. A signal that arrives while a line is under
    way waits for its end: a process that dies with the lock leaves ansible-playbook waiting forever.
    """

    def __init__(self, say_last_words: Callable[[], None]) -> None:
        self._say_last_words = say_last_words
        self._delayed = False
        self._ending = False
        self._waiting: int | None = None
        self._line_of_thread = threading.Lock()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in self._before:
            signal.signal(number, self._handle)

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def delayed(self) -> Iterator[None]:
        """Inside, also in another thread, a signal waits for the end. Handlers run in the main thread."""
        if threading.current_thread() is not threading.main_thread():
            with self._line_of_thread:
                yield
            return
        self._delayed = True
        yield
        self._delayed = False
        if self._waiting is not None:
            self._end(self._waiting)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._delayed:
            self._waiting = number
        elif self._ending:
            # ansible-playbook sends SIGTERM right after SIGINT: the words come first, unless they do not get through.
            signal.signal(number, self._before[number])
        else:
            self._end(number)

    def _end(self, number: int) -> None:
        self._ending = True
        with self._line_of_thread:
            # First: if the words do not get through, the next signal ends this process as before.
            signal.signal(number, self._before[number])
            self._say_last_words()
            signal.raise_signal(number)
