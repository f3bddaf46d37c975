# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what Auto Scaling and CloudFormation say of a group to what a replacement is decided by."""

from __future__ import annotations

import dataclasses

from ..aws.autoscaling import Group
from ..aws.stack import Stack
from ..rolling.state import Metrics, Observed, Sizes


def observed_group(group: Group, of: Stack | None, metrics: Metrics | None = None) -> Observed:
    """The group as its replacement sees it. of: its stack."""
    own, known = _own_sizes(group, of)
    return Observed(
        group=group.name,
        now=group.now,
        sizes=group.sizes,
        own=own,
        own_known=known,
        noted=group.noted is not None,
        instances=group.instances,
        room=group.room,
        zones=group.zones,
        activities=group.activities,
        metrics=metrics,
        around=dataclasses.replace(group.around, stack_status=of.status if of else ""),
    )


def _own_sizes(group: Group, of: Stack | None) -> tuple[Sizes, bool]:
    """The group's sizes outside a replacement, and whether anything but the group itself says so."""
    told = of.sizes if of else {}
    noted = group.noted
    if noted and (noted.minimum != group.sizes.minimum or noted.maximum > group.sizes.maximum):
        noted = None  # somebody has given the group other sizes since: a replacement leaves the minimum as it is
    rest = noted or group.sizes
    minimum = told.get("MinSize", rest.minimum)
    maximum = told.get("MaxSize", rest.maximum)
    desired = min(maximum, max(minimum, told.get("DesiredCapacity", rest.desired)))
    return Sizes(minimum, maximum, desired), len(told) == 3 or noted is not None
