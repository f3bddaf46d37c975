# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is in the emulated account, in the shape of the golden cases, and how to put something there."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends

if TYPE_CHECKING:
    from tests.emulator.server import Emulator

FILLER = "filler-"
"""What golden cases fill pages with; left out of a snapshot."""


def prepare(aws: Emulator, given: Iterable[Mapping[str, Any]]) -> None:
    """Make the calls of a case's `given`: neither logged nor delayed.

    Each has `service`, `call`, `with`, and perhaps `region` and `times` ({i} in a value is the three-digit index).
    """
    for call in given:
        client = aws.backstage(call["service"], call.get("region") or "us-east-1")
        for index in range(call.get("times") or 1):
            getattr(client, call["call"])(**_indexed(call["with"], f"{index:03}"))


def _indexed(value: Any, index: str) -> Any:
    if isinstance(value, str):
        return value.replace("{i}", index)
    if isinstance(value, list):
        return [_indexed(item, index) for item in value]
    if isinstance(value, dict):
        return {name: _indexed(item, index) for name, item in value.items()}
    return value


def snapshot(aws: Emulator) -> dict[str, Any]:
    """The account as the golden cases' `before` and `after` show it; names that start with filler- are left out."""
    return aws.snapshot()


def read() -> dict[str, Any]:
    """The snapshot of this process's account."""
    iam = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
    return {
        "tables": _kept({f"{region}/{name}": _table(table) for region, name, table in _tables()}),
        "buckets": sorted(
            name for name in s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets if not name.startswith(FILLER)
        ),
        "roles": _kept(
            {
                role.name: {"trust": _document(role.assume_role_policy_document), "policies": _policies(role)}
                for role in iam.roles.values()
            }
        ),
        "instance_profiles": _kept(
            {profile.name: [role.name for role in profile.roles] for profile in iam.instance_profiles.values()}
        ),
        "users": _kept(
            {
                user.name: {"access_keys": len(user.access_keys), "policies": _policies(user)}
                for user in iam.users.values()
            }
        ),
        "security_groups": _kept(
            {
                f"{region}/{group.name}": {"description": group.description, "ingress": _ingress(group)}
                for region, group in _groups()
            }
        ),
    }


def _kept(by_name: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in by_name.items() if not name.rpartition("/")[2].startswith(FILLER)}


def _tables() -> Iterator[tuple[str, str, Any]]:
    for region, backend in dynamodb_backends[DEFAULT_ACCOUNT_ID].items():
        for name, table in backend.tables.items():
            yield region, name, table


def _table(table: Any) -> dict[str, Any]:
    throughput = table.throughput or {}
    return {
        "key_schema": table.schema,
        "attributes": table.attr,
        "read": int(throughput.get("ReadCapacityUnits") or 0),
        "write": int(throughput.get("WriteCapacityUnits") or 0),
    }


def _policies(owner: Any) -> dict[str, Any]:
    return {name: _document(text) for name, text in owner.policies.items()}


def _document(text: Any) -> Any:
    return json.loads(urllib.parse.unquote(text)) if isinstance(text, str) else text


def _groups() -> Iterator[tuple[str, Any]]:
    for region, backend in ec2_backends[DEFAULT_ACCOUNT_ID].items():
        for groups in backend.groups.values():
            for group in groups.values():
                if not group.is_default and group.name != "default":
                    yield region, group


def _ingress(group: Any) -> list[dict[str, Any]]:
    """One entry a source, CIDRs before groups."""
    return sorted((_rule(group, rule) for rule in group.ingress_rules), key=_rule_order)


def _rule(group: Any, rule: Any) -> dict[str, Any]:
    shown = {"protocol": rule.ip_protocol, "from_port": rule.from_port, "to_port": rule.to_port}
    if rule.ip_range:
        cidr = rule.ip_range.get("CidrIp") or rule.ip_range.get("CidrIpv6")
        return shown | {"cidr": cidr}
    if rule.source_group:
        source = rule.source_group
        name = source.get("GroupName") or _group_name(group.ec2_backend, source.get("GroupId"))
        owner = source.get("OwnerId") or source.get("UserId") or DEFAULT_ACCOUNT_ID
        return shown | {"group": f"{owner}:{name}"}
    return shown | {"prefix_list": rule.prefix_list_id}


def _group_name(backend: Any, group_id: str | None) -> str | None:
    found = backend.get_security_group_from_id(group_id)
    return found.name if found else group_id


def _rule_order(rule: dict[str, Any]) -> tuple[str, int, int, bool, str]:
    source = rule.get("cidr") or rule.get("group") or rule.get("prefix_list") or ""
    return rule["protocol"], rule["from_port"] or 0, rule["to_port"] or 0, "cidr" not in rule, source
