# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of the security group, and the defaults of the CloudFormation file. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..actions import Action, Actions, shown
from ..errors import Finding, FindingId, Severity
from ..instance_memory import TOOL_MEMORY, default_heap
from ..plan import ChangeAction
from ..properties.file import Properties
from ..properties.keys import REGION_NAME
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
    region = cf.get("aws-region") if REGION_NAME.fullmatch(cf.get("aws-region")) else ""
    group = _own_group(cf, findings)
    groups = tuple(dict.fromkeys(_ingress_groups(cf, findings)))
    cidrs = tuple(dict.fromkeys(_ingress_cidrs(cf, findings)))
    instance_type = cf.get("aws-instance-type")
    unknown_type = "" if instance_type in TOOL_MEMORY else instance_type
    wanted = Desired(region, group, groups, cidrs, system.port, system.vpc_id, system.tags, unknown_type, exact)
    return wanted, findings


def _own_group(cf: Properties, findings: list[Finding]) -> GroupReference:
    key = "aws-security-group"
    text = cf.get(key)
    if GROUP_ID.fullmatch(text):
        return GroupReference(text, group_id=text)
    if text and not GROUP_NAME.fullmatch(text):
        what = f"Invalid value for {key}: {text}"
        instead = "one name of at most 255 characters, or sg-…"
        why = "EC2 takes no other characters in a name, nor sg- at its beginning; the template splits it at a comma"
        findings.append(cf.finding(key, what, instead, rule="invalid-value", reason=why, source=GROUP_DOCS))
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
            findings.append(cf.finding(key, what, instead, rule="invalid-value", reason=why, source=INGRESS_DOCS))


def _ingress_cidrs(cf: Properties, findings: list[Finding]) -> Iterator[str]:
    key = "aws-ingress-cidrs"
    for text in _items(cf.get(key)):
        try:
            if not PREFIX.search(text):
                raise ValueError
            ipaddress.ip_network(text, strict=False)
            yield text
        except ValueError:
            what = f"Invalid value for {key}: {text}"
            instead = "such as 10.0.0.0/8, 10.1.2.3/32 or 2001:db8::/32"
            why = "EC2 takes a range only as an address, a slash and the length of its prefix"
            findings.append(cf.finding(key, what, instead, rule="invalid-value", reason=why, source=INGRESS_DOCS))


def _items(value: str) -> Iterator[str]:
    return (item.strip() for item in value.split(",") if item.strip())


def unknown_instance_type(cf: Properties) -> Finding:
    """EC2 does not know the file's instance type."""
    key = "aws-instance-type"
    what, instead = f"unknown instance type {cf.get(key)}", f"one that EC2 offers in {cf.get('aws-region')}"
    why = "EC2 starts no instance of it, and does not say how much memory it has"
    return cf.finding(key, what, instead, rule="unknown-instance-type", reason=why, source=TYPES_DOCS)


def open_to_anyone(cf: Properties, cidrs: Iterable[str]) -> list[Finding]:
    """A warning for each range that is the whole Internet, or a good part of it."""
    key = "aws-ingress-cidrs"
    instead = "name the peers' security groups in aws-ingress-groups, or their own ranges"
    why = "whoever reaches the port can try to connect to the transactor"
    findings = []
    for cidr in cidrs:
        network = ipaddress.ip_network(cidr, strict=False)
        if is_wide(cidr):
            # The number of IPv6 addresses would be too long to read.
            whom = f"{network.num_addresses} addresses" if network.version == 4 else f"a /{network.prefixlen} of IPv6"
            what = f"{cidr} lets {whom if network.prefixlen else 'the whole Internet'} connect to the transactor"
            findings.append(
                cf.finding(key, what, instead, rule="open-to-anyone", severity="warning", reason=why, source=RULES_DOCS)
            )
    return findings


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


class Comparison:
    """The desired security group compared with the current groups."""

    def __init__(self, desired: Desired, current: Current) -> None:
        self.desired = desired
        self.current = current
        own = desired.group
        by_id = {group.group_id: group.vpc_id for group in current.groups}
        self.vpc_id = by_id.get(own.group_id, "") if own.group_id else current.vpc_id
        """The VPC in which names are looked up; empty when there is none."""
        self.group = self._find(own)
        self.rules = self._rules()
        present = self.group.ingress if self.group else ()
        self.lacking = _without(self.rules, present)
        self.unnamed = _without(present, self.rules)
        """The rules of the group that the file does not name."""
        # Until they are replaced, the running transactors listen on the old port.
        moving = {rule.source for rule in self.lacking}
        self.kept = tuple(rule for rule in self.unnamed if rule.source in moving)
        """Those of the unnamed rules whose source gets another port in this run, which exact leaves to the next run."""
        self.revoked = tuple(rule for rule in self.unnamed if rule not in self.kept) if desired.exact else ()

    def _find(self, reference: GroupReference) -> SecurityGroup | None:
        for group in self.current.groups:
            by_name = group.name == reference.name and group.vpc_id == self.vpc_id
            if by_name or group.group_id == reference.group_id:
                return group
        return None

    def _rules(self) -> tuple[IngressRule, ...]:
        port = self.desired.port
        rules = [self._rule_from(reference) for reference in self.desired.ingress_groups]
        rules += [IngressRule("tcp", port, port, cidr=cidr) for cidr in self.desired.ingress_cidrs]
        return tuple(rule for number, rule in enumerate(rules) if not any(map(rule.is_same, rules[:number])))

    def _rule_from(self, reference: GroupReference) -> IngressRule:
        port, group = self.desired.port, self._find(reference)
        if group:
            name, account = group.name, group.account
            return IngressRule("tcp", port, port, group_id=group.group_id, group_name=name, account=account)
        account = reference.account if self._is_foreign(reference) else ""
        return IngressRule("tcp", port, port, group_id=reference.group_id, group_name=reference.name, account=account)

    def _is_foreign(self, reference: GroupReference) -> bool:
        """Whether the group is of another account and cannot be looked up."""
        return reference.account not in ("", self.current.account)

    def plan(self) -> Actions:
        """Create a missing group, add the rules that it lacks, then revoke others if exact."""
        desired, group = self.desired, self.group
        kind, title = "security_group_ingress", desired.group.text
        actions: list[Action] = []
        if group is None:
            create = CreateSecurityGroup(self.vpc_id, dict(desired.tags))
            actions.append(Action("ec2", "security_group", title, "create", after=shown(create), params=create))
        present = group.ingress if group else ()
        before, added = [rule.as_state() for rule in present], [rule.as_state() for rule in self.lacking]
        if added:
            change: ChangeAction = "update" if present else "create"
            authorize = AuthorizeIngress(group.group_id if group else "", self.lacking)
            states = {"rules": before} if before else {}
            actions.append(Action("ec2", kind, title, change, states, {"rules": before + added}, authorize))
        if group and self.revoked:
            kept = [rule.as_state() for rule in present if rule not in self.revoked]
            revoke = RevokeIngress(group.group_id, self.revoked)
            actions.append(Action("ec2", kind, title, "delete", {"rules": before}, {"rules": kept + added}, revoke))
        return Actions(tuple(actions))

    def missing(self, cf: Properties) -> Iterator[Finding]:
        """What the file refers to and AWS does not have."""
        desired = self.desired
        if desired.unknown_type and self.current.instance_type is None:
            yield unknown_instance_type(cf)
        yield from self._vpc_findings(cf)
        for reference in desired.ingress_groups:
            if reference.name and self._is_foreign(reference):
                what = f"{reference.text} is of another account, whose groups EC2 takes by their ids only"
                instead, why = f"{reference.account}:sg-…", "names are looked up in one's own account"
            elif self._is_missing(reference):
                place = f"{self.vpc_id} in {desired.region}" if self.vpc_id else desired.region
                what, instead = (
                    f"there is no security group {reference.text} in {place}",
                    "create it first, or correct it",
                )
                why = "a rule can only admit the members of a group that exists"
            else:
                continue
            key: FindingId = "ingress-group-missing"
            yield cf.finding("aws-ingress-groups", what, instead, rule=key, reason=why, source=RULES_DOCS)

    def _is_missing(self, reference: GroupReference) -> bool:
        """Without a VPC no name is looked up. The plan creates the system's own group."""
        is_own = bool(self.desired.group.name) and reference.name == self.desired.group.name
        if self._is_foreign(reference) or is_own or (reference.name and not self.vpc_id):
            return False
        return self._find(reference) is None

    def _vpc_findings(self, cf: Properties) -> Iterator[Finding]:
        """What is wrong with the id of the group, or with the VPC of the names."""
        key, desired, group = "aws-security-group", self.desired, self.group
        if desired.group.group_id:
            if group is None:
                what = f"there is no security group {desired.group.group_id} in {desired.region}"
                instead, why = "correct it, or give a name", "a group is only made under a name: EC2 gives the ids"
                yield cf.finding(key, what, instead, rule="security-group-missing", reason=why, source=GROUP_DOCS)
            elif desired.vpc_id and desired.vpc_id != group.vpc_id:
                what = f"the security group {group.group_id} is in {group.vpc_id}, not in {desired.vpc_id}"
                instead = "leave out the option vpc_id, or correct one of them"
                why = "a group works in its own VPC only"
                yield cf.finding(key, what, instead, rule="security-group-vpc", reason=why, source=GROUP_DOCS)
        elif not self.vpc_id and any(reference.name for reference in desired.references):
            what = f"{desired.region} has no default VPC, in which names of security groups would be looked up"
            instead = "give the option vpc_id"
            if desired.vpc_id:
                what, instead = f"there is no VPC {desired.vpc_id} in {desired.region}", "correct the option vpc_id"
            why = "a security group is made, and looked up by its name, in one VPC"
            yield cf.finding(key, what, instead, rule="vpc-missing", reason=why, source=VPC_DOCS)

    def unnamed_findings(self, cf: Properties) -> Iterator[Finding]:
        """Warnings about the rules that the file does not name, and what exact does with them, or must not."""
        if self.group is None or not self.unnamed:
            return
        desired, group = self.desired, self.group
        title = f"the security group {desired.group.text} ({group.group_id})"

        def judged(rule: FindingId, what: str, instead: str, severity: Severity = "warning") -> Finding:
            key, why = (
                "aws-security-group",
                "whoever such a rule admits can try to connect to the transactor, or to its host",
            )
            return cf.finding(key, what, instead, rule=rule, severity=severity, reason=why, source=RULES_DOCS)

        def by_hand(rules: Iterable[IngressRule]) -> str:
            return f"by hand: {revocation(desired.region, group.group_id, rules)}"

        if not desired.exact:
            kinds: tuple[tuple[FindingId, bool, str], ...] = (
                ("ingress-open", True, "lets a good part of the Internet in"),
                ("ingress-not-in-files", False, "has rules that the file does not name"),
            )
            for rule, wide, words in kinds:
                rules = [one for one in self.unnamed if is_wide(one.cidr) == wide]
                if rules:
                    instead = f"ingress: exact (datomic_ingress) revokes what the file does not name; {by_hand(rules)}"
                    yield judged(rule, f"{title} {words}: {_listed(rules)}", instead)
        if desired.exact and self.kept:
            what = f"{title} keeps rules that the file does not name: {_listed(self.kept)}"
            instead = (
                "running transactors may listen on that port until they are replaced; the next run revokes the rules"
            )
            yield judged("ingress-not-in-files", what, instead)
        foreign, others = group.description != GROUP_DESCRIPTION, self.current.others
        if self.revoked and (foreign or others):
            whose = f"described as {group.description!a}" if foreign else f"used by {', '.join(others)} too"
            what = f"ingress: exact would revoke rules of {title}, which is {whose}: {_listed(self.revoked)}"
            instead = (
                "name a group of this system's own, or leave ingress (datomic_ingress) at report; accept the rule "
                f"ingress-shared where nobody else needs them; {by_hand(self.unnamed)}"
            )
            yield judged("ingress-shared", what, instead, "error")
        cut = [rule for rule in self.revoked if rule.admits_to(desired.port)]
        if cut:
            what = f"ingress: exact revokes rules of {title} on the transactor's port: {_listed(cut)}"
            instead = (
                "peers that connect through them lose the transactor: name them in the file first if there are any"
            )
            yield judged("ingress-revoked", what, instead)


def _without(rules: Iterable[IngressRule], others: Sequence[IngressRule]) -> tuple[IngressRule, ...]:
    return tuple(rule for rule in rules if not any(map(rule.is_same, others)))


def _listed(rules: Iterable[IngressRule]) -> str:
    return "; ".join(map(str, rules))
