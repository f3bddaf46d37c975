# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ensure_cf and the rules of the security group that the files do not name: reported, or revoked."""

from __future__ import annotations

import json
import pathlib
import re
import shlex
from typing import Any

import pytest

from tests import builders
from tests.emulator import Emulator
from tests.integration.ensuring import text, warned, writes
from tests.modules import CREDENTIALS, run_module

CF = builders.text(
    builders.CF,
    aws_instance_type="m3.large",
    aws_autoscaling_group_size="1",
    java_xmx="5250m",
    java_opts="",
    aws_ingress_cidrs="10.0.0.0/8",
)
SSH = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}


@pytest.fixture
def src(tmp_path: pathlib.Path, aws: Emulator) -> pathlib.Path:
    """The file of a system whose security group exists, with what the file names and nothing else."""
    path = tmp_path / "cf.properties"
    path.write_text(CF)
    path.with_name("transactor.properties").write_text("port=4334\n")
    assert not run(aws, path)["failed"]
    return path


def run(aws: Emulator, src: pathlib.Path, *, check: bool = False, **options: Any) -> dict[str, Any]:
    transactor = str(src.with_name("transactor.properties"))
    params = {"src": str(src), "transactor_src": transactor, "endpoint_url": aws.url, **CREDENTIALS, **options}
    return run_module("ensure_cf", params, check=check)


def group(aws: Emulator, name: str = "datomic") -> dict[str, Any]:
    filters = [{"Name": "group-name", "Values": [name]}]
    (found,) = aws.backstage("ec2").describe_security_groups(Filters=filters)["SecurityGroups"]
    return dict(found)


def admitted(aws: Emulator) -> list[tuple[str, int, str]]:
    """(protocol, port, source) of each rule."""
    return sorted(
        (rule["IpProtocol"], rule.get("FromPort", -1), next(value for key, value in one.items() if key in SOURCES))
        for rule in group(aws)["IpPermissions"]
        for kind in ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")
        for one in rule[kind]
    )


SOURCES = ("CidrIp", "CidrIpv6", "PrefixListId", "GroupId")


def named(aws: Emulator) -> list[tuple[str, int, str]]:
    return sorted([("tcp", 4334, "10.0.0.0/8"), ("tcp", 4334, group(aws)["GroupId"])])


def add(aws: Emulator, *permissions: dict[str, Any]) -> None:
    client = aws.backstage("ec2")
    client.authorize_security_group_ingress(GroupId=group(aws)["GroupId"], IpPermissions=list(permissions))


def by_hand(aws: Emulator) -> dict[str, dict[str, Any]]:
    """Rules that somebody may have added, by what the warning calls them."""
    client = aws.backstage("ec2")
    entries = [{"Cidr": "203.0.113.0/24", "Description": "an office"}]
    made = client.create_managed_prefix_list(
        PrefixListName="offices", MaxEntries=1, AddressFamily="IPv4", Entries=entries
    )
    prefix_list = made["PrefixList"]["PrefixListId"]
    other = client.create_security_group(GroupName="bastion", Description="mine")["GroupId"]
    port = {"IpProtocol": "tcp", "FromPort": 4334, "ToPort": 4334}
    return {
        "tcp 22 from 0.0.0.0/0 (Bob)": SSH | {"IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "Bob"}]},
        "tcp 4334 from ::/0": port | {"Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
        "tcp 4334 from 192.168.0.0/16": port | {"IpRanges": [{"CidrIp": "192.168.0.0/16"}]},
        f"tcp 4334 from {prefix_list}": port | {"PrefixListIds": [{"PrefixListId": prefix_list}]},
        "tcp 0-65535 from 10.0.0.0/8": {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535}
        | {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
        "udp 53 from 10.0.0.0/8": {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53}
        | {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
        "icmp from 10.0.0.0/8": {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1}
        | {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
        f"everything from the security group 123456789012:{other}": {"IpProtocol": "-1"}
        | {"UserIdGroupPairs": [{"GroupId": other}]},
    }


def test_each_kind_of_rule_that_the_file_does_not_name_is_a_warning_with_its_command(
    aws: Emulator, src: pathlib.Path
) -> None:
    rules = by_hand(aws)
    add(aws, *rules.values())
    calls = len(aws.calls())
    for check in (True, False):
        result = run(aws, src, check=check)
        assert (result["failed"], result["changed"]) == (False, False), result
        for rule in rules:
            assert rule in warned(result)
    assert {call.operation for call in aws.calls()[calls:]} == {"DescribeSecurityGroups", "DescribeVpcs"}
    assert len(aws.calls()[calls:]) == 4, "no call more than without them"
    for command in re.findall(r"aws ec2 revoke-security-group-ingress [^']*'[^']*'", text(result["warnings"])):
        words = shlex.split(command)
        options: dict[str, Any] = dict(zip(words[3::2], words[4::2], strict=True))
        client = aws.backstage("ec2", options["--region"])
        permissions = json.loads(options["--ip-permissions"])
        client.revoke_security_group_ingress(GroupId=options["--group-id"], IpPermissions=permissions)
    assert admitted(aws) == named(aws)
    assert warned(run(aws, src)) == "[]"


def test_they_are_accepted_by_their_names_the_open_ones_by_one_of_their_own(aws: Emulator, src: pathlib.Path) -> None:
    add(aws, SSH | {"IpRanges": [{"CidrIp": "10.1.0.0/16"}, {"CidrIp": "0.0.0.0/0"}]})
    reason = {"reason": "The group is shared."}
    told = warned(run(aws, src, accept=[{"rule": "ingress-not-in-files", **reason}]))
    assert "0.0.0.0/0" in told
    assert "10.1.0.0/16" not in told
    both = [{"rule": rule, **reason} for rule in ("ingress-not-in-files", "ingress-open")]
    assert warned(run(aws, src, accept=both)) == "[]"


def test_exact_revokes_them_after_adding_what_is_missing(aws: Emulator, src: pathlib.Path) -> None:
    add(aws, *by_hand(aws).values())
    src.write_text(CF.replace("10.0.0.0/8", "10.0.0.0/8,172.16.0.0/12"))
    planned = run(aws, src, ingress="exact", check=True)
    since = len(aws.calls())
    done = run(aws, src, ingress="exact")
    assert not done["failed"], done
    for key in ("changed", "diff", "actions"):
        assert planned[key] == done[key]
    assert [action["change"] for action in done["actions"]] == ["update", "delete"]
    shown = [json.loads(done["diff"][-1][side])["ec2 security_group_ingress datomic"] for side in ("before", "after")]
    assert [len(side["rules"]) for side in shown] == [10, 3]
    made = [call.operation for call in aws.calls()[since:] if call.kind == "write"]
    assert made == ["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"]
    assert admitted(aws) == sorted([*named(aws), ("tcp", 4334, "172.16.0.0/12")])
    assert "tcp 4334 from 192.168.0.0/16" in warned(planned)
    assert warned(planned) == warned(done)
    assert "peers that connect through them lose the transactor" in warned(done)
    assert "udp 53" not in warned(done), "it is no port of the transactor's"
    again = run(aws, src, ingress="exact")
    assert (again["changed"], warned(again)) == (False, "[]")


def test_exact_needs_the_port_of_the_transactor(aws: Emulator, src: pathlib.Path) -> None:
    add(aws, {"IpProtocol": "tcp", "FromPort": 5000, "ToPort": 5000, "IpRanges": [{"CidrIp": "172.16.0.0/12"}]})
    before = admitted(aws)
    result = run(aws, src, ingress="exact", transactor_src=None)
    assert result["failed"]
    assert "transactor_src" in result["msg"]
    assert admitted(aws) == before, "the transactor may listen on port 5000"


def test_another_port_keeps_the_old_rules_until_the_transactors_are_replaced(
    aws: Emulator, src: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    add(aws, SSH | {"IpRanges": [{"CidrIp": "192.0.2.0/24"}]})
    transactor = tmp_path / "transactor.properties"
    transactor.write_text("port=5555\n")
    options: dict[str, Any] = {"ingress": "exact", "transactor_src": str(transactor)}
    first = run(aws, src, **options)
    assert {port for _protocol, port, _source in admitted(aws)} == {4334, 5555}
    assert "until they are replaced; the next run revokes the rules" in warned(first)
    second = run(aws, src, **options)
    assert [action["change"] for action in second["actions"]] == ["delete"]
    assert {port for _protocol, port, _source in admitted(aws)} == {5555}


def test_exact_leaves_a_group_that_is_not_datomic_s(aws: Emulator, src: pathlib.Path) -> None:
    aws.backstage("ec2").create_security_group(GroupName="company", Description="for everybody")
    client = aws.backstage("ec2")
    client.authorize_security_group_ingress(
        GroupId=group(aws, "company")["GroupId"], IpPermissions=[SSH | {"IpRanges": [{"CidrIp": "192.0.2.0/24"}]}]
    )
    src.write_text(CF.replace("group=datomic", "group=company"))
    since = len(writes(aws))
    for check in (True, False):
        message = run(aws, src, ingress="exact", check=check)["msg"]
        assert "described as 'for everybody': tcp 22 from 192.0.2.0/24" in message
        assert "by hand: aws ec2 revoke-security-group-ingress" in message
    assert len(writes(aws)) == since
    reason = {"rule": "ingress-shared", "reason": "Made by our own tool for this system alone."}
    done = run(aws, src, ingress="exact", accept=[reason])
    assert [action["change"] for action in done["actions"]] == ["update", "delete"]


def test_exact_leaves_a_group_that_others_use(aws: Emulator, src: pathlib.Path) -> None:
    client = aws.backstage("ec2")
    image = client.describe_images()["Images"][0]["ImageId"]
    for stack in ("orders", "billing"):
        tags = [{"Key": "aws:cloudformation:stack-name", "Value": stack}]
        client.run_instances(
            ImageId=image,
            MinCount=1,
            MaxCount=1,
            SecurityGroupIds=[group(aws)["GroupId"]],
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )
    options: dict[str, Any] = {"ingress": "exact", "stack_name": "orders"}
    assert not run(aws, src, **options)["failed"], "there is nothing to revoke"
    add(aws, SSH | {"IpRanges": [{"CidrIp": "192.0.2.0/24"}]})
    message = run(aws, src, **options)["msg"]
    assert "used by the stack billing too: tcp 22 from 192.0.2.0/24" in message
    assert ("tcp", 22, "192.0.2.0/24") in admitted(aws)


@pytest.mark.parametrize("vpc", ["default", "another"])
def test_an_answer_that_got_lost_is_no_error(aws: Emulator, src: pathlib.Path, vpc: str) -> None:
    options: dict[str, Any] = {"ingress": "exact"}
    if vpc == "another":
        options["vpc_id"] = aws.backstage("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        aws.backstage("ec2").delete_security_group(GroupId=group(aws)["GroupId"])
        assert not run(aws, src, **options)["failed"]
    add(aws, SSH | {"IpRanges": [{"CidrIp": "192.0.2.0/24"}]})
    aws.fault(match="ec2:RevokeSecurityGroupIngress", mode="drop_after")
    result = run(aws, src, **options)
    assert not result["failed"], result
    assert admitted(aws) == named(aws)


def test_a_refusal_names_the_call_and_the_permission(aws: Emulator, src: pathlib.Path) -> None:
    add(aws, SSH | {"IpRanges": [{"CidrIp": "192.0.2.0/24"}]})
    aws.fault(match="ec2:RevokeSecurityGroupIngress", code="UnauthorizedOperation")
    message = run(aws, src, ingress="exact")["msg"]
    assert "Could not revoke ingress rules of the security group sg-" in message
    assert "Allow ec2:RevokeSecurityGroupIngress" in message
