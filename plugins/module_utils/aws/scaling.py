# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Application Auto Scaling: how a table scales, and the executors of its actions."""

from __future__ import annotations

from typing import Any, get_args

from ..plan import Executors
from ..steps.transactor.resources import Kind, Scaling
from ..steps.transactor.scaling import PutScalingPolicy, SetScalableTarget
from .errors import aws_errors

NAMESPACE = "dynamodb"
TRACKING = "TargetTrackingScaling"


def observe(client: Any, table: str) -> dict[Kind, Scaling]:
    """What scales, by kind; empty for a table that is not there."""
    resource = f"table/{table}"
    with aws_errors("read the auto scaling of the table", table, client):
        targets = client.describe_scalable_targets(ServiceNamespace=NAMESPACE, ResourceIds=[resource])
        policies = client.describe_scaling_policies(ServiceNamespace=NAMESPACE, ResourceId=resource)
    found: dict[Kind, Scaling] = {}
    for kind in get_args(Kind):
        for target in targets["ScalableTargets"]:
            if target["ScalableDimension"] == _dimension(kind):
                found[kind] = Scaling(
                    target["MinCapacity"], target["MaxCapacity"], *_policy(policies["ScalingPolicies"], kind)
                )
    return found


def _policy(policies: list[dict[str, Any]], kind: Kind) -> tuple[str, float]:
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
        tags = {"Tags": dict(target.tags)} if target.tags else {}
        with aws_errors("set up the auto scaling of the table", name, client):
            client.register_scalable_target(
                **_target(name), MinCapacity=target.minimum, MaxCapacity=target.maximum, **tags
            )

    def put(name: str, policy: PutScalingPolicy) -> None:
        target = _target(name)
        kind = name.rpartition("/")[2]
        tracked = {"PredefinedMetricSpecification": {"PredefinedMetricType": _metric(kind)}}
        with aws_errors("set the target utilization of the table", name, client):
            client.put_scaling_policy(
                **target,
                # The name that DynamoDB's console gives it.
                PolicyName=policy.policy or f"{_metric(kind)}:{target['ResourceId']}",
                PolicyType=TRACKING,
                TargetTrackingScalingPolicyConfiguration={**tracked, "TargetValue": policy.utilization},
            )

    return Executors().add(SetScalableTarget, register).add(PutScalingPolicy, put)


def _target(name: str) -> dict[str, str]:
    table, _slash, kind = name.rpartition("/")
    return {"ServiceNamespace": NAMESPACE, "ResourceId": f"table/{table}", "ScalableDimension": _dimension(kind)}


def _dimension(kind: str) -> str:
    return f"dynamodb:table:{kind.capitalize()}CapacityUnits"


def _metric(kind: str) -> str:
    return f"DynamoDB{kind.capitalize()}CapacityUtilization"
