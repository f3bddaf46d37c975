# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run replace_transactors again and again until the group is whole, and show what happens meanwhile."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.datomic_onprem.aws.plugins.module_utils.replacement import retrace
from ansible_collections.datomic_onprem.aws.plugins.module_utils.replacement.driver import Driver

MODULE = "datomic_onprem.aws.replace_transactors"
NOTHING: dict[str, Any] = {"changed": False, "replaced": [], "launched": [], "timeline": [], "seconds": 0.0}
TIMEOUT = 1800

display = Display()


class ActionModule(ActionBase):
    """The loop; each look and each step is a run of the module."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        warnings: list[Any] = []

        def call(run: Mapping[str, Any]) -> dict[str, Any]:
            answer: dict[str, Any] = self._execute_module(
                module_name=MODULE, module_args={**args, "run": dict(run)}, task_vars=task_vars
            )
            warnings.extend(warning for warning in answer.pop("warnings", []) if warning not in warnings)
            return answer

        if self._task.check_mode or args.get("when") == "never":
            answer = call({})
            for step in answer.get("steps", ()):
                display.display(f"would {step}")
            return {**NOTHING, **answer, "warnings": warnings}
        driver = Driver(call, display.display, _seconds(args.get("timeout", TIMEOUT)))
        with _telling_when_stopped(driver):
            result = driver.run()
        if result.get("failed"):
            files = args.get("files") or [args[name] for name in ("transactor_src",) if args.get(name)]
            if command := retrace.command(files):
                result["msg"] += f"\nTo go back to the files that were committed before: {command}"
        return {**result, "warnings": warnings}


def _seconds(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise AnsibleActionFail(f"timeout is not a number of seconds: {value}") from error


@contextlib.contextmanager
def _telling_when_stopped(driver: Driver) -> Iterator[None]:
    """While it lasts, Ctrl-C and SIGTERM say where things stand before they do what they did."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stopped(number: int, frame: FrameType | None) -> None:
        # First of all: should the line not get through, the next signal ends this process as ever.
        for each, handler in before.items():
            signal.signal(each, handler)
        display.display(f"Stopped. {driver.standing()}")
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)
        else:
            signal.raise_signal(number)

    for number in before:
        signal.signal(number, stopped)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
