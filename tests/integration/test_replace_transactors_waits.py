# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""replace_transactors: what a run waits for, what it says meanwhile, and when it ends, in emulated time."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from unittest import mock

import pytest

from tests.emulator import Emulator
from tests.emulator.clock import CLOCK
from tests.integration import groups
from tests.integration.test_replace_transactors_rolling import METRICS, PROPERTIES, system

BOOT = {"simulator": True, "boot": 45, "pending": 20, "terminating": 20, "replacement": 10, "metrics_delay": 40}


@pytest.mark.parametrize("size", [1, 2])
def test_terminate_ends_when_a_fresh_one_is_active_and_the_others_stand_by(aws: Emulator, size: int) -> None:
    old = system(aws, size)
    result = groups.replace(aws, **METRICS, strategy="terminate")
    assert not result.get("failed"), result
    assert sorted(result["replaced"]) == old
    roles = sorted(one["role"] for one in aws.transactors() if one["instance_id"] not in old)
    assert roles == ["active", *["standby"] * (size - 1)]
    assert any("beating" in event["event"] for event in result["timeline"])


def test_terminate_fails_when_nothing_beats(aws: Emulator) -> None:
    """Its instance is in service all the same."""
    old = system(aws, 1, modes={"second": "unhealthy"})
    result = groups.replace(aws, **METRICS, strategy="terminate", timeout=900)
    assert result["msg"].startswith(
        "The transactors were replaced, but the run has not finished after 900 s (no heartbeat yet)"
    )
    assert "Console of i-" in result["msg"]
    assert (result["replaced"], len(result["launched"])) == (old, 1)


def test_the_first_creation_ends_with_a_heartbeat(aws: Emulator) -> None:
    aws.configure(**BOOT)
    groups.create(aws, 2, properties=PROPERTIES.format(interval=5000))
    lines: list[str] = []
    result = groups.replace(aws, **METRICS, lines=lines)
    assert (result.get("failed"), result["changed"], result["launched"]) == (None, False, []), result
    assert "waiting for the new transactors to serve" in lines[0]
    assert sorted(one["role"] for one in aws.transactors()) == ["active", "standby"]
    aws.clear_calls()
    assert not groups.replace(aws, **METRICS)["timeline"], "nothing is left to be waited for"


@pytest.mark.parametrize(("mode", "expected"), [("unhealthy", "no heartbeat yet"), ("crash", "ended by themselves")])
def test_a_first_creation_without_a_heartbeat_fails(aws: Emulator, mode: str, expected: str) -> None:
    aws.configure(**BOOT, modes={"first": mode}, health_check=60)
    groups.create(aws, 1, properties=PROPERTIES.format(interval=5000))
    result = groups.replace(aws, **METRICS, timeout=600, poll_seconds=10)
    assert result["failed"]
    assert result["msg"].startswith("The transactors do not serve as they should: ")
    assert expected in result["msg"]
    assert "Console of i-" in result["msg"]
    assert len(aws.transactors()) <= 2 if mode == "crash" else len(aws.transactors()) == 1


def test_a_system_that_has_run_for_long_is_not_waited_for(aws: Emulator) -> None:
    aws.configure(**BOOT, modes={"first": "mute"})
    groups.create(aws, 1, properties=PROPERTIES.format(interval=5000))
    aws.advance(3600)
    assert groups.replace(aws, **METRICS)["timeline"] == []


def test_a_line_every_minute_says_what_is_waited_for_and_how_long(aws: Emulator) -> None:
    system(aws, 1, modes={"second": "unhealthy"})
    lines: list[tuple[float, str]] = []

    class Lines(list[str]):
        def append(self, line: str) -> None:
            lines.append((CLOCK.now(), line))

    with groups.emulated_time(aws):
        result = groups.replace_in_time(aws, lines=Lines(), timeout=900, **METRICS, poll_seconds=15)
    assert result["failed"]
    moments = [at for at, _line in lines]
    assert max(later - earlier for earlier, later in itertools.pairwise(moments)) <= 61
    waiting = [line for _at, line in lines if re.search(r"  waiting \d+ of 15 min: \w", line)]
    assert len(waiting) >= 12, lines
    expected = [event["event"] for event in result["timeline"]]
    assert not [event for event in expected if event.startswith("waiting ")], "the timeline has what happened"


def flapping(aws: Emulator) -> Callable[[], None]:
    """A group whose state is another one at every look."""
    states = iter(range(100_000))

    def flap() -> None:
        client, name = aws.backstage("autoscaling"), groups.group_name(aws)
        healthy = "Unhealthy" if next(states) % 2 else "Healthy"
        for one in groups.group(aws)["Instances"]:
            if one["LifecycleState"] == "InService" and one["HealthStatus"] != healthy:
                client.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=["ReplaceUnhealthy"])
                client.set_instance_health(InstanceId=one["InstanceId"], HealthStatus=healthy)

    return flap


@pytest.mark.parametrize("strategy", ["rolling", "terminate"])
def test_a_group_that_changes_all_the_time_does_not_keep_a_run_from_its_end(aws: Emulator, strategy: str) -> None:
    system(aws, 1, modes={"second": "unhealthy"})
    result = groups.replace_meddled_with(aws, flapping(aws), **METRICS, strategy=strategy, timeout=300)
    assert result["failed"]
    assert 300 <= result["seconds"] <= 300 + 300 + 60


def test_a_slow_aws_does_not_keep_a_run_from_its_end(aws: Emulator) -> None:
    """Each look takes a minute."""
    system(aws, 1, modes={"second": "unhealthy"})
    with mock.patch.object(groups.Clients, "limit_time", side_effect=lambda _seconds: aws.advance(60)):
        result = groups.replace(aws, **METRICS, timeout=300, poll_seconds=5)
    assert result["failed"]
    assert result["seconds"] <= 300 + 300 + 2 * 90
    assert groups.sizes(aws) == (1, 1, 1)


@pytest.mark.parametrize("operation", ["TerminateInstanceInAutoScalingGroup", "UpdateAutoScalingGroup"])
def test_a_group_that_is_busy_is_asked_again(aws: Emulator, operation: str) -> None:
    """botocore does not: https://github.com/keikoproj/upgrade-manager/issues/77."""
    old = system(aws, 2)
    expected = "Scaling activity a1b2 is in progress and blocks this action"
    aws.fault(match=operation, times=3, mode="error", code="ScalingActivityInProgress", message=expected)
    lines: list[str] = []
    result = groups.replace(aws, **METRICS, lines=lines)
    assert not result.get("failed"), result
    assert sorted(result["replaced"]) == old
    assert groups.sizes(aws) == (2, 2, 2)


def test_a_group_that_stays_busy_ends_the_run_in_time(aws: Emulator) -> None:
    old = system(aws, 1)
    aws.fault(match="UpdateAutoScalingGroup", times=10_000, mode="error", code="ScalingActivityInProgress", status=400)
    result = groups.replace(aws, **METRICS, timeout=300)
    assert "the run has not finished after 300 s" in result["msg"]
    assert (groups.ids(aws), result["seconds"] < 700) == (old, True)


def test_running_again_is_said_to_do_what_it_does(aws: Emulator) -> None:
    old = system(aws, 1, modes={"second": "unhealthy"})
    back = groups.replace(aws, **METRICS, timeout=300)
    assert back["msg"].endswith("The group is as it was: running again begins the replacement anew."), back["msg"]
    lines: list[str] = []
    always = groups.replace(aws, **METRICS, timeout=300, when="always", lines=lines)
    assert always["msg"].endswith("Running again replaces all that is in the group then.")
    assert "if this is stopped, running it again starts over" in lines[0]
    assert groups.ids(aws) == old
    assert groups.replace(aws, stack_name="nosuch")["msg"] == "There is no stack nosuch."
    aws.fault(match="DescribeAutoScalingGroups", mode="error", code="AccessDenied", status=403)
    assert "AccessDenied" in groups.replace(aws, **METRICS)["msg"]
