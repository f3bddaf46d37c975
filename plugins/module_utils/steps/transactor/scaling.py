# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Auto scaling of the table of ensure-transactor: between which units, and at which utilization. Pure.

"Managing throughput capacity automatically with DynamoDB auto scaling",
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/AutoScaling.html
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from ...plan import Action
from . import Options
from .resources import Kind, Scaling

SERVICE = "application-autoscaling"
UTILIZATION = 70
"""Percent of the units that is aimed at, as DynamoDB's console does."""


@dataclasses.dataclass(frozen=True)
class SetScalableTarget:
    minimum: int
    maximum: int
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class PutScalingPolicy:
    """utilization: in percent. policy: the name of the policy that exists, empty for a new one."""

    utilization: float
    policy: str = ""


def wanted(options: Options) -> dict[Kind, int]:
    """The units that may be reached, of each kind for which auto scaling is asked."""
    most: dict[Kind, int | None] = {"read": options.table_max_read_capacity, "write": options.table_max_write_capacity}
    return {kind: units for kind, units in most.items() if units is not None}


def actions(name: str, found: Mapping[Kind, Scaling], units: Mapping[str, int], options: Options) -> Iterator[Action]:
    """units: what the table has by then. An existing range is only ever widened upwards, like the table itself."""
    given: dict[Kind, int | None] = {"read": options.table_read_capacity, "write": options.table_write_capacity}
    for kind, most in wanted(options).items():
        have = found.get(kind)
        least = max(given[kind] or 0, have.minimum if have else units[kind])
        most = max(most, least, have.maximum if have else 0)
        after = {"minimum": least, "maximum": most}
        tags = {"tags": dict(options.tags)} if options.tags else {}
        target = f"{name}/{kind}"
        if have is None:
            params = SetScalableTarget(least, most, options.tags)
            yield Action(SERVICE, "scalable_target", target, "create", after={**after, **tags}, params=params)
        elif after != (before := {"minimum": have.minimum, "maximum": have.maximum}):
            yield Action(SERVICE, "scalable_target", target, "update", before, after, SetScalableTarget(least, most))
        yield from _policy(target, have, options)


def _policy(target: str, have: Scaling | None, options: Options) -> Iterator[Action]:
    asked = options.table_target_utilization
    if have is None or not have.policy:
        params = PutScalingPolicy(asked or UTILIZATION)
        shown = {"utilization": params.utilization}
        yield Action(SERVICE, "scaling_policy", target, "create", after=shown, params=params)
    elif asked is not None and asked != have.utilization:
        before = {"policy": have.policy, "utilization": have.utilization}
        params = PutScalingPolicy(asked, have.policy)
        yield Action(SERVICE, "scaling_policy", target, "update", before, {**before, "utilization": asked}, params)
