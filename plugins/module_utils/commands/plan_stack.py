# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""plan_stack: what an update changes about a stack. An update that CloudFormation refuses is an error."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..aws import change_set, ec2, stack
from ..aws.change_set import ChangeSet
from ..aws.client import Aws
from ..aws.stack import Stack
from ..aws.sts import refuse_other_account
from ..errors import AwsError, DatomicError, Finding
from ..rolling import restore_command
from ..steps.stack import changes
from ..steps.stack.changes import Parameter, ParameterChange
from ..template import legacy

Warn = Callable[[str], None]


def plan(
    aws: Aws,
    *,
    stack_name: str,
    template: str,
    tags: Mapping[str, str],
    files: Sequence[str],
    account_id: str | None,
    check_mode: bool,
    warn: Warn,
) -> dict[str, Any]:
    """The module's result. Only in check mode a pending update counts as a change."""
    refuse_other_account(aws, account_id)
    client = aws.client("cloudformation")
    body, content = read_template(template)
    found = stack.describe(client, stack_name)
    current = found or Stack(stack_name, "", "")
    all_tags = {**current.tags, **tags}
    planned = _change_set(client, found, body, all_tags, warn) if found else ChangeSet(changes.added(content))
    current_template = functools.cache(lambda: stack.template(client, stack_name))
    parameters: list[ParameterChange] = []
    if planned.changed:
        for finding in zone_findings(aws, content, current.parameters.get("InstanceType")):
            warn(str(finding))
        parameters = _parameter_changes(current, planned, current_template)
        for finding in (changes.by_hand(stack_name, one) for one in parameters if one.by_hand):
            warn(str(finding))
    has_commit = found and planned.changed and files and not check_mode
    return {
        "changed": check_mode and planned.changed,
        "pending": planned.changed,
        "changes": [dataclasses.asdict(change) for change in planned.changes],
        "parameters": [dataclasses.asdict(parameter) for parameter in parameters],
        "image": changes.image(planned.changes, parameters),
        "outdates_instances": changes.outdates(planned.changes),
        "exists": found is not None,
        "stack_id": current.stack_id,
        "commit_before": _commit_before(current, current_template, template, files) if has_commit else "",
        "tags": all_tags,
        "notification_arns": ",".join(current.topics),
        "diff": changes.diff(stack_name, planned.changes, parameters),
    }


def _change_set(client: Any, current: Stack, body: str, tags: Mapping[str, str], warn: Warn) -> ChangeSet:
    if current.status == "REVIEW_IN_PROGRESS":
        raise DatomicError(
            f"The stack {current.name} is REVIEW_IN_PROGRESS: a change set that was to create it was never executed. "
            "Delete the stack, which has no resources (aws cloudformation delete-stack), and run again."
        )
    planned = change_set.plan(client, current.name, body, tags if tags != current.tags else None, warn)
    if planned.refusal:
        raise DatomicError(
            f"CloudFormation refuses the update of the stack {current.name}: {planned.refusal}. "
            "The stack was not changed. Correct this, and run again."
        )
    return planned


def _parameter_changes(current: Stack, planned: ChangeSet, template: Callable[[], Any]) -> list[ParameterChange]:
    """Reads the template only if a parameter changes."""
    found = changes.parameter_changes(current.parameters, planned.parameters, {})
    if not found:
        return []
    return changes.parameter_changes(current.parameters, planned.parameters, stack.parameter_defaults(template()))


def zone_findings(aws: Aws, template: Any, current: Parameter | None) -> list[Finding]:
    """A legacy template uses all zones: warn of those that lack its instance type. Asks AWS only about a new type."""
    name = legacy.instance_type(template)
    if not name or (current and current.given == name):
        return []
    finding = functools.partial(Finding, "zone-without-type", severity="warning", key="aws-instance-type")
    try:
        offering, zones = ec2.zones(aws.client("ec2"), name)
    except AwsError as error:
        return [finding(message=f"{error} The zones that lack the instance type {name} are not known")]
    lacking = [zone for zone in zones if offering and zone not in offering]
    message = (
        f"{name} is not offered in {', '.join(lacking)}, and the legacy template uses all zones: a launch there fails"
        " and is repeated in another zone"
    )
    suggestion = "the flavor modern (datomic_template_flavor), which names the zones that offer it, or another type"
    return [finding(message=message, suggestion=suggestion)] if lacking else []


def _commit_before(current: Stack, template: Callable[[], Any], path: str, files: Sequence[str]) -> str:
    """The commit of the files that made the current template; empty if nothing proves it, also after an error."""
    try:
        defaults = stack.parameter_defaults(template())
    except AwsError:
        return ""
    if any(one.given != defaults[name] for name, one in current.parameters.items() if name in defaults):
        return ""  # set by hand: it is in no file
    return restore_command.commit_of(template(), path, files)


def read_template(path: str) -> tuple[str, Any]:
    """The template's text, and its content: parsed if it is JSON, otherwise the text."""
    try:
        with open(path, encoding="utf-8") as file:
            body = file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        message = f"Could not read the template {path}: {reason}. Run the entry point template first."
        raise DatomicError(message) from error
    try:
        return body, json.loads(body)
    except ValueError:
        return body, body
