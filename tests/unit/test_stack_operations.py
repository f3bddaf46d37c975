# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose operation of a stack it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.stack import operations
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.stack.events import STACK_TYPE, Event


def stack(status: str) -> Event:
    return Event("orders", "arn:orders", STACK_TYPE, status, stack_id="arn:orders")


def resource(status: str, kind: str = "AWS::AutoScaling::AutoScalingGroup") -> Event:
    return Event("LaunchGroup", "group", kind, status, stack_id="arn:orders")


ENDED = [stack("CREATE_IN_PROGRESS"), resource("CREATE_COMPLETE"), stack("CREATE_COMPLETE")]
BEGUN = [stack("UPDATE_IN_PROGRESS"), resource("UPDATE_IN_PROGRESS")]


@pytest.mark.parametrize(
    ("events", "count"),
    [
        ([], 0),
        (ENDED, 0),
        (ENDED + BEGUN, 2),
        ([*ENDED, *BEGUN, stack("UPDATE_ROLLBACK_IN_PROGRESS"), resource("UPDATE_COMPLETE")], 4),
        ([*ENDED, *BEGUN, stack("UPDATE_ROLLBACK_COMPLETE")], 0),
        ([*ENDED, *BEGUN, stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")], 3),
        # A nested stack is a resource.
        ([*ENDED, resource("UPDATE_IN_PROGRESS", STACK_TYPE)], 0),
        ([stack("REVIEW_IN_PROGRESS")], 0),
        (BEGUN[1:], 0),
    ],
)
def test_the_events_of_the_operation_that_is_under_way(events: list[Event], count: int) -> None:
    assert operations.running(reversed(events)) == (events[-count:] if count else [])


@pytest.mark.parametrize(
    ("current", "desired", "same"),
    [
        ({"Resources": {}, "Outputs": {}}, {"Outputs": {}, "Resources": {}}, True),
        ({"Resources": {"A": 1}}, {"Resources": {"A": "1"}}, False),
        ({"Description": "gr?n ??"}, {"Description": "grün 🙂"}, True),
        ("Resources: {A: 1}", "Resources: {A: 1}", True),
        ("Resources: {A: 1}", {"Resources": {"A": 1}}, True),
        ("] no template", "] another", False),
    ],
)
def test_templates_are_compared_by_meaning(current: Any, desired: Any, *, same: bool) -> None:
    assert operations.differences(current, {"a": "b"}, desired, None) == ([] if same else ["template"])
    text = desired if isinstance(desired, str) else json.dumps(desired)
    assert operations.differences(current, {}, text, {"a": "b"}) == ([] if same else ["template"]) + ["tags"]


def test_a_long_operation_is_shown_by_its_first_events() -> None:
    lines = operations.under_way("orders", BEGUN * 4).splitlines()
    assert len(lines) == 2 + operations.SHOWN + 1
