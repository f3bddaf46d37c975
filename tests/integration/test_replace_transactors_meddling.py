# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""replace_transactors while transactors hang, end or fall silent, on simulated transactors, in emulated time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import diagnostics

from tests.emulator import Emulator
from tests.emulator.clock import CLOCK
from tests.integration import groups
from tests.integration.test_replace_transactors_rolling import METRICS, bound, system


def once(condition: Callable[[], list[str]], do: Callable[[str], None]) -> Callable[[], None]:
    """Do it to the first one that is found."""
    done: list[str] = []

    def meddle() -> None:
        if not done and (found := condition()):
            done.append(found[0])
            do(found[0])

    return meddle


def role(aws: Emulator, name: str, among: list[str] | None = None, but: list[str] | None = None) -> list[str]:
    """The transactors of that role, of those or of all but those."""
    found = [one["instance_id"] for one in aws.transactors() if one["role"] == name]
    return [each for each in found if (among is None or each in among) and each not in (but or [])]


def test_a_new_one_that_serves_in_place_of_one_that_hangs_is_not_removed(aws: Emulator) -> None:
    old = system(aws, 1)
    hang = once(lambda: old if role(aws, "standby", but=old) else [], lambda one: aws.configure(modes={one: "hang"}))
    result = groups.replace_meddled_with(aws, hang, **METRICS, timeout=900)
    assert result["failed"]
    (new,) = result["launched"]
    assert f"nothing is removed, because {new} may be the active one now" in result["msg"]
    assert groups.ids(aws) == sorted([*old, new])
    aws.advance(3600)
    assert role(aws, "active") == [new]
    assert aws.outage() <= bound()
    # What the message says: the one that hangs goes, and the next run ends it.
    client = aws.backstage("autoscaling")
    client.terminate_instance_in_auto_scaling_group(InstanceId=old[0], ShouldDecrementDesiredCapacity=True)
    aws.advance(60)
    again = groups.replace(aws, **METRICS)
    assert not again.get("failed"), again
    assert (groups.ids(aws), groups.sizes(aws)) == ([new], (1, 1, 1))


@pytest.mark.parametrize("health_check", [0, 60, 120, 300])
def test_a_new_one_that_ends_after_it_has_proven_itself_does_not_count(aws: Emulator, health_check: int) -> None:
    """Its beats of the last minutes suffice, and its group learns of its end only at the next health check."""
    old = system(aws, 1, health_check=health_check)
    client = aws.backstage("ec2")

    def proven() -> list[str]:
        new = role(aws, "standby", but=old)
        return [one["instance_id"] for one in aws.transactors() if one["instance_id"] in new and age(one) > 121]

    def age(one: dict[str, Any]) -> float:
        return CLOCK.now() - float(one["since"])

    lines: list[str] = []
    end = once(proven, lambda one: client.terminate_instances(InstanceIds=[one]))
    result = groups.replace_meddled_with(aws, end, **METRICS, lines=lines)
    assert not result.get("failed"), result
    assert (result["replaced"], len(result["launched"])) == (old, 2)
    assert (len(groups.ids(aws)), groups.sizes(aws)) == (1, (1, 1, 1))
    assert aws.outage() <= bound(), lines


@pytest.mark.parametrize("which", [0, 1])
def test_one_that_has_hung_for_long_is_replaced_in_batches_too(aws: Emulator, which: int) -> None:
    old = system(aws, 2, capacity=3)
    aws.configure(modes={old[which]: "hang"})
    aws.advance(900)
    aws.measure()
    result = groups.replace(aws, **METRICS, timeout=1800)
    assert not result.get("failed"), result
    assert sorted(result["replaced"]) == old
    assert groups.sizes(aws) == (2, 2, 2)
    assert aws.outage() <= bound()


def test_launches_that_fail_at_one_moment_are_one_attempt(aws: Emulator) -> None:
    old = system(aws, 2, capacity=2, launch_retry=20)

    def failed() -> list[str]:
        found = aws.backstage("autoscaling").describe_scaling_activities()["Activities"]
        return [one["ActivityId"] for one in found if one["StatusCode"] == "Failed"]

    result = groups.replace_meddled_with(aws, once(failed, lambda _one: aws.configure(capacity=None)), **METRICS)
    assert not result.get("failed"), result
    assert (sorted(result["replaced"]), len(result["launched"])) == (old, 2)


def test_what_happens_while_diagnostics_are_gathered_is_seen_before_anything_is_removed(aws: Emulator) -> None:
    old = system(aws, 1, modes={"second": "unhealthy"}, health_check=100_000)
    console = diagnostics.console

    def slow_console(ec2: Any, instance_id: str) -> list[str]:
        aws.backstage("ec2").terminate_instances(InstanceIds=old)
        aws.advance(20)
        return console(ec2, instance_id)

    with mock.patch.object(diagnostics, "console", slow_console):
        result = groups.replace(aws, **METRICS, timeout=300)
    assert result["failed"]
    assert groups.ids(aws) == result["launched"]


def test_what_fails_after_the_old_ones_have_gone_is_told_as_that(aws: Emulator) -> None:
    """Their successors' metrics stop coming in before the last gate."""
    old = system(aws, 1)
    gone = once(lambda: role(aws, "dead", among=old), lambda _one: aws.configure(metrics_delay=100_000))
    result = groups.replace_meddled_with(aws, gone, **METRICS, timeout=900)
    assert result["failed"]
    assert result["msg"].startswith("The transactors were replaced, but the run has not finished after 900 s")
    assert (result["replaced"], groups.sizes(aws)) == (old, (1, 1, 1))


def test_a_hook_that_keeps_the_old_one_longer_than_the_timeout(aws: Emulator) -> None:
    old = system(aws, 1)
    aws.configure(terminating=3600)
    result = groups.replace(aws, **METRICS, timeout=1800)
    assert result["msg"].startswith("The transactors were replaced, but the run has not finished after 1800 s")
    assert f"waiting for {old[0]} to end" in result["msg"]
    assert (result["replaced"], groups.sizes(aws)) == (old, (1, 1, 1))
    aws.advance(1800)
    assert not groups.replace(aws, **METRICS).get("failed")
    assert (groups.ids(aws), aws.outage() <= bound()) == (result["launched"], True)


@pytest.mark.parametrize(
    ("suspend", "expected"),
    [(True, "the group's processes Terminate are suspended"), (False, "the stack is UPDATE_IN_PROGRESS")],
)
def test_an_obstacle_in_the_middle_stops_with_the_group_as_it_is(aws: Emulator, suspend: bool, expected: str) -> None:
    old = system(aws, 1)
    client = aws.backstage("autoscaling")
    process = {"AutoScalingGroupName": groups.group_name(aws), "ScalingProcesses": ["Terminate"]}

    def hinder(_one: str) -> None:
        if suspend:
            client.suspend_processes(**process)
        else:
            aws.set_stack_status("orders", "UPDATE_IN_PROGRESS")

    result = groups.replace_meddled_with(aws, once(lambda: role(aws, "standby"), hinder), **METRICS)
    assert result["failed"]
    assert expected in result["msg"]
    assert (groups.ids(aws), result["replaced"]) == (sorted([*old, *result["launched"]]), [])
    assert groups.sizes(aws) == (1, 2, 2)
    client.resume_processes(**process)
    aws.set_stack_status("orders", "UPDATE_COMPLETE")
    again = groups.replace(aws, **METRICS)
    assert (again["replaced"], groups.ids(aws)) == (old, result["launched"])
    assert aws.outage() <= bound()


def test_a_suspended_process_stops_it_before_anything_changes(aws: Emulator) -> None:
    old = system(aws, 1)
    process = {"AutoScalingGroupName": groups.group_name(aws), "ScalingProcesses": ["Terminate"]}
    aws.backstage("autoscaling").suspend_processes(**process)
    aws.clear_calls()
    result = groups.replace(aws, **METRICS)
    assert "aws autoscaling resume-processes" in result["msg"]
    assert (groups.ids(aws), [call for call in aws.calls() if call.kind == "write"]) == (old, [])
