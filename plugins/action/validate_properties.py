# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run validate_properties in the worker of ansible-playbook where possible, and show the findings as one table."""

from __future__ import annotations

from typing import Any

from ansible_collections.datomic_onprem.aws.plugins.modules import validate_properties
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils import screen
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.findings import refusal, table
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.in_process import InProcess


class ActionModule(InProcess):
    module = validate_properties
    internal = frozenset(("_release_to_come",))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        findings = result.get("findings", [])
        if any(finding["severity"] == "error" for finding in findings):
            return refusal(self._task, result)
        if findings or result.get("accepted"):
            screen.show(self._task, table(findings, result["accepted"]))
        # The table has them.
        result.pop("warnings", None)
        return result
