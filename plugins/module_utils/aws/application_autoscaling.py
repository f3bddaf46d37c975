# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Application Auto Scaling: the current scaling of a table, and the executors of its actions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from ..actions import Executors
from ..steps.transactor.current import Scaling, Units
from ..steps.transactor.table import PutScalingPolicy, SetScalableTarget
from .calls import aws_call

NAMESPACE = "dynamodb"
TRACKING = "TargetTrackingScaling"


def observe(client: Any, table: str) -> dict[Units, Scaling]:
    """The scaling of read and write units; empty for a table that does not exist."""
    doing, resource = "read the auto scaling of the table", f"table/{table}"
    operation = client.describe_scalable_targets
    targets = aws_call(doing, table, operation, ServiceNamespace=NAMESPACE, ResourceIds=[resource])
    operation = client.describe_scaling_policies
    policies = aws_call(doing, table, operation, ServiceNamespace=NAMESPACE, ResourceId=resource)["ScalingPolicies"]
    return {
        kind: Scaling(target["MinCapacity"], target["MaxCapacity"], *_policy(policies, kind))
        for kind in get_args(Units)
        for target in targets["ScalableTargets"]
        if target["ScalableDimension"] == _dimension(kind)
    }


def _policy(policies: Iterable[Mapping[str, Any]], kind: Units) -> tuple[str, float]:
    """Name and target of the policy that tracks the kind's utilization; empty and 0 without one."""
    for policy in policies:
        tracking = policy.get("TargetTrackingScalingPolicyConfiguration", {})
        metric = tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
        if policy["ScalableDimension"] == _dimension(kind) and metric == _metric(kind):
            return policy["PolicyName"], tracking["TargetValue"]
    return "", 0.0


def executors(client: Any) -> Executors:
    """For a client in the table's region."""

    def register(name: str, target: SetScalableTarget) -> None:
        request = {**_target(name), "MinCapacity": target.minimum, "MaxCapacity": target.maximum}
        if target.tags:
            request["Tags"] = dict(target.tags)
        aws_call("set up the auto scaling of the table", name, client.register_scalable_target, **request)

    def put(name: str, policy: PutScalingPolicy) -> None:
        target, kind = _target(name), name.rpartition("/")[2]
        tracked = {"PredefinedMetricSpecification": {"PredefinedMetricType": _metric(kind)}}
        aws_call(
            "set the target utilization of the table",
            name,
            client.put_scaling_policy,
            **target,
            # The default is the name that DynamoDB's console gives it.
            PolicyName=policy.policy or f"{_metric(kind)}:{target['ResourceId']}",
            PolicyType=TRACKING,
            TargetTrackingScalingPolicyConfiguration={**tracked, "TargetValue": policy.utilization},
        )

    return Executors().add(SetScalableTarget, register).add(PutScalingPolicy, put)


def _target(name: str) -> dict[str, Any]:
    table, _slash, kind = name.rpartition("/")
    return {"ServiceNamespace": NAMESPACE, "ResourceId": f"table/{table}", "ScalableDimension": _dimension(kind)}


def _dimension(kind: str) -> str:
    return f"dynamodb:table:{kind.capitalize()}CapacityUnits"


def _metric(kind: str) -> str:
    return f"DynamoDB{kind.capitalize()}CapacityUtilization"
