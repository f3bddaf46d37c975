# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""transactor_info against the emulated AWS."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands import transactor_info
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling.state import Observed

from tests.emulator import Emulator
from tests.integration import groups
from tests.modules import CREDENTIALS, run_module


def info(aws: Emulator, **params: Any) -> dict[str, Any]:
    return run_module("transactor_info", {**CREDENTIALS, "endpoint_url": aws.url, **params})


def test_a_stack_before_and_after_an_update(aws: Emulator) -> None:
    name = groups.create(aws, 2)
    aws.clear_calls()
    found = info(aws, stack_name="orders")
    assert (found["failed"], found["changed"]) == (False, False)
    assert {call.kind for call in aws.calls()} == {"read"}
    assert found["stack"]["exists"]
    assert (found["stack"]["status"], found["stack"]["datomic_version"]) == ("CREATE_COMPLETE", "1.0.7277")
    assert found["stack"]["flavor"] == "legacy"
    assert (found["group"]["name"], found["group"]["desired_capacity"]) == (name, 2)
    assert [each["stale"] for each in found["instances"]] == [False, False]
    assert all(each["launched_at"] and each["private_ip_address"] for each in found["instances"])
    assert found["running_version"] == "1.0.7277"
    groups.update(aws, 2)
    found = info(aws, stack_name="orders")
    assert [each["stale"] for each in found["instances"]] == [True, True]
    assert found["running_version"] == "", "the stack tells of the new ones only"


@pytest.mark.parametrize(
    ("properties", "beats"), [("", 0), ("protocol=ddb", 5000), ("heartbeat-interval-msec=12000\nprotocol=ddb", 12000)]
)
def test_the_heartbeat_that_runs_comes_from_the_template(aws: Emulator, properties: str, beats: int) -> None:
    groups.create(aws, properties=properties)
    assert info(aws, stack_name="orders")["running_heartbeat_msec"] == beats
    groups.update(aws, properties="protocol=ddb")
    assert info(aws, stack_name="orders")["running_heartbeat_msec"] == 0, "the instances do not run that yet"


def test_a_group_is_whole_at_its_stack_s_sizes_with_everything_in_service(aws: Emulator) -> None:
    name = groups.create(aws, 2)

    def is_whole() -> bool:
        return bool(info(aws, stack_name="orders")["group"]["steady"])

    assert is_whole()
    client = aws.client("autoscaling")
    client.update_auto_scaling_group(AutoScalingGroupName=name, MaxSize=3)
    assert not is_whole(), "a replacement was left half done"
    client.update_auto_scaling_group(AutoScalingGroupName=name, MaxSize=2)
    assert is_whole()
    aws.configure(pending=600)
    client.set_instance_health(InstanceId=groups.ids(aws)[0], HealthStatus="Unhealthy")
    assert not is_whole()


def test_by_the_name_of_the_group(aws: Emulator) -> None:
    name = groups.create(aws)
    found = info(aws, auto_scaling_group_name=name)
    assert found["group"]["exists"]
    assert len(found["instances"]) == 1


def test_what_does_not_exist_is_no_error(aws: Emulator) -> None:
    found = info(aws, stack_name="nosuch")
    assert not found["failed"]
    assert (found["stack"]["exists"], found["group"]["exists"], found["instances"]) == (False, False, [])
    assert found["stack"]["flavor"] == ""
    assert not info(aws, auto_scaling_group_name="nosuch")["group"]["exists"]


def test_launch_templates_are_compared_by_version(aws: Emulator) -> None:
    ec2, client = aws.backstage("ec2"), aws.backstage("autoscaling")
    data = {"ImageId": groups.IMAGE, "InstanceType": "c4.large"}
    template = ec2.create_launch_template(LaunchTemplateName="orders", LaunchTemplateData=data)["LaunchTemplate"]
    launch = {"LaunchTemplateId": template["LaunchTemplateId"], "Version": "$Latest"}
    client.create_auto_scaling_group(
        AutoScalingGroupName="modern", LaunchTemplate=launch, MinSize=1, MaxSize=1, AvailabilityZones=["us-east-1a"]
    )
    assert [each["stale"] for each in info(aws, auto_scaling_group_name="modern")["instances"]] == [False]
    ec2.create_launch_template_version(
        LaunchTemplateId=template["LaunchTemplateId"], LaunchTemplateData={**data, "InstanceType": "c4.xlarge"}
    )
    found = info(aws, auto_scaling_group_name="modern")
    assert [each["stale"] for each in found["instances"]] == [True]
    assert found["group"]["launches"] == [f"launch template {template['LaunchTemplateId']} version 2"]


def test_the_flavor_of_a_stack_is_what_its_group_launches_from(aws: Emulator) -> None:
    client = aws.backstage("cloudformation")
    data = {"ImageId": groups.IMAGE, "InstanceType": "c4.large"}
    launch = {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": data}}
    version = {"LaunchTemplateId": {"Ref": "T"}, "Version": {"Fn::GetAtt": ["T", "LatestVersionNumber"]}}
    group = {"MinSize": 1, "MaxSize": 1, "AvailabilityZones": ["us-east-1a"], "LaunchTemplate": version}
    resources = {"T": launch, "LaunchGroup": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": group}}
    for name, template in (
        ("modern", json.dumps({"Resources": resources})),
        ("other", json.dumps({"Resources": {"T": launch}})),
        ("yaml", "Resources:\n  LaunchGroup:\n    Type: AWS::SNS::Topic\n"),
    ):
        client.create_stack(StackName=name, TemplateBody=template)
        assert info(aws, stack_name=name)["stack"]["flavor"] == {"modern": "modern"}.get(name, "")


def test_what_would_stop_a_replacement_without_a_call_more(aws: Emulator) -> None:
    name = groups.create(aws)
    client = aws.backstage("autoscaling")
    aws.clear_calls()
    assert info(aws, stack_name="orders")["group"]["unmet_preconditions"] == []
    calls = len(aws.calls())
    client.set_instance_protection(AutoScalingGroupName=name, InstanceIds=groups.ids(aws), ProtectedFromScaleIn=True)
    client.put_warm_pool(AutoScalingGroupName=name)
    aws.clear_calls()
    warm, protected = info(aws, stack_name="orders")["group"]["unmet_preconditions"]
    assert len(aws.calls()) == calls
    assert "warm pool" in warm
    assert "protected from scale-in" in protected, "stale or not: an update makes it so"
    (only,) = info(aws, stack_name="orders", strategy="terminate")["group"]["unmet_preconditions"]
    assert only == protected, "an empty pool fills in a rolling replacement only"


def names(aws: Emulator) -> list[str]:
    """The calls since the last one, in alphabetical order."""
    return sorted(f"{call.service}:{call.operation}" for call in aws.calls())


STACK = ["cloudformation:DescribeStacks", "cloudformation:GetTemplate"]
GROUP = ["autoscaling:DescribeAutoScalingGroups"]
DETAILS = ["autoscaling:DescribeInstanceRefreshes", "autoscaling:DescribeScalingActivities", "ec2:DescribeInstances"]


def test_a_group_without_details_is_one_call_and_its_details_are_the_rest(aws: Emulator) -> None:
    name = groups.create(aws, 2)
    groups.update(aws, 2)
    client = aws.backstage("autoscaling")
    client.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=["Terminate"])
    aws.clear_calls()
    clients = groups.Clients(aws)
    found, group = transactor_info.observe(clients, "orders", "", detailed=False)
    assert names(aws) == GROUP + STACK
    assert found
    assert group
    assert (found.group, found.template, found.sizes["MinSize"]) == (name, json.loads(groups.template("second")), 2)
    assert [member.outdated for member in group.members] == [True, True]
    assert (group.group, group.is_steady, group.suspended) == (name, True, ("Terminate",))
    assert (group.stack_name, group.stack_status) == ("orders", "UPDATE_COMPLETE")
    aws.clear_calls()
    whole = transactor_info.complete(clients, group)
    assert names(aws) == DETAILS
    assert all(member.private_ip and member.launched_at and member.in_service_at for member in whole.members)
    assert same_time(transactor_info.observe(clients, "orders", "")[1]) == same_time(whole)
    aws.clear_calls()
    again, later = transactor_info.observe(clients, "orders", "", found, detailed=False)
    assert names(aws) == GROUP, "the stack is known"
    assert (again, same_time(later)) == (found, same_time(group))


def same_time(group: Observed | None) -> Observed:
    assert group
    return dataclasses.replace(group, now=0)


def test_the_tags_of_cloudformation_find_the_group_of_a_stack(aws: Emulator) -> None:
    name = groups.create(aws)
    aws.clear_calls()
    assert info(aws, stack_name="orders")["group"]["name"] == name
    assert names(aws) == sorted(GROUP + STACK + DETAILS)


@pytest.mark.parametrize("tags", ["none", "twice"])
def test_without_certain_tags_the_stack_names_its_group(aws: Emulator, tags: str) -> None:
    """It was imported, or another one is being put in its place."""
    name = groups.create(aws)
    client = aws.backstage("autoscaling")
    set_tags = [tag for tag in groups.group(aws)["Tags"] if tag["Key"].startswith("aws:")]
    if tags == "none":
        client.delete_tags(Tags=set_tags)
    if tags == "twice":
        copied = [{**tag, "ResourceId": "other"} for tag in set_tags]
        launch = groups.group(aws)["LaunchConfigurationName"]
        request = {"AutoScalingGroupName": "other", "LaunchConfigurationName": launch, "Tags": copied}
        client.create_auto_scaling_group(**request, MinSize=0, MaxSize=0, AvailabilityZones=["us-east-1a"])
    aws.clear_calls()
    assert info(aws, stack_name="orders")["group"]["name"] == name
    assert names(aws) == sorted([*GROUP * 2, *STACK, "cloudformation:ListStackResources", *DETAILS])


def test_a_group_that_a_deleted_stack_of_the_same_name_left_is_not_the_stack_s(aws: Emulator) -> None:
    aws.configure(launch_configurations=True)
    kept = json.loads(groups.template("first"))
    for resource in kept["Resources"].values():
        resource["DeletionPolicy"] = "Retain"
    client = aws.backstage("cloudformation")
    client.create_stack(StackName="orders", TemplateBody=json.dumps(kept))
    left = groups.group_name(aws)
    client.delete_stack(StackName="orders")
    name = groups.create(aws)
    assert info(aws, stack_name="orders")["group"]["name"] == name != left
