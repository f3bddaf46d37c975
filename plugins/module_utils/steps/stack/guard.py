# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard rails of a stack: termination protection, stack policy and rollback triggers. Pure.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-protect-stacks.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-rollback-triggers.html
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...plan import Attribute, Change
from . import changes, document

_ALLOW = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}
_DENY = {
    "Effect": "Deny",
    "Action": ["Update:Replace", "Update:Delete"],
    "Principal": "*",
    "Resource": f"LogicalResourceId/{document.LAUNCH_GROUP}",
}
POLICY = json.dumps({"Statement": [_ALLOW, _DENY]})
LIFTED = json.dumps({"Statement": [_ALLOW]})
PROTECTS = f"{document.LAUNCH_GROUP} is neither replaced nor deleted"
TRIGGERS = {"NoActive": "no-active-transactor", "NoStandby": "standby-missing", "AnyAlarm": "alarm"}
"""The alarms that an update can set off: to the ends of their names. Others follow the load."""
MOST_TRIGGERS = 5
"""https://github.com/aws/aws-cdk-cli/pull/1881"""
ALARM = ":alarm:"
OFF: Mapping[str, Any] = {"lift": False}
"""The step of a stack without guard rails."""


@dataclasses.dataclass(frozen=True)
class Current:
    """What a stack has. policy: JSON, empty without one. triggers: ARNs of alarms. states: of alarms, by ARN.

    states has no alarm that does not exist. It may be empty if the triggers and the stack stay as they are.
    """

    protection: bool = False
    policy: str = ""
    triggers: tuple[str, ...] = ()
    states: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Guard:
    """What a run does about the guard rails.

    changes: of an existing stack. said: about the stack's own change. step: the option guard of update_stack.
    """

    changes: tuple[Change, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    said: str = ""
    step: Mapping[str, Any] = dataclasses.field(default_factory=lambda: OFF)

    def said_by(self, change: Change) -> Change:
        return dataclasses.replace(change, text=f"{change.text}; {self.said}") if self.said else change


def plan(current: Current | None, triggers: Sequence[str], deletes: Sequence[str], *, pending: bool) -> Guard:
    """The changes. current: None for a stack that is created. triggers: of triggers(). pending: of the stack's update.

    deletes: the logical ids of resources that the update removes or replaces.
    """
    if current is None:
        watched = f", {len(triggers)} rollback triggers" if triggers else ""
        said = f"guard rails: protection, policy{watched}"
        return Guard(said=said, step={"protection": True, "policy": True, "triggers": list(triggers)})
    found: list[Change] = []
    step: dict[str, Any] = {}
    notes: list[str] = []
    if not current.protection:
        step["protection"] = True
        found.append(_change("protection", "off", "on"))
    lifts = document.LAUNCH_GROUP in deletes and is_ours(current.policy)
    if lifts:
        step["policy_lifted"] = True
    if not current.policy:
        step["policy"] = True
        found.append(_change("policy", "none", PROTECTS))
    elif not is_ours(current.policy):
        notes.append("its policy is not this collection's, and stays as it is")
    # An alarm that does not exist may be one that the update creates.
    unknown = "OK" if pending else "ALARM"
    possible = [one for one in triggers if one in current.triggers or current.states.get(one, unknown) != "ALARM"]
    if set(possible) != set(current.triggers):
        step["triggers"] = possible
        found.append(_change("rollback triggers", shown(current.triggers), shown(possible)))
    if waiting := [one for one in triggers if one not in possible]:
        notes.append(f"rollback triggers that are set later: {unusable(waiting, current.states)}")
    if pending and (lifted := unusable(current.triggers, current.states)):
        notes.append(f"rollback triggers that are lifted for this update: {lifted}")
    said = "stack policy lifted for this update" if lifts else ""
    return Guard(tuple(found), tuple(("stack", note) for note in notes), said, step)


def _change(name: str, before: str, after: str) -> Change:
    return Change("update", f"stack {name}", "", "stack", attributes=(Attribute("", before, after),))


def is_ours(policy: str) -> bool:
    """Whether the stack policy is this collection's. policy: JSON, empty without one."""
    try:
        return document.canonical(json.loads(policy or "null")) == document.canonical(json.loads(POLICY))
    except ValueError:
        return False


def triggers(template: Mapping[str, Any], arn: str, stack: str, current: Iterable[str] = ()) -> tuple[str, ...]:
    """The ARNs of the alarms that a stack with this template gets as triggers, with the user's among the current ones.

    arn: the start of the ARNs of alarms, up to ALARM.
    """
    known = {f"{arn}{stack}-{end}" for end in TRIGGERS.values()}
    ours = (f"{arn}{stack}-{TRIGGERS[name]}" for name in _alarms(template))
    return (*(one for one in current if one not in known), *ours)[:MOST_TRIGGERS]


def _alarms(template: Mapping[str, Any]) -> Iterator[str]:
    """The logical ids of TRIGGERS that the stack has. The one condition is a group of several transactors."""
    resources = template.get("Resources", {})
    several = changes.defaults(template).get("GroupSize") != "1"
    return (name for name in TRIGGERS if name in resources and (several or "Condition" not in resources[name]))


def usable(triggers: Iterable[str], states: Mapping[str, str]) -> list[str]:
    """Those with which an update is not rolled back at once."""
    return [one for one in triggers if states.get(one, "ALARM") != "ALARM"]


def unusable(triggers: Iterable[str], states: Mapping[str, str]) -> str:
    """The others, with the reason."""
    found = [one for one in triggers if states.get(one, "ALARM") == "ALARM"]
    reasons = ("is in ALARM" if one in states else "does not exist" for one in found)
    return ", ".join(f"the alarm {shown([one])} {reason}" for one, reason in zip(found, reasons, strict=True))


def shown(triggers: Iterable[str]) -> str:
    """The names of the alarms."""
    return ", ".join(one.partition(ALARM)[2] for one in triggers) or "none"
