# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Do transactors of a system run: what a restore has to know before it starts."""

from __future__ import annotations

from ..aws import autoscaling, stack
from ..aws.client import Aws
from ..errors import DatomicError
from ..steps.stack import stack_name as stack_names


def refuse(aws: Aws, stack_name: str, group_name: str) -> None:
    """DatomicError when the group, or one of the stack's groups, has instances or wants to have some."""
    names = [group_name] if group_name else _groups(aws, stack_name)
    listed = ", ".join(names)
    desired, running = autoscaling.running(aws.client("autoscaling"), names)
    if len(desired) < len(names):
        raise DatomicError(f"There is no auto scaling group {listed}: whether transactors run cannot be seen.")
    if running:
        raise DatomicError(
            f"Transactors run ({', '.join(running)}), and a restore needs all of them stopped: set the group's size "
            "to 0 "
            f"(aws autoscaling update-auto-scaling-group --auto-scaling-group-name {names[0]} --min-size 0 "
            "--desired-capacity 0), stop all peers, wait until the instances are gone, and run again."
        )
    if any(desired.values()):
        raise DatomicError(
            f"The group {listed} is about to start transactors: its desired capacity is not 0. "
            "Set min-size and desired-capacity to 0 before a restore."
        )


def _groups(aws: Aws, stack_name: str) -> list[str]:
    stack_names.refuse(stack_name)
    names = stack.groups(aws.client("cloudformation"), stack_name)
    if not names:
        raise DatomicError(f"The stack {stack_name} has no auto scaling group: whether transactors run cannot be seen.")
    return names
