# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stack updates as AWS does them: in place where documented, dependencies first, clean-up last, or rolled back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from moto.autoscaling.models import FakeAutoScalingGroup, FakeLaunchConfiguration, autoscaling_backends, make_int
from moto.cloudformation import parsing
from moto.cloudformation.parsing import ResourceMap

from tests.emulator.corrections.cloudformation_parameters import effective_parameters, shown_parameters

_SUBSTITUTED = re.compile(r"\$\{([A-Za-z0-9:]+)(?:\.[^}]*)?\}")


def apply() -> None:
    ResourceMap.build_resource_diff = build_resource_diff
    ResourceMap.update = _update
    FakeLaunchConfiguration.update_from_cloudformation_json = classmethod(_replace_launch_configuration)
    FakeAutoScalingGroup.update_from_cloudformation_json = classmethod(_update_group_in_place)


def references(node: Any) -> set[str]:
    """The names that a part of a template refers to: parameters, resources, mappings, conditions."""
    if isinstance(node, list):
        return {name for item in node for name in references(item)}
    if not isinstance(node, dict):
        return set()
    found = {name for value in node.values() for name in references(value)}
    for function, value in node.items():
        match function, value:
            case "Ref" | "Condition", str() as name:
                found.add(name)
            case "Fn::GetAtt", str() as name:
                found.add(name.partition(".")[0])
            case "Fn::GetAtt" | "Fn::FindInMap" | "Fn::If", [str() as name, *_]:
                found.add(name)
            case "Fn::Sub", (str() as text) | [str() as text, *_]:
                found.update(_SUBSTITUTED.findall(text))
            case "DependsOn", _:
                found.update([value] if isinstance(value, str) else value)
    return found


def build_resource_diff(
    self: ResourceMap, other_template: dict[str, Any], parameters: dict[str, Any] | None = None
) -> dict[str, list[str]]:
    """What an update adds, modifies and removes; to be modified is also what refers to something changed.

    moto overlooks changed defaults, mappings, and resources that a changed resource's new id or attribute reaches.
    "Update behaviors of stack resources",
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
    """
    old, new = self._resource_json_map, other_template["Resources"]
    before = shown_parameters(self.resolved_parameters)
    changed = _differing(before, effective_parameters(other_template, parameters or {}, self))
    for section in ("Mappings", "Conditions"):
        changed |= _differing(self._template.get(section) or {}, other_template.get(section) or {})
    changed |= _reached(other_template.get("Conditions") or {}, changed)
    common = {name: new[name] for name in new if name in old}
    modified = {name for name in common if new[name] != old[name]}
    modified |= _reached(common, changed | modified)
    return {
        "Add": [name for name in new if name not in old],
        "Modify": _dependencies_first(modified, new),
        "Remove": [name for name in old if name not in new],
    }


def _reached(parts: dict[str, Any], changed: set[str]) -> set[str]:
    """Those that refer to something changed, or to one that does."""
    reached: set[str] = set()
    while more := {name for name in parts if name not in reached and references(parts[name]) & (changed | reached)}:
        reached |= more
    return reached


def _differing(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    return {name for name in {*one, *other} if one.get(name) != other.get(name)}


def _dependencies_first(names: Iterable[str], resources: dict[str, Any]) -> list[str]:
    ordered: list[str] = []

    def visit(name: str) -> None:
        if name not in ordered:
            for dependency in sorted(references(resources[name]) & set(resources) - {name}):
                visit(dependency)
            ordered.append(name)

    for name in sorted(names):
        visit(name)
    return [name for name in ordered if name in set(names)]


def _update(self: ResourceMap, template: dict[str, Any], parameters: dict[str, Any] | None = None) -> None:
    """Add, modify, and only then remove and clean up what was replaced; back to what was when something fails.

    moto removes first and leaves a failed update half done. "Understand CloudFormation stack creation and update
    events" and "Stack failure options", https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
    """
    diff = self.build_resource_diff(template, parameters)
    before = (self._template, self._resource_json_map, self.input_parameters, dict(self._parsed_resources))
    resolved = dict(self.resolved_parameters)
    attempted: list[str] = []
    gone = list(diff["Remove"])
    try:
        _load(self, template, self.input_parameters if parameters is None else parameters)
        for name in _dependencies_first([*diff["Add"], *diff["Modify"]], template["Resources"]):
            attempted.append(name)
            there = self._parsed_resources.get(name) is not None
            if not _wanted(self, name):
                gone += [name] if there else []
            elif there:
                self._parsed_resources[name] = _modified(self, name)
            else:
                self._parsed_resources.pop(name, None)
                self[name]
    except Exception:
        after = dict(self._parsed_resources)
        self._template, self._resource_json_map, self.input_parameters, self._parsed_resources = before
        self.resolved_parameters = resolved
        for name in attempted:
            _undo(self, name, after.get(name), template["Resources"][name])
        raise
    was = before[3]
    for name in {**dict.fromkeys(diff["Modify"]), **dict.fromkeys(gone)}:
        now = self._parsed_resources.get(name)
        if name in gone or (now is not was.get(name) and isinstance(now, FakeLaunchConfiguration)):
            _delete(self, was.get(name), before[1][name])
    for name in gone:
        self._parsed_resources.pop(name, None)


def _wanted(self: ResourceMap, name: str) -> bool:
    """Whether its condition holds now. moto modifies a resource that a condition has kept from being there.

    "CloudFormation template Conditions syntax": conditions are evaluated again at each update,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html
    """
    condition = self._resource_json_map[name].get("Condition")
    return condition is None or bool(self.lazy_condition_map[condition])


def _load(self: ResourceMap, template: dict[str, Any], parameters: dict[str, Any]) -> None:
    self._template, self._resource_json_map, self.input_parameters = template, template["Resources"], parameters
    self._parsed_resources = dict(self._parsed_resources)
    self.resolved_parameters = {}
    self.load_mapping()
    self.load_parameters()
    self.load_conditions()


def _modified(self: ResourceMap, name: str) -> Any:
    json = self._resource_json_map[name]
    return parsing.parse_and_update_resource(name, json, self, self._account_id, self._region_name)


def _undo(self: ResourceMap, name: str, now: Any, json: dict[str, Any]) -> None:
    """Take back one resource of a failed update; the map holds what was before already."""
    was = self._parsed_resources.get(name)
    if was is None or isinstance(now, FakeLaunchConfiguration):
        if now is not was:
            _delete(self, now, json)
    else:
        self._parsed_resources[name] = _modified(self, name)


def _delete(self: ResourceMap, resource: Any, json: dict[str, Any]) -> None:
    if resource is not None and json.get("DeletionPolicy") != "Retain":
        self._delete_resource(resource, json)


def _replace_launch_configuration(
    cls: type[FakeLaunchConfiguration],
    original_resource: Any,
    new_resource_name: str,
    cloudformation_json: Any,
    account_id: str,
    region_name: str,
) -> FakeLaunchConfiguration:
    """A changed launch configuration is another one; the old one goes in the clean-up, when no group uses it any more.

    "AWS::AutoScaling::LaunchConfiguration", each property: Update requires: Replacement,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-autoscaling-launchconfiguration.html
    """
    return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)


def _update_group_in_place(
    cls: type[FakeAutoScalingGroup],
    original_resource: FakeAutoScalingGroup,
    new_resource_name: str,
    cloudformation_json: Any,
    account_id: str,
    region_name: str,
) -> FakeAutoScalingGroup:
    """A group keeps its name and its instances; moto deletes it and makes another.

    "AWS::AutoScaling::AutoScalingGroup", Update requires: No interruption,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-autoscaling-autoscalinggroup.html
    """
    properties = cloudformation_json["Properties"]
    group = original_resource
    autoscaling_backends[account_id][region_name].update_auto_scaling_group(
        name=group.name,
        availability_zones=properties.get("AvailabilityZones", []),
        desired_capacity=make_int(properties.get("DesiredCapacity")),
        max_size=make_int(properties.get("MaxSize")),
        min_size=make_int(properties.get("MinSize")),
        launch_config_name=properties.get("LaunchConfigurationName"),
        launch_template=properties.get("LaunchTemplate", {}),
        vpc_zone_identifier=",".join(properties.get("VPCZoneIdentifier", [])) or None,
        health_check_period=make_int(properties.get("HealthCheckGracePeriod")),
        health_check_type=properties.get("HealthCheckType"),
    )
    group.tags = properties.get("Tags", [])
    return group
