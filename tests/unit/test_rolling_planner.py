# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which step follows from which observation, one moment at a time."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling import zones
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling.planner import (
    Done,
    Resize,
    Step,
    Stop,
    Terminate,
    Wait,
    next_step,
)
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling.state import (
    Activity,
    Beats,
    Goal,
    Instance,
    Metrics,
    Observed,
    Sizes,
)

NOW = 1_800_000_000.0
ROLLING, ACTED = Goal(settle_seconds=100), Goal(settle_seconds=100, acted=True)
ROLL_BACK = Goal(settle_seconds=100, rolling_back=True)
TERMINATE = Goal(strategy="terminate")
NO_CAPACITY = "the group cannot launch instances"


def old(number: int, **changes: Any) -> Instance:
    return Instance(f"i-old{number}", **{"outdated": True, "launched_at": NOW - 9000 + number, **changes})


def new(number: int, age: float = 500.0, **changes: Any) -> Instance:
    return Instance(f"i-new{number}", **{"launched_at": NOW - age + number, "in_service_at": NOW - age, **changes})


def group(configured: int, *instances: Instance, **changes: Any) -> Observed:
    """A group without metrics of that configured size. Unless changes say otherwise, it has the size of its members."""
    size = max(configured, len([each for each in instances if not each.state.startswith("Terminating")]))
    sizes = Sizes(configured, size, size)
    return Observed(
        "g",
        NOW,
        **{
            "sizes": sizes,
            "configured_sizes": Sizes(configured, configured, configured),
            "instances": instances,
            **changes,
        },
    )


def failed(number: int) -> Activity:
    return Activity(f"f{number}", "launch", "Failed", NOW - 10 * number, NOW - 10 * number, "", "no capacity")


FAILED = (failed(1), failed(2))
ON_ITS_WAY = Activity("w", "launch", "InProgress", NOW - 1, 0.0, "i-another")
ARRIVED = dataclasses.replace(ON_ITS_WAY, instance_id="i-new1")
ONE_ROUND = (failed(1), dataclasses.replace(failed(1), activity_id="f1b", started_at=NOW - 19))
PENDING: dict[str, Any] = {"state": "Pending", "in_service_at": 0.0}
GOING = {"state": "Terminating"}


@pytest.mark.parametrize(
    ("observed", "goal", "step"),
    [
        # Nothing stale.
        (group(1, new(1)), ROLLING, Done()),
        (group(1, new(1, age=5)), ROLLING, Done()),
        (group(1, new(1, age=5)), ACTED, Wait),
        (group(1, new(1)), ACTED, Done),
        (group(1, new(1), activities=FAILED), ACTED, Done),
        (group(1, new(1, healthy=False)), ROLLING, Wait),
        (group(1, new(1, **PENDING)), ROLLING, Wait),
        (group(1, new(1), old(1, **GOING)), ROLLING, Wait("waiting for i-old1 to end")),
        (group(1, sizes=Sizes(1, 1, 1)), ROLLING, Wait("waiting for the group to launch instances")),
        # A group that was scaled by hand, or left by a run that was killed.
        (group(1, new(1), sizes=Sizes(0, 1, 1)), ROLLING, Resize),
        (group(1, new(1), sizes=Sizes(1, 2, 1)), ROLLING, Resize),
        (group(1, new(1), new(2)), ROLLING, Terminate(("i-new2",), True, "stopped: more than the group's size")),
        (group(1, new(1), new(2, age=5)), ROLLING, Terminate(("i-new2",), True, "")),
        (group(1, new(1), sizes=Sizes(1, 2, 2), activities=FAILED), ROLLING, Resize(Sizes(1, 2, 1), "")),
        (group(2, new(1), sizes=Sizes(2, 2, 2), activities=FAILED), ROLLING, Stop(NO_CAPACITY)),
        (group(1, new(1), sizes=Sizes(1, 2, 2), activities=FAILED[:1]), ROLLING, Resize(Sizes(1, 2, 1), "")),
        # AZRebalance has launched one: AWS refuses a decrement below the minimum, and terminates another one itself.
        (group(2, new(1), new(2), new(3), sizes=Sizes(2, 2, 2)), ACTED, Wait),
        (group(2, old(1), old(2), new(3), sizes=Sizes(2, 2, 2)), ROLLING, Wait),
        # The surge.
        (group(1, old(1)), ROLLING, Resize(Sizes(1, 2, 2), "")),
        (group(2, old(1), old(2)), ROLLING, Resize(Sizes(2, 4, 4), "")),
        (group(3, old(1), new(1), new(2)), ROLLING, Resize(Sizes(3, 4, 4), "")),
        (group(2, old(1), old(2), room=1), ROLLING, Resize(Sizes(2, 3, 3), "")),
        (group(2, old(1), old(2), sizes=Sizes(2, 9, 2)), ROLLING, Resize(Sizes(2, 9, 4), "")),
        (group(1, old(1), room=0), ROLLING, Stop("the group's subnets have no free address for one more instance")),
        (group(1, old(1), activities=FAILED), ROLLING, Stop(NO_CAPACITY)),
        (group(1, old(1), activities=FAILED), dataclasses.replace(ROLLING, since="f1"), Resize(Sizes(1, 2, 2), "")),
        (group(2, old(1), old(2), old(3, **GOING)), ROLLING, Wait("waiting for i-old3 to end")),
        (group(1, old(1), sizes=Sizes(1, 2, 2)), ROLLING, Wait),
        (group(1, old(1), sizes=Sizes(1, 2, 2), activities=FAILED), ROLLING, Stop(NO_CAPACITY, roll_back=True)),
        (
            group(2, old(1), old(2), new(1), sizes=Sizes(2, 4, 4), activities=FAILED),
            ROLLING,
            Resize(Sizes(2, 4, 3), ""),
        ),
        # Two of one moment are one attempt.
        (group(2, old(1), old(2), sizes=Sizes(2, 4, 4), activities=ONE_ROUND), ROLLING, Wait),
        (group(2, old(1), old(2), sizes=Sizes(2, 4, 4), activities=(*ONE_ROUND, failed(2))), ROLLING, Stop),
        (group(2, old(1), sizes=Sizes(2, 2, 2)), ROLLING, Wait("waiting for the group to launch instances")),
        # A minimum that somebody raised.
        (group(1, new(1), new(2), sizes=Sizes(2, 2, 2)), ROLLING, Resize(Sizes(1, 2, 2), "")),
        (group(1, old(1), new(1), sizes=Sizes(2, 2, 2)), ROLL_BACK, Resize(Sizes(1, 2, 2), "")),
        (group(1, new(1), sizes=Sizes(2, 2, 2), activities=FAILED), ROLLING, Resize(Sizes(1, 2, 1), "")),
        # One that is on its way is not given up, lest the group chooses which one is too many.
        *(
            (group(2, *members, sizes=Sizes(2, 4, 4), activities=(launching, *FAILED)), goal, step)
            for launching, step in (
                (ON_ITS_WAY, Wait("waiting for the launch of an instance to end")),
                (ARRIVED, Resize),
            )
            for members, goal in (((old(1), old(2), new(1)), ROLLING), ((new(1), new(2), new(3)), ROLLING))
        ),
        (group(1, old(1), sizes=Sizes(1, 2, 2), activities=(ON_ITS_WAY,)), ROLL_BACK, Wait),
        # The gate, here the settling time.
        (group(1, old(1), new(1, **PENDING)), ROLLING, Wait("waiting for i-new1 (Pending) to be in service")),
        (group(1, old(1), new(1, age=99)), ROLLING, Wait),
        (group(1, old(1), new(1, healthy=False)), ROLLING, Wait),
        # The old ones go.
        (group(1, old(1), new(1)), ROLLING, Terminate(("i-old1",), True, "")),
        (group(2, old(1), old(2), new(1), new(2)), ROLLING, Terminate(("i-old1", "i-old2"), True, "")),
        (group(2, old(1), old(2), new(1)), ROLLING, Resize(Sizes(2, 4, 4), "")),
        # The older one is likelier to be active: the fewer takeovers, the later it goes.
        (group(2, old(1), old(2), new(1), room=0), ROLLING, Terminate(("i-old2",), True, "")),
        (group(2, old(1), new(1), new(2)), ROLLING, Terminate(("i-old1",), True, "")),
        (group(2, old(1), old(2, healthy=False), new(1), room=0), ROLLING, Terminate(("i-old2",), True, "")),
        (group(1, old(1), new(1), sizes=Sizes(2, 2, 2)), ROLLING, Resize(Sizes(1, 2, 2), "")),
        (group(1, old(1), new(1), old(2, **GOING)), ROLLING, Terminate(("i-old1",), True, "")),
        # Back again.
        (group(1, old(1), new(1)), ROLL_BACK, Terminate(("i-new1",), True, "removed again")),
        (group(2, old(1), old(2), new(1), new(2)), ROLL_BACK, Terminate(("i-new1", "i-new2"), True, "removed again")),
        (group(2, old(1), new(1), new(2)), ROLL_BACK, Terminate(("i-new2",), True, "removed again")),
        (group(1, old(1), sizes=Sizes(1, 2, 2)), ROLL_BACK, Resize(Sizes(1, 2, 1), "no more are launched")),
        (group(1, old(1), sizes=Sizes(1, 2, 1)), ROLL_BACK, Resize(Sizes(1, 1, 1), "")),
        (group(1, old(1)), ROLL_BACK, Stop("the time is over")),
        (group(2, old(1)), ROLL_BACK, Stop("the time is over")),
        (group(1, old(1)), dataclasses.replace(TERMINATE, rolling_back=True), Stop("the time is over")),
        (group(1, old(1), new(1), sizes=Sizes(1, 2, 1)), ROLL_BACK, Stop("the time is over")),
        (group(2, old(1), *map(new, (1, 2, 3)), sizes=Sizes(2, 4, 3)), ROLL_BACK, Terminate(("i-new3",), True, "")),
        (group(2, old(1), sizes=Sizes(2, 3, 3)), ROLL_BACK, Resize(Sizes(2, 3, 2), "")),
        (group(1, old(1), new(1)), dataclasses.replace(TERMINATE, rolling_back=True), Stop("the time is over")),
        # What does not serve goes first, old or new.
        (group(1, new(1, **PENDING), new(2, age=100)), ROLL_BACK, Terminate(("i-new1",), True, "")),
        (group(1, new(1, healthy=False), new(2, age=400)), ROLL_BACK, Terminate(("i-new1",), True, "")),
        (group(1, old(1, healthy=False), new(1)), ROLL_BACK, Terminate(("i-old1",), True, "")),
        (group(1, old(1, healthy=False), new(1, **PENDING)), ROLL_BACK, Terminate(("i-old1",), True, "")),
        (
            group(2, old(1, healthy=False), old(2, healthy=False), new(1), new(2)),
            ROLL_BACK,
            Terminate(("i-old1", "i-old2"), True, ""),
        ),
        (group(2, old(1), old(2, healthy=False), new(1), new(2)), ROLL_BACK, Terminate(("i-old2", "i-new2"), True, "")),
        # strategy: terminate.
        (group(2, old(1), new(1)), TERMINATE, Terminate(("i-old1",), False, "")),
        (group(2, old(1), old(2)), TERMINATE, Terminate(("i-old1", "i-old2"), False, "")),
        (group(1, new(1, age=5)), dataclasses.replace(TERMINATE, acted=True), Done()),
        (group(1, new(1, **PENDING)), TERMINATE, Wait),
        (group(1, new(1, healthy=False)), TERMINATE, Wait),
        (group(1, sizes=Sizes(1, 1, 1), activities=FAILED), TERMINATE, Stop(NO_CAPACITY)),
    ],
)
def test_the_next_step(observed: Observed, goal: Goal, step: Step | type[Step]) -> None:
    found = next_step(observed, goal)
    if isinstance(step, type):
        assert isinstance(found, step), found
    elif isinstance(step, Resize):
        assert isinstance(found, Resize), found
        assert found.sizes == step.sizes
    elif isinstance(step, Terminate):
        assert isinstance(found, Terminate), found
        assert (found.instance_ids, found.decrement) == (step.instance_ids, step.decrement)
        # Where a reason is given, it is compared too.
        assert step.why in found.why
    else:
        assert found == step


def test_the_sizes_are_noted_before_they_change_and_the_note_goes_at_the_end() -> None:
    begun = next_step(group(1, old(1), configured_sizes_known=False), ROLLING)
    assert isinstance(begun, Resize)
    assert (begun.save, begun.delete_tag) == (Sizes(1, 1, 1), False)
    known = next_step(group(1, old(1)), ROLLING)
    assert isinstance(known, Resize)
    assert known.save is None
    large = Sizes(1, 2, 1)
    for goal, member in ((ROLLING, new(1)), (ROLL_BACK, old(1))):
        ended = next_step(group(1, member, sizes=large, saved_sizes=Sizes(1, 1, 1)), goal)
        assert isinstance(ended, Resize)
        assert (ended.sizes, ended.save, ended.delete_tag) == (Sizes(1, 1, 1), None, True)


@pytest.mark.parametrize("goal", [ROLLING, TERMINATE])
def test_an_obstacle_stops_what_would_change_and_nothing_else(goal: Goal) -> None:
    stopped = next_step(group(1, old(1), refresh="InProgress"), goal)
    assert isinstance(stopped, Stop)
    assert not stopped.roll_back
    assert next_step(group(1, new(1), refresh="InProgress"), goal) == Done()
    assert isinstance(next_step(group(1, new(1), sizes=Sizes(1, 2, 1), refresh="InProgress"), goal), Stop)


def test_another_system_seen_in_the_middle_means_going_back() -> None:
    minute = NOW - NOW % 60
    beats = tuple(Beats(minute - 60 * age, 36, 36 * 5000) for age in range(8, 0, -1))
    metrics = Metrics(5000, active=beats)
    for roll_back, observed in ((False, group(1, old(1))), (True, group(1, old(1), new(1)))):
        step = next_step(dataclasses.replace(observed, metrics=metrics), ROLLING)
        assert isinstance(step, Stop)
        assert "another system" in step.why
        assert step.roll_back is roll_back


def test_a_note_that_a_killed_run_left_goes_with_the_next_run() -> None:
    for goal, member in ((ROLLING, new(1)), (ROLL_BACK, old(1))):
        step = next_step(group(1, member, saved_sizes=Sizes(1, 1, 1)), goal)
        assert isinstance(step, Resize)
        assert (step.sizes, step.delete_tag) == (Sizes(1, 1, 1), True)


def test_only_the_activities_of_a_run_are_its_own() -> None:
    observed = group(1, old(1), activities=(failed(1), failed(2), failed(3)))
    assert [one.activity_id for one in observed.activities_since("f3")] == ["f1", "f2"]
    assert observed.activities_since("") == observed.activities


@pytest.mark.parametrize(
    ("zones_of", "count", "left"),
    [("aabb", 2, "ab"), ("abb", 1, "ab"), ("aab", 1, "ab"), ("aabbc", 2, "abc"), ("abc", 2, "a")],
)
def test_what_goes_leaves_the_zones_balanced(zones_of: str, count: int, left: str) -> None:
    members = [Instance(f"i-{number}", zone=zone) for number, zone in enumerate(zones_of)]
    going = zones.choose(members, members, count)
    assert "".join(member.zone for member in members if member not in going) == left


def test_the_unhealthy_go_first_and_the_protected_last() -> None:
    protected, serving = Instance("i-1", zone="a", protected=True), Instance("i-2", zone="a")
    ill, starting = Instance("i-3", zone="b", healthy=False), Instance("i-4", zone="b", state="Pending")
    members = [protected, serving, ill, starting]
    assert zones.choose(members, members, 4) == (ill, starting, serving, protected)


def test_the_surplus_is_chosen_among_those_that_are_not_kept() -> None:
    """The fullest zone is that of the kept ones."""
    observed = dataclasses.replace(group(2, old(1), old(2), new(1), new(2)), zones=("a", "b", "c"))
    kept = [dataclasses.replace(each, zone="a") for each in observed.instances[:2]]
    others = [dataclasses.replace(each, zone=zone) for each, zone in zip(observed.instances[2:], "bc", strict=True)]
    observed = dataclasses.replace(observed, instances=(*kept, *others))
    goal = Goal(replacing=frozenset(), shrinking=True, kept=frozenset(("i-old1", "i-old2")))
    step = next_step(observed, goal)
    assert isinstance(step, Terminate)
    assert set(step.instance_ids) == {"i-new1", "i-new2"}
    step = next_step(observed, dataclasses.replace(goal, kept=frozenset()))
    assert isinstance(step, Terminate)
    assert "i-old2" in step.instance_ids
