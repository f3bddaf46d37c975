# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The messages of a run's commits: what changed, why, and what a failure left undone."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils import plan_lines
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import Finding
from ansible_collections.datomic_onprem.aws.plugins.module_utils.git.message import (
    FAILED,
    File,
    Run,
    message,
    overridden,
)
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan import STEPS, Attribute, Change, Now, Plan
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan import Replacement as Replaced
from hypothesis import given
from hypothesis import strategies as st

TRANSACTOR = "aws/orders-transactor.properties"
CF = "aws/orders-cf.properties"
TEMPLATE = "aws/orders-cf.json"
SECRET = "hunter2-sentinel"

MEMORY = Attribute("memory-index-max", "256m", "512m", TRANSACTOR, 54)
TYPE = Attribute("aws-instance-type", "c7g.large", "c7g.xlarge", CF, 12)
PLAN = Plan(
    "orders",
    "orders",
    "123456789012",
    "us-east-1",
    now=Now("UPDATE_COMPLETE", "1.0.7277", 2, 1, 1),
    changes=(
        Change("update", "property", "memory-index-max", "template", attributes=(MEMORY,)),
        Change("update", "property", "aws-instance-type", "template", attributes=(TYPE,)),
        Change("update", "dynamodb table", "orders", "transactor", "point-in-time recovery off -> on"),
        Change("replace", "transactors", "", "transactors", "2 of 2 replaced: writes pause once, up to 16 s"),
    ),
    transactors=Replaced(("i-1", "i-2"), 16.0),
)
NEW = dataclasses.replace(PLAN, now=Now())


def file(path: str, before: dict[str, str] | None, after: dict[str, str], comment: str = "") -> File:
    def raw(values: dict[str, str]) -> bytes:
        return "".join(f"{key}={value}\n" for key, value in values.items()).encode()

    return File(path, None if before is None else raw(before), raw(after) + comment.encode())


EDITED = (
    file(TRANSACTOR, {"memory-index-max": "256m"}, {"memory-index-max": "512m"}),
    file(CF, {"aws-instance-type": "c7g.large"}, {"aws-instance-type": "c7g.xlarge"}),
)
GENERATED = (
    file(CF, {"aws-security-group": ""}, {"aws-security-group": "datomic-3f"}),
    file(TRANSACTOR, {"host": "a"}, {"host": "a", "aws-transactor-role": "datomic-aws-3f"}),
)
WRITTEN = File(TEMPLATE, b'{"Old": 1}', b'{"New": 1}')


def subject(*files: File, plan: Plan = PLAN, **options: Any) -> str:
    lines = message(Run(plan, **options), files).split("\n")
    assert lines[1:2] in ([], [""])
    return lines[0]


def body(*files: File, plan: Plan = PLAN, **options: Any) -> str:
    return message(Run(plan, **options), files).partition("\n\n")[2]


@pytest.mark.parametrize(
    ("files", "plan", "expected"),
    [
        (EDITED, PLAN, "orders: memory-index-max 256m -> 512m, c7g.large -> c7g.xlarge"),
        (
            [file(CF, {"aws-autoscaling-group-size": "1"}, {"aws-autoscaling-group-size": "2"})],
            PLAN,
            "orders: 1 -> 2 transactors",
        ),
        (
            [file(CF, {"datomic-version": "1.0.7277"}, {"datomic-version": "1.0.7364"})],
            PLAN,
            "orders: Datomic 1.0.7277 -> 1.0.7364",
        ),
        ([file(CF, {}, {"java-xmx": "2625m"})], PLAN, "orders: java-xmx 2625m"),
        ([file(CF, {"java-xmx": ""}, {"java-xmx": "2625m"})], PLAN, "orders: java-xmx 2625m"),
        ([file(CF, {"java-xmx": "2625m"}, {})], PLAN, "orders: java-xmx removed"),
        ([file(CF, {"java-xmx": "2625m"}, {"java-xmx": ""})], PLAN, "orders: java-xmx removed"),
        (
            [file(CF, {"java-opts": "-Xss1m"}, {"java-opts": "-Xss2m" + " -Da=b" * 30})],
            PLAN,
            "orders: java-opts changed",
        ),
        (
            [file(TRANSACTOR, {"license-key": "old"}, {"license-key": SECRET})],
            PLAN,
            "orders: license-key changed",
        ),
        ([file(TRANSACTOR, {}, {"license-key": SECRET})], PLAN, "orders: license-key changed"),
        ([file(TRANSACTOR, {"x": "1"}, {"x": "1"}, "# why\n")], PLAN, f"orders: edit {TRANSACTOR}"),
        ([WRITTEN], PLAN, f"orders: edit {TEMPLATE}"),
        ([file(TRANSACTOR, None, {"x": "1"})], PLAN, f"orders: add {TRANSACTOR}"),
        ([file(TRANSACTOR, None, {"x": "1"}), file(CF, None, {"y": "1"})], NEW, "orders: create the system"),
        (EDITED, NEW, "orders: memory-index-max 256m -> 512m, c7g.large -> c7g.xlarge"),
    ],
)
def test_what_the_user_edited(files: list[File], plan: Plan, expected: str) -> None:
    assert subject(*files, plan=plan) == expected
    assert SECRET not in message(Run(plan), files)


@pytest.mark.parametrize(
    ("files", "plan", "expected"),
    [
        ((*GENERATED, WRITTEN), NEW, "orders: generated aws-security-group, aws-transactor-role; template"),
        (GENERATED, PLAN, "orders: generated aws-security-group, aws-transactor-role"),
        ([WRITTEN], dataclasses.replace(PLAN, changes=()), "orders: template"),
        (
            [WRITTEN],
            PLAN,
            "orders: template for memory-index-max 256m -> 512m and 1 more",
        ),
        (
            [file(TRANSACTOR, {"aws-s3-log-access-key-id": "AKIA1"}, {"aws-s3-log-access-key-id": SECRET})],
            PLAN,
            "orders: replaced aws-s3-log-access-key-id",
        ),
        ([file(TRANSACTOR, {"x": "1"}, {"x": "1"}, "# 2\n")], PLAN, f"orders: wrote {TRANSACTOR}"),
    ],
)
def test_what_the_run_wrote(files: list[File], plan: Plan, expected: str) -> None:
    assert subject(*files, plan=plan, written=True) == expected
    assert SECRET not in message(Run(plan, written=True), files)


@pytest.mark.parametrize(
    ("step", "failure", "expected"),
    [
        (
            "stack",
            "LaunchGroup is UPDATE_FAILED. The stack is UPDATE_ROLLBACK_COMPLETE.",
            "not applied: stack rolled back",
        ),
        ("stack", "LaunchGroup failed. The stack is UPDATE_ROLLBACK_FAILED.", "not applied: stack failed"),
        ("stack", "AccessDenied", "not applied: stack failed"),
        ("template", "disk full", "not applied: template failed"),
        ("transactors", "timed out", "transactors not replaced"),
        ("", "what", "not applied"),
    ],
)
def test_a_failure(step: Any, failure: str, expected: str) -> None:
    failure = f"{failure}\nmore of it\n"
    plan = dataclasses.replace(PLAN, changes=())
    assert (
        subject(WRITTEN, plan=plan, written=True, failed_step=step, failure=failure) == f"orders: template; {expected}"
    )
    text = body(WRITTEN, written=True, failed_step=step, failure=failure)
    assert text.endswith(f"\n\n{expected[0].upper()}{expected.partition(':')[0][1:]}: {failure.splitlines()[0]}\n")
    assert "more of it" not in text


def test_as_many_changes_as_fit() -> None:
    many = {f"key-{number}": "1" for number in range(12)}
    found = subject(file(TRANSACTOR, many, dict.fromkeys(many, "2")))
    assert found == "orders: key-0 1 -> 2, key-1 1 -> 2, key-2 1 -> 2 and 9 more"
    generated = subject(
        file(TRANSACTOR, {}, many),
        WRITTEN,
        written=True,
        failed_step="stack",
        failure="ROLLBACK_COMPLETE",
    )
    assert generated == "orders: generated key-0 and 11 more; not applied: stack rolled back"
    long = subject(
        WRITTEN, plan=dataclasses.replace(PLAN, system="o" * 128, changes=()), written=True, failed_step="stack"
    )
    assert long == "ooooooooooo…: template; not applied: stack failed"


def test_the_body() -> None:
    commit = Change("update", "git", "", "git", "2 files, 1 commit on main, not pushed")
    plan = dataclasses.replace(
        PLAN,
        changes=(*PLAN.changes, commit),
        findings=(Finding("table-shrunk", "the table keeps what it has", "warning"),),
        notes=(("backup", "orders: is backed up"), ("accepted", "open-to-anyone: only in a test")),
    )
    assert body(*EDITED, plan=plan, reason="Black Friday\n") == "\n".join(
        [
            "Reason: Black Friday",
            "",
            plan_lines.render(PLAN, width=100),
            "",
            "Accepted: open-to-anyone: only in a test",
            "",
        ]
    )


def test_nothing_to_say_in_a_body() -> None:
    plan = dataclasses.replace(PLAN, changes=(), transactors=Replaced())
    assert message(Run(plan), [file(CF, {}, {}, "# why\n")]) == f"orders: edit {CF}\n"


def test_a_failure_and_a_reason_show_no_secret() -> None:
    text = body(WRITTEN, written=True, failure=f"password={SECRET}", reason=f"https://me:{SECRET}@example.com")
    assert SECRET not in text
    assert "password=********" in text


def test_wrong_files_are_edits() -> None:
    """A file that is no properties file is committed all the same."""
    assert subject(File(CF, b"\xff", b"\xfe")) == f"orders: edit {CF}"


def test_a_rollback() -> None:
    why = "The transactors were not replaced: 2 new instances ended by themselves.\nConsole of i-1: " + SECRET
    options: dict[str, Any] = {"written": True, "failed_step": "transactors", "failure": why, "restored": "9a0b6c1" * 5}
    assert subject(*EDITED, **options) == "orders: roll back to 9a0b6c1: The transactors were not replaced: 2 new …"
    assert "Transactors not replaced: The transactors were not replaced: 2 new instances ended by themselves." in body(
        *EDITED, **options
    )
    assert SECRET not in message(Run(PLAN, **options), EDITED)
    assert subject(*EDITED, **{**options, "failure": ""}) == "orders: roll back to 9a0b6c1"
    assert overridden(Run(PLAN, **options), "Ticket 12") == "Ticket 12; roll back to 9a0b6c1\n"


def test_the_user_s_own_message() -> None:
    own = "Ticket 12\n\nThe reports need it.\n"
    assert overridden(Run(PLAN), own) == own.strip()
    assert overridden(Run(PLAN, written=True), own) == "Ticket 12; what the run wrote\n\nThe reports need it."
    failed = Run(PLAN, written=True, failed_step="surplus")
    assert overridden(failed, "Ticket 12") == "Ticket 12; not applied: surplus not terminated\n"


TEXT = st.text(max_size=90)
WORDS = st.text("abc-123.", min_size=1, max_size=30)
ATTRIBUTES = st.builds(Attribute, TEXT, TEXT, TEXT, TEXT, st.integers(0, 99))
CHANGES = st.builds(
    Change,
    st.sampled_from(("create", "update", "delete", "replace")),
    st.sampled_from(("property", "file", "stack", "dynamodb table")),
    TEXT,
    st.sampled_from(STEPS),
    TEXT,
    st.lists(ATTRIBUTES, max_size=3).map(tuple),
)
PLANS = st.builds(
    Plan,
    st.text(min_size=1, max_size=130),
    st.just("orders"),
    st.just(""),
    st.just("us-east-1"),
    now=st.builds(Now, st.sampled_from(("", "UPDATE_COMPLETE"))),
    changes=st.lists(CHANGES, max_size=4).map(tuple),
    notes=st.lists(st.tuples(st.sampled_from(("accepted", "git")), TEXT), max_size=2).map(tuple),
)
VALUES = st.dictionaries(WORDS, WORDS, max_size=5)


@st.composite
def runs(draw: st.DrawFn) -> tuple[Plan, str, list[File], list[File]]:
    """A plan, a failure, and files before the run, as the user edited them, and after the run."""
    first, last = [], []
    for path in (TRANSACTOR, CF):
        before, edited, after = (draw(st.none() | VALUES), draw(VALUES), draw(VALUES))
        if before != edited:
            first.append(file(path, before, edited))
        if edited != after:
            last.append(file(path, edited, after))
    if draw(st.booleans()):
        last.append(File(TEMPLATE, draw(st.none() | st.just(b"{}")), json.dumps(draw(VALUES)).encode()))
    return draw(PLANS), draw(TEXT), first, last


@given(runs(), st.sampled_from(("", *FAILED)), TEXT)
def test_every_message_is_one_that_git_and_people_can_read(
    run: tuple[Plan, str, list[File], list[File]], step: Any, reason: str
) -> None:
    plan, failure, first, last = run
    messages = []
    if first:
        messages.append(message(Run(plan, reason=reason), first))
    if last:
        messages.append(message(Run(plan, written=True, failed_step=step, failure=failure, reason=reason), last))
    for text in messages:
        lines = text.split("\n")
        assert 0 < len(lines[0].strip()) <= 72
        assert lines[-1] == ""
        assert lines[1] == ""
        assert all(line.isprintable() for line in lines)
    subjects = [text.partition("\n")[0] for text in messages]
    assert len(set(subjects)) == len(subjects), "never two commits with the same subject for one run"
