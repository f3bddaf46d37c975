# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The loop of a replacement: look, decide, do, and report, until the group is steady or the time is over."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

from ..errors import AwsError, DatomicError
from ..util import clock
from . import reporter
from .planner import Done, Pause, Resize, Step, Stop, Terminate, Wait, next_step
from .reporter import Event
from .state import IN_SERVICE, STOPPING, Goal, Observed, OldLeft

LINE_SECONDS = 55.0
"""After so long without a line one is due: looking takes some seconds more."""
ROLL_BACK_SECONDS = 300.0
"""How long a roll back may take."""
BUSY = "ScalingActivityInProgress"
"""AWS's code for a request that the group accepts a little later. botocore does not send it again.

https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html
"""
CONTINUES = "Running again continues from this state."
STARTS_OVER = "Running again replaces all that is in the group then."
TRIES_AGAIN = "The group is as it was: running again begins the replacement anew."


class Cloud(Protocol):
    """What the loop needs of AWS."""

    def observe(self, time_left: float) -> Observed: ...

    def carry_out(self, group: str, step: Step) -> Step:
        """Do what the step says. Returns the step as far as it was done."""

    def diagnostics(self, observed: Observed, goal: Goal) -> list[str]: ...


class Loop:
    """One run. Keeps state only for the report: decisions use what was just observed, so a killed run can resume."""

    def __init__(
        self,
        cloud: Cloud,
        observed: Observed,
        goal: Goal,
        *,
        timeout: float,
        poll_seconds: float,
        show: Callable[[str], None],
    ) -> None:
        """timeout, poll_seconds: seconds. show: prints a line of progress."""
        self._cloud = cloud
        self._first = self._observed = observed
        self._goal = goal
        self._timeout = timeout
        self._poll_seconds = poll_seconds
        self._show = show
        self._started = self._since = self._shown_at = clock.now()
        self._deadline = self._started + timeout
        self._step: Step | None = None
        self._timeline: list[dict[str, str]] = []
        self._replaced: list[str] = []
        self._ended: list[str] = []
        self._launched: dict[str, None] = {}
        self._failure = ""
        self._last_step = ""
        self._diagnostics: list[str] | None = None

    def run(self) -> dict[str, Any]:
        """The result. Raises DatomicError with as much of it as there is."""
        try:
            while not self._finished(self.step()):
                self._look()
        except AwsError as error:
            raise DatomicError(f"{error} {self.standing()}", **{**error.details, **self._result()}) from error
        if self._failure:
            raise DatomicError(self._message(), **self._result(), diagnostics=self._diagnostics or [])
        return self._result()

    def step(self) -> Step:
        """Decide on the next step, report what has happened, and carry the step out."""
        step = self._next_step()
        if self._diagnostics is None and (isinstance(step, Stop) or self._goal.rolling_back):
            self._diagnostics = self._cloud.diagnostics(self._observed, self._goal)
            self._look()  # that took its time: decide by how things are now
            step = self._next_step()
        try:
            step = self._cloud.carry_out(self._observed.group, step)
        except AwsError as error:
            if error.code != BUSY:
                raise
            return Wait("waiting for another scaling activity of the group to end")
        if isinstance(step, (Resize, Terminate)):
            self._acted(step)
        elif isinstance(step, Pause):
            new, old = (", ".join(names) for names in (step.new, step.old))
            self._report(Event(f"paused before the takeover: {new} can take over, {old} still in service"))
        return step

    def standing(self) -> str:
        """What the group has, and what running again does, in one sentence."""
        instances = ", ".join(
            f"{each.instance_id} ({'old, ' if self._goal.is_outdated(each) else ''}{each.state})"
            for each in self._observed.instances
        )
        last = f" Last step: {self._last_step}." if self._last_step else ""
        return f"The group has {instances or 'no instance'}; {self._observed.sizes}.{last} {self._again()}"

    @property
    def replaced(self) -> bool:
        """Every old instance has gone or is going, and a new one is in service."""
        states = [(self._goal.is_outdated(each), each.state) for each in self._observed.instances]
        left = any(old for old, state in states if state not in STOPPING)
        return not left and any(state == IN_SERVICE for old, state in states if not old)

    @property
    def kept_left(self) -> OldLeft:
        """After a surplus has ended: which of the kept instances are left, and whether others are."""
        members = [one.instance_id in self._goal.kept for one in self._observed.members]
        return "all" if all(members) else "some" if any(members) else "none"

    @property
    def old_left(self) -> OldLeft:
        """Which of the old instances of the first look are left."""
        if self.replaced:
            return "none"
        left = {one.instance_id for one in self._observed.instances if one.state not in STOPPING}
        went = any(one.instance_id not in left for one in self._goal.outdated(self._first))
        new = any(
            not self._goal.is_outdated(one) and one.instance_id in self._launched for one in self._observed.members
        )
        return "some" if went or new else "all"

    def _again(self) -> str:
        if self._goal.replacing and not self.replaced:
            return STARTS_OVER
        observed = self._observed
        restored = observed.sizes == observed.configured_sizes and observed.saved_sizes is None
        return TRIES_AGAIN if self._goal.rolling_back and restored and not self.replaced else CONTINUES

    def _look(self) -> None:
        before = self._observed
        self._observed = self._cloud.observe(max(0.0, self._deadline - clock.now()))
        known = {instance.instance_id for instance in self._first.instances}
        self._launched |= {one.instance_id: None for one in self._observed.instances if one.instance_id not in known}
        for event in reporter.events(before, self._observed, self._goal):
            self._report(event)

    def _next_step(self) -> Step:
        step = next_step(self._observed, self._goal)
        if self._step is None:
            if not isinstance(step, (Done, Stop)):
                self._report(Event(reporter.opening(self._observed, self._goal)))
        elif (seen := reporter.seen(step)) and seen != reporter.seen(self._step):
            self._report(Event(seen))
        self._step = step
        return step

    def _acted(self, step: Resize | Terminate) -> None:
        self._goal = dataclasses.replace(self._goal, acted=True)
        old = {each.instance_id for each in self._observed.instances if self._goal.is_outdated(each)}
        for instance_id in step.instance_ids if isinstance(step, Terminate) else ("",):
            event = Event(step.why, instance_id)
            self._report(event)
            self._last_step = str(event)
            went = self._replaced if instance_id in old else self._ended
            if instance_id and instance_id not in went:
                went.append(instance_id)

    def _finished(self, step: Step) -> bool:
        """Whether the run is over; otherwise waits where the step says so."""
        if isinstance(step, (Done, Pause)):
            return True
        rolling_back = self._goal.rolling_back
        if isinstance(step, Stop):
            self._failure = self._failure or step.why
            if rolling_back or not step.roll_back:
                return True
            self._roll_back()
        elif clock.now() >= self._deadline:
            if rolling_back:
                self._failure += f"; {step.why}" if isinstance(step, Wait) else ""
                return True
            self._failure = f"the run has not finished after {self._timeout:.0f} s ({step.why})"
            self._roll_back()
        elif isinstance(step, Wait):
            self._wait(step.why)
        return False

    def _roll_back(self) -> None:
        self._report(Event(f"giving up: {self._failure}"))
        self._goal = dataclasses.replace(self._goal, rolling_back=True)
        self._since = clock.now()
        self._deadline = self._since + ROLL_BACK_SECONDS

    def _wait(self, why: str) -> None:
        now = clock.now()
        if now >= self._shown_at + LINE_SECONDS:
            doing = "rolling back, waiting" if self._goal.rolling_back else "waiting"
            passed, limit = ((seconds / 60) for seconds in (now - self._since, self._deadline - self._since))
            self._line(f"{doing} {passed:.0f} of {limit:.0f} min: {why.removeprefix('waiting for ')}")
        clock.sleep(min(self._poll_seconds, self._deadline - now, self._shown_at + LINE_SECONDS - now))

    def _report(self, event: Event) -> None:
        now = clock.now()
        self._timeline.append({"at": clock.iso(now), "event": event.text, "instance_id": event.instance_id})
        self._line(f"{event}  {clock.duration(now - self._started)}")

    def _line(self, text: str) -> None:
        self._shown_at = clock.now()
        self._show(f"{clock.local(self._shown_at)}  {text}")

    def _result(self) -> dict[str, Any]:
        paused = self._step if isinstance(self._step, Pause) else None
        return {
            "changed": self._goal.acted,
            "replaced": self._replaced,
            "ended": self._ended,
            "launched": list(self._launched),
            "paused": paused is not None,
            "new": list(paused.new) if paused else [],
            "old": list(paused.old) if paused else [],
            "timeline": self._timeline,
            "seconds": round(clock.now() - self._started, 3),
        }

    def _message(self) -> str:
        if self._goal.shrinking:
            what = "beyond the group's size were not all terminated:"
        elif not self._goal.acted and not any(self._goal.is_outdated(each) for each in self._first.instances):
            what = "do not serve as they should:"
        else:
            what = "were replaced, but" if self.replaced else "were not replaced:"
        return "\n".join([f"The transactors {what} {self._failure}.", *(self._diagnostics or ()), self.standing()])
