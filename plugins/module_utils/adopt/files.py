# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two properties files of a stack. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from ..errors import InputError
from ..properties import keys
from ..properties.file import EMPTY, Properties
from ..properties.keys import FileKind
from ..steps.ingress import IngressRule, SecurityGroup
from ..steps.security_group import GROUP_ID, GROUP_NAME
from ..steps.transactor.desired import PEER_ROLE, PEER_USER, TRANSACTOR_ROLE, keys_of
from ..system import DEFAULT_PORT
from .reading import MARK, Reading, Unknown

HOST = "localhost"
"""Any value: each instance sets its own address."""
PEER_USER_KEY = keys_of(PEER_USER)[0]
OF_THE_INSTANCE = ("host", "alt-host")
BY_HAND = "write its value into the file"
GROUP, INGRESS_GROUPS, INGRESS_CIDRS = "aws-security-group", "aws-ingress-groups", "aws-ingress-cidrs"


def made(path: str, title: str, values: Mapping[str, str]) -> Properties:
    """The text of a file. Its values have to be writable."""
    return Properties.parse(f"# {title}\n".encode(), path).edit(values)


def transactor(reading: Reading, names: Mapping[str, str], peer_role: str) -> tuple[dict[str, str], list[Unknown]]:
    """The values of the transactor's file, with the secrets of the user data.

    names: those that an earlier run has generated, by key. peer_role: the role with the system's tag, empty if unknown.
    """
    unknown: list[Unknown] = []
    values = {"protocol": "", "host": HOST}
    for key, value in reading.data.properties.items():
        if key in OF_THE_INSTANCE and (MARK in value or reading.is_expanded(key)):
            continue
        if why := _unusable(reading, key, value):
            unknown.append(Unknown(key, why, BY_HAND))
        else:
            values[key] = value
    for key, name in names.items():
        if not values.get(key):
            values[key] = name
            why = "the user data lacks it; the record of the last run has it"
            unknown.append(Unknown(key, why, "look at the plan"))
    unknown += _role(reading, values)
    if values["protocol"] == "ddb" and not values.get(PEER_ROLE) and not values.get(PEER_USER_KEY):
        why = "the user data names no role or user of the peers"
        why += f"; the role {peer_role} has this system's tag" if peer_role else ""
        suggestion = "leave it out; with it, the next run replaces the transactors"
        unknown.append(Unknown(PEER_ROLE, why, suggestion))
    return values, unknown


def _role(reading: Reading, values: dict[str, str]) -> Iterator[Unknown]:
    """Completes the transactor's role, by that of the instances."""
    profile, written = reading.profile, values.get(TRANSACTOR_ROLE, "")
    if profile is None and not written:
        why = "the template does not say which instance profile the instances have"
        yield Unknown(TRANSACTOR_ROLE, why, BY_HAND)
    elif profile and profile != written:
        values[TRANSACTOR_ROLE] = profile
        if written:
            why = f"the user data says {written}, but the instances have the profile {profile}, which the file has now"
            yield Unknown(TRANSACTOR_ROLE, why, "correct it if the profile is wrong")


def _unusable(reading: Reading, key: str, value: str) -> str:
    """Why the property's value is not known, or cannot be in a file; empty if it can."""
    if MARK in value or MARK in key:
        return "a function of the template makes its value"
    if reading.is_expanded(key):
        return "the shell of the instance makes its value"
    return _unwritable(key, value)


def _unwritable(key: str, value: str) -> str:
    try:
        EMPTY.edit({key: value})
    except InputError as error:
        return str(error)
    return ""


def cf(
    reading: Reading, groups: Collection[SecurityGroup] | None, default_vpc: str, port: str
) -> tuple[dict[str, str], list[Unknown]]:
    """The values of the CloudFormation file; a required one that is not known is blank.

    groups: the stack's security groups and those that their rules name, None if they could not be read. default_vpc:
    empty if there is none. port: the transactor's.
    """
    unknown: list[Unknown] = []
    values = {"aws-region": reading.region}
    for key, setting in keys.CF.items():
        if key in ("aws-region", INGRESS_GROUPS, INGRESS_CIDRS):
            continue
        found = reading.cf_value(key)
        if found is None or (not found and setting.required):
            why = "neither a parameter nor the template says it in a known form"
            unknown.append(Unknown(key, why, BY_HAND))
        elif why := _unwritable(key, found):
            unknown.append(Unknown(key, why, BY_HAND))
            found = ""
        if found is not None or setting.required:
            values[key] = found or ""
    own = values[GROUP].split(",")[0]
    if "," in values[GROUP]:
        why = f"the instances have several: {values[GROUP]}. The file has the first"
        unknown.append(Unknown(GROUP, why, "move the rules of the others to it"))
    values[GROUP] = own
    if groups is None or not own:
        unknown.append(Unknown(INGRESS_GROUPS, "the security group could not be read", BY_HAND))
        return _ordered(values), unknown
    group = _find(groups, own, default_vpc)
    if group is None:
        unknown.append(Unknown(GROUP, f"there is no security group {own}", "correct it: instances start only with one"))
        return _ordered(values), unknown
    if group.vpc_id == default_vpc and GROUP_NAME.fullmatch(group.name):
        values[GROUP] = group.name
    ingress, others = _ingress(reading, group, groups, int(port) if port.isdecimal() else DEFAULT_PORT)
    return _ordered(values | ingress), [*unknown, *others]


def _ordered(values: Mapping[str, str]) -> dict[str, str]:
    return {key: values[key] for key in keys.CF if key in values}


def _find(groups: Iterable[SecurityGroup], text: str, default_vpc: str) -> SecurityGroup | None:
    """The group of that id, or of that name in the default VPC. Without that, the only group of that name."""
    named = []
    for group in groups:
        if text == group.group_id:
            return group
        if text == group.name and default_vpc in ("", group.vpc_id):
            named.append(group)
    return named[0] if len(named) == 1 else None


def _ingress(
    reading: Reading, own: SecurityGroup, groups: Collection[SecurityGroup], port: int
) -> tuple[dict[str, str], list[Unknown]]:
    """The rules for the transactor's port. The file does not express the others."""
    named: list[str] = []
    cidrs: list[str] = []
    unknown = []
    for rule in own.ingress:
        is_for_port = (rule.protocol, rule.from_port, rule.to_port) == ("tcp", port, port)
        if is_for_port and rule.cidr:
            cidrs.append(rule.cidr)
        elif is_for_port and rule.group_id:
            named.append(_reference(reading, own, rule, groups))
        else:
            why = f"the group {own.name} admits {_shown(rule)}, which no property says"
            unknown.append(Unknown(INGRESS_GROUPS, why, "nothing: a run leaves such rules alone"))
    values = {INGRESS_GROUPS: ",".join(named), INGRESS_CIDRS: ",".join(cidrs)}
    return {key: value for key, value in values.items() if value}, unknown


def _reference(reading: Reading, own: SecurityGroup, rule: IngressRule, groups: Iterable[SecurityGroup]) -> str:
    """The group of the rule as the file names it: by name in the same VPC, otherwise by id."""
    if rule.account not in ("", reading.account):
        return f"{rule.account}:{rule.group_id}"
    found = next((one for one in groups if one.group_id == rule.group_id), None)
    if found and found.vpc_id == own.vpc_id and GROUP_NAME.fullmatch(found.name) and ":" not in found.name:
        return found.name
    return rule.group_id


def _shown(rule: IngressRule) -> str:
    source = rule.cidr or rule.group_id or rule.prefix_list
    ports = f"{rule.from_port}" if rule.from_port == rule.to_port else f"{rule.from_port}-{rule.to_port}"
    what = "everything" if rule.protocol == "-1" else f"{rule.protocol} {ports}"
    return f"{source} to {what}"


def group_ids(reading: Reading) -> tuple[list[str], list[str]]:
    """The ids and the names of the stack's security groups."""
    texts = [one for one in (reading.cf_value(GROUP) or "").split(",") if one]
    return [one for one in texts if GROUP_ID.fullmatch(one)], [one for one in texts if not GROUP_ID.fullmatch(one)]


def contradictions(kind: FileKind, existing: Properties, values: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """What a file that exists says otherwise than the stack: key, in_file, in_stack. Secrets are masked."""
    ignored = OF_THE_INSTANCE if kind == "transactor" else ()
    for key in dict.fromkeys([*values, *existing]):
        in_file, in_stack = existing.get(key), values.get(key, "")
        if key in ignored or _meaning(key, in_file) == _meaning(key, in_stack):
            continue
        if kind == "cf" and key not in values:
            continue  # the stack does not say it
        yield {"key": key, "in_file": keys.mask(key, in_file), "in_stack": keys.mask(key, in_stack)}


def _meaning(key: str, value: str) -> object:
    return sorted(one.strip() for one in value.split(",")) if key in (INGRESS_GROUPS, INGRESS_CIDRS) else value
