# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions of one step: the one source of `changed`, the diff, the returned actions and the calls of AWS."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar

from .errors import Finding
from .plan import ChangeAction

GENERATED = "<generated>"
"""In check mode, the random part of a name that only the real run makes."""


@dataclasses.dataclass(frozen=True)
class Action:
    """One change of one resource.

    service: the AWS service's prefix in IAM ("dynamodb", "iam", "s3", "ec2").
    resource: its kind there in snake_case ("table", "role", "instance_profile", "role_policy").
    name: what the user calls it; "role/policy" for a policy inside a role.
    before, after: the resource as the diff shows it, empty where it does not exist.
    params: what the call of AWS needs in addition to the name, a dataclass of its own for each kind of call.
    """

    service: str
    resource: str
    name: str
    change: ChangeAction
    before: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    after: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    params: Any = None

    def as_returned(self) -> dict[str, str]:
        """The action as a module returns it."""
        return {"service": self.service, "resource": self.resource, "name": self.name, "change": self.change}


def shown(params: Any) -> dict[str, Any]:
    """The fields of params that have a value, for an action's `after`."""
    return {name: value for name, value in dataclasses.asdict(params).items() if value or value is False}


P = TypeVar("P")


class Executors:
    """The functions that call AWS, by the type of the params that they take."""

    def __init__(self) -> None:
        self._by_type: dict[type, Callable[[str, Any], None]] = {}

    def add(self, kind: type[P], execute: Callable[[str, P], None]) -> Executors:
        """execute: gets the action's name and its params."""
        self._by_type[kind] = execute
        return self

    def update(self, others: Executors) -> None:
        self._by_type |= others._by_type

    def __call__(self, action: Action) -> None:
        self._by_type[type(action.params)](action.name, action.params)


@dataclasses.dataclass(frozen=True)
class Actions:
    """The actions, in the order of their execution."""

    actions: tuple[Action, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.actions)

    def as_returned(self) -> list[dict[str, str]]:
        return [action.as_returned() for action in self.actions]

    def diff(self) -> list[dict[str, str]]:
        """The part of Ansible's diff about AWS: one entry for all resources, none without changes."""
        if not self.actions:
            return []
        return [
            {
                "before_header": "AWS resources",
                "after_header": "AWS resources",
                "before": _shown(self.actions, "before"),
                "after": _shown(self.actions, "after"),
            }
        ]

    def apply(self, execute: Callable[[Action], None]) -> None:
        """Execute every action, in order. execute: Executors."""
        for action in self.actions:
            execute(action)


@dataclasses.dataclass(frozen=True)
class Decision:
    """A plan with the file's new values.

    values: written before the first action. late: keys whose values come out of an action, which saves them itself (an
    access key's secret exists in one answer only). findings: errors forbid the decision, warnings are for the user.
    """

    values: Mapping[str, str] = dataclasses.field(default_factory=dict)
    plan: Actions = dataclasses.field(default_factory=Actions)
    late: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that get a value, those of late last."""
        return (*self.values, *self.late)


def _shown(actions: Iterable[Action], side: Literal["before", "after"]) -> str:
    """One JSON document of the side's states by "service resource name", with every key sorted."""
    states: dict[str, Any] = {}
    for action in actions:
        state = getattr(action, side)
        if state:
            states.setdefault(f"{action.service} {action.resource} {action.name}", {}).update(state)
    return json.dumps(states, indent=2, sort_keys=True, default=str) + "\n" if states else ""
