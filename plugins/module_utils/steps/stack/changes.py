# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a change set changes, with the values before and after, as it may be shown: secrets are masked."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...properties import keys
from ...template import masking

UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""CloudFormation's own word for a value that only the update brings."""
LATER = "(known after the update)"
HIDDEN = "(changed)"
"""A value that CloudFormation shows only as a hash."""
HASHED = "(Truncated-Signature):"
LONGEST = 120
"""Characters of a value on the screen."""
IMAGE = "ImageId"
LAUNCHES = frozenset(("AWS::AutoScaling::LaunchConfiguration", "AWS::EC2::LaunchTemplate"))
"""Types of what a group launches its instances from."""

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
"""Where a parameter of our templates gets its value from."""

_KEY = re.compile(r"(?:export )?[A-Za-z][\w.@-]*")
_SYMBOLS = {"Add": "+", "Remove": "-", "Modify": "~", "Import": "+", "Dynamic": "~"}


@dataclasses.dataclass(frozen=True)
class Detail:
    """One value that changes. name: a path below the resource's properties, or "UserData KEY". Empty: not there."""

    name: str
    before: str
    after: str


@dataclasses.dataclass(frozen=True)
class Change:
    """One resource that changes, in AWS's words. replacement: True, False, Conditional; empty for a new or removed one.

    attributes: what changes besides its properties: Tags, Metadata, UpdatePolicy.
    """

    action: str
    logical_id: str
    type: str
    replacement: str = ""
    attributes: tuple[str, ...] = ()
    details: tuple[Detail, ...] = ()

    def as_returned(self) -> dict[str, Any]:
        return {
            **dataclasses.asdict(self),
            "attributes": list(self.attributes),
            "details": [*map(dataclasses.asdict, self.details)],
        }


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter as the stack has it. value: of one of Systems Manager what it comes to, in its own words: name."""

    value: str
    name: str = ""

    @property
    def given(self) -> str:
        return self.name or self.value


@dataclasses.dataclass(frozen=True)
class ParameterChange:
    """A parameter's value before and after. by_hand: before is not what the stack's own template says."""

    name: str
    before: str
    after: str
    by_hand: bool = False

    def as_returned(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def details(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Detail, ...]:
    """Every value that differs between the properties before and after."""
    was, will = dict(_leaves(before)), dict(_leaves(after))
    found: list[Detail] = []
    for path in dict.fromkeys([*was, *will]):
        one, other = was.get(path), will.get(path)
        if one == other:
            continue
        if path.rpartition(".")[2] == "UserData" and UNKNOWN not in (one, other):
            found += _of_user_data(_decoded(one), _decoded(other))
        else:
            found.append(Detail(path, shown(one), shown(other)))
    return tuple(found)


def shown(value: Any) -> str:
    """A value as people may see it."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    if text == UNKNOWN or UNKNOWN in text:
        return LATER
    if text.startswith(HASHED):
        return HIDDEN
    text = " ".join(str(masking.masked(text)).split("\n"))
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


def _of_user_data(before: str, after: str) -> list[Detail]:
    """Property by property; of the script around them only that it differs."""
    was, script = _properties(before)
    will, other = _properties(after)
    found = [
        Detail(f"UserData {key}", shown_line(key, was.get(key)), shown_line(key, will.get(key)))
        for key in dict.fromkeys([*was, *will])
        if was.get(key) != will.get(key)
    ]
    if script != other:
        found.append(Detail("UserData script", f"{len(script)} lines", f"{len(other)} lines"))
    return found


def shown_line(key: str, value: str | None) -> str:
    """The value of the line key=value, without its secret."""
    if value is None:
        return ""
    name = key.removeprefix("export ")
    line: str = masking.masked(f"{name}={value}")
    return shown(line.partition("=")[2])


def _properties(text: str) -> tuple[dict[str, str], list[str]]:
    """The lines of the form key=value, and the others."""
    values: dict[str, str] = {}
    script: list[str] = []
    for line in text.splitlines():
        key, separator, value = line.partition("=")
        if separator and _KEY.fullmatch(key):
            values[key] = value
        else:
            script.append(line)
    return values, script


def text_lines(part: Any) -> Iterator[str]:
    """Every line of every text in a template."""
    if isinstance(part, str):
        yield from part.splitlines()
    elif isinstance(part, Mapping | list):
        for each in part.values() if isinstance(part, Mapping) else part:
            yield from text_lines(each)


def secrets(part: Any) -> set[str]:
    """The values of the secret properties that stand in a template's texts."""
    if isinstance(part, Mapping):
        return {secret for value in part.values() for secret in secrets(value)}
    if isinstance(part, list):
        return {secret for value in part for secret in secrets(value)}
    if not isinstance(part, str):
        return set()
    pairs = (line.partition("=") for line in part.split("\n"))
    return {value for key, _equals, value in pairs if value and keys.is_secret(key)}


def without(text: str, secret: Iterable[str]) -> str:
    """CloudFormation's words, which may quote a property."""
    for value in sorted(secret, key=len, reverse=True):
        text = text.replace(value, "********")
    return text


def of_parameters(
    present: Mapping[str, Parameter], to_come: Mapping[str, Parameter], defaults: Mapping[str, str]
) -> tuple[ParameterChange, ...]:
    """What becomes of the stack's parameters. defaults: of the template that the stack has now.

    One that was given by hand differs from them; of one of Systems Manager the name counts.
    """

    def by_hand(name: str) -> bool:
        one = present.get(name)
        return one is not None and name in defaults and one.given != defaults[name]

    def text(one: Parameter | None) -> str:
        return shown(one.value) if one else ""

    return tuple(
        ParameterChange(name, text(present.get(name)), text(to_come.get(name)), by_hand(name))
        for name in dict.fromkeys([*present, *to_come])
        if (present[name].value if name in present else None) != (to_come[name].value if name in to_come else None)
    )


def warnings(stack: str, parameters: Iterable[ParameterChange]) -> list[str]:
    """What was set by hand and goes with the update."""
    lines = []
    for one in parameters:
        if not one.by_hand:
            continue
        said = f"The parameter {one.name} of the stack {stack} was set by hand to {one.before!r}"
        if one.name in KEYS:
            lines.append(f"{said}. The update sets it to {one.after!r}. To keep it, write it to {KEYS[one.name]}.")
        else:
            lines.append(f"{said}. The update removes it: the new template has no such parameter.")
    return lines


def added(template: Any) -> tuple[Change, ...]:
    """What a stack that does not exist gets."""
    resources = template.get("Resources", {}) if isinstance(template, Mapping) else {}
    return tuple(Change("Add", name, str(resource.get("Type", ""))) for name, resource in resources.items())


def outdates(changes: Iterable[Change]) -> bool:
    """Whether the instances that run become outdated: their group launches something else afterwards."""
    return any(
        change.type in LAUNCHES and (change.action != "Modify" or change.replacement == "True" or bool(change.details))
        for change in changes
    )


def images(changes: Iterable[Change], parameters: Iterable[ParameterChange]) -> tuple[str, str] | None:
    """The image before and after, None when it stays."""
    for one in parameters:
        if one.name == IMAGE:
            return one.before, one.after
    for change in changes:
        for detail in change.details:
            if change.type in LAUNCHES and detail.name.rpartition(".")[2] == IMAGE:
                return detail.before, detail.after
    return None


def lines(stack: str, result: Mapping[str, Any]) -> list[str]:
    """A module's result for the terminal: one line a change, and below it what differs."""
    shown_lines = []
    if image := result.get("image"):
        shown_lines.append(f"  ± image {_arrow(image)}")
    shown_lines += [
        f"  ~ parameter {one['name']} {_arrow(one)}" for one in result.get("parameters", ()) if one["name"] != IMAGE
    ]
    for change in result.get("changes", ()):
        symbol = "±" if change["replacement"] == "True" else _SYMBOLS.get(change["action"], "~")
        shown_lines.append(f"  {symbol} {change['logical_id']} ({change['type']}){_manner(change)}")
        shown_lines += [f"      {detail['name']} {_arrow(detail)}" for detail in change["details"]]
    return [f"Changes of the stack {stack}:", *shown_lines] if shown_lines else []


def _manner(change: Mapping[str, Any]) -> str:
    manners = {"True": ", replaced", "False": ", in place", "Conditional": ", in place or replaced, as its policy says"}
    others = f": {', '.join(change['attributes'])}" if change["attributes"] else ""
    return f"{manners.get(change['replacement'], '')}{others}"


def _arrow(one: Mapping[str, Any]) -> str:
    return f"{one['before'] or '(none)'} -> {one['after'] or '(none)'}"


def diff(stack: str, result: Mapping[str, Any]) -> list[dict[str, str]]:
    """Ansible's diff: one line for each value."""
    before, after = [], []
    for one in result.get("parameters", ()):
        before.append(f"parameter {one['name']}: {one['before']}")
        after.append(f"parameter {one['name']}: {one['after']}")
    for change in result.get("changes", ()):
        name = f"{change['logical_id']} ({change['type']})"
        before += [name] if change["action"] != "Add" else []
        after += [name] if change["action"] != "Remove" else []
        for detail in change["details"]:
            before.append(f"{name} {detail['name']}: {detail['before']}")
            after.append(f"{name} {detail['name']}: {detail['after']}")
    if not before and not after:
        return []
    header = f"stack {stack}"
    return [
        {
            "before_header": header,
            "after_header": header,
            "before": "".join(f"{line}\n" for line in before),
            "after": "".join(f"{line}\n" for line in after),
        }
    ]
