# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""replace_transactors with when: surplus: a group gets smaller while one serves, in emulated time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator import Emulator
from tests.integration import groups
from tests.integration.test_replace_transactors_meddling import role
from tests.integration.test_replace_transactors_rolling import METRICS, PROPERTIES, bound, system

pytestmark = pytest.mark.usefixtures("older_account")

SURPLUS: dict[str, Any] = {**METRICS, "when": "surplus", "poll_seconds": 20}


def serving(aws: Emulator, size: int, **settings: Any) -> list[str]:
    """A system that has served for some minutes, with nothing to replace."""
    aws.configure(simulator=True, boot=0)
    groups.create(aws, size, properties=PROPERTIES.format(interval=5000))
    aws.advance(420)
    aws.configure(boot=45, pending=20, terminating=20, replacement=10, metrics_delay=40, **settings)
    aws.measure()
    return groups.ids(aws)


@pytest.mark.parametrize(("size", "smaller"), [(2, 1), (3, 1), (3, 2)])
def test_the_surplus_goes_and_the_stack_s_update_ends_nothing(aws: Emulator, size: int, smaller: int) -> None:
    before = serving(aws, size)
    found, warnings = groups.check(aws, **METRICS, when="surplus", size=smaller)
    assert len(found["ended"]) == size - smaller
    assert found["steps"][-1] == f"leave the group at minimum {smaller}, desired {smaller}, maximum {smaller}"
    (warning,) = warnings
    assert f"has {size} transactors, and its size is {smaller}" in warning
    ends = "1 of them ends" if size - smaller == 1 else f"{size - smaller} of them end"
    assert f"{ends} before the stack is updated" in warning
    assert "up to 16 s (3 heartbeats and 1 s)" in warning
    assert all(identity in warning for identity in found["ended"])
    lines: list[str] = []
    result = groups.replace(aws, **SURPLUS, size=smaller, lines=lines)
    assert not result.get("failed"), result
    assert (sorted(result["ended"]), result["replaced"], result["launched"]) == (sorted(found["ended"]), [], [])
    assert [line for line in lines if line == warning] == [warning]
    assert groups.sizes(aws) == (smaller,) * 3
    left = groups.ids(aws)
    assert set(left) < set(before)
    groups.update(aws, smaller, note="first", properties=PROPERTIES.format(interval=5000))
    aws.advance(600)
    assert groups.ids(aws) == left
    assert len(role(aws, "active")) == 1
    assert aws.outage() <= bound(), lines


@pytest.mark.parametrize(("size", "smaller"), [(2, 1), (3, 2)])
def test_the_preview_of_a_replacement_takes_the_heartbeats_of_the_surplus_for_no_other_system(
    aws: Emulator, size: int, smaller: int
) -> None:
    before = serving(aws, size)
    found, _warnings = groups.check(aws, **METRICS, when="always", size=smaller)
    assert len(found["replaced"]) == smaller
    assert set(found["replaced"]) < set(before)


def test_one_that_is_killed_is_continued(aws: Emulator) -> None:
    serving(aws, 2)

    def kill() -> None:
        if len(groups.ids(aws)) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        groups.replace_meddled_with(aws, kill, **SURPLUS, size=1)
    assert groups.sizes(aws) == (1, 1, 2)
    result = groups.replace(aws, **SURPLUS, size=1)
    assert not result.get("failed"), result
    assert result["ended"] == []
    assert len(groups.ids(aws)) == 1
    groups.update(aws, 1, note="first", properties=PROPERTIES.format(interval=5000))
    aws.advance(600)
    assert len(role(aws, "active")) == 1
    assert aws.outage() <= bound()


@pytest.mark.parametrize("mode", ["hang", "mute"])
def test_after_a_larger_group_with_a_bad_edit_the_one_that_serves_stays(aws: Emulator, mode: str) -> None:
    """The edit from one to two made the new ones hang, and its replacement failed. The file is reverted then."""
    old = serving(aws, 1, modes={"second": mode})
    groups.update(aws, 2, properties=PROPERTIES.format(interval=5000))
    failed = groups.replace(aws, **METRICS, poll_seconds=20, timeout=900)
    assert failed["failed"]
    result = groups.replace(aws, **SURPLUS, size=1, timeout=900)
    assert not result.get("failed"), result
    assert groups.ids(aws) == old
    assert groups.sizes(aws) == (1, 1, 1)
    groups.update(aws, 1, note="first", properties=PROPERTIES.format(interval=5000))
    aws.advance(600)
    assert groups.ids(aws) == old
    assert aws.outage() == 0


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("boot", [45, 0])
def test_another_edit_after_a_run_that_was_killed_in_its_surge(aws: Emulator, size: int, boot: int) -> None:
    """The stack's update would make the group terminate what the surge has launched, or the old ones instead.

    boot: whether those that the surge launched still boot then, so that the old ones alone serve.
    """
    old = system(aws, 2)
    aws.configure(boot=boot)

    def kill() -> None:
        if len(groups.ids(aws)) == 4 and (boot or len(role(aws, "standby")) == 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        groups.replace_meddled_with(aws, kill, **METRICS)
    aws.configure(boot=45)
    properties = PROPERTIES.format(interval=5000)
    for_update = groups.replace(aws, **SURPLUS, size=size)
    assert not for_update.get("failed"), for_update
    left = groups.ids(aws)
    groups.update(aws, size, note="third", properties=properties)
    aws.advance(30)
    assert set(left) <= set(groups.ids(aws)), "the update ends nothing"
    result = groups.replace(aws, **METRICS)
    assert not result.get("failed"), result
    assert groups.sizes(aws) == (size,) * 3
    assert not {*old, *left} & set(groups.ids(aws))
    assert (len(groups.ids(aws)), len(role(aws, "active"))) == (size, 1)
    assert aws.outage() <= bound()


def test_a_group_that_somebody_scaled_by_hand(aws: Emulator) -> None:
    serving(aws, 2)
    client = aws.backstage("autoscaling")
    client.update_auto_scaling_group(AutoScalingGroupName=groups.group_name(aws), MaxSize=3, DesiredCapacity=3)
    aws.advance(600)
    found, warnings = groups.check(aws, **METRICS)
    assert len(found["ended"]) == 1
    assert found["steps"][-1] == "leave the group at minimum 2, desired 2, maximum 2"
    (warning,) = warnings
    assert "has 3 transactors, and its size is 2: 1 of them ends (" in warning
    # In a check, a task before this one would have ended it.
    found, warnings = groups.check(aws, **METRICS, size=2)
    assert (found["steps"], found["ended"], warnings) == ([], [], [])
    lines: list[str] = []
    result = groups.replace(aws, **METRICS, lines=lines)
    assert not result.get("failed"), result
    assert any("the group has 3 instances, 2 configured: terminating 1" in line for line in lines), lines
    assert not any("earlier replacement" in line for line in lines)
    assert (len(groups.ids(aws)), groups.sizes(aws)) == (2, (2, 2, 2))
    assert aws.outage() <= bound()


def test_a_larger_group_is_planned_with_its_size_to_come(aws: Emulator) -> None:
    serving(aws, 1)
    found, warnings = groups.check(aws, **METRICS, size=2, when="always")
    assert found["steps"][0] == "launch 2 in addition to the old"
    assert found["steps"][-1] == "leave the group at minimum 2, desired 2, maximum 2"
    assert warnings == []


def test_strategy_terminate_ends_it_at_once(aws: Emulator) -> None:
    serving(aws, 3)
    result = groups.replace(aws, **SURPLUS, size=1, strategy="terminate")
    assert not result.get("failed"), result
    assert (len(result["ended"]), groups.sizes(aws), len(groups.ids(aws))) == (2, (1, 1, 1), 1)
    aws.advance(600)
    assert len(role(aws, "active")) == 1


def test_without_metrics_time_has_to_do_and_the_warning_says_so(aws: Emulator) -> None:
    serving(aws, 2)
    lines: list[str] = []
    result = groups.replace(aws, when="surplus", size=1, settle_seconds=60, lines=lines)
    assert not result.get("failed"), result
    assert any("Without metrics it is unknown which one is active" in line for line in lines), lines
    assert (groups.sizes(aws), len(groups.ids(aws))) == ((1, 1, 1), 1)
    assert aws.outage() <= bound()


def test_nothing_goes_while_another_one_may_not_serve(aws: Emulator) -> None:
    before = serving(aws, 2)
    aws.configure(modes={role(aws, "standby")[0]: "hang"})
    aws.advance(600)
    result = groups.replace(aws, **SURPLUS, size=1, timeout=300)
    assert result["failed"]
    assert result["msg"].startswith("The transactors beyond the group's size were not all terminated: ")
    assert "may be the active one now" in result["msg"]
    assert "--min-size 1 && aws autoscaling terminate-instance" in result["msg"]
    assert "replaces all" not in result["msg"]
    assert groups.ids(aws) == before
    assert aws.outage() == 0
