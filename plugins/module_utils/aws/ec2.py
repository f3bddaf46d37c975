# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""EC2: security groups and instance types. boto3's shapes end here."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import AwsError
from ..plan import Executors
from ..steps.ingress import IngressRule, InstanceType, Observed, SecurityGroup
from ..steps.security_group import AuthorizeIngress, CreateSecurityGroup, RevokeIngress, Wanted
from . import sts
from .calls import gather
from .client import Aws
from .errors import aws_errors

WAIT = {"Delay": 1, "MaxAttempts": 60}
ALIVE = ("pending", "running", "stopping", "stopped")
STACK_TAG = "aws:cloudformation:stack-name"
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-resource-tags.html"""


def observe(aws: Aws, wanted: Wanted) -> Observed:
    """The groups that the file names (of every VPC where a name may be meant), and what else the plan depends on."""
    client = aws.client("ec2", region=wanted.region)
    names = sorted({reference.name for reference in wanted.references if reference.name})
    ids = sorted({reference.group_id for reference in wanted.references if reference.group_id})
    # A name means a group in the VPC of the option, or, when there is none, in the default one or in that of the
    # transactor's own group: known only together with the answer.
    by_name = {"group-name": names} | ({"vpc-id": [wanted.vpc_id]} if wanted.vpc_id else {})
    reads: dict[str, Callable[[], Any]] = {}
    if names:
        reads["named"] = functools.partial(_groups, client, by_name)
    if ids:
        reads["by_id"] = functools.partial(_groups, client, {"group-id": ids})
    if names and not wanted.group.group_id:
        reads["vpc"] = functools.partial(_vpc, client, wanted.vpc_id)
    if any(reference.account for reference in wanted.references):
        reads["account"] = functools.partial(sts.account, aws.client("sts", region=wanted.region))
    if wanted.unknown_type:
        reads["instance_type"] = functools.partial(_instance_type, client, wanted.unknown_type)
    found = gather(reads)
    return Observed(
        groups=(*found.get("named", ()), *found.get("by_id", ())),
        vpc_id=found.get("vpc", ""),
        account=found["account"].number if "account" in found else "",
        instance_type=found.get("instance_type"),
    )


def instance_type(aws: Aws, region: str, name: str) -> InstanceType | None:
    """What EC2 says of the type in the region; None when it has none of that name."""
    return _instance_type(aws.client("ec2", region=region), name)


def executors(aws: Aws, region: str) -> Executors:
    client = aws.client("ec2", region=region)
    created: dict[str, str] = {}

    def create(name: str, group: CreateSecurityGroup) -> None:
        created[name] = _create(client, name, group)

    def authorize(name: str, ingress: AuthorizeIngress) -> None:
        group_id = ingress.group_id
        if not group_id:
            group_id = created[name]
            with aws_errors("wait for the security group", group_id, client):
                client.get_waiter("security_group_exists").wait(GroupIds=[group_id], WaiterConfig=WAIT)
        _authorize(client, name, group_id, ingress.rules)

    def revoke(_name: str, ingress: RevokeIngress) -> None:
        _revoke(client, ingress.group_id, ingress.rules)

    return Executors().add(CreateSecurityGroup, create).add(AuthorizeIngress, authorize).add(RevokeIngress, revoke)


def users(aws: Aws, region: str, group_id: str) -> frozenset[str]:
    """Who has instances with this security group: names of stacks, and the ids of instances that are of no stack."""
    client = aws.client("ec2", region=region)
    found = set()
    with aws_errors("look for instances with the security group", group_id, client):
        pages = client.get_paginator("describe_instances").paginate(
            Filters=_filters({"instance.group-id": [group_id], "instance-state-name": ALIVE})
        )
        for instance in (one for page in pages for group in page["Reservations"] for one in group["Instances"]):
            tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
            found.add(f"the stack {tags[STACK_TAG]}" if STACK_TAG in tags else str(instance["InstanceId"]))
    return frozenset(found)


def _groups(client: Any, filters: Mapping[str, Sequence[str]]) -> tuple[SecurityGroup, ...]:
    with aws_errors("look up the security groups", ", ".join(next(iter(filters.values()))), client):
        pages = client.get_paginator("describe_security_groups").paginate(Filters=_filters(filters))
        return tuple(
            SecurityGroup(
                group_id=group["GroupId"],
                name=group["GroupName"],
                account=group.get("OwnerId", ""),
                vpc_id=group.get("VpcId", ""),
                ingress=tuple(_ingress(group.get("IpPermissions", []))),
                description=group.get("Description", ""),
            )
            for page in pages
            for group in page["SecurityGroups"]
        )


def _filters(filters: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    return [{"Name": name, "Values": list(values)} for name, values in filters.items()]


def _ingress(permissions: Iterable[Mapping[str, Any]]) -> Iterator[IngressRule]:
    for permission in permissions:
        rule = functools.partial(
            IngressRule, permission["IpProtocol"], permission.get("FromPort", -1), permission.get("ToPort", -1)
        )
        for pair in permission.get("UserIdGroupPairs", []):
            yield rule(
                group_id=pair.get("GroupId", ""),
                group_name=pair.get("GroupName", ""),
                account=pair.get("UserId", ""),
                description=pair.get("Description", ""),
            )
        for ranges, field, name in (
            ("IpRanges", "CidrIp", "cidr"),
            ("Ipv6Ranges", "CidrIpv6", "cidr"),
            ("PrefixListIds", "PrefixListId", "prefix_list"),
        ):
            for entry in permission.get(ranges, []):
                yield rule(**{name: entry[field]}, description=entry.get("Description", ""))


def _vpc(client: Any, vpc_id: str) -> str:
    """The id of this VPC, or of the default one; empty when the region has none."""
    wanted = {"Name": "vpc-id", "Values": [vpc_id]} if vpc_id else {"Name": "is-default", "Values": ["true"]}
    with aws_errors("look up the VPC", vpc_id or f"that is the default of {client.meta.region_name}", client):
        vpcs = client.describe_vpcs(Filters=[wanted])["Vpcs"]
        return str(vpcs[0]["VpcId"]) if vpcs else ""


def _instance_type(client: Any, name: str) -> InstanceType | None:
    try:
        with aws_errors("look up the instance type", name, client):
            types = client.describe_instance_types(InstanceTypes=[name])["InstanceTypes"]
    except AwsError as error:
        if error.code in ("InvalidInstanceType", "InvalidParameterValue"):
            return None
        raise
    if not types:
        return None
    architectures = types[0].get("ProcessorInfo", {}).get("SupportedArchitectures", [])
    return InstanceType(name, int(types[0]["MemoryInfo"]["SizeInMiB"]), tuple(architectures))


def _create(client: Any, name: str, group: CreateSecurityGroup) -> str:
    """The id of the new group."""
    tags = [{"Key": key, "Value": str(value)} for key, value in group.tags.items()]
    specification = {"TagSpecifications": [{"ResourceType": "security-group", "Tags": tags}]} if tags else {}
    try:
        with aws_errors("create the security group", name, client):
            answer = client.create_security_group(
                GroupName=name, Description=group.description, VpcId=group.vpc_id, **specification
            )
            group_id: str = answer["GroupId"]
    except AwsError as error:
        # A retry after a lost answer finds the group that its first try made.
        if error.code != "InvalidGroup.Duplicate":
            raise
        return _made_before(client, name, group.vpc_id)
    return group_id


def _made_before(client: Any, name: str, vpc_id: str) -> str:
    """The id of a group that exists, though EC2 may not show it for some seconds yet.

    https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
    """
    filters = {"group-name": [name], "vpc-id": [vpc_id]}
    with aws_errors("wait for the security group", name, client):
        client.get_waiter("security_group_exists").wait(Filters=_filters(filters), WaiterConfig=WAIT)
    groups = _groups(client, filters)
    if not groups:
        raise AwsError(f"EC2 has the security group {name} in {vpc_id}, and does not show it yet. Run again.")
    return groups[0].group_id


def _authorize(client: Any, own_name: str, group_id: str, rules: Iterable[IngressRule]) -> None:
    # The id of a group that the plan itself makes was not known.
    lacking = [
        dataclasses.replace(rule, group_id=group_id) if rule.group_name == own_name and not rule.group_id else rule
        for rule in rules
    ]
    try:
        _authorize_rules(client, group_id, lacking)
    except AwsError as error:
        # EC2 takes all of them or none: another run, or a retry after a lost answer, has made one or all.
        if error.code != "InvalidPermission.Duplicate":
            raise
        present = [rule for group in _groups(client, {"group-id": [group_id]}) for rule in group.ingress]
        still = [rule for rule in lacking if not any(rule.is_same(other) for other in present)]
        if still:
            _authorize_rules(client, group_id, still)


def _authorize_rules(client: Any, group_id: str, rules: Sequence[IngressRule]) -> None:
    with aws_errors("add ingress rules to the security group", group_id, client):
        client.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[rule.permission() for rule in rules])


def _revoke(client: Any, group_id: str, surplus: Sequence[IngressRule]) -> None:
    try:
        unknown = _revoke_rules(client, group_id, surplus)
    except AwsError as error:
        # EC2 takes all of them or none: another run, or a retry after a lost answer, has revoked one or all.
        if error.code != "InvalidPermission.NotFound":
            raise
        unknown = True
    if unknown:
        present = [rule for group in _groups(client, {"group-id": [group_id]}) for rule in group.ingress]
        still = [rule for rule in surplus if any(rule.is_same(other) for other in present)]
        if still:
            _revoke_rules(client, group_id, still)


def _revoke_rules(client: Any, group_id: str, rules: Sequence[IngressRule]) -> bool:
    """Whether EC2 did not know some of them: in a default VPC that is no error."""
    with aws_errors("revoke ingress rules of the security group", group_id, client):
        permissions = [rule.permission() for rule in rules]
        answer = client.revoke_security_group_ingress(GroupId=group_id, IpPermissions=permissions)
        return bool(answer.get("UnknownIpPermissions"))
