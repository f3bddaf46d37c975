# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What transactor_info returns, and how a stack's group is observed."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..aws import autoscaling, stack
from ..aws.client import Aws, Clients
from ..aws.stack import Stack
from ..aws.sts import refuse_other_account
from ..rolling.preconditions import unmet
from ..rolling.state import Goal, Instance, Observed, Strategy
from ..util import clock


def observe(
    aws: Clients, stack_name: str, group_name: str, found: Stack | None = None
) -> tuple[Stack | None, Observed | None]:
    """A stack and its group, given one of the two names; None for what does not exist. found: the stack, if known."""
    cloudformation = aws.client("cloudformation")
    if stack_name:
        found = found or stack.observe(cloudformation, stack_name)
        group_name = found.group if found else ""
    group = autoscaling.observe(aws.client("autoscaling"), aws.client("ec2"), group_name) if group_name else None
    if group is None:
        return found, None
    if not found and group.stack_name:
        found = stack.observe(cloudformation, group.stack_name)
    group = group.configured_by(found.sizes if found else {})
    return found, dataclasses.replace(group, stack_status=found.status if found else "")


def info(
    aws: Aws, stack_name: str, group_name: str, *, strategy: Strategy = "rolling", account_id: str | None = None
) -> dict[str, Any]:
    """The stack, its group and its instances, given one of the two names."""
    refuse_other_account(aws, account_id)
    found, group = observe(aws, stack_name, group_name)
    version = found.datomic_version if found else ""
    instances = group.instances if group else ()
    known = instances and not any(instance.outdated for instance in instances)
    return {
        "changed": False,
        "stack": {
            "exists": found is not None,
            "name": found.name if found else stack_name,
            "id": found.stack_id if found else "",
            "status": found.status if found else "",
            "datomic_version": version,
            "flavor": found.flavor if found else "",
        },
        "group": _group(group, strategy) if group else {"exists": False, "name": ""},
        "instances": [_instance(instance) for instance in instances],
        "running_version": version if known else "",
        "running_heartbeat_msec": found.heartbeat_msec if found and known else 0,
    }


def _group(group: Observed, strategy: Strategy) -> dict[str, Any]:
    # An update of the stack outdates all of them.
    everything = frozenset(member.instance_id for member in group.members)
    return {
        "exists": True,
        "name": group.group,
        "min_size": group.sizes.minimum,
        "max_size": group.sizes.maximum,
        "desired_capacity": group.sizes.desired,
        "steady": group.is_steady,
        "launches": list(group.launches),
        "suspended_processes": list(group.suspended),
        "instance_refresh": group.refresh,
        "unmet_preconditions": unmet(group, Goal(strategy=strategy, replacing=everything)),
    }


def _instance(instance: Instance) -> dict[str, Any]:
    return {
        "instance_id": instance.instance_id,
        "lifecycle_state": instance.state,
        "health_status": "Healthy" if instance.healthy else "Unhealthy",
        "launched_with": instance.launched_with,
        "stale": instance.outdated,
        "launched_at": clock.iso(instance.launched_at) if instance.launched_at else "",
        "private_ip_address": instance.private_ip,
        "availability_zone": instance.zone,
        "protected_from_scale_in": instance.protected,
    }
