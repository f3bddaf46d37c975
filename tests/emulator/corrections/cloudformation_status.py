# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What state a stack is in, what may be done to it then, and what its events say."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend, Event, Stack, cloudformation_backends
from moto.cloudformation.responses import CloudFormationResponse

from tests.emulator.clock import CLOCK, naive
from tests.emulator.corrections.cloudformation import references
from tests.emulator.settings import SETTINGS

UPDATABLE = frozenset(
    (
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "UPDATE_FAILED",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    )
)


def apply() -> None:
    _in_progress()
    _rollback()
    _refusals()
    _resource_events()
    _request_tokens()


def set_status(account: str, region: str, name: str, status: str) -> None:
    """Put a stack into a state, for tests of what is done about it."""
    stack = cloudformation_backends[account][region].get_stack(name)
    stack.busy_until = 0.0
    stack.status = status
    stack._add_stack_event(status)


def _in_progress() -> None:
    """A stack is …_IN_PROGRESS for a while before it is …_COMPLETE, and its last events come then.

    What the operation does to the resources is there from its beginning: only the stack takes its time.
    "Stack status codes", https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
    """
    make, describe = Event.__init__, CloudFormationBackend.describe_stack_events

    def status(self: Stack) -> str:
        kept = str(self.__dict__.get("kept_status", ""))
        if kept.endswith("_COMPLETE") and CLOCK.now() < getattr(self, "busy_until", 0.0):
            return kept.removesuffix("_COMPLETE") + "_IN_PROGRESS"
        return kept

    def set_stack_status(self: Stack, value: str) -> None:
        self.__dict__["kept_status"] = value

    def made(self: Event, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        if not str(self.resource_status).endswith("_IN_PROGRESS"):
            self.timestamp = naive(CLOCK.now() + SETTINGS.stack_in_progress)

    def events_so_far(self: CloudFormationBackend, stack_name: str) -> list[Event]:
        """The oldest first: moto's answer turns them round."""
        past = [event for event in describe(self, stack_name) if event.timestamp <= CLOCK.utcnow()]
        return sorted(past, key=lambda event: event.timestamp)

    Stack.status = property(status, set_stack_status)
    Event.__init__ = made
    CloudFormationBackend.describe_stack_events = events_so_far


@dataclasses.dataclass
class _Failure:
    """What the request at hand wants done when the stack cannot be created."""

    action: str = "ROLLBACK"


_failure = _Failure()


@contextlib.contextmanager
def _on_failure(action: str) -> Iterator[None]:
    before, _failure.action = _failure.action, action
    try:
        yield
    finally:
        _failure.action = before


def _rollback() -> None:
    """A resource that fails rolls the stack back; moto answers 500 and leaves it IN_PROGRESS for ever.

    "Stack failure options", https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html;
    "CreateStack", OnFailure, https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
    """
    create, update = Stack.create_resources, Stack.update
    create_stack = CloudFormationResponse.create_stack

    def create_as_wanted(self: CloudFormationResponse) -> Any:
        disabled = self._get_bool_param("DisableRollback", False)
        with _on_failure("DO_NOTHING" if disabled else self._get_param("OnFailure") or "ROLLBACK"):
            return create_stack(self)

    def create_or_roll_back(self: Stack) -> None:
        self.busy_until = CLOCK.now() + SETTINGS.stack_in_progress
        self.disable_rollback = _failure.action == "DO_NOTHING"
        try:
            create(self)
        except Exception as error:
            if self.disable_rollback:
                self.status = "CREATE_FAILED"
                self._add_stack_event(self.status, resource_status_reason=reason(error))
                _forget_missing(self)
                return
            self._add_stack_event("ROLLBACK_IN_PROGRESS", resource_status_reason=reason(error))
            self.resource_map.delete()
            self.resource_map._parsed_resources = {}
            _forget_missing(self)
            self.status = "ROLLBACK_COMPLETE"
            self._add_stack_event(self.status)

    def update_or_roll_back(self: Stack, template: str, *args: Any, **kwargs: Any) -> None:
        """LastUpdatedTime: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Stack.html"""
        before = self.template
        self.last_updated_time = CLOCK.utcnow()
        self.busy_until = CLOCK.now() + SETTINGS.stack_in_progress
        self.resource_map.new_tags = kwargs.get("tags")
        try:
            update(self, template, *args, **kwargs)
        except Exception as error:
            self.template = before
            self._parse_template()
            self._add_stack_event("UPDATE_ROLLBACK_IN_PROGRESS", resource_status_reason=reason(error))
            self.status = "UPDATE_ROLLBACK_COMPLETE"
            self._add_stack_event(self.status)

    Stack.create_resources, Stack.update = create_or_roll_back, update_or_roll_back
    CloudFormationResponse.create_stack = create_as_wanted


def _forget_missing(stack: Stack) -> None:
    """Whoever lists the resources of a failed stack sees those that are there; moto would make the others then."""
    resources = stack.resource_map
    there = {name for name, resource in resources._parsed_resources.items() if resource is not None}
    resources._resource_json_map = {n: json for n, json in resources._resource_json_map.items() if n in there}


def reason(error: Exception) -> str:
    return getattr(error, "message", None) or str(error)


def _refusals() -> None:
    """Only a stack at rest can be updated, one whose creation was rolled back can only be deleted.

    "UpdateStack", https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html;
    "Troubleshooting CloudFormation: Update rollback failed; stack in ROLLBACK_COMPLETE",
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html
    """
    validate_change = CloudFormationResponse._validate_different_update

    def validate_status(self: CloudFormationResponse, stack: Stack) -> None:
        if stack.status not in UPDATABLE:
            told = f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated."
            raise ValidationError(stack.stack_id, message=told)

    def validate(self: CloudFormationResponse, incoming: Any, body: str, stack: Stack) -> None:
        validate_status(self, stack)
        validate_change(self, incoming, body, stack)

    CloudFormationResponse._validate_status = validate_status
    CloudFormationResponse._validate_different_update = validate


def _resource_events() -> None:
    """Every resource that is created or updated has events of its own, a failed one its reason; moto's stacks alone do.

    "StackEvent", https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html;
    "DescribeStackEvents": in reverse chronological order,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html
    """
    for verb, function in (("CREATE", "parse_and_create_resource"), ("UPDATE", "parse_and_update_resource")):
        setattr(parsing, function, _with_events(verb, getattr(parsing, function)))


def _request_tokens() -> None:
    """Events carry the token of the request that brought them about; moto's carry none.

    "StackEvent", ClientRequestToken, https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
    """
    make = Event.__init__
    token: list[str | None] = [None]

    def made(self: Event, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        self.client_request_token = token[0]

    def with_token(answer: Callable[[CloudFormationResponse], Any]) -> Callable[[CloudFormationResponse], Any]:
        def answered(self: CloudFormationResponse) -> Any:
            token[0] = self._get_param("ClientRequestToken")
            try:
                return answer(self)
            finally:
                token[0] = None

        return answered

    Event.__init__ = made
    for action in ("create_stack", "update_stack", "delete_stack"):
        setattr(CloudFormationResponse, action, with_token(getattr(CloudFormationResponse, action)))


def _with_events(verb: str, run: Any) -> Any:
    """moto makes a resource's dependencies while it makes the resource; on AWS they are complete before it begins."""

    def run_with_events(logical_id: str, resource_json: Any, resources: Any, account_id: str, region_name: str) -> Any:
        stack = cloudformation_backends[account_id][region_name].stacks.get(resources.stack_id)

        def tell(status: str, resource: Any = None, why: str | None = None) -> None:
            if stack is not None:
                stack.events.append(_event(stack, logical_id, resource_json["Type"], resource, status, why))

        condition = resource_json.get("Condition")
        if condition and not resources.lazy_condition_map[condition]:
            return run(logical_id, resource_json, resources, account_id, region_name)
        for name in sorted(references(resource_json) & set(resources._resource_json_map) - {logical_id}):
            resources[name]
        tell(f"{verb}_IN_PROGRESS")
        try:
            resource = run(logical_id, resource_json, resources, account_id, region_name)
        except Exception as error:
            tell(f"{verb}_FAILED", error, why=reason(error))
            raise
        tell(f"{verb}_COMPLETE", resource)
        return resource

    return run_with_events


def _event(stack: Stack, logical_id: str, kind: str, resource: Any, status: str, why: str | None) -> Event:
    return Event(
        stack_id=stack.stack_id,
        stack_name=stack.name,
        logical_resource_id=logical_id,
        physical_resource_id=getattr(resource, "physical_resource_id", None) or "",
        resource_type=kind,
        resource_status=status,
        resource_status_reason=why,
        resource_properties=None,
    )
