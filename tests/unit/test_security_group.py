# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ensure-cf without AWS: what the file asks for, its defaults, and the plan for the security group."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import Finding
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import Properties
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps import security_group
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.ingress import (
    Current,
    GroupReference,
    IngressRule,
    InstanceType,
    SecurityGroup,
)
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.security_group import Comparison, Desired
from ansible_collections.datomic_onprem.aws.plugins.module_utils.system import System
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import CF, parse

COMPLETE = {**CF, "aws-instance-type": "m3.large", "aws-autoscaling-group-size": "1", "java-xmx": "2g", "java-opts": ""}
del COMPLETE["aws-ingress-groups"]
MEMORY = json.loads((pathlib.Path(__file__).parents[1] / "golden" / "memory.json").read_text())["types"]
ACCOUNT = "123456789012"
OTHER = "999999999999"


def _file(**changes: str | None) -> Properties:
    """The complete file; keys with _ for -; None leaves a key out."""
    return parse(COMPLETE, "cf.properties", **changes)


def _desired(cf: Properties, **options: Any) -> tuple[Desired, list[Finding]]:
    return security_group.desired(System(cf=cf, **options))


def _wanted(**changes: str | None) -> Desired:
    wanted, findings = _desired(_file(**changes))
    assert findings == []
    return wanted


def _group(name: str, *ingress: IngressRule, vpc_id: str = "vpc-1", group_id: str = "") -> SecurityGroup:
    return SecurityGroup(group_id or f"sg-{name.encode().hex()}", name, ACCOUNT, vpc_id, ingress)


@pytest.mark.parametrize("name", MEMORY)
def test_default_heap_is_the_tools_for_its_types(name: str) -> None:
    file = _file(aws_instance_type=name, java_xmx="")
    assert security_group.defaults(file, Current(), "")["java-xmx"] == MEMORY[name]["default_xmx"]


def test_default_heap_of_other_types_is_70_percent_of_what_ec2_says() -> None:
    file = _file(aws_instance_type="m7i.large", java_xmx=None)
    observed = Current(instance_type=InstanceType("m7i.large", 8192, ("x86_64",)))
    assert security_group.defaults(file, observed, "")["java-xmx"] == "5734m"


@pytest.mark.parametrize(
    ("changes", "version", "filled_in"),
    [
        ({}, "1.0.7000", {}),
        ({"java_opts": None}, "", {"java-opts": ""}),
        ({"java_opts": "'-Xss1m'"}, "", {}),
        ({"datomic_version": ""}, "1.0.7000", {"datomic-version": "1.0.7000"}),
        ({"datomic_version": None}, "1.0.7000", {"datomic-version": "1.0.7000"}),
        ({"datomic_version": ""}, "", {}),
    ],
)
def test_defaults(changes: dict[str, str | None], version: str, filled_in: dict[str, str]) -> None:
    assert security_group.defaults(_file(**changes), Current(), version) == filled_in
    assert set(filled_in) <= set(security_group.DEFAULTED)


@pytest.mark.parametrize(
    ("text", "references"),
    [
        ("", ()),
        ("peers", (GroupReference("peers", name="peers"),)),
        ("a b, c ,", (GroupReference("a b", name="a b"), GroupReference("c", name="c"))),
        ("sg-0a1b, a,a", (GroupReference("sg-0a1b", group_id="sg-0a1b"), GroupReference("a", name="a"))),
        (f"{OTHER}:peers", (GroupReference(f"{OTHER}:peers", name="peers", account=OTHER),)),
        (f"{OTHER}:sg-0a1b", (GroupReference(f"{OTHER}:sg-0a1b", group_id="sg-0a1b", account=OTHER),)),
    ],
)
def test_ingress_groups(text: str, references: tuple[GroupReference, ...]) -> None:
    assert _wanted(aws_ingress_groups=text).ingress_groups == references


@pytest.mark.parametrize(
    "text", ["a:b:c", "acme:peers", "12345678901:peers", f"{OTHER}:", ":peers", "sg-xyz", "a\u00fc"]
)
def test_no_ingress_group(text: str) -> None:
    wanted, findings = _desired(_file(aws_ingress_groups=f"good, {text}"))
    assert [finding.message for finding in findings] == [f"{text} is not an AWS security group"]
    assert [reference.name for reference in wanted.ingress_groups] == ["good"]


@pytest.mark.parametrize(
    ("text", "cidrs"),
    [
        ("10.0.0.0/8, 192.168.0.0/16", ("10.0.0.0/8", "192.168.0.0/16")),
        ("10.1.2.3/8,10.1.2.3/8", ("10.1.2.3/8",)),
        ("2001:DB8:0::/32", ("2001:DB8:0::/32",)),
        ("10.0.0.1/32,::/0", ("10.0.0.1/32", "::/0")),
    ],
)
def test_cidrs_as_the_file_writes_them(text: str, cidrs: tuple[str, ...]) -> None:
    assert _wanted(aws_ingress_cidrs=text).ingress_cidrs == cidrs


@pytest.mark.parametrize(
    "text", ["ten", "10.0.0.1", "10.0.0.0/33", "10.0.0.0/08", "10.0.0/8", "10.0.0.0/255.0.0.0", "2001:db8::"]
)
def test_no_cidr(text: str) -> None:
    _wanted, findings = _desired(_file(aws_ingress_cidrs=f"{text},10.0.0.0/8"))
    assert [finding.message for finding in findings] == [f"Invalid value for aws-ingress-cidrs: {text}"]


def test_ranges_are_compared_as_ec2_keeps_them() -> None:
    """It clears the bits behind the prefix, and writes IPv6 its own way."""
    group = _group("datomic", IngressRule("tcp", 4334, 4334, cidr="10.0.0.0/8"))
    observed = Current((group,), "vpc-1")
    assert not Comparison(_wanted(aws_ingress_cidrs="10.1.2.3/8"), observed).plan().changed
    (action,) = (
        Comparison(_wanted(aws_ingress_cidrs="10.1.2.3/16, 10.1.9.9/16, 2001:DB8:0::/32"), observed).plan().actions
    )
    assert [rule["cidr"] for rule in action.after["rules"]] == ["10.0.0.0/8", "10.1.2.3/16", "2001:DB8:0::/32"]
    kept = _group("datomic", *(IngressRule("tcp", 4334, 4334, cidr=cidr) for cidr in ("10.1.0.0/16", "2001:db8::/32")))
    wanted = _wanted(aws_ingress_cidrs="10.1.2.3/16, 2001:DB8:0::/32")
    assert not Comparison(wanted, Current((kept,), "vpc-1")).plan().changed


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "10.1.2.3/0", "::/0", "2001:db8::/0"])
def test_the_whole_internet_is_known_in_every_spelling(cidr: str) -> None:
    file = _file(aws_ingress_cidrs=cidr)
    (finding,) = security_group.open_to_anyone(file, [cidr])
    assert finding.message.startswith(f"{cidr} lets")


@pytest.mark.parametrize("name", ["a,b", "sg-", "sg-xyz", "x" * 256, "tab\there"])
def test_no_name_for_a_security_group(name: str) -> None:
    _wanted, findings = _desired(_file(aws_security_group=name))
    assert [finding.key for finding in findings] == ["aws-security-group"]


def test_a_region_is_no_sentence() -> None:
    wanted, findings = _desired(_file(aws_region="us east"))
    assert findings == [], "rules.judge reports it"
    assert wanted.region == ""


def test_the_whole_internet_is_warned_of_in_both_families() -> None:
    findings = security_group.open_to_anyone(_file(), ("0.0.0.0/0", "10.0.0.0/8", "::/0"))
    assert [(finding.severity, finding.message.split()[0]) for finding in findings] == [
        ("warning", "0.0.0.0/0"),
        ("warning", "::/0"),
    ]


@pytest.mark.parametrize(
    ("instance_type", "heap", "asked"),
    [
        ("m3.large", "", ""),
        ("c1.medium", "", ""),
        ("m5.large", "", "m5.large"),
        ("m5.large", "2g", "m5.large"),
    ],
)
def test_ec2_is_asked_only_about_types_that_the_tool_does_not_know(instance_type: str, heap: str, asked: str) -> None:
    assert _wanted(aws_instance_type=instance_type, java_xmx=heap).unknown_type == asked


@pytest.mark.parametrize(
    ("changes", "observed", "missing"),
    [
        ({}, Current(vpc_id="vpc-1"), []),
        ({}, Current(), ["us-east-1 has no default VPC"]),
        ({"aws_ingress_groups": "datomic,peers"}, Current(vpc_id="vpc-1"), ["no security group peers in vpc-1"]),
        ({"aws_ingress_groups": "peers"}, Current((_group("peers", vpc_id="vpc-2"),), "vpc-1"), ["group peers"]),
        ({"aws_ingress_groups": "sg-0a"}, Current(vpc_id="vpc-1"), ["no security group sg-0a"]),
        ({"aws_ingress_groups": f"{OTHER}:sg-1"}, Current(vpc_id="vpc-1", account=ACCOUNT), []),
        ({"aws_ingress_groups": f"{OTHER}:peers"}, Current(vpc_id="vpc-1", account=ACCOUNT), ["by their ids only"]),
        ({"aws_ingress_groups": f"{ACCOUNT}:peers"}, Current(vpc_id="vpc-1", account=ACCOUNT), [f"{ACCOUNT}:peers"]),
        ({"aws_security_group": "sg-0a"}, Current(), ["no security group sg-0a in us-east-1"]),
        ({"aws_instance_type": "z9.huge"}, Current(vpc_id="vpc-1"), ["unknown instance type z9.huge"]),
    ],
)
def test_what_aws_does_not_have(changes: dict[str, str | None], observed: Current, missing: list[str]) -> None:
    found = [finding.message for finding in Comparison(_wanted(**changes), observed).missing(_file(**changes))]
    assert len(found) == len(missing)
    assert all(part in what for part, what in zip(missing, found, strict=True)), found


def test_a_group_in_another_vpc_than_the_option_says() -> None:
    wanted, _findings = _desired(_file(aws_security_group="sg-0a"), vpc_id="vpc-2")
    (finding,) = Comparison(wanted, Current((_group("x", group_id="sg-0a"),))).missing(_file())
    assert finding.message == "the security group sg-0a is in vpc-1, not in vpc-2"


def test_the_plan_makes_group_and_rules_in_this_order() -> None:
    file = _file(aws_ingress_groups="datomic", aws_ingress_cidrs="10.0.0.0/8")
    wanted, _findings = _desired(file, transactor=parse({"port": "5000"}), tags={"team": "orders"})
    create, ingress = Comparison(wanted, Current(vpc_id="vpc-1")).plan().actions
    assert create.after == {"description": "Provisioned by Datomic", "vpc_id": "vpc-1", "tags": {"team": "orders"}}
    port = {"protocol": "tcp", "from_port": 5000, "to_port": 5000}
    assert ingress.after == {"rules": [{**port, "group_name": "datomic"}, {**port, "cidr": "10.0.0.0/8"}]}


def test_a_wider_rule_does_not_stand_in_for_the_own_one() -> None:
    group = _group("datomic", IngressRule("tcp", 0, 65535, cidr="10.0.0.0/8"))
    plan = Comparison(_wanted(aws_ingress_cidrs="10.0.0.0/8"), Current((group,), "vpc-1")).plan()
    assert [(action.resource, action.change) for action in plan.actions] == [("security_group_ingress", "update")]


def test_a_group_of_another_account_counts_by_its_id() -> None:
    rule = IngressRule("tcp", 4334, 4334, group_id="sg-77", account=OTHER)
    observed = Current((_group("datomic", rule),), "vpc-1", ACCOUNT)
    assert not Comparison(_wanted(aws_ingress_groups=f"{OTHER}:sg-77"), observed).plan().changed
    (action,) = Comparison(_wanted(aws_ingress_groups=f"{OTHER}:sg-78"), observed).plan().actions
    assert action.after["rules"][1]["account"] == OTHER


names = st.sampled_from(["peers", "other", "datomic", f"{ACCOUNT}:peers", f"{OTHER}:sg-9"])
cidrs = st.sampled_from(["10.0.0.0/8", "10.9.9.9/8", "::/0", "192.168.0.0/16", "0.0.0.0/0"])


@given(st.lists(names), st.lists(cidrs), st.lists(names), st.lists(cidrs))
def test_the_second_plan_is_empty_and_no_rule_is_ever_lost(
    groups: list[str], ranges: list[str], earlier_groups: list[str], earlier_ranges: list[str]
) -> None:
    others = (_group("peers"), _group("other"))
    observed = Current((*others, _group("datomic")), "vpc-1", ACCOUNT)
    for names_now, ranges_now in ((earlier_groups, earlier_ranges), (groups, ranges)):
        wanted = _wanted(aws_ingress_groups=",".join(names_now), aws_ingress_cidrs=" , ".join(ranges_now))
        before = observed.groups[2].ingress
        for action in Comparison(wanted, observed).plan().actions:
            rules = (*before, *action.params.rules)
            assert rules[: len(before)] == before
            assert not any(a.is_same(b) for i, a in enumerate(rules) for b in rules[:i])
            observed = Current((*others, _group("datomic", *rules)), "vpc-1", ACCOUNT)
        assert not Comparison(wanted, observed).plan().changed
