# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All findings about a system's files, as one table for the terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.playbook.task import Task
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.screen import show

HEAD = ("SEVERITY", "WHERE", "KEY", "MESSAGE")


def table(findings: Sequence[Mapping[str, Any]], accepted: Sequence[Mapping[str, Any]] = ()) -> str:
    """A row for each finding of validate_properties, with its rule and reasons below; empty without findings."""
    findings = [*findings, *({**one, "severity": "accepted"} for one in accepted)]
    if not findings:
        return ""
    rows = [HEAD, *((one["severity"], _place(one), one["key"], one["message"]) for one in findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD) - 1)]
    lines = ["  ".join([*map(str.ljust, row, widths), row[-1]]) for row in rows]
    for line, finding in enumerate(findings, 1):
        lines[line] += "".join(f"\n    {reason}" for reason in _reasons(finding))
    return "\n".join(lines)


def refusal(task: Task, result: Mapping[str, Any]) -> dict[str, Any]:
    """Show the findings of a failed module, and return its result without them: Ansible would show them once more."""
    findings = result["findings"]
    show(task, table(findings, result.get("accepted", ())))
    count = sum(finding["severity"] == "error" for finding in findings)
    errors = "1 error" if count == 1 else f"{count} errors"
    message = f"{errors}: see the table above, correct what it says, and run again. Nothing was changed."
    return {"failed": True, "changed": False, "msg": message}


def _place(finding: Mapping[str, Any]) -> str:
    """File and line, from the working directory if that is shorter."""
    if not finding["file"]:
        return ""
    file = min(finding["file"], os.path.relpath(finding["file"]), key=len)
    return f"{file}:{finding['line']}" if finding["line"] else str(file)


def _reasons(finding: Mapping[str, Any]) -> list[str]:
    source = f" ({finding['source']})" if finding["reason"] and finding["source"] else ""
    reason = finding["reason"] + source
    # The rule is shown without a reason too: an inventory accepts it by this name.
    rule = [f"{finding['rule']}: {reason}" if reason else str(finding["rule"])]
    about = (("suggestion", finding["suggestion"]), ("accepted", finding.get("accepted_reason", "")))
    return rule + [f"{name}: {text}" for name, text in about if text]
