# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run adopt_system in the worker process of ansible-playbook if possible, and show what it has found."""

from __future__ import annotations

import json
from typing import Any

import yaml
from ansible_collections.datomic_onprem.aws.plugins.module_utils.adopt import lines
from ansible_collections.datomic_onprem.aws.plugins.modules import adopt_system
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.in_process import InProcess
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.plan_screen import COLUMNS, show_lines


class ActionModule(InProcess):
    module = adopt_system
    services = ("sts", "dynamodb", "iam", "s3", "ec2", "cloudformation")

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        if "variables" in result:
            system = self._task.args.get("system") or result["stack"]["name"]
            # By default the stack has the name of the host.
            default = ("datomic_stack_name", system)
            variables = {key: value for key, value in result["variables"].items() if (key, value) != default}
            # YAML takes no texts with Ansible's tags.
            plain = json.loads(json.dumps({system: variables}))
            result["inventory"] = yaml.safe_dump(plain, sort_keys=False, width=COLUMNS)
            check = self._task.check_mode
            show_lines(
                self._task,
                lambda paint: lines.render(
                    result, system, result["inventory"], width=COLUMNS, check=check, paint=paint
                ),
            )
        return result
