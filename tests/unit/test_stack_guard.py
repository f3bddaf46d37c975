# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard rails of a stack: what a run does about them, by what the stack has."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan import Change
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.stack import guard
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.stack.guard import Current, Guard
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template import alarms
from hypothesis import given
from hypothesis import strategies as st

from tests.template_combinations import METRICS, cf, transactor

START = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:"
ACTIVE, STANDBY, ANY = (f"{START}orders-{end}" for end in guard.TRIGGERS.values())
THEIRS = f"{START}latency"
OTHER = json.dumps({"Statement": [{"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}]})
SAFE = Current(True, guard.POLICY, (ACTIVE, STANDBY))


def lines(found: Guard) -> list[tuple[str, str, str]]:
    (*changes,) = found.changes
    assert all((one.action, one.step, one.name, one.text) == ("update", "stack", "", "") for one in changes)
    return [(one.kind, one.attributes[0].before, one.attributes[0].after) for one in changes]


def plan(current: Current | None, *triggers: str, deletes: tuple[str, ...] = (), pending: bool = False) -> Guard:
    return guard.plan(current, triggers, deletes, pending=pending)


def test_a_guarded_stack_has_nothing_to_do() -> None:
    reordered = json.dumps(json.loads(guard.POLICY), indent=2, sort_keys=True)
    for current in (SAFE, dataclasses.replace(SAFE, policy=reordered, triggers=(STANDBY, ACTIVE))):
        assert plan(current, ACTIVE, STANDBY) == Guard(step={})


def test_what_a_stack_lacks_is_a_line_each() -> None:
    found = plan(Current(states={ACTIVE: "OK", STANDBY: "INSUFFICIENT_DATA"}), ACTIVE, STANDBY)
    assert lines(found) == [
        ("stack protection", "off", "on"),
        ("stack policy", "none", "LaunchGroup is neither replaced nor deleted"),
        ("stack rollback triggers", "none", "orders-no-active-transactor, orders-standby-missing"),
    ]
    assert found.step == {"protection": True, "policy": True, "triggers": [ACTIVE, STANDBY]}
    assert found.notes == ()


def test_a_new_stack_says_it_in_its_line() -> None:
    found = plan(None, ACTIVE, STANDBY, pending=True)
    assert found.changes == ()
    assert found.said == "guard rails: protection, policy, 2 rollback triggers"
    assert found.step == {"protection": True, "policy": True, "triggers": [ACTIVE, STANDBY]}


def test_the_policy_is_lifted_for_a_planned_replacement_only() -> None:
    found = plan(SAFE, ACTIVE, STANDBY, deletes=("LaunchGroup", "Dashboard"), pending=True)
    assert (found.said, found.step) == ("stack policy lifted for this update", {"policy_lifted": True})
    assert plan(SAFE, ACTIVE, STANDBY, deletes=("Dashboard",), pending=True).step == {}
    # Without a policy there is nothing to lift; the user's own policy is not touched.
    assert "policy_lifted" not in plan(Current(), deletes=("LaunchGroup",), pending=True).step
    theirs = plan(dataclasses.replace(SAFE, policy=OTHER), ACTIVE, STANDBY, deletes=("LaunchGroup",), pending=True)
    assert theirs.step == {}
    assert theirs.notes[0] == ("stack", "its policy is not this collection's, and stays as it is")


def test_an_alarm_that_is_going_off_is_a_note_and_no_change() -> None:
    bad = dataclasses.replace(SAFE, states={ACTIVE: "OK", STANDBY: "ALARM"})
    found = plan(bad, ACTIVE, STANDBY, pending=True)
    assert (found.changes, found.step) == ((), {})
    assert found.notes == (
        ("stack", "rollback triggers that are lifted for this update: the alarm orders-standby-missing is in ALARM"),
    )
    found = plan(dataclasses.replace(bad, triggers=(ACTIVE,)), ACTIVE, STANDBY)
    assert (found.changes, found.step) == ((), {}), "a run could not set it"
    assert found.notes == (
        ("stack", "rollback triggers that are set later: the alarm orders-standby-missing is in ALARM"),
    )
    missing = plan(dataclasses.replace(SAFE, triggers=(), states={}), ACTIVE)
    assert missing.changes == ()
    assert "the alarm orders-no-active-transactor does not exist" in missing.notes[0][1]
    created = plan(dataclasses.replace(SAFE, triggers=(), states={}), ACTIVE, pending=True)
    assert created.step == {"triggers": [ACTIVE]}, "by the update"


def test_triggers_of_alarms_that_the_stack_loses_go() -> None:
    found = plan(dataclasses.replace(SAFE, states={ACTIVE: "OK", STANDBY: "ALARM"}), ACTIVE, pending=True)
    assert found.step == {"triggers": [ACTIVE]}


@pytest.mark.parametrize("size", ["1", "2"])
def test_the_triggers_of_a_template(size: str) -> None:
    files = transactor(**{key.replace("-", "_"): value for key, value in METRICS.items()}), cf()
    made = alarms.alarms(*files)
    assert {name: made[name].title for name in guard.TRIGGERS} == dict(guard.TRIGGERS)
    template: dict[str, Any] = {
        "Parameters": {"GroupSize": {"Type": "Number", "Default": size}},
        "Resources": {name: {"Condition": one.condition} if one.condition else {} for name, one in made.items()},
    }
    expected = (ACTIVE, STANDBY, ANY) if size == "2" else (ACTIVE, ANY)
    assert guard.triggers(template, START, "orders") == expected
    assert guard.triggers(template, START, "orders", [STANDBY, THEIRS]) == (THEIRS, *expected)
    many = [f"{THEIRS}{number}" for number in range(4)]
    assert guard.triggers(template, START, "orders", many) == (*many, ACTIVE)
    assert guard.triggers({}, START, "orders", [ACTIVE]) == ()


@given(
    current=st.builds(
        Current,
        protection=st.booleans(),
        policy=st.sampled_from(["", guard.POLICY, OTHER, "no JSON"]),
        triggers=st.lists(st.sampled_from([ACTIVE, STANDBY, THEIRS]), unique=True).map(tuple),
        states=st.dictionaries(
            st.sampled_from([ACTIVE, STANDBY, THEIRS]), st.sampled_from(["OK", "ALARM", "INSUFFICIENT_DATA"])
        ),
    ),
    wanted=st.lists(st.sampled_from([ACTIVE, STANDBY]), unique=True),
)
def test_after_a_run_there_is_nothing_to_do(current: Current, wanted: list[str]) -> None:
    """Whatever the alarms' states are, as long as they stay."""
    desired = [*(one for one in current.triggers if one == THEIRS), *wanted]
    step = guard.plan(current, desired, (), pending=False).step
    after = dataclasses.replace(
        current,
        protection=current.protection or step.get("protection", False),
        policy=guard.POLICY if step.get("policy") else current.policy,
        triggers=tuple(step.get("triggers", current.triggers)),
    )
    changes: tuple[Change, ...] = guard.plan(after, desired, (), pending=False).changes
    assert changes == ()
    assert after.protection
    assert after.policy
