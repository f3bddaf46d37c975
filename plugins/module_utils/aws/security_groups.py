# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""EC2's security groups: the current groups and rules, and the executors of their actions."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..actions import Executors
from ..errors import AwsError
from ..steps.ingress import Current, IngressRule, SecurityGroup
from ..steps.security_group import AuthorizeIngress, CreateSecurityGroup, Desired, RevokeIngress
from . import ec2, sts
from .calls import aws_call, aws_pages, aws_wait, run_parallel, tag_list
from .client import Aws, Clients


def observe(aws: Clients, desired: Desired, known: str = "") -> Current:
    """The groups in the file, and what else the plan depends on.

    A name means the group in the VPC of the option. Without that option it means the group in the default VPC, or in
    the VPC of the transactor's group, which only EC2's answer names: then the groups of all VPCs are read.
    known: the id of the transactor's group, if an earlier run has recorded it. Then its VPC is known too.
    """
    client = aws.client("ec2", region=desired.region)
    names = sorted({reference.name for reference in desired.references if reference.name})
    ids = sorted({reference.group_id for reference in desired.references if reference.group_id})
    by_name = {"group-name": names} | ({"vpc-id": [desired.vpc_id]} if desired.vpc_id else {})
    by_default = names and not desired.vpc_id and not desired.group.group_id
    foreign = any(reference.account for reference in desired.references)
    identity = aws.client("sts", region=desired.region) if foreign else None
    named, by_id, default_vpc, account, instance_type = run_parallel(
        lambda: groups(client, by_name) if names else (),
        lambda: groups(client, {"group-id": ids}) if ids else (),
        lambda: ec2.vpc(client) if by_default and not known else "",
        lambda: sts.account(identity).number if identity else "",
        lambda: ec2.instance_type(client, desired.unknown_type) if desired.unknown_type else None,
    )
    if by_default and known:
        recorded = (one.vpc_id for one in named if one.group_id == known and one.name == desired.group.name)
        default_vpc = next(recorded, "") or ec2.vpc(client)
    vpc_id = default_vpc
    if names and desired.vpc_id and not desired.group.group_id:
        # One of its groups proves that there is such a VPC.
        vpc_id = desired.vpc_id if named else ec2.vpc(client, desired.vpc_id)
    return Current((*named, *by_id), vpc_id, default_vpc, account, instance_type)


def groups(client: Any, filters: Mapping[str, Sequence[str]]) -> tuple[SecurityGroup, ...]:
    """The groups of all VPCs that EC2's filters select."""
    doing, resource = "look up the security groups", ", ".join(next(iter(filters.values())))
    by = ec2.filters(filters)
    found = aws_pages(doing, resource, client, "describe_security_groups", "SecurityGroups", Filters=by)
    return tuple(
        SecurityGroup(
            group_id=group["GroupId"],
            name=group["GroupName"],
            account=group.get("OwnerId", ""),
            vpc_id=group.get("VpcId", ""),
            ingress=tuple(_ingress(group.get("IpPermissions", []))),
            description=group.get("Description", ""),
        )
        for group in found
    )


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


def executors(aws: Aws, region: str, created: dict[str, str]) -> Executors:
    """created: gets the ids of the groups that they create, by name."""
    client = aws.client("ec2", region=region)

    def create(name: str, group: CreateSecurityGroup) -> None:
        created[name] = _create(client, name, group)

    def authorize(name: str, ingress: AuthorizeIngress) -> None:
        group_id = ingress.group_id
        if not group_id:
            group_id = created[name]
            aws_wait("wait for the security group", group_id, client, "security_group_exists", GroupIds=[group_id])
        # The plan did not know the id of a group that it creates.
        rules = [
            dataclasses.replace(rule, group_id=group_id) if rule.group_name == name and not rule.group_id else rule
            for rule in ingress.rules
        ]
        doing, operation = "add ingress rules to the security group", client.authorize_security_group_ingress
        answer = _change(doing, group_id, operation, rules, expected=("InvalidPermission.Duplicate",))
        # One exists, so EC2 added none: another run added it, or a first request whose answer was lost.
        if answer is None:
            present = _current(client, group_id)
            _change(doing, group_id, operation, [rule for rule in rules if not any(map(rule.is_same, present))])

    def revoke(_name: str, ingress: RevokeIngress) -> None:
        group_id, rules = ingress.group_id, ingress.rules
        doing, operation = "revoke ingress rules of the security group", client.revoke_security_group_ingress
        answer = _change(doing, group_id, operation, rules, expected=("InvalidPermission.NotFound",))
        # One is missing, so EC2 revoked none. In a default VPC that is no error.
        if answer is None or answer.get("UnknownIpPermissions"):
            present = _current(client, group_id)
            _change(doing, group_id, operation, [rule for rule in rules if any(map(rule.is_same, present))])

    return Executors().add(CreateSecurityGroup, create).add(AuthorizeIngress, authorize).add(RevokeIngress, revoke)


def _create(client: Any, name: str, group: CreateSecurityGroup) -> str:
    """The id of the new group."""
    request: dict[str, Any] = {"GroupName": name, "Description": group.description, "VpcId": group.vpc_id}
    if group.tags:
        request["TagSpecifications"] = [{"ResourceType": "security-group", "Tags": tag_list(group.tags)}]
    # It is this run's own group when the answer to a first request was lost.
    exists = ("InvalidGroup.Duplicate",)
    answer = aws_call("create the security group", name, client.create_security_group, expected=exists, **request)
    return answer["GroupId"] if answer else _created_before(client, name, group.vpc_id)


def _created_before(client: Any, name: str, vpc_id: str) -> str:
    """The id of a group that exists, though EC2 may not show it for some seconds yet.

    https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
    """
    filters = {"group-name": [name], "vpc-id": [vpc_id]}
    by = ec2.filters(filters)
    aws_wait("wait for the security group", name, client, "security_group_exists", Filters=by)
    found = groups(client, filters)
    if not found:
        raise AwsError(f"EC2 has the security group {name} in {vpc_id}, and does not show it yet. Run again.")
    return found[0].group_id


def _current(client: Any, group_id: str) -> list[IngressRule]:
    return [rule for group in groups(client, {"group-id": [group_id]}) for rule in group.ingress]


def _change(
    doing: str, group_id: str, operation: Callable[..., Any], rules: Sequence[IngressRule], **options: Any
) -> Any:
    """The answer to a request for these rules, empty when there are none."""
    if not rules:
        return {}
    permissions = [rule.permission() for rule in rules]
    return aws_call(doing, group_id, operation, GroupId=group_id, IpPermissions=permissions, **options)
