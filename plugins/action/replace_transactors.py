# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run replace_transactors again and again until the group is whole, and show what happens meanwhile."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling import restore_command
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling.loop import Driver
from ansible_collections.datomic_onprem.aws.plugins.modules import replace_transactors
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils import screen
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.in_process import InProcess

MODULE = "datomic_onprem.aws.replace_transactors"
NOTHING: dict[str, Any] = {
    "changed": False,
    "replaced": [],
    "ended": [],
    "launched": [],
    "timeline": [],
    "seconds": 0.0,
}
TIMEOUT = 1800

ABOVE = os.dup(2)
"""ansible-playbook's own standard error: it loads this file before it starts the worker, which has none left."""


class ActionModule(InProcess):
    """The loop; each look and each step is a run of the module."""

    TRANSFERS_FILES = False
    module = replace_transactors
    services = ("cloudformation", "autoscaling", "ec2")

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        ActionBase.run(self, tmp, task_vars)
        args = dict(self._task.args)
        warnings: list[Any] = []
        whose = screen.whose(task_vars)

        def show(line: str) -> None:
            screen.show(self._task, f"{whose}{line}")

        def call(run: Mapping[str, Any]) -> dict[str, Any]:
            answer: dict[str, Any] = self._execute_module(
                module_name=MODULE, module_args={**args, "run": dict(run)}, task_vars=task_vars
            )
            warnings.extend(warning for warning in answer.pop("warnings", []) if warning not in warnings)
            return answer

        if self._task.check_mode or args.get("when") == "never":
            answer = call({})
            for step in answer.get("steps", ()):
                show(f"would {step}")
            return {**NOTHING, **answer, "warnings": warnings}
        closing = Closing(show, lambda line: None if self._task.no_log else _say(f"{whose}{line}"))
        driver = Driver(call, closing.show, _seconds(args.get("timeout", TIMEOUT)))
        with closing.telling(lambda: f"Stopped. {driver.standing()}"):
            result = driver.run()
        if result.get("failed") and not driver.replaced:
            files = args.get("files") or [args[name] for name in ("transactor_src",) if args.get(name)]
            if advice := restore_command.advice(files, str(args.get("commit_before") or "")):
                result["msg"] += f"\n{advice}"
        return {**result, "warnings": warnings}


def _say(line: str) -> None:
    """Past ansible-playbook, which shows no line of a worker any more once it was stopped."""
    with contextlib.suppress(OSError):
        os.write(ABOVE, f"{line}\n".encode())


def _seconds(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise AnsibleActionFail(f"timeout is not a number of seconds: {value}") from error


class Closing:
    """Ctrl-C and SIGTERM say where things stand before they do what they did.

    A line goes to ansible-playbook through a queue with a lock. A signal that comes while a line is under way waits for
    its end: a process that dies with the lock leaves ansible-playbook waiting for good. The last words do not go
    through the queue, which ansible-playbook reads no more.
    """

    def __init__(self, show: Callable[[str], None], say: Callable[[str], None]) -> None:
        """show: a line of progress; say: the last words."""
        self._show = show
        self._say = say
        self._showing = False
        self._waiting: int | None = None
        self._before: dict[int, Any] = {}
        self._last_words: Callable[[], str] = str

    def show(self, line: str) -> None:
        self._showing = True
        self._show(line)
        self._showing = False
        if self._waiting is not None:
            self._stop(self._waiting)

    @contextlib.contextmanager
    def telling(self, last_words: Callable[[], str]) -> Iterator[None]:
        """last_words: what a signal shows that comes while this lasts."""
        self._last_words = last_words
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in self._before:
            signal.signal(number, self._signalled)
        try:
            yield
        finally:
            self._restore()

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        if self._showing:
            self._waiting = number
        else:
            self._stop(number)

    def _stop(self, number: int) -> None:
        # First of all: should the line not get through, the next signal ends this process as ever.
        self._restore()
        self._say(self._last_words())
        signal.raise_signal(number)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
