# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""stack_failure_info: why amazon.aws.cloudformation failed, and whether the stack may be created again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..aws import autoscaling, stack
from ..aws.client import Aws
from ..aws.sts import refuse_other_account
from ..steps.stack import changes, failures
from ..steps.stack.events import Event
from ..util import redact
from .plan_stack import read_template

ROLLED_BACK = "Problem with CREATE"
"""The start of amazon.aws.cloudformation's output if the creation that it began was rolled back."""
EARLIER_REQUEST = "state and can not be updated"
"""CloudFormation accepted an earlier request of this run: the plan found a stack that can be updated, or none."""


def explain(
    aws: Aws, *, stack_name: str, template: str, existed: bool, outcome: str, refusal: str, account_id: str | None
) -> dict[str, Any]:
    """The module's result."""
    refuse_other_account(aws, account_id)
    client = aws.client("cloudformation")
    _body, content = read_template(template)
    operation = "update" if existed else "create"
    current = stack.describe(client, stack_name)
    stack_id, repeatable = "", False
    if current is None or (refusal and EARLIER_REQUEST not in refusal):
        failure = failures.message(stack_name, operation, [(refusal or outcome).rstrip(".")], "")
    elif current.status.endswith("_IN_PROGRESS"):
        stack_id, failure = current.stack_id, failures.unfinished(stack_name, operation, current.status)
    else:
        stack_id, events = current.stack_id, stack.newest_events(client, current.stack_id)
        causes = failures.root_causes(events) or [text for text in [current.reason.rstrip(".")] if text]
        failure = failures.message(stack_name, operation, causes, current.status)
        rolled_back = outcome.startswith(ROLLED_BACK) and current.status == "ROLLBACK_COMPLETE"
        repeatable = not existed and rolled_back and _may_recreate(aws, events)
    failure = redact.values(failure, changes.secrets(content))
    return {"changed": False, "failure": failure, "repeatable": repeatable, "stack_id": stack_id}


def _may_recreate(aws: Aws, events: Sequence[Event]) -> bool:
    """Whether the stack provably never had a transactor, and the same request may succeed."""
    if not failures.may_succeed_again(events):
        return False
    group = failures.group_name(events)
    return not group or failures.never_launched(autoscaling.all_activities(aws.client("autoscaling"), group))
