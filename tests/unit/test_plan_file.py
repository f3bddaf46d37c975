# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans as files: what is written is read back; everything else is one clear error."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import stat
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils import plan_file
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError, Finding, RuleName
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan import Attribute, Change, Plan, Replacement
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.plans import INDEX, PLAN, PLANS, STACK, TABLE, TYPE, WARNING

PROFILE = settings(
    max_examples=80, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
replace = dataclasses.replace
REPLACEMENT = [field.name for field in dataclasses.fields(Replacement)]


def refusal(function: Callable[..., object], *args: object) -> str:
    with pytest.raises(DatomicError) as caught:
        function(*args)
    return str(caught.value)


@PROFILE
@given(plan=PLANS)
def test_a_written_plan_reads_back_as_it_was(tmp_path: pathlib.Path, plan: Plan) -> None:
    path = tmp_path / "plan.json"
    path.unlink(missing_ok=True)
    plan_file.write(str(path), plan)
    assert plan_file.read(str(path)) == plan
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    plan_file.require_approval(str(path), plan)


# Writing


def test_a_newer_plan_of_the_system_replaces_the_older_one_and_closes_its_mode(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({**PLAN.as_returned(), "version": 7}))
    path.chmod(0o644)
    plan_file.write(str(path), PLAN)
    assert plan_file.read(str(path)) == PLAN
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_empty_file_is_replaced(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "plan.json"
    path.touch()
    plan_file.write(str(path), PLAN)
    assert plan_file.read(str(path)) == PLAN


def test_another_system_keeps_its_plan(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "plan.json"
    plan_file.write(str(path), PLAN)
    before = path.read_bytes()
    assert refusal(plan_file.write, str(path), replace(PLAN, system="payments")) == (
        f"Could not write the plan of payments to {path}: the file has the plan of orders. Put datomic_stack_name into "
        "datomic_plan_file, so that each system has a file, or remove the file."
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"aws-region=us-east-1\n", b"{}", b"[]", b"\xff", b"[" * 200_000])
def test_a_file_that_is_no_plan_is_kept(tmp_path: pathlib.Path, content: bytes) -> None:
    path = tmp_path / "orders-cf.properties"
    path.write_bytes(content)
    assert refusal(plan_file.write, str(path), PLAN) == (
        f"Could not write the plan of orders to {path}: the file is not a plan. Correct datomic_plan_file, "
        "or remove the file."
    )
    assert path.read_bytes() == content


def test_a_plan_needs_a_directory_and_a_place_in_it(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "plans" / "orders.json"
    assert refusal(plan_file.write, str(path), PLAN) == (
        f"Could not write the plan of orders to {path}: the directory {path.parent} does not exist. "
        "Create it, or correct datomic_plan_file."
    )
    for other in (str(tmp_path), os.devnull):
        assert refusal(plan_file.write, other, PLAN) == (
            f"Could not write the plan of orders to {other}: it is not a regular file. Correct datomic_plan_file."
        )


# Reading

REPLACE_IT = " Make a new plan with datomic_plan_file, and have it approved. Nothing was changed."


def edited(change: Callable[[dict[str, Any]], object], plan: Plan = PLAN) -> str:
    content = plan.as_returned()
    change(content)
    return json.dumps(content)


def test_an_approved_plan_has_to_be_a_file_that_can_be_read(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "plan.json"
    assert refusal(plan_file.read, str(path)) == (
        f"Could not read the approved plan {path}: No such file or directory. Correct datomic_approved_plan. "
        "Nothing was changed."
    )
    for other in (str(tmp_path), os.devnull):
        assert "it is not a regular file. Correct datomic_approved_plan." in refusal(plan_file.read, other)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is not JSON (Expecting value: line 1 column 1 (char 0))."),
        ("aws-region=us-east-1", "is not JSON (Expecting value: line 1 column 1 (char 0))."),
        ("[" * 200_000, "is not JSON (it is nested too deeply)."),
        ('{"version": NaN}', "is not JSON (NaN is no number of JSON)."),
        ('{"version": 1, "version": 1}', "is not JSON (version occurs twice)."),
        ("[]", "is not a plan: it has to be an object."),
        ("{}", "is not a plan: version is missing."),
        ('{"version": "1"}', "is not a plan: version has to be an integer."),
        ('{"version": true}', "is not a plan: version has to be an integer."),
        ('{"version": 2}', "has version 2 of the format, and this release of the collection reads version 1."),
        (edited(lambda one: one.pop("region")), "is not a plan: region is missing."),
        (edited(lambda one: one.pop("digest")), "is not a plan: digest is missing."),
        (edited(lambda one: one.update(colour="red")), "is not a plan: colour is unknown."),
        (edited(lambda one: one.update(account=123)), "is not a plan: account has to be a string."),
        (edited(lambda one: one.update(changes={})), "is not a plan: changes has to be a list."),
        (edited(lambda one: one["changes"].append(1)), "is not a plan: changes[4] has to be an object."),
        (edited(lambda one: one["changes"][1].pop("step")), "is not a plan: changes[1].step is missing."),
        (
            edited(lambda one: one["changes"][1].update(action="explode")),
            "is not a plan: changes[1].action has to be create, update, delete or replace.",
        ),
        (
            edited(lambda one: one["changes"][0]["attributes"][0].update(line="54")),
            "is not a plan: changes[0].attributes[0].line has to be an integer.",
        ),
        (edited(lambda one: one["now"].update(active="1")), "is not a plan: now.active has to be an integer or null."),
        (edited(lambda one: one["transactors"].update(outage_seconds=None)), "outage_seconds has to be a number."),
        (edited(lambda one: one["transactors"].update(replace=[1])), "transactors.replace[0] has to be a string."),
        (edited(lambda one: one["outputs"].update(x=1)), "is not a plan: outputs.x has to be a string."),
        (edited(lambda one: one["notes"].append(["git", "x"])), "is not a plan: notes[1] has to be an object."),
        (
            edited(lambda one: one["changes"].pop()),
            "does not match its digest: it was edited after it was made.",
        ),
        (
            edited(lambda one: one["summary"].update(delete=3)),
            "does not match its summary: it was edited after it was made.",
        ),
    ],
)
def test_a_file_that_is_not_an_approved_plan_is_one_clear_error(
    tmp_path: pathlib.Path, content: str, problem: str
) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content)
    text = refusal(plan_file.read, str(path))
    assert text.startswith(f"The approved plan {path} ")
    assert text.endswith(problem + REPLACE_IT)
    assert "\n" not in text


def test_bytes_and_size(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(b"\xff\xfe{}")
    assert refusal(plan_file.read, str(path)) == f"The approved plan {path} is not UTF-8.{REPLACE_IT}"
    with path.open("wb") as file:
        file.truncate(plan_file.MAX_BYTES + 1)
    assert refusal(plan_file.read, str(path)) == f"The approved plan {path} has more than 4 MiB.{REPLACE_IT}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def vandalized(draw: st.DrawFn) -> dict[str, Any]:
    """A plan's JSON in which one value, at any depth, is another one, missing or new."""
    content = json.loads(json.dumps(draw(PLANS).as_returned()))
    node: Any = content
    while True:
        key = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        below = node[key]
        if not isinstance(below, dict | list) or not below or draw(st.booleans()):
            break
        node = below
    if draw(st.booleans()):
        node[key] = draw(JSON)
    else:
        del node[key]
    return dict(content)


@PROFILE
@given(content=vandalized())
def test_any_content_reads_as_itself_or_is_refused(tmp_path: pathlib.Path, content: dict[str, Any]) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(content))
    try:
        plan = plan_file.read(str(path))
    except DatomicError as error:
        assert "Nothing was changed." in str(error)  # noqa: PT017
    else:
        assert json.loads(json.dumps(plan.as_returned())) == content


# Comparing


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("system", "payments", "system"),
        ("stack", "orders-2", "stack"),
        ("account", "210987654321", "account"),
        ("region", "eu-west-1", "region"),
    ],
)
def test_a_plan_of_another_place_is_refused(tmp_path: pathlib.Path, field: str, value: str, name: str) -> None:
    path = str(tmp_path / "plan.json")
    plan_file.write(path, replace(PLAN, **{field: value}))
    assert refusal(plan_file.require_approval, path, PLAN) == (
        f"The approved plan {path} is for the {name} {value}, and this run is for the {name} {getattr(PLAN, field)}. "
        "Correct datomic_approved_plan. Nothing was changed."
    )


def test_what_may_be_different_a_minute_later_is_no_difference() -> None:
    later = replace(
        PLAN, now=replace(PLAN.now, active=None), notes=(), findings=(replace(WARNING, message="3 days old"),)
    )
    assert plan_file.differences(PLAN, later) == []


def test_what_depends_on_the_clone_is_no_difference() -> None:
    """A check with edits that are not committed is approved; the job that applies it runs in another clone."""
    registers = Change("update", "git", "", "git", "2 files, 2 commits on main, not pushed")
    ci = Finding("git-detached", "a run would be refused: HEAD is detached", "warning", "/builds/estate")
    checked = replace(PLAN, changes=(*PLAN.changes, registers), findings=(*PLAN.findings, ci))
    assert plan_file.differences(checked, PLAN) == plan_file.differences(PLAN, checked) == []
    assert checked.digest == PLAN.digest


@pytest.mark.parametrize(
    ("made", "lines"),
    [
        (
            {"changes": (INDEX, TABLE, STACK)},
            ["approved, but not in this plan: aws-instance-type c7g.large -> c7g.xlarge"],
        ),
        (
            {"changes": (*PLAN.changes, replace(TABLE, name="old", action="delete", text="", attributes=()))},
            ["not approved: delete dynamodb table old"],
        ),
        (
            {"changes": (replace(INDEX, attributes=(Attribute("value", "256m", "1g", "a", 7),)), *PLAN.changes[1:])},
            ["memory-index-max: 256m -> 512m was approved, this plan has 256m -> 1g"],
        ),
        (
            {"changes": (*PLAN.changes[:3], replace(STACK, text="LaunchGroup (replaced)"))},
            [
                "stack orders: LaunchTemplate (new version), LaunchGroup (in place) was approved, "
                "this plan has LaunchGroup (replaced)"
            ],
        ),
        (
            {"changes": (INDEX, TYPE, replace(TABLE, attributes=(Attribute("read", "", "9"),)), STACK)},
            [
                "dynamodb table orders: point_in_time_recovery false -> true was approved, "
                "this plan has read (none) -> 9"
            ],
        ),
        (
            {"changes": (*PLAN.changes[:3], replace(STACK, deletes=("LaunchGroup",)))},
            ["stack orders: deletes nothing was approved, this plan has deletes LaunchGroup"],
        ),
        (
            {"transactors": replace(PLAN.transactors, end=("i-3",), failover_seconds=31.5)},
            [
                "transactors that end: none was approved, this plan has 1 (i-3)",
                "longest failover: 16 s was approved, this plan has 31.5 s",
            ],
        ),
        (
            {"changes": (INDEX, replace(TYPE, action="replace"), TABLE, STACK)},
            ["aws-instance-type: update was approved, this plan has replace"],
        ),
        (
            {
                "changes": (
                    replace(INDEX, attributes=(replace(INDEX.attributes[0], line=60),)),
                    *PLAN.changes[1:],
                )
            },
            [
                "memory-index-max: aws/orders-transactor.properties:54 was approved, "
                "this plan has aws/orders-transactor.properties:60"
            ],
        ),
        (
            {"transactors": replace(PLAN.transactors, replace=("i-2", "i-3"))},
            ["transactors to replace: 2 (i-1, i-2) was approved, this plan has 2 (i-2, i-3)"],
        ),
        (
            {"transactors": replace(PLAN.transactors, replace=(), outage_seconds=0.0)},
            [
                "transactors to replace: 2 (i-1, i-2) was approved, this plan has none",
                "longest pause of writes: 16 s was approved, this plan has 0 s",
            ],
        ),
        (
            {"findings": ()},
            ["the approved warning single-transactor is gone: aws/orders-cf.properties, aws-size"],
        ),
        (
            {"findings": (WARNING, Finding("table-shrunk", "the table keeps\nwhat it has", "warning"))},
            ["not approved: warning table-shrunk: the table keeps what it has"],
        ),
    ],
)
def test_differences_in_words(made: dict[str, Any], lines: list[str]) -> None:
    assert plan_file.differences(PLAN, replace(PLAN, **made)) == lines


def test_the_refusal_has_every_difference_and_what_to_do(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "plan.json")
    plan_file.write(path, PLAN)
    made = replace(PLAN, changes=(INDEX, TABLE, STACK), transactors=replace(PLAN.transactors, replace=("i-1",)))
    assert refusal(plan_file.require_approval, path, made).splitlines() == [
        f"The plan differs from the approved one {path}:",
        "  approved, but not in this plan: aws-instance-type c7g.large -> c7g.xlarge",
        "  transactors to replace: 2 (i-1, i-2) was approved, this plan has 1 (i-1)",
        "Nothing was changed. Make a new plan with datomic_plan_file, and have it approved.",
    ]
    nothing = replace(PLAN, changes=(), transactors=Replacement())
    assert refusal(plan_file.require_approval, path, nothing).splitlines()[-1] == (
        "Nothing is left to do: the approved plan may have been applied already. Nothing was changed."
    )


@PROFILE
@given(one=PLANS, other=PLANS, data=st.data())
def test_there_are_differences_exactly_when_the_digests_differ(one: Plan, other: Plan, data: st.DataObject) -> None:
    mixed = replace(
        one,
        changes=tuple(data.draw(st.permutations(one.changes) | st.permutations([*one.changes, *other.changes]))),
        transactors=replace(
            one.transactors,
            **{name: getattr(other.transactors, name) for name in data.draw(st.sets(st.sampled_from(REPLACEMENT)))},
        ),
        findings=data.draw(st.sampled_from([one.findings, other.findings])),
    )
    found = plan_file.differences(one, mixed)
    assert bool(found) == (one.digest != mixed.digest)
    assert all(len(line.splitlines()) == 1 for line in found)


def test_findings_of_the_same_rule_are_counted() -> None:
    twice = replace(PLAN, findings=(WARNING, WARNING))
    assert plan_file.differences(PLAN, twice) == [
        "not approved: warning single-transactor: a group of one has no standby (aws/orders-cf.properties, aws-size)"
    ]
    assert plan_file.differences(PLAN, replace(PLAN, findings=(replace(WARNING, rule=RuleName("x")),))) != []
