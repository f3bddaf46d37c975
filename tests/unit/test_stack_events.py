# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lines of a stack's events, and the message about an operation that failed."""

from __future__ import annotations

from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.stack.events import (
    STACK_TYPE,
    Event,
    Progress,
    created,
)
from hypothesis import given
from hypothesis import strategies as st

LAUNCH = "AWS::AutoScaling::LaunchConfiguration"
GROUP = "AWS::AutoScaling::AutoScalingGroup"
TYPES = {"orders": STACK_TYPE, "LaunchConfig": LAUNCH, "LaunchGroup": GROUP}


def event(name: str, status: str, reason: str = "") -> Event:
    return Event(name, "", TYPES[name], status, reason)


def lines(events: list[Event], *resources: str) -> list[str]:
    progress = Progress(resources)
    return [line for line in map(progress.line, events) if line]


UPDATE = [
    event("orders", "UPDATE_IN_PROGRESS", "User Initiated"),
    event("LaunchConfig", "UPDATE_IN_PROGRESS", "Requested update requires the creation of a new physical resource"),
    event("LaunchConfig", "UPDATE_IN_PROGRESS", "Resource creation Initiated"),
    event("LaunchConfig", "UPDATE_COMPLETE"),
    event("LaunchGroup", "UPDATE_IN_PROGRESS"),
    event("LaunchGroup", "UPDATE_COMPLETE"),
    event("orders", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
    event("LaunchConfig", "DELETE_IN_PROGRESS"),
    event("LaunchConfig", "DELETE_COMPLETE"),
    event("orders", "UPDATE_COMPLETE"),
]


def test_a_line_counts_the_resources_that_have_finished() -> None:
    assert lines(UPDATE, "LaunchConfig", "LaunchGroup") == [
        "0/2 orders UPDATE_IN_PROGRESS",
        "0/2 LaunchConfig UPDATE_IN_PROGRESS",
        "1/2 LaunchConfig UPDATE_COMPLETE",
        "1/2 LaunchGroup UPDATE_IN_PROGRESS",
        "2/2 LaunchGroup UPDATE_COMPLETE",
        "2/2 orders UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "2/2 LaunchConfig DELETE_IN_PROGRESS",
        "2/2 LaunchConfig DELETE_COMPLETE",
        "2/2 orders UPDATE_COMPLETE",
    ]
    assert lines(UPDATE[:4]) == [
        "orders UPDATE_IN_PROGRESS",
        "LaunchConfig UPDATE_IN_PROGRESS",
        "LaunchConfig UPDATE_COMPLETE",
    ], "no total is known"


def test_a_rollback_is_not_counted_and_a_failure_has_its_reason() -> None:
    failed = [
        UPDATE[0],
        event("LaunchConfig", "UPDATE_FAILED", "Invalid\n  profile"),
        event("orders", "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to update"),
        event("LaunchConfig", "UPDATE_COMPLETE"),
        event("orders", "UPDATE_ROLLBACK_COMPLETE"),
    ]
    assert lines(failed, "LaunchConfig", "LaunchGroup") == [
        "0/2 orders UPDATE_IN_PROGRESS",
        "0/2 LaunchConfig UPDATE_FAILED: Invalid profile",
        "orders UPDATE_ROLLBACK_IN_PROGRESS",
        "LaunchConfig UPDATE_COMPLETE",
        "orders UPDATE_ROLLBACK_COMPLETE",
    ]


def test_a_resource_that_nobody_has_named_counts_from_its_first_event() -> None:
    assert lines(UPDATE[3:5], "LaunchConfig") == [
        "1/1 LaunchConfig UPDATE_COMPLETE",
        "1/2 LaunchGroup UPDATE_IN_PROGRESS",
    ]


statuses = st.sampled_from(["CREATE_IN_PROGRESS", "CREATE_COMPLETE", "UPDATE_FAILED", "DELETE_COMPLETE"])


@given(
    st.lists(st.builds(event, st.sampled_from(sorted(TYPES)), statuses)),
    st.sets(st.sampled_from(["LaunchGroup", "x"]), min_size=1),
)
def test_a_count_never_shrinks_or_passes_its_total(events: list[Event], resources: set[str]) -> None:
    counts = [tuple(map(int, line.split()[0].split("/"))) for line in lines(events, *resources)]
    assert counts == sorted(counts)
    assert all(done <= total for done, total in counts)


def test_a_conditional_resource_may_not_come() -> None:
    watched = {"Resources": {"LaunchGroup": {"Type": GROUP}, "Alarm": {"Condition": "HasStandby"}}}
    assert created(watched) == ["LaunchGroup"]
    assert created("Resources: {}") == []
