# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What transactor_info returns, and how a stack's group is observed."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..aws import autoscaling, stack
from ..aws.calls import run_parallel
from ..aws.client import Aws, Clients
from ..aws.stack import Stack
from ..aws.sts import refuse_other_account
from ..rolling.preconditions import unmet
from ..rolling.state import Goal, Instance, Observed, Strategy
from ..steps.stack.document import LAUNCH_GROUP
from ..util import clock


def observe(
    aws: Clients, stack_name: str, group_name: str, found: Stack | None = None, *, detailed: bool = True
) -> tuple[Stack | None, Observed | None]:
    """A stack and its group, given one of the two names; None for what does not exist.

    found: the stack, if it was read before, with or without its template. detailed: False reads no more of the group
    than a single call shows: nothing of what complete adds.
    """
    cloudformation, scaling, ec2 = (aws.client(service) for service in ("cloudformation", "autoscaling", "ec2"))
    if not stack_name:
        group = autoscaling.find(scaling, ec2, group_name)
        if group and not found and group.stack_name:
            found = stack.observe(cloudformation, group.stack_name)
    elif found and found.group:
        group = autoscaling.find(scaling, ec2, found.group)
    else:
        described = found or stack.existing(cloudformation, stack_name)
        if described is None:
            return None, None
        found, group = run_parallel(
            lambda: described if described.template else stack.with_template(cloudformation, described),
            lambda: _group_of(cloudformation, scaling, ec2, described),
        )
    if group is None:
        return found, None
    if found:
        found = dataclasses.replace(found, group=group.group)
    group = group.configured_by(found.sizes if found else {})
    group = dataclasses.replace(group, stack_status=found.status if found else "")
    return found, complete(aws, group) if detailed else group


def _group_of(cloudformation: Any, scaling: Any, ec2: Any, found: Stack) -> Observed | None:
    """The stack's group: by its tags, and where they do not say which it is, by the name that the stack has for it."""
    group = autoscaling.of_stack(scaling, ec2, found.stack_id, LAUNCH_GROUP)
    if group and not group.deleting:
        return group
    name = stack.groups(cloudformation, found.name).get(LAUNCH_GROUP)
    return autoscaling.find(scaling, ec2, name) if name else None


def complete(aws: Clients, group: Observed) -> Observed:
    """The group as observed without details, with them: what a replacement has to know of instances and activities."""
    return autoscaling.complete(aws.client("autoscaling"), aws.client("ec2"), group)


def info(
    aws: Aws, stack_name: str, group_name: str, *, strategy: Strategy = "rolling", account_id: str | None = None
) -> dict[str, Any]:
    """The stack, its group and its instances, given one of the two names."""
    refuse_other_account(aws, account_id)
    found, group = observe(aws, stack_name, group_name)
    version = found.datomic_version if found else ""
    instances = group.instances if group else ()
    known = bool(group and group.is_current)
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
