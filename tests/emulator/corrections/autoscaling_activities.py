# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scaling activities, which moto does not keep.

"Activity", https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Activity.html;
"Verify a scaling activity for an Auto Scaling group",
https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-verify-scaling-activity.html;
"View the reason for health check failures",
https://docs.aws.amazon.com/autoscaling/ec2/userguide/replace-unhealthy-instance.html
"""

from __future__ import annotations

import dataclasses
import json
import uuid
from typing import Any

from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, InstanceState

from tests.emulator.clock import CLOCK, naive


@dataclasses.dataclass
class Activity:
    """One launch or termination; over at `end`, which may be still to come."""

    group: FakeAutoScalingGroup
    description: str
    cause: str
    start: float
    end: float
    failed: str = ""
    zone: str = ""
    id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))

    def shown(self) -> dict[str, Any]:
        over = self.end <= CLOCK.now()
        shown = {
            "ActivityId": self.id,
            "AutoScalingGroupName": self.group.name,
            "AutoScalingGroupARN": self.group.arn,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": naive(self.start),
            "StatusCode": "Failed" if self.failed else "Successful" if over else "InProgress",
            "Progress": 100 if over else 50,
            "Details": json.dumps({"Availability Zone": self.zone or self.group.availability_zones[0]}),
        }
        if over:
            shown["EndTime"] = naive(self.end)
        if self.failed:
            shown["StatusMessage"] = self.failed
        return shown


def kept(backend: AutoScalingBackend) -> list[Activity]:
    """The activities of the region, the oldest first. They live as long as moto's own state of it."""
    if not hasattr(backend, "activities"):
        backend.activities = []
    activities: list[Activity] = backend.activities
    return activities


def launching(group: FakeAutoScalingGroup, instance: InstanceState) -> None:
    count = len(group.active_instances())
    started = (
        f"At {_now()} an instance was started in response to a difference between desired and actual capacity,"
        f" increasing the capacity from {count - 1} to {count}."
    )
    replaced = f"At {_now()} an instance was launched in response to an unhealthy instance needing to be replaced."
    asked = getattr(group, "asked", "")
    cause = asked + started if asked else replaced if getattr(group, "unhealthy", False) else started
    description = f"Launching a new EC2 instance: {instance.instance_id}"
    kept(group.autoscaling_backend).append(
        Activity(group, description, cause, CLOCK.now(), instance.in_service, zone=instance.availability_zone)
    )


def launch_failed(group: FakeAutoScalingGroup, reason: str, zone: str) -> None:
    message = f"{reason.rstrip('.')}. Launching EC2 instance failed."
    description = f"Launching a new EC2 instance.  Status Reason: {message}"
    cause = f"At {_now()} an instance was started in response to a difference between desired and actual capacity."
    now = CLOCK.now()
    kept(group.autoscaling_backend).append(Activity(group, description, cause, now, now, failed=message, zone=zone))


def terminating(group: FakeAutoScalingGroup, instance: InstanceState, cause: str) -> None:
    description = f"Terminating EC2 instance: {instance.instance_id}"
    told = f"At {_now()} instance {instance.instance_id} was taken out of service {cause}."
    kept(group.autoscaling_backend).append(
        Activity(group, description, told, CLOCK.now(), instance.gone, zone=instance.availability_zone)
    )


def asked(group: FakeAutoScalingGroup, low: int, high: int, desired: int) -> None:
    """Somebody changes the desired capacity: the launches that follow say so."""
    before = group.desired_capacity or 0
    group.asked = (
        f"At {_now()} a user request update of AutoScalingGroup constraints to min: {low}, max: {high},"
        f" desired: {desired} changing the desired capacity from {before} to {desired}.  "
        if desired > before
        else ""
    )


def _now() -> str:
    return CLOCK.utcnow().strftime("%Y-%m-%dT%H:%M:%SZ")
