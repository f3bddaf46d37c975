# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CloudFormation: the stack of a group of transactors, and the sizes that it gives the group."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from ansible_collections.datomic_onprem.aws.plugins.module_utils._aws import AwsError, calling, gather
from ansible_collections.datomic_onprem.aws.plugins.module_utils.cloudformation import stack_name

LAUNCH_GROUP = "LaunchGroup"
GROUP_TYPE = "AWS::AutoScaling::AutoScalingGroup"
VERSION_PARAMETER = "DatomicVersion"

Flavor = Literal["legacy", "modern", ""]


@dataclasses.dataclass(frozen=True)
class Stack:
    """A stack. group: the name of its auto scaling group, empty when it has none (yet).

    sizes: MinSize, MaxSize and DesiredCapacity of the group, as far as the template says them in plain numbers.
    flavor: of the template, by what its group launches from; empty when the template has no such group.
    """

    name: str
    stack_id: str
    status: str
    parameters: Mapping[str, str] = dataclasses.field(default_factory=dict)
    group: str = ""
    sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    flavor: Flavor = ""


def observe(client: Any, name: str) -> Stack | None:
    """The stack of that name (or ID); None when there is none, or only one that is deleted.

    InputError for a name that no stack can have.
    """
    stack_name.refuse(name)
    try:
        with calling("read the stack", name, client):
            found = client.describe_stacks(StackName=name)["Stacks"][0]
    except AwsError as error:
        if error.code == "ValidationError" and "does not exist" in str(error):
            return None
        raise
    if found["StackStatus"] in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS"):
        return None
    parameters = {
        entry["ParameterKey"]: entry.get("ResolvedValue") or entry.get("ParameterValue", "")
        for entry in found.get("Parameters", [])
    }
    read = gather({"group": lambda: _group(client, name), "template": lambda: _template(client, name)})
    group = _group_properties(read["template"])
    return Stack(
        found["StackName"],
        found["StackId"],
        found["StackStatus"],
        parameters,
        read["group"],
        _sizes(group, parameters),
        _flavor(group),
    )


def _group(client: Any, name: str) -> str:
    try:
        with calling(f"read the resource {LAUNCH_GROUP} of the stack", name, client):
            answer = client.describe_stack_resource(StackName=name, LogicalResourceId=LAUNCH_GROUP)
    except AwsError as error:
        if error.code == "ValidationError":
            return ""
        raise
    detail = answer["StackResourceDetail"]
    return str(detail.get("PhysicalResourceId") or "") if detail["ResourceType"] == GROUP_TYPE else ""


def _template(client: Any, name: str) -> Any:
    with calling("read the template of the stack", name, client):
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
