# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Change sets as AWS makes them: with replacement flags, details and values, in progress at first, or refused."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from typing import Any

from moto.cloudformation.exceptions import AlreadyExistsException, CloudFormationError
from moto.cloudformation.models import ChangeSet, CloudFormationBackend
from moto.cloudformation.parsing import ResourceMap, clean_json
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult, EmptyResult

from tests.emulator.clock import CLOCK
from tests.emulator.corrections.cloudformation import _dependencies_first, _differing, references
from tests.emulator.corrections.cloudformation_parameters import listed_parameters, shown_parameters
from tests.emulator.corrections.cloudformation_replacement import recreation
from tests.emulator.corrections.cloudformation_tags import ASKED, GROUP
from tests.emulator.corrections.cloudformation_validation import EARLY, validation_errors
from tests.emulator.settings import SETTINGS

KNOWN_AFTER_APPLY = "{{changeSet:KNOWN_AFTER_APPLY}}"
ATTRIBUTES = ("CreationPolicy", "DeletionPolicy", "Metadata", "UpdatePolicy", "UpdateReplacePolicy")
LONGEST_VALUE = 1024
"""Of a value in the details; a longer one is shown as its hash. AWS does so, its limit is not documented."""

Leaf = tuple[str, ...]


def apply() -> None:
    """What DescribeChangeSet says, which moto leaves out.

    "DescribeChangeSet", IncludePropertyValues, https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html;
    "ResourceChange", https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html;
    "ResourceTargetDefinition", https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceTargetDefinition.html.
    DescribeEvents, which tells why an early validation failed:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
    """
    _names()
    create = CloudFormationBackend.create_change_set

    def create_and_judge(self: CloudFormationBackend, *args: Any, **kwargs: Any) -> tuple[str, str]:
        made: tuple[str, str] = create(self, *args, **kwargs)
        found = self.change_sets[made[0]]
        found.ready_at = CLOCK.now() + SETTINGS.change_set_creating
        if found.status == "CREATE_COMPLETE" and (why := SETTINGS.change_set_failure or found.refusal):
            found.status, found.status_reason, found.execution_status = "FAILED", why, "UNAVAILABLE"
        return made

    def describe(self: CloudFormationResponse) -> ActionResult:
        found = _named(self)
        if found is None:
            raise CloudFormationError(
                "ChangeSetNotFoundException", f"ChangeSet [{self._get_param('ChangeSetName')}] does not exist"
            )
        page, size = int(self._get_param("NextToken") or 0), SETTINGS.change_set_page
        shown = copy.copy(found)
        shown.shown_parameters = listed_parameters(found.template_dict, found.parameters, found.after)
        shown.tags = [{"Key": key, "Value": value} for key, value in (found.tags or {}).items()]
        changes = found.changes
        if CLOCK.now() < found.ready_at:
            changes = []
            shown.status, shown.status_reason, shown.execution_status = "CREATE_IN_PROGRESS", None, "UNAVAILABLE"
        elif not self._get_bool_param("IncludePropertyValues", False):
            changes = [_without_values(change) for change in changes]
        shown.changes = changes[page : page + size]
        shown.next_token = str(page + size) if page + size < len(changes) else None
        return ActionResult(shown)

    def describe_events(self: CloudFormationResponse) -> ActionResult:
        found = self.cloudformation_backend.describe_change_set(change_set_name=self._get_param("ChangeSetName"))
        return ActionResult({"OperationEvents": found.validation_events})

    CloudFormationBackend.create_change_set = create_and_judge
    ChangeSet.diff = _diff
    ChangeSet.Meta = type("Meta", (), {"serialization_aliases": {"Parameters": "shown_parameters"}})
    CloudFormationResponse.describe_change_set = describe
    CloudFormationResponse.describe_events = describe_events
    transformers = CloudFormationResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER
    transformers["DescribeChangeSetOutput.Changes"] = lambda changes: [
        {"Type": "Resource", "ResourceChange": change} for change in changes
    ]
    del transformers["DescribeChangeSetOutput.Parameters"]


def _names() -> None:
    """A name is unique among the change sets of a stack; moto takes it twice, and looks for it in all stacks.

    One that is being made cannot be deleted; deleting one that does not exist succeeds.
    "CreateChangeSet", https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html;
    "DeleteChangeSet", https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteChangeSet.html
    """
    create = CloudFormationResponse.create_change_set

    def create_unique(self: CloudFormationResponse) -> ActionResult:
        if _named(self) is not None:
            raise AlreadyExistsException(f"ChangeSet {self._get_param('ChangeSetName')} already exists")
        return create(self)

    def delete(self: CloudFormationResponse) -> ActionResult:
        found = _named(self)
        if found is not None and CLOCK.now() < found.ready_at:
            raise CloudFormationError(
                "InvalidChangeSetStatusException", f"{found.change_set_name} is in CREATE_IN_PROGRESS"
            )
        if found is not None:
            self.cloudformation_backend.delete_change_set(found.change_set_id)
        return EmptyResult()

    CloudFormationResponse.create_change_set = create_unique
    CloudFormationResponse.delete_change_set = delete


def _named(request: CloudFormationResponse) -> ChangeSet | None:
    """The change set that the request names, by its id, or by its name and the stack's name or id."""
    name, stack = request._get_param("ChangeSetName"), request._get_param("StackName")
    for found in request.cloudformation_backend.change_sets.values():
        if name == found.change_set_id or (
            name == found.change_set_name and stack in (found.stack.name, found.stack.stack_id)
        ):
            return found
    return None


def _without_values(change: dict[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in change.items() if key not in ("BeforeContext", "AfterContext")}
    shown["Details"] = [{**detail, "Target": _without(detail["Target"])} for detail in change["Details"]]
    return shown


def _without(target: dict[str, Any]) -> dict[str, Any]:
    values = ("BeforeValue", "AfterValue", "Path", "AttributeChangeType")
    return {key: value for key, value in target.items() if key not in values}


def _diff(self: ChangeSet) -> list[dict[str, Any]]:
    """The changes, dependencies first; refusal and validation_events besides."""
    stack, template = self.stack, self.template_dict
    before: ResourceMap = stack.resource_map
    self.after = after = ResourceMap(
        stack.stack_id,
        stack.name,
        self.parameters,
        stack.tags if ASKED.tags is None else ASKED.tags,
        stack.region_name,
        stack.account_id,
        template,
        stack.cross_stack_resources,
    )
    after.load()
    there = {name for name in before._resource_json_map if before._parsed_resources.get(name) is not None}
    after._parsed_resources.update({name: before._parsed_resources[name] for name in there})
    new = {
        name: resource
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or after.lazy_condition_map[resource["Condition"]]
    }
    comparison = _Comparison(before, after, there, self.parameters, not ASKED.leaves(stack))
    changes = [comparison.change(name, new[name]) for name in _dependencies_first(new, new)]
    changes += [comparison.removal(name) for name in there if name not in new]
    self.validation_events = validation_errors(
        {name: (new[name]["Type"], comparison.resolved(new[name])) for name in new},
        {name for name in new if name not in there} | comparison.replaced,
        template,
        self.parameters,
        stack,
    )
    kinds = sorted({event["hook"] for event in self.validation_events if event.get("hook")})
    self.refusal = f"{EARLY[0]}[{', '.join(kinds)}]{EARLY[1]}" if kinds else ""
    for event in self.validation_events:
        event.pop("hook", None)
        self.refusal = self.refusal or event.pop("reason", "")
    return [change for change in changes if change is not None]


class _Comparison:
    """A stack's resources before and after. replaced: those that get another physical id."""

    def __init__(
        self, before: ResourceMap, after: ResourceMap, there: set[str], given: dict[str, Any], tags_change: bool
    ) -> None:
        self._before, self._after, self._there, self._tags_change = before, after, there, tags_change
        self._parameters = _differing(
            shown_parameters(before.resolved_parameters), shown_parameters(after.resolved_parameters)
        )
        self.replaced: set[str] = set()
        self._modified: set[str] = set()

    def change(self, name: str, new: dict[str, Any]) -> dict[str, Any] | None:
        """The ResourceChange of one that the new template has; None when nothing about it changes."""
        kind, after = new["Type"], self.resolved(new)
        if name not in self._there:
            self.replaced.add(name)
            return _shown("Add", name, kind, after=after)
        old = self._before._resource_json_map[name]
        before = clean_json(copy.deepcopy(old.get("Properties", {})), self._before)
        details = list(self._details(kind, old, new, before, after))
        if not details:
            return None
        self._modified.add(name)
        needs = {detail["Target"]["RequiresRecreation"] for detail in details}
        static = any(
            detail["Target"]["RequiresRecreation"] == "Always" and detail["Evaluation"] == "Static"
            for detail in details
        )
        replacement = "True" if static else "Conditional" if needs - {"Never"} else "False"
        if replacement == "True":
            self.replaced.add(name)
        shown = _shown("Modify", name, kind, before=before, after=after)
        shown |= {
            "PhysicalResourceId": str(getattr(self._before._parsed_resources[name], "physical_resource_id", name)),
            "Replacement": replacement,
            "Scope": sorted({detail["Target"]["Attribute"] for detail in details}),
            "Details": details,
        }
        return shown

    def removal(self, name: str) -> dict[str, Any]:
        old = self._before._resource_json_map[name]
        before = clean_json(copy.deepcopy(old.get("Properties", {})), self._before)
        return _shown("Remove", name, old["Type"], before=before)

    def resolved(self, resource: dict[str, Any]) -> dict[str, Any]:
        """Its properties as they will be, with what is known only afterwards marked."""
        known = self._marked(copy.deepcopy(resource.get("Properties", {})))
        found: dict[str, Any] = clean_json(known, self._after)
        return found

    def _marked(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self._marked(item) for item in node]
        if not isinstance(node, dict):
            return node
        for function, value in node.items():
            if function == "Ref" and self._unknown(value, self.replaced):
                return KNOWN_AFTER_APPLY
            if function == "Fn::GetAtt":
                name = value[0] if isinstance(value, list) else value.partition(".")[0]
                if self._unknown(name, self.replaced | self._modified):
                    return KNOWN_AFTER_APPLY
            if function == "Fn::Sub" and any(self._unknown(name, self.replaced) for name in references(node)):
                return KNOWN_AFTER_APPLY
        return {key: self._marked(value) for key, value in node.items()}

    def _unknown(self, name: str, changing: set[str]) -> bool:
        """Whether the reference's value is not known yet: of a resource that is new, replaced or not there."""
        return name in changing or (name in self._after._resource_json_map and name not in self._there)

    def _details(
        self, kind: str, old: dict[str, Any], new: dict[str, Any], before: Any, after: Any
    ) -> Iterator[dict[str, Any]]:
        was, will = dict(_leaves(before)), dict(_leaves(after))
        for path in dict.fromkeys([*was, *will]):
            if was.get(path) == will.get(path):
                continue
            name = path[0]
            one, other = old.get("Properties", {}).get(name), new.get("Properties", {}).get(name)
            unknown = KNOWN_AFTER_APPLY in str(will.get(path))
            source, cause = self._source(one, other)
            target = {"Attribute": "Tags" if name == "Tags" else "Properties", "Name": name}
            target["RequiresRecreation"] = recreation(kind, name)
            target["Path"] = "/Properties/" + "/".join(path)
            target |= {
                f"{side}Value": _value(leaf)
                for side, leaf in (("Before", was.get(path)), ("After", will.get(path)))
                if leaf is not None
            }
            target["AttributeChangeType"] = "Add" if path not in was else "Remove" if path not in will else "Modify"
            certain = not unknown or source == "ResourceReference"
            yield {
                "Target": target,
                "Evaluation": "Static" if certain else "Dynamic",
                "ChangeSource": source,
                **({"CausingEntity": cause} if cause else {}),
            }
        for attribute in ATTRIBUTES:
            if old.get(attribute) != new.get(attribute):
                yield {
                    "Target": {"Attribute": attribute, "RequiresRecreation": "Never"},
                    "Evaluation": "Static",
                    "ChangeSource": "DirectModification",
                }
        if kind == GROUP and self._tags_change:
            yield {
                "Target": {"Attribute": "Tags", "RequiresRecreation": "Never"},
                "Evaluation": "Static",
                "ChangeSource": "DirectModification",
            }

    def _source(self, one: Any, other: Any) -> tuple[str, str]:
        """Why a property changes: ChangeSource and CausingEntity."""
        named = references(other) if other is not None else set()
        if one == other:
            if parameters := sorted(named & self._parameters):
                return "ParameterReference", parameters[0]
            if replaced := sorted(named & self.replaced):
                return "ResourceReference", replaced[0]
            if modified := sorted(named & self._modified):
                return "ResourceAttribute", modified[0]
        return "DirectModification", ""


def _shown(action: str, name: str, kind: str, before: Any = None, after: Any = None) -> dict[str, Any]:
    contexts = {"BeforeContext": before, "AfterContext": after}
    shown = {"Action": action, "LogicalResourceId": name, "ResourceType": kind, "Scope": [], "Details": []}
    return shown | {
        side: json.dumps({"Properties": properties}) for side, properties in contexts.items() if properties is not None
    }


def _leaves(node: Any, path: Leaf = ()) -> Iterator[tuple[Leaf, Any]]:
    """Every scalar below the properties, with its path."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else None
    if children is None or (not node and path):
        yield path, node
        return
    for key, value in children:
        yield from _leaves(value, (*path, str(key)))


def _value(leaf: Any) -> str:
    text = leaf if isinstance(leaf, str) else json.dumps(leaf)
    if len(text) <= LONGEST_VALUE:
        return text
    return f"(Truncated-Signature):{hashlib.sha256(text.encode()).hexdigest()}"
