# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All findings about a system's files, as one table for the terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.playbook.task import Task
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import Finding
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan_lines import listed
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.plan_screen import COLUMNS
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.screen import show


def table(
    findings: Sequence[Mapping[str, Any]], accepted: Sequence[Mapping[str, Any]] = (), width: int = COLUMNS
) -> str:
    """A row for each finding of validate_properties, with its rule and reasons below; empty without findings."""
    shown = [*((one["severity"], one) for one in findings), *(("accepted", one) for one in accepted)]
    return listed(((severity, _finding(one), _reasons(one)) for severity, one in shown), width=width)


def refusal(task: Task, result: Mapping[str, Any]) -> dict[str, Any]:
    """Show the findings of a failed module, and return its result without them: Ansible would show them once more."""
    findings = result["findings"]
    show(task, table(findings, result.get("accepted", ())))
    count = sum(finding["severity"] == "error" for finding in findings)
    errors = "1 error" if count == 1 else f"{count} errors"
    message = f"{errors}: see the table above, correct what it says, and run again. Nothing was changed."
    return {"failed": True, "changed": False, "msg": message}


def _finding(given: Mapping[str, Any]) -> Finding:
    """With its file from the working directory if that is shorter."""
    file = min(given["file"], os.path.relpath(given["file"]), key=len) if given["file"] else ""
    values = {name: value for name, value in given.items() if name != "accepted_reason"}
    return Finding(**{**values, "file": file})


def _reasons(given: Mapping[str, Any]) -> list[str]:
    source = f" ({given['source']})" if given["reason"] and given["source"] else ""
    reason = given["reason"] + source
    # The rule is shown without a reason too: an inventory accepts it by this name.
    rule = f"{given['rule']}: {reason}" if reason else str(given["rule"])
    return [rule, *(f"accepted: {text}" for text in [given.get("accepted_reason", "")] if text)]
