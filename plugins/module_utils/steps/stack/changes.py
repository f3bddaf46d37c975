# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an update changes about a stack: values before and after, ready to be shown. Secrets are masked."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

from ...properties import keys
from ...properties.file import MASK
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
            found.append(Detail(path, shown_value(path, one), shown_value(path, other)))
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


def shown_value(path: str, value: Any) -> str:
    """A value as it is shown; masked if its name is that of a password."""
    name = path.rpartition(".")[2]
    is_secret = isinstance(value, str) and value and redact.output(f"{name}=x") != f"{name}=x"
    return MASK if is_secret and UNKNOWN not in value else shown(value)


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
    except ValueError:  # also of characters that are not ASCII
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


def properties(template: Any) -> dict[str, str]:
    """The lines of the texts in a template that are properties, without blanks around them."""
    return dict(line.strip().split("=", 1) for line in text_lines(template) if "=" in line)


def secrets(template: Any) -> set[str]:
    """The values of the secret properties in a template's texts."""
    pairs = (line.partition("=") for line in text_lines(template))
    return {value for key, _equals, value in pairs if value and keys.is_secret(key)}


def defaults(template: Any) -> dict[str, str]:
    """The defaults of a parsed template's parameters."""
    declared = document.mapping(document.mapping(template).get("Parameters"))
    return {name: str(one["Default"]) for name, one in declared.items() if "Default" in document.mapping(one)}
