# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The status of a system: verdict, drift, timeline, table."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import Finding
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan import Attribute, Change, Plan
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan_lines import columns
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling.state import MINUTE, Beats, Metrics
from ansible_collections.datomic_onprem.aws.plugins.module_utils.status import system, table
from ansible_collections.datomic_onprem.aws.plugins.module_utils.status.system import (
    Backup,
    Difference,
    LastRun,
    Span,
    Status,
)
from hypothesis import given
from hypothesis import strategies as st

GOOD = Status(
    "orders",
    "orders",
    "123456789012",
    "us-east-1",
    "2026-11-28T12:00:00Z",
    exists=True,
    stack_status="UPDATE_COMPLETE",
    release="1.0.7705",
    configured_release="1.0.7705",
    instance_type="c7g.large",
    size=2,
    serving=2,
    reports=True,
    active=1,
    standby=1,
    watched=8,
    backups=(Backup("main", 7200.0),),
    last=LastRun("anna@laptop", "2026-11-27T09:30:00Z", "ab12cd34ef"),
)
TEXT = st.text(max_size=30)
STATUSES = st.builds(
    Status,
    TEXT,
    TEXT,
    exists=st.sampled_from([True, False, None]),
    stack_status=st.sampled_from(["", "UPDATE_COMPLETE", "UPDATE_FAILED", "UPDATE_IN_PROGRESS"]),
    size=st.none() | st.integers(0, 4),
    serving=st.none() | st.integers(0, 4),
    active=st.none() | st.integers(0, 2),
    standby=st.none() | st.integers(0, 3),
    alarms=st.lists(TEXT, max_size=2).map(tuple),
    watched=st.integers(0, 9),
    backups=st.lists(st.builds(Backup, TEXT, st.none() | st.floats(0, 1e9), st.booleans()), max_size=2).map(tuple),
    last=st.none() | st.builds(LastRun, TEXT, TEXT, TEXT, TEXT, TEXT),
    differences=st.lists(st.builds(Difference, TEXT, TEXT, TEXT, st.sampled_from(["", "update", "git pull"]))).map(
        tuple
    ),
    gaps=st.lists(TEXT, max_size=2).map(tuple),
    spans=st.lists(st.builds(Span, st.just(0.0), st.just(60.0), st.integers(0, 2), st.integers(0, 3))).map(tuple),
)


@pytest.mark.parametrize(
    ("differs", "verdict", "reason"),
    [
        ({}, "ok", None),
        ({"exists": False}, "drift", "the stack does not exist"),
        ({"differences": (Difference("a", "b"),)}, "drift", "1 difference between the files and AWS"),
        ({"outdated": ("i-1",)}, "drift", "1 outdated: i-1"),
        ({"gaps": ("Could not read the alarms",)}, "unknown", "Could not read the alarms"),
        ({"alarms": ("orders-low-memory",)}, "attention", "the alarm orders-low-memory is in ALARM"),
        ({"standby": 0}, "attention", "0 of 1 standbys beat"),
        ({"serving": 1}, "attention", "1 of 2 transactors are in service"),
        ({"conflict": "2 active"}, "attention", "two systems may report under one name: 2 active"),
        ({"backups": (Backup("m", 7200.0, late=True),)}, "attention", "the database m has no backup younger than 2 h"),
        ({"backups": (Backup("main", None, late=True),)}, "attention", "the database main has no backup"),
        ({"stack_status": "UPDATE_IN_PROGRESS"}, "attention", "the stack is UPDATE_IN_PROGRESS"),
        ({"holder": "bob@desk"}, "attention", "a run works on it: bob@desk"),
        ({"errors": ("aws/orders: wrong",)}, "attention", "aws/orders: wrong"),
        ({"last": LastRun("anna", "", outcome="failed")}, "attention", "the last run (anna) failed"),
        ({"active": 0, "standby": 0}, "broken", "no active transactor: none reports heartbeats"),
        ({"serving": 0}, "broken", "no transactor is in service"),
        ({"stack_status": "UPDATE_ROLLBACK_FAILED"}, "broken", "the stack is UPDATE_ROLLBACK_FAILED"),
    ],
)  # fmt: skip
def test_the_verdict(differs: dict[str, Any], verdict: str, reason: str | None) -> None:
    status = dataclasses.replace(GOOD, **differs)
    assert status.verdict == verdict
    assert reason is None or (verdict, reason) in status.reasons


@pytest.mark.parametrize(
    "differs",
    [
        # Without metrics nobody knows who is active.
        {"reports": False, "active": None, "standby": None},
        # A creation is no outage.
        {"stack_status": "CREATE_IN_PROGRESS", "serving": 0, "active": 0},
        # A group that was set to no transactors.
        {"size": 0, "serving": 0, "active": 0, "standby": 0},
        {"size": 1, "serving": 1, "standby": 0},
        {"last": LastRun("anna", "", outcome="running")},
    ],
)
def test_it_is_not_broken(differs: dict[str, Any]) -> None:
    assert dataclasses.replace(GOOD, **differs).verdict in ("ok", "attention")


def test_the_worst_verdict_counts_and_all_reasons_are_there() -> None:
    status = dataclasses.replace(
        GOOD, active=0, alarms=("a",), gaps=("gap",), differences=(Difference("key", "1 -> 2"),)
    )
    assert status.verdict == "broken"
    assert [verdict for verdict, _text in status.reasons] == ["broken", "unknown", "attention", "drift"]


@given(STATUSES)
def test_it_is_the_same_after_json(status: Status) -> None:
    returned = json.loads(json.dumps(status.as_returned()))
    assert Status.of(returned) == status
    assert returned["verdict"] == status.verdict


def test_drift_is_the_plan() -> None:
    plan = Plan(
        "orders",
        "orders",
        "",
        "us-east-1",
        changes=(
            Change("update", "property", "memory-index-max", "stack", attributes=(
                Attribute("memory-index-max", "256m", "512m", "aws/t.properties", 54),)),
            Change("update", "dynamodb table", "orders", "transactor", attributes=(
                Attribute("point-in-time recovery", "off", "on"),)),
            Change("update", "stack", "orders", "stack", "image unchanged"),
            Change("replace", "transactors", "", "transactors", "2 of 2 replaced"),
            Change("update", "file", "aws/orders.json", "template", "only its form changes"),
            Change("update", "git", "", "git", "2 files"),
        ),
        findings=(
            Finding("ingress-not-in-files", "tcp 22 from 0.0.0.0/0", "warning", suggestion="revoke it"),
            Finding("unknown-key", "not drift", "warning"),
            Finding("git-stale-checkout", "bob applied others", "warning", file="aws/t.properties"),
        ),
    )  # fmt: skip
    assert list(system.drift(plan, "update")) == [
        Difference("memory-index-max", "256m -> 512m", "aws/t.properties:54", "update"),
        Difference("dynamodb table orders", "point-in-time recovery off -> on", "", "update"),
        Difference("stack", "the template differs; image unchanged", "", "update"),
        Difference("transactors", "2 of 2 replaced", "", "update"),
        Difference("ingress-not-in-files", "tcp 22 from 0.0.0.0/0; revoke it"),
        Difference("git-stale-checkout", "bob applied others", "aws/t.properties", "git pull"),
    ]


def test_the_command_that_mends_it_can_be_pasted() -> None:
    assert Difference("a", "b", mend="update").command("orders", "our hosts.yml") == (
        "ansible-playbook -i 'our hosts.yml' datomic_onprem.aws.update --limit orders"
    )
    assert Difference("a", "b", mend="create").command("o", "") == (
        "ansible-playbook datomic_onprem.aws.create --limit o"
    )
    assert Difference("a", "b", mend="git pull").command("o", "i") == "git pull"
    assert Difference("a", "b").command("o", "i") == ""


def beats(first: int, last: int, processes: int = 1) -> tuple[Beats, ...]:
    return tuple(Beats(minute * MINUTE, 12.0 * processes, 60_000.0 * processes) for minute in range(first, last))


def test_spans_show_who_beat_when() -> None:
    metrics = Metrics(5000, active=beats(0, 90), standby=(*beats(0, 30, 2), *beats(30, 90, 1)), since=0.0)
    # Two minutes in a row are counted together, and half a process counts as one.
    assert system.spans(metrics, 90 * MINUTE) == (Span(0.0, 30 * MINUTE, 1, 2), Span(30 * MINUTE, 89 * MINUTE, 1, 1))


def test_silence_is_shown_as_such_only_when_it_is_no_delay() -> None:
    metrics = Metrics(5000, active=beats(0, 60), since=0.0)
    assert system.spans(metrics, 63 * MINUTE)[-1] == Span(0.0, 59 * MINUTE, 1, 0)
    last = system.spans(metrics, 90 * MINUTE)[-1]
    assert (last.active, last.ended) == (0, 90 * MINUTE)
    assert system.spans(Metrics(5000, since=0.0), 30 * MINUTE) == (Span(0.0, 30 * MINUTE, 0, 0),)


@given(st.lists(STATUSES, max_size=4), st.integers(40, 200))
def test_the_table_shows_every_system_and_nothing_that_moves_the_cursor(systems: list[Status], width: int) -> None:
    text = table.render(systems, width=width)
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    head, *rows = text.splitlines()[: len(systems) + 1]
    assert head.startswith("SYSTEM")
    assert all(any(verdict in row for verdict in system.VERDICTS) for row in rows)
    assert text.splitlines()[-1].startswith(f"Status: {len(systems)} system")


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 160])
def test_the_table_fits(width: int) -> None:
    text = table.render([GOOD, dataclasses.replace(GOOD, system="billing")], width=width)
    assert max(map(columns, text.splitlines())) <= width
    assert ("ab12cd3" in text) == (width >= 120)


def test_worst_first_with_reasons_and_the_command_once() -> None:
    broken = dataclasses.replace(GOOD, system="billing", active=0, standby=0)
    drifted = dataclasses.replace(
        GOOD,
        differences=(
            Difference("memory-index-max", "256m -> 512m", "aws/orders-transactor.properties:54", "update"),
            Difference("stack", "LaunchTemplate (new version)", "", "update"),
        ),
        warnings=("w",),
    )
    lines = table.render([GOOD, drifted, broken], "hosts.yml", width=120).splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [["billing", "broken"], ["orders", "drift"], ["orders", "ok"]]
    assert lines[5:] == [
        "billing: broken",
        "  broken  no active transactor: none reports heartbeats",
        "",
        "orders: drift",
        "  drift    memory-index-max  256m -> 512m  aws/orders-transactor.properties:54",
        "  drift    stack             LaunchTemplate (new version)",
        "      $ ansible-playbook -i hosts.yml datomic_onprem.aws.update --limit orders",
        "",
        "Status: 3 systems, 1 ok, 1 drift, 1 broken.",
    ]
