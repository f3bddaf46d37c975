# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CloudFormation's change sets: created, read and deleted again. The stack stays as it is."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import AwsError
from ..steps.stack import document
from ..steps.stack.changes import Change, Detail, Parameter, details, secrets
from ..util import redact
from .calls import aws_call, aws_pages, tag_list, waited
from .errors import aws_errors
from .stack import parameters

NAME = "datomic-plan"
ANOTHER_PLAN = ("AlreadyExistsException", "ChangeSetNotFound", "InvalidChangeSetStatus")
"""AWS's answers if another plan of the stack has created, deleted, or not finished a change set of the same name."""
DESCRIPTION = "What an update by datomic_onprem.aws would change; deleted as soon as it is read"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
NOTHING = ("didn't contain changes", "No updates are to be performed")
"""The StatusReason of a change set without changes."""
EVENTS = "DescribeEvents"
"""The StatusReason of an early validation refers to this operation."""
POLL_SECONDS = 2
WAIT_SECONDS = 600


@dataclasses.dataclass(frozen=True)
class ChangeSet:
    """What an update would do. refusal: CloudFormation's reason to refuse it, secrets masked; empty if it does not."""

    changes: Sequence[Change] = ()
    parameters: Mapping[str, Parameter] = dataclasses.field(default_factory=dict)
    changed: bool = True
    refusal: str = ""


def plan(client: Any, stack: str, body: str, tags: Mapping[str, str] | None, warn: Callable[[str], None]) -> ChangeSet:
    """The change set of an update to this template. tags: all tags of the stack; None leaves them as they are.

    The change set always has the same name, so that the next plan deletes what a killed one has left. While another
    plan of the stack runs, the name is unique.
    """
    request: dict[str, Any] = {"StackName": stack, "TemplateBody": body, "Capabilities": CAPABILITIES}
    if tags is not None:
        request["Tags"] = tag_list(tags)
    try:
        planned = _plan(client, {**request, "ChangeSetName": NAME}, warn)
    except AwsError as error:
        if error.code not in ANOTHER_PLAN:
            raise
        planned = _plan(client, {**request, "ChangeSetName": f"{NAME}-{uuid.uuid4().hex}"}, warn)
    if not planned.refusal:
        return planned
    hidden = redact.values(planned.refusal.rstrip("."), secrets(document.parsed(body)))
    return dataclasses.replace(planned, refusal=hidden)


def _plan(client: Any, request: Mapping[str, Any], warn: Callable[[str], None]) -> ChangeSet:
    stack, options = request["StackName"], {**request, "ChangeSetType": "UPDATE", "Description": DESCRIPTION}
    doing, create = "plan the update of the stack", client.create_change_set
    created = aws_call(doing, stack, create, expected=("AlreadyExistsException",), **options)
    if created is None:
        aws_call(doing, stack, client.delete_change_set, ChangeSetName=request["ChangeSetName"], StackName=stack)
        created = aws_call(doing, stack, create, **options)
    try:
        return _read(client, stack, created["Id"], warn)
    finally:
        aws_call("delete the change set of the stack", stack, client.delete_change_set, ChangeSetName=created["Id"])


def _read(client: Any, stack: str, change_set: str, warn: Callable[[str], None]) -> ChangeSet:
    waiter = client.get_waiter("change_set_create_complete")
    with aws_errors("plan the update of the stack", stack, client):
        last = waited(waiter, WAIT_SECONDS, POLL_SECONDS, ChangeSetName=change_set)
        if last:
            reason = str(last.get("StatusReason") or f"the change set is {last.get('Status')}, and no reason is given")
            nothing = any(text in reason for text in NOTHING)
            return ChangeSet(
                changed=False, refusal="" if nothing else _refusal(client, stack, change_set, reason, warn)
            )
        paginator = client.get_paginator("describe_change_set")
        pages = list(paginator.paginate(ChangeSetName=change_set, IncludePropertyValues=True))
    entries = [entry for page in pages for entry in page.get("Changes", [])]
    changes = [_change(entry["ResourceChange"]) for entry in entries if "ResourceChange" in entry]
    return ChangeSet(changes, parameters(pages[0].get("Parameters", [])))


def _refusal(client: Any, stack: str, change_set: str, reason: str, warn: Callable[[str], None]) -> str:
    """The reason. The reasons of an early validation are only in its events."""
    if EVENTS not in reason:
        return reason
    try:
        doing, failed = "read the events of the change set of the stack", {"FailedEvents": True}
        events = aws_pages(
            doing, stack, client, "describe_events", "OperationEvents", ChangeSetName=change_set, Filters=failed
        )
    except AwsError as error:
        warn(f"{error}")
        return reason
    except (AttributeError, ValueError):
        warn("This botocore has no DescribeEvents, which returns the reason: update boto3.")
        return reason
    return "; ".join(dict.fromkeys(_validations(events))) or reason


def _validations(events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for event in events:
        if text := event.get("ValidationStatusReason") or event.get("HookStatusReason"):
            yield f"{event.get('LogicalResourceId', '')} ({event.get('ResourceType', '')}): {str(text).rstrip('.')}"


def _change(entry: Mapping[str, Any]) -> Change:
    before, after = (_properties(entry.get(side)) for side in ("BeforeContext", "AfterContext"))
    targets = [detail["Target"] for detail in entry.get("Details", []) if "Target" in detail]
    values: tuple[Detail, ...] = ()
    if entry["Action"] == "Modify":
        has_contexts = before is not None and after is not None
        values = details(before or {}, after or {}) if has_contexts else _target_details(targets)
    attributes = {target["Attribute"] for target in targets if target.get("Attribute") not in (None, "Properties")}
    return Change(
        entry["Action"],
        entry["LogicalResourceId"],
        entry["ResourceType"],
        entry.get("Replacement", ""),
        tuple(sorted(attributes)),
        values,
    )


def _properties(context: Any) -> dict[str, Any] | None:
    try:
        return dict(json.loads(context)["Properties"])
    except (KeyError, TypeError, ValueError):
        return None


def _target_details(targets: Iterable[Mapping[str, Any]]) -> tuple[Detail, ...]:
    """One detail for each path: CloudFormation lists some twice, as a static and as a dynamic change."""
    found: dict[str, Detail] = {}
    for target in targets:
        if target.get("Attribute") != "Properties":
            continue
        path = str(target.get("Path", "")).removeprefix("/Properties/").replace("/", ".") or str(target.get("Name", ""))
        one = details({path: target.get("BeforeValue")}, {path: target.get("AfterValue")})
        for detail in one or (Detail(path, "", "(changed)"),):
            found.setdefault(detail.name, detail)
    return tuple(found.values())
