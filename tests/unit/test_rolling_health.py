# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a system stays healthy, look by look."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling import health
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling.readiness import Verdict
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling.state import Beats, Metrics, Observed, Sizes
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_rolling_planner import NOW, group, new

UNHEALTHY = {"healthy": False}


def beating(standbys: float) -> Metrics:
    minutes = [NOW - 60 * minute for minute in range(10, 1, -1)]
    active = tuple(Beats(minute, 12, 60_000) for minute in minutes)
    return Metrics(
        5000, active=active, standby=tuple(Beats(at, 12 * standbys, 60_000 * standbys) for at in minutes if standbys)
    )


def missing_one() -> Observed:
    return dataclasses.replace(group(2, new(1)), sizes=Sizes(2, 2, 2))


@pytest.mark.parametrize(
    ("observed", "alarms", "seen"),
    [
        (group(2, new(1), new(2)), (), Verdict(True, "2 in service")),
        (group(2, new(1), new(2), metrics=beating(1)), (), Verdict(True, "standby 1 of 1 is beating (12 per minute)")),
        (group(2, new(1), new(2), metrics=beating(0)), (), Verdict(False, "standby 0 of 1 is beating (0 per minute)")),
        (missing_one(), (), Verdict(False, "the group has 1 of 2 instances")),
        (
            group(1, new(1, **UNHEALTHY)),
            (),
            Verdict(False, "waiting for i-new1 (InService, unhealthy) to be in service"),
        ),
        (group(1, new(1)), ("b", "a"), Verdict(False, "the alarm a is in ALARM; the alarm b is in ALARM")),
        (missing_one(), ("a",), Verdict(False, "the group has 1 of 2 instances; the alarm a is in ALARM")),
    ],
)
def test_one_look(observed: Observed, alarms: tuple[str, ...], seen: Verdict) -> None:
    assert health.look(observed, alarms) == seen


LOOKS = st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=1, max_size=60)


@given(st.integers(0, 900), LOOKS)
def test_it_ends_well_after_its_time_and_badly_after_two_bad_minutes(lasts: int, looks: list[tuple[int, bool]]) -> None:
    soak, now, bad_from = health.Soak(lasts, NOW), NOW, None
    for seconds, good in looks:
        now += seconds
        soak = soak.after(now, Verdict(good, ""))
        bad_from = None if good else now if bad_from is None else bad_from
        bad: Any = bad_from is not None and now - bad_from >= 120
        assert soak.failed(now) == bad
        assert soak.over(now) == (good and now - NOW >= lasts)


def test_a_check_forgives_nothing() -> None:
    soak = health.Soak(0.0, NOW, patience=0.0)
    assert soak.after(NOW, Verdict(False, "")).failed(NOW)
    assert soak.after(NOW, Verdict(True, "")).over(NOW)
