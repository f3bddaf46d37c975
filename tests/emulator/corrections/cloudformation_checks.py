# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What CloudFormation refuses before it does anything: templates too long, unknown or wrong parameters, IAM unasked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import Stack
from moto.cloudformation.responses import CloudFormationResponse
from moto.ec2.models import ec2_backends

from tests.emulator.corrections.cloudformation_parameters import flat

LONGEST_BODY = 51_200
_EXISTS: dict[str, Callable[[Any, str], bool]] = {
    "AWS::EC2::SecurityGroup::Id": lambda ec2, value: ec2.get_security_group_from_id(value) is not None,
    "AWS::EC2::Image::Id": lambda ec2, value: value in ec2.amis,
}
"""By a parameter's type, whether the account has what the value names; of the types in our templates."""
_IAM = re.compile(r"AWS::IAM::(Role|InstanceProfile|Policy|User|Group|AccessKey|ManagedPolicy)")


def apply() -> None:
    """Checks of CreateStack, UpdateStack and CreateChangeSet that moto leaves out.

    "Understand CloudFormation quotas", template body,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html;
    "CloudFormation template Parameters syntax",
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html;
    "CloudFormation supplied parameter types",
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html;
    "CreateStack", Capabilities, https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
    """
    for operation in ("create_stack", "update_stack", "create_change_set"):
        setattr(CloudFormationResponse, operation, _checked(getattr(CloudFormationResponse, operation)))


def _checked(run: Any) -> Any:
    def check_and_run(self: CloudFormationResponse) -> Any:
        if body := self._get_param("TemplateBody"):
            _check_body(body)
            template = _parsed(body)
            _check_parameters(template, self._get_param("Parameters", []))
            if self._get_action() != "CreateChangeSet":
                ec2 = ec2_backends[self.current_account][self.region]
                _check_what_is_named(template, self._get_param("Parameters", []), ec2)
            _check_capabilities(template, self._get_param("Capabilities", []))
        return run(self)

    return check_and_run


def _check_body(body: str) -> None:
    if len(body.encode()) > LONGEST_BODY:
        raise ValidationError(
            message="1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must"
            f" have length less than or equal to {LONGEST_BODY}"
        )


def _parsed(body: str) -> dict[str, Any]:
    try:
        template = Stack.parse_template(body)
    except Exception as error:
        raise ValidationError(message=f"Template format error: {error}") from error
    if not isinstance(template, dict):
        raise ValidationError(message="Template format error: unsupported structure.")
    return template


def _check_parameters(template: dict[str, Any], given: list[dict[str, Any]]) -> None:
    slots: dict[str, Any] = template.get("Parameters") or {}
    unknown = [one["ParameterKey"] for one in given if one["ParameterKey"] not in slots]
    if unknown:
        raise ValidationError(message=f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    keys = {one["ParameterKey"] for one in given}
    missing = [name for name, slot in slots.items() if "Default" not in slot and name not in keys]
    if missing:
        raise ValidationError(message=f"Parameters: [{', '.join(missing)}] must have values")
    for one in given:
        if not one.get("UsePreviousValue"):
            _check_value(one["ParameterKey"], slots[one["ParameterKey"]], one.get("ParameterValue", ""))


def _check_value(name: str, slot: dict[str, Any], value: str) -> None:
    pattern, allowed = slot.get("AllowedPattern"), slot.get("AllowedValues")
    constraint = ""
    if pattern and not re.fullmatch(pattern, value):
        constraint = f"must match pattern {pattern}"
    elif allowed and value not in [str(one) for one in allowed]:
        constraint = f"must be one of AllowedValues {allowed}"
    elif slot.get("Type") == "Number" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
        constraint = "must be a number"
    if constraint:
        described = slot.get("ConstraintDescription")
        told = f"failed to satisfy constraint: {described}" if described else constraint
        raise ValidationError(message=f"Parameter '{name}' {told}")


def missing_of_what_is_named(template: dict[str, Any], values: Mapping[str, Any], ec2: Any) -> list[str]:
    """What CloudFormation says of each value that names nothing: of a change set that failed."""
    found = []
    for name, slot in (template.get("Parameters") or {}).items():
        kind = str(slot.get("Type", "")).removeprefix("List<").removesuffix(">")
        value = values.get(name, slot.get("Default"))
        if kind not in _EXISTS or value is None:
            continue
        found += [
            f"Parameter validation failed: parameter value {one} for parameter name {name} does not exist"
            for one in flat(value).split(",")
            if not _EXISTS[kind](ec2, one)
        ]
    return found


def _check_what_is_named(template: dict[str, Any], given: list[dict[str, Any]], ec2: Any) -> None:
    """AWS tells it of a stack that is rolled back; here the request is refused."""
    values = {one["ParameterKey"]: one["ParameterValue"] for one in given if "ParameterValue" in one}
    for told in missing_of_what_is_named(template, values, ec2):
        raise ValidationError(message=told)


def _check_capabilities(template: dict[str, Any], capabilities: list[str]) -> None:
    if {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"} & set(capabilities):
        return
    if any(_IAM.match(resource.get("Type", "")) for resource in template.get("Resources", {}).values()):
        refusal = ValidationError(message="Requires capabilities : [CAPABILITY_IAM]")
        refusal.code = "InsufficientCapabilitiesException"
        raise refusal
