# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The trials of whole playbooks: killed with all of their processes, and starved of answers."""

from __future__ import annotations

import itertools
from typing import Any

from tests.chaos import runs, state
from tests.chaos.system import System
from tests.chaos.trials import STARVATION, Tally, Trials

INVISIBLE = 120.0
"""Seconds of AWS's time for which something new is unknown: a quarter of a second of ours, many times a call's own."""
KILLED = -9


def fresh(trials: Trials, playbook: str) -> System:
    system = trials.fresh(playbook)
    trials.aws.configure(scale=runs.SCALE, visibility=INVISIBLE)
    return system


def again(tally: Tally, system: System, playbook: str, what: str, wanted: dict[str, Any]) -> None:
    """The same playbook once more has to end as if nothing had happened."""
    before = len(system.aws.calls())
    ended = runs.play(system, playbook)
    if ended.code:
        tally.crash(f"{what}: {ended.output[-2000:]}")
        return
    found = system.state()
    if all(call.kind == "read" for call in system.aws.calls()[before:]):
        found = state.as_of_nothing_to_do(found, wanted)
    tally.compare(what, found, wanted)


def met(tally: Tally, what: str, ended: runs.Ended) -> bool:
    """Whether the run was killed. A run may be over before; any other end is a failure of its own."""
    if ended.code == 0:
        tally.unmet += 1
    elif ended.code != KILLED:
        tally.crash(f"{what}, ended with {ended.code} before it was killed: {ended.output[-2000:]}")
    return ended.code == KILLED


def undisturbed(trials: Trials, tally: Tally, playbook: str) -> dict[str, Any]:
    """Its end state, empty when it failed."""
    system = fresh(trials, playbook)
    ended = runs.play(system, playbook)
    if ended.code:
        tally.crash(f"{playbook} without any disturbance: {ended.output[-2000:]}")
        return {}
    trials.kinds = tuple(call.kind for call in trials.aws.calls())
    return system.state()


def killed(trials: Trials, playbook: str) -> Tally:
    """kill -9 of all processes at every call, right after it, and at changes of files, fsyncs and git commands.

    Then the same playbook once more.
    """
    tally = Tally("killed")
    if wanted := undisturbed(trials, tally, playbook):
        repeated = Repeated(tally, playbook, wanted)
        _at_calls(trials, repeated)
        _at_changes(trials, repeated)
    return tally


class Repeated:
    """The second runs, each compared with one that nothing disturbed.

    What a second run does depends on what the killed one left, and on nothing else: of kills that left the same behind
    the first one's is enough. Two reads in a row are such kills, and so are two git commands that only ask.
    """

    def __init__(self, tally: Tally, playbook: str, wanted: dict[str, Any]) -> None:
        self.tally = tally
        self.playbook = playbook
        self._wanted = wanted
        self._left: set[str] = set()

    def __call__(self, system: System, what: str) -> None:
        left = state.left_behind(system)
        if left in self._left:
            self.tally.tried += 1
            self.tally.alike += 1
        else:
            self._left.add(left)
            again(self.tally, system, self.playbook, what, self._wanted)


def _at_calls(trials: Trials, repeated: Repeated) -> None:
    moments = [
        (k, mode)
        for k, kind in enumerate(trials.kinds, 1)
        for mode in ("kill", "kill_after")
        if mode == "kill" or kind != "read"  # right after a read is what it is at the next call
    ]
    for k, mode in moments[:: trials.step]:
        system = fresh(trials, repeated.playbook)
        what = f"{repeated.playbook}.yml, {mode} at call {k}"
        # A replacement looks more or less often from one run to the next: the last moments may not come.
        if met(repeated.tally, what, runs.killed_at_call(system, repeated.playbook, k=k, mode=mode)):
            repeated(system, what)


def _at_changes(trials: Trials, repeated: Repeated) -> None:
    """Every second one, until a run has no more of them. The runs of modules are killed at each."""
    for k in itertools.count(1, 2 * trials.step):
        system = fresh(trials, repeated.playbook)
        what = f"{repeated.playbook}.yml, killed at change {k}"
        ended = runs.play(system, repeated.playbook, k=k)
        if ended.code == 0:
            break
        if met(repeated.tally, what, ended):
            repeated(system, what)


def starved(trials: Trials, playbook: str, every: int = 1) -> Tally:
    """Every call fails once, the failures in turn: the whole set at each call is tried in runs of the modules."""
    tally = Tally("starved")
    wanted = undisturbed(trials, tally, playbook)
    for k in range(1, len(trials.kinds) + 1, every * trials.step) if wanted else ():
        how = STARVATION[(k - 1) // (every * trials.step) % len(STARVATION)]
        system = fresh(trials, playbook)
        trials.starve(how, k)
        again(tally, system, playbook, f"{playbook}.yml, {how} at call {k}", wanted)
        if not any(call.fault for call in trials.aws.calls()):
            tally.unmet += 1
    return tally
