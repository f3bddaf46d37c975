# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What CloudFormation finds wrong with a change set before it can be executed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.autoscaling.models import autoscaling_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends

from tests.emulator.corrections.cloudformation_checks import missing_of_what_is_named
from tests.emulator.corrections.cloudformation_replacement import NAMES, REQUIRED

EARLY = (
    "The following hook(s)/validation failed: ",
    ". To troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure information.",
)
"""StatusReason since November 2025: https://github.com/aws-cloudformation/rain/pull/744"""

_TAKEN: dict[str, Callable[[str, str, str], bool]] = {
    "AWS::AutoScaling::AutoScalingGroup": lambda account, region, name: (
        name in autoscaling_backends[account][region].autoscaling_groups
    ),
    "AWS::AutoScaling::LaunchConfiguration": lambda account, region, name: (
        name in autoscaling_backends[account][region].launch_configurations
    ),
    "AWS::CloudWatch::Alarm": lambda account, region, name: name in cloudwatch_backends[account][region].alarms,
    "AWS::CloudWatch::Dashboard": lambda account, region, name: name in cloudwatch_backends[account][region].dashboards,
    "AWS::IAM::Role": lambda account, region, name: (
        name in {role.name for role in iam_backends[account]["aws"].roles.values()}
    ),
}


def validation_errors(
    resources: dict[str, tuple[str, dict[str, Any]]],
    to_be_made: set[str],
    template: dict[str, Any],
    parameters: dict[str, Any],
    stack: Any,
) -> list[dict[str, Any]]:
    """The OperationEvents of a change set that is refused; each with the "hook" it fails, or the "reason" itself.

    resources: type and properties by logical id. to_be_made: those that get a new physical resource.
    "Validate stack deployments", https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
    """
    found = []
    for name, (kind, properties) in resources.items():
        for missing in sorted(set(REQUIRED.get(kind, ())) - set(properties)):
            why = f"Required property [{missing}] not found"
            found.append(_event(name, kind, "PROPERTY_VALIDATION", why, "PropertyValidation"))
        chosen = properties.get(NAMES.get(kind, ""))
        taken = _TAKEN.get(kind)
        if name in to_be_made and chosen and taken and taken(stack.account_id, stack.region_name, chosen):
            why = f"Resource of type '{kind}' with identifier '{chosen}' already exists."
            found.append(_event(name, kind, "NAME_CONFLICT_VALIDATION", why, "ResourceExistenceCheck"))
    ec2 = ec2_backends[stack.account_id][stack.region_name]
    return found + [{"reason": told} for told in missing_of_what_is_named(template, parameters, ec2)]


def _event(name: str, kind: str, validation: str, why: str, hook: str) -> dict[str, Any]:
    return {
        "EventType": "VALIDATION_ERROR",
        "LogicalResourceId": name,
        "ResourceType": kind,
        "ValidationName": validation,
        "ValidationStatus": "FAILED",
        "ValidationFailureMode": "FAIL",
        "ValidationStatusReason": why,
        "ValidationPath": f"/Resources/{name}/Properties",
        "hook": f"AWS::EarlyValidation::{hook}",
    }
