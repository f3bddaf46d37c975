# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""replace_transactors with transactors that are slow, fall silent, hang or end at some moment of a roll."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator import Emulator
from tests.integration import groups
from tests.integration.test_replace_transactors_meddling import once, role
from tests.integration.test_replace_transactors_rolling import METRICS, bound, system

OPTIONS: dict[str, Any] = {**METRICS, "poll_seconds": 20}


def whole(aws: Emulator, size: int, old: list[str]) -> bool:
    """At its configured sizes, without an old one."""
    return (len(groups.ids(aws)), groups.sizes(aws)) == (size, (size,) * 3) and not set(old) & set(groups.ids(aws))


@pytest.mark.parametrize("size", [1, 2])
def test_one_that_boots_slowly_is_waited_for(aws: Emulator, size: int) -> None:
    old = system(aws, size, modes={"second": "slow"}, slow_boot=900)
    result = groups.replace(aws, **OPTIONS, timeout=1800)
    assert not result.get("failed"), result
    assert whole(aws, size, old)
    assert result["seconds"] > 900
    assert 0 < aws.outage() <= bound()


@pytest.mark.parametrize("mode", ["mute", "hang"])
@pytest.mark.parametrize(
    ("size", "who", "removed"),
    [
        (1, "old active", False),  # nobody can tell any more which one serves
        (2, "old active", True),  # of the two old ones one serves for sure, whichever
        (2, "old standby", True),
        (1, "new standby", True),  # before its first report: no beat of it was ever seen
        (2, "new standby", True),
    ],
)
def test_one_that_falls_silent_in_the_middle_costs_no_more_than_a_takeover(
    aws: Emulator, mode: str, size: int, who: str, removed: bool
) -> None:
    """removed: whether the new ones are."""
    age, was = who.split()
    old = system(aws, size)
    among, but = (old, None) if age == "old" else (None, old)

    def found() -> list[str]:
        return role(aws, was, among, but) if role(aws, "standby", but=old) else []

    lines: list[str] = []
    silence = once(found, lambda one: aws.configure(modes={one: mode}))
    result = groups.replace_meddled_with(aws, silence, **OPTIONS, timeout=900, lines=lines)
    assert result["failed"], lines
    assert result["replaced"] == []
    assert (groups.ids(aws) == old) is removed, result["msg"]
    assert ("nothing is removed, because" in result["msg"]) is not removed
    aws.advance(3600)
    assert aws.outage() <= (bound() if mode == "hang" else 0)
    assert len(role(aws, "active")) == 1


def test_one_that_hung_in_the_middle_does_not_hold_up_the_next_run(aws: Emulator) -> None:
    old = system(aws, 2)

    def both() -> list[str]:
        return old if len(role(aws, "standby", but=old)) == 2 else []

    hang = once(both, lambda _one: aws.configure(modes={role(aws, "active")[0]: "hang"}))
    assert groups.replace_meddled_with(aws, hang, **OPTIONS, timeout=900)["failed"]
    assert groups.ids(aws) == old
    aws.advance(600)
    assert not groups.replace(aws, **OPTIONS).get("failed")
    assert whole(aws, 2, old)
    assert aws.outage() <= bound()


@pytest.mark.parametrize("health_check", [0, 120])
@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("who", ["old active", "new standby"])
def test_one_that_ends_while_the_new_ones_stand_by(aws: Emulator, who: str, size: int, health_check: int) -> None:
    """The old one: the active one moves, for a group of one as well."""
    age, was = who.split()
    old = system(aws, size, health_check=health_check)
    among, but = (old, None) if age == "old" else (None, old)

    def found() -> list[str]:
        return role(aws, was, among, but) if len(role(aws, "standby", but=old)) == size else []

    end = once(found, lambda one: aws.backstage("ec2").terminate_instances(InstanceIds=[one]))
    result = groups.replace_meddled_with(aws, end, **OPTIONS)
    assert not result.get("failed"), result
    assert whole(aws, size, old)
    assert aws.outage() <= bound()


@pytest.mark.parametrize("health_check", [0, 120])
def test_the_only_one_ends_before_the_new_one_has_booted(aws: Emulator, health_check: int) -> None:
    old = system(aws, 1, health_check=health_check)
    end = once(
        lambda: role(aws, "booting", but=old), lambda _one: aws.backstage("ec2").terminate_instances(InstanceIds=old)
    )
    result = groups.replace_meddled_with(aws, end, **OPTIONS)
    assert not result.get("failed"), result
    assert whole(aws, 1, old)
    assert aws.outage() <= 45_000 + bound(), "the boot of the one that was under way"
