# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What keeps a stack from an update, or rolls it back: stack policies and rollback triggers. moto ignores both."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterator
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import Stack, cloudformation_backends
from moto.cloudformation.parsing import ResourceMap
from moto.cloudformation.responses import CloudFormationResponse
from moto.cloudwatch.models import cloudwatch_backends

from tests.emulator.corrections.cloudformation_replacement import recreation
from tests.emulator.corrections.cloudformation_status import _event

MOST_TRIGGERS = 5
NOTHING = "No updates are to be performed"


def apply() -> None:
    _stack_policies()
    _rollback_triggers()


def _stack_policies() -> None:
    """A resource that the policy does not let the update change fails, and the update is rolled back.

    "Prevent updates to stack resources",
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
    """
    update_stack, update = CloudFormationResponse.update_stack, ResourceMap.update
    during: list[str] = []

    def update_stack_under_policy(self: CloudFormationResponse) -> Any:
        during[:] = filter(None, [self._get_param("StackPolicyDuringUpdateBody")])
        try:
            return update_stack(self)
        finally:
            during.clear()

    def update_what_is_allowed(self: ResourceMap, template: dict[str, Any], parameters: Any = None) -> None:
        stack = _stack_of(self)
        policy = during[0] if during else stack.policy
        for name, kind, action in _changes(self, template) if policy else ():
            if refusal := _refusal(json.loads(policy)["Statement"], name, action):
                stack.events.append(_event(stack, name, kind, None, "UPDATE_FAILED", refusal))
                raise ValidationError(stack.name, message=f"The following resource(s) failed to update: [{name}].")
        update(self, template, parameters)

    CloudFormationResponse.update_stack = update_stack_under_policy
    ResourceMap.update = update_what_is_allowed


def _stack_of(resources: ResourceMap) -> Stack:
    return cloudformation_backends[resources._account_id][resources._region_name].stacks[resources.stack_id]


def _changes(resources: ResourceMap, template: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Logical id, type and action of each resource that an update changes or removes."""
    new = template["Resources"]
    for name, old in resources._resource_json_map.items():
        kind = old["Type"]
        if name not in new:
            yield name, kind, "Update:Delete"
        elif new[name] != old:
            properties = [one.get("Properties", {}) for one in (old, new[name])]
            changed = {key for one in properties for key in one if properties[0].get(key) != properties[1].get(key)}
            replaced = any(recreation(kind, key) == "Always" for key in changed)
            yield name, kind, "Update:Replace" if replaced else "Update:Modify"


def _refusal(statements: list[dict[str, Any]], name: str, action: str) -> str:
    """Empty if the policy allows the action. Every resource is protected that no statement allows to change."""
    allowed = False
    for number, statement in enumerate(statements, 1):
        if not _matches(statement["Action"], action) or not _matches(
            statement["Resource"], f"LogicalResourceId/{name}"
        ):
            continue
        if statement["Effect"] == "Deny":
            return (
                f"Action denied by stack policy: Statement [#{number}] does not allow [{action}] for resource "
                f"[LogicalResourceId/{name}];"
            )
        allowed = True
    return "" if allowed else f"Action denied by stack policy: no statement allows [{action}] for [{name}]"


def _matches(patterns: Any, text: str) -> bool:
    given = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in given)


def _rollback_triggers() -> None:
    """A stack keeps its triggers for later updates, until an update gives others.

    A missing alarm fails an update, and one that is in ALARM rolls it back. New triggers alone are an update.
    "RollbackConfiguration",
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackConfiguration.html;
    "RollbackTrigger", https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackTrigger.html;
    an update of the triggers alone: https://github.com/aws/aws-cdk/issues/5170;
    an alarm that is in ALARM at the start:
    https://notes.kodekloud.com/docs/AWS-CloudFormation/Deployment-Modes/Demo-Utilizing-rollback-triggers/page
    """
    update_stack, update = CloudFormationResponse.update_stack, ResourceMap.update
    validate = CloudFormationResponse._validate_different_update
    Stack.rollback_configuration = {}

    def update_with_triggers(self: CloudFormationResponse) -> Any:
        stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
        given, before = _given(self), stack.rollback_configuration
        if len((given or {}).get("RollbackTriggers", [])) > MOST_TRIGGERS:
            raise ValidationError(message="Rollback triggers: at most 5")
        answer = update_stack(self)
        stack.rollback_configuration = (
            before if stack.kept_status.startswith("UPDATE_ROLLBACK") else _kept(stack, given)
        )
        return answer

    def validate_with_triggers(self: CloudFormationResponse, incoming: Any, body: str, stack: Stack) -> None:
        given = _given(self) if self._get_action() == "UpdateStack" else None
        stack.asked_triggers = _kept(stack, given)
        try:
            validate(self, incoming, body, stack)
        except ValidationError as error:
            if NOTHING not in str(error.message) or stack.asked_triggers == stack.rollback_configuration:
                raise

    def update_watched(self: ResourceMap, template: dict[str, Any], parameters: Any = None) -> None:
        stack = _stack_of(self)
        alarms = cloudwatch_backends[self._account_id][self._region_name].alarms
        for trigger in stack.asked_triggers.get("RollbackTriggers", []):
            found = alarms.get(trigger["Arn"].partition(":alarm:")[2])
            if found is None or found.state_value == "ALARM":
                state = "is in ALARM" if found else "does not exist"
                raise ValidationError(stack.name, message=f"The rollback trigger {trigger['Arn']} {state}")
        update(self, template, parameters)

    CloudFormationResponse.update_stack = update_with_triggers
    CloudFormationResponse._validate_different_update = validate_with_triggers
    ResourceMap.update = update_watched


def _given(request: CloudFormationResponse) -> dict[str, Any] | None:
    found = request._get_param("RollbackConfiguration")
    return None if found is None else {"RollbackTriggers": [], "MonitoringTimeInMinutes": 0, **found}


def _kept(stack: Stack, given: dict[str, Any] | None) -> dict[str, Any]:
    if given is None:
        kept: dict[str, Any] = stack.rollback_configuration
        return kept
    return given if given["RollbackTriggers"] or given["MonitoringTimeInMinutes"] else {}
