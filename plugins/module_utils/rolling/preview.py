# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run would do: the steps that would follow, in words, for check mode."""

from __future__ import annotations

from . import smaller
from .state import Goal, Observed


def outlook(observed: Observed, goal: Goal) -> list[str]:
    """The steps from here to the end, as far as they can be told; empty when there is nothing to do."""
    doomed = [member for member in observed.members if goal.doomed(member)]
    going = ", ".join(member.instance_id for member in doomed)
    steps = []
    if doomed and goal.strategy == "terminate":
        steps = [f"terminate {going}; no transactor serves until the group has launched others"]
        proof = " and one is active (HeartbeatMsec)" if observed.metrics else ""
        steps += [f"wait until {observed.own.desired} fresh are in service{proof}"]
    elif doomed:
        wanted = observed.own.desired - (len(observed.members) - len(doomed))
        if wanted > 0:
            fits = min(wanted, observed.room)
            batches = "" if fits == wanted else f", {fits} at a time (free addresses)"
            steps.append(f"launch {wanted} beside the old{batches}")
        proof = "stand by (HeartMonitorMsec)" if observed.metrics else f"have settled for {goal.settle_seconds:.0f} s"
        steps += [
            f"wait until the new ones are in service and {proof}",
            f"terminate {going}; a standby takes over",
            "wait until one is active and the others stand by" if observed.metrics else "wait until all are in service",
        ]
    elif ending := smaller.surplus(observed, goal):
        ids = ", ".join(member.instance_id for member in ending)
        proof = "heartbeats prove" if observed.metrics else f"{goal.settle_seconds:.0f} s in service suggest"
        if goal.strategy == "terminate":
            steps = [f"terminate {ids}, more than the group's size"]
        else:
            steps = [f"terminate {ids}, more than the group's size, when {proof} that another one serves"]
            steps += ["wait until one is active" if observed.metrics else "wait until all are in service"]
    if observed.sizes != observed.own or observed.noted or steps:
        steps.append(f"leave the group at {observed.own}")
    return steps
