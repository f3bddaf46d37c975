# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sample of make chaos with several machines, and what it would notice."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import state_table

from tests.chaos import meetings, state
from tests.chaos.machines import Machine, crew
from tests.chaos.trials import Tally, Trials
from tests.emulator import Emulator
from tests.integration.test_state_table import take


@pytest.fixture
def crew_of_two(aws: Emulator, tmp_path: pathlib.Path) -> list[Machine]:
    return crew(tmp_path, aws, ["anna", "ben"], {}, {})


def test_the_moments_are_changes_and_the_calls_before_them(aws: Emulator) -> None:
    s3 = aws.client("s3")
    s3.list_buckets()
    s3.list_buckets()
    s3.create_bucket(Bucket="my-logs")
    s3.list_buckets()
    found = [str(moment) for moment in meetings.moments(aws.calls())]
    assert found == ["s3:ListBuckets 2", "s3:CreateBucket 1"]


def test_renewals_of_the_lock_are_no_moments(aws: Emulator) -> None:
    client = aws.client("dynamodb")
    taken = take(client, state_table.read(client, "orders"), "one")
    assert taken
    state_table.renew(client, "orders", "one", "one-2", 115.0)
    state_table.release(client, taken, "one", None, None)
    found = [str(moment) for moment in meetings.moments(aws.calls(), every=100)]
    update = "dynamodb:UpdateItem"
    assert found == [
        "dynamodb:GetItem 1",
        f"{update} #lock 1",
        "dynamodb:CreateTable 1",
        "dynamodb:DescribeTable 1",
        f"{update} #lock 2",
        f"{update} REMOVE 1",
    ]


def test_machines_share_a_remote_and_nothing_else(crew_of_two: list[Machine]) -> None:
    anna, ben = crew_of_two
    assert [machine.environment["AWS_ACCESS_KEY_ID"] for machine in crew_of_two] == ["anna", "ben"]
    assert anna.environment["HOME"] != ben.environment["HOME"]
    anna.set("memory-index-max", "256m")
    ben.set("encrypt-channel", "true")
    anna.git("commit", "--quiet", "--all", "--message", "Less memory")
    anna.git("push", "--quiet")
    ben.pull()
    assert "memory-index-max=256m" in ben.transactor.read_text()
    assert "encrypt-channel=true" in ben.transactor.read_text()
    assert state.commits(ben)[-2:] == [
        f"{text}  aws/wormbase-transactor.properties" for text in ("Less memory", "Edited here")
    ]


def test_a_refusal_names_the_other_and_the_way_out(crew_of_two: list[Machine]) -> None:
    anna, ben = crew_of_two
    assert meetings.names_another(anna, [anna, ben], "ben@laptop applied more than this checkout has: git pull")
    assert not meetings.names_another(ben, [anna, ben], "ben@laptop applied more than this checkout has: git pull")
    assert not meetings.names_another(anna, [anna, ben], "ben")


def test_two_machines_create_one_system(aws: Emulator) -> None:
    tally = Tally("create/create")
    meetings.Meetings(Trials(aws), tally, only="s3:CreateBucket").held("hold")
    assert (tally.tried, tally.bad, tally.unmet) == (1, 0, 0), tally.details


def test_a_lock_that_is_never_taken_is_found(aws: Emulator) -> None:
    tally = Tally("create/create")
    meetings.Meetings(Trials(aws), tally, only="s3:CreateBucket", state="local").held("hold")
    assert (tally.tried, tally.orphaned, tally.unmet) == (1, 1, 0), tally.details
    assert "buckets: ['datomic-logs-random-0', 'datomic-logs-random-1'], not" in tally.details[0]
