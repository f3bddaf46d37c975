# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""replace_transactors until the takeover: the new ones stand by, the old ones serve; the next run goes on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator import Emulator
from tests.integration import groups
from tests.integration.test_replace_transactors_rolling import METRICS, bound, system

pytestmark = pytest.mark.usefixtures("older_account")


@pytest.mark.parametrize("when", ["stale", "always"])
def test_it_pauses_before_the_takeover_and_goes_on_hours_later(aws: Emulator, when: str) -> None:
    old = system(aws, 2)
    lines: list[str] = []
    paused = groups.replace(aws, **METRICS, when=when, until="takeover", lines=lines)
    assert not paused.get("failed"), paused
    assert (paused["paused"], paused["changed"], paused["replaced"]) == (True, True, [])
    assert sorted(paused["old"]) == old
    assert sorted(paused["new"]) == sorted(paused["launched"])
    assert groups.ids(aws) == sorted(old + paused["new"])
    assert any("standby 3 of 3 is beating" in line for line in lines)
    assert any("paused before the takeover: " in line for line in lines), lines
    assert aws.outage() == 0
    aws.advance(7200)
    done = groups.replace(aws, **METRICS, when=when, instances=tuple(paused["old"]))
    assert not done.get("failed"), done
    assert (done["paused"], sorted(done["replaced"]), done["launched"]) == (False, old, [])
    assert groups.ids(aws) == sorted(paused["new"])
    assert groups.sizes(aws) == (2, 2, 2)
    assert 0 < aws.outage() <= bound()


@pytest.mark.parametrize("zones", ["us-east-1a", "us-east-1a us-east-1b"])
def test_a_takeover_that_is_not_allowed_ends_the_new_ones_and_not_the_old(aws: Emulator, zones: str) -> None:
    """Also where an old one is in the fullest zone."""
    old = system(aws, 2, template={"zones": zones.split()})
    paused = groups.replace(aws, **METRICS, until="takeover")
    assert paused["paused"], paused
    refused: dict[str, Any] = {"when": "surplus", "current": tuple(paused["old"]), "roll_back_while": ("all",)}
    ended = groups.replace(aws, **METRICS, **refused)
    assert not ended.get("failed"), ended
    assert ended["roll_back"]
    assert sorted(ended["ended"]) == sorted(paused["new"])
    assert (groups.ids(aws), groups.sizes(aws)) == (old, (2, 2, 2))
    assert aws.outage() == 0
    assert groups.replace(aws, **METRICS, until="takeover")["paused"], "they are outdated as before"


def test_an_old_one_that_ended_in_the_pause_keeps_a_new_one(aws: Emulator) -> None:
    """Which may have been active since: nothing may return to another release."""
    old = system(aws, 2)
    paused = groups.replace(aws, **METRICS, until="takeover")
    client = aws.backstage("autoscaling")
    client.terminate_instance_in_auto_scaling_group(InstanceId=old[0], ShouldDecrementDesiredCapacity=False)
    aws.advance(600)
    refused: dict[str, Any] = {"when": "surplus", "current": tuple(paused["old"])}
    ended = groups.replace(aws, **METRICS, **refused, roll_back_while=("all",))
    assert not ended.get("failed"), ended
    assert (old[1] in groups.ids(aws), len(groups.ids(aws))) == (True, 2)
    assert not ended["roll_back"]
    assert groups.replace(aws, **METRICS, **refused, roll_back_while=("all", "some"))["roll_back"]


def test_with_nothing_to_replace_it_does_not_pause(aws: Emulator) -> None:
    system(aws, 1)
    groups.replace(aws, **METRICS)
    assert groups.replace(aws, **METRICS, until="takeover")["paused"] is False


def test_new_ones_that_hang_fail_before_the_pause(aws: Emulator) -> None:
    old = system(aws, 1, modes={"second": "mute"})
    failed = groups.replace(aws, **METRICS, until="takeover", timeout=480)
    assert failed["failed"]
    assert groups.ids(aws) == old


def test_the_module_pauses_for_rolling_replacements_only(aws: Emulator) -> None:
    system(aws, 1)
    check, _warnings = groups.check(aws, **METRICS, until="takeover")
    assert check["steps"] == [
        "launch 1 in addition to the old",
        "wait until the new ones are in service and stand by (HeartMonitorMsec)",
        "pause before the takeover",
    ]
    for given in ({"strategy": "terminate"}, {"when": "surplus"}):
        refused = groups.replace_by_module(aws, **METRICS, until="takeover", **given)
        assert refused["failed"]
        assert "until: only a rolling replacement pauses" in refused["msg"], refused["msg"]
