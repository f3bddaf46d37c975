# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Preconditions of a replacement. An unmet one is found before anything changes, and its message says what to do."""

from __future__ import annotations

from .state import NORMAL_STATES, Goal, Observed

STANDBY = "Standby"
NEEDED_PROCESSES = ("Launch", "Terminate")


def unmet(observed: Observed, goal: Goal) -> list[str]:
    """A message for each unmet precondition."""
    group = f"--auto-scaling-group-name {observed.group}"
    found = []
    if observed.deleting:
        found.append(f"AWS deletes the group {observed.group} ({observed.deleting})")
    if observed.stack_status.endswith("_IN_PROGRESS"):
        found.append(f"the stack is {observed.stack_status}: wait until that has ended")
    if suspended := [process for process in NEEDED_PROCESSES if process in observed.suspended]:
        found.append(
            f"the group's processes {' and '.join(suspended)} are suspended: "
            f"aws autoscaling resume-processes {group} --scaling-processes {' '.join(suspended)}"
        )
    if observed.refresh:
        found.append(
            f"an instance refresh is {observed.refresh}: wait, or aws autoscaling cancel-instance-refresh {group}"
        )
    if observed.warm_pool or (observed.warm_pool is not None and goal.strategy == "rolling"):
        # The pool fills while the maximum is above the desired size, as it is during a rolling replacement.
        found.append(
            f"the group has a warm pool, with {observed.warm_pool} instances now. The group would launch these instead "
            f"of new ones: aws autoscaling delete-warm-pool {group}"
        )
    if aside := [each for each in observed.instances if each.state not in NORMAL_STATES]:
        standby = [each.instance_id for each in aside if each.state == STANDBY]
        command = f": aws autoscaling exit-standby {group} --instance-ids {' '.join(standby)}"
        names = ", ".join(f"{each.instance_id} ({each.state})" for each in aside)
        found.append(
            f"not in service: {names}; terminate them, or return them to service"
            f"{command if len(standby) == len(aside) else ''}"
        )
    kept = [each.instance_id for each in goal.outdated(observed) if each.protected]
    if kept and not observed.protects_new:  # else the protection says nothing about one instance
        found.append(
            f"protected from scale-in: {', '.join(kept)}; aws autoscaling set-instance-protection "
            f"--no-protected-from-scale-in {group} --instance-ids {' '.join(kept)}"
        )
    return found
