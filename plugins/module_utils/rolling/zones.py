# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Availability zones: which instances can go without waking AZRebalance.

TerminateInstanceInAutoScalingGroup with a decrement "can become unbalanced". AWS then launches in the emptiest zone and
terminates in the fullest one, without regard to heartbeats.
https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from .state import Instance


def balanced(members: Collection[Instance], zones: Sequence[str]) -> bool:
    """Whether no zone of the group has two more members than another."""
    counts = Counter(member.zone for member in members)
    found = [counts[zone] for zone in zones]
    return not found or max(found) - min(found) <= 1


def choose(members: Sequence[Instance], candidates: Sequence[Instance], count: int) -> tuple[Instance, ...]:
    """Which candidates go so that the rest of the members is as balanced as possible. Both: oldest first.

    What does not serve goes first, what is protected last. Then one at a time: of the fullest zone, the youngest,
    since an older one is more likely to be active.
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
