# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CloudFormation's change sets: made, read and deleted again, so that the stack is as it was."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..errors import AwsError
from ..steps.stack.changes import Change, Detail, Parameter, details
from .calls import waited
from .errors import aws_errors
from .stack import Request, parameters

NAME = "datomic-plan"
ANOTHER_PLAN = ("AlreadyExistsException", "ChangeSetNotFound", "InvalidChangeSetStatus")
"""What AWS answers when another plan has made, deleted, or not finished a change set of the same name."""
DESCRIPTION = "What an update by datomic_onprem.aws would change; deleted as soon as it is read"
NOTHING = ("didn't contain changes", "No updates are to be performed")
"""What the StatusReason of a change set without changes says."""
EVENTS = "DescribeEvents"
"""What the StatusReason of an early validation refers to."""
POLL_SECONDS = 2
WAIT_SECONDS = 600


@dataclasses.dataclass(frozen=True)
class ChangeSet:
    """What an update would do. refusal: why CloudFormation refuses it, empty when it does not."""

    changes: tuple[Change, ...] = ()
    parameters: Mapping[str, Parameter] = dataclasses.field(default_factory=dict)
    changed: bool = True
    refusal: str = ""


def plan(client: Any, request: Request, warn: Callable[[str], None]) -> ChangeSet:
    """The change set of the update. It is deleted after it was read.

    Its name is always the same, so that the next plan removes what a killed one has left. While another plan of the
    stack is under way, the name is unique.
    """
    try:
        return _plan(client, request, NAME, warn)
    except AwsError as error:
        if error.code not in ANOTHER_PLAN:
            raise
        return _plan(client, request, f"{NAME}-{uuid.uuid4().hex}", warn)


def _plan(client: Any, request: Request, name: str, warn: Callable[[str], None]) -> ChangeSet:
    sent = {**request.as_sent(), "ChangeSetName": name, "ChangeSetType": "UPDATE", "Description": DESCRIPTION}
    with aws_errors("plan the update of the stack", request.name, client):
        try:
            made = client.create_change_set(**sent)["Id"]
        except client.exceptions.AlreadyExistsException:
            client.delete_change_set(ChangeSetName=name, StackName=request.name)
            made = client.create_change_set(**sent)["Id"]
    try:
        return _read(client, request.name, made, warn)
    finally:
        with aws_errors("delete the change set of the stack", request.name, client):
            client.delete_change_set(ChangeSetName=made)


def _read(client: Any, name: str, made: str, warn: Callable[[str], None]) -> ChangeSet:
    waiter = client.get_waiter("change_set_create_complete")
    with aws_errors("plan the update of the stack", name, client):
        last = waited(waiter, WAIT_SECONDS, POLL_SECONDS, ChangeSetName=made)
        if last:
            reason = str(last.get("StatusReason") or f"the change set is {last.get('Status')}, and no reason is given")
            nothing = any(text in reason for text in NOTHING)
            return ChangeSet(changed=False, refusal="" if nothing else _refusal(client, name, made, reason, warn))
        pages = list(
            client.get_paginator("describe_change_set").paginate(ChangeSetName=made, IncludePropertyValues=True)
        )
    changes = [
        _change(entry["ResourceChange"])
        for page in pages
        for entry in page.get("Changes", [])
        if "ResourceChange" in entry
    ]
    return ChangeSet(tuple(changes), parameters(pages[0].get("Parameters", [])))


def _refusal(client: Any, name: str, made: str, reason: str, warn: Callable[[str], None]) -> str:
    """The reason, with those of an early validation, which only its events have."""
    if EVENTS not in reason:
        return reason
    try:
        with aws_errors("read the events of the change set of the stack", name, client):
            pages = list(
                client.get_paginator("describe_events").paginate(ChangeSetName=made, Filters={"FailedEvents": True})
            )
    except AwsError as error:
        warn(f"{error}")
        return reason
    except (AttributeError, ValueError):
        warn("This botocore knows no DescribeEvents, which has the reason: update boto3.")
        return reason
    told = list(dict.fromkeys(_validations(event for page in pages for event in page.get("OperationEvents", []))))
    return "; ".join(told) if told else reason


def _validations(events: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for event in events:
        if text := event.get("ValidationStatusReason") or event.get("HookStatusReason"):
            yield f"{event.get('LogicalResourceId', '')} ({event.get('ResourceType', '')}): {str(text).rstrip('.')}"


def _change(found: Mapping[str, Any]) -> Change:
    """With the values of both contexts; without them what the details have."""
    before, after = (_properties(found.get(side)) for side in ("BeforeContext", "AfterContext"))
    targets = [detail["Target"] for detail in found.get("Details", []) if "Target" in detail]
    modified = found["Action"] == "Modify"
    values: tuple[Detail, ...] = ()
    if modified and before is not None and after is not None:
        values = details(before, after)
    elif modified:
        values = _of_targets(targets)
    return Change(
        found["Action"],
        found["LogicalResourceId"],
        found["ResourceType"],
        found.get("Replacement", ""),
        tuple(
            sorted({target["Attribute"] for target in targets if target.get("Attribute") not in (None, "Properties")})
        ),
        values,
    )


def _properties(context: str | None) -> dict[str, Any] | None:
    try:
        found = json.loads(context or "")
    except ValueError:
        return None
    properties = found.get("Properties") if isinstance(found, dict) else None
    return properties if isinstance(properties, dict) else None


def _of_targets(targets: Iterable[Mapping[str, Any]]) -> tuple[Detail, ...]:
    """One value for each path: CloudFormation tells some twice, as a static and as a dynamic change."""
    found: dict[str, Detail] = {}
    for target in targets:
        if target.get("Attribute") != "Properties":
            continue
        path = str(target.get("Path", "")).removeprefix("/Properties/").replace("/", ".") or str(target.get("Name", ""))
        one = details({path: target.get("BeforeValue")}, {path: target.get("AfterValue")})
        for detail in one or (Detail(path, "", "(changed)"),):
            found.setdefault(detail.name, detail)
    return tuple(found.values())
