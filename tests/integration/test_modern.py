# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""create_cf_template, modern: AWS is asked about what the files name, the stack is created, bad input is refused."""

from __future__ import annotations

import base64
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import botocore.exceptions
import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template import modern

from tests.emulator import Emulator
from tests.modules import CREDENTIALS, run_module
from tests.template_combinations import METRICS, TRANSACTOR, cf, transactor

RELEASE = "1.0.7705/datomic-pro-1.0.7705.zip"
CAPABLE: dict[str, Any] = {"Capabilities": ["CAPABILITY_IAM"]}
MANY = {key.replace("-", "_"): value for key, value in METRICS.items()} | {f"{n:03x}": "" for n in range(900)}
"""Properties that fit into the user data, but not into the template."""
CF_ROLE = TRANSACTOR["aws-transactor-role"]


@pytest.fixture
def account(aws: Emulator) -> Emulator:
    """With the group, the profile and the release that the files name."""
    aws.backstage("ec2").create_security_group(GroupName="datomic", Description="-")
    iam = aws.backstage("iam")
    iam.create_role(RoleName=CF_ROLE, AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName=CF_ROLE)
    iam.add_role_to_instance_profile(InstanceProfileName=CF_ROLE, RoleName=CF_ROLE)
    aws.backstage("s3").create_bucket(Bucket="deploy-orders")
    aws.backstage("s3").put_object(Bucket="deploy-orders", Key=RELEASE, Body=b"zip")
    return aws


def make(
    aws: Emulator,
    directory: pathlib.Path,
    tx: Mapping[str, str] | None = None,
    group: Mapping[str, str] | None = None,
    *,
    check: bool = False,
    **modern: Any,
) -> dict[str, Any]:
    files = {"transactor_src": (transactor(**(tx or {})), "tx"), "cf_src": (cf(**(group or {})), "cf")}
    for properties, name in files.values():
        (directory / name).write_bytes(properties.raw)
    params: dict[str, Any] = {option: str(directory / name) for option, (_properties, name) in files.items()}
    params |= {"dest": str(directory / "orders.json"), "flavor": "modern", "modern": modern, "endpoint_url": aws.url}
    return run_module("create_cf_template", CREDENTIALS | params, check=check)


def test_made_once_and_accepted_as_a_stack(account: Emulator, tmp_path: pathlib.Path) -> None:
    metrics = {key.replace("-", "_"): value for key, value in METRICS.items()}
    result = make(account, tmp_path, metrics, tags={"team": "orders"}, secrets=["memcached-password"])
    assert result["changed"], result
    assert not result["holds_secrets"]
    assert {call.kind for call in account.calls()} == {"read"}
    assert not make(account, tmp_path, metrics, tags={"team": "orders"}, secrets=["memcached-password"])["changed"]

    stacks = account.backstage("cloudformation")
    stacks.create_stack(
        StackName="orders", TemplateBody=(tmp_path / "orders.json").read_text(), Capabilities=["CAPABILITY_IAM"]
    )
    assert stacks.describe_stacks(StackName="orders")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    with pytest.raises(botocore.exceptions.ClientError, match="No updates are to be performed"):
        stacks.update_stack(StackName="orders", TemplateBody=(tmp_path / "orders.json").read_text(), **CAPABLE)
    physical = stacks.describe_stack_resource(StackName="orders", LogicalResourceId="LaunchGroup")
    name = physical["StackResourceDetail"]["PhysicalResourceId"]
    group = account.backstage("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])[
        "AutoScalingGroups"
    ][0]
    assert (group["MinSize"], group["MaxSize"], len(group["Instances"])) == (2, 2, 2)
    template_id = group["LaunchTemplate"]["LaunchTemplateId"]
    versions = account.backstage("ec2").describe_launch_template_versions(LaunchTemplateId=template_id)
    data = versions["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    assert data["InstanceType"] == "m7g.large"
    assert data["MetadataOptions"]["HttpTokens"] == "required"
    script = base64.b64decode(data["UserData"]).decode()
    assert script.startswith("#!/bin/sh\n")
    assert base64.b64encode(b"4g").decode() in script
    assert "secret memcached-password" in script
    document = account.backstage("iam").get_role_policy(RoleName=CF_ROLE, PolicyName="orders-transactor-start")[
        "PolicyDocument"
    ]
    reads = next(statement for statement in document["Statement"] if statement["Sid"] == "ReadSecrets")
    assert reads["Resource"] == "arn:aws:ssm:us-east-1:123456789012:parameter/datomic/orders/memcached-password"


def test_check_mode_of_a_new_system_needs_no_group(aws: Emulator, tmp_path: pathlib.Path) -> None:
    aws.backstage("s3").create_bucket(Bucket="deploy-orders")
    aws.backstage("s3").put_object(Bucket="deploy-orders", Key=RELEASE, Body=b"zip")
    result = make(aws, tmp_path, check=True)
    assert result["changed"]
    assert result["template"]["Parameters"]["SecurityGroups"]["Default"] == "<generated>"
    assert not (tmp_path / "orders.json").exists()


@pytest.mark.parametrize(
    ("name", "check"), [("datomic", False), ("sg-0123456789abcdef0", False), ("sg-0123456789abcdef0", True)]
)
def test_a_group_that_nobody_makes_any_more_is_refused(
    aws: Emulator, tmp_path: pathlib.Path, name: str, check: bool
) -> None:
    aws.backstage("s3").create_bucket(Bucket="deploy-orders")
    aws.backstage("s3").put_object(Bucket="deploy-orders", Key=RELEASE, Body=b"zip")
    result = make(aws, tmp_path, None, {"aws_security_group": name}, check=check)
    assert [finding["rule"] for finding in result["findings"]] == ["security-group-missing"]
    assert not (tmp_path / "orders.json").exists()


def test_a_change_set_can_be_planned_for_a_group_that_is_yet_to_be_made(
    account: Emulator, tmp_path: pathlib.Path
) -> None:
    assert make(account, tmp_path)["changed"]
    stacks = account.backstage("cloudformation")
    stacks.create_stack(StackName="orders", TemplateBody=(tmp_path / "orders.json").read_text(), **CAPABLE)
    files = {"aws_security_group": "another"}
    result = make(account, tmp_path, None, files, check=True)
    group = {"Type": "List<AWS::EC2::SecurityGroup::Id>", "Default": "<generated>"}
    assert group.items() <= result["template"]["Parameters"]["SecurityGroups"].items()

    def change_set(body: str, name: str) -> dict[str, Any]:
        stacks.create_change_set(StackName="orders", ChangeSetName=name, TemplateBody=body, **CAPABLE)
        return dict(stacks.describe_change_set(StackName="orders", ChangeSetName=name))

    planned = change_set(json.dumps(modern.plannable(result["template"])), "planned")
    assert "LaunchTemplate" in [change["ResourceChange"]["LogicalResourceId"] for change in planned["Changes"]]
    refused = change_set(json.dumps(result["template"]), "refused")
    assert (refused["Status"], "<generated> for parameter name" in refused["StatusReason"]) == ("FAILED", True)


def test_the_image_goes_with_the_type(account: Emulator, tmp_path: pathlib.Path) -> None:
    parameters = make(account, tmp_path, None, {"aws_instance_type": "m5.large"})["template"]["Parameters"]
    assert parameters["ImageId"]["Default"].endswith("-x86_64")
    parameters = make(account, tmp_path)["template"]["Parameters"]
    assert parameters["ImageId"]["Default"].endswith("-arm64")


@pytest.mark.parametrize(
    ("tx", "group", "modern", "rule"),
    [
        ({}, {"aws_instance_type": "m99.large"}, {}, "unknown-instance-type"),
        ({"sql_password": "hidden-one"}, {}, {}, "secret-in-file"),
        ({}, {"datomic_deploy_s3_bucket": "nobodys"}, {}, "release-unreadable"),
        ({}, {"datomic_version": "1.0.7277"}, {}, "release-unreadable"),
        ({}, {}, {"subnets": ["subnet-0123456789abcdef0"]}, "subnets"),
        ({}, {}, {"image_id": "ami-0123456789abcdef0"}, "image"),
        ({}, {}, {"image_id": "ami-12c6146b"}, "image"),  # it is for x86_64, the file's type is not
        ({}, {"aws_instance_type": "mac1.metal"}, {}, "architecture"),
        ({}, {}, {"extra_jars": ["s3://deploy-orders/missing.jar"]}, "jar-unreadable"),
        (MANY, {}, {}, "template-size"),
        ({}, {"java_opts": "-d32"}, {}, "java-option-removed"),
        ({"pid_file": "x" * 9000}, {}, {}, "user-data-size"),
        ({}, {"datomic_version": "0.9.5561"}, {}, "template-new-java"),
    ],
)
def test_bad_input_is_refused_before_anything_is_touched(
    account: Emulator,
    tmp_path: pathlib.Path,
    tx: dict[str, str],
    group: dict[str, str],
    modern: dict[str, Any],
    rule: str,
) -> None:
    result = make(account, tmp_path, tx, group, **modern)
    assert result["failed"]
    assert rule in [finding["rule"] for finding in result["findings"]]
    assert {call.kind for call in account.calls()} <= {"read"}
    assert not (tmp_path / "orders.json").exists()
    assert "hidden-one" not in json.dumps({key: value for key, value in result.items() if key != "invocation"})


def test_files_options_and_aws_are_in_one_message(account: Emulator, tmp_path: pathlib.Path) -> None:
    tx, group = {"sql_password": "hidden-one", "port": "0"}, {"aws_instance_type": "m99.large"}
    result = make(account, tmp_path, tx, group, volume_size=4)
    rules = {finding["rule"] for finding in result["findings"]}
    assert rules >= {"invalid-value", "secret-in-file", "invalid-option", "unknown-instance-type"}


def test_a_deploy_bucket_of_others_is_refused(account: Emulator, tmp_path: pathlib.Path) -> None:
    account.fault("s3:HeadObject", code="403", status=403, times=9)
    result = make(account, tmp_path)
    assert [finding["rule"] for finding in result["findings"]] == ["release-unreadable"]
    assert "(403)" in result["msg"]
    assert not (tmp_path / "orders.json").exists()


def test_the_root_volume_is_that_of_the_image(account: Emulator, tmp_path: pathlib.Path) -> None:
    images = account.backstage("ec2").describe_images()["Images"]
    image = next(one for one in images if (one["RootDeviceName"], one["Architecture"]) == ("/dev/sda1", "x86_64"))
    (mapped,) = image["BlockDeviceMappings"]
    assert mapped["DeviceName"] == "/dev/sda1"
    least, chosen = mapped["Ebs"]["VolumeSize"], {"image_id": image["ImageId"]}
    files = {"aws_instance_type": "m5.large"}
    result = make(account, tmp_path, None, files, **chosen, volume_size=least - 1)
    assert [finding["rule"] for finding in result["findings"]] == ["volume-size"]
    template = make(account, tmp_path, None, files, **chosen, volume_size=least)["template"]
    (device,) = template["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["BlockDeviceMappings"]
    assert (device["DeviceName"], device["Ebs"]["VolumeSize"]) == ("/dev/sda1", least)


@pytest.mark.parametrize(("name", "mounted"), [("m6gd.large", True), ("m7g.large", False), ("m3.large", False)])
def test_only_an_instance_store_that_is_nvme_is_used(
    account: Emulator, tmp_path: pathlib.Path, name: str, mounted: bool
) -> None:
    template = make(account, tmp_path, None, {"aws_instance_type": name})["template"]
    assert ("mkfs.xfs" in json.dumps(template)) == mounted


def test_subnets_of_two_vpcs_and_a_group_of_a_third(account: Emulator, tmp_path: pathlib.Path) -> None:
    ec2 = account.backstage("ec2")
    subnets = []
    for n in (1, 2):
        vpc = ec2.create_vpc(CidrBlock=f"10.{n}.0.0/16")["Vpc"]["VpcId"]
        where = {"CidrBlock": f"10.{n}.1.0/24", "AvailabilityZone": "us-east-1a"}
        subnets.append(ec2.create_subnet(VpcId=vpc, **where)["Subnet"]["SubnetId"])
    result = make(account, tmp_path, subnets=subnets)
    assert "different VPCs" in result["msg"]
    result = make(account, tmp_path, subnets=subnets[:1])
    assert [finding["rule"] for finding in result["findings"]] == ["security-group-vpc"]
    ec2.create_security_group(GroupName="datomic", Description="-", VpcId=vpc)
    result = make(account, tmp_path, subnets=subnets[1:])
    assert result["template"]["Resources"]["LaunchGroup"]["Properties"]["VPCZoneIdentifier"] == subnets[1:]


def test_legacy_becomes_modern_in_place(account: Emulator, tmp_path: pathlib.Path) -> None:
    account.configure(launch_configurations=True)
    stacks = account.backstage("cloudformation")
    (tmp_path / "tx").write_bytes(transactor().raw)
    (tmp_path / "cf").write_bytes(cf(aws_instance_type="m3.large").raw)
    params = {
        "transactor_src": str(tmp_path / "tx"),
        "cf_src": str(tmp_path / "cf"),
        "dest": str(tmp_path / "legacy.json"),
    }
    assert run_module("create_cf_template", CREDENTIALS | params)["changed"]
    stacks.create_stack(StackName="orders", TemplateBody=(tmp_path / "legacy.json").read_text())

    def group() -> tuple[str, dict[str, Any]]:
        found = account.backstage("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        assert len(found) == 1
        return found[0]["AutoScalingGroupName"], found[0]

    name, before = group()
    make(account, tmp_path)
    stacks.update_stack(
        StackName="orders", TemplateBody=(tmp_path / "orders.json").read_text(), Capabilities=["CAPABILITY_IAM"]
    )
    assert stacks.describe_stacks(StackName="orders")["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE"
    same, after = group()
    assert same == name
    assert after["LaunchTemplate"]["Version"] == "1"
    assert [one["InstanceId"] for one in after["Instances"]] == [one["InstanceId"] for one in before["Instances"]]


WITHOUT_1E = ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d", "us-east-1f"]


def group_of(directory: pathlib.Path) -> dict[str, Any]:
    template = json.loads((directory / "orders.json").read_text())
    properties: dict[str, Any] = template["Resources"]["LaunchGroup"]["Properties"]
    return properties


def offerings_asked(aws: Emulator) -> int:
    return [call.operation for call in aws.calls()].count("DescribeInstanceTypeOfferings")


def test_the_zones_that_offer_the_type_are_named(account: Emulator, tmp_path: pathlib.Path) -> None:
    for kind, expected, asked in (
        ("c5.large", WITHOUT_1E, 1),
        ("c5.large", WITHOUT_1E, 0),
        ("t2.micro", {"Fn::GetAZs": ""}, 1),
        ("m3.medium", ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1e"], 1),
    ):
        account.clear_calls()
        result = make(account, tmp_path, group={"aws_instance_type": kind})
        assert not result["failed"], result["msg"]
        assert group_of(tmp_path)["AvailabilityZones"] == expected
        assert offerings_asked(account) == asked
        assert result["changed"] == bool(asked)


def test_where_all_zones_offer_the_type_none_is_named(account: Emulator, tmp_path: pathlib.Path) -> None:
    for subnet in account.backstage("ec2").describe_subnets()["Subnets"]:
        if subnet["AvailabilityZone"] == "us-east-1e":
            account.backstage("ec2").delete_subnet(SubnetId=subnet["SubnetId"])
    assert not make(account, tmp_path, group={"aws_instance_type": "c5.large"})["failed"]
    assert group_of(tmp_path)["AvailabilityZones"] == {"Fn::GetAZs": ""}


def test_subnets_whose_zone_lacks_the_type_are_refused_at_once(account: Emulator, tmp_path: pathlib.Path) -> None:
    subnets = {
        one["AvailabilityZone"]: one["SubnetId"] for one in account.backstage("ec2").describe_subnets()["Subnets"]
    }
    old = {"aws_instance_type": "m3.medium"}
    result = make(account, tmp_path, group=old, subnets=[subnets["us-east-1d"], subnets["us-east-1f"]])
    assert f"{subnets['us-east-1d']} is in us-east-1d" in result["msg"]
    assert f"{subnets['us-east-1f']} is in us-east-1f" in result["msg"]
    assert "where AWS does not offer m3.medium; us-east-1a, us-east-1b, us-east-1c, us-east-1e have it" in result["msg"]
    account.clear_calls()
    for asked in (1, 0):
        account.clear_calls()
        assert not make(account, tmp_path, group=old, subnets=[subnets["us-east-1e"]])["failed"]
        assert offerings_asked(account) == asked
    newer = make(account, tmp_path, group={"aws_instance_type": "c5.large"}, subnets=[subnets["us-east-1e"]])
    assert f"{subnets['us-east-1e']} is in us-east-1e, where AWS does not offer c5.large" in newer["msg"]
