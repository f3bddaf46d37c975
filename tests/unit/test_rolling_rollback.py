# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Going back on hand-made minutes: a new transactor that may be the active one stays."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling.planner import Terminate, Wait, next_step
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
LAUNCH = NOW - 600
"""Ten minutes ago the new ones were launched."""
ROLL_BACK = Goal(rolling_back=True)
REMOVED = Terminate(("i-new",), True, "removed again")


def series(*counts: float) -> tuple[Beats, ...]:
    """The last minutes, oldest first; the last one has just ended."""
    first = NOW - 60 * len(counts)
    return tuple(Beats(first + 60 * n, count, count * 5000.0) for n, count in enumerate(counts) if count)


def surged(active: tuple[Beats, ...], standby: tuple[Beats, ...], size: int = 1, since: float = 0.0) -> Observed:
    """So many old ones and as many new ones, all in service."""
    numbers = ["", *map(str, range(2, size + 1))]
    old = [Instance(f"i-old{number}", outdated=True, launched_at=NOW - 9000) for number in numbers]
    new = [Instance(f"i-new{number}", launched_at=LAUNCH) for number in numbers]
    return Observed(
        group="g",
        now=NOW + 5,
        sizes=Sizes(size, 2 * size, 2 * size),
        configured_sizes=Sizes(size, size, size),
        instances=(*old, *new),
        metrics=Metrics(5000.0, active, standby, since),
    )


STEADY = series(*[12] * 20)
STOPPED = series(*[12] * 13, *[0] * 7)


@pytest.mark.parametrize(
    ("active", "standby", "removed"),
    [
        (STEADY, (), True),  # the new one never came up
        (STEADY, series(*[12] * 5), True),  # it stands by: two beat, and one goes
        (series(*[12] * 19, 0), (), True),  # the last minute has not come in yet
        (STEADY, series(*[12] * 3, *[0] * 3), False),  # it stood by, and one of the two has beaten since
        (STEADY, series(1, *[0] * 8), False),  # a single beat: it waited for the old one's end
        (series(*[12] * 13, 0, 0, *[12] * 5), (), False),  # the old one stopped, another began
        (STOPPED, (), False),  # the old one stopped; the new one does not report, and may be active
        (STOPPED, series(*[12] * 5), False),
        (series(*[12] * 14, *[0] * 6), (), False),  # nothing is known of the last six minutes
        ((), (), True),  # the old one does not report; a new active one would
        (series(*[12] * 5), (), False),  # the old one does not report, and the new one is active
        (series(*[12] * 15, *[36] * 5), (), False),  # another system reports too: no count proves anything
    ],
)
def test_one_that_may_be_active_is_not_removed(
    active: tuple[Beats, ...], standby: tuple[Beats, ...], removed: bool
) -> None:
    step = next_step(surged(active, standby), ROLL_BACK)
    if removed:
        assert step == REMOVED
    else:
        assert isinstance(step, Wait)
        assert "nothing is removed, because i-new may be the active one now" in step.why


def test_a_launch_that_is_longer_ago_than_the_metrics_reach_leaves_the_doubt() -> None:
    assert isinstance(next_step(surged(STEADY, (), since=LAUNCH - 299), ROLL_BACK), Wait)
    assert next_step(surged(STEADY, (), since=LAUNCH - 300), ROLL_BACK) == REMOVED


def test_without_reports_of_the_old_ones_late_metrics_are_waited_for() -> None:
    soon = dataclasses.replace(surged((), ()), now=LAUNCH + 299)
    assert isinstance(next_step(soon, ROLL_BACK), Wait)
    assert next_step(dataclasses.replace(soon, now=LAUNCH + 300), ROLL_BACK) == REMOVED


@pytest.mark.parametrize(
    ("standby", "removed"),
    [
        (series(*[12] * 20), True),  # none of the new ones came up
        (series(*[12] * 15, *[24] * 5), True),  # three beat, two go
        (series(*[12] * 15, *[36] * 5), True),
        (series(*[12] * 12, 24, 24, 24, *[12] * 5), False),  # two beat, and they may be the new ones
        (series(*[12] * 12, *[0] * 8), True),  # the old standby ended
    ],
)
def test_with_several_one_that_beats_has_to_be_left(standby: tuple[Beats, ...], removed: bool) -> None:
    step = next_step(surged(STEADY, standby, size=2), ROLL_BACK)
    assert (step == Terminate(("i-new", "i-new2"), True, "removed again")) is removed


def test_standbys_that_are_left_suffice_where_the_active_one_does_not_report() -> None:
    removed = Terminate(("i-new", "i-new2"), True, "removed again")
    assert next_step(surged(STOPPED, series(*[36] * 5), size=2), ROLL_BACK) == removed
    assert isinstance(next_step(surged(STOPPED, series(*[24] * 5), size=2), ROLL_BACK), Wait)


def test_one_that_ended_is_none_that_is_left() -> None:
    both = surged(STEADY, series(*[12] * 5), size=1)
    dead = dataclasses.replace(both.instances[0], healthy=False)
    step = next_step(dataclasses.replace(both, instances=(dead, both.instances[1])), ROLL_BACK)
    assert step == Terminate(("i-old",), True, "removed again")
    more = Instance("i-newer", launched_at=LAUNCH + 60)
    three = dataclasses.replace(both, instances=(dead, both.instances[1], more), sizes=Sizes(1, 3, 3))
    assert isinstance(next_step(three, ROLL_BACK), Wait), "two beat in these minutes, one of them is dead by now"
    gone = Activity("t", "terminate", "Successful", NOW - 100, NOW - 90, "i-gone")
    assert isinstance(next_step(dataclasses.replace(both, activities=(gone,)), ROLL_BACK), Wait), "its beats count too"
