# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What transactor_info returns."""

from __future__ import annotations

from typing import Any

from ..aws import autoscaling, stack
from ..aws.autoscaling import Group
from ..aws.client import Aws
from ..aws.stack import Stack
from ..aws.sts import refuse_other_account
from ..rolling.planner import whole
from ..rolling.preconditions import obstacles
from ..rolling.state import Goal, Instance, Strategy
from ..util import clock
from .observed_group import observed_group


def info(
    aws: Aws, stack_name: str, group_name: str, *, strategy: Strategy = "rolling", account_id: str | None = None
) -> dict[str, Any]:
    """The stack, its group and its instances. Exactly one of the two names is given."""
    refuse_other_account(aws, account_id)
    cloudformation = aws.client("cloudformation")
    found = stack.observe(cloudformation, stack_name) if stack_name else None
    if found:
        group_name = found.group
    group = autoscaling.observe(aws.client("autoscaling"), aws.client("ec2"), group_name) if group_name else None
    if group and not found and (name := group.tags.get(autoscaling.STACK_TAG)):
        found = stack.observe(cloudformation, name)
    version = found.datomic_version if found else ""
    instances = group.instances if group else ()
    known = instances and not any(instance.stale for instance in instances)
    return {
        "changed": False,
        "stack": _stack(found, stack_name, version),
        "group": _group(group, found, strategy),
        "instances": [_instance(instance) for instance in instances],
        "running_version": version if known else "",
        "running_heartbeat_msec": found.heartbeat_msec if found and known else 0,
    }


def _stack(found: Stack | None, name: str, version: str) -> dict[str, Any]:
    return {
        "exists": found is not None,
        "name": found.name if found else name,
        "id": found.stack_id if found else "",
        "status": found.status if found else "",
        "datomic_version": version,
        "flavor": found.flavor if found else "",
    }


def _group(group: Group | None, of: Stack | None, strategy: Strategy) -> dict[str, Any]:
    if group is None:
        return {"exists": False, "name": ""}
    observed = observed_group(group, of)
    # An update of the stack makes all of them stale.
    everything = frozenset(member.instance_id for member in observed.members)
    return {
        "exists": True,
        "name": group.name,
        "min_size": group.sizes.minimum,
        "max_size": group.sizes.maximum,
        "desired_capacity": group.sizes.desired,
        "whole": whole(observed),
        "launches": list(group.launches),
        "suspended_processes": list(group.around.suspended),
        "instance_refresh": group.around.refresh,
        "obstacles": list(obstacles(observed, Goal(strategy=strategy, replacing=everything))),
    }


def _instance(instance: Instance) -> dict[str, Any]:
    return {
        "instance_id": instance.instance_id,
        "lifecycle_state": instance.state,
        "health_status": "Healthy" if instance.healthy else "Unhealthy",
        "launched_with": instance.launched_with,
        "stale": instance.stale,
        "launched_at": clock.iso(instance.launched_at) if instance.launched_at else "",
        "private_ip_address": instance.private_ip,
        "availability_zone": instance.zone,
        "protected_from_scale_in": instance.protected,
    }
