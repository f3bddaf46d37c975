# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an update changes about a stack: values before and after, ready to be shown. Secrets are masked."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...errors import Finding
from ...properties import keys
from ...util import redact
from . import document

UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""CloudFormation's placeholder for a value that is known only after the update."""
LATER = "(known after the update)"
HASHED = "(Truncated-Signature):"
"""The start of a value that CloudFormation shows as a hash, because it is long."""
LONGEST = 120
"""Characters of a value that are shown."""
IMAGE = "ImageId"

KEYS = {
    "DatomicDeployBucket": "datomic-deploy-s3-bucket",
    "DatomicSha256": "datomic_modern.sha256",
    "DatomicVersion": "datomic-version",
    "GroupSize": "aws-autoscaling-group-size",
    "ImageId": "datomic_modern.image_id",
    "InstanceMonitoring": "aws-instance-monitoring",
    "InstanceProfile": "aws-transactor-role",
    "InstanceType": "aws-instance-type",
    "JavaOpts": "java-opts",
    "SecurityGroups": "aws-security-group",
    "Xmx": "java-xmx",
}
"""The property or variable that gives a parameter of the templates its value."""

_SYMBOLS = {"Add": "+", "Remove": "-", "Modify": "~", "Import": "+", "Dynamic": "~"}
_MANNERS = {"True": ", replaced", "False": ", in place", "Conditional": ", in place or replaced, as its policy says"}


@dataclasses.dataclass(frozen=True)
class Detail:
    """A value that changes. name: a path below the resource's properties, or "UserData KEY". Empty: no value."""

    name: str
    before: str
    after: str


@dataclasses.dataclass(frozen=True)
class Change:
    """A resource that changes, in AWS's words. replacement: True, False, Conditional, or empty if it is new or removed.

    attributes: what changes other than properties: Tags, Metadata, UpdatePolicy.
    """

    action: str
    logical_id: str
    type: str
    replacement: str = ""
    attributes: tuple[str, ...] = ()
    details: tuple[Detail, ...] = ()


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter of a stack. name: of a parameter of Systems Manager, whose value this one has; otherwise empty."""

    value: str
    name: str = ""

    @property
    def given(self) -> str:
        return self.name or self.value


@dataclasses.dataclass(frozen=True)
class ParameterChange(Detail):
    """A parameter that changes. by_hand: before is not the default of the stack's current template."""

    by_hand: bool = False


def details(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Detail, ...]:
    """Every value that differs between the properties before and after."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    found: list[Detail] = []
    for path in dict.fromkeys([*old, *new]):
        one, other = old.get(path), new.get(path)
        if one == other:
            continue
        if path.rpartition(".")[2] == "UserData" and UNKNOWN not in (one, other):
            found += _user_data_details(_decoded(one), _decoded(other))
        else:
            found.append(Detail(path, shown(one), shown(other)))
    return tuple(found)


def shown(value: Any) -> str:
    """A value as it is shown: on one line, masked and shortened."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    if UNKNOWN in text:
        return LATER
    if text.startswith(HASHED):
        return "(changed)"
    text = redact.properties(text).replace("\n", " ")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    children = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    if not children or (not node and path):
        yield path, node
        return
    for key, value in children:
        yield from _leaves(value, f"{path}.{key}" if path else str(key))


def _decoded(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return text


def _user_data_details(before: str, after: str) -> list[Detail]:
    """The properties that differ, one by one. Of the script around them only how many lines."""
    old, new = document.read_script(before), document.read_script(after)
    found = [
        Detail(f"UserData {key}", *(shown_property(key, one.properties.get(key)) for one in (old, new)))
        for key in dict.fromkeys([*old.properties, *new.properties])
        if old.properties.get(key) != new.properties.get(key)
    ]
    if changed := document.changed_lines(old.script, new.script):
        found.append(
            Detail("UserData script", f"{len(old.script)} lines", f"{len(new.script)} lines, {changed} changed")
        )
    return found


def shown_property(key: str, value: str | None) -> str:
    """A property's value as it is shown; empty for None."""
    if value is None:
        return ""
    line: str = redact.properties(f"{key}={value}")
    return shown(line.partition("=")[2])


def text_lines(part: Any) -> Iterator[str]:
    """Every line of every text in a template."""
    if isinstance(part, str):
        yield from part.split("\n")
    elif isinstance(part, Mapping | list):
        for each in part.values() if isinstance(part, Mapping) else part:
            yield from text_lines(each)


def secrets(template: Any) -> set[str]:
    """The values of the secret properties in a template's texts."""
    pairs = (line.partition("=") for line in text_lines(template))
    return {value for key, _equals, value in pairs if value and keys.is_secret(key)}


def parameter_changes(
    current: Mapping[str, Parameter], desired: Mapping[str, Parameter], defaults: Mapping[str, str]
) -> list[ParameterChange]:
    """The parameters whose values change. defaults: of the stack's current template."""
    found = []
    for name in dict.fromkeys([*current, *desired]):
        one, other = current.get(name), desired.get(name)
        before, after = one and one.value, other and other.value
        if before != after:
            by_hand = one is not None and name in defaults and one.given != defaults[name]
            found.append(ParameterChange(name, shown(before), shown(after), by_hand))
    return found


def defaults(template: Any) -> dict[str, str]:
    """The defaults of a parsed template's parameters."""
    declared = document.mapping(document.mapping(template).get("Parameters"))
    return {name: str(one["Default"]) for name, one in declared.items() if "Default" in document.mapping(one)}


def by_hand(stack: str, parameter: ParameterChange) -> Finding:
    """The warning of a parameter that was set by hand and that the update changes."""
    name, key = parameter.name, KEYS.get(parameter.name, "")
    effect = f"sets it to {parameter.after!r}" if key else "removes it: the new template has no such parameter"
    message = f"the parameter {name} of the stack {stack} was set by hand to {parameter.before!r}; the update {effect}"
    return Finding("", message, "warning", key=key, suggestion=f"to keep it, write it to {key}" if key else "")


def added(template: Any) -> list[Change]:
    """The resources of a stack that does not exist yet."""
    resources = template.get("Resources", {}) if isinstance(template, Mapping) else {}
    return [Change("Add", name, str(resource.get("Type", ""))) for name, resource in resources.items()]


def outdates(changes: Iterable[Change]) -> bool:
    """Whether the group launches something else after the update, so that running instances become outdated."""
    return any(
        change.type in document.LAUNCH_TYPES
        and (change.action != "Modify" or change.replacement == "True" or bool(change.details))
        for change in changes
    )


def image(changes: Iterable[Change], parameters: Iterable[ParameterChange]) -> dict[str, str]:
    """The machine image before and after; empty if it stays."""
    launches = (change for change in changes if change.type in document.LAUNCH_TYPES)
    for one in [*parameters, *(detail for change in launches for detail in change.details)]:
        if one.name.rpartition(".")[2] == IMAGE:
            return {"before": one.before, "after": one.after}
    return {}


def lines(stack: str, result: Mapping[str, Any]) -> list[str]:
    """The module's result for the terminal: one line for each change, and one for each value below it."""
    found = [f"  ± image {_arrow(result['image'])}"] if result.get("image") else []
    found += [
        f"  ~ parameter {one['name']} {_arrow(one)}" for one in result.get("parameters", ()) if one["name"] != IMAGE
    ]
    for change in result.get("changes", ()):
        symbol = "±" if change["replacement"] == "True" else _SYMBOLS.get(change["action"], "~")
        attributes = f": {', '.join(change['attributes'])}" if change["attributes"] else ""
        manner = _MANNERS.get(change["replacement"], "") + attributes
        found.append(f"  {symbol} {change['logical_id']} ({change['type']}){manner}")
        found += [f"      {detail['name']} {_arrow(detail)}" for detail in change["details"]]
    return [f"Changes of the stack {stack}:", *found] if found else []


def _arrow(one: Mapping[str, Any]) -> str:
    return f"{one['before'] or '(none)'} -> {one['after'] or '(none)'}"


def diff(stack: str, changes: Iterable[Change], parameters: Iterable[ParameterChange]) -> list[dict[str, str]]:
    """Ansible's diff: one line for each value."""
    before = [f"parameter {one.name}: {one.before}" for one in parameters]
    after = [f"parameter {one.name}: {one.after}" for one in parameters]
    for change in changes:
        name = f"{change.logical_id} ({change.type})"
        before += [name] if change.action != "Add" else []
        after += [name] if change.action != "Remove" else []
        before += [f"{name} {detail.name}: {detail.before}" for detail in change.details]
        after += [f"{name} {detail.name}: {detail.after}" for detail in change.details]
    if not before and not after:
        return []
    headers = dict.fromkeys(("before_header", "after_header"), f"stack {stack}")
    return [{**headers, "before": "\n".join([*before, ""]), "after": "\n".join([*after, ""])}]
