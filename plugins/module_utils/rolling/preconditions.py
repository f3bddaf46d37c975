# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What forbids a replacement for now. Each is found before anything was changed, and says what to do."""

from __future__ import annotations

from .state import ORDINARY, Goal, Observed

STANDBY = "Standby"
NEEDED_PROCESSES = ("Launch", "Terminate")


def obstacles(observed: Observed, goal: Goal) -> tuple[str, ...]:
    """All of them, in words; empty when the group can be worked on."""
    around, group = observed.around, observed.group
    found = []
    if around.deleting:
        found.append(f"the group {group} is going away ({around.deleting})")
    if around.stack_status.endswith("_IN_PROGRESS"):
        found.append(f"the stack is {around.stack_status}: wait until that has ended")
    if suspended := [process for process in NEEDED_PROCESSES if process in around.suspended]:
        found.append(
            f"the group's processes {' and '.join(suspended)} are suspended: "
            f"aws autoscaling resume-processes --auto-scaling-group-name {group} "
            f"--scaling-processes {' '.join(suspended)}"
        )
    if around.refresh:
        found.append(
            f"an instance refresh is {around.refresh}: wait, or "
            f"aws autoscaling cancel-instance-refresh --auto-scaling-group-name {group}"
        )
    if around.warm or (around.warm is not None and goal.strategy == "rolling"):
        # As large as the maximum is above the desired size, which it is for a while in a rolling replacement.
        found.append(
            f"the group has a warm pool, with {around.warm} instances now: what was prepared before would come instead "
            "of new ones, and its transactors would start beside them: "
            f"aws autoscaling delete-warm-pool --auto-scaling-group-name {group}"
        )
    if aside := [f"{each.instance_id} ({each.state})" for each in observed.instances if each.state not in ORDINARY]:
        standby = [each.instance_id for each in observed.instances if each.state == STANDBY]
        help_ = (
            f": aws autoscaling exit-standby --auto-scaling-group-name {group} --instance-ids {' '.join(standby)}"
            if len(standby) == len(aside)
            else ""
        )
        found.append(f"set aside by somebody: {', '.join(aside)}; terminate them, or return them to service{help_}")
    if not around.protects_new:
        # Where the group protects everything that it launches, protection says nothing about one instance.
        kept = [each.instance_id for each in observed.members if each.protected and goal.doomed(each)]
        if kept:
            found.append(
                f"protected from scale-in by somebody: {', '.join(kept)}; aws autoscaling set-instance-protection "
                f"--no-protected-from-scale-in --auto-scaling-group-name {group} --instance-ids {' '.join(kept)}"
            )
    return tuple(found)
