# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Readiness on hand-made minutes, unmet preconditions, and the preview of check mode."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling import heartbeats, preview, readiness
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling.preconditions import unmet
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling.state import (
    Activity,
    Beats,
    Goal,
    Instance,
    Metrics,
    Observed,
    Sizes,
)

NOW = 1_800_000_000.0 - 1_800_000_000 % 60
OLD = Instance("i-old", outdated=True, launched_at=NOW - 9000)
NEW = Instance("i-new", launched_at=NOW - 240)


def series(*counts: float, msec: float = 5000.0) -> tuple[Beats, ...]:
    """The last minutes, oldest first; the last one has just ended."""
    first = NOW - 60 * len(counts)
    return tuple(Beats(first + 60 * n, count, count * msec) for n, count in enumerate(counts) if count)


def surged(active: tuple[Beats, ...], standby: tuple[Beats, ...], interval: float = 5000.0) -> Observed:
    return Observed(
        group="g",
        now=NOW + 5,
        sizes=Sizes(1, 2, 2),
        configured_sizes=Sizes(1, 1, 1),
        instances=(OLD, NEW),
        metrics=Metrics(interval, active, standby),
    )


STEADY = series(*[12] * 12)


@pytest.mark.parametrize(
    ("active", "standby", "is_open"),
    [
        (STEADY, series(12, 12), True),
        (STEADY, series(12, 12, 0), True),  # the last minute has not come in yet
        (STEADY, series(9, 12), True),  # the first report holds less than a minute
        (STEADY, series(24, 0), True),  # two reports of one process fell into one minute
        (STEADY, (), False),
        (STEADY, series(12), False),  # one minute proves nothing
        (series(*[12] * 8, 0, 0, 0, 0), series(12, 12), False),  # the active one has stopped
        (series(*[12] * 8, 0, 0, 12, 12), series(12, 12), True),  # another has become active, and beats
        (STEADY, series(12, 12, 12, 0, 0), False),  # before it was launched: somebody else's
        (STEADY, series(24, 24, 24), False),  # one more than the group has
    ],
)
def test_the_new_one_stands_by(active: tuple[Beats, ...], standby: tuple[Beats, ...], is_open: bool) -> None:
    assert readiness.before_stopping(surged(active, standby), Goal()).ready is is_open


def test_a_minute_that_is_not_over_proves_nothing() -> None:
    running = (Beats(NOW, 24, 24 * 5000.0),)
    assert not readiness.before_stopping(surged((*STEADY, *running), running), Goal()).ready


def test_what_is_seen_is_told() -> None:
    expected = readiness.before_stopping(surged(STEADY, series(12, 12)), Goal()).seen
    assert expected == "standby 1 of 1 is beating (12 per minute)"
    assert readiness.before_stopping(surged((), ()), Goal()).seen == "no heartbeat yet"
    lone = surged(series(*[12] * 8, 0, 0, 0, 0), series(12, 12))
    assert "no active one is beating" in readiness.before_stopping(lone, Goal()).seen


def test_an_update_of_the_heartbeat_interval_is_counted_by_the_sums() -> None:
    two = dataclasses.replace(
        surged(STEADY, series(72, 72, msec=120000 / 72), interval=1000),
        sizes=Sizes(2, 3, 3),
        configured_sizes=Sizes(2, 2, 2),
        instances=(OLD, dataclasses.replace(OLD, instance_id="i-old2"), NEW),
    )
    before = dataclasses.replace(two.metrics or Metrics(1000), standby=(*series(*[12] * 8, 0, 0, 0, 0),))
    both = dataclasses.replace(before, standby=(*before.standby, *series(72, 72, msec=120000 / 72)))
    assert readiness.before_stopping(dataclasses.replace(two, metrics=both), Goal()).ready
    missing = dataclasses.replace(before, standby=series(*[12] * 12))
    closed = readiness.before_stopping(dataclasses.replace(two, metrics=missing), Goal())
    assert (closed.ready, closed.seen) == (False, "standby 1 of 2 is beating (60 per minute)")


def test_metrics_that_the_update_turns_on_or_a_dead_system_do_not_hold_it_up() -> None:
    assert readiness.before_stopping(surged((), series(12, 12)), Goal()).ready, "the old one does not report"
    assert readiness.before_stopping(surged(series(12, 12), ()), Goal()).ready, "nobody served: the new one is active"
    assert not readiness.before_stopping(surged((), series(12)), Goal()).ready


def test_an_active_one_that_reports_elsewhere_is_not_waited_for() -> None:
    """Two of a size, one new since an earlier attempt; the update has changed the dimension value."""
    first = dataclasses.replace(NEW, instance_id="i-first", launched_at=NOW - 2000)
    mixed = dataclasses.replace(
        surged((), series(*[12] * 12, 24, 24)),
        sizes=Sizes(2, 3, 3),
        configured_sizes=Sizes(2, 2, 2),
        instances=(OLD, first, NEW),
    )
    assert readiness.before_stopping(mixed, Goal()).ready
    alone = dataclasses.replace(mixed, metrics=Metrics(5000, (), series(*[12] * 14)))
    assert not readiness.before_stopping(alone, Goal()).ready, "the newest does not stand by"


@pytest.mark.parametrize(("settled", "standby", "is_open"), [(True, 12, True), (False, 12, False), (True, 0, False)])
def test_a_dead_old_one_does_not_hold_up_the_second_batch(settled: bool, standby: float, is_open: bool) -> None:
    """The first new one has taken over from an old one that ended; the other old one has been dead for long."""
    first = dataclasses.replace(NEW, instance_id="i-first", launched_at=NOW - 2000)
    newest = dataclasses.replace(NEW, launched_at=NOW - 600, in_service_at=NOW - (500 if settled else 200))
    second = dataclasses.replace(
        surged(STEADY, (*series(*[12] * 4, *[0] * 10), *series(standby, standby))),
        sizes=Sizes(2, 3, 3),
        configured_sizes=Sizes(2, 2, 2),
        instances=(OLD, first, newest),
        activities=(Activity("1", "terminate", "Successful", NOW - 640, NOW - 620, "i-gone"),),
    )
    assert readiness.before_stopping(second, Goal()).ready is is_open


LAUNCH = NOW - 1200
LATE = dataclasses.replace(NEW, launched_at=LAUNCH + 7)
"""A new one that has been there for twenty minutes, in a surge that began in the minute LAUNCH."""


def minutes(*starts: float) -> tuple[Beats, ...]:
    return tuple(Beats(start, 12, 60_000.0) for start in starts)


def with_late(active: tuple[Beats, ...], since: float = 0.0) -> Observed:
    """The new one has beaten for two minutes."""
    metrics = Metrics(5000.0, active, series(12, 12), since)
    return dataclasses.replace(surged((), ()), instances=(OLD, LATE), metrics=metrics)


@pytest.mark.parametrize(("before", "is_open"), [(300, False), (360, True), (120, False), (60, True)])
def test_who_beat_in_the_five_minutes_before_the_surge_is_waited_for(before: float, is_open: bool) -> None:
    """In two minutes in a row of them."""
    first = LAUNCH - before
    assert readiness.before_stopping(with_late(minutes(first, first + 60)), Goal()).ready is is_open


def test_a_report_a_few_beats_short_is_that_of_a_whole_process() -> None:
    short = (Beats(LAUNCH - 300, 10, 50_000.0), Beats(LAUNCH - 240, 10, 50_000.0))
    assert not readiness.before_stopping(with_late(short), Goal()).ready


@pytest.mark.parametrize(("beats", "is_open"), [(9, True), (8, False)])
def test_three_quarters_of_the_beats_are_a_process(beats: int, is_open: bool) -> None:
    assert readiness.before_stopping(surged(STEADY, series(beats, beats)), Goal()).ready is is_open
    assert readiness.before_stopping(surged(series(*[12] * 8, *[beats] * 4), series(12, 12)), Goal()).ready is is_open


@pytest.mark.parametrize(("msec", "processes"), [(6000, 1.0), (6001, 1.2002)])
def test_beats_a_fifth_longer_are_those_of_another_interval(msec: float, processes: float) -> None:
    metrics = Metrics(5000.0, series(12, 12, msec=msec))
    assert heartbeats.processes(metrics.active, metrics, NOW - 120, 2) == pytest.approx(processes)


def test_minutes_that_are_no_longer_known_leave_the_benefit_of_the_doubt() -> None:
    """So that a run continued hours later does not stop what serves."""
    assert readiness.before_stopping(with_late((), since=LAUNCH - 300), Goal()).ready
    assert not readiness.before_stopping(with_late((), since=LAUNCH - 299), Goal()).ready


def test_a_slow_boot_of_the_first_that_reports_leaves_no_doubt() -> None:
    """The update turned the metrics on: nothing older is known because there was nothing."""
    assert readiness.before_stopping(with_late((), since=NOW - 5400), Goal()).ready


@pytest.mark.parametrize(("seconds", "is_open"), [(0, True), (1, False)])
def test_minutes_that_ended_up_to_five_minutes_ago_open_the_gate(seconds: float, is_open: bool) -> None:
    steady = minutes(*(NOW - 60 * n for n in range(30, 5, -1)))
    metrics = Metrics(5000.0, steady, minutes(NOW - 420, NOW - 360))
    late = dataclasses.replace(surged((), ()), now=NOW + seconds, instances=(OLD, LATE), metrics=metrics)
    assert readiness.before_stopping(late, Goal()).ready is is_open


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "2 transactors report heartbeats, but the group has 1"), (1, "")]
)
def test_another_system_that_has_gone_is_forgotten_after_ten_minutes(seconds: float, expected: str) -> None:
    metrics = Metrics(5000.0, STEADY, minutes(NOW - 600, NOW - 540, NOW - 480))
    alone = dataclasses.replace(surged((), ()), now=NOW + seconds, instances=(OLD,), metrics=metrics)
    assert readiness.conflict(alone) == expected


def test_after_the_old_one_has_gone() -> None:
    gone = Activity("1", "terminate", "Successful", NOW - 130, NOW - 121, "i-old")
    alone = dataclasses.replace(surged(STEADY, ()), instances=(NEW,), activities=(gone,))
    assert readiness.after_stopping(alone, Goal()) == readiness.Verdict(
        True, "an active one is beating (12 per minute)"
    )
    late = dataclasses.replace(gone, ended_at=NOW - 119)
    assert not readiness.after_stopping(dataclasses.replace(alone, activities=(late,)), Goal()).ready, (
        "may be the old one's"
    )


def test_only_minutes_after_the_latest_change_tell_of_another_system() -> None:
    alone = dataclasses.replace(surged(STEADY, series(12, 12, 12)), instances=(OLD,), sizes=Sizes(1, 1, 1))
    assert readiness.conflict(alone) == "2 transactors report heartbeats, but the group has 1"
    assert not readiness.conflict(dataclasses.replace(alone, instances=(OLD, NEW)))
    gone = Activity("1", "terminate", "Successful", NOW - 90, NOW - 90, "i-gone")
    assert not readiness.conflict(dataclasses.replace(alone, activities=(gone,)))
    uneven = dataclasses.replace(surged(series(12, 18, 24), ()), instances=(OLD, NEW))
    assert not readiness.conflict(uneven), "two reports of one process in one minute"
    assert "2 active" in readiness.conflict(dataclasses.replace(surged(series(24, 24, 24), ()), instances=(OLD, NEW)))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"suspended": ("Terminate", "AZRebalance")}, "the group's processes Terminate are suspended"),
        ({"refresh": "InProgress"}, "an instance refresh is InProgress"),
        ({"warm_pool": 2}, "a warm pool, with 2 instances now"),
        ({"stack_status": "UPDATE_IN_PROGRESS"}, "the stack is UPDATE_IN_PROGRESS"),
        ({"deleting": "Delete in progress"}, "AWS deletes the group g"),
    ],
)
def test_unmet_preconditions(state: dict[str, Any], expected: str) -> None:
    found = unmet(dataclasses.replace(surged(STEADY, ()), **state), Goal())
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize("state", ["Standby", "EnteringStandby", "Detaching", "Terminating:Retained", "Quarantined"])
def test_what_somebody_set_aside_is_an_obstacle(state: str) -> None:
    aside = dataclasses.replace(surged(STEADY, ()), instances=(dataclasses.replace(OLD, state=state), NEW))
    (found,) = unmet(aside, Goal())
    assert f"not in service: i-old ({state})" in found


@pytest.mark.parametrize("state", ["InService", "Pending:Wait", "Terminating:Proceed", "Terminated", "Detached"])
def test_what_comes_or_goes_is_none(state: str) -> None:
    assert not unmet(
        dataclasses.replace(surged(STEADY, ()), instances=(dataclasses.replace(OLD, state=state), NEW)), Goal()
    )


def test_an_unhealthy_one_holds_both_gates() -> None:
    sick = dataclasses.replace(NEW, healthy=False)
    both = dataclasses.replace(surged(STEADY, series(12, 12)), instances=(OLD, sick))
    for found in (readiness.before_stopping(both, Goal()), readiness.after_stopping(both, Goal())):
        assert found == readiness.Verdict(False, "waiting for i-new (InService, unhealthy) to be in service")


def test_without_metrics_the_settling_time_counts_from_the_youngest() -> None:
    one = dataclasses.replace(NEW, in_service_at=NOW - 95)
    timed = dataclasses.replace(surged((), ()), metrics=None, instances=(OLD, one))
    assert readiness.before_stopping(timed, Goal(settle_seconds=100)) == readiness.Verdict(
        True, "1 in service for 100 s or longer"
    )
    assert not readiness.before_stopping(timed, Goal(settle_seconds=101)).ready


def test_protection_by_somebody_is_respected_and_that_of_the_group_is_none() -> None:
    kept = dataclasses.replace(surged(STEADY, ()), instances=(dataclasses.replace(OLD, protected=True), NEW))
    assert "protected from scale-in: i-old" in unmet(kept, Goal())[0]
    assert not unmet(dataclasses.replace(kept, protects_new=True), Goal())
    fresh = dataclasses.replace(kept, instances=(OLD, dataclasses.replace(NEW, protected=True)))
    assert not unmet(fresh, Goal())


def test_check_mode_foresees_the_batches() -> None:
    two = dataclasses.replace(
        surged(STEADY, ()),
        sizes=Sizes(2, 2, 2),
        configured_sizes=Sizes(2, 2, 2),
        instances=(OLD, dataclasses.replace(OLD, instance_id="i-old2")),
        room=1,
    )
    steps = preview.result(two, Goal())["steps"]
    assert steps[0] == "launch 2 in addition to the old, 1 at a time (free addresses)"
    assert any("terminate i-old, i-old2" in step for step in steps)
    assert preview.result(two, Goal(strategy="terminate"))["steps"][0].startswith(
        "terminate i-old, i-old2; no transactor serves"
    )
    assert preview.result(dataclasses.replace(two, instances=(NEW, NEW)), Goal())["steps"] == []
