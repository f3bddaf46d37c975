# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Availability zones: what AZRebalance would not leave alone, and which instances can go without waking it.

TerminateInstanceInAutoScalingGroup with a decrement "can become unbalanced", and AWS then launches in the emptiest zone
and terminates in the fullest one, without any heartbeat.
https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from .state import Instance


def balanced(members: Collection[Instance], zones: Sequence[str]) -> bool:
    """No zone of the group has two more than another; AWS cannot do better than a difference of one."""
    counts = Counter(member.zone for member in members)
    found = [counts[zone] for zone in zones]
    return not found or max(found) - min(found) <= 1


def to_go(members: Sequence[Instance], candidates: Sequence[Instance], count: int) -> tuple[Instance, ...]:
    """Which candidates go for the rest of the members to be as balanced as can be.

    What does not serve goes first, what somebody protects last. Then one at a time: of the fullest zone, the youngest,
    since an older one is likelier to be active. members, candidates: oldest first.
    """
    left, free, going = list(members), list(candidates), []
    for _each in range(min(count, len(free))):
        counts = Counter(member.zone for member in left)
        one = max(
            reversed(free),
            key=lambda member: (not member.healthy, not member.serving, not member.protected, counts[member.zone]),
        )
        left.remove(one)
        free.remove(one)
        going.append(one)
    return tuple(going)
