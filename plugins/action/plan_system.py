# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run plan_system in the worker process of ansible-playbook if possible, and show the plan or the errors."""

from __future__ import annotations

from typing import Any

from ansible_collections.datomic_onprem.aws.plugins.module_utils import plan_lines
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan import Plan
from ansible_collections.datomic_onprem.aws.plugins.modules import plan_system
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils import screen
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.batches import stops
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.findings import refusal
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.in_process import InProcess
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.plan_screen import COLUMNS, show_lines


class ActionModule(InProcess):
    module = plan_system
    internal = frozenset(("_release_to_come",))
    services = ("sts", "dynamodb", "iam", "s3", "ec2", "cloudformation", "autoscaling", "cloudwatch", "ssm")

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        if "plan" in result:
            self._show_plan(Plan.of(result["plan"]))
        elif result.get("findings"):
            result = refusal(self._task, result)
        if result.get("failed") and not self._task.check_mode:
            result["msg"] = f"{result.get('msg', '')}{stops(self._task, task_vars)}"
        return result

    def _show_plan(self, plan: Plan) -> None:
        check, diff = self._task.check_mode, self._task.diff
        notes = check or screen.display.verbosity > 0
        show_lines(
            self._task,
            lambda paint: plan_lines.render(plan, width=COLUMNS, paint=paint, diff=diff, notes=notes),
        )
