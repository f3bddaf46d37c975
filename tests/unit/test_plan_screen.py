# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan on the screen."""

from __future__ import annotations

import dataclasses
import re
from typing import get_args

import pytest
from ansible.playbook.task import Task
from ansible.utils import color
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import Finding
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan import (
    STEPS,
    Attribute,
    Change,
    ChangeAction,
    Now,
    Plan,
    Replacement,
)
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan_lines import (
    SYMBOLS,
    applied,
    closing,
    columns,
    listed,
    render,
)
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils import plan_screen, screen
from hypothesis import given
from hypothesis import strategies as st

TRANSACTOR, CF = "aws/orders-transactor.properties", "aws/orders-cf.properties"


def edit(name: str, before: str, after: str, file: str = CF, line: int = 1) -> Change:
    return Change("update", "property", name, "stack", attributes=(Attribute(name, before, after, file, line),))


STACK = Change(
    "update",
    "stack",
    "orders",
    "stack",
    "LaunchTemplate (new version), LaunchGroup (in place); image and tags unchanged",
    (Attribute("LaunchTemplate InstanceType", "c7g.large", "c7g.xlarge"), Attribute("user data", "", "12 lines")),
)
TABLE = Change(
    "update",
    "dynamodb table",
    "orders",
    "transactor",
    attributes=(Attribute("point-in-time recovery", "off", "on"),),
)
TRANSACTORS = Change(
    "replace",
    "transactors",
    "",
    "transactors",
    "2 of 2 replaced: 2 new ones start first; writes pause once, up to 16 s",
    (Attribute("step 1", "", "launch 2 in addition to the old"),),
)
HEAP = Finding(
    "heap-fits-instance",  # type: ignore[arg-type]
    "stays 2625m, 33 % of 8 GiB",
    "warning",
    CF,
    23,
    "java-xmx",
    reason="the rest is unused",
    suggestion="blank it",
)
PLAN = Plan(
    "orders",
    "orders",
    "123456789012",
    "us-east-1",
    Now("UPDATE_COMPLETE", "1.0.7277", 2, 1, 1),
    (HEAP,),
    (
        edit("memory-index-max", "256m", "512m", TRANSACTOR, 54),
        edit("aws-instance-type", "c7g.large", "c7g.xlarge", CF, 12),
        TABLE,
        STACK,
        TRANSACTORS,
    ),
    Replacement(("i-1", "i-2"), 16),
    (("git", "2 files, 1 commit on main, not pushed"),),
    {"peer URI": "datomic:ddb://us-east-1/orders/{db}", "transactor role": "arn:aws:iam::123456789012:role/orders"},
)
NOTHING = dataclasses.replace(PLAN, changes=(), findings=(), transactors=Replacement())
NEW = dataclasses.replace(PLAN, now=Now())


def lines(text: str) -> list[str]:
    return text.strip("\n").split("\n")


def test_the_screen() -> None:
    assert lines(render(dataclasses.replace(PLAN, account=""), width=119, notes=True)) == lines("""
orders   us-east-1 · stack orders (UPDATE_COMPLETE) · 1.0.7277, 2 transactors, 1 active + 1 standby
  ~ memory-index-max       256m -> 512m             aws/orders-transactor.properties:54
  ~ aws-instance-type      c7g.large -> c7g.xlarge  aws/orders-cf.properties:12
  ! java-xmx               stays 2625m, 33 % of 8 GiB; blank it [heap-fits-instance]  aws/orders-cf.properties:23
  ~ dynamodb table orders  point-in-time recovery off -> on
  ~ stack                  LaunchTemplate (new version), LaunchGroup (in place); image and tags unchanged
  ± transactors            2 of 2 replaced: 2 new ones start first; writes pause once, up to 16 s
  · git                    2 files, 1 commit on main, not pushed
Plan: 0 to create, 4 to update, 0 to delete, 2 transactors to replace.
""")


def test_sixty_columns() -> None:
    assert lines(render(PLAN, width=60)) == lines("""
orders   account 123456789012 · us-east-1
         stack orders (UPDATE_COMPLETE)
         1.0.7277, 2 transactors, 1 active + 1 standby
  ~ memory-index-max       256m -> 512m
                         aws/orders-transactor.properties:54
  ~ aws-instance-type      c7g.large -> c7g.xlarge
                           aws/orders-cf.properties:12
  ! java-xmx               stays 2625m, 33 % of 8 GiB; blank
                           it [heap-fits-instance]
                           aws/orders-cf.properties:23
  ~ dynamodb table orders  point-in-time recovery off -> on
  ~ stack                  LaunchTemplate (new version),
                           LaunchGroup (in place); image and
                           tags unchanged
  ± transactors            2 of 2 replaced: 2 new ones start
                           first; writes pause once, up to
                           16 s
Plan: 0 to create, 4 to update, 0 to delete, 2 transactors
to replace.
""")


def test_nothing_to_do_is_one_line() -> None:
    assert lines(render(NOTHING, width=160)) == [
        "orders   nothing to do · account 123456789012 · us-east-1 · stack orders (UPDATE_COMPLETE) · "
        "1.0.7277, 2 transactors, 1 active + 1 standby"
    ]


def test_nothing_to_do_with_a_warning() -> None:
    first, *rest = lines(render(dataclasses.replace(NOTHING, findings=(HEAP,)), width=160))
    assert first.startswith("orders   nothing to do · ")
    assert rest == [
        "  ! java-xmx  stays 2625m, 33 % of 8 GiB; blank it [heap-fits-instance]  aws/orders-cf.properties:23"
    ]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (Now(), "stack orders (new)"),
        (Now("UPDATE_COMPLETE"), "stack orders (UPDATE_COMPLETE) · 0 transactors"),
        (Now("UPDATE_COMPLETE", "1.0.7277", 1), "stack orders (UPDATE_COMPLETE) · 1.0.7277, 1 transactor"),
        (Now("UPDATE_COMPLETE", "", 2, 1, 0), "stack orders (UPDATE_COMPLETE) · 2 transactors, 1 active + 0 standby"),
    ],
)
def test_what_runs_now(now: Now, expected: str) -> None:
    head = lines(render(dataclasses.replace(PLAN, account="", now=now), width=160))[0]
    assert head == f"orders   us-east-1 · {expected}"


def test_values_that_come_and_go() -> None:
    plan = dataclasses.replace(
        NOTHING,
        changes=(
            edit("a", "", "1"),
            edit("b", "1", ""),
            edit("c", " ", "x\ty\x1b[31m"),
            Change("create", "s3 bucket", "datomic-logs", "transactor"),
            Change("create", "property", "d", "secrets", attributes=(Attribute("d", "", "***"),)),
            Change("delete", "property", "e", "secrets", attributes=(Attribute("e", "***", ""),)),
            Change("update", "file", "aws/orders-cf.json", "template"),
            Change("update", "file", "aws/orders-cf.properties", "security_group", "generated java-xmx"),
            Change("update", "git", "", "git", "1 file, 1 commit on main"),
        ),
    )
    assert lines(render(plan, width=130))[1:] == lines(r"""
  ~ a                       (not set) -> 1       aws/orders-cf.properties:1
  ~ b                       1 -> (not set)       aws/orders-cf.properties:1
  ~ c                       " " -> x\ty\x1b[31m  aws/orders-cf.properties:1
  + d                       ***
  - e                       ***
  + s3 bucket datomic-logs
  ~ file                    aws/orders-cf.json
  ~ file                    aws/orders-cf.properties (generated java-xmx)
  · git                     1 file, 1 commit on main
Plan: 2 to create, 5 to update, 1 to delete, 0 transactors to replace.
""")


def test_diff_shows_the_attributes_that_are_not_the_line_and_the_reasons_of_findings() -> None:
    shown = lines(render(PLAN, width=140, diff=True))
    assert [line for line in shown if line.startswith("      ")] == [
        "      the rest is unused",
        "      LaunchTemplate InstanceType  c7g.large -> c7g.xlarge",
        "      user data                    (not set) -> 12 lines",
        "      step 1  launch 2 in addition to the old",
    ]


def test_a_finding_without_a_key() -> None:
    finding = Finding("stack-name", "the name of this stack is too long for the width of this terminal", "warning")
    assert lines(render(dataclasses.replace(NOTHING, findings=(finding,)), width=60))[3:] == [
        "  ! the name of this stack is too long for the width of this",
        "    terminal [stack-name]",
    ]


def test_applied() -> None:
    seconds = {"template": 2.4, "stack": 48.0, "transactors": 200.0, "git": 1.0}
    assert applied(PLAN, seconds, width=200) == (
        "orders   Applied: 0 created, 4 updated, 0 deleted, 2 transactors replaced in 4 min 11 s "
        "(template 2 s, stack 48 s, transactors 3 min 20 s, git 1 s)."
    )


def test_a_smaller_group_ends_transactors() -> None:
    plan = dataclasses.replace(PLAN, transactors=Replacement((), 0, ("i-1",)))
    assert lines(render(plan))[-1] == (
        "Plan: 0 to create, 4 to update, 0 to delete, 0 transactors to replace, 1 transactor to terminate."
    )
    assert "0 transactors replaced, 1 transactor terminated in 1 s" in applied(plan, {"stack": 1.0}, width=200)
    stopped = applied(plan, {"template": 1.0, "stack": 1.0}, failed="stack", width=200)
    assert "terminated" not in stopped


def test_applied_of_a_new_system_shows_its_outputs() -> None:
    assert lines(applied(NEW, {"stack": 48.0}, width=200))[1:] == [
        "  peer URI         datomic:ddb://us-east-1/orders/{db}",
        "  transactor role  arn:aws:iam::123456789012:role/orders",
    ]


def test_applied_after_a_failure() -> None:
    assert lines(applied(NEW, {"transactor": 2.0, "stack": 48.0}, failed="stack", width=100)) == [
        "orders   Failed: step stack after 50 s (transactor 2 s, stack 48 s). Applied before: 0 created,",
        "         1 updated, 0 deleted, 0 transactors replaced. Not reached: transactors.",
    ]


def test_nothing_was_applied() -> None:
    assert applied(NOTHING, {}) == ""


def test_closing_table() -> None:
    rows = [
        ("orders", PLAN, "applied"),
        ("eu-invoices", dataclasses.replace(NOTHING, stack="invoices"), "nothing to do"),
        ("users", None, "failed: aws/users-cf.properties:4: java-xmx: no value"),
    ]
    assert lines(closing(rows, width=100)) == lines("""
SYSTEM       STACK     CREATE  UPDATE  DELETE  REPLACE  WARNINGS  OUTCOME
orders       orders         0       4       0        2         1  applied
eu-invoices  invoices       0       0       0        0         0  nothing to do
users                                                             failed: aws/users-cf.properties:4:
                                                                  java-xmx: no value
""")
    narrow = lines(closing(rows, width=60))
    assert narrow[0] == "SYSTEM       CREATE  UPDATE  DELETE  REPLACE  WARNINGS"
    assert narrow[1:3] == ["orders            0       4       0        2         1", "    applied"]


def test_one_system_needs_no_closing_table() -> None:
    assert closing([("orders", PLAN, "applied")]) == ""


def test_colour_is_on_symbols_and_on_outcomes_alone() -> None:
    def marked(text: str, style: str) -> str:
        return f"<{style} {text}>"

    assert re.findall("<.*?>", render(PLAN, width=140, notes=True, paint=marked)) == [
        "<update ~>",
        "<update ~>",
        "<warning !>",
        "<update ~>",
        "<update ~>",
        "<replace ±>",
        "<note ·>",
    ]
    assert "<ok nothing to do>" in render(NOTHING, paint=marked)
    assert "<failed Failed:>" in applied(PLAN, {"stack": 1.0}, failed="stack", paint=marked)


texts = st.text(max_size=30)
words = st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=60)
attributes = st.builds(Attribute, words, texts, texts, words | st.just(""), st.integers(0, 999))
changes = st.builds(
    Change,
    st.sampled_from(get_args(ChangeAction)),
    st.sampled_from(["property", "stack", "transactors", "file", "iam role"]),
    words,
    st.sampled_from(STEPS),
    texts,
    st.lists(attributes, max_size=3).map(tuple),
)
findings = st.builds(
    Finding,
    st.just("nul"),
    words,
    st.sampled_from(["warning", "note"]),
    words | st.just(""),
    st.integers(0, 999),
    words | st.just(""),
    suggestion=texts,
)
plans = st.builds(
    Plan,
    words,
    words,
    words,
    words,
    st.builds(Now, words | st.just(""), words, st.integers(0, 9)),
    st.lists(findings, max_size=4).map(tuple),
    st.lists(changes, max_size=6).map(tuple),
    notes=st.lists(st.tuples(words, texts), max_size=2).map(tuple),
)
widths = st.integers(40, 200)


@given(plans, widths, st.booleans())
def test_only_a_word_that_cannot_be_broken_is_wider_than_the_screen(plan: Plan, width: int, diff: bool) -> None:
    for line in render(plan, width=width, diff=diff, notes=True).split("\n"):
        assert columns(line) <= width or len(line.split()) <= 2, line


@given(plans, widths)
def test_every_change_and_finding_has_one_line(plan: Plan, width: int) -> None:
    shown = render(plan, width=width, notes=True).split("\n")
    first = [line[2] for line in shown if re.match(r"  [-+~±!·] ", line)]
    expected = [{"create": "+", "update": "~", "delete": "-", "replace": "±"}[change.action] for change in plan.changes]
    expected += ["!" if finding.severity == "warning" else "·" for finding in plan.findings]
    assert sorted(first) == sorted([*expected, *("·" for _note in plan.notes)])


@given(texts, texts, words, widths)
def test_no_value_is_altered(before: str, after: str, file: str, width: int) -> None:
    """Copied from the screen, words are as they were; what does not print is escaped."""
    plan = dataclasses.replace(NOTHING, changes=(edit("key", before, after, file, 7),))
    shown = render(plan, width=width).split()
    assert f"{file}:7" in shown
    for value in (before, after):
        if value and value.isprintable() and value == value.strip():
            assert re.search(r"(^|\s)" + re.escape(" ".join(value.split())) + r"(\s|$)", " ".join(shown))


@given(st.lists(findings, max_size=4), st.lists(texts, max_size=2), widths)
def test_listed_findings(found: list[Finding], reasons: list[str], width: int) -> None:
    shown = listed([(one.severity, one, reasons) for one in found], width=width)
    assert shown.replace("\n", "").isprintable()
    assert len(re.findall("(?m)^(warning|note)", shown)) == len(found)
    for line in shown.split("\n"):
        assert columns(line) <= width or len(line.split()) <= 2, line


@given(plans, widths)
def test_nothing_on_the_screen_controls_a_terminal(plan: Plan, width: int) -> None:
    assert render(plan, width=width, diff=True, notes=True).replace("\n", "").isprintable()


@given(st.lists(st.tuples(words, plans | st.none(), texts), min_size=2, max_size=4), widths)
def test_closing_table_fits(rows: list[tuple[str, Plan | None, str]], width: int) -> None:
    for line in closing(rows, width=width).split("\n"):
        assert columns(line) <= width or len(line.split()) <= 8, line


@given(plans, st.dictionaries(st.sampled_from(STEPS), st.floats(0, 9999)), st.sampled_from(["", *STEPS]), widths)
def test_applied_fits(plan: Plan, seconds: dict[str, float], failed: str, width: int) -> None:
    for line in applied(plan, seconds, failed=failed, width=width).split("\n"):
        assert columns(line) <= width or len(line.split()) <= 2, line


def test_colours_are_ansibles_and_the_log_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, dict[str, bool]]] = []
    monkeypatch.setattr(color, "ANSIBLE_COLOR", True)
    monkeypatch.setattr(screen.display, "display", lambda text, **how: shown.append((text, how)))
    plan_screen.show_lines(Task(), lambda paint: paint("nothing to do", "ok"))
    assert shown == [
        ("\033[0;32mnothing to do\033[0m", {"stderr": False, "screen_only": True}),
        ("nothing to do", {"log_only": True}),
    ]


def test_every_style_has_a_colour() -> None:
    assert plan_screen.COLOURS.keys() == SYMBOLS.keys() | {"ok", "failed"}


@pytest.mark.parametrize(("columns", "expected"), [("", 120), ("80", 80), ("60", 60), ("7", 40), ("300", 300)])
def test_width(columns: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the terminal; COLUMNS is what a user sets without one."""
    monkeypatch.setenv("COLUMNS", columns)
    assert plan_screen.terminal_width() == expected


def test_a_place_is_on_the_line_as_long_as_it_fits() -> None:
    plan = dataclasses.replace(NOTHING, changes=(edit("memory-index-max-of-it", "1234567", "2345678"),))
    line = "  ~ memory-index-max-of-it  1234567 -> 2345678  aws/orders-cf.properties:1"
    assert line in render(plan, width=len(line)).split("\n")
    assert line not in render(plan, width=len(line) - 1).split("\n")


def test_a_long_subject_does_not_move_the_others() -> None:
    role = Change("create", "iam role", "datomic-aws-transactor-role-of-the-orders", "transactor", "instance profile")
    plan = dataclasses.replace(NOTHING, changes=(edit("port", "1", "2"), role))
    assert lines(render(plan, width=60))[3:6] == [
        "  ~ port  1 -> 2  aws/orders-cf.properties:1",
        "  + iam role datomic-aws-transactor-role-of-the-orders",
        "          instance profile",
    ]


def test_wide_and_combining_letters() -> None:
    assert (columns("日本"), columns("e\u0301"), columns("é")) == (4, 1, 1)


def test_a_generated_value_that_is_blank_is_no_detail() -> None:
    blank = (Attribute("java-xmx", "", "2g", CF, 6), Attribute("java-opts", "", "", CF, 7))
    change = Change("update", "file", CF, "security_group", "generated java-xmx, java-opts", blank)
    assert "java-opts  " not in render(dataclasses.replace(NOTHING, changes=(change,)), diff=True)
