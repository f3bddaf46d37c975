# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Warm pools hold instances; moto's are always empty, and a group does not tell their size.

A pool is as large as the maximum, or the prepared capacity, is above the desired capacity, and at least its minimum.
Its instances keep what they were launched with when the group's launch changes. This emulator's come at once as what
they are to be (Stopped by default), and a group that grows takes none of them.

"Decrease latency for applications with long boot times using warm pools", Core concepts, Update the instances in a warm
pool, https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-warm-pools.html;
"PutWarmPool", https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutWarmPool.html;
"AutoScalingGroup", WarmPoolSize, https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_AutoScalingGroup.html
"""

from __future__ import annotations

import secrets
from typing import Any

from moto.autoscaling.models import FakeAutoScalingGroup
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult

from tests.emulator.corrections.autoscaling_capacity import found


def apply() -> None:
    put = FakeAutoScalingGroup.put_warm_pool

    def put_and_fill(self: FakeAutoScalingGroup, *args: Any, **kwargs: Any) -> None:
        kept = _kept(self)
        put(self, *args, **kwargs)
        self.warm_pool.kept = kept
        _kept(self)

    FakeAutoScalingGroup.put_warm_pool = put_and_fill
    FakeAutoScalingGroup.warm_pool_size = property(lambda self: len(_kept(self)) if self.warm_pool else None)
    AutoScalingResponse.describe_warm_pool = _describe_warm_pool


def _describe_warm_pool(self: AutoScalingResponse) -> ActionResult:
    group = found(self.autoscaling_backend, self._get_param("AutoScalingGroupName"))
    return ActionResult({"WarmPoolConfiguration": group.warm_pool, "Instances": _kept(group)})


def _kept(group: FakeAutoScalingGroup) -> list[dict[str, Any]]:
    """The pool's instances, as many as there have to be by now."""
    pool = group.warm_pool
    if pool is None:
        return []
    prepared = pool.max_group_prepared_capacity
    most = group.max_size if prepared in (None, -1) else prepared
    size = max(pool.min_size, (most or 0) - (group.desired_capacity or 0))
    kept: list[dict[str, Any]] = vars(pool).setdefault("kept", [])
    del kept[size:]
    kept += [_instance(group) for _missing in range(size - len(kept))]
    return kept


def _instance(group: FakeAutoScalingGroup) -> dict[str, Any]:
    launch: dict[str, Any] = {}
    if template := group.ec2_launch_template:
        version = str(template.get_version(group.launch_template_version).number)
        launch["LaunchTemplate"] = {
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "Version": version,
        }
    elif group.launch_config:
        launch["LaunchConfigurationName"] = group.launch_config.name
    return {
        "InstanceId": f"i-0{secrets.token_hex(8)[1:]}",
        "AvailabilityZone": group.availability_zones[0],
        "LifecycleState": f"Warmed:{group.warm_pool.pool_state}",
        "HealthStatus": "Healthy",
        "ProtectedFromScaleIn": False,
        **launch,
    }
