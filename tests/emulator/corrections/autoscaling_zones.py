# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Availability zones: in which one a group launches, which instance scale-in takes, when the zones are uneven.

"Benefits of Amazon EC2 Auto Scaling", Instance distribution and Rebalancing activities,
https://docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-benefits.html;
"Configure termination policies for Amazon EC2 Auto Scaling",
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-termination-policies.html
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, TypeVar

from moto.autoscaling.models import FakeAutoScalingGroup, InstanceState

from tests.emulator.clock import CLOCK
from tests.emulator.settings import SETTINGS

HOUR = 3600.0
Kind = TypeVar("Kind")


def counts(group: FakeAutoScalingGroup) -> dict[str, int]:
    """How many instances count as the group's capacity in each of its zones."""
    present = Counter(one.availability_zone for one in group.active_instances())
    return {zone: present[zone] for zone in sorted(set(group.availability_zones))}


def uneven(group: FakeAutoScalingGroup) -> bool:
    """A zone has two more than another: with one more the group is as balanced as it can be."""
    found = counts(group).values()
    return bool(found) and max(found) - min(found) > 1


def emptiest(group: FakeAutoScalingGroup, without: Collection[str] = ()) -> str:
    """Where the next instance is launched: in the zone with the fewest. Empty when no zone is left."""
    found = {zone: count for zone, count in counts(group).items() if zone not in without}
    return _any([zone for zone, count in found.items() if count == min(found.values())]) if found else ""


@contextlib.contextmanager
def only(group: FakeAutoScalingGroup, zone: str) -> Iterator[None]:
    """Inside, the group has this zone and its subnets alone: moto launches in any zone, and in the first subnet."""
    zones, identifier = group.availability_zones, group.vpc_zone_identifier
    group.availability_zones = [zone]
    if identifier:
        subnets = group.autoscaling_backend.ec2_backend.describe_subnets(subnet_ids=identifier.split(","))
        group.vpc_zone_identifier = ",".join(subnet.id for subnet in subnets if subnet.availability_zone == zone)
    try:
        yield
    finally:
        group.availability_zones, group.vpc_zone_identifier = zones, identifier


def chosen(group: FakeAutoScalingGroup) -> InstanceState | None:
    """Which instance scale-in takes next: of the fullest zones, none that is protected, then by the policies."""
    free = [one for one in group.active_instances() if not one.protected_from_scale_in]
    if not free:
        return None
    found = counts(group)
    most = max(found.get(one.availability_zone, 0) for one in free)
    left = [one for one in free if found.get(one.availability_zone, 0) == most]
    for policy in group.termination_policies or ["Default"]:
        for key in POLICIES.get(policy, ()):
            best = min(key(one) for one in left)
            left = [one for one in left if key(one) == best]
    return _any(left)


def most_above(group: FakeAutoScalingGroup) -> int:
    """How many instances the group may have while it balances its zones."""
    return int(group.max_size) + max(1, int(group.max_size) // 10)


def _any(equals: Sequence[Kind]) -> Kind:
    """What AWS chooses at random."""
    return equals[-1 if SETTINGS.random_choice == "last" else 0]


def _launch_age(instance: InstanceState) -> tuple[Any, ...]:
    """The oldest launch first: in a group with a template, configurations come before templates."""
    group, version = instance.auto_scaling_group, instance.launch_version
    if template := group.ec2_launch_template:
        if version is None:
            return (0, 0)
        return (2, int(version["Version"])) if version["LaunchTemplateId"] == template.id else (1, 0)
    return (0, instance.launch_made) if version is None else (1, 0)


def _to_the_next_hour(instance: InstanceState) -> tuple[float, ...]:
    """Whole minutes, so that those that were launched together are equals."""
    return (round((HOUR - (CLOCK.now() - instance.launched) % HOUR) / 60),)


def _since(instance: InstanceState) -> tuple[float, ...]:
    return (instance.launched,)


def _newest(instance: InstanceState) -> tuple[float, ...]:
    return (-instance.launched,)


Key = Callable[[InstanceState], tuple[Any, ...]]

POLICIES: dict[str, tuple[Key, ...]] = {
    "Default": (_launch_age, _to_the_next_hour, _since),
    "OldestInstance": (_since,),
    "NewestInstance": (_newest,),
    "OldestLaunchConfiguration": (_launch_age,),
    "OldestLaunchTemplate": (_launch_age,),
    "ClosestToNextInstanceHour": (_to_the_next_hour,),
    "AllocationStrategy": (),
}
"""What each policy compares; the least goes. AWS chooses among equals at random; Default here takes the oldest."""
