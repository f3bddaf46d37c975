# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an update changes anything, and what: "No updates are to be performed", change sets, protection."""

from __future__ import annotations

from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend, Stack
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult

from tests.emulator.corrections import cloudformation_parameters
from tests.emulator.corrections.cloudformation_parameters import (
    effective_parameters,
    listed_parameters,
    previous_parameters,
    shown_parameters,
)
from tests.emulator.corrections.cloudformation_tags import ASKED


def apply() -> None:
    cloudformation_parameters.apply()
    _what_an_update_leaves()
    _nothing_to_update()
    _change_sets()
    _shown_parameters()
    _termination_protection()


def _what_an_update_leaves() -> None:
    """What a request for an update does not say stays: tags, notifications, previous values and template.

    An empty list of tags or of topics removes them. moto never removes a tag, ignores the topics, and knows the
    previous values only of parameters that were given.
    "UpdateStack", NotificationARNs, Parameters, Tags,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html;
    "Parameter", UsePreviousValue, https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Parameter.html
    """
    update = CloudFormationBackend.update_stack

    def asking(answer: Any) -> Any:
        def answered(self: CloudFormationResponse) -> Any:
            tags = self._get_param("Tags")
            ASKED.tags = None if tags is None else {tag["Key"]: tag["Value"] for tag in tags}
            if self._get_action() != "CreateStack" and self._get_param("ChangeSetType", "UPDATE") == "UPDATE":
                stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
                previous_parameters(stack, self._get_param("Parameters", []))
            topics = self._get_param("NotificationARNs")
            try:
                result = answer(self)
            finally:
                ASKED.tags = None
            if self._get_action() == "UpdateStack" and topics is not None:
                stack.notification_arns = topics
            return result

        return answered

    def update_stack(self: CloudFormationBackend, *args: Any, **kwargs: Any) -> Stack:
        return update(self, *args, **{**kwargs, "tags": ASKED.tags})

    CloudFormationBackend.update_stack = update_stack
    for action in ("create_stack", "update_stack", "create_change_set"):
        setattr(CloudFormationResponse, action, asking(getattr(CloudFormationResponse, action)))


def _nothing_to_update() -> None:
    """An update that changes no template, effective parameter or tag is refused; moto compares only given values.

    "UpdateStack": an error when no updates are to be performed,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html
    """

    def validate(self: CloudFormationResponse, incoming: Any, body: str, stack: Stack) -> None:
        if self._get_action() != "UpdateStack":
            return  # a change set without changes is made, and FAILED
        current = stack.stack_parameters
        given = {p["ParameterKey"]: p["ParameterValue"] for p in incoming or []}
        same = stack.has_template(body) and shown_parameters(current) == effective_parameters(
            stack.template_dict, given, stack.resource_map
        )
        if same and ASKED.leaves(stack):
            raise ValidationError(stack.name, message="No updates are to be performed.")

    CloudFormationResponse._validate_different_update = validate


def _change_sets() -> None:
    """A change set for an existing stack is an update's by default, and tells what parameters and tags change too.

    moto makes it a CREATE, hence a phantom stack in REVIEW_IN_PROGRESS. What it says: cloudformation_change_sets.
    "CreateChangeSet", ChangeSetType and Tags,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
    """
    get_param = CloudFormationResponse._get_param

    def get_param_with_default(self: CloudFormationResponse, name: str, if_none: Any = None) -> Any:
        return get_param(self, name, "UPDATE" if name == "ChangeSetType" else if_none)

    def has_parameters(self: Stack, other: dict[str, Any]) -> bool:
        return ASKED.leaves(self) and shown_parameters(self.stack_parameters) == effective_parameters(
            self.template_dict, other, self.resource_map
        )

    CloudFormationResponse._get_param = get_param_with_default
    Stack.has_parameters = has_parameters


def _shown_parameters() -> None:
    """DescribeStacks shows every parameter as text, those with NoEcho as asterisks; moto shows lists as lists.

    One of Systems Manager has its name as its value, and what it comes to as its ResolvedValue.

    "Parameter", https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Parameter.html
    """

    def parameter_list(self: Stack) -> list[dict[str, str]]:
        return listed_parameters(self.template_dict, self.resource_map.input_parameters, self.resource_map)

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
