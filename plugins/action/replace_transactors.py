# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run replace_transactors with lines of progress while it runs, and with last words when a signal ends it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

from ansible_collections.datomic_onprem.aws.plugins.module_utils.screen import current_last_words
from ansible_collections.datomic_onprem.aws.plugins.modules import replace_transactors
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils import screen
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.in_process import InProcess

ABOVE = os.dup(2)
"""ansible-playbook's own standard error: it loads this file before it starts the worker, which has none left."""


class ActionModule(InProcess):
    module = replace_transactors
    services = ("cloudformation", "autoscaling", "ec2")

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        host = screen.host_prefix(task_vars)
        self._signals = Signals(lambda: self._say(host, current_last_words()))
        self._shown = False
        with self._signals:
            result: dict[str, Any] = super().run(tmp, task_vars)
        lines = [f"would {step}" for step in result.get("steps", ())]
        if not self._shown:  # the module ran in a process of its own
            timeline = result.get("timeline", ())
            lines += [f"{each['at']}  {each['instance_id']} {each['event']}".replace("   ", "  ") for each in timeline]
        for line in lines:
            self._show(f"{host}{line}")
        return result

    def _why_apart(self, task_vars: Mapping[str, Any], environment: Mapping[str, str]) -> str:
        # Lines while it runs are worth more than another interpreter, as long as this one has what the module needs.
        if importlib.util.find_spec("boto3"):
            task_vars = {**task_vars, "ansible_python_interpreter": sys.executable}
        return super()._why_apart(task_vars, environment)

    def _show(self, line: str) -> None:
        self._shown = True
        with self._signals.delayed():
            super()._show(line)

    def _say(self, host: str, words: str) -> None:
        """Show words past ansible-playbook, which shows no line of a worker any more once it was stopped."""
        if words and not self._task.no_log:
            with contextlib.suppress(OSError):
                os.write(ABOVE, f"{host}{words}\n".encode())


class Signals:
    """Inside, SIGINT and SIGTERM first show the last words, then do what they did before.

    A line of progress goes to ansible-playbook through a queue with a lock. A signal that arrives while a line is under
    way waits for its end: a process that dies with the lock leaves ansible-playbook waiting forever.
    """

    def __init__(self, say_last_words: Callable[[], None]) -> None:
        self._say_last_words = say_last_words
        self._delayed = False
        self._waiting: int | None = None
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
        """Inside, a signal waits for the end."""
        self._delayed = True
        yield
        self._delayed = False
        if self._waiting is not None:
            self._end(self._waiting)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._delayed:
            self._waiting = number
        else:
            self._end(number)

    def _end(self, number: int) -> None:
        self.__exit__()  # first of all: if the words do not get through, the next signal ends this process as before
        self._say_last_words()
        signal.raise_signal(number)
