# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions of a step as changes of the plan: one for each resource that a person knows. Pure."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..actions import Action, Decision
from ..plan import Attribute, Change, Step
from ..properties import keys
from ..properties.file import Properties
from .security_group import AuthorizeIngress, RevokeIngress

OWNERS: Mapping[str, str] = {
    "table": "dynamodb table",
    "continuous_backups": "dynamodb table",
    "scalable_target": "dynamodb table",
    "scaling_policy": "dynamodb table",
    "role": "iam role",
    "instance_profile": "iam role",
    "role_policy": "iam role",
    "user": "iam user",
    "user_policy": "iam user",
    "access_key": "iam user",
    "security_group": "security group",
    "security_group_ingress": "security group",
    "parameter": "secret",
}
"""The kind of the change by the resource of the action. All others are settings of the log bucket."""
BASES = ("table", "role", "user", "bucket", "security_group", "parameter")
LONGEST_TEXT = 60
"""Characters of a value on the line. Longer ones are shown by --diff."""


def of_actions(actions: Iterable[Action], step: Step) -> tuple[Change, ...]:
    """One change for each table, role, user, bucket, security group and secret."""
    by_owner: dict[tuple[str, str], list[Action]] = {}
    for action in actions:
        kind = OWNERS.get(action.resource, "s3 bucket")
        name = action.name.partition("/")[0] if kind != "secret" else action.name
        by_owner.setdefault((kind, name), []).append(action)
    return tuple(_of_owner(kind, name, group, step) for (kind, name), group in by_owner.items())


def _of_owner(kind: str, name: str, actions: list[Action], step: Step) -> Change:
    (base, *_others) = [*(one for one in actions if one.resource in BASES), actions[0]]
    is_new = base.resource in BASES and base.change == "create"
    attributes = [attribute for action in actions for attribute in _attributes(action)]
    if is_new:  # what it has in the end: a bucket is marked as unfinished in between
        last = {one.name: one for one in attributes}
        attributes = [one for one in last.values() if one.after and one.name != "exists"]
    said = [_setting(action) if is_new else _text(action) for action in actions if not (is_new and action is base)]
    text = ", ".join(dict.fromkeys(text for text in said if text))
    deletes = tuple(name for action in actions if action.change == "delete" for name in _deleted(action))
    return Change("create" if is_new else "update", kind, name, step, text, tuple(attributes), deletes)


def _deleted(action: Action) -> tuple[str, ...]:
    if isinstance(action.params, RevokeIngress):
        return tuple(str(rule) for rule in action.params.rules)
    return (_name(action),)


def _setting(action: Action) -> str:
    """What the action adds to a new resource. Tags of a bucket come and go until it is complete."""
    if action.change != "update":
        return _text(action)
    return "" if action.resource == "tags" else _name(action)


def _name(action: Action) -> str:
    what = action.resource.removeprefix("role_").removeprefix("user_").replace("_", " ")
    return " ".join(part for part in (what, action.name.partition("/")[2]) if part)


def _text(action: Action) -> str:
    """What the action says on the line of its resource."""
    if isinstance(action.params, (AuthorizeIngress, RevokeIngress)):
        verb = "admits" if isinstance(action.params, AuthorizeIngress) else "no longer admits"
        return f"{verb} {'; '.join(str(rule) for rule in action.params.rules)}"
    if action.resource == "parameter":
        return f"version {action.after.get('version', 1)}"
    named = _name(action)
    if action.change == "create":
        return named
    if action.change == "delete":
        return f"{named} deleted"
    changed = _attributes(action)
    if len(changed) <= 3 and all(len(one.before) + len(one.after) <= LONGEST_TEXT for one in changed):
        return ", ".join(f"{one.name} {one.before or 'none'} -> {one.after or 'none'}" for one in changed)
    return f"{named} changes"


def _attributes(action: Action) -> list[Attribute]:
    """The values that differ."""
    # A role has several policies.
    policy = _name(action) if action.resource in ("role_policy", "user_policy") else "policy"
    before, after = (
        {name.replace("policy", policy, 1): value for name, value in _leaves(side)}
        for side in (action.before, action.after)
    )
    return [
        Attribute(name, before.get(name, ""), after.get(name, ""))
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]


def _leaves(node: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for key, value in node.items():
        name = f"{path} {key}".strip().replace("_", " ")
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, name)
        else:
            yield name.replace("point in time recovery", "point-in-time recovery"), _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def of_file(file: Properties, after: Properties, decision: Decision, step: Step, directory: str) -> tuple[Change, ...]:
    """The values that the step writes into its file. after: the file's next content, with secrets masked."""
    if not decision.keys:
        return ()
    path = os.path.relpath(file.path, directory)
    masked = keys.masked(after)
    attributes = tuple(
        Attribute(key, "", masked.get(key, ""), path, after.entries[key].line if key in after else 0)
        for key in decision.keys
    )
    text = f"generated {', '.join(one.name for one in attributes)}"
    return (Change("update", "file", path, step, text, attributes),)


def listed(name: str, texts: Iterable[str]) -> tuple[Attribute, ...]:
    """Attributes that only have an order, such as the steps of a replacement."""
    return tuple(Attribute(f"{name} {number}", "", text) for number, text in enumerate(texts, 1))
