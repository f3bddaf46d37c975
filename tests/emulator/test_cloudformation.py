# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Corrections of moto in CloudFormation, one test for each (docs/development/emulator.md)."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator import Emulator

pytestmark = pytest.mark.usefixtures("older_account")

LAUNCH = {"ImageId": "ami-12c6146b", "InstanceType": {"Ref": "Type"}, "SecurityGroups": {"Ref": "Groups"}}
LEGACY: dict[str, Any] = {
    "Parameters": {
        "Type": {"Type": "String", "Default": "m5.large"},
        "Groups": {"Type": "CommaDelimitedList", "Default": "default"},
        "Size": {"Type": "String", "Default": "1", "AllowedPattern": "[0-9]+"},
    },
    "Mappings": {"Image": {"us-east-1": {"hvm": "ami-12c6146b"}}},
    "Resources": {
        "LaunchGroup": {
            "Type": "AWS::AutoScaling::AutoScalingGroup",
            "Properties": {
                "AvailabilityZones": {"Fn::GetAZs": ""},
                "MinSize": {"Ref": "Size"},
                "MaxSize": {"Ref": "Size"},
                "LaunchConfigurationName": {"Ref": "LaunchConfig"},
            },
        },
        "LaunchConfig": {
            "Type": "AWS::AutoScaling::LaunchConfiguration",
            "Properties": {**LAUNCH, "ImageId": {"Fn::FindInMap": ["Image", {"Ref": "AWS::Region"}, "hvm"]}},
        },
    },
}
ALARM = "AWS::CloudWatch::Alarm"
MODERN: dict[str, Any] = {
    "Parameters": {"Type": {"Type": "String", "Default": "m5.large"}},
    "Resources": {
        "Group": {
            "Type": "AWS::AutoScaling::AutoScalingGroup",
            "Properties": {
                "AvailabilityZones": {"Fn::GetAZs": ""},
                "MinSize": "1",
                "MaxSize": "1",
                "LaunchTemplate": {
                    "LaunchTemplateId": {"Ref": "Template"},
                    "Version": {"Fn::GetAtt": ["Template", "LatestVersionNumber"]},
                },
            },
        },
        "Template": {
            "Type": "AWS::EC2::LaunchTemplate",
            "Properties": {"LaunchTemplateData": {"ImageId": "ami-12c6146b", "InstanceType": {"Ref": "Type"}}},
        },
    },
}


def create(aws: Emulator, template: dict[str, Any], **options: Any) -> None:
    aws.client("cloudformation").create_stack(StackName="orders", TemplateBody=json.dumps(template), **options)


def update(aws: Emulator, template: dict[str, Any], **options: Any) -> None:
    aws.client("cloudformation").update_stack(StackName="orders", TemplateBody=json.dumps(template), **options)


def parameter(name: str, value: str) -> list[dict[str, str]]:
    return [{"ParameterKey": name, "ParameterValue": value}]


def stack(aws: Emulator) -> dict[str, Any]:
    found: dict[str, Any] = aws.client("cloudformation").describe_stacks(StackName="orders")["Stacks"][0]
    return found


def group(aws: Emulator) -> dict[str, Any]:
    found: dict[str, Any] = aws.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
    return found


def launch_configurations(aws: Emulator) -> list[str]:
    found = aws.client("autoscaling").describe_launch_configurations()["LaunchConfigurations"]
    return [one["LaunchConfigurationName"] for one in found]


def test_a_list_parameters_default_is_split(aws: Emulator) -> None:
    aws.client("ec2").create_security_group(GroupName="datomic", Description="x")
    template = copy.deepcopy(LEGACY)
    template["Parameters"]["Groups"]["Default"] = "default,datomic"
    create(aws, template)
    assert stack(aws)["StackStatus"] == "CREATE_COMPLETE"
    launch = aws.client("autoscaling").describe_launch_configurations()["LaunchConfigurations"][0]
    assert launch["SecurityGroups"] == ["default", "datomic"]
    shown = {one["ParameterKey"]: one["ParameterValue"] for one in stack(aws)["Parameters"]}
    assert shown == {"Type": "m5.large", "Groups": "default,datomic", "Size": "1"}


def test_a_changed_launch_configuration_is_replaced_and_the_group_kept(aws: Emulator) -> None:
    create(aws, LEGACY)
    before, old = group(aws), launch_configurations(aws)
    update(aws, LEGACY, Parameters=parameter("Type", "m5.xlarge"))
    after = group(aws)
    assert after["AutoScalingGroupARN"] == before["AutoScalingGroupARN"]
    assert [one["InstanceId"] for one in after["Instances"]] == [one["InstanceId"] for one in before["Instances"]]
    assert [after["LaunchConfigurationName"]] == launch_configurations(aws) != old
    assert "LaunchConfigurationName" not in after["Instances"][0]  # it was deleted


@pytest.mark.parametrize("what", ["default", "mapping", "property"])
def test_whatever_reaches_the_launch_configuration_replaces_it(aws: Emulator, what: str) -> None:
    create(aws, LEGACY)
    old, template = launch_configurations(aws), copy.deepcopy(LEGACY)
    if what == "default":
        template["Parameters"]["Type"]["Default"] = "m5.xlarge"
    elif what == "mapping":
        template["Mappings"]["Image"]["us-east-1"]["hvm"] = "ami-03cf127a"
    else:
        template["Resources"]["LaunchConfig"]["Properties"]["InstanceMonitoring"] = "true"
    update(aws, template)
    assert [group(aws)["LaunchConfigurationName"]] == launch_configurations(aws) != old


def test_a_changed_launch_template_has_another_version_and_instances_keep_theirs(aws: Emulator) -> None:
    create(aws, MODERN)
    assert group(aws)["LaunchTemplate"]["Version"] == "1"
    update(aws, MODERN, Parameters=parameter("Type", "m5.xlarge"))
    after = group(aws)
    assert after["LaunchTemplate"]["Version"] == "2"
    assert after["Instances"][0]["LaunchTemplate"]["Version"] == "1"
    aws.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=after["Instances"][0]["InstanceId"], ShouldDecrementDesiredCapacity=False
    )
    assert [one["LaunchTemplate"]["Version"] for one in group(aws)["Instances"]] == ["2"]


def test_a_group_moves_from_a_launch_configuration_to_a_launch_template(aws: Emulator) -> None:
    create(aws, LEGACY)
    template = copy.deepcopy(MODERN)
    template["Resources"]["LaunchGroup"] = template["Resources"].pop("Group")
    update(aws, template)
    assert "LaunchConfigurationName" not in group(aws)
    assert group(aws)["LaunchTemplate"]["Version"] == "1"
    assert launch_configurations(aws) == []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"Parameters": parameter("Type", "m5.large")},
        {"Parameters": [{"ParameterKey": "Groups", "UsePreviousValue": True}]},
        {"Tags": [{"Key": "team", "Value": "a"}]},
    ],
)
def test_an_update_without_a_change_is_refused(aws: Emulator, options: dict[str, Any]) -> None:
    create(aws, LEGACY, Tags=[{"Key": "team", "Value": "a"}])
    with pytest.raises(ClientError, match="No updates are to be performed"):
        update(aws, LEGACY, **options)
    assert stack(aws)["StackStatus"] == "CREATE_COMPLETE"


def test_a_change_set_of_an_existing_stack_tells_what_changes_and_leaves_no_stack(aws: Emulator) -> None:
    create(aws, LEGACY)
    client = aws.client("cloudformation")
    changed = {"StackName": "orders", "ChangeSetName": "changed", "TemplateBody": json.dumps(LEGACY)}
    client.create_change_set(**changed, Parameters=parameter("Type", "m5.xlarge"))
    changes = client.describe_change_set(StackName="orders", ChangeSetName="changed")["Changes"]
    told = {(one["ResourceChange"]["Action"], one["ResourceChange"]["LogicalResourceId"]) for one in changes}
    assert told == {("Modify", "LaunchConfig"), ("Modify", "LaunchGroup")}
    client.create_change_set(**{**changed, "ChangeSetName": "same"})
    same = client.describe_change_set(StackName="orders", ChangeSetName="same")
    assert same["Status"] == "FAILED"
    assert same["StatusReason"].startswith("The submitted information didn't contain changes.")
    assert [one["StackName"] for one in client.describe_stacks()["Stacks"]] == ["orders"]
    with pytest.raises(ClientError, match="Stack with id none does not exist"):
        client.create_change_set(**{**changed, "StackName": "none"})


@pytest.mark.parametrize(("team", "told"), [("a", []), ("b", ["LaunchGroup"]), ("", ["LaunchGroup"]), (None, [])])
def test_a_change_set_tells_what_the_stack_s_tags_reach(aws: Emulator, team: str | None, told: list[str]) -> None:
    create(aws, LEGACY, Tags=[{"Key": "team", "Value": "a"}])
    client = aws.client("cloudformation")
    tags = {} if team is None else {"Tags": [{"Key": "team", "Value": team}] if team else []}
    client.create_change_set(StackName="orders", ChangeSetName="c", TemplateBody=json.dumps(LEGACY), **tags)
    found = client.describe_change_set(StackName="orders", ChangeSetName="c")
    assert found["Status"] == ("CREATE_COMPLETE" if told else "FAILED")
    assert [one["ResourceChange"]["LogicalResourceId"] for one in found["Changes"]] == told


def test_a_failing_creation_is_rolled_back_with_its_reason(aws: Emulator) -> None:
    template = copy.deepcopy(LEGACY)
    template["Resources"]["LaunchConfig"]["Properties"]["IamInstanceProfile"] = "nope"
    create(aws, template)
    assert stack(aws)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert launch_configurations(aws) == []
    events = aws.client("cloudformation").describe_stack_events(StackName="orders")["StackEvents"]
    failed = {one["LogicalResourceId"]: one for one in events if one["ResourceStatus"] == "CREATE_FAILED"}
    assert failed["LaunchConfig"]["ResourceStatusReason"] == "Invalid IamInstanceProfile: nope"
    assert aws.client("cloudformation").list_stack_resources(StackName="orders")["StackResourceSummaries"] == []
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        update(aws, LEGACY)


def test_a_creation_without_rollback_stays_failed(aws: Emulator) -> None:
    template = copy.deepcopy(LEGACY)
    template["Resources"]["LaunchConfig"]["Properties"]["IamInstanceProfile"] = "nope"
    create(aws, template, OnFailure="DO_NOTHING")
    assert stack(aws)["StackStatus"] == "CREATE_FAILED"


def test_a_failing_update_goes_back_to_what_was(aws: Emulator) -> None:
    create(aws, LEGACY)
    before = group(aws), launch_configurations(aws), stack(aws)["Parameters"]
    template = copy.deepcopy(LEGACY)
    template["Resources"]["LaunchConfig"]["Properties"]["InstanceMonitoring"] = "true"
    template["Resources"]["LaunchGroup"]["Properties"]["MinSize"] = "3"
    update(aws, template)
    assert stack(aws)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert (group(aws), launch_configurations(aws), stack(aws)["Parameters"]) == before
    update(aws, LEGACY, Parameters=parameter("Size", "2"))
    assert len(group(aws)["Instances"]) == 2


def test_a_group_that_cannot_launch_fails_its_stack_with_the_activitys_message(aws: Emulator) -> None:
    aws.configure(launch_failure="You have requested more vCPU capacity than your current limit")
    create(aws, LEGACY)
    assert stack(aws)["StackStatus"] == "ROLLBACK_COMPLETE"
    events = aws.client("cloudformation").describe_stack_events(StackName="orders")["StackEvents"]
    assert any("Group did not stabilize" in one.get("ResourceStatusReason", "") for one in events)


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"])
def test_a_stack_at_work_or_broken_cannot_be_updated(aws: Emulator, status: str) -> None:
    create(aws, LEGACY)
    aws.set_stack_status("orders", status)
    for operation in ("update_stack", "create_change_set"):
        extra = {"ChangeSetName": "c"} if operation == "create_change_set" else {}
        with pytest.raises(ClientError, match=f"is in {status} state and can not be updated"):
            getattr(aws.client("cloudformation"), operation)(
                StackName="orders", TemplateBody=json.dumps(MODERN), **extra
            )


def test_a_stack_is_in_progress_for_as_long_as_configured(aws: Emulator) -> None:
    aws.configure(stack_in_progress=30)
    create(aws, LEGACY)
    assert stack(aws)["StackStatus"] == "CREATE_IN_PROGRESS"
    events = aws.client("cloudformation").describe_stack_events(StackName="orders")["StackEvents"]
    assert "CREATE_COMPLETE" not in [one["ResourceStatus"] for one in events]
    aws.advance(30)
    assert stack(aws)["StackStatus"] == "CREATE_COMPLETE"


def test_a_resource_is_there_while_its_condition_holds(aws: Emulator) -> None:
    template = copy.deepcopy(MODERN)
    template["Parameters"]["Watched"] = {"Type": "String", "Default": "no"}
    template["Conditions"] = {"IsWatched": {"Fn::Equals": [{"Ref": "Watched"}, "yes"]}}
    properties = {"AlarmName": "low", "MetricName": "AvailableMB", "Namespace": "Datomic", "Threshold": 1}
    properties |= {"ComparisonOperator": "LessThanThreshold", "EvaluationPeriods": 1, "Period": 60}
    alarm: dict[str, Any] = {
        "Type": ALARM,
        "Condition": "IsWatched",
        "Properties": properties | {"Statistic": "Minimum"},
    }
    template["Resources"]["Low"] = alarm
    create(aws, template)

    def thresholds() -> list[float]:
        return [found["Threshold"] for found in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]]

    for threshold, watched, expected in ((2, "no", []), (2, "yes", [2]), (3, "yes", [3]), (4, "no", [])):
        alarm["Properties"]["Threshold"] = threshold
        update(aws, template, Parameters=parameter("Watched", watched))
        assert stack(aws)["StackStatus"] == "UPDATE_COMPLETE"
        assert thresholds() == expected


def test_events_carry_their_requests_token(aws: Emulator) -> None:
    create(aws, LEGACY, ClientRequestToken="first")
    update(aws, LEGACY, Parameters=parameter("Type", "m5.xlarge"), ClientRequestToken="second")
    events = aws.client("cloudformation").describe_stack_events(StackName="orders")["StackEvents"]
    tokens = {(event["ResourceStatus"], event["ClientRequestToken"]) for event in events}
    assert {("CREATE_COMPLETE", "first"), ("UPDATE_COMPLETE", "second")} <= tokens
    assert ("UPDATE_COMPLETE", "first") not in tokens


def test_a_protected_stack_is_not_deleted(aws: Emulator) -> None:
    client = aws.client("cloudformation")
    create(aws, LEGACY, EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        client.delete_stack(StackName="orders")
    client.update_termination_protection(StackName="orders", EnableTerminationProtection=False)
    client.delete_stack(StackName="orders")
    assert client.describe_stacks()["Stacks"] == []
    assert aws.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"] == []


def test_stack_tags_reach_the_group_and_its_instances(aws: Emulator) -> None:
    create(aws, LEGACY, Tags=[{"Key": "team", "Value": "a"}])
    tags = {one["Key"]: (one["Value"], one["PropagateAtLaunch"]) for one in group(aws)["Tags"]}
    assert tags["team"] == ("a", True)
    assert tags["aws:cloudformation:stack-name"] == ("orders", True)
    assert tags["aws:cloudformation:logical-id"] == ("LaunchGroup", True)
    instance = aws.client("ec2").describe_instances()["Reservations"][0]["Instances"][0]
    assert {"Key": "team", "Value": "a"} in instance["Tags"]
    old = launch_configurations(aws)
    update(aws, LEGACY, Tags=[{"Key": "team", "Value": "b"}])
    assert {one["Key"]: one["Value"] for one in group(aws)["Tags"]}["team"] == "b"
    assert launch_configurations(aws) == old


def test_an_alarm_is_made_changed_and_deleted(aws: Emulator) -> None:
    alarm = {
        "MetricName": "Alarm",
        "Namespace": "Datomic",
        "Dimensions": [{"Name": "Transactor", "Value": "orders"}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
    }

    def template(threshold: int) -> dict[str, Any]:
        properties = {**alarm, "Threshold": threshold}
        return {**LEGACY, "Resources": {**LEGACY["Resources"], "Alarm": {"Type": ALARM, "Properties": properties}}}

    def thresholds() -> list[float]:
        return [one["Threshold"] for one in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]]

    create(aws, template(0))
    assert thresholds() == [0]
    update(aws, template(5))
    assert thresholds() == [5]
    update(aws, LEGACY)
    assert thresholds() == []


@pytest.mark.parametrize(
    ("template", "options", "told"),
    [
        (LEGACY, {"Parameters": parameter("Nope", "1")}, r"Parameters: \[Nope\] do not exist in the template"),
        (LEGACY, {"Parameters": parameter("Size", "two")}, r"Parameter 'Size' must match pattern"),
        ({**LEGACY, "Parameters": {"New": {"Type": "String"}}}, {}, r"\[New\] must have values"),
        ({**LEGACY, "Description": "x" * 51_200}, {}, "length less than or equal to 51200"),
        (
            {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}}},
            {},
            r"InsufficientCapabilities.*CAPABILITY_IAM",
        ),
    ],
)
def test_what_is_refused_before_anything_is_done(
    aws: Emulator, template: dict[str, Any], options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ClientError, match=told):
        create(aws, template, **options)
    assert aws.client("cloudformation").describe_stacks()["Stacks"] == []


def test_a_stack_shows_when_its_last_update_began(aws: Emulator) -> None:
    create(aws, LEGACY)
    assert "LastUpdatedTime" not in stack(aws)
    aws.advance(60)
    aws.configure(stack_in_progress=600)
    update(aws, LEGACY, Parameters=parameter("Type", "m5.xlarge"))
    assert 60 <= (stack(aws)["LastUpdatedTime"] - stack(aws)["CreationTime"]).total_seconds() < 120
