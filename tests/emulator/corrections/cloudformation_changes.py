# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an update changes anything, and what: "No updates are to be performed", change sets, protection."""

from __future__ import annotations

from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import Change, ChangeSet, CloudFormationBackend, Stack
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult

from tests.emulator.corrections import cloudformation_parameters
from tests.emulator.corrections.cloudformation_parameters import effective_parameters, flat, shown_parameters
from tests.emulator.corrections.cloudformation_tags import GROUP, user_tags


def apply() -> None:
    cloudformation_parameters.apply()
    _nothing_to_update()
    _change_sets()
    _shown_parameters()
    _termination_protection()


def _nothing_to_update() -> None:
    """An update that changes no template, effective parameter or tag is refused; moto compares only given values.

    "UpdateStack": an error when no updates are to be performed,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html
    """

    def validate(self: CloudFormationResponse, incoming: Any, body: str, stack: Stack) -> None:
        if self._get_action() != "UpdateStack":
            return  # a change set without changes is made, and FAILED
        current = stack.stack_parameters
        given = {
            p["ParameterKey"]: current.get(p["ParameterKey"], "") if p.get("UsePreviousValue") else p["ParameterValue"]
            for p in incoming or []
        }
        tags = {tag["Key"]: tag["Value"] for tag in self._get_param("Tags", [])}
        same = stack.has_template(body) and shown_parameters(current) == effective_parameters(
            stack.template_dict, given, stack.resource_map
        )
        if same and tags in ({}, stack.tags):
            raise ValidationError(stack.name, message="No updates are to be performed.")

    CloudFormationResponse._validate_different_update = validate


def _change_sets() -> None:
    """A change set for an existing stack is an update's by default, and tells what parameters and tags change too.

    moto makes it a CREATE, hence a phantom stack in REVIEW_IN_PROGRESS, and looks at the template alone.
    "CreateChangeSet", ChangeSetType and Tags,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
    """
    get_param = CloudFormationResponse._get_param

    def get_param_with_default(self: CloudFormationResponse, name: str, if_none: Any = None) -> Any:
        return get_param(self, name, "UPDATE" if name == "ChangeSetType" else if_none)

    def diff(self: ChangeSet) -> list[Change]:
        old = self.stack.template_dict.get("Resources", {}) if self.stack.template_dict else {}
        resources = {**old, **self.template_dict["Resources"]}
        self.stack.asked_tags = self.tags
        changes = self.stack.resource_map.build_resource_diff(self.template_dict, self.parameters)
        if not same_tags(self.stack):
            tagged = {name for name in old if name in self.template_dict["Resources"] and old[name]["Type"] == GROUP}
            changes["Modify"] += sorted(tagged - set(changes["Modify"]))
        return [
            Change(action=action, logical_resource_id=name, resource_type=resources[name]["Type"])
            for action, names in changes.items()
            for name in names
        ]

    def has_parameters(self: Stack, other: dict[str, Any]) -> bool:
        return same_tags(self) and shown_parameters(self.stack_parameters) == effective_parameters(
            self.template_dict, other, self.resource_map
        )

    def same_tags(stack: Stack) -> bool:
        """Whether the change set that is being made leaves the stack's tags; without any given they stay."""
        return not stack.asked_tags or stack.asked_tags == user_tags(stack.tags)

    CloudFormationResponse._get_param = get_param_with_default
    ChangeSet.diff = diff
    Stack.has_parameters = has_parameters


def _shown_parameters() -> None:
    """DescribeStacks shows every parameter as text, those with NoEcho as asterisks; moto shows lists as lists.

    "Parameter", https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Parameter.html
    """

    def parameter_list(self: Stack) -> list[dict[str, str]]:
        hidden = {name for name, slot in (self.template_dict.get("Parameters") or {}).items() if slot.get("NoEcho")}
        return [
            {"ParameterKey": name, "ParameterValue": "****" if name in hidden else flat(value)}
            for name, value in self.stack_parameters.items()
        ]

    Stack.parameter_list = property(parameter_list)


def _termination_protection() -> None:
    """A protected stack cannot be deleted, and protection can be switched; moto ignores it.

    "Protect CloudFormation stacks from being deleted",
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-protect-stacks.html
    """
    delete = CloudFormationBackend.delete_stack

    def update_termination_protection(self: CloudFormationResponse) -> ActionResult:
        stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
        stack.enable_termination_protection = self._get_bool_param("EnableTerminationProtection")
        return ActionResult({"StackId": stack.stack_id})

    def delete_unprotected(self: CloudFormationBackend, name_or_stack_id: str) -> None:
        for stack in self.stacks.values():
            if name_or_stack_id in (stack.name, stack.stack_id) and stack.enable_termination_protection:
                told = f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
                raise ValidationError(stack.name, message=told)
        delete(self, name_or_stack_id)

    CloudFormationResponse.update_termination_protection = update_termination_protection
    CloudFormationBackend.delete_stack = delete_unprotected
