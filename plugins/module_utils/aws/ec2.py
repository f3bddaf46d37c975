# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""EC2 without its security groups: instances and what they are launched from. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import AwsError, DatomicError
from ..steps.ingress import InstanceType
from ..template.machine import Image, Subnet
from ..util import clock
from .calls import aws_call, aws_pages, aws_wait, run_parallel, tags_of

ALIVE = ("pending", "running", "stopping", "stopped")
STACK_TAG = "aws:cloudformation:stack-name"
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-resource-tags.html"""
INVALID = ("Invalid",)
"""How EC2's error codes begin for ids and names that it does not know."""

LAUNCH: dict[str, Any] = {
    "ImageId": "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
    "InstanceType": "t3.micro",
    "MinCount": 1,
    "MaxCount": 1,
}
"""A launch that EC2 accepts, for which nothing has to be created or known.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/finding-an-ami-parameter-store.html
"""
ACCEPTED = 2
"""Accepted dry runs in a row: EC2's servers learn of a profile one by one."""
PAUSE = 2.0
"""Seconds between a refused dry run and the next."""
LONGEST = 180.0
"""Seconds until the wait is given up. CloudFormation's own is 120."""
UNPROVED = 15.0
"""Seconds to wait where EC2 does not answer the question, such as without ec2:RunInstances. Reports: about ten."""


def filters(values: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Filters in the shape of EC2's requests."""
    return [{"Name": name, "Values": list(given)} for name, given in values.items()]


def instance_type(client: Any, name: str) -> InstanceType | None:
    """The instance type; None when the region does not have it."""
    operation = client.describe_instance_types
    answer = aws_call("look up the instance type", name, operation, expected=INVALID, InstanceTypes=[name])
    if not answer or not answer["InstanceTypes"]:
        return None
    described = answer["InstanceTypes"][0]
    return InstanceType(
        name,
        int(described["MemoryInfo"]["SizeInMiB"]),
        tuple(described.get("ProcessorInfo", {}).get("SupportedArchitectures", [])),
        # Instances look for NVMe devices when they start; older types show their disks in other ways.
        described.get("InstanceStorageInfo", {}).get("NvmeSupport") in ("supported", "required"),
    )


def zones(client: Any, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The zones that offer the instance type, and those of the default VPC, which Fn::GetAZs gives."""
    return run_parallel(lambda: offering_zones(client, name), lambda: default_zones(client))


def offering_zones(client: Any, name: str) -> tuple[str, ...]:
    """Empty also for a type that does not exist."""
    operation, by_type = client.describe_instance_type_offerings, filters({"instance-type": [name]})
    doing = "look up the zones that offer"
    answer = aws_call(doing, name, operation, LocationType="availability-zone", Filters=by_type)
    return tuple(sorted(str(offer["Location"]) for offer in answer["InstanceTypeOfferings"]))


def default_zones(client: Any) -> tuple[str, ...]:
    """The zones of the default VPC's default subnets."""
    by_default = filters({"default-for-az": ["true"]})
    answer = aws_call("look up", "the default subnets", client.describe_subnets, Filters=by_default)
    return tuple(sorted({str(subnet["AvailabilityZone"]) for subnet in answer["Subnets"]}))


def subnets(client: Any, ids: Sequence[str]) -> tuple[Subnet, ...]:
    """Those subnets that exist."""
    by_id = filters({"subnet-id": ids})
    answer = aws_call("look up the subnets", ", ".join(ids), client.describe_subnets, Filters=by_id)
    return tuple(
        Subnet(one["SubnetId"], one["AvailabilityZone"], one["VpcId"], int(one["AvailableIpAddressCount"]))
        for one in answer["Subnets"]
    )


def vpc(client: Any, vpc_id: str = "") -> str:
    """The id of this VPC, or of the region's default VPC; empty when there is none."""
    by_id = filters({"vpc-id": [vpc_id]} if vpc_id else {"is-default": ["true"]})
    which = vpc_id or f"that is the default of {client.meta.region_name}"
    found = aws_call("look up the VPC", which, client.describe_vpcs, Filters=by_id)["Vpcs"]
    return str(found[0]["VpcId"]) if found else ""


def image(client: Any, image_id: str) -> Image | None:
    """The machine image; None when there is none."""
    operation = client.describe_images
    answer = aws_call("look up the image", image_id, operation, expected=INVALID, ImageIds=[image_id])
    if not answer or not answer["Images"]:
        return None
    found = answer["Images"][0]
    root = found.get("RootDeviceName", "")
    volumes = [
        one["Ebs"] for one in found.get("BlockDeviceMappings", []) if one.get("DeviceName") == root and "Ebs" in one
    ]
    return Image(found.get("Architecture", ""), root, int(volumes[0].get("VolumeSize", 0)) if volumes else None)


def instances(client: Any, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """EC2's descriptions of instances, by id, without those that EC2 no longer knows."""
    found = _instances(client, "read the instances", ", ".join(ids), {"instance-id": ids}) if ids else []
    return {instance["InstanceId"]: instance for instance in found}


def users(client: Any, group_id: str) -> frozenset[str]:
    """Stacks with instances in this security group, and the ids of instances in it without a stack."""
    found = set()
    by_group = {"instance.group-id": [group_id], "instance-state-name": ALIVE}
    for instance in _instances(client, "look for instances with the security group", group_id, by_group):
        tags = tags_of(instance.get("Tags", []))
        found.add(f"the stack {tags[STACK_TAG]}" if STACK_TAG in tags else str(instance["InstanceId"]))
    return frozenset(found)


def _instances(client: Any, doing: str, resource: str, by: Mapping[str, Sequence[str]]) -> list[Mapping[str, Any]]:
    found = aws_pages(doing, resource, client, "describe_instances", "Reservations", Filters=filters(by))
    return [instance for reservation in found for instance in reservation["Instances"]]


def console_output(client: Any, instance_id: str) -> str:
    """The instance's latest console output, empty when there is none yet."""
    answer = aws_call("read the console output of", instance_id, client.get_console_output, InstanceId=instance_id)
    return str(answer.get("Output") or "")


def launch_template(client: Any, specification: Mapping[str, Any]) -> tuple[str, str]:
    """Id and version number of the launch template in a group's specification, which may have its name or $Latest."""
    template_id, version = specification.get("LaunchTemplateId") or "", str(specification.get("Version") or "$Default")
    if version.isdecimal() and template_id:
        return template_id, version
    name = template_id or specification["LaunchTemplateName"]
    request: dict[str, Any] = {"LaunchTemplateIds" if template_id else "LaunchTemplateNames": [name]}
    answer = aws_call("read the launch template", name, client.describe_launch_templates, **request)
    found = answer["LaunchTemplates"][0]
    numbers = {"$Latest": found["LatestVersionNumber"], "$Default": found["DefaultVersionNumber"]}
    return found["LaunchTemplateId"], str(numbers.get(version, version))


def wait_for_profile(client: Any, iam: Any, name: str) -> None:
    """Wait until EC2 accepts a new instance profile, some time after IAM shows it. client: in the stack's region.

    A stack whose group launches earlier fails: "Value (…) for parameter iamInstanceProfile.name is invalid. Invalid IAM
    Instance Profile name". terraform-provider-aws repeats the launch for minutes (#5217, #24910, #29866, #40088), and
    CloudFormation waits two minutes after each profile that it creates itself (hashicorp/terraform#15341). A dry run of
    a launch asks EC2 at once: karpenter relies on it, and has seen that refusal there
    (aws/karpenter-provider-aws#7849).

    DatomicError when EC2 still refuses the profile after LONGEST. Another refusal of the dry run, such as of the
    permission to launch, says nothing about the profile.
    """
    until, accepted = clock.now() + LONGEST, 0
    while accepted < ACCEPTED:
        knows = _accepts_profile(client, name)
        if knows is None:
            aws_wait("wait for the instance profile", name, iam, "instance_profile_exists", InstanceProfileName=name)
            clock.sleep(UNPROVED)
            return
        accepted = accepted + 1 if knows else 0
        if knows:
            continue
        if clock.now() >= until:
            raise DatomicError(
                f"EC2 does not know the instance profile {name} yet, {clock.duration(LONGEST)} after its creation: no"
                " instance would start with it. Run again in a few minutes; the run continues where it stopped."
            )
        clock.sleep(PAUSE)


def _accepts_profile(client: Any, name: str) -> bool | None:
    """Whether EC2 would launch with the profile; None when it refuses for another reason."""
    profile = {"Name": name}
    try:
        aws_call(
            "try a launch with the instance profile",
            name,
            client.run_instances,
            **LAUNCH,
            IamInstanceProfile=profile,
            DryRun=True,
        )
    except AwsError as error:
        if error.code == "DryRunOperation":
            return True
        if error.code == "InvalidParameterValue" and "Instance Profile" in str(error):
            return False
    return None
