# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run register_files. A task may give message instead of commit_message, and the role gives internal options."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.datomic_onprem.aws.plugins.modules import register_files
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.in_process import InProcess


class ActionModule(InProcess):
    """Translates the option message: Ansible reserves that name in modules."""

    module = register_files
    internal = frozenset(("expected", "planned", "planned_only", "preflight", "secrets_expected"))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        arguments = self._task.args
        if "message" in arguments:
            if "commit_message" in arguments:
                raise AnsibleActionFail("message and commit_message are the same option: give one of them.")
            arguments["commit_message"] = arguments.pop("message")
        result: dict[str, Any] = super().run(tmp, task_vars)
        return result
