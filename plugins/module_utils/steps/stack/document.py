# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Templates as documents: parsed, with mappings looked up, and the user data of their instances. Pure."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from ...template.legacy import FROM_METADATA

Flavor = Literal["legacy", "modern", ""]
LAUNCH_TEMPLATE = "AWS::EC2::LaunchTemplate"
LAUNCH_GROUP = "LaunchGroup"
"""The logical id of the transactors' group, in both flavors of the template."""
LAUNCH_TYPES = ("AWS::AutoScaling::LaunchConfiguration", LAUNCH_TEMPLATE)
"""Types of the resource from which a group launches its instances."""

# The command of bin/datomic's templates and of ours that writes the properties, such as: cat <<EOF >aws.properties
_HERE_DOCUMENT = re.compile(r"(?i)(?=.*properties)cat\b.*<<-?\s*(['\"]?)([\w-]+)\1.*")
_QUOTED = re.compile(r"(?im)^(?=.*properties)cat\b.*<<-?\s*['\"]")
_ESCAPED = re.compile(r"\\([\\$`])")
_PROPERTY = re.compile(r"((?:\\.|[^\\=])*)=(.*)", re.DOTALL)
_JAVA_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_JAVA_CHARACTERS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}
_SUBSTITUTED = re.compile(r"\$\{(!?)([^}]*)\}")


class UserData(NamedTuple):
    """script: its lines without the properties. written: the lines of the properties as they are.

    properties: key to value, as the transactor reads them. lines: key to line.
    """

    script: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    properties: Mapping[str, str] = {}
    lines: Mapping[str, str] = {}


def parsed(template: Any) -> Mapping[str, Any]:
    """The template, of JSON or YAML, with the short forms of functions written out. Empty if it cannot be read.

    CloudFormation returns a question mark for each character outside of ASCII. Such a template counts as changed.
    https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1220
    """
    found = template
    if isinstance(template, str):
        try:
            found = json.loads(template)
        except ValueError:
            found = _parsed_yaml(template)
    return mapping(found)


def _parsed_yaml(text: str) -> Any:
    """None without PyYAML, and for another text."""
    try:
        import yaml
    except ImportError:
        return None

    class Loader(yaml.SafeLoader):
        """Knows CloudFormation's short forms, and no dates: the version of a policy looks like one."""

    def short_form(loader: Any, name: str, node: Any) -> Any:
        if isinstance(node, yaml.ScalarNode):
            value = loader.construct_scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            value = loader.construct_sequence(node, deep=True)
        else:
            value = loader.construct_mapping(node, deep=True)
        return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}

    Loader.add_multi_constructor("!", short_form)
    Loader.add_constructor("tag:yaml.org,2002:timestamp", Loader.construct_yaml_str)
    try:
        return _with_text_keys(yaml.load(text, Loader))
    except yaml.YAMLError:
        return None


def _with_text_keys(part: Any) -> Any:
    """In YAML, the key of an account or of a port is a number."""
    if isinstance(part, Mapping):
        return {str(key): _with_text_keys(value) for key, value in part.items()}
    return [_with_text_keys(one) for one in part] if isinstance(part, list) else part


def mapping(part: Any) -> Mapping[str, Any]:
    """The part, or an empty one where a template has something else."""
    return part if isinstance(part, Mapping) else {}


def canonical(part: Any) -> str:
    """A text that is the same for documents that differ in form only. 1, 1.0, true and "1" are four values."""
    return json.dumps(part, sort_keys=True, default=str)


def looked_up(part: Any, mappings: Any, values: Mapping[str, str]) -> Any:
    """A part of a template with the values of its mappings. values: of the template's parameters."""
    if isinstance(part, list):
        return [looked_up(one, mappings, values) for one in part]
    if not isinstance(part, Mapping):
        return part
    known = {key: looked_up(value, mappings, values) for key, value in part.items()}
    attribute = known.get("Fn::GetAtt")
    if len(known) == 1 and isinstance(attribute, str):
        return {"Fn::GetAtt": attribute.split(".", 1)}
    if len(known) == 1 and "Fn::FindInMap" in known:
        return _found_in_map(known["Fn::FindInMap"], mappings, values)
    return known


def _found_in_map(keys: Any, mappings: Any, values: Mapping[str, str]) -> Any:
    """The value, or the function together with all mappings if the value is not known."""
    try:
        name, first, second = (resolved(key, values) for key in keys)
        return mappings[name][first][second]
    except (LookupError, TypeError, ValueError):
        return {"Fn::FindInMap": keys, "Mappings": mappings}


def resolved(node: Any, values: Mapping[str, str]) -> Any:
    """The value of a reference to a parameter; anything else as it is."""
    name = node.get("Ref") if isinstance(node, Mapping) else None
    return values.get(name, node) if isinstance(name, str) else node


def flavor(group: Mapping[str, Any]) -> Flavor:
    """Of the template with this group: the legacy one has a launch configuration, a modern one a launch template.

    A modern one may have a policy for mixed instances. group: its properties.
    """
    if "LaunchConfigurationName" in group:
        return "legacy"
    return "modern" if {"LaunchTemplate", "MixedInstancesPolicy"} & set(group) else ""


def alarm_names(template: Any, stack: str) -> tuple[str, ...]:
    """The names of the template's alarms that do not depend on more than the stack's name, sorted."""
    names = (
        mapping(mapping(resource).get("Properties")).get("AlarmName")
        for resource in mapping(parsed(template).get("Resources")).values()
        if mapping(resource).get("Type") == "AWS::CloudWatch::Alarm"
    )
    texts = (mapping(name).get("Fn::Sub", name) for name in names)
    known = (text.replace("${AWS::StackName}", stack) for text in texts if isinstance(text, str))
    return tuple(sorted(name for name in known if "${" not in name))


def launch(resources: Any) -> tuple[Mapping[str, Any], str]:
    """The properties with which instances are launched, and the resource's logical id. Empty without such a resource.

    resources: of a template.
    """
    for logical_id, resource in mapping(resources).items():
        if mapping(resource).get("Type") in LAUNCH_TYPES:
            properties = mapping(resource.get("Properties"))
            return mapping(properties.get("LaunchTemplateData", properties)), logical_id
    return {}, ""


def text(node: Any, values: Mapping[str, str]) -> str:
    """User data as a text. A function or a parameter without a value becomes a mark."""
    if isinstance(node, str):
        return node
    if isinstance(node, Mapping) and len(node) == 1:
        ((name, value),) = node.items()
        if name == "Ref" and isinstance(value, str):
            return values.get(value, _mark(value))
        if name == "Fn::Join" and isinstance(value, list) and len(value) == 2 and isinstance(value[1], list):
            return str(value[0]).join(text(one, values) for one in value[1])
        body, names = value if name == "Fn::Sub" and isinstance(value, list) and len(value) == 2 else (value, {})
        if name == "Fn::Sub" and isinstance(body, str):
            known = {**values, **{key: text(one, values) for key, one in mapping(names).items()}}
            return _SUBSTITUTED.sub(lambda found: _substituted(found[1], found[2], known), body)
    return _mark(node)


def _mark(node: Any) -> str:
    return f"\0{node if isinstance(node, str) else canonical(node)}\0"


def _substituted(escaped: str, name: str, values: Mapping[str, str]) -> str:
    return f"${{{name}}}" if escaped else values.get(name, _mark(name))


def user_data(launched: Mapping[str, Any], values: Mapping[str, str]) -> UserData | None:
    """The user data of instances that are launched with these properties. values: of the parameters.

    Parameters stay marks in the script and in the lines as they are written: their changes are changes of parameters.
    None without user data, and for some that a function other than Fn::Base64 makes.
    """
    node = launched.get("UserData")
    if not isinstance(node, Mapping) or set(node) != {"Fn::Base64"}:
        return None
    read = read_script(text(node["Fn::Base64"], values))
    script, written = _split(text(node["Fn::Base64"], {}))
    return read._replace(script=tuple(script), written=tuple(written))


def read_script(script: str) -> UserData:
    """The properties in a script of the legacy or the modern template, and the rest of it."""
    others, written = _split(script)
    properties, by_key = {}, {}
    for line in written:
        # The shell leaves a here-document alone whose delimiter is quoted.
        found = _PROPERTY.fullmatch(line if _QUOTED.search(script) else _ESCAPED.sub(r"\1", line))
        if found:
            key = _read_by_java(found[1])
            properties[key], by_key[key] = _read_by_java(found[2]), line
    return UserData(tuple(others), tuple(written), properties, by_key)


def _split(script: str) -> tuple[list[str], list[str]]:
    """The script without the lines of properties, and these. The properties that an instance sets belong to the script.

    No properties if no command writes them.
    """
    lines = script.split("\n")
    for start, line in enumerate(lines):
        found = _HERE_DOCUMENT.fullmatch(line)
        if found and found[2] in lines[start + 1 :]:
            end = lines.index(found[2], start + 1)
            body = lines[start + 1 : end]
            generated = [one for one in body if one in FROM_METADATA.values()]
            return [*lines[: start + 1], *generated, *lines[end:]], [one for one in body if one not in generated]
    return lines, []


def changed_lines(before: Sequence[str], after: Sequence[str]) -> int:
    """How many lines differ."""
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return sum(max(b - a, d - c) for tag, a, b, c, d in matcher.get_opcodes() if tag != "equal")


def _read_by_java(text: str) -> str:
    """What java.util.Properties makes of a key or a value."""
    units = _JAVA_ESCAPE.sub(
        lambda found: chr(int(found[1], 16)) if found[1] else _JAVA_CHARACTERS.get(found[2], found[2]), text
    )
    return units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
