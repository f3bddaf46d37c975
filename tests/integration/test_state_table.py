# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shared state of a system: one writer at a time, whatever answer is lost."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import state_table
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import AwsError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.state.item import Holder, Item, Run

from tests.emulator import Emulator

FILES: Any = {"transactor": "a" * 40, "cf": "b" * 40}


def holder(lock: str) -> Holder:
    return Holder(lock, "anna@laptop", "arn:aws:iam::123456789012:user/anna", "2026-11-28T12:00:00Z", "m1", 7, "1")


def run(lock: str) -> Run:
    return Run(lock, "anna@laptop", "arn:aws:iam::123456789012:user/anna", "2026-11-28T12:00:00Z", "m1:/x", FILES)


def take(client: Any, seen: Item, lock: str) -> Item | None:
    return state_table.take(client, seen, holder(lock), run(lock), f"{lock}-1", 100.0)


def test_a_lock_from_its_taking_to_its_release(aws: Emulator) -> None:
    client = aws.client("dynamodb")
    nothing = state_table.read(client, "orders")
    assert nothing == Item("orders")
    taken = take(client, nothing, "one")
    assert taken == Item("orders", 1, holder("one"), "one-1", 100.0, {}, run("one"))
    assert state_table.read(client, "orders") == taken
    assert take(client, nothing, "two") is None
    assert state_table.renew(client, "orders", "one", "one-2", 115.0)
    assert take(client, taken, "two") is None
    assert not state_table.renew(client, "orders", "two", "two-2", 115.0)
    names: Any = {"transactor": {"aws-transactor-role": "datomic-aws-transactor"}}
    assert state_table.remember(client, "orders", "one", names)
    assert not state_table.remember(client, "orders", "two", {})
    assert not state_table.release(client, taken, "two", run("two"), None)
    assert state_table.release(client, taken, "one", run("one"), run("one"))
    assert state_table.read(client, "orders") == Item("orders", 2, None, "", 0.0, names, run("one"), run("one"))
    assert state_table.read(client, "other") == Item("other")


def test_a_dead_holder_is_succeeded_by_one_only(aws: Emulator) -> None:
    client = aws.client("dynamodb")
    taken = take(client, state_table.read(client, "orders"), "one")
    assert taken
    assert take(client, taken, "two") is not None
    assert take(client, taken, "three") is None


def test_a_request_whose_answer_was_lost_has_taken_the_lock(aws: Emulator) -> None:
    client = aws.client("dynamodb")
    nothing = state_table.read(client, "orders")
    assert take(client, nothing, "one") == take(client, nothing, "one")


def test_two_first_runs_create_one_table(aws: Emulator) -> None:
    client = aws.client("dynamodb")
    aws.fault("dynamodb:UpdateItem", code="ResourceNotFoundException", status=400)
    assert take(client, Item("orders"), "one")
    aws.fault("dynamodb:UpdateItem", code="ResourceNotFoundException", status=400)
    assert take(client, Item("other"), "two")


def test_a_denied_call_names_the_policy_and_the_way_without(aws: Emulator) -> None:
    aws.fault("dynamodb:GetItem", code="AccessDeniedException", status=400)
    with pytest.raises(
        AwsError, match=r"dynamodb:GetItem on it .* docs/iam-policies/state\.json .* datomic_state: local"
    ):
        state_table.read(aws.client("dynamodb"), "orders")
