# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stack_failure_info does: say why amazon.aws.cloudformation failed, and whether the stack may be made again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from ..aws import autoscaling, stack
from ..aws.client import Aws
from ..aws.sts import refuse_other_account
from ..steps.stack import changes, failures
from ..steps.stack.failures import Event
from .plan_stack import read

CREATED = "Problem with CREATE"
"""How amazon.aws.cloudformation's output begins when its own creation was rolled back."""
STATE = "state and can not be updated"
"""CloudFormation took a request before this one: the plan has found a stack that can be updated, or none."""


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of the module stack_failure_info, which documents them."""

    stack_name: str
    template: str
    existed: bool
    outcome: str = ""
    refusal: str = ""
    account_id: str = ""


def explain(aws: Aws, options: Options) -> dict[str, Any]:
    """The module's result."""
    refuse_other_account(aws, options.account_id)
    client = aws.client("cloudformation")
    _body, template = read(options.template)
    secrets = changes.secrets(template)
    name, doing = options.stack_name, "update" if options.existed else "create"
    now = stack.present(client, name)
    if now is None or (options.refusal and STATE not in options.refusal):
        return _result(failures.refused(name, doing, options.refusal or options.outcome, secrets))
    if now.status.endswith("_IN_PROGRESS"):
        return _result(failures.unfinished(name, doing, now.status), now.stack_id)
    found = stack.newest_events(client, now.stack_id)
    repeatable = (
        not options.existed
        and options.outcome.startswith(CREATED)
        and now.status == "ROLLBACK_COMPLETE"
        and _may_go(aws, found)
    )
    return _result(
        failures.message(name, doing, now.status, found, now.told, secrets), now.stack_id, repeatable=repeatable
    )


def _may_go(aws: Aws, found: Sequence[Event]) -> bool:
    """Whether no transactor has ever run in the stack, and another attempt may end otherwise.

    What cannot be proved is not so: then the stack stays for people to look at.
    """
    if not found or not failures.worth_another(found):
        return False
    name = failures.group(found)
    return not name or autoscaling.never_launched(aws.client("autoscaling"), name)


def _result(failure: str, stack_id: str = "", *, repeatable: bool = False) -> dict[str, Any]:
    return {"changed": False, "failure": failure, "repeatable": repeatable, "stack_id": stack_id}
