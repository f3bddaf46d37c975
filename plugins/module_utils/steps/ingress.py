# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Security groups, their rules and instance types, as EC2 has them and as the file names them. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

GROUP_DESCRIPTION = "Provisioned by Datomic"
"""The description of groups that bin/datomic or this collection created. EC2 never changes it."""

NARROW = {4: 8, 6: 16}
"""The shortest prefixes, by IP version, of a range that one owner may have."""


@dataclasses.dataclass(frozen=True)
class GroupReference:
    """A security group as the file names it, by id or by name. account: empty for the account of the credentials."""

    text: str
    group_id: str = ""
    name: str = ""
    account: str = ""


def canonical(cidr: str) -> str:
    """The range as EC2 keeps it: without the bits behind the prefix. What is no range stays as it is."""
    try:
        return str(ipaddress.ip_network(cidr, strict=False))
    except ValueError:
        return cidr


def is_wide(cidr: str) -> bool:
    """Whether the range is the whole Internet, or a good part of it. What is no range is not."""
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return False
    return network.prefixlen < NARROW[network.version]


@dataclasses.dataclass(frozen=True)
class IngressRule:
    """One permission of a security group, from a CIDR, a prefix list or a group.

    from_port, to_port: -1 for all; with ICMP its type and code. group_id: empty for the group that the plan makes
    itself, which has only its name. description: does not count when rules are compared.
    """

    protocol: str
    from_port: int
    to_port: int
    cidr: str = ""
    group_id: str = ""
    group_name: str = ""
    account: str = ""
    prefix_list: str = ""
    description: str = ""

    def as_state(self) -> dict[str, Any]:
        """The fields that have a value, for an action's before and after."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value != ""}

    def is_same(self, other: IngressRule) -> bool:
        """Whether EC2 takes the two for one rule; of a group only its id counts."""
        return self._meaning == other._meaning

    @property
    def _meaning(self) -> tuple[str, int, int, str, str, str]:
        return self.protocol, self.from_port, self.to_port, *self.source

    @property
    def source(self) -> tuple[str, str, str]:
        """Whom it admits, as EC2 compares it."""
        return canonical(self.cidr), self.group_id, self.prefix_list

    def admits_to(self, port: int) -> bool:
        """Whether it opens this TCP port."""
        return self.protocol == "-1" or (self.protocol == "tcp" and self.from_port <= port <= self.to_port)

    def permission(self) -> dict[str, Any]:
        """The rule as EC2's requests take it."""
        permission: dict[str, Any] = {"IpProtocol": self.protocol}
        if self.protocol != "-1":
            permission |= {"FromPort": self.from_port, "ToPort": self.to_port}
        if self.cidr:
            field, entry = ("Ipv6Ranges", "CidrIpv6") if ":" in self.cidr else ("IpRanges", "CidrIp")
            return permission | {field: [{entry: self.cidr}]}
        if self.prefix_list:
            return permission | {"PrefixListIds": [{"PrefixListId": self.prefix_list}]}
        account = {"UserId": self.account} if self.account else {}
        return permission | {"UserIdGroupPairs": [{"GroupId": self.group_id, **account}]}

    def __str__(self) -> str:
        """Such as: tcp 22 from 0.0.0.0/0 (the office)."""
        group = f"{self.account}:{self.group_id}" if self.account else self.group_id
        group += f" ({self.group_name})" if self.group_name and group else self.group_name
        source = self.cidr or self.prefix_list or f"the security group {group}"
        return f"{self._what} from {source}" + (f" ({self.description})" if self.description else "")

    @property
    def _what(self) -> str:
        if self.protocol == "-1":
            return "everything"
        if self.protocol not in ("tcp", "udp"):
            return self.protocol
        ports = str(self.from_port) if self.from_port == self.to_port else f"{self.from_port}-{self.to_port}"
        return f"{self.protocol} {ports}"


@dataclasses.dataclass(frozen=True)
class SecurityGroup:
    group_id: str
    name: str
    account: str
    vpc_id: str
    ingress: tuple[IngressRule, ...] = ()
    description: str = GROUP_DESCRIPTION


@dataclasses.dataclass(frozen=True)
class InstanceType:
    """What EC2 says of an instance type. memory_mib: MiB; architectures: as EC2 names them ("x86_64", "arm64").

    nvme_store: whether it has instance store volumes with NVMe.
    """

    name: str
    memory_mib: int
    architectures: tuple[str, ...]
    nvme_store: bool = False


@dataclasses.dataclass(frozen=True)
class Current:
    """vpc_id: the option's or the default one, empty without. default_vpc, account: empty when not read.

    others: other users of the transactor's group: stacks, and instances of no stack. Only read when a rule of the group
    is to be revoked.
    """

    groups: tuple[SecurityGroup, ...] = ()
    vpc_id: str = ""
    default_vpc: str = ""
    account: str = ""
    instance_type: InstanceType | None = None
    others: tuple[str, ...] = ()


NOTHING = Current()


def revocation(region: str, group_id: str, rules: Iterable[IngressRule]) -> str:
    """The command that revokes these rules. EC2 takes rules by their properties, whatever their descriptions."""
    permissions: list[Mapping[str, Any]] = [rule.permission() for rule in rules]
    return (
        f"aws ec2 revoke-security-group-ingress --region {region} --group-id {group_id} --ip-permissions "
        + shlex.quote(json.dumps(permissions, separators=(",", ":")))
    )
