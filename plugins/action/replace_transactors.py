# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run replace_transactors with lines of progress while it runs, and with last words when a signal ends it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from typing import Any

from ansible_collections.datomic_onprem.aws.plugins.module_utils.screen import current_last_words
from ansible_collections.datomic_onprem.aws.plugins.modules import replace_transactors
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils import screen
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.in_process import InProcess
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.signals import Signals, say


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
        if words:
            say(self._task, f"{host}{words}")
