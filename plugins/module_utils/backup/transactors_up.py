# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Do transactors of a system run: what a restore has to know before it starts."""

from __future__ import annotations

from ..aws.client import Aws
from ..aws.errors import aws_errors
from ..errors import DatomicError
from ..steps.stack import stack_name as stack_names
from ..steps.stack.failures import GROUP_TYPE


def refuse(aws: Aws, stack_name: str, group_name: str) -> None:
    """DatomicError when the group, or one of the stack's groups, has instances or wants to have some."""
    names = [group_name] if group_name else _groups(aws, stack_name)
    client = aws.client("autoscaling")
    with aws_errors("look at the group", ", ".join(names), client):
        groups = client.describe_auto_scaling_groups(AutoScalingGroupNames=names)["AutoScalingGroups"]
    if len(groups) < len(names):
        raise DatomicError(
            f"There is no auto scaling group {', '.join(names)}: whether transactors run cannot be seen."
        )
    running = [instance["InstanceId"] for group in groups for instance in group.get("Instances", [])]
    if running:
        raise DatomicError(
            f"Transactors run ({', '.join(running)}), and a restore needs all of them stopped: set the group's size "
            "to 0 "
            f"(aws autoscaling update-auto-scaling-group --auto-scaling-group-name {names[0]} --min-size 0 "
            "--desired-capacity 0), stop all peers, wait until the instances are gone, and run again."
        )
    if any(group.get("DesiredCapacity") for group in groups):
        raise DatomicError(
            f"The group {', '.join(names)} is about to start transactors: its desired capacity is not 0. "
            "Set min-size and desired-capacity to 0 before a restore."
        )


def _groups(aws: Aws, stack_name: str) -> list[str]:
    stack_names.refuse(stack_name)
    client = aws.client("cloudformation")
    with aws_errors("look at the stack", stack_name, client):
        pages = client.get_paginator("list_stack_resources").paginate(StackName=stack_name)
        resources = [item for page in pages for item in page["StackResourceSummaries"]]
    names = [
        item["PhysicalResourceId"]
        for item in resources
        if item["ResourceType"] == GROUP_TYPE and item.get("PhysicalResourceId")
    ]
    if not names:
        raise DatomicError(f"The stack {stack_name} has no auto scaling group: whether transactors run cannot be seen.")
    return names
