# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run plan_stack in the worker process of ansible-playbook if possible, and show the changes."""

from __future__ import annotations

from typing import Any

from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.stack.changes import lines
from ansible_collections.datomic_onprem.aws.plugins.modules import plan_stack
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.in_process import InProcess
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.screen import host_prefix, show


class ActionModule(InProcess):
    module = plan_stack
    services = ("cloudformation",)

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        name = host_prefix(task_vars or {})
        for line in lines(str(self._task.args.get("stack_name")), result):
            show(self._task, f"{name}{line}")
        return result
