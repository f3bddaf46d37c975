# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why amazon.aws.cloudformation failed, and whether the stack may be created again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..aws import autoscaling, diagnostics, stack
from ..aws.client import Clients
from ..errors import AwsError
from ..rolling.state import Activity
from ..steps.stack import changes, failures
from ..steps.stack.events import Event
from ..steps.stack.failures import GROUP_TYPE, Failure, Operation
from ..util import clock, redact

DELETED = "Stack Deleted"
"""amazon.aws.cloudformation's output, without a failure, if it cannot read the stack for a moment."""
ROLLED_BACK = "Problem with CREATE"
"""The start of its output if the creation that it began was rolled back."""
EARLIER_REQUEST = "state and can not be updated"
"""CloudFormation accepted an earlier request of this run: the plan found a stack that can be updated, or none."""
STATUSES = {
    "Problem with CREATE. Rollback complete": "ROLLBACK_COMPLETE",
    "Problem with UPDATE. Rollback complete": "UPDATE_ROLLBACK_COMPLETE",
    "Stack UPDATE rollback failed": "UPDATE_ROLLBACK_FAILED",
}
SHOWN_CONSOLES = 2


def explain(aws: Clients | None, name: str, template: Any, done: Mapping[str, Any]) -> Failure | None:
    """Why the operation failed, secrets included; None if it did not.

    aws: None if this process cannot ask AWS. template: its content. done: the result of amazon.aws.cloudformation.
    """
    outcome = str(done.get("output", ""))
    if not done.get("failed") and outcome != DELETED:
        return None
    if aws is None:
        return _by_module(name, done)
    client = aws.client("cloudformation")
    try:
        current = stack.describe(client, name)
        refused = not outcome and EARLIER_REQUEST not in str(done.get("msg"))
        if current is None or (refused and not current.status.endswith("_IN_PROGRESS")):
            return _by_module(name, done)
        operation = failures.operation(current.status)
        if current.status.endswith("_IN_PROGRESS"):
            return Failure(name, operation, current.status, stack_id=current.stack_id)
        if outcome == DELETED and current.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return None
        found = stack.newest_events(client, current.stack_id)
    except AwsError as error:
        return _by_module(name, done, str(error))
    rolled_back = outcome.startswith(ROLLED_BACK) and current.status == "ROLLBACK_COMPLETE"
    details, never_launched = _group(aws, template, found) if rolled_back or _group_failed(found) else ([], False)
    return Failure(
        name,
        operation,
        current.status,
        tuple(failures.root_causes(found) or filter(None, [current.reason.rstrip(".")])),
        tuple(details),
        current.stack_id,
        repeatable=rolled_back and failures.may_succeed_again(found) and never_launched,
    )


def _by_module(name: str, done: Mapping[str, Any], *details: str) -> Failure:
    """The failure as amazon.aws.cloudformation reports it."""
    text = str(done.get("output", "")) or str(done.get("msg", ""))
    operation: Operation = "create" if "create" in text.lower() else "update"
    request = f"Failed to {operation} stack {name}: "
    refused = text.startswith(f"{request}An error occurred (") and EARLIER_REQUEST not in text
    causes = failures.root_causes(failures.events_of(done.get("log", ())))
    if not causes:
        missing = "amazon.aws.cloudformation cannot find it any more"
        causes = [missing if text == DELETED else text.removeprefix(request).rstrip(".")]
    return Failure(name, operation, STATUSES.get(text, ""), tuple(causes), details, refused=refused)


def _group_failed(found: Sequence[Event]) -> bool:
    return any(failures.failed(event) and event.type == GROUP_TYPE for event in found)


def _group(aws: Clients, template: Any, found: Sequence[Event]) -> tuple[list[str], bool]:
    """Diagnostics of the group, if it failed, and whether it provably never launched an instance."""
    name = failures.group_name(found)
    if not name:
        return [], True
    try:
        activities = autoscaling.all_activities(aws.client("autoscaling"), name)
    except AwsError as error:
        return [str(error)], False
    details = _details(aws, template, found, activities) if _group_failed(found) else []
    return details, failures.never_launched(activities)


def _details(aws: Clients, template: Any, found: Sequence[Event], activities: Sequence[Activity]) -> list[str]:
    """The failed scaling activities, the consoles of the newest instances, the last log."""
    now = [one for one in activities if clock.iso(one.started_at) >= found[0].at]
    known = " ".join(failures.root_causes(found))
    failed = dict.fromkeys(one.message for one in now if one.failed and one.message and one.message not in known)
    lines = [f"Scaling activity: {message}" for message in failed]
    launched = [one for one in now if one.kind == "launch" and one.instance_id][:SHOWN_CONSOLES]
    for one in launched:
        lines += diagnostics.console(aws.client("ec2"), one.instance_id)
    properties = changes.properties(template)
    if launched and (bucket := properties.get("aws-s3-log-bucket-id")):
        since = min(one.started_at for one in launched)
        lines += diagnostics.log(aws.client("s3"), bucket, properties.get("aws-dynamodb-table", ""), since)
    # Programs may print secrets that are in no template.
    return [redact.output(redact.properties(line)) for line in lines]
