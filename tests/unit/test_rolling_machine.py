# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state machine on a simulated group: whatever happens in between, it keeps serving and ends at the right sizes."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling.planner import (
    Done,
    Pause,
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
from hypothesis import given, settings
from hypothesis import strategies as st

START = 1_800_000_000.0
LOOK = 30.0
"""Seconds between two looks."""
BOOT = 90.0
INTERVAL = 5000.0


@dataclasses.dataclass
class Machine:
    """One instance of the simulated group, and its transactor."""

    instance_id: str
    stale: bool
    launched_at: float
    pending: float = 30.0
    dead_transactor: bool = False
    healthy: bool = True
    stopping_until: float = 0.0
    zone: str = "a"

    def state(self, now: float) -> str:
        if self.stopping_until:
            return "Terminating"
        return "InService" if now >= self.launched_at + self.pending else "Pending"

    def beats(self, now: float) -> bool:
        up = not self.stopping_until and self.healthy and not self.dead_transactor
        return up and now >= self.launched_at + BOOT


class Cloud:
    """A group that keeps its size, and CloudWatch's minutes of its heartbeats."""

    def __init__(
        self, size: int, stale: int, *, metrics: bool = True, room: int = 100, maximum: int = 0, zones: str = "a"
    ) -> None:
        self.now = START
        self.configured_sizes = Sizes(size, max(maximum, size), size)
        self.sizes = self.configured_sizes
        self.metrics = metrics
        self.room = room
        self.capacity = 1000
        self.new_ones_dead = False
        self.new_ones_end = False
        self.zones = zones
        self.machines = [
            Machine(f"i-{n}", n < stale, START - 9000 + n / 100, zone=zones[n % len(zones)]) for n in range(size)
        ]
        self.uneven_since = 0.0
        self.rebalanced = 0
        self.activities: list[Activity] = []
        self.minutes: dict[str, dict[float, float]] = {"active": {}, "standby": {}}
        self.launched = 0
        for _look in range(8):
            self._beat(60)
            self.now += 60

    def serving(self) -> int:
        return sum(m.healthy and m.state(self.now) == "InService" for m in self.machines)

    def members(self) -> list[Machine]:
        return [m for m in self.machines if not m.stopping_until]

    def advance(self) -> None:
        self._beat(LOOK)
        self.now += LOOK
        self.machines = [m for m in self.machines if not m.stopping_until or self.now < m.stopping_until]
        for machine in self.members():
            if self.new_ones_end and machine.launched_at >= START and self.now >= machine.launched_at + BOOT:
                machine.healthy = False
            if not machine.healthy:
                self._stop(machine)
        while len(self.members()) < self.sizes.desired:
            if len(self.machines) >= self.capacity:
                self._activity("launch", "", "Failed")
                break
            self._launch()
        self._rebalance()
        # Scale-in takes of the fullest zone what was launched with something old first, then the oldest.
        if all(m.state(self.now) == "InService" for m in self.members()) or not self.rebalanced:
            counts = self.counts()
            surplus = sorted(self.members(), key=lambda m: (-counts[m.zone], not m.stale, m.launched_at))
            for machine in surplus[: max(0, len(surplus) - self.sizes.desired)]:
                self._stop(machine)

    def counts(self) -> dict[str, int]:
        found = Counter(m.zone for m in self.members())
        return {zone: found[zone] for zone in self.zones}

    def launching(self) -> bool:
        return len(self.members()) < self.sizes.desired

    def balanced(self) -> bool:
        return max(self.counts().values()) - min(self.counts().values()) <= 1

    def _launch(self) -> None:
        self.launched += 1
        zone = min(reversed(self.zones), key=lambda zone: self.counts()[zone])  # AWS takes any of the emptiest
        new = Machine(f"i-new-{self.launched}", False, self.now, dead_transactor=self.new_ones_dead, zone=zone)
        self.machines.append(new)
        self._activity("launch", new.instance_id, "Successful")

    def _rebalance(self) -> None:
        """A minute after zones are uneven AWS launches in the emptiest one, and terminates in the fullest one then."""
        if self.balanced():
            self.uneven_since = 0.0
        elif not self.uneven_since:
            self.uneven_since = self.now
        elif self.now >= self.uneven_since + 60 and len(self.members()) == self.sizes.desired:
            self.rebalanced += 1
            self._launch()

    def _stop(self, machine: Machine) -> None:
        machine.stopping_until = self.now + 40
        self._activity("terminate", machine.instance_id, "InProgress", ended=not machine.healthy)

    def _activity(self, kind: str, instance_id: str, status: str, *, ended: bool = False) -> None:
        assert kind in ("launch", "terminate")
        number = str(len(self.activities))
        message = "no capacity" if status == "Failed" else ""
        self.activities.insert(
            0,
            Activity(
                number,
                "launch" if kind == "launch" else "terminate",
                status,
                self.now,
                self.now,
                instance_id,
                message,
                "unhealthy" if ended else "",
            ),
        )

    def _beat(self, seconds: float) -> None:
        beating = [m for m in self.machines if m.beats(self.now)]
        minute = self.now - self.now % 60
        if beating:
            count = seconds * 1000 / INTERVAL
            for name, processes in (("active", 1), ("standby", len(beating) - 1)):
                self.minutes[name][minute] = self.minutes[name].get(minute, 0.0) + processes * count

    def observed(self) -> Observed:
        metrics = None
        if self.metrics:
            series: dict[str, Any] = {
                name: tuple(Beats(at, count, count * INTERVAL) for at, count in sorted(minutes.items()))
                for name, minutes in self.minutes.items()
            }
            metrics = Metrics(INTERVAL, **series)
        return Observed(
            group="g",
            now=self.now,
            sizes=self.sizes,
            configured_sizes=self.configured_sizes,
            instances=tuple(
                Instance(
                    m.instance_id,
                    state=m.state(self.now),
                    healthy=m.healthy,
                    outdated=m.stale,
                    launched_at=m.launched_at,
                    in_service_at=m.launched_at + m.pending,
                    zone=m.zone,
                )
                for m in self.machines
            ),
            room=self.room - len(self.machines),
            zones=tuple(self.zones),
            activities=tuple(self.activities),
            metrics=metrics,
        )

    def carry_out(self, step: Step, only: int = 1000) -> None:
        """only: a run killed inside the step gets no further than so many calls."""
        if isinstance(step, Resize):
            assert step.sizes.minimum <= step.sizes.desired <= step.sizes.maximum
            self.sizes = step.sizes
        elif isinstance(step, Terminate):
            for instance_id in step.instance_ids[:only]:
                machine = next(m for m in self.members() if m.instance_id == instance_id)
                if step.decrement:
                    assert self.sizes.desired - 1 >= self.sizes.minimum, "AWS refuses this"
                    self.sizes = dataclasses.replace(self.sizes, desired=self.sizes.desired - 1)
                self._stop(machine)


def run(cloud: Cloud, goal: Goal, looks: int = 400) -> Step:
    """A run to its end; the last step."""
    step: Step = Wait("")
    for _look in range(looks):
        step = next_step(cloud.observed(), goal)
        if isinstance(step, (Done, Pause, Stop)):
            return step
        cloud.carry_out(step)
        if not isinstance(step, Wait):
            goal = dataclasses.replace(goal, acted=True)
        cloud.advance()
    return step


ZONES = st.sampled_from(["a", "ab", "ba", "abc", "cab", "abcdef"])


def shuffle_zones(cloud: Cloud, data: st.DataObject) -> None:
    zones = data.draw(st.permutations([machine.zone for machine in cloud.machines]))
    for machine, zone in zip(cloud.machines, zones, strict=True):
        machine.zone = zone


def systems(most: int) -> st.SearchStrategy[tuple[int, int]]:
    """Sizes, and how many of them are outdated."""
    return st.integers(1, most).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size)))


SYSTEMS = systems(4)


@settings(deadline=None)
@given(SYSTEMS, st.booleans(), st.integers(0, 3))
def test_rolling_replaces_all_stale_ones_and_never_serves_with_fewer(
    system: tuple[int, int], metrics: bool, spare: int
) -> None:
    size, stale = system
    cloud = Cloud(size, stale, metrics=metrics, maximum=size + spare)
    goal = Goal()
    for _look in range(300):
        step = next_step(cloud.observed(), goal)
        if isinstance(step, Done):
            break
        assert not isinstance(step, Stop), step
        cloud.carry_out(step)
        assert cloud.serving() >= size, step
        goal = dataclasses.replace(goal, acted=goal.acted or not isinstance(step, Wait))
        cloud.advance()
        assert cloud.serving() >= size
    assert isinstance(step, Done)
    assert not any(m.stale for m in cloud.machines)
    assert len(cloud.members()) == size
    assert cloud.sizes == cloud.configured_sizes
    assert cloud.launched == stale
    assert next_step(cloud.observed(), Goal()) == Done(), "a second run has nothing to do"


@settings(max_examples=150, deadline=None)
@given(SYSTEMS, st.data())
def test_a_run_killed_anywhere_again_and_again_is_continued_by_the_next(
    system: tuple[int, int], data: st.DataObject
) -> None:
    size, stale = system
    cloud = Cloud(size, stale)
    for look in range(100):
        goal = Goal()  # each look may be that of a new run: nothing is remembered
        step = next_step(cloud.observed(), goal)
        if isinstance(step, Done):
            break
        assert not isinstance(step, Stop), step
        cloud.carry_out(step, only=data.draw(st.integers(0, 4)) if look < 20 else 1000)
        assert cloud.serving() >= size
        for _look in range(data.draw(st.sampled_from([1, 2, 20])) if look < 20 else 1):
            cloud.advance()
            assert cloud.serving() >= size
    assert isinstance(step, Done)
    assert not any(m.stale for m in cloud.machines)
    assert (len(cloud.members()), cloud.sizes) == (size, cloud.configured_sizes)


@settings(deadline=None)
@given(SYSTEMS, st.booleans(), st.integers(1, 4), st.integers(0, 3), st.data())
def test_a_run_until_the_takeover_stops_no_old_one_and_a_run_without_it_finishes(
    system: tuple[int, int], metrics: bool, room: int, kills: int, data: st.DataObject
) -> None:
    """Killed runs until the takeover, one that pauses, some time, and the run that goes on."""
    size, stale = system
    cloud = Cloud(size, stale, metrics=metrics, room=size + room)
    old = {m.instance_id for m in cloud.machines if m.stale}
    for looks in [*data.draw(st.lists(st.integers(0, 15), min_size=kills, max_size=kills)), 400]:
        step = run(cloud, Goal(until_takeover=True), looks=looks)
        assert {m.instance_id for m in cloud.members()} >= old
    assert isinstance(step, Pause if stale else Done)
    if isinstance(step, Pause):
        assert set(step.old) == old
        assert len(step.new) == len(cloud.members()) - stale
        assert sum(m.beats(cloud.now) for m in cloud.members()) == len(cloud.members())
    for _look in range(data.draw(st.integers(0, 40))):
        cloud.advance()
    assert isinstance(run(cloud, Goal()), Done)
    assert not any(m.stale for m in cloud.machines)
    assert (len(cloud.members()), cloud.sizes) == (size, cloud.configured_sizes)


@settings(max_examples=150, deadline=None)
@given(SYSTEMS, st.integers(0, 12), st.integers(0, 7))
def test_an_instance_that_dies_on_its_own_in_the_middle_changes_nothing_in_the_end(
    system: tuple[int, int], when: int, which: int
) -> None:
    size, stale = system
    cloud = Cloud(size, stale)
    goal = Goal()
    for look in range(400):
        if look == when:
            present = cloud.members()
            present[which % len(present)].healthy = False
        step = next_step(cloud.observed(), goal)
        if isinstance(step, Done) and look > when:
            break
        assert not isinstance(step, Stop), step
        before = cloud.serving()
        cloud.carry_out(step)
        assert cloud.serving() >= min(before, size)
        goal = dataclasses.replace(goal, acted=goal.acted or not isinstance(step, (Wait, Done)))
        cloud.advance()
    assert isinstance(step, Done)
    assert not any(m.stale for m in cloud.machines)
    assert (len(cloud.members()), cloud.sizes) == (size, cloud.configured_sizes)


@settings(deadline=None)
@given(SYSTEMS, st.integers(1, 3))
def test_a_surge_goes_only_as_far_as_there_is_room(system: tuple[int, int], spare: int) -> None:
    size, stale = system
    cloud = Cloud(size, stale, room=size + spare)
    most = size
    goal = Goal()
    for _look in range(400):
        step = next_step(cloud.observed(), goal)
        if isinstance(step, Done):
            break
        cloud.carry_out(step)
        goal = dataclasses.replace(goal, acted=True)
        cloud.advance()
        most = max(most, len(cloud.machines))
        assert cloud.serving() >= size
    assert isinstance(step, Done)
    assert most <= size + spare
    assert (cloud.sizes, any(m.stale for m in cloud.machines)) == (cloud.configured_sizes, False)


@settings(deadline=None)
@given(SYSTEMS, st.integers(0, 3))
def test_what_cannot_be_launched_is_gone_without_or_given_up(system: tuple[int, int], spare: int) -> None:
    size, stale = system
    cloud = Cloud(size, stale)
    cloud.capacity = size + spare
    step = run(cloud, Goal())
    assert cloud.serving() >= size
    if spare or not stale:
        assert isinstance(step, Done)
        assert not any(m.stale for m in cloud.machines)
    else:
        assert step == Stop("the group cannot launch instances", roll_back=True)
        run(cloud, Goal(rolling_back=True))
        assert sum(m.stale for m in cloud.members()) == stale
    assert cloud.sizes == cloud.configured_sizes


@settings(deadline=None)
@given(SYSTEMS, st.booleans())
def test_new_ones_that_end_by_themselves_are_given_up_and_the_old_ones_serve(
    system: tuple[int, int], metrics: bool
) -> None:
    size, stale = system
    cloud = Cloud(size, stale, metrics=metrics)
    cloud.new_ones_end = True
    step = run(cloud, Goal(new_since=START))
    assert cloud.serving() >= size
    if not stale:
        assert step == Done()
        return
    assert isinstance(step, Stop)
    assert step.roll_back
    assert "ended by themselves" in step.why
    run(cloud, Goal(rolling_back=True, new_since=START))
    for _look in range(20):
        cloud.advance()
    assert cloud.launched <= 2 * stale + 2
    assert (cloud.sizes, sum(m.stale for m in cloud.members())) == (cloud.configured_sizes, stale)
    assert cloud.serving() >= size


@settings(deadline=None)
@given(SYSTEMS, st.integers(0, 40))
def test_giving_up_at_any_moment_leaves_a_whole_group_at_its_own_sizes(system: tuple[int, int], when: int) -> None:
    size, stale = system
    cloud = Cloud(size, stale)
    goal = Goal()
    for _look in range(when):
        step = next_step(cloud.observed(), goal)
        cloud.carry_out(step)
        goal = dataclasses.replace(goal, acted=True)
        cloud.advance()
    assert isinstance(run(cloud, dataclasses.replace(goal, rolling_back=True)), Stop)
    cloud.advance()
    assert cloud.sizes == cloud.configured_sizes
    assert len(cloud.members()) == size
    assert cloud.serving() >= size


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_new_transactor_that_never_beats_keeps_the_old_ones(size: int) -> None:
    cloud = Cloud(size, size)
    cloud.new_ones_dead = True
    assert isinstance(run(cloud, Goal(), looks=100), Wait)
    assert sum(m.stale for m in cloud.members()) == size
    run(cloud, Goal(rolling_back=True, acted=True))
    assert [m.instance_id for m in cloud.members()] == [f"i-{n}" for n in range(size)]
    assert cloud.sizes == cloud.configured_sizes


@settings(max_examples=200, deadline=None)
@given(SYSTEMS, st.integers(6, 40), st.data())
def test_giving_up_leaves_one_that_beats_whichever_has_hung(
    system: tuple[int, int], looks: int, data: st.DataObject
) -> None:
    """One transactor hangs as soon as all have beaten; its instance stays in service, and no metric names it.

    Minutes later, when the metrics show all that they ever will, the run gives up.
    """
    size, stale = system
    cloud = Cloud(size, stale)
    goal = Goal()
    hung = False
    while looks:
        step = next_step(cloud.observed(), goal)
        cloud.carry_out(step)
        goal = dataclasses.replace(goal, acted=True)
        cloud.advance()
        looks -= hung or not stale
        beating = [m for m in cloud.members() if m.beats(cloud.now - LOOK)]
        if not hung and len(beating) == len(cloud.members()) > size:
            hung = True
            data.draw(st.sampled_from(beating)).dead_transactor = True
    goal = dataclasses.replace(goal, rolling_back=True)
    for _look in range(30):
        step = next_step(cloud.observed(), goal)
        if isinstance(step, Stop):
            break
        cloud.carry_out(step)
        cloud.advance()
        assert [m for m in cloud.machines if m.beats(cloud.now)]


@settings(deadline=None)
@given(SYSTEMS)
def test_terminate_replaces_all_stale_ones_whatever_became_of_the_metrics(system: tuple[int, int]) -> None:
    size, stale = system
    cloud = Cloud(size, stale)
    assert isinstance(run(cloud, Goal(strategy="terminate")), Done)
    assert not any(m.stale for m in cloud.machines)
    assert (len(cloud.members()), cloud.sizes, cloud.launched) == (size, cloud.configured_sizes, stale)


def test_terminate_finishes_what_a_killed_rolling_run_began() -> None:
    cloud = Cloud(2, 2)
    cloud.carry_out(next_step(cloud.observed(), Goal()))
    cloud.advance()
    assert len(cloud.members()) == 4
    assert isinstance(run(cloud, Goal(strategy="terminate")), Done)
    assert (len(cloud.members()), cloud.sizes) == (2, cloud.configured_sizes)


def test_always_replaces_fresh_ones_too_and_a_repeated_run_starts_over() -> None:
    cloud = Cloud(2, 0)
    goal = Goal(replacing=frozenset(m.instance_id for m in cloud.machines))
    cloud.carry_out(next_step(cloud.observed(), goal))
    cloud.advance()
    again = Goal(replacing=frozenset(m.instance_id for m in cloud.machines))
    assert len(again.replacing or ()) == 4
    assert isinstance(run(cloud, again), Done)
    assert not {m.instance_id for m in cloud.machines} & (again.replacing or set())
    assert (len(cloud.members()), cloud.sizes) == (2, cloud.configured_sizes)


@settings(max_examples=150, deadline=None)
@given(systems(6), ZONES, st.booleans(), st.data())
def test_rolling_leaves_nothing_to_rebalance(
    system: tuple[int, int], zones: str, metrics: bool, data: st.DataObject
) -> None:
    """Whichever of them are outdated, in whatever zones, and whichever of the emptiest zones AWS launches in."""
    size, stale = system
    cloud = Cloud(size, stale, metrics=metrics, zones=zones)
    shuffle_zones(cloud, data)
    outdated = Counter(machine.zone for machine in cloud.machines if machine.stale)
    most = len(zones) * (math.ceil(size / len(zones)) + max(outdated.values(), default=0))
    goal = Goal()
    for _look in range(300):
        cloud.zones = "".join(data.draw(st.permutations(zones))) if cloud.launching() else cloud.zones
        step = next_step(cloud.observed(), goal)
        if isinstance(step, Done):
            break
        assert not isinstance(step, Stop), step
        cloud.carry_out(step)
        goal = dataclasses.replace(goal, acted=goal.acted or not isinstance(step, Wait))
        cloud.advance()
        assert cloud.serving() >= size
    assert isinstance(step, Done)
    assert not any(m.stale for m in cloud.machines)
    assert (len(cloud.members()), cloud.sizes) == (size, cloud.configured_sizes)
    assert cloud.balanced()
    assert cloud.rebalanced == 0
    assert cloud.launched <= max(stale, most - size)


@settings(max_examples=60, deadline=None)
@given(SYSTEMS, st.sampled_from(["ab", "abc"]), st.data())
def test_what_rebalancing_launches_meets_no_call_that_aws_refuses(
    system: tuple[int, int], zones: str, data: st.DataObject
) -> None:
    """All in one zone at first, so that AZRebalance acts before, in and after each step."""
    size, stale = system
    cloud = Cloud(size, stale, zones=zones)
    for machine in cloud.machines:
        machine.zone = data.draw(st.sampled_from(zones))
    for _look in range(data.draw(st.integers(0, 6))):
        cloud.advance()
    step: Any = None
    goal = Goal()
    for _look in range(300):
        step = next_step(cloud.observed(), goal)
        if isinstance(step, Done):
            break
        assert not isinstance(step, Stop), step
        cloud.carry_out(step)  # which asserts that AWS takes it
        goal = dataclasses.replace(goal, acted=goal.acted or not isinstance(step, Wait))
        cloud.advance()
        assert cloud.serving() >= size
    assert isinstance(step, Done)
    for _look in range(30):
        cloud.advance()
    assert cloud.balanced()
    assert not any(m.stale for m in cloud.machines)
    assert (len(cloud.members()), cloud.sizes) == (size, cloud.configured_sizes)


SHRINKING = Goal(replacing=frozenset(), shrinking=True)


@settings(max_examples=60, deadline=None)
@given(SYSTEMS, ZONES, st.booleans(), st.data())
def test_a_smaller_group_keeps_its_size_to_come_in_service_however_often_it_is_killed(
    system: tuple[int, int], zones: str, metrics: bool, data: st.DataObject
) -> None:
    size, stale = system
    smaller = data.draw(st.integers(1, size))
    cloud = Cloud(size, stale, metrics=metrics, zones=zones)
    shuffle_zones(cloud, data)
    cloud.configured_sizes = Sizes(smaller, smaller, smaller)
    for look in range(100):
        step = next_step(cloud.observed(), SHRINKING)
        if isinstance(step, Done):
            break
        assert not isinstance(step, Stop), step
        cloud.carry_out(step, only=data.draw(st.integers(0, 3)) if look < 10 else 1000)
        for _look in range(data.draw(st.sampled_from([1, 2, 20])) if look < 10 else 1):
            cloud.advance()
            assert cloud.serving() >= smaller
            assert any(m.beats(cloud.now) for m in cloud.members())
    assert isinstance(step, Done)
    assert len(cloud.members()) == cloud.sizes.desired == smaller
    assert cloud.balanced()
    assert (cloud.launched, cloud.rebalanced) == (0, 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 5), ZONES, st.data())
def test_a_smaller_group_keeps_one_that_beats_whichever_hang(size: int, zones: str, data: st.DataObject) -> None:
    smaller = data.draw(st.integers(1, size - 1))
    cloud = Cloud(size, 0, zones=zones)
    cloud.configured_sizes = Sizes(smaller, smaller, smaller)
    hung = data.draw(st.lists(st.sampled_from(cloud.machines), max_size=size - 1, unique_by=lambda m: m.instance_id))
    for machine in hung:
        machine.dead_transactor = True
    for _look in range(20):
        cloud.advance()
    goal = SHRINKING
    for _look in range(60):
        step = next_step(cloud.observed(), goal)
        if isinstance(step, Done):
            break
        assert not isinstance(step, Stop), step
        cloud.carry_out(step)
        goal = dataclasses.replace(goal, acted=goal.acted or not isinstance(step, Wait))
        cloud.advance()
        assert any(m.beats(cloud.now) for m in cloud.members())
    assert isinstance(step, (Done, Wait))
    assert isinstance(step, Done) or hung
