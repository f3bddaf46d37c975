# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""replace_transactors with strategy terminate, and what both strategies share, against the emulated AWS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils import screen

from tests.emulator import Emulator
from tests.integration import groups
from tests.modules import CREDENTIALS, run_module

pytestmark = pytest.mark.usefixtures("older_account")


def writes(aws: Emulator) -> list[str]:
    return [call.operation for call in aws.calls() if call.kind == "write"]


def test_terminate_replaces_the_stale_ones_and_nothing_else_happens_the_second_time(aws: Emulator) -> None:
    groups.create(aws, 2)
    before = groups.ids(aws)
    groups.update(aws, 2)
    aws.configure(pending=20, terminating=20, replacement=10)
    result = groups.replace_by_module(aws, strategy="terminate")
    assert not result.get("failed"), result
    assert result["changed"]
    assert sorted(result["replaced"]) == before
    assert sorted(result["launched"]) == groups.ids(aws)
    assert not set(before) & set(groups.ids(aws))
    assert groups.sizes(aws) == (2, 2, 2)
    assert {"is in service"} <= {event["event"] for event in result["timeline"]}
    again = groups.replace_by_module(aws, strategy="terminate")
    assert (again["changed"], again["replaced"], again["timeline"]) == (False, [], [])


def test_terminate_takes_only_the_stale_one_of_two(aws: Emulator) -> None:
    groups.create(aws, 2)
    groups.update(aws, 2)
    first, second = groups.ids(aws)
    client = aws.backstage("autoscaling")
    client.terminate_instance_in_auto_scaling_group(InstanceId=first, ShouldDecrementDesiredCapacity=False)
    result = groups.replace(aws, strategy="terminate")
    assert result["replaced"] == [second]
    assert len(groups.ids(aws)) == 2


@pytest.mark.parametrize("strategy", ["terminate", "rolling"])
def test_check_mode_names_the_instances_and_writes_nothing(aws: Emulator, strategy: str) -> None:
    groups.create(aws)
    before = groups.ids(aws)
    groups.update(aws)
    aws.clear_calls()
    params = {**CREDENTIALS, "endpoint_url": aws.url, "stack_name": "orders", "strategy": strategy}
    result = run_module("replace_transactors", params, check=True)
    assert result["changed"]
    assert result["replaced"] == before
    assert any(before[0] in step for step in result["steps"])
    assert before[0] in result["diff"][0]["before"]
    assert before[0] not in result["diff"][0]["after"]
    assert not writes(aws)


@pytest.mark.parametrize("strategy", ["terminate", "rolling"])
def test_nothing_stale_nothing_to_do(aws: Emulator, strategy: str) -> None:
    groups.create(aws)
    aws.clear_calls()
    result = groups.replace(aws, strategy=strategy)
    assert (result["changed"], result["replaced"], result["launched"]) == (False, [], [])
    assert not writes(aws)


def test_never_asks_nothing(aws: Emulator) -> None:
    params = {**CREDENTIALS, "endpoint_url": aws.url, "stack_name": "orders", "when": "never"}
    assert not run_module("replace_transactors", params)["changed"]
    assert not aws.calls()


def test_always_replaces_what_is_not_stale(aws: Emulator) -> None:
    groups.create(aws, 2)
    before = groups.ids(aws)
    result = groups.replace(aws, strategy="terminate", when="always")
    assert sorted(result["replaced"]) == before
    assert not set(before) & set(groups.ids(aws))


def test_a_group_that_cannot_launch_ends_with_its_own_words(aws: Emulator) -> None:
    groups.create(aws)
    groups.update(aws)
    aws.configure(launch_failure="We currently do not have sufficient c4.large capacity.")
    result = groups.replace(aws, strategy="terminate", timeout=600)
    assert result["failed"]
    assert "the group cannot launch instances" in result["msg"]
    assert "We currently do not have sufficient c4.large capacity." in result["msg"]
    assert "Running again continues" in result["msg"]
    assert result["seconds"] < 300, "before the time is over"


def test_a_time_out_says_what_was_seen(aws: Emulator) -> None:
    groups.create(aws)
    groups.update(aws)
    aws.configure(pending=600)
    result = groups.replace(aws, strategy="terminate", timeout=60)
    assert result["failed"]
    assert "the run has not finished after 60 s (waiting for i-" in result["msg"]
    assert "(Pending)" in result["msg"]


def refresh(aws: Emulator) -> None:
    aws.backstage("autoscaling").start_instance_refresh(AutoScalingGroupName=groups.group_name(aws))


def suspend(aws: Emulator) -> None:
    client = aws.backstage("autoscaling")
    client.suspend_processes(AutoScalingGroupName=groups.group_name(aws), ScalingProcesses=["Launch"])


def protect(aws: Emulator) -> None:
    aws.backstage("autoscaling").set_instance_protection(
        AutoScalingGroupName=groups.group_name(aws), InstanceIds=groups.ids(aws), ProtectedFromScaleIn=True
    )


def set_aside(aws: Emulator) -> None:
    client, group = aws.backstage("autoscaling"), groups.group_name(aws)
    client.update_auto_scaling_group(AutoScalingGroupName=group, MinSize=0)
    client.enter_standby(
        InstanceIds=groups.ids(aws)[:1], AutoScalingGroupName=group, ShouldDecrementDesiredCapacity=True
    )


def warm(aws: Emulator) -> None:
    """Of instances of the launch before the last, of which one is left."""
    client, group = aws.backstage("autoscaling"), groups.group_name(aws)
    client.put_warm_pool(AutoScalingGroupName=group, MinSize=1)
    groups.update(aws, 2, note="third")
    kept = client.describe_warm_pool(AutoScalingGroupName=group)["Instances"]
    assert kept[0]["LaunchConfigurationName"] != groups.group(aws)["LaunchConfigurationName"]


def empty_warm_pool(aws: Emulator) -> None:
    client = aws.backstage("autoscaling")
    client.put_warm_pool(AutoScalingGroupName=groups.group_name(aws))
    assert groups.group(aws)["WarmPoolSize"] == 0


def test_an_empty_warm_pool_would_fill_in_a_rolling_replacement_only(aws: Emulator) -> None:
    groups.create(aws)
    groups.update(aws)
    empty_warm_pool(aws)
    assert "the group has a warm pool, with 0 instances now" in groups.replace(aws)["msg"]
    result = groups.replace(aws, strategy="terminate")
    assert not result.get("failed"), result


@pytest.mark.parametrize(
    ("arrange", "expected"),
    [
        (warm, "the group has a warm pool, with 1 instances now"),
        (refresh, "an instance refresh is InProgress"),
        (suspend, "processes Launch are suspended: aws autoscaling resume-processes"),
        (protect, "protected from scale-in: i-"),
        (set_aside, "not in service: i-"),
    ],
)
@pytest.mark.parametrize("strategy", ["terminate", "rolling"])
def test_what_stands_in_the_way_is_told_before_anything_changes(
    aws: Emulator, strategy: str, arrange: Callable[[Emulator], None], expected: str
) -> None:
    groups.create(aws, 2)
    groups.update(aws, 2)
    arrange(aws)
    aws.clear_calls()
    result = groups.replace(aws, strategy=strategy)
    assert result["failed"]
    assert expected in result["msg"]
    assert not writes(aws)


@pytest.mark.parametrize("check", [False, True])
def test_a_stack_that_does_not_exist(aws: Emulator, check: bool) -> None:
    params = {**CREDENTIALS, "endpoint_url": aws.url, "stack_name": "nosuch"}
    result: dict[str, Any] = run_module("replace_transactors", params, check=check)
    if check:
        assert not result["changed"], "the create playbook's check run gets here"
    else:
        assert result["failed"]
        assert "There is no stack nosuch." in result["msg"]


def test_a_group_without_a_stack_gets_its_own_sizes_back(aws: Emulator) -> None:
    client = aws.backstage("autoscaling")
    for name in ("first", "second"):
        client.create_launch_configuration(LaunchConfigurationName=name, ImageId=groups.IMAGE, InstanceType="c4.large")
    client.create_auto_scaling_group(
        AutoScalingGroupName="byhand",
        LaunchConfigurationName="first",
        MinSize=1,
        MaxSize=1,
        DesiredCapacity=1,
        AvailabilityZones=["us-east-1a"],
    )
    client.update_auto_scaling_group(AutoScalingGroupName="byhand", LaunchConfigurationName="second")
    lines: list[str] = []
    groups.one_step(aws, lines=lines, auto_scaling_group_name="byhand", settle_seconds=600)
    assert groups.group(aws, "byhand")["DesiredCapacity"] == 2
    result = groups.replace(aws, auto_scaling_group_name="byhand", settle_seconds=60)
    assert not result.get("failed"), result
    group = groups.group(aws, "byhand")
    assert (group["MinSize"], group["DesiredCapacity"], group["MaxSize"]) == (1, 1, 1)
    assert [each["LaunchConfigurationName"] for each in group["Instances"]] == ["second"]
    assert not group["Tags"]
    assert any("Without metrics" in line for line in lines)


def test_a_warning_that_the_plan_has_shown_is_not_repeated(aws: Emulator) -> None:
    groups.create(aws)
    groups.update(aws)
    options = {**CREDENTIALS, "endpoint_url": aws.url, "stack_name": "orders"}
    assert run_module("replace_transactors", options, check=True)["warnings"]
    _result, (warning,) = groups.check(aws)
    with screen.shown_by(print, [warning]):
        assert "warnings" not in run_module("replace_transactors", options, check=True)
