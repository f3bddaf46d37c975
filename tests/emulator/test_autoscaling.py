# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Corrections of moto in Auto Scaling, one test for each (docs/development/emulator.md)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator import Emulator

pytestmark = pytest.mark.usefixtures("older_account")


def make(aws: Emulator, size: int = 1, maximum: int | None = None, minimum: int | None = None, zones: str = "a") -> Any:
    """A group named orders on the launch configuration v1; its client."""
    client = aws.client("autoscaling")
    launch(aws, "v1")
    client.create_auto_scaling_group(
        AutoScalingGroupName="orders",
        LaunchConfigurationName="v1",
        MinSize=size if minimum is None else minimum,
        MaxSize=maximum or size,
        DesiredCapacity=size,
        AvailabilityZones=[f"us-east-1{zone}" for zone in zones],
    )
    return client


def launch(aws: Emulator, name: str, **options: Any) -> None:
    aws.client("autoscaling").create_launch_configuration(
        LaunchConfigurationName=name, ImageId="ami-12c6146b", InstanceType="m5.large", **options
    )


def group(aws: Emulator) -> dict[str, Any]:
    found: dict[str, Any] = aws.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
    return found


def instances(aws: Emulator) -> list[tuple[str, str]]:
    return [(one["InstanceId"], one["LifecycleState"]) for one in group(aws)["Instances"]]


def states(aws: Emulator) -> list[str]:
    return [state for _instance, state in instances(aws)]


def zones(aws: Emulator) -> str:
    """The letters of the zones that have instances, one an instance."""
    return "".join(sorted(one["AvailabilityZone"][-1] for one in group(aws)["Instances"]))


def newest(aws: Emulator) -> str:
    return str(group(aws)["Instances"][-1]["AvailabilityZone"][-1])


def activities(aws: Emulator) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws.client("autoscaling").describe_scaling_activities(AutoScalingGroupName="orders")[
        "Activities"
    ]
    return found


def test_a_zone_that_lacks_the_instance_type_gets_no_instance(aws: Emulator) -> None:
    aws.configure(rebalance=60)
    make(aws, size=3, maximum=4, zones="ade")
    assert zones(aws) == "aad"
    failed = [one for one in activities(aws) if one["StatusCode"] == "Failed"]
    assert [json.loads(one["Details"])["Availability Zone"] for one in failed] == ["us-east-1e"]
    assert failed[0]["StatusMessage"] == (
        "Your requested instance type (m5.large) is not supported in your requested Availability Zone (us-east-1e)."
        " Please retry your request by not specifying an Availability Zone or choosing us-east-1a, us-east-1b,"
        " us-east-1c, us-east-1d, us-east-1f. Launching EC2 instance failed."
    )
    aws.advance(70)
    assert zones(aws) == "aad"


def test_an_instance_is_pending_at_first(aws: Emulator) -> None:
    aws.configure(pending=30)
    make(aws)
    assert states(aws) == ["Pending"]
    assert (activities(aws)[0]["StatusCode"], "EndTime" in activities(aws)[0]) == ("InProgress", False)
    aws.advance(30)
    assert states(aws) == ["InService"]
    assert (activities(aws)[0]["StatusCode"], activities(aws)[0]["Progress"]) == ("Successful", 100)


def test_a_terminated_instance_is_terminating_then_gone_and_replaced_later(aws: Emulator) -> None:
    client = make(aws)
    old = instances(aws)[0][0]
    aws.configure(terminating=30, replacement=60)
    client.terminate_instance_in_auto_scaling_group(InstanceId=old, ShouldDecrementDesiredCapacity=False)
    assert instances(aws) == [(old, "Terminating")]
    aws.advance(35)
    assert instances(aws) == []
    aws.advance(35)
    assert states(aws) == ["InService"]
    assert instances(aws)[0][0] != old
    assert [one["Description"].split(":")[0] for one in activities(aws)] == [
        "Launching a new EC2 instance",
        "Terminating EC2 instance",
        "Launching a new EC2 instance",
    ]


def test_an_instance_that_ends_by_itself_is_noticed_by_a_health_check(aws: Emulator) -> None:
    make(aws)
    old = instances(aws)[0][0]
    aws.configure(health_check=30)
    aws.client("ec2").terminate_instances(InstanceIds=[old])
    assert instances(aws) == [(old, "InService")]
    aws.advance(35)
    assert instances(aws)[0][0] != old


@pytest.mark.parametrize("process", ["HealthCheck", "ReplaceUnhealthy", "Launch"])
def test_a_suspended_process_does_nothing_until_resumed(aws: Emulator, process: str) -> None:
    client = make(aws)
    old = instances(aws)[0][0]
    client.suspend_processes(AutoScalingGroupName="orders", ScalingProcesses=[process])
    aws.client("ec2").terminate_instances(InstanceIds=[old])
    assert instances(aws) == ([] if process == "Launch" else [(old, "InService")])
    assert [one["ProcessName"] for one in group(aws)["SuspendedProcesses"]] == [process]
    client.resume_processes(AutoScalingGroupName="orders", ScalingProcesses=[process])
    assert states(aws) == ["InService"]
    assert instances(aws)[0][0] != old


def test_decrement_shrinks_but_never_below_the_minimum(aws: Emulator) -> None:
    client = make(aws, size=2, minimum=1)
    first, second = (one for one, _state in instances(aws))
    client.terminate_instance_in_auto_scaling_group(InstanceId=first, ShouldDecrementDesiredCapacity=True)
    assert (group(aws)["DesiredCapacity"], [one for one, _state in instances(aws)]) == (1, [second])
    with pytest.raises(ClientError, match="desiredSize equals minSize"):
        client.terminate_instance_in_auto_scaling_group(InstanceId=second, ShouldDecrementDesiredCapacity=True)
    with pytest.raises(ClientError, match="No managed instance found for instance ID: i-0"):
        client.terminate_instance_in_auto_scaling_group(InstanceId="i-0", ShouldDecrementDesiredCapacity=False)


def test_sizes_are_checked_and_the_desired_one_follows_the_bounds(aws: Emulator) -> None:
    client, name = make(aws, size=1, maximum=2), {"AutoScalingGroupName": "orders"}
    with pytest.raises(ClientError, match="New SetDesiredCapacity value 3 is above max value 2"):
        client.set_desired_capacity(**name, DesiredCapacity=3)
    with pytest.raises(ClientError, match="is below min value 1"):
        client.set_desired_capacity(**name, DesiredCapacity=0)
    with pytest.raises(ClientError, match="Max bound, 0, must be greater than or equal to min bound, 1"):
        client.update_auto_scaling_group(**name, MaxSize=0)
    with pytest.raises(ClientError, match="Desired capacity:5 must be between the specified min size:1 and max size:2"):
        client.update_auto_scaling_group(**name, DesiredCapacity=5)
    with pytest.raises(ClientError, match="AutoScalingGroup name not found"):
        client.set_desired_capacity(AutoScalingGroupName="none", DesiredCapacity=1)
    client.update_auto_scaling_group(**name, MaxSize=4, DesiredCapacity=3)
    assert len(instances(aws)) == 3
    client.update_auto_scaling_group(**name, MaxSize=2)
    assert (group(aws)["DesiredCapacity"], len(instances(aws))) == (2, 2)
    client.update_auto_scaling_group(**name, MaxSize=5, MinSize=4)
    assert (group(aws)["DesiredCapacity"], len(instances(aws))) == (4, 4)


def test_scale_in_takes_old_launches_first_and_no_protected_instance(aws: Emulator) -> None:
    client, name = make(aws, size=2, maximum=4, minimum=1), {"AutoScalingGroupName": "orders"}
    protected, old = (one for one, _state in instances(aws))
    client.set_instance_protection(**name, InstanceIds=[protected], ProtectedFromScaleIn=True)
    launch(aws, "v2")
    client.update_auto_scaling_group(**name, LaunchConfigurationName="v2", DesiredCapacity=3)
    assert [one["LaunchConfigurationName"] for one in group(aws)["Instances"]] == ["v1", "v1", "v2"]
    client.set_desired_capacity(**name, DesiredCapacity=2)
    assert old not in [one for one, _state in instances(aws)]
    client.set_desired_capacity(**name, DesiredCapacity=1)
    assert [one for one, _state in instances(aws)] == [protected]


def test_a_launch_that_fails_is_told_by_its_activity_and_tried_again(aws: Emulator) -> None:
    aws.configure(capacity=1, launch_retry=20)
    client = make(aws, size=1, maximum=3)
    client.set_desired_capacity(AutoScalingGroupName="orders", DesiredCapacity=3)
    failed, other = activities(aws)[:2]
    assert failed["StatusCode"] == other["StatusCode"] == "Failed", "each missing instance is tried"
    assert "do not have sufficient m5.large capacity" in failed["StatusMessage"]
    assert failed["StatusMessage"].endswith("Launching EC2 instance failed.")
    assert len(instances(aws)) == 1
    aws.configure(capacity=None)
    aws.advance(20)
    assert len(instances(aws)) == 3


@pytest.mark.parametrize("what", ["security group", "profile"])
def test_what_a_launch_needs_has_to_exist(aws: Emulator, what: str) -> None:
    client = aws.client("autoscaling")
    if what == "profile":
        with pytest.raises(ClientError, match="Invalid IamInstanceProfile: nope"):
            launch(aws, "v2", IamInstanceProfile="nope")
        return
    make(aws, size=1, maximum=2)
    launch(aws, "v2", SecurityGroups=["nope"])
    client.update_auto_scaling_group(AutoScalingGroupName="orders", LaunchConfigurationName="v2", DesiredCapacity=2)
    assert "The security group 'nope' does not exist" in activities(aws)[0]["StatusMessage"]


def test_accounts_have_no_launch_configurations_unless_they_are_old(aws: Emulator) -> None:
    aws.reset()
    with pytest.raises(ClientError, match=r"UnsupportedOperation.*not available in your account"):
        launch(aws, "v1")


def test_user_data_is_limited(aws: Emulator) -> None:
    launch(aws, "v1", UserData="x" * 16_384)
    with pytest.raises(ClientError, match="User data is limited to 16384 bytes"):
        launch(aws, "v2", UserData="x" * 16_385)
    data = {"ImageId": "ami-12c6146b", "UserData": base64.b64encode(b"x" * 16_385).decode()}
    with pytest.raises(ClientError, match="User data is limited to 16384 bytes"):
        aws.client("ec2").create_launch_template(LaunchTemplateName="t", LaunchTemplateData=data)


def test_standby_instances_do_not_count(aws: Emulator) -> None:
    client = make(aws, size=2, minimum=1)
    first = instances(aws)[0][0]
    client.enter_standby(AutoScalingGroupName="orders", InstanceIds=[first], ShouldDecrementDesiredCapacity=True)
    assert sorted(states(aws)) == ["InService", "Standby"]
    client.exit_standby(AutoScalingGroupName="orders", InstanceIds=[first])
    assert states(aws) == ["InService", "InService"]


def test_an_instance_told_to_be_unhealthy_is_replaced(aws: Emulator) -> None:
    client = make(aws)
    old = instances(aws)[0][0]
    client.set_instance_health(InstanceId=old, HealthStatus="Unhealthy")
    assert old not in [one for one, _state in instances(aws)]
    assert len(instances(aws)) == 1


def test_instance_refreshes_are_seen_and_only_one_runs(aws: Emulator) -> None:
    client, name = make(aws), {"AutoScalingGroupName": "orders"}
    assert client.describe_instance_refreshes(**name)["InstanceRefreshes"] == []
    client.start_instance_refresh(**name)
    with pytest.raises(ClientError, match="InstanceRefreshInProgress"):
        client.start_instance_refresh(**name)
    assert [one["Status"] for one in client.describe_instance_refreshes(**name)["InstanceRefreshes"]] == ["InProgress"]
    client.cancel_instance_refresh(**name)
    assert [one["Status"] for one in client.describe_instance_refreshes(**name)["InstanceRefreshes"]] == ["Cancelled"]
    with pytest.raises(ClientError, match="ActiveInstanceRefreshNotFound"):
        client.cancel_instance_refresh(**name)


def test_a_warm_pool_holds_instances_of_the_launch_that_was_then(aws: Emulator) -> None:
    client, name = make(aws, size=1, maximum=3), {"AutoScalingGroupName": "orders"}
    assert "WarmPoolSize" not in group(aws)
    client.put_warm_pool(**name)
    launch(aws, "v2")
    client.update_auto_scaling_group(**name, LaunchConfigurationName="v2", MaxSize=4)
    assert group(aws)["WarmPoolSize"] == 3
    kept = client.describe_warm_pool(**name)["Instances"]
    assert [(one["LaunchConfigurationName"], one["LifecycleState"]) for one in kept] == [
        (launched, "Warmed:Stopped") for launched in ("v1", "v1", "v2")
    ]
    client.update_auto_scaling_group(**name, MaxSize=1)
    assert group(aws)["WarmPoolSize"] == 0
    client.put_warm_pool(**name, MinSize=1, MaxGroupPreparedCapacity=1)
    assert group(aws)["WarmPoolSize"] == 1
    client.delete_warm_pool(**name)
    assert "WarmPoolConfiguration" not in group(aws)


def test_names_are_taken_and_what_is_in_use_stays(aws: Emulator) -> None:
    client = make(aws)
    with pytest.raises(ClientError, match="AlreadyExists"):
        launch(aws, "v1")
    with pytest.raises(ClientError, match="AlreadyExists"):
        client.create_auto_scaling_group(
            AutoScalingGroupName="orders",
            LaunchConfigurationName="v1",
            MinSize=0,
            MaxSize=0,
            AvailabilityZones=["us-east-1a"],
        )
    with pytest.raises(ClientError, match="ResourceInUse"):
        client.delete_launch_configuration(LaunchConfigurationName="v1")
    with pytest.raises(ClientError, match="ResourceInUse"):
        client.delete_auto_scaling_group(AutoScalingGroupName="orders")
    client.delete_auto_scaling_group(AutoScalingGroupName="orders", ForceDelete=True)
    client.delete_launch_configuration(LaunchConfigurationName="v1")
    assert client.describe_scaling_activities()["Activities"] == []
    kept = client.describe_scaling_activities(IncludeDeletedGroups=True)["Activities"]
    assert kept[0]["Description"].startswith("Terminating EC2 instance")


def test_activities_come_in_pages(aws: Emulator) -> None:
    client = make(aws, size=5)
    pages = client.get_paginator("describe_scaling_activities").paginate(PaginationConfig={"PageSize": 2})
    assert [len(page["Activities"]) for page in pages] == [2, 2, 1]


def test_activities_start_when_they_were_due(aws: Emulator) -> None:
    aws.configure(replacement=100, health_check=20)
    make(aws)
    aws.client("ec2").terminate_instances(InstanceIds=[instances(aws)[0][0]])
    aws.advance(1000)
    again, ended, first = (one["StartTime"].timestamp() for one in activities(aws))
    assert again - ended == pytest.approx(100)
    assert 20 <= ended - first < 25


def test_an_activity_says_why_it_began(aws: Emulator) -> None:
    client = make(aws, maximum=2)
    client.set_desired_capacity(AutoScalingGroupName="orders", DesiredCapacity=2)
    assert "changing the desired capacity from 1 to 2" in activities(aws)[0]["Cause"]
    aws.client("ec2").terminate_instances(InstanceIds=[instances(aws)[0][0]])
    launched, ended = activities(aws)[:2]
    assert "in response to an unhealthy instance needing to be replaced" in launched["Cause"]
    assert "an EC2 health check indicating it has been terminated or stopped" in ended["Cause"]
    client.terminate_instance_in_auto_scaling_group(
        InstanceId=instances(aws)[0][0], ShouldDecrementDesiredCapacity=False
    )
    launched, ended = activities(aws)[:2]
    assert "in response to a difference between desired and actual capacity" in launched["Cause"]
    assert "desired capacity from" not in launched["Cause"]
    assert "in response to a user request" in ended["Cause"]


def test_a_group_launches_in_the_zone_with_the_fewest_instances(aws: Emulator) -> None:
    client = make(aws, size=2, maximum=9, zones="abc")
    assert zones(aws) == "ab"
    for desired, expected in ((3, "abc"), (5, "aabbc")):
        client.set_desired_capacity(AutoScalingGroupName="orders", DesiredCapacity=desired)
        assert zones(aws) == expected
    assert activities(aws)[0]["Details"] == '{"Availability Zone": "us-east-1b"}'
    aws.configure(random_choice="last")
    client.set_desired_capacity(AutoScalingGroupName="orders", DesiredCapacity=7)
    assert (zones(aws), newest(aws)) == ("aabbccc", "c")
    one = group(aws)["Instances"][0]
    shown = aws.client("ec2").describe_instances(InstanceIds=[one["InstanceId"]])["Reservations"][0]["Instances"][0]
    assert shown["Placement"]["AvailabilityZone"] == one["AvailabilityZone"]


def test_a_group_with_subnets_launches_in_theirs(aws: Emulator) -> None:
    subnets = {
        each["AvailabilityZone"][-1]: each["SubnetId"] for each in aws.client("ec2").describe_subnets()["Subnets"]
    }
    launch(aws, "v1")
    aws.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="orders",
        LaunchConfigurationName="v1",
        MinSize=2,
        MaxSize=2,
        VPCZoneIdentifier=f"{subnets['b']},{subnets['c']}",
    )
    found = aws.client("ec2").describe_instances()["Reservations"]
    assert zones(aws) == "bc"
    assert {each["SubnetId"] for one in found for each in one["Instances"]} == {subnets["b"], subnets["c"]}


def test_uneven_zones_are_balanced_by_a_launch_before_a_termination(aws: Emulator) -> None:
    client = make(aws, size=4, minimum=1, maximum=4, zones="ab")
    aws.configure(pending=30, rebalance=60)
    aws.advance(30)
    name = {"AutoScalingGroupName": "orders"}
    for one in [one for one in group(aws)["Instances"] if one["AvailabilityZone"] == "us-east-1b"]:
        client.terminate_instance_in_auto_scaling_group(
            InstanceId=one["InstanceId"], ShouldDecrementDesiredCapacity=True
        )
    client.update_auto_scaling_group(**name, MinSize=2, MaxSize=2)
    left = [one for one, _state in instances(aws)]
    assert zones(aws) == "aa"
    aws.advance(60)
    assert (zones(aws), states(aws)) == ("aab", ["InService", "InService", "Pending"]), "one above the maximum"
    assert (group(aws)["DesiredCapacity"], group(aws)["MaxSize"]) == (2, 2)
    for one in left:
        with pytest.raises(ClientError, match="desiredSize equals minSize"):
            client.terminate_instance_in_auto_scaling_group(InstanceId=one, ShouldDecrementDesiredCapacity=True)
    aws.advance(30)
    assert (zones(aws), states(aws)) == ("ab", ["InService", "InService"])
    aws.advance(600)
    assert zones(aws) == "ab"


@pytest.mark.parametrize("process", ["AZRebalance", "Launch"])
def test_uneven_zones_stay_while_that_is_suspended(aws: Emulator, process: str) -> None:
    client, name = make(aws, size=3, minimum=1, zones="ab"), {"AutoScalingGroupName": "orders"}
    client.suspend_processes(**name, ScalingProcesses=[process])
    going = next(one for one in group(aws)["Instances"] if one["AvailabilityZone"] == "us-east-1b")
    client.terminate_instance_in_auto_scaling_group(InstanceId=going["InstanceId"], ShouldDecrementDesiredCapacity=True)
    aws.advance(600)
    assert zones(aws) == "aa"
    client.resume_processes(**name, ScalingProcesses=[process])
    aws.advance(120)
    assert zones(aws) == "ab"


@pytest.mark.parametrize(
    ("policies", "left"),
    [
        (["Default"], [0, 3]),
        (["OldestInstance"], [2, 3]),
        (["NewestInstance"], [0, 1]),
        (["AllocationStrategy", "NewestInstance"], [0, 1]),
        (["OldestLaunchConfiguration", "NewestInstance"], [0, 3]),
        (["ClosestToNextInstanceHour"], [2, 3]),
    ],
)
def test_scale_in_follows_the_policies(aws: Emulator, policies: list[str], left: list[int]) -> None:
    """Two come from v2, which is older than v3; one each before and after from v3."""
    launch(aws, "v2")
    client, name = make(aws, size=1, maximum=4), {"AutoScalingGroupName": "orders"}
    launch(aws, "v3")
    client.update_auto_scaling_group(**name, LaunchConfigurationName="v3", TerminationPolicies=policies)
    client.terminate_instance_in_auto_scaling_group(
        InstanceId=instances(aws)[0][0], ShouldDecrementDesiredCapacity=False
    )
    for desired, launched in ((2, "v2"), (3, "v2"), (4, "v3")):
        aws.advance(300)
        client.update_auto_scaling_group(**name, LaunchConfigurationName=launched, DesiredCapacity=desired)
    before = [one for one, _state in instances(aws)]
    client.set_desired_capacity(**name, DesiredCapacity=2)
    assert [before.index(one) for one, _state in instances(aws)] == left


def test_scale_in_takes_from_the_fullest_zone_before_it_asks_the_policy(aws: Emulator) -> None:
    client, name = make(aws, size=3, minimum=1, zones="ab"), {"AutoScalingGroupName": "orders"}
    assert zones(aws) == "aab"
    launch(aws, "v2")
    client.update_auto_scaling_group(**name, LaunchConfigurationName="v2", MaxSize=5, DesiredCapacity=4)
    assert (zones(aws), newest(aws)) == ("aabb", "b")
    client.set_instance_protection(
        **name,
        InstanceIds=[one["InstanceId"] for one in group(aws)["Instances"] if one["AvailabilityZone"][-1] == "a"],
        ProtectedFromScaleIn=True,
    )
    client.set_desired_capacity(**name, DesiredCapacity=3)
    client.set_desired_capacity(**name, DesiredCapacity=2)
    assert zones(aws) == "aa"


def test_the_default_policy_takes_the_one_closest_to_the_next_billing_hour_of_the_oldest_launch(aws: Emulator) -> None:
    client, name = make(aws, size=1, minimum=1, maximum=3), {"AutoScalingGroupName": "orders"}
    first = instances(aws)[0][0]
    aws.advance(3600 - 1200)
    client.set_desired_capacity(**name, DesiredCapacity=2)
    second = instances(aws)[1][0]
    aws.advance(3600 - 600)
    # The first has 1800 s to its next hour, the second 600 s.
    client.set_desired_capacity(**name, DesiredCapacity=1)
    assert [one for one, _state in instances(aws)] == [first] != [second]
