# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CloudFormation's stacks: what a stack has, what its template says of the transactors' group, its events."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import AwsError
from ..properties import keys
from ..steps.stack import changes, document, stack_name
from ..steps.stack.changes import Parameter
from ..steps.stack.events import Event
from ..steps.stack.failures import GROUP_TYPE
from ..util import clock
from .calls import aws_call, aws_pages, tags_of
from .errors import aws_errors

SIZES = ("MinSize", "MaxSize", "DesiredCapacity")


@dataclasses.dataclass(frozen=True)
class Stack:
    """A stack. reason: of its status; topics: ARNs of its notification topics; tags: without those that AWS sets.

    group: the name of the auto scaling group, empty if there is none (yet) or it was not read. with_template fills in
    the rest. template: parsed if it is JSON, otherwise its text. sizes: MinSize, MaxSize and DesiredCapacity, if the
    template gives numbers. flavor: empty if the template has no such group. heartbeat_msec: of the transactors'
    properties in the template, 0 if it has none. updated: when the last update began, ISO 8601; empty without one.
    since: when the last operation began. outputs: by name. protected: from deletion. triggers: ARNs of the alarms that
    roll an operation back; monitoring: for so many minutes after it.
    """

    name: str
    stack_id: str
    status: str
    reason: str = ""
    parameters: Mapping[str, Parameter] = dataclasses.field(default_factory=dict)
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    topics: tuple[str, ...] = ()
    group: str = ""
    template: Any = dataclasses.field(default=None, repr=False)
    sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    flavor: document.Flavor = ""
    heartbeat_msec: int = 0
    updated: str = ""
    since: str = ""
    outputs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    protected: bool = False
    triggers: tuple[str, ...] = ()
    monitoring: int = 0

    @property
    def datomic_version(self) -> str:
        return self.parameters.get("DatomicVersion", Parameter("")).value

    @property
    def moment(self) -> str:
        """The same as long as nobody updates the stack."""
        return f"{self.stack_id} {self.status} {self.updated}".rstrip()

    @property
    def was_created(self) -> bool:
        """False for a stack that consists of a change set only."""
        return self.status != "REVIEW_IN_PROGRESS"


def describe(client: Any, name: str) -> Stack | None:
    """The stack of that name or id; None if there is none, or only a deleted one. InputError for an invalid name."""
    stack_name.refuse(name)
    try:
        found = aws_call("read the stack", name, client.describe_stacks, StackName=name)["Stacks"][0]
    except AwsError as error:
        if _is_missing(error):
            return None
        raise
    if found["StackStatus"] == "DELETE_COMPLETE":
        return None
    watched = found.get("RollbackConfiguration", {})
    return Stack(
        found["StackName"],
        found["StackId"],
        found["StackStatus"],
        found.get("StackStatusReason", ""),
        parameters(found.get("Parameters", [])),
        {key: value for key, value in tags_of(found.get("Tags", [])).items() if not key.startswith("aws:")},
        tuple(found.get("NotificationARNs", [])),
        updated=clock.iso(found["LastUpdatedTime"].timestamp()) if found.get("LastUpdatedTime") else "",
        since=_since(found),
        outputs={one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])},
        protected=found.get("EnableTerminationProtection", False),
        triggers=tuple(one["Arn"] for one in watched.get("RollbackTriggers", [])),
        monitoring=watched.get("MonitoringTimeInMinutes", 0),
    )


def _since(found: Mapping[str, Any]) -> str:
    times = [found[name] for name in ("CreationTime", "LastUpdatedTime", "DeletionTime") if found.get(name)]
    return clock.iso(max(times).timestamp()) if times else ""


def parameters(listed: Iterable[Mapping[str, str]]) -> dict[str, Parameter]:
    """Parameters as CloudFormation lists them. One of Systems Manager has a resolved value."""
    return {
        entry["ParameterKey"]: Parameter(entry["ResolvedValue"], entry.get("ParameterValue", ""))
        if entry.get("ResolvedValue")
        else Parameter(entry.get("ParameterValue", ""))
        for entry in listed
    }


def template(client: Any, name: str) -> Any:
    """The stack's template: parsed if it is JSON, otherwise its text."""
    answer = aws_call(
        "read the template of the stack", name, client.get_template, StackName=name, TemplateStage="Processed"
    )
    return answer["TemplateBody"]


def policy(client: Any, name: str) -> str:
    """The stack policy, JSON; empty without one."""
    answer = aws_call("read the policy of the stack", name, client.get_stack_policy, StackName=name)
    return answer.get("StackPolicyBody") or ""


def set_policy(client: Any, name: str, body: str) -> None:
    aws_call("write the policy of the stack", name, client.set_stack_policy, StackName=name, StackPolicyBody=body)


def protect(client: Any, name: str) -> None:
    """From deletion."""
    doing, update = "protect from deletion the stack", client.update_termination_protection
    aws_call(doing, name, update, StackName=name, EnableTerminationProtection=True)


def set_triggers(client: Any, found: Stack, triggers: Sequence[str]) -> None:
    """Begin an update that changes the rollback triggers only. triggers: ARNs of alarms.

    CloudFormation takes an update without other changes: https://github.com/aws/aws-cdk/issues/5170.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackConfiguration.html
    """
    watched = [{"Arn": arn, "Type": "AWS::CloudWatch::Alarm"} for arn in triggers]
    aws_call(
        "set the rollback triggers of the stack",
        found.name,
        client.update_stack,
        StackName=found.name,
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": key, "UsePreviousValue": True} for key in found.parameters],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        RollbackConfiguration={"RollbackTriggers": watched, "MonitoringTimeInMinutes": found.monitoring},
    )


def parameter_defaults(template: Any) -> dict[str, str]:
    """The defaults of a template's parameters."""
    return changes.defaults(document.parsed(template))


def groups(client: Any, name: str) -> dict[str, str]:
    """The names of the stack's auto scaling groups, by logical id."""
    doing = "read the resources of the stack"
    found = aws_pages(doing, name, client, "list_stack_resources", "StackResourceSummaries", StackName=name)
    groups = [one for one in found if one["ResourceType"] == GROUP_TYPE and one.get("PhysicalResourceId")]
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in groups}


def events(client: Any, name: str, until: str = "") -> Iterator[Event]:
    """The stack's events, newest first, down to the one with that id; none if the stack does not exist.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
    """
    try:
        with aws_errors("read the events of the stack", name, client):
            for page in client.get_paginator("describe_stack_events").paginate(StackName=name):
                for entry in page["StackEvents"]:
                    if entry["EventId"] == until:
                        return
                    yield _event(entry)
    except AwsError as error:
        if not _is_missing(error):
            raise


def newest_events(client: Any, stack_id: str) -> list[Event]:
    """The events of the stack's newest operation, oldest first. They share the token of its request."""
    found: list[Event] = []
    for event in events(client, stack_id):
        if found and event.token != found[0].token:
            break
        found.append(event)
    return found[::-1]


def _event(entry: Mapping[str, Any]) -> Event:
    return Event(
        entry["LogicalResourceId"],
        entry.get("PhysicalResourceId", ""),
        entry["ResourceType"],
        entry["ResourceStatus"],
        entry.get("ResourceStatusReason", ""),
        clock.iso(entry["Timestamp"].timestamp()),
        entry["EventId"],
        entry["StackId"],
        entry.get("ClientRequestToken", ""),
    )


def _is_missing(error: AwsError) -> bool:
    return error.code == "ValidationError" and "does not exist" in str(error)


def observe(client: Any, name: str) -> Stack | None:
    """As describe, with its template. None also for a stack that was never created."""
    found = existing(client, name)
    return with_template(client, found) if found else None


def existing(client: Any, name: str) -> Stack | None:
    """As describe. None also for a stack that was never created."""
    found = describe(client, name)
    return found if found and found.was_created else None


def with_template(client: Any, found: Stack) -> Stack:
    """The stack with its template, and what that says of the group."""
    body = template(client, found.name)
    group = _section(body, "Resources", document.LAUNCH_GROUP, "Properties")
    return dataclasses.replace(
        found,
        template=body,
        sizes=_sizes(group, found.parameters),
        flavor=document.flavor(group),
        heartbeat_msec=_heartbeat_msec(body),
    )


def _heartbeat_msec(template: Any) -> int:
    """From the properties in the user data, or Datomic's default."""
    setting = keys.TRANSACTOR["heartbeat-interval-msec"]
    properties = changes.properties(template)
    if "protocol" not in properties:
        return 0
    return keys.parse_integer(properties.get(setting.name, setting.default)) or 0


def _sizes(group: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> dict[str, int]:
    """The sizes that are numbers or references to parameters. Other expressions stay unknown."""
    sizes = {}
    for key in SIZES:
        value = group.get(key)
        if isinstance(value, Mapping):
            value = parameters.get(str(value.get("Ref")), Parameter("")).value
        if str(value).isdecimal():
            sizes[key] = int(str(value))
    if "DesiredCapacity" not in group and sizes.get("MinSize", -1) == sizes.get("MaxSize"):
        sizes["DesiredCapacity"] = sizes["MinSize"]
    return sizes


def _section(template: Any, *path: str) -> Mapping[str, Any]:
    """The part of a template at this path; empty if it is not there or cannot be read."""
    part = document.parsed(template)
    for key in path:
        part = document.mapping(part.get(key))
    return part
