# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modern template needs of AWS: the instances' architecture, image, network and zones, or what is wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ..actions import GENERATED
from ..errors import Finding, FindingId
from ..properties.file import Properties
from ..properties.keys import CF_DOCS
from ..steps import security_group
from ..steps.ingress import InstanceType, SecurityGroup
from . import modern, user_data
from .options import Architecture, Machine, Options

ARCHITECTURES: tuple[Architecture, ...] = ("arm64", "x86_64")
TYPE, GROUP, BUCKET = "aws-instance-type", "aws-security-group", "datomic-deploy-s3-bucket"


@dataclasses.dataclass(frozen=True)
class Subnet:
    subnet_id: str
    zone: str
    vpc_id: str
    free_addresses: int


@dataclasses.dataclass(frozen=True)
class Image:
    """volume_size: GiB of the root volume's snapshot; None when the root device is no EBS volume."""

    architecture: str
    root_device: str
    volume_size: int | None


@dataclasses.dataclass(frozen=True)
class Facts:
    """What AWS has of the things in the file and the options.

    subnets: those of the options. vpc_id: the default VPC's, empty without one, or when subnets are given.
    offering_zones: zones that offer the instance type, empty when they were not read. default_zones: zones of the
    default VPC. unreadable: AWS's error codes by s3 URI.
    """

    instance_type: InstanceType | None
    image: Image | None = None
    groups: tuple[SecurityGroup, ...] = ()
    subnets: tuple[Subnet, ...] = ()
    vpc_id: str = ""
    offering_zones: tuple[str, ...] = ()
    default_zones: tuple[str, ...] = ()
    unreadable: Mapping[str, str] = dataclasses.field(default_factory=dict)


def release_objects(cf: Properties, options: Options) -> list[str]:
    """The s3 URIs of the release and its checksum that instances read, none for a public bucket."""
    version, bucket = cf.get("datomic-version"), cf.get(BUCKET)
    if bucket in user_data.PUBLIC_BUCKETS:
        return []
    archive = f"s3://{bucket}/{version}/datomic-pro-{version}.zip"
    return [archive] if modern.checksum(cf, options) else [archive, f"{archive}.sha256"]


def judge(
    cf: Properties, options: Options, facts: Facts, *, group_may_be_missing: bool
) -> tuple[Machine | None, list[Finding]]:
    """The machine, None when something is wrong. group_may_be_missing: ensure_cf is going to create the group."""
    findings: list[Finding] = []
    vpc_id = _vpc(options, facts, findings)
    machine = _machine(cf, options, facts, findings)
    group = _group(cf, facts.groups, vpc_id, group_may_be_missing, findings)
    zones = _zones(cf, options, facts, findings)
    for uri, code in facts.unreadable.items():
        findings.append(_unreadable(cf, options, uri, f"{uri} is not there or cannot be read ({code})"))
    if machine is None or findings:
        return None, findings
    return dataclasses.replace(machine, security_groups=(group,), zones=zones), []


def _unreadable(cf: Properties, options: Options, uri: str, message: str) -> Finding:
    if uri in options.extra_jars:
        return Finding("jar-unreadable", message, key="modern.extra_jars", suggestion="put it there")
    suggestion = "put the release there, or write datomic-pro-downloads for the public download"
    reason = "every instance copies its release from there when it starts"
    return cf.finding(BUCKET, message, suggestion, rule="release-unreadable", reason=reason, source=CF_DOCS)


def _zones(cf: Properties, options: Options, facts: Facts, findings: list[Finding]) -> tuple[str, ...]:
    """The zones to name, none when all of them will do.

    A group launches in a zone without the type again and again, and fails. us-east-1e lacks the newer types.
    """
    offering = facts.offering_zones
    if not offering or not facts.instance_type:
        return ()
    name, listed, message = cf.get(TYPE), ", ".join(offering), ""
    usable = tuple(zone for zone in facts.default_zones if zone in offering)
    if options.subnets:
        lacking = sorted(f"{one.subnet_id} is in {one.zone}" for one in facts.subnets if one.zone not in offering)
        if lacking:
            message = f"{', '.join(lacking)}, where AWS does not offer {name}; {listed} have it"
    elif facts.default_zones and not usable:
        there = ", ".join(facts.default_zones)
        message = f"no default subnet is in a zone that offers {name}: they are in {there}, not in {listed}"
    if message:
        suggestion = f"subnets of {listed}, or another instance type"
        reason, source = "a launch there fails", security_group.OFFERINGS_DOCS
        findings.append(cf.finding(TYPE, message, suggestion, rule="zone-without-type", reason=reason, source=source))
    return () if len(usable) == len(facts.default_zones) else usable


def _vpc(options: Options, facts: Facts, findings: list[Finding]) -> str:
    vpcs = sorted({one.vpc_id for one in facts.subnets})
    message = suggestion = ""
    if not options.subnets and not facts.vpc_id:
        message, suggestion = "the region has no default VPC", "name your subnets"
    elif {one.subnet_id for one in facts.subnets} < set(options.subnets):
        message = f"one of {', '.join(options.subnets)} does not exist"
    elif len(vpcs) > 1:
        message, suggestion = f"the subnets are of different VPCs ({', '.join(vpcs)})", "use subnets of one VPC"
    if message:
        findings.append(Finding("subnets", message, key="modern.subnets", suggestion=suggestion))
        return ""
    return vpcs[0] if vpcs else facts.vpc_id


def _machine(cf: Properties, options: Options, facts: Facts, findings: list[Finding]) -> Machine | None:
    kind, image = facts.instance_type, facts.image
    if kind is None:
        findings.append(security_group.unknown_instance_type(cf))
        return None
    usable = [name for name in ARCHITECTURES if name in kind.architectures]
    offered = ", ".join(kind.architectures)
    if not usable:
        message, suggestion = f"{kind.name} is of architecture {offered}", "a type of arm64 or x86_64"
        reason, source = "there is no image of Amazon Linux for it", security_group.TYPES_DOCS
        findings.append(cf.finding(TYPE, message, suggestion, rule="architecture", reason=reason, source=source))
        return None
    if not options.image_id:
        return Machine(usable[0], kind.nvme_store, ())
    message = ""
    if image is None:
        message = f"there is no image {options.image_id}"
    elif image.architecture not in usable:
        message = f"the image is for {image.architecture}, {kind.name} is {offered}"
    elif image.volume_size is None:
        message = "the image's root device is no EBS volume"
    elif options.volume_size < image.volume_size:
        message = f"the image needs a volume of {image.volume_size} GiB, the size of its snapshot"
        findings.append(Finding("volume-size", message, key="modern.volume_size"))
        return None
    if image is None or message:
        findings.append(Finding("image", message, key="modern.image_id"))
        return None
    (architecture,) = (name for name in usable if name == image.architecture)
    return Machine(architecture, kind.nvme_store, (), image.root_device)


def _group(
    cf: Properties, groups: tuple[SecurityGroup, ...], vpc_id: str, may_be_missing: bool, findings: list[Finding]
) -> str:
    """The id of the security group."""
    name = cf.get(GROUP)
    here = [group for group in groups if group.vpc_id == vpc_id or not vpc_id]
    if here:
        return here[0].group_id
    rule: FindingId = "security-group-missing"
    if groups:
        rule, suggestion = "security-group-vpc", "a group of that VPC"
        message = f"the security group {name} is of {groups[0].vpc_id}, the instances are in {vpc_id}"
        reason = "instances only take groups of their own VPC"
    elif may_be_missing and not security_group.GROUP_ID.fullmatch(name):
        return GENERATED
    else:
        message, reason = f"there is no security group {name} in {vpc_id}", "an instance is launched with it"
        suggestion = "run ensure_cf, which creates a group of that name, or name an existing group"
    findings.append(cf.finding(GROUP, message, suggestion, rule=rule, reason=reason, source=security_group.GROUP_DOCS))
    return ""
