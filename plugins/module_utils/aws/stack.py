# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CloudFormation: the stack of a group of transactors, and the sizes that it gives the group."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from ..errors import AwsError
from ..properties import keys
from ..steps.stack import stack_name
from ..steps.stack.changes import Parameter, text_lines
from ..steps.stack.failures import Event
from .calls import gather
from .errors import aws_errors

LAUNCH_GROUP = "LaunchGroup"
GROUP_TYPE = "AWS::AutoScaling::AutoScalingGroup"
VERSION_PARAMETER = "DatomicVersion"
CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM")

Flavor = Literal["legacy", "modern", ""]


@dataclasses.dataclass(frozen=True)
class Stack:
    """A stack. group: the name of its auto scaling group, empty when it has none (yet).

    sizes: MinSize, MaxSize and DesiredCapacity of the group, as far as the template says them in plain numbers.
    flavor: of the template, by what its group launches from; empty when the template has no such group.
    heartbeat_msec: what the transactors' properties in the template say, 0 when there are none.
    """

    name: str
    stack_id: str
    status: str
    parameters: Mapping[str, str] = dataclasses.field(default_factory=dict)
    group: str = ""
    sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    flavor: Flavor = ""
    heartbeat_msec: int = 0


@dataclasses.dataclass(frozen=True)
class Present:
    """What a stack has that an update has to leave or to name. told: the reason of its status."""

    stack_id: str
    status: str
    told: str = ""
    parameters: Mapping[str, Parameter] = dataclasses.field(default_factory=dict)
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    topics: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Request:
    """What a change set is asked for. tags: None leaves those that the stack has, as it leaves all that is not said."""

    name: str
    body: str
    tags: Mapping[str, str] | None = None

    def as_sent(self) -> dict[str, Any]:
        sent: dict[str, Any] = {"StackName": self.name, "TemplateBody": self.body, "Capabilities": list(CAPABILITIES)}
        if self.tags is not None:
            sent["Tags"] = [{"Key": key, "Value": value} for key, value in sorted(self.tags.items())]
        return sent


def present(client: Any, name: str) -> Present | None:
    """The stack of that name (or ID) as far as an update concerns it; None when there is none."""
    stack_name.refuse(name)
    found = _described(client, name)
    if found is None:
        return None
    return Present(
        found["StackId"],
        found["StackStatus"],
        found.get("StackStatusReason", ""),
        parameters(found.get("Parameters", [])),
        {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])},
        tuple(found.get("NotificationARNs", [])),
    )


def parameters(listed: Iterable[Mapping[str, str]]) -> dict[str, Parameter]:
    """Parameters as CloudFormation lists them; of one of Systems Manager what it comes to is its value."""
    return {
        entry["ParameterKey"]: Parameter(entry["ResolvedValue"], entry.get("ParameterValue", ""))
        if entry.get("ResolvedValue")
        else Parameter(entry.get("ParameterValue", ""))
        for entry in listed
    }


def defaults(client: Any, name: str) -> dict[str, str]:
    """The defaults of the parameters in the template that the stack has."""
    return defaults_of(template(client, name))


def defaults_of(template: Any) -> dict[str, str]:
    """The defaults of a template's parameters."""
    if isinstance(template, str):
        template = _from_yaml(template)
    declared = template.get("Parameters") if isinstance(template, Mapping) else None
    return {key: str(one["Default"]) for key, one in (declared or {}).items() if "Default" in one}


def newest_events(client: Any, stack_id: str) -> list[Event]:
    """The events of the stack's newest operation, the oldest first: all of them carry the token of its request.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
    """
    found: list[dict[str, Any]] = []
    with aws_errors("read the events of the stack", stack_id, client):
        for page in client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
            for entry in page["StackEvents"]:
                if found and entry.get("ClientRequestToken") != found[0].get("ClientRequestToken"):
                    return [_event(one) for one in found[::-1]]
                found.append(entry)
    return [_event(one) for one in found[::-1]]


def _event(entry: Mapping[str, Any]) -> Event:
    return Event(
        entry["LogicalResourceId"],
        entry.get("PhysicalResourceId", ""),
        entry["ResourceType"],
        entry["ResourceStatus"],
        entry.get("ResourceStatusReason", ""),
    )


def _described(client: Any, name: str) -> dict[str, Any] | None:
    try:
        with aws_errors("read the stack", name, client):
            found: dict[str, Any] = client.describe_stacks(StackName=name)["Stacks"][0]
    except AwsError as error:
        if error.code == "ValidationError" and "does not exist" in str(error):
            return None
        raise
    return None if found["StackStatus"] == "DELETE_COMPLETE" else found


def observe(client: Any, name: str) -> Stack | None:
    """The stack of that name (or ID); None when there is none, or only one that is deleted.

    InputError for a name that no stack can have.
    """
    stack_name.refuse(name)
    found = _described(client, name)
    if found is None or found["StackStatus"] == "REVIEW_IN_PROGRESS":
        return None
    values = {key: one.value for key, one in parameters(found.get("Parameters", [])).items()}
    read = gather({"group": lambda: _group(client, name), "template": lambda: template(client, name)})
    group = _group_properties(read["template"])
    return Stack(
        found["StackName"],
        found["StackId"],
        found["StackStatus"],
        values,
        read["group"],
        _sizes(group, values),
        _flavor(group),
        _heartbeat(read["template"]),
    )


def _group(client: Any, name: str) -> str:
    try:
        with aws_errors(f"read the resource {LAUNCH_GROUP} of the stack", name, client):
            answer = client.describe_stack_resource(StackName=name, LogicalResourceId=LAUNCH_GROUP)
    except AwsError as error:
        if error.code == "ValidationError":
            return ""
        raise
    detail = answer["StackResourceDetail"]
    return str(detail.get("PhysicalResourceId") or "") if detail["ResourceType"] == GROUP_TYPE else ""


def template(client: Any, name: str) -> Any:
    """The template that the stack has: parsed where it is JSON, else its text."""
    with aws_errors("read the template of the stack", name, client):
        return client.get_template(StackName=name, TemplateStage="Processed")["TemplateBody"]


def _group_properties(template: Any) -> Mapping[str, Any]:
    """What the template says of the group; empty when it has none or cannot be read."""
    if isinstance(template, str):
        template = _from_yaml(template)
    properties = template
    for key in ("Resources", LAUNCH_GROUP, "Properties"):
        properties = properties.get(key) if isinstance(properties, Mapping) else None
    return properties if isinstance(properties, Mapping) else {}


def _flavor(properties: Mapping[str, Any]) -> Flavor:
    """A launch configuration is the legacy template's, a launch template (mixed instances too) the modern one's."""
    if "LaunchConfigurationName" in properties:
        return "legacy"
    return "modern" if {"LaunchTemplate", "MixedInstancesPolicy"} & set(properties) else ""


def _heartbeat(template: Any) -> int:
    """What the properties in the user data say, or Datomic's default; 0 when there are no properties."""
    setting = keys.TRANSACTOR["heartbeat-interval-msec"]
    properties = dict(line.split("=", 1) for line in text_lines(template) if "=" in line)
    if "protocol" not in properties:
        return 0
    return keys.parse_integer(properties.get(setting.name, setting.default)) or 0


def _sizes(properties: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, int]:
    """Those sizes that are numbers or references to parameters; other expressions stay unknown."""
    sizes = {}
    for key in ("MinSize", "MaxSize", "DesiredCapacity"):
        value = properties.get(key)
        if isinstance(value, Mapping):
            value = parameters.get(str(value.get("Ref")))
        if str(value).isdecimal():
            sizes[key] = int(str(value))
    if "DesiredCapacity" not in properties and sizes.get("MinSize", -1) == sizes.get("MaxSize"):
        sizes["DesiredCapacity"] = sizes["MinSize"]
    return sizes


def _from_yaml(text: str) -> Any:
    """A YAML template, which is none of ours; None when it cannot be read. Of its short forms only !Ref is kept."""
    try:
        import yaml
    except ImportError:
        return None

    class Loader(yaml.SafeLoader):
        """Knows CloudFormation's short forms."""

    def short_form(loader: Any, suffix: str, node: Any) -> Any:
        return {"Ref": node.value} if suffix == "Ref" else None

    Loader.add_multi_constructor("!", short_form)
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError:
        return None
