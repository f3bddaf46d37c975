# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What EC2 has, and a file names, for ensure-cf: security groups, their rules, an instance type."""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import Any


@dataclasses.dataclass(frozen=True)
class GroupReference:
    """A security group as the file names it: by id when it has one, else by name; account is empty for our own."""

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


@dataclasses.dataclass(frozen=True)
class IngressRule:
    """One permission of a security group, from a CIDR or from a group.

    from_port, to_port: -1 for all. group_id: empty for the group that the plan makes itself, which has only its name.
    """

    protocol: str
    from_port: int
    to_port: int
    cidr: str = ""
    group_id: str = ""
    group_name: str = ""
    account: str = ""

    def as_state(self) -> dict[str, Any]:
        """What stands in an action's before and after: the fields that have a value."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value != ""}

    def is_same(self, other: IngressRule) -> bool:
        """Whether EC2 takes the two for one rule; of a group only its id counts."""
        return self._meaning == other._meaning

    @property
    def _meaning(self) -> tuple[str, int, int, str, str]:
        return self.protocol, self.from_port, self.to_port, canonical(self.cidr), self.group_id


@dataclasses.dataclass(frozen=True)
class SecurityGroup:
    group_id: str
    name: str
    account: str
    vpc_id: str
    ingress: tuple[IngressRule, ...] = ()


@dataclasses.dataclass(frozen=True)
class InstanceType:
    """What EC2 says of an instance type. memory_mib: MiB; architectures: as EC2 names them ("x86_64", "arm64")."""

    name: str
    memory_mib: int
    architectures: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Observed:
    """What AWS has. account: ours, empty when nobody asked; vpc_id: the option's or the default one, empty without."""

    groups: tuple[SecurityGroup, ...] = ()
    vpc_id: str = ""
    account: str = ""
    instance_type: InstanceType | None = None
