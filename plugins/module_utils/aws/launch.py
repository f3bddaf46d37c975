# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What AWS says of the things that the modern template names: instance type, image, subnets, groups, the release."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import AwsError, Finding
from ..plan import GENERATED
from ..properties.file import Properties
from ..properties.keys import CF_DOCS
from ..steps import security_group
from ..template import modern, user_data
from ..template.options import Architecture, Machine, Options
from .calls import gather
from .client import Aws
from .errors import aws_errors

ARCHITECTURES: tuple[Architecture, ...] = ("arm64", "x86_64")
TYPE, GROUP, BUCKET = "aws-instance-type", "aws-security-group", "datomic-deploy-s3-bucket"


def observe(
    aws: Aws, cf: Properties, options: Options, *, group_may_be_missing: bool, before: modern.Placement | None = None
) -> tuple[Machine | None, list[Finding]]:
    """What the template needs to know, and what is wrong with what the file and the options name. Reads only.

    before: the placement of the template that there is.
    """
    region = cf.get("aws-region")
    ec2, s3 = aws.client("ec2", region=region), aws.client("s3", region=region)
    reads: dict[str, Callable[[], Any]] = {
        "type": functools.partial(_found, ec2, "describe_instance_types", "InstanceTypes", InstanceTypes=[cf.get(TYPE)])
    }
    if options.subnets:
        reads["subnets"] = functools.partial(
            _found, ec2, "describe_subnets", "Subnets", SubnetIds=list(options.subnets)
        )
    if options.image_id:
        reads["image"] = functools.partial(_found, ec2, "describe_images", "Images", ImageIds=[options.image_id])
    reads["groups"] = functools.partial(_groups, ec2, cf.get(GROUP))
    if not options.subnets:
        reads["vpc"] = functools.partial(
            _found, ec2, "describe_vpcs", "Vpcs", Filters=[{"Name": "is-default", "Values": ["true"]}]
        )
    placed = before is not None and (before.instance_type, before.subnets) == (cf.get(TYPE), options.subnets)
    if not placed and cf.has_value(TYPE):
        reads["offers"] = functools.partial(_offers, ec2, cf.get(TYPE))
    if not placed and not options.subnets:
        reads["defaults"] = functools.partial(_defaults, ec2)
    if cf.get(BUCKET) not in user_data.PUBLIC_BUCKETS:
        reads["release"] = functools.partial(_release, s3, cf, options)
    if options.extra_jars:
        reads["jars"] = functools.partial(_jars, s3, options)
    found = gather(reads)
    vpc_id, wrong = _vpc(found, options)
    machine, more = _machine(cf, found, options)
    groups, still_more = _resolved(cf, found["groups"], vpc_id, group_may_be_missing)
    where, unoffered = _zones(cf, found, options)
    findings = [*wrong, *more, *still_more, *unoffered, *found.get("release", []), *found.get("jars", [])]
    if machine is None or findings:
        return None, findings
    if before is not None and placed:
        where = before.zones
    return dataclasses.replace(machine, security_groups=groups, zones=where), []


def zones(client: Any, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The zones that offer the instance type, and those in which a group is without subnets. client: EC2."""
    found = gather({"offers": functools.partial(_offers, client, name), "all": functools.partial(_defaults, client)})
    return found["offers"], found["all"]


def _offers(client: Any, name: str) -> tuple[str, ...]:
    """Empty also for a type that does not exist."""
    by = [{"Name": "instance-type", "Values": [name]}]
    with aws_errors("look up the zones that offer", name, client):
        answer = client.describe_instance_type_offerings(LocationType="availability-zone", Filters=by)
    return tuple(sorted(str(offer["Location"]) for offer in answer["InstanceTypeOfferings"]))


def _defaults(client: Any) -> tuple[str, ...]:
    """The zones of the default VPC's own subnets, which Fn::GetAZs gives."""
    by = [{"Name": "default-for-az", "Values": ["true"]}]
    with aws_errors("look up", "the default subnets", client):
        subnets = client.describe_subnets(Filters=by)["Subnets"]
    return tuple(sorted({str(subnet["AvailabilityZone"]) for subnet in subnets}))


def _zones(cf: Properties, found: Mapping[str, Any], options: Options) -> tuple[tuple[str, ...], list[Finding]]:
    """The zones to name, none where all will do; and what is wrong with the subnets' zones.

    A group that may launch in a zone without the type does so until it fails. us-east-1e has none of the newer ones.
    """
    offering = found.get("offers")
    if not offering or not found["type"]:
        return (), []
    name, listed = cf.get(TYPE), ", ".join(offering)
    why, source = "a launch there fails", security_group.OFFERINGS_DOCS
    instead = f"subnets of {listed}, or another instance type"
    if options.subnets:
        given = {str(one["SubnetId"]): str(one.get("AvailabilityZone")) for one in found["subnets"] or []}
        lacking = {subnet: zone for subnet, zone in sorted(given.items()) if zone not in offering}
        if not lacking:
            return (), []
        places = ", ".join(f"{subnet} is in {zone}" for subnet, zone in lacking.items())
        what = f"{places}, where AWS does not offer {name}; {listed} have it"
        return (), [cf.finding(TYPE, what, instead, rule="zone-without-type", reason=why, source=source)]
    there = found["defaults"]
    usable = tuple(zone for zone in there if zone in offering)
    if there and not usable:
        what = f"no default subnet is in a zone that offers {name}: they are in {', '.join(there)}, not in {listed}"
        return (), [cf.finding(TYPE, what, instead, rule="zone-without-type", reason=why, source=source)]
    return (() if len(usable) == len(there) else usable), []


def _found(client: Any, operation: str, field: str, **wanted: Any) -> list[Mapping[str, Any]] | None:
    """The answer's list; None when AWS does not know one of what is wanted."""
    named = ", ".join(str(item) for value in wanted.values() for item in value)
    try:
        with aws_errors(f"look up the {field.lower()}", named, client):
            answer: list[Mapping[str, Any]] = getattr(client, operation)(**wanted)[field]
            return answer
    except AwsError as error:
        if error.code.startswith("Invalid"):
            return None
        raise


def _groups(client: Any, name: str) -> list[Mapping[str, Any]]:
    """Of every VPC."""
    by = "group-id" if security_group.GROUP_ID.fullmatch(name) else "group-name"
    return _found(client, "describe_security_groups", "SecurityGroups", Filters=[{"Name": by, "Values": [name]}]) or []


def _release(client: Any, cf: Properties, options: Options) -> list[Finding]:
    """Whether archive and checksum can be read, with the credentials of this run."""
    version, bucket = cf.get("datomic-version"), cf.get(BUCKET)
    archive = f"{version}/datomic-pro-{version}.zip"
    keys = [archive] if modern.checksum(cf, options) else [archive, f"{archive}.sha256"]
    instead = "put the release there, or write datomic-pro-downloads for the public download"
    why, source = "every instance copies its release from there when it starts", CF_DOCS
    return [
        cf.finding(BUCKET, what, instead, rule="release-unreadable", reason=why, source=source)
        for key in keys
        if (what := _unreadable(client, bucket, key))
    ]


def _jars(client: Any, options: Options) -> list[Finding]:
    objects = [jar.removeprefix("s3://").partition("/") for jar in options.extra_jars]
    return [
        Finding("jar-unreadable", what, key="modern.extra_jars", suggestion="put it there")
        for bucket, _slash, key in objects
        if (what := _unreadable(client, bucket, key))
    ]


def _unreadable(client: Any, bucket: str, key: str) -> str:
    """What is wrong with the object; empty when it can be read."""
    try:
        with aws_errors("look at", f"s3://{bucket}/{key}", client):
            client.head_object(Bucket=bucket, Key=key)
    except AwsError as error:
        if error.code not in ("403", "404", "AccessDenied", "NoSuchBucket", "NoSuchKey"):
            raise
        return f"s3://{bucket}/{key} is not there or cannot be read ({error.code})"
    return ""


def _vpc(found: Mapping[str, Any], options: Options) -> tuple[str, list[Finding]]:
    if not options.subnets:
        if not found["vpc"]:
            what = "the region has no default VPC"
            return "", [Finding("subnets", what, key="modern.subnets", suggestion="name the subnets of yours")]
        return str(found["vpc"][0]["VpcId"]), []
    if found["subnets"] is None:
        return "", [Finding("subnets", f"one of {', '.join(options.subnets)} does not exist", key="modern.subnets")]
    vpcs = sorted({str(subnet["VpcId"]) for subnet in found["subnets"]})
    if len(vpcs) > 1:
        what = f"the subnets are of different VPCs ({', '.join(vpcs)})"
        return "", [Finding("subnets", what, key="modern.subnets", suggestion="a group lives in one VPC")]
    return vpcs[0], []


def _machine(cf: Properties, found: Mapping[str, Any], options: Options) -> tuple[Machine | None, list[Finding]]:
    if not found["type"]:
        return None, [security_group.unknown_instance_type(cf)]
    described = found["type"][0]
    offered = described.get("ProcessorInfo", {}).get("SupportedArchitectures", [])
    usable = [name for name in ARCHITECTURES if name in offered]
    if not usable:
        what = f"{cf.get(TYPE)} is of architecture {', '.join(offered)}"
        instead, why = "a type of arm64 or x86_64", "there is no image of Amazon Linux for it"
        source = security_group.TYPES_DOCS
        return None, [cf.finding(TYPE, what, instead, rule="architecture", reason=why, source=source)]
    # The start looks for NVMe devices; older types show theirs in other ways.
    store = described.get("InstanceStorageInfo", {}).get("NvmeSupport") in ("supported", "required")
    if not options.image_id:
        return Machine(usable[0], store, ()), []
    images = found["image"]
    if not images:
        return None, [Finding("image", f"there is no image {options.image_id}", key="modern.image_id")]
    image = images[0]
    if image.get("Architecture") not in usable:
        what = f"the image is for {image.get('Architecture')}, {cf.get(TYPE)} is {', '.join(offered)}"
        return None, [Finding("image", what, key="modern.image_id")]
    root = image.get("RootDeviceName", "")
    mapped = [
        one["Ebs"] for one in image.get("BlockDeviceMappings", []) if one.get("DeviceName") == root and "Ebs" in one
    ]
    if not mapped:
        return None, [Finding("image", "the image's root device is no EBS volume", key="modern.image_id")]
    least = int(mapped[0].get("VolumeSize", 0))
    if options.volume_size < least:
        what = f"the image needs a volume of {least} GiB, the size of its snapshot"
        return None, [Finding("volume-size", what, key="modern.volume_size")]
    return Machine(image["Architecture"], store, (), root), []


def _resolved(
    cf: Properties, groups: list[Mapping[str, Any]], vpc_id: str, may_be_missing: bool
) -> tuple[tuple[str, ...], list[Finding]]:
    name = cf.get(GROUP)
    here = [group for group in groups if group.get("VpcId") == vpc_id or not vpc_id]
    if here:
        return (str(here[0]["GroupId"]),), []
    if groups:
        what = f"the security group {name} is of {groups[0].get('VpcId')}, the instances are in {vpc_id}"
        instead, why = "a group of that VPC", "an instance takes groups of its own VPC only"
        source = security_group.GROUP_DOCS
        return (), [cf.finding(GROUP, what, instead, rule="security-group-vpc", reason=why, source=source)]
    if may_be_missing and not security_group.GROUP_ID.fullmatch(name):
        # ensure_cf has not made it yet.
        return (GENERATED,), []
    what = f"there is no security group {name} in {vpc_id}"
    instead = "run ensure_cf, which makes a group of that name, or name one that is there"
    why = "an instance is launched with it"
    source = security_group.GROUP_DOCS
    return (), [cf.finding(GROUP, what, instead, rule="security-group-missing", reason=why, source=source)]
