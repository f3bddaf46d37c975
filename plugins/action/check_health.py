# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run check_health in ansible-playbook's own worker where it can be, with lines of progress while it runs."""

from __future__ import annotations

from typing import Any

from ansible_collections.datomic_onprem.aws.plugins.modules import check_health
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.batches import stops
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.in_process import InProcess


class ActionModule(InProcess):
    module = check_health
    services = ("cloudformation", "autoscaling", "ec2", "cloudwatch")

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        if result.get("failed"):
            result["msg"] = f"{result.get('msg', '')}{stops(self._task, task_vars)}"
        return result
