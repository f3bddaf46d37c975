# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters of stacks as AWS counts them: effective values, lists from defaults too."""

from __future__ import annotations

from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.parsing import ResourceMap

SYSTEMS_MANAGER = "AWS::SSM::Parameter::"


def flat(value: Any) -> str:
    """A value as DescribeStacks shows it: lists joined by commas."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def shown_parameters(resolved: dict[str, Any]) -> dict[str, str]:
    return {name: flat(value) for name, value in resolved.items()}


def effective_parameters(template: dict[str, Any], given: dict[str, Any], resources: ResourceMap) -> dict[str, str]:
    """What a template's parameters come to with these values given: the rest have their defaults.

    One of a type AWS::SSM::Parameter::... names a parameter of Systems Manager, whose value counts.
    """

    def effective(name: str, slot: dict[str, Any]) -> str:
        text, kind = flat(given.get(name, slot.get("Default", ""))), slot.get("Type", "String")
        return flat(resources.parse_ssm_parameter(text, kind)) if kind.startswith(SYSTEMS_MANAGER) else text

    return {name: effective(name, slot) for name, slot in (template.get("Parameters") or {}).items()}


def listed_parameters(template: dict[str, Any], given: dict[str, Any], resources: ResourceMap) -> list[dict[str, str]]:
    """The parameters as they are described: asterisks for those with NoEcho, the name of one of Systems Manager."""

    def listed(name: str, slot: dict[str, Any], value: Any) -> dict[str, str]:
        if slot.get("NoEcho"):
            return {"ParameterKey": name, "ParameterValue": "****"}
        if slot.get("Type", "").startswith(SYSTEMS_MANAGER):
            own = flat(given.get(name, slot.get("Default", "")))
            return {"ParameterKey": name, "ParameterValue": own, "ResolvedValue": flat(value)}
        return {"ParameterKey": name, "ParameterValue": flat(value)}

    slots = template.get("Parameters") or {}
    return [listed(name, slots[name], value) for name, value in resources.resolved_parameters.items()]


def previous_parameters(stack: Any, asked: list[dict[str, Any]]) -> None:
    """Put the stack's present value in the place of each UsePreviousValue."""
    slots = stack.template_dict.get("Parameters") or {}
    present = stack.resource_map.input_parameters
    for one in asked:
        if not one.get("UsePreviousValue"):
            continue
        name = one["ParameterKey"]
        if one.get("ParameterValue"):
            told = "Cannot specify usePreviousValue as true and non empty value for a parameter"
            raise ValidationError(message=f"Invalid input for parameter key {name}. {told}")
        if name not in slots:
            told = "Cannot specify usePreviousValue as true for a parameter key not in the previous template"
            raise ValidationError(message=f"Invalid input for parameter key {name}. {told}")
        del one["UsePreviousValue"]
        one["ParameterValue"] = flat(present.get(name, slots[name].get("Default", "")))


def apply() -> None:
    """The Default of a list parameter is a comma-separated text, as a given value is; moto splits only the latter.

    "CloudFormation template Parameters syntax", CommaDelimitedList,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
    """
    load = ResourceMap.load_parameters

    def load_parameters(self: ResourceMap) -> None:
        load(self)
        slots = self._template.get("Parameters") or {}
        for name, value in self.resolved_parameters.items():
            kind = slots[name].get("Type", "String")
            if isinstance(value, str) and kind.startswith(("CommaDelimitedList", "List<")):
                self.resolved_parameters[name] = self._parsed_resources[name] = value.split(",")

    ResourceMap.load_parameters = load_parameters
