# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The loop of a replacement on the controller: call after call until the group is whole, with a line for each event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..util import clock
from . import reporter
from .reporter import Event
from .state import RUNNING, STOPPING

Call = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""One run of the module: what the run knows of itself in, the module's result out."""

LOOK_SECONDS = 30.0
"""How long one call may wait for something to change."""
LINE_SECONDS = 55.0
"""How long nothing may be said: a look takes some seconds, and a line is due every minute."""
RETREAT_SECONDS = 300.0
"""How long it may take to remove what was launched."""
CONTINUES = "Running again continues from where the group stands."
STARTS_OVER = "Running again replaces all that is in the group then."
TRIES_AGAIN = "The group is as it was: running again begins the replacement anew."


class Driver:
    """One run. It remembers only what is told at the end: everything that decides comes from the cloud."""

    def __init__(self, call: Call, show: Callable[[str], None], timeout: float) -> None:
        self._call = call
        self._show = show
        self._timeout = timeout
        self._started = clock.now()
        self._since, self._deadline = self._started, self._started + timeout
        self._shown_at = self._started
        self._timeline: list[dict[str, str]] = []
        self._run: dict[str, Any] = {}
        self._first: Mapping[str, Any] = {}
        self._last: Mapping[str, Any] = {}
        self._replaced: list[str] = []
        self._gone: list[str] = []
        self._launched: list[str] = []
        self._failure = ""
        self._step = ""
        self._evidence: list[str] = []
        self._changed = False

    def run(self) -> dict[str, Any]:
        """The task's result, failed or not."""
        while True:
            now = clock.now()
            left, silent = max(0.0, self._deadline - now), max(0.0, self._shown_at + LINE_SECONDS - now)
            wait = min(LOOK_SECONDS, left, silent)
            answer = self._call({**self._run, "wait": wait, "left": left, "seen": self._last})
            if answer.get("failed"):
                standing = self.standing() if self._last else CONTINUES if "error_code" in answer else ""
                return {**answer, **self._told(), "msg": f"{answer.get('msg', '')} {standing}".rstrip()}
            self._take(answer)
            step = answer["step"]
            if step["kind"] == "wait":
                self._waiting(step["why"])
            if step["kind"] == "done":
                return self._ended()
            if step["kind"] == "stop":
                self._failure = self._failure or step["why"]
                if not step["retreat"] or self._run["giving_up"]:
                    return self._ended()
                self._give_up()
            elif clock.now() >= self._deadline:
                if self._run["giving_up"]:
                    self._failure += f"; {step['why']}" if step["kind"] == "wait" else ""
                    return self._ended()
                self._failure = f"it is not over after {self._timeout:.0f} s ({self._last['seen'] or step['why']})"
                self._give_up()

    def standing(self) -> str:
        """Where things stand, in one sentence."""
        if not self._last:
            return CONTINUES
        instances = ", ".join(
            f"{identity} ({'old, ' if each['old'] else ''}{each['state']})"
            for identity, each in self._last["instances"].items()
        )
        last = f" Last step: {self._step}." if self._step else ""
        return f"The group has {instances or 'no instance'}; {self._last['sizes']}.{last} {self._again()}"

    def _again(self) -> str:
        """What running again would do."""
        if self._run.get("replacing") and not self.replaced:
            return STARTS_OVER
        # A failed run that has gone back has left nothing to be continued.
        return TRIES_AGAIN if self._run.get("giving_up") and self._last["own"] and not self.replaced else CONTINUES

    @property
    def replaced(self) -> bool:
        """None of the old ones is left that is not on its way out, and a new one is in service."""
        states = [(each["old"], each["state"]) for each in self._last.get("instances", {}).values()]
        left = any(old for old, state in states if state not in STOPPING)
        return not left and any(state == RUNNING for old, state in states if not old)

    def _take(self, answer: Mapping[str, Any]) -> None:
        """Tell what has happened since the last call."""
        now = answer["snapshot"]
        if not self._last:
            self._first = now
            if answer["step"]["kind"] not in ("done", "stop"):
                self._tell(Event(_beginning(now, again=bool(answer["run"].get("replacing")))))
        else:
            for event in reporter.events(self._last, now):
                self._tell(event)
        self._launched += [
            identity
            for identity in now["instances"]
            if identity not in self._first["instances"] and identity not in self._launched
        ]
        self._last = now
        self._run = dict(answer["run"])
        self._evidence = self._evidence or list(answer.get("evidence", ()))
        if answer["changed"]:
            self._changed = True
            self._run["acted"] = True
            for event in reporter.acted(answer["step"]):
                self._tell(event)
                self._step = str(event)
                old = now["instances"].get(event.instance_id, {}).get("old")
                went = self._replaced if old else self._gone
                if event.instance_id and event.instance_id not in went:
                    went.append(event.instance_id)

    def _give_up(self) -> None:
        self._tell(Event(f"giving up: {self._failure}"))
        self._run["giving_up"] = True
        self._since = clock.now()
        self._deadline = self._since + RETREAT_SECONDS

    def _waiting(self, why: str) -> None:
        """A line for those who watch, where nothing has happened for a minute."""
        at = clock.now()
        if at < self._shown_at + LINE_SECONDS:
            return
        doing = "rolling back, waiting" if self._run["giving_up"] else "waiting"
        passed, whole = ((seconds / 60) for seconds in (at - self._since, self._deadline - self._since))
        what = why.removeprefix("waiting for ")
        self._line(f"{clock.local(at)}  {doing} {passed:.0f} of {whole:.0f} min: {what}")

    def _tell(self, event: Event) -> None:
        at = clock.now()
        self._timeline.append({"at": clock.iso(at), "event": event.text, "instance_id": event.instance_id})
        self._line(f"{clock.local(at)}  {event}  {clock.duration(at - self._started)}")

    def _line(self, line: str) -> None:
        self._shown_at = clock.now()
        self._show(line)

    def _told(self) -> dict[str, Any]:
        return {
            "changed": self._changed,
            "replaced": self._replaced,
            "ended": self._gone,
            "launched": self._launched,
            "timeline": self._timeline,
            "seconds": round(clock.now() - self._started, 3),
        }

    def _ended(self) -> dict[str, Any]:
        if not self._failure:
            return self._told()
        if self._first["shrinking"]:
            what = "beyond the group's size were not all terminated:"
        elif not self._changed and not any(each["old"] for each in self._first["instances"].values()):
            what = "do not serve as they should:"
        else:
            what = "were replaced, but" if self.replaced else "were not replaced:"
        message = "\n".join([f"The transactors {what} {self._failure}.", *self._evidence, self.standing()])
        return {**self._told(), "failed": True, "msg": message, "evidence": self._evidence}


def _beginning(now: Mapping[str, Any], *, again: bool) -> str:
    """The first line: what it is about, and that stopping it does no harm. again: a repeated run starts over."""
    old = [identity for identity, each in now["instances"].items() if each["old"]]
    about = f"replacing {', '.join(old)}" if old else now["without_old"]
    return f"{about}; if this is stopped, running it again {'starts over' if again else 'continues'}"
