# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets as SecureString parameters of Systems Manager: the plan for them. Pure."""

from __future__ import annotations

import dataclasses
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..actions import Action, Actions
from ..errors import Finding
from ..properties.file import MASK

PATH = re.compile(r"/(?!aws|ssm)[\w.-]+(/[\w.-]+)*", re.ASCII)
KEY = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
LARGEST = 4096
"""Bytes of a standard parameter."""


@dataclasses.dataclass(frozen=True)
class Desired:
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
    """A current parameter. kms_key_id: as given when it was created; empty when not read."""

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


def check(desired: Desired) -> Iterator[Finding]:
    """What Systems Manager, or the shell of the instance that reads the secrets, refuses. Never shows a value."""
    if not PATH.fullmatch(desired.path):
        what = f"{desired.path!r} is no path of the Parameter Store"
        yield Finding("secret-path", what, key="path", suggestion="such as /datomic/orders")
    for key, value in desired.values.items():
        if not KEY.fullmatch(key):
            yield Finding("secret-key", "is no name of a property", key=key, suggestion="such as memcached-password")
        if not value:
            yield Finding("secret-value", "has no value", key=key, suggestion="leave the key out, or give it a value")
        if len(value.encode()) > LARGEST:
            yield Finding("secret-value", f"has more than {LARGEST} bytes", key=key)
        if value.endswith("\n") or "\0" in value:
            what = "ends in a line break or holds a NUL, which would be lost"
            yield Finding("secret-value", what, key=key, suggestion="strip it, for example with the filter trim")


def plan(desired: Desired, current: Mapping[str, Parameter]) -> Actions:
    """Create missing parameters and update different ones. current: by the parameter's name."""
    actions = []
    for key, value in sorted(desired.values.items()):
        name, kms_key = desired.name(key), desired.kms_key_id
        found = current.get(name)
        if found is None:
            after = _shown(kms_key_id=kms_key, tags=dict(desired.tags))
            params = PutParameter(value, kms_key, desired.tags)
            actions.append(Action("ssm", "parameter", name, "create", after=after, params=params))
        elif found.value != value or found.type != "SecureString" or kms_key not in ("", found.kms_key_id):
            before = _shown(type=found.type, version=found.version, kms_key_id=found.kms_key_id)
            after = _shown(version=found.version + 1, kms_key_id=kms_key)
            params = PutParameter(value, kms_key, overwrite=True)
            actions.append(Action("ssm", "parameter", name, "update", before, after, params))
    return Actions(tuple(actions))


def _shown(**fields: Any) -> dict[str, Any]:
    shown = {"type": "SecureString", "value": MASK, **fields}
    return {field: value for field, value in shown.items() if value}


def versions(desired: Desired, current: Mapping[str, Parameter], plan: Actions) -> dict[str, int]:
    """By property, the version of its parameter after the plan: PutParameter counts from 1.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html
    """
    found = {name: parameter.version for name, parameter in current.items()}
    found |= {action.name: action.after.get("version", 1) for action in plan.actions}
    return {key: found[desired.name(key)] for key in sorted(desired.values)}
