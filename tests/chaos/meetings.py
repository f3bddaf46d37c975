# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The trials of several machines: one is held or killed at a call, the others run meanwhile, then it goes on."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.datomic_onprem.aws.plugins.module_utils.state.item import TABLE

from tests.chaos import runs, state
from tests.chaos.machines import Machine, crew
from tests.chaos.trials import Tally, Trials
from tests.emulator.calls import Call
from tests.emulator.faults import Fault

RENEWAL = "SET #beat"
HELD = 120.0
"""Seconds that a call is held at most."""
LONGEST = 30.0
"""Seconds in which another machine ends, or waits for the one that is held."""
ROUNDS = 4
"""How often those that were refused pull and run again, at most."""
WAITS = re.compile(r"waiting\b.*for another run")
CRASHING: dict[str, Any] = {
    **{"simulator": True, "scale": 120, "boot": 40, "pending": 20, "terminating": 20, "replacement": 10},
    "health_check": 30,
}
"""Transactors that crash at their start live longer than a request takes, as on AWS."""
ROLLED_BACK = re.compile(r"Keep the transactors before.*\n(ok|changed): ")
LOST = "has lost its lock"
REFUSED = re.compile(r"git pull|[Aa]nother run works on")
BEHIND = re.compile(r"has commits that are not here.*git pull --rebase.*Its last commit is [0-9a-f]{40}", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Moment:
    """A call of a run: the count-th of its name, and of its expression, when it changes the shared state."""

    name: str
    expression: str
    count: int

    @property
    def fault(self) -> dict[str, Any]:
        """What lets a fault meet it."""
        return {"match": f"^{re.escape(self.name)}$", "body": re.escape(self.expression), "k": self.count}

    def __str__(self) -> str:
        doing = re.search(r"REMOVE|#lock|#names|$", self.expression)
        return f"{self.name.rpartition(':')[0]} {doing[0] if doing else ''} {self.count}".replace("  ", " ")


def moments(calls: Sequence[Call], every: int = 1) -> list[Moment]:
    """Changes, each with the call before it, on which it is based: those of the lock, and every `every`-th other."""
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    calls = [call for call in calls if not _expression(call).startswith(RENEWAL)]
    for call, after in zip(calls, [*calls[1:], None], strict=True):
        what = call.name, _expression(call)
        seen[what] += 1
        if call.kind != "read" or (after and after.kind != "read"):
            found.append((Moment(*what, seen[what]), any(one and one.resource == TABLE for one in (call, after))))
    others = [moment for moment, of_the_lock in found if not of_the_lock][::every]
    return [moment for moment, of_the_lock in found if of_the_lock or moment in others]


def _expression(call: Call) -> str:
    """What an update of an item sets; empty for any other call."""
    return str(call.params.get("UpdateExpression", "")) if call.operation == "UpdateItem" else ""


class Meetings:
    """Machines that work on one system.

    edits: of each machine before update; none: the system is to be created. push: whether the role pushes what it
    commits. every, only: which moments are tried, see moments and Moment. state: datomic_state. broken: a line of the
    first machine's edit, with which transactors end at their start, so that its update is rolled back.
    """

    def __init__(
        self,
        trials: Trials,
        tally: Tally,
        *,
        names: Sequence[str] = ("anna", "ben"),
        edits: Sequence[Mapping[str, str]] = (),
        push: bool = True,
        every: int = 1,
        only: str = "",
        state: str = "shared",
        broken: str = "",
    ) -> None:
        self.trials, self.tally, self.names, self.edits, self.push = trials, tally, names, edits, push
        self.every, self.only = every * trials.step, only
        self.broken = broken
        self.playbook = "update" if edits else "create"
        self._variables = {"datomic_push": str(push).lower(), "datomic_state": state}

    def fresh(self) -> list[Machine]:
        aws = self.trials.aws
        aws.reset()
        aws.configure(scale=runs.SCALE, visibility=0 if self.edits else INVISIBLE)
        if self.broken:
            aws.configure(**CRASHING)
        machines = crew(self.trials.directory, aws, self.names, self.trials.launchers, self._variables)
        if self.edits:
            first, *others = machines
            ended = runs.play(first, "create")
            assert ended.code == 0, ended.output
            for machine in others:
                machine.pull(*self._others(machine, machines))
            for machine, edit in zip(machines, self.edits, strict=True):
                for key, value in edit.items():
                    machine.set(key, value)
        aws.configure(modes={self.broken: "crash"} if self.broken else {})
        aws.clear_calls()
        return machines

    def alone(self) -> tuple[dict[str, Any], list[Moment]]:
        """The end when one machine does everything, and the moments of its run.

        An update that is rolled back is the first machine's; then the second one updates.
        """
        first, *others = machines = self.fresh()
        for edit in () if self.broken else self.edits:
            for key, value in edit.items():
                first.set(key, value)
        ended = runs.play(first, self.playbook)
        found = moments(self.trials.aws.calls(), self.every)
        if ended.code and not self._rolled_back(ended):
            self.tally.crash(f"{self.playbook} on one machine, undisturbed: {ended.output[-2000:]}")
        for machine in others:
            if not self.broken:
                machine.git("checkout", "--quiet", ".")
            machine.pull(*([] if self.push else [first]))
        if self.broken:
            last = runs.play(machines[1], self.playbook)
            if last.code:
                self.tally.crash(f"{self.playbook} after a rollback, undisturbed: {last.output[-2000:]}")
            first.pull()
        return end(machines), [moment for moment in found if str(moment).startswith(self.only)]

    def _ends(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        """What a trial may end like: of an update that is rolled back and another one, either may be the last."""
        if not self.broken:
            return [wanted]
        first, second, *_others = machines = self.fresh()
        runs.play(second, self.playbook)
        first.pull()
        runs.play(first, self.playbook)
        second.pull()
        return [wanted, end(machines)]

    def _rolled_back(self, run: runs.Ended) -> bool:
        """Whether the run failed as it has to, and has rolled its update back."""
        return bool(self.broken) and run.code > 0 and ROLLED_BACK.search(run.output) is not None

    def held(self, mode: str, *, stalled: bool = False) -> None:
        """The first machine is held at each moment in turn; the others run until they end or wait.

        stalled: as a machine that sleeps, it does not renew its lock meanwhile, so the others take it over.
        """
        wanted, found = self.alone()
        ends = self._ends(wanted)
        for moment in found:
            machines = self.fresh()
            fault = self.trials.aws.fault(**moment.fault, mode=mode, seconds=HELD, caller=machines[0].caller)
            ended = side_by_side(self.playbook, machines, fault, stalled=stalled)
            if not fault.held.is_set():
                self.tally.unmet += 1
            what = f"{len(machines)} machines, {self.playbook}, {'stalled, ' * stalled}{mode} at {moment}"
            self.judge(what, machines, ended, ends)

    def killed(self, mode: str, *, power_cut: bool = True) -> None:
        """The first machine's run is killed at each moment, then the others run, then it runs again.

        power_cut: so is what renews its lock, which otherwise ends by itself.
        """
        wanted, found = self.alone()
        ends = self._ends(wanted)
        for moment in found:
            first, *others = machines = self.fresh()
            ended = runs.killed_at_call(first, self.playbook, mode=mode, **moment.fault)
            if ended.code == 0:
                self.tally.unmet += 1
                continue
            if power_cut:
                first.cut_the_power()
            what = f"{len(machines)} machines, {self.playbook}, {mode} at {moment}"
            self.trials.aws.clear_calls()
            self.judge(what, machines, [ended, *(runs.play(other, self.playbook) for other in others)], ends)

    def judge(self, what: str, machines: list[Machine], ended: list[runs.Ended], ends: list[dict[str, Any]]) -> None:
        """Those that were refused pull and run again, as the message says. Then all has to be as if one had done it."""
        for _round in range(ROUNDS):
            # What was rolled back has to stay so: nobody runs it again.
            ended = [dataclasses.replace(run, code=0) if self._rolled_back(run) else run for run in ended]
            for machine, run in zip(machines, ended, strict=True):
                if run.code > 0 and ("Traceback" in run.output or not names_another(machine, machines, run.output)):
                    self.tally.crash(f"{what}, {machine.caller} ended with {run.code}: {run.output[-3000:]}")
                    return
            if not any(run.code for run in ended):
                break
            ended = [self._again(machine, machines, run) for machine, run in zip(machines, ended, strict=True)]
        else:
            self.tally.crash(f"{what}: refused again and again: {[run.output[-1500:] for run in ended if run.code]}")
            return
        for machine in machines:
            machine.pull(*self._others(machine, machines))
        found = end(machines)
        # Only one whose calls were forgotten when it was killed.
        if all(call.kind == "read" for call in self.trials.aws.calls()):
            found = state.as_of_nothing_to_do(found, ends[0])
        self.tally.compare(what, found, found if found in ends else ends[0])

    def _again(self, machine: Machine, machines: Sequence[Machine], run: runs.Ended) -> runs.Ended:
        if not run.code:
            return run
        machine.pull(*self._others(machine, machines))
        return runs.play(machine, self.playbook)

    def _others(self, machine: Machine, machines: Sequence[Machine]) -> list[Machine]:
        """Whom a machine pulls from where there is no remote."""
        return [] if self.push else [other for other in machines if other is not machine]


INVISIBLE = 60.0
"""Seconds of AWS's time for which something new is unknown."""


def side_by_side(playbook: str, machines: Sequence[Machine], fault: Fault, *, stalled: bool) -> list[runs.Ended]:
    """The runs of all machines. Each next one begins when the first is held and those before have ended, or wait."""
    first, *others = machines
    with concurrent.futures.ThreadPoolExecutor(len(machines)) as pool:
        running = [pool.submit(runs.play, first, playbook)]
        until(lambda: fault.held.is_set() or running[0].done())
        if stalled:
            first.cut_the_power()
        for other in others:
            running.append(pool.submit(runs.play, other, playbook))
            until(lambda: running[-1].done() or (waits(machines[len(running) - 1]) and not stalled))
        first.aws.clear_faults()
        return [run.result() for run in running]


def until(happened: Callable[[], bool]) -> None:
    """Look for it, and no longer than a while."""
    deadline = time.monotonic() + LONGEST
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.02)


def waits(machine: Machine) -> bool:
    output = machine.base / "output"
    return output.exists() and WAITS.search(output.read_text(errors="replace")) is not None


def names_another(machine: Machine, machines: Sequence[Machine], output: str) -> bool:
    """Whether a refusal says whose run or which commit it is about, and what to do."""
    others = [other.caller for other in machines if other is not machine]
    if LOST in output or BEHIND.search(" ".join(output.split())):
        return True
    return any(name in output for name in others) and REFUSED.search(output) is not None


def end(machines: Sequence[Machine]) -> dict[str, Any]:
    """The account, and of each machine the files, what git shows, and how many processes still run."""
    found = state.account(machines[0].aws, {})
    clones = [[state.files_of(machine), state.status(machine), len(machine.processes())] for machine in machines]
    return state.normalised({**found, "clones": clones})


OTHER_EDITS = ({"memory-index-max": "256m"}, {"encrypt-channel": "true"})
SAME_EDIT = ({"memory-index-max": "256m"}, {"memory-index-max": "256m"})
LOCK = "dynamodb:UpdateItem"
THREE = ("anna", "ben", "carl")


def create(trials: Trials) -> Tally:
    """Two and three machines create one system."""
    tally = Tally("create/create")
    Meetings(trials, tally, every=6).held("hold")
    Meetings(trials, tally, every=12).held("hold_after", stalled=True)
    Meetings(trials, tally, only=LOCK, names=THREE).held("hold_after")
    Meetings(trials, tally, only=LOCK, push=False).held("hold_after")
    return tally


def update(trials: Trials) -> Tally:
    """Two machines update one system, with the same edit and with different ones."""
    tally = Tally("update/update")
    Meetings(trials, tally, every=2, edits=OTHER_EDITS).held("hold")
    Meetings(trials, tally, every=4, edits=OTHER_EDITS).held("hold_after", stalled=True)
    Meetings(trials, tally, only=LOCK, edits=SAME_EDIT).held("hold_after")
    return tally


def killed(trials: Trials) -> Tally:
    """One machine's run is killed, another one's goes on, then the first runs again."""
    tally = Tally("one is killed")
    Meetings(trials, tally, every=6).killed("kill_after")
    Meetings(trials, tally, every=3, edits=OTHER_EDITS).killed("kill_after")
    Meetings(trials, tally, every=6, edits=OTHER_EDITS).killed("kill", power_cut=False)
    return tally


def rollback(trials: Trials) -> Tally:
    """One machine's update fails and is rolled back, while another one updates.

    Not killed: who pulls a broken edit that nobody has rolled back yet applies it, and rolls back more.
    """
    tally = Tally("update/rollback")
    Meetings(trials, tally, every=3, edits=OTHER_EDITS, broken="memory-index-max=256m").held("hold")
    return tally
