# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stack's update as the role does it, module by module."""

from __future__ import annotations

import pathlib
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests.conftest import ROOT
from tests.emulator import Emulator
from tests.modules import CREDENTIALS, run_module

STACK = {**CREDENTIALS, "stack_name": "orders"}


def plan(aws: Emulator, file: pathlib.Path, *, check: bool = False, **params: Any) -> dict[str, Any]:
    options = {**STACK, "endpoint_url": aws.url, "template": str(file), **params}
    return run_module("plan_stack", options, check=check)


def update(aws: Emulator, file: pathlib.Path, planned: dict[str, Any], **params: Any) -> dict[str, Any]:
    """By amazon.aws.cloudformation."""
    options = {
        **STACK,
        "endpoint_url": aws.url,
        "template_body": file.read_text(),
        "tags": planned["tags"],
        "notification_arns": planned["notification_arns"],
        **params,
    }
    return run_module("cloudformation", options, collection="amazon.aws")


def why(aws: Emulator, file: pathlib.Path, **params: Any) -> dict[str, Any]:
    """What is said of an update that fails."""
    planned = plan(aws, file, **params)
    done = update(aws, file, planned, **params)
    assert done["failed"], done
    return explain(aws, file, planned, done, **params)


def explain(
    aws: Emulator, file: pathlib.Path, planned: dict[str, Any], done: dict[str, Any], **params: Any
) -> dict[str, Any]:
    options = {
        **STACK,
        "endpoint_url": aws.url,
        "template": str(file),
        "existed": planned["exists"],
        "outcome": done.get("output", ""),
        "refusal": "" if "output" in done else done["msg"],
        **params,
    }
    return run_module("stack_failure_info", options)


def fails(**results: Any) -> bool:
    """Whether the role's task that updates the stack fails with these results."""
    tasks = yaml.safe_load((ROOT / "roles" / "datomic" / "tasks" / "_update_stack.yml").read_text())
    (task,) = [task for task in tasks[0]["block"] if "amazon.aws.cloudformation" in task]
    condition = trust_as_template(task["failed_when"])
    return bool(Templar(loader=DataLoader(), variables=results).evaluate_conditional(condition))


def delete(aws: Emulator, stack_id: str) -> dict[str, Any]:
    options = {**STACK, "endpoint_url": aws.url, "stack_name": stack_id, "state": "absent"}
    return run_module("cloudformation", options, collection="amazon.aws")
