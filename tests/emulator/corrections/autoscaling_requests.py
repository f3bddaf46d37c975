# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests that moto does not answer, or not as AWS: activities, instance refreshes, checks of names."""

from __future__ import annotations

import uuid
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult

from tests.emulator.clock import CLOCK
from tests.emulator.corrections import autoscaling_activities as activities
from tests.emulator.corrections.autoscaling_capacity import found, profile_exists
from tests.emulator.settings import SETTINGS
from tests.emulator.user_data import LONGEST_USER_DATA, raw


def apply() -> None:
    AutoScalingResponse.describe_scaling_activities = _describe_scaling_activities
    _instance_refreshes()
    _names()
    _unstable_group()
    _policies()


def _policies() -> None:
    """A group's termination policies can be changed; moto keeps those that it was made with.

    "UpdateAutoScalingGroup", TerminationPolicies,
    https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_UpdateAutoScalingGroup.html
    """
    update = AutoScalingResponse.update_auto_scaling_group

    def update_policies_too(self: AutoScalingResponse) -> ActionResult:
        if policies := self._get_param("TerminationPolicies", []):
            found(self.autoscaling_backend, self._get_param("AutoScalingGroupName")).termination_policies = policies
        return update(self)

    AutoScalingResponse.update_auto_scaling_group = update_policies_too


def _describe_scaling_activities(self: AutoScalingResponse) -> ActionResult:
    """The newest first; those of deleted groups only when asked for. moto's list is always empty.

    "DescribeScalingActivities",
    https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeScalingActivities.html
    """
    backend = self.autoscaling_backend
    name, ids = self._get_param("AutoScalingGroupName"), self._get_param("ActivityIds", [])
    deleted_too = self._get_bool_param("IncludeDeletedGroups", False)
    chosen = [
        one
        for one in reversed(activities.kept(backend))
        if name in (None, one.group.name)
        and (not ids or one.id in ids)
        and (deleted_too or backend.autoscaling_groups.get(one.group.name) is one.group)
    ]
    start = int(self._get_param("NextToken") or 0)
    stop = start + (self._get_int_param("MaxRecords") or 100)
    token = str(stop) if len(chosen) > stop else None
    return ActionResult({"Activities": [one.shown() for one in chosen[start:stop]], "NextToken": token})


def _instance_refreshes() -> None:
    """Refreshes can be started, seen and cancelled; this emulator's stay InProgress until then.

    "StartInstanceRefresh", https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_StartInstanceRefresh.html
    """

    def refreshes(group: FakeAutoScalingGroup) -> list[dict[str, Any]]:
        if not hasattr(group, "refreshes"):
            group.refreshes = []
        kept: list[dict[str, Any]] = group.refreshes
        return kept

    def running(group: FakeAutoScalingGroup) -> dict[str, Any] | None:
        return next((one for one in refreshes(group) if one["Status"] == "InProgress"), None)

    def start(self: AutoScalingResponse) -> ActionResult:
        group = found(self.autoscaling_backend, self._get_param("AutoScalingGroupName"))
        if running(group):
            raise AutoscalingClientError(
                "InstanceRefreshInProgress", "An Instance Refresh is already in progress and blocks this request."
            )
        one = {
            "InstanceRefreshId": str(uuid.uuid4()),
            "AutoScalingGroupName": group.name,
            "Status": "InProgress",
            "StartTime": CLOCK.utcnow(),
            "PercentageComplete": 0,
            "InstancesToUpdate": len(group.active_instances()),
        }
        refreshes(group).insert(0, one)
        return ActionResult({"InstanceRefreshId": one["InstanceRefreshId"]})

    def describe(self: AutoScalingResponse) -> ActionResult:
        group = found(self.autoscaling_backend, self._get_param("AutoScalingGroupName"))
        ids = self._get_param("InstanceRefreshIds", [])
        shown = [one for one in refreshes(group) if not ids or one["InstanceRefreshId"] in ids]
        return ActionResult({"InstanceRefreshes": shown})

    def cancel(self: AutoScalingResponse) -> ActionResult:
        group = found(self.autoscaling_backend, self._get_param("AutoScalingGroupName"))
        one = running(group)
        if one is None:
            raise AutoscalingClientError(
                "ActiveInstanceRefreshNotFound",
                "No in progress or pending Instance Refresh found for Auto Scaling group.",
            )
        one.update(Status="Cancelled", EndTime=CLOCK.utcnow())
        return ActionResult({"InstanceRefreshId": one["InstanceRefreshId"]})

    AutoScalingResponse.start_instance_refresh = start
    AutoScalingResponse.describe_instance_refreshes = describe
    AutoScalingResponse.cancel_instance_refresh = cancel


def _names() -> None:
    """Names are taken once, launch configurations in use stay, and what they are made of has to be allowed.

    "CreateLaunchConfiguration" and "DeleteLaunchConfiguration",
    https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateLaunchConfiguration.html,
    https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DeleteLaunchConfiguration.html;
    "Auto Scaling launch configurations", newer accounts,
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/launch-configurations.html;
    "Run commands when you launch an EC2 instance with user data input",
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html;
    "DeleteAutoScalingGroup", ForceDelete,
    https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DeleteAutoScalingGroup.html
    """
    create_launch, delete_launch = (
        AutoScalingBackend.create_launch_configuration,
        AutoScalingBackend.delete_launch_configuration,
    )
    create_group = AutoScalingBackend.create_auto_scaling_group

    def create_launch_configuration(self: AutoScalingBackend, name: str, *args: Any, **kwargs: Any) -> Any:
        if not SETTINGS.launch_configurations:
            raise AutoscalingClientError(
                "UnsupportedOperation",
                "The Launch Configuration creation operation is not available in your account. Use launch templates to"
                " create configuration templates for your Auto Scaling groups.",
            )
        if len(raw(kwargs.get("user_data"))) > LONGEST_USER_DATA:
            raise ValidationError("User data is limited to 16384 bytes")
        if name in self.launch_configurations:
            raise AutoscalingClientError(
                "AlreadyExists",
                "Launch Configuration by this name already exists - A launch configuration already exists with the name"
                f" {name}",
            )
        profile = str(kwargs.get("instance_profile_name") or "").rpartition("/")[2]
        if profile and not profile_exists(self.account_id, profile):
            raise ValidationError(f"Invalid IamInstanceProfile: {profile}")
        return create_launch(self, name, *args, **kwargs)

    def delete_launch_configuration(self: AutoScalingBackend, launch_configuration_name: str) -> None:
        users = [g.name for g in self.autoscaling_groups.values() if _launch_name(g) == launch_configuration_name]
        if users:
            told = f"Cannot delete launch configuration {launch_configuration_name} because it is attached to"
            raise AutoscalingClientError("ResourceInUse", f"{told} AutoScalingGroup {users[0]}")
        delete_launch(self, launch_configuration_name)

    def create_auto_scaling_group(self: AutoScalingBackend, name: str, *args: Any, **kwargs: Any) -> Any:
        if name in self.autoscaling_groups:
            told = "AutoScalingGroup by this name already exists - A group with the name"
            raise AutoscalingClientError("AlreadyExists", f"{told} {name} already exists")
        kwargs["mixed_instances_policy"] = kwargs.get("mixed_instances_policy") or None  # none is not shown
        return create_group(self, name, *args, **kwargs)

    def delete_auto_scaling_group(self: AutoScalingResponse) -> ActionResult:
        group = found(self.autoscaling_backend, self._get_param("AutoScalingGroupName"))
        if group.instance_states and not self._get_bool_param("ForceDelete", False):
            raise AutoscalingClientError(
                "ResourceInUse",
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s)"
                " still in the group.",
            )
        self.autoscaling_backend.delete_auto_scaling_group(group.name)
        return EmptyResult()

    AutoScalingBackend.create_launch_configuration = create_launch_configuration
    AutoScalingBackend.delete_launch_configuration = delete_launch_configuration
    AutoScalingBackend.create_auto_scaling_group = create_auto_scaling_group
    AutoScalingResponse.delete_auto_scaling_group = delete_auto_scaling_group


def _launch_name(group: FakeAutoScalingGroup) -> str | None:
    return group.launch_config.name if group.launch_config and not group.ec2_launch_template else None


def _unstable_group() -> None:
    """A stack's group that cannot launch its instances fails its creation, with the activity's message.

    "Troubleshooting CloudFormation: Auto Scaling group did not stabilize",
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html
    """
    create = FakeAutoScalingGroup.create_from_cloudformation_json

    def create_and_wait(
        cls: Any, /, resource_name: str, json: Any, account: str, region: str, **kwargs: Any
    ) -> FakeAutoScalingGroup:
        group: FakeAutoScalingGroup = create.__func__(cls, resource_name, json, account, region, **kwargs)
        failed = [one for one in activities.kept(group.autoscaling_backend) if one.group is group and one.failed]
        if failed:
            sizes = f"{len(group.active_instances())}/{group.min_size}/{group.max_size}"
            group.delete(account, region)
            error = ValidationError(
                f"Group did not stabilize. {{current/minSize/maxSize group size = {sizes}. Failed Scaling Activity:"
                f" {failed[-1].failed}}}"
            )
            error.physical_resource_id = group.name
            raise error
        return group

    FakeAutoScalingGroup.create_from_cloudformation_json = classmethod(create_and_wait)
