# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets as SecureString parameters of Systems Manager, pure: from values and what is there to a plan."""

from __future__ import annotations

import dataclasses
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import Finding
from ..plan import Action, Plan
from ..properties.file import MASK

PATH = re.compile(r"/(?!aws|ssm)[\w.-]+(/[\w.-]+)*", re.ASCII)
KEY = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
LARGEST = 4096
"""Bytes of a standard parameter."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """path: of all of the system's secrets. values: by property. kms_key_id: empty for the account's aws/ssm."""

    path: str
    values: Mapping[str, str] = dataclasses.field(repr=False)
    kms_key_id: str = ""
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def name(self, key: str) -> str:
        """The parameter's name."""
        return posixpath.join(self.path, key)


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One that is there. kms_key_id: as it was given when it was made; empty when nobody asked."""

    value: str = dataclasses.field(repr=False)
    type: str = "SecureString"
    version: int = 1
    kms_key_id: str = ""


@dataclasses.dataclass(frozen=True)
class PutParameter:
    """kms_key_id: empty for the account's aws/ssm. overwrite: the parameter exists."""

    value: str = dataclasses.field(repr=False)
    kms_key_id: str = ""
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    overwrite: bool = False


def check(wanted: Wanted) -> list[Finding]:
    """What Systems Manager, or the instance's shell that reads them, would not take. Never shows a value."""
    return list(_findings(wanted))


def _findings(wanted: Wanted) -> Iterator[Finding]:
    if not PATH.fullmatch(wanted.path):
        yield Finding(
            "secret-path",
            f"{wanted.path!r} is no path of the Parameter Store",
            key="path",
            suggestion="such as /datomic/orders",
        )
    for key, value in wanted.values.items():
        if not KEY.fullmatch(key):
            yield Finding("secret-key", "is no name of a property", key=key, suggestion="such as memcached-password")
        if not value:
            yield Finding("secret-value", "has no value", key=key, suggestion="leave the key out, or give it a value")
        if len(value.encode()) > LARGEST:
            yield Finding("secret-value", f"has more than {LARGEST} bytes", key=key)
        if value.endswith("\n") or "\0" in value:
            instead = "strip it, for example with the filter trim"
            yield Finding(
                "secret-value", "ends in a line break or holds a NUL, which would be lost", key=key, suggestion=instead
            )


def plan(wanted: Wanted, observed: Mapping[str, Parameter]) -> Plan:
    """Create what is missing, update what differs; nothing is ever deleted. observed: by the parameter's name."""
    actions = []
    for key, value in sorted(wanted.values.items()):
        name = wanted.name(key)
        found = observed.get(name)
        if found is None:
            after = _shown(kms_key_id=wanted.kms_key_id, tags=dict(wanted.tags))
            params = PutParameter(value, wanted.kms_key_id, wanted.tags)
            actions.append(Action("ssm", "parameter", name, "create", after=after, params=params))
        elif _differs(wanted, key, found):
            before = _shown(type=found.type, version=found.version, kms_key_id=found.kms_key_id)
            after = _shown(version=found.version + 1, kms_key_id=wanted.kms_key_id)
            params = PutParameter(value, wanted.kms_key_id, overwrite=True)
            actions.append(Action("ssm", "parameter", name, "update", before, after, params))
    return Plan(tuple(actions))


def _shown(**fields: Any) -> dict[str, Any]:
    shown = {"type": "SecureString", "value": MASK, **fields}
    return {field: value for field, value in shown.items() if value}


def versions(wanted: Wanted, observed: Mapping[str, Parameter], plan: Plan) -> dict[str, int]:
    """By property, the version that its parameter has once the plan is done: PutParameter counts from 1.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html
    """
    found = {name: parameter.version for name, parameter in observed.items()}
    done = {action.name: action.after.get("version", 1) for action in plan.actions}
    names = {key: wanted.name(key) for key in sorted(wanted.values)}
    return {key: {**found, **done}[name] for key, name in names.items()}


def _differs(wanted: Wanted, key: str, found: Parameter) -> bool:
    other_key = bool(wanted.kms_key_id) and wanted.kms_key_id != found.kms_key_id
    return found.value != wanted.values[key] or found.type != "SecureString" or other_key
