# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ensure-cf does, pure: from the CloudFormation file and what was current to defaults and a security group."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..errors import Finding, FindingId, Severity
from ..instance_memory import TOOL_MEMORY, default_heap
from ..plan import Action, Change, Plan
from ..properties.file import Properties
from ..properties.keys import REGION_DOCS, REGION_NAME
from ..system import System
from .ingress import GROUP_DESCRIPTION, Current, GroupReference, IngressRule, SecurityGroup, is_wide, revocation

DEFAULTED = ("java-xmx", "java-opts", "datomic-version")
"""The keys that the file gets when it lacks them."""
INGRESS_KEYS = ("aws-security-group", "aws-ingress-groups", "aws-ingress-cidrs", "port")
"""The keys of both files that name the rules of the security group."""
PREFIX = re.compile(r"/(0|[1-9][0-9]*)$", re.ASCII)
"""The length at the end of a CIDR; ipaddress takes netmasks and leading zeros as well, and EC2 neither."""

GROUP_ID = re.compile(r"sg-[0-9a-f]+")
GROUP_NAME = re.compile(r"(?!sg-)[A-Za-z0-9 ._\-:/()#@\[\]+=&;{}!$*]{1,255}")
"""EC2's rule for names in a VPC, without the comma, at which the template's list parameter would split it."""
ACCOUNT = re.compile(r"[0-9]{12}")

EC2_API = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/"
GROUP_DOCS = EC2_API + "API_CreateSecurityGroup.html"
INGRESS_DOCS = EC2_API + "API_AuthorizeSecurityGroupIngress.html"
RULES_DOCS = "https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html"
VPC_DOCS = "https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc.html"
TYPES_DOCS = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-types.html"
OFFERINGS_DOCS = EC2_API + "API_DescribeInstanceTypeOfferings.html"


@dataclasses.dataclass(frozen=True)
class Desired:
    """What the file asks for.

    region: empty when the file has none. ingress_cidrs: ranges as the file writes them.
    unknown_type: the instance type, when EC2 has to be asked about it. exact: what the file does not name is revoked.
    """

    region: str
    group: GroupReference
    ingress_groups: tuple[GroupReference, ...]
    ingress_cidrs: tuple[str, ...]
    port: int
    vpc_id: str = ""
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    unknown_type: str = ""
    exact: bool = False

    @property
    def references(self) -> tuple[GroupReference, ...]:
        """Every security group that the file names."""
        return (self.group, *self.ingress_groups)


@dataclasses.dataclass(frozen=True)
class CreateSecurityGroup:
    vpc_id: str
    tags: Mapping[str, str]
    description: str = GROUP_DESCRIPTION


@dataclasses.dataclass(frozen=True)
class AuthorizeIngress:
    """group_id: empty for the group that this plan creates."""

    group_id: str
    rules: tuple[IngressRule, ...]


@dataclasses.dataclass(frozen=True)
class RevokeIngress:
    group_id: str
    rules: tuple[IngressRule, ...]


def desired(system: System, *, exact: bool = False) -> tuple[Desired, list[Finding]]:
    """What the cf file asks for, and the findings of what it asks for wrongly, which is not in Desired."""
    cf, findings = system.cf, list[Finding]()
    region = _region(cf, findings)
    group = _own_group(cf, findings)
    groups = tuple(dict.fromkeys(_ingress_groups(cf, findings)))
    cidrs = tuple(dict.fromkeys(_ingress_cidrs(cf, findings)))
    instance_type = cf.get("aws-instance-type")
    unknown_type = "" if instance_type in TOOL_MEMORY else instance_type
    wanted = Desired(region, group, groups, cidrs, system.port, system.vpc_id, system.tags, unknown_type, exact)
    return wanted, findings


def _region(cf: Properties, findings: list[Finding]) -> str:
    key = "aws-region"
    region = cf.get(key)
    if region and not REGION_NAME.fullmatch(region):
        what, why = f"{region} is not a region", "AWS has no endpoints there"
        findings.append(cf.finding(key, what, "such as us-east-1", rule="region-name", reason=why, source=REGION_DOCS))
        return ""
    return region


def _own_group(cf: Properties, findings: list[Finding]) -> GroupReference:
    key = "aws-security-group"
    text = cf.get(key)
    if GROUP_ID.fullmatch(text):
        return GroupReference(text, group_id=text)
    if text and not GROUP_NAME.fullmatch(text):
        what = f"{text} is not the name or id of one security group"
        instead = "one name of at most 255 characters, or sg-…"
        why = "EC2 takes no other characters in a name, nor sg- at its beginning; the template splits it at a comma"
        findings.append(cf.finding(key, what, instead, rule="security-group-name", reason=why, source=GROUP_DOCS))
    return GroupReference(text, name=text)


def _ingress_groups(cf: Properties, findings: list[Finding]) -> Iterator[GroupReference]:
    key = "aws-ingress-groups"
    for text in _items(cf.get(key)):
        head, colon, tail = text.partition(":")
        account, name = (head, tail) if colon else ("", head)
        if GROUP_ID.fullmatch(name):
            group = GroupReference(text, group_id=name, account=account)
        else:
            group = GroupReference(text, name=name, account=account)
        sound = group.group_id or (GROUP_NAME.fullmatch(name) and ":" not in name)
        if sound and (ACCOUNT.fullmatch(account) or not colon):
            yield group
        else:
            what = f"{text} is not an AWS security group"
            instead = "name, account-id:name or sg-…, commas between"
            why = "no ingress rule can be made from it, so its members could not connect"
            findings.append(cf.finding(key, what, instead, rule="ingress-group", reason=why, source=INGRESS_DOCS))


def _ingress_cidrs(cf: Properties, findings: list[Finding]) -> Iterator[str]:
    key = "aws-ingress-cidrs"
    for text in _items(cf.get(key)):
        try:
            if not PREFIX.search(text):
                raise ValueError
            ipaddress.ip_network(text, strict=False)
            yield text
        except ValueError:
            what = f"{text} is not a CIDR"
            instead = "such as 10.0.0.0/8, 10.1.2.3/32 or 2001:db8::/32"
            why = "EC2 takes a range only as an address, a slash and the length of its prefix"
            findings.append(cf.finding(key, what, instead, rule="ingress-cidr", reason=why, source=INGRESS_DOCS))


def _items(value: str) -> Iterator[str]:
    return (item.strip() for item in value.split(",") if item.strip())


def unknown_instance_type(cf: Properties) -> Finding:
    """EC2 does not know the file's instance type."""
    key = "aws-instance-type"
    what, instead = f"unknown instance type {cf.get(key)}", f"one that EC2 offers in {cf.get('aws-region')}"
    why = "EC2 starts no instance of it, nor does it tell its memory"
    return cf.finding(key, what, instead, rule="unknown-instance-type", reason=why, source=TYPES_DOCS)


def open_to_anyone(cf: Properties, cidrs: Iterable[str]) -> list[Finding]:
    """A warning for each range that is the whole Internet, or a good part of it."""
    key = "aws-ingress-cidrs"
    instead = "name the peers' security groups in aws-ingress-groups, or their own ranges"
    why = "whoever reaches the port can try to talk to the transactor"
    findings = []
    for cidr in cidrs:
        network = ipaddress.ip_network(cidr, strict=False)
        if is_wide(cidr):
            # IPv6 counts networks: nobody imagines the number of addresses.
            whom = f"{network.num_addresses} addresses" if network.version == 4 else f"a /{network.prefixlen} of IPv6"
            what = f"{cidr} lets {whom if network.prefixlen else 'the whole Internet'} connect to the transactor"
            findings.append(
                cf.finding(key, what, instead, rule="open-to-anyone", severity="warning", reason=why, source=RULES_DOCS)
            )
    return findings


@dataclasses.dataclass(frozen=True)
class Unnamed:
    """The rules of the group that the file does not name. kept: those that exact leaves for another run."""

    group: SecurityGroup
    rules: tuple[IngressRule, ...]
    kept: tuple[IngressRule, ...] = ()

    @property
    def revoked(self) -> tuple[IngressRule, ...]:
        """What exact revokes."""
        return tuple(rule for rule in self.rules if rule not in self.kept)


def unnamed(desired: Desired, current: Current) -> Unnamed | None:
    """None when there are no such rules.

    Where a source gets its rule on another port in this very run, its rule on the old port is kept: the transactors
    that run listen there until they are replaced.
    """
    group = _resolved(desired.group, desired, current)
    if group is None:
        return None
    named = _rules(desired, current)
    rules = tuple(rule for rule in group.ingress if not any(rule.is_same(other) for other in named))
    moving = {rule.source for rule in named if not any(rule.is_same(other) for other in group.ingress)}
    return Unnamed(group, rules, tuple(rule for rule in rules if rule.source in moving)) if rules else None


def unnamed_findings(cf: Properties, desired: Desired, current: Current) -> Iterator[Finding]:
    """Warnings of the rules that the file does not name, and what exact does with them, or must not."""
    found = unnamed(desired, current)
    if found is None:
        return
    key, title = "aws-security-group", f"the security group {desired.group.text} ({found.group.group_id})"

    def judged(rule: FindingId, what: str, instead: str, level: Severity = "warning") -> Finding:
        why = "whoever such a rule admits can try to talk to the transactor, or to its host"
        return cf.finding(key, what, instead, rule=rule, severity=level, reason=why, source=RULES_DOCS)

    revoke = revocation(desired.region, found.group.group_id, found.rules)
    if not desired.exact:
        instead = f"ingress: exact (datomic_ingress) revokes what the file does not name; by hand: {revoke}"
        kinds: tuple[tuple[FindingId, bool, str], ...] = (
            ("ingress-open", True, "lets a good part of the Internet in"),
            ("ingress-not-in-files", False, "has rules that the file does not name"),
        )
        for rule, wide, words in kinds:
            rules = [one for one in found.rules if is_wide(one.cidr) == wide]
            if rules:
                only = instead.replace(revoke, revocation(desired.region, found.group.group_id, rules))
                yield judged(rule, f"{title} {words}: {_listed(rules)}", only)
        return
    if found.kept:
        what = f"{title} keeps rules that the file does not name: {_listed(found.kept)}"
        instead = "transactors that run may listen on that port until they are replaced; the next run revokes the rules"
        yield judged("ingress-not-in-files", what, instead)
    if not found.revoked:
        return
    foreign = found.group.description != GROUP_DESCRIPTION
    if foreign or current.others:
        whose = f"described as {found.group.description!a}" if foreign else f"used by {', '.join(current.others)} too"
        what = f"ingress: exact would revoke rules of {title}, which is {whose}: {_listed(found.revoked)}"
        instead = (
            "name a group of this system's own, or leave ingress (datomic_ingress) at report; accept the rule "
            f"ingress-shared where nobody else needs them; by hand: {revoke}"
        )
        yield judged("ingress-shared", what, instead, "error")
    cut = [rule for rule in found.revoked if rule.admits_to(desired.port)]
    if cut:
        what = f"ingress: exact revokes rules of {title} on the transactor's port: {_listed(cut)}"
        instead = "peers that connect through them lose the transactor: name them in the file first if there are any"
        yield judged("ingress-revoked", what, instead)


def _listed(rules: Sequence[IngressRule]) -> str:
    return "; ".join(map(str, rules))


def missing(cf: Properties, desired: Desired, current: Current) -> list[Finding]:
    """What the file refers to and AWS does not have."""
    findings = []
    if desired.unknown_type and current.instance_type is None:
        findings.append(unknown_instance_type(cf))
    findings += _vpc_findings(cf, desired, current)
    for reference in desired.ingress_groups:
        if reference.name and _is_foreign(reference, current):
            what = f"{reference.text} is of another account, whose groups EC2 takes by their ids only"
            instead, why = f"{reference.account}:sg-…", "names are looked up in one's own account"
        elif _is_missing(reference, desired, current):
            what = f"there is no security group {reference.text} in {_place(desired, current)}"
            instead, why = "create it first, or correct it", "a rule can only admit the members of a group that exists"
        else:
            continue
        key = "aws-ingress-groups"
        findings.append(cf.finding(key, what, instead, rule="ingress-group-missing", reason=why, source=RULES_DOCS))
    return findings


def _vpc_findings(cf: Properties, desired: Desired, current: Current) -> list[Finding]:
    """What is wrong with the group that the file names by id, or with the VPC that its names mean."""
    key = "aws-security-group"
    if desired.group.group_id:
        group = _resolved(desired.group, desired, current)
        if group is None:
            what = f"there is no security group {desired.group.group_id} in {desired.region}"
            instead, why = "correct it, or give a name", "a group is only made under a name: EC2 gives the ids"
            return [cf.finding(key, what, instead, rule="security-group-missing", reason=why, source=GROUP_DOCS)]
        if desired.vpc_id and desired.vpc_id != group.vpc_id:
            what = f"the security group {group.group_id} is in {group.vpc_id}, not in {desired.vpc_id}"
            instead, why = "leave out the option vpc_id, or correct one of them", "a group works in its own VPC only"
            return [cf.finding(key, what, instead, rule="security-group-vpc", reason=why, source=GROUP_DOCS)]
    elif not current.vpc_id and any(reference.name for reference in desired.references):
        if desired.vpc_id:
            what, instead = f"there is no VPC {desired.vpc_id} in {desired.region}", "correct the option vpc_id"
        else:
            what = f"{desired.region} has no default VPC, in which names of security groups would be looked up"
            instead = "give the option vpc_id"
        why = "a security group is made, and looked up by its name, in one VPC"
        return [cf.finding(key, what, instead, rule="vpc-missing", reason=why, source=VPC_DOCS)]
    return []


def _place(desired: Desired, current: Current) -> str:
    vpc_id = _vpc_id(desired, current)
    return f"{vpc_id} in {desired.region}" if vpc_id else desired.region


def _is_foreign(reference: GroupReference, current: Current) -> bool:
    """Whether it is of another account, so that it cannot be looked up."""
    return reference.account not in ("", current.account)


def _is_missing(reference: GroupReference, desired: Desired, current: Current) -> bool:
    """A name without a VPC means nothing that could be missing, and our own group will be there."""
    if _is_foreign(reference, current) or _is_own(reference, desired):
        return False
    if reference.name and not _vpc_id(desired, current):
        return False
    return _resolved(reference, desired, current) is None


def _is_own(reference: GroupReference, desired: Desired) -> bool:
    return bool(desired.group.name) and reference.name == desired.group.name


def _vpc_id(desired: Desired, current: Current) -> str:
    """The VPC whose names are meant, empty when there is none: that of the group's id, or the one current."""
    by_id = {group.group_id: group.vpc_id for group in current.groups}
    return by_id.get(desired.group.group_id, "") if desired.group.group_id else current.vpc_id


def _resolved(reference: GroupReference, desired: Desired, current: Current) -> SecurityGroup | None:
    vpc_id = _vpc_id(desired, current)
    for group in current.groups:
        if group.group_id == reference.group_id or (group.name == reference.name and group.vpc_id == vpc_id):
            return group
    return None


def defaults(cf: Properties, current: Current, version: str) -> dict[str, str]:
    """The values that the file lacks. version: of the distribution, empty when unknown."""
    values = {}
    if not cf.has_value("java-xmx"):
        instance_type = cf.get("aws-instance-type")
        memory = TOOL_MEMORY.get(instance_type)
        if memory is None and current.instance_type:
            memory = current.instance_type.memory_mib
        if memory is not None:
            values["java-xmx"] = default_heap(memory)
    if "java-opts" not in cf:
        values["java-opts"] = ""
    if not cf.has_value("datomic-version") and version:
        values["datomic-version"] = version
    return values


def plan(desired: Desired, current: Current) -> Plan:
    """Create the group when it is not there, and add the rules that it lacks; then, if exact, revoke the others."""
    actions: list[Action] = []
    group = _resolved(desired.group, desired, current)
    title = desired.group.text
    if group is None:
        params = CreateSecurityGroup(_vpc_id(desired, current), dict(desired.tags))
        after = {key: value for key, value in dataclasses.asdict(params).items() if value or key != "tags"}
        actions.append(Action("ec2", "security_group", title, "create", after=after, params=params))
    present = group.ingress if group else ()
    lacking = [rule for rule in _rules(desired, current) if not any(rule.is_same(other) for other in present)]
    before = [rule.as_state() for rule in present]
    added = [rule.as_state() for rule in lacking]
    if lacking:
        change: Change = "update" if present else "create"
        shown = {"rules": before} if before else {}
        authorize = AuthorizeIngress(group.group_id if group else "", tuple(lacking))
        after = {"rules": before + added}
        actions.append(Action("ec2", "security_group_ingress", title, change, shown, after, authorize))
    found = unnamed(desired, current) if desired.exact else None
    if found and found.revoked:
        kept = [rule.as_state() for rule in present if rule not in found.revoked]
        after, revoke = {"rules": kept + added}, RevokeIngress(found.group.group_id, found.revoked)
        actions.append(Action("ec2", "security_group_ingress", title, "delete", {"rules": before}, after, revoke))
    return Plan(tuple(actions))


def _rules(desired: Desired, current: Current) -> list[IngressRule]:
    rules: list[IngressRule] = []
    for rule in (*_rules_from_groups(desired, current), *(_rule(desired, cidr=cidr) for cidr in desired.ingress_cidrs)):
        if not any(rule.is_same(other) for other in rules):
            rules.append(rule)
    return rules


def _rules_from_groups(desired: Desired, current: Current) -> Iterator[IngressRule]:
    for reference in desired.ingress_groups:
        group = _resolved(reference, desired, current)
        if group:
            yield _rule(desired, group_id=group.group_id, group_name=group.name, account=group.account)
        else:
            account = reference.account if _is_foreign(reference, current) else ""
            yield _rule(desired, group_id=reference.group_id, group_name=reference.name, account=account)


def _rule(desired: Desired, **source: str) -> IngressRule:
    return IngressRule("tcp", desired.port, desired.port, **source)
