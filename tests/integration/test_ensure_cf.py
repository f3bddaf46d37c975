# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ensure_cf against the emulated AWS: create, no change, update, check, diff, errors, lost answers."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

import pytest

from tests.emulator import Emulator
from tests.modules import CREDENTIALS, run_module

CF = """# a comment
aws-instance-type=m3.large
aws-region=us-east-1
aws-instance-monitoring=true
aws-autoscaling-group-size=1
java-xmx=
aws-security-group=datomic
aws-ingress-groups=datomic, peers
aws-ingress-cidrs=10.0.0.0/8
datomic-version=
datomic-deploy-s3-bucket=deploy
"""
FILLED_IN = {"java-xmx": "5250m", "datomic-version": "1.0.7277"}


@pytest.fixture
def src(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "cf.properties"
    path.write_text(CF)
    return path


@pytest.fixture
def peers(aws: Emulator) -> str:
    """The id of the peers' group in the default VPC."""
    return _make(aws, "peers")


def _make(aws: Emulator, name: str, **more: str) -> str:
    group_id: str = aws.client("ec2").create_security_group(GroupName=name, Description="mine", **more)["GroupId"]
    return group_id


def _run(aws: Emulator, src: pathlib.Path, *, check: bool = False, **options: Any) -> dict[str, Any]:
    params = {"src": str(src), "datomic_version": "1.0.7277", "endpoint_url": aws.url, **CREDENTIALS, **options}
    return run_module("ensure_cf", params, check=check)


def _calls(aws: Emulator, since: int = 0) -> list[str]:
    return [call.operation for call in aws.calls()[since:]]


def _writes(aws: Emulator, since: int = 0) -> list[str]:
    return [call.operation for call in aws.calls()[since:] if call.kind != "read"]


def _group(aws: Emulator, name: str = "datomic") -> dict[str, Any]:
    (group,) = aws.client("ec2").describe_security_groups(Filters=[{"Name": "group-name", "Values": [name]}])[
        "SecurityGroups"
    ]
    return dict(group)


def _sources(aws: Emulator, name: str = "datomic") -> set[tuple[int, str]]:
    """(port, CIDR or group id) of each ingress rule."""
    found = set()
    for permission in _group(aws, name)["IpPermissions"]:
        port = permission["FromPort"]
        found |= {(port, item["CidrIp"]) for item in permission["IpRanges"]}
        found |= {(port, item["CidrIpv6"]) for item in permission["Ipv6Ranges"]}
        found |= {(port, item["GroupId"]) for item in permission["UserIdGroupPairs"]}
    return found


def test_a_fresh_account_gets_the_group_and_the_file_its_values(aws: Emulator, src: pathlib.Path, peers: str) -> None:
    since = len(aws.calls())
    result = _run(aws, src, tags={"team": "orders"})
    assert (result["failed"], result["changed"], result["generated"]) == (False, True, FILLED_IN)
    assert [(action["resource"], action["change"]) for action in result["actions"]] == [
        ("security_group", "create"),
        ("security_group_ingress", "create"),
    ]
    assert _writes(aws, since) == ["CreateSecurityGroup", "AuthorizeSecurityGroupIngress"]
    group = _group(aws)
    assert (group["Description"], group["Tags"]) == ("Provisioned by Datomic", [{"Key": "team", "Value": "orders"}])
    assert _sources(aws) == {(4334, "10.0.0.0/8"), (4334, peers), (4334, group["GroupId"])}
    completed = CF.replace("java-xmx=", "java-xmx=5250m").replace("version=", "version=1.0.7277") + "java-opts=\n"
    assert src.read_text() == completed


def test_the_second_run_reads_twice_and_changes_nothing(aws: Emulator, src: pathlib.Path, peers: str) -> None:
    _run(aws, src)
    since, text = len(aws.calls()), src.read_text()
    result = _run(aws, src)
    assert (result["changed"], result["diff"], result["actions"], result["generated"]) == (False, [], [], {})
    assert sorted(_calls(aws, since)) == ["DescribeSecurityGroups", "DescribeVpcs"]
    assert src.read_text() == text


def test_check_mode_tells_the_same_and_makes_no_writing_call(aws: Emulator, src: pathlib.Path, peers: str) -> None:
    since = len(aws.calls())
    planned = _run(aws, src, check=True)
    assert _writes(aws, since) == []
    assert src.read_text() == CF
    done = _run(aws, src)
    for key in ("changed", "diff", "actions", "generated", "properties"):
        assert planned[key] == done[key]


def test_the_diff_shows_file_and_resources(aws: Emulator, src: pathlib.Path, peers: str) -> None:
    file, resources = _run(aws, src, check=True)["diff"]
    assert "java-xmx=5250m" in file["after"]
    assert "java-xmx=5250m" not in file["before"]
    assert resources["before"] == ""
    assert set(json.loads(resources["after"])) == {"ec2 security_group datomic", "ec2 security_group_ingress datomic"}


def test_only_missing_rules_are_added_and_none_goes(aws: Emulator, src: pathlib.Path, peers: str) -> None:
    _run(aws, src)
    src.write_text(src.read_text().replace("=10.0.0.0/8", "=192.168.0.0/16, 2001:db8::/32"))
    before, since = _sources(aws), len(aws.calls())
    result = _run(aws, src)
    assert [action["change"] for action in result["actions"]] == ["update"]
    assert _sources(aws) == before | {(4334, "192.168.0.0/16"), (4334, "2001:db8::/32")}
    (call,) = [call for call in aws.calls()[since:] if call.kind == "write"]
    assert "10.0.0.0" not in json.dumps(call.params)
    assert not _run(aws, src)["changed"]


def test_peers_are_let_in_to_the_transactors_port(
    aws: Emulator, src: pathlib.Path, tmp_path: pathlib.Path, peers: str
) -> None:
    transactor = tmp_path / "tx.properties"
    transactor.write_text("port=5555\n")
    _run(aws, src, transactor_src=str(transactor))
    assert {port for port, _source in _sources(aws)} == {5555}
    transactor.write_text("port=99999\n")
    failed = _run(aws, src, transactor_src=str(transactor))
    assert f"{transactor}:1: port: Invalid value for port: 99999" in failed["msg"]


def test_names_are_those_of_the_vpc_that_is_given(aws: Emulator, src: pathlib.Path, peers: str) -> None:
    vpc_id = aws.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    assert f"there is no security group peers in {vpc_id}" in _run(aws, src, vpc_id=vpc_id)["msg"]
    inside = _make(aws, "peers", VpcId=vpc_id)
    assert not _run(aws, src, vpc_id=vpc_id)["failed"]
    assert _group(aws)["VpcId"] == vpc_id
    assert _sources(aws) == {(4334, "10.0.0.0/8"), (4334, inside), (4334, _group(aws)["GroupId"])}
    since = len(aws.calls())
    assert not _run(aws, src, vpc_id=vpc_id)["changed"]
    assert _calls(aws, since) == ["DescribeSecurityGroups"]
    assert "there is no VPC vpc-0bad in us-east-1" in _run(aws, src, vpc_id="vpc-0bad")["msg"]


def test_a_group_by_its_id_brings_its_vpc_along(aws: Emulator, src: pathlib.Path, peers: str) -> None:
    vpc_id = aws.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    own, inside = _make(aws, "mine", VpcId=vpc_id), _make(aws, "peers", VpcId=vpc_id)
    src.write_text(CF.replace("group=datomic", f"group={own}").replace("groups=datomic, peers", f"groups=peers,{own}"))
    result = _run(aws, src)
    assert [action["name"] for action in result["actions"]] == [own]
    assert _sources(aws, "mine") == {(4334, "10.0.0.0/8"), (4334, inside), (4334, own)}
    assert not _run(aws, src)["changed"]


def test_a_file_of_another_region_is_provisioned_there(aws: Emulator, src: pathlib.Path) -> None:
    src.write_text(CF.replace("us-east-1", "eu-west-1").replace("datomic, peers", "datomic"))
    assert not _run(aws, src)["failed"]
    assert {call.region for call in aws.calls()} == {"eu-west-1"}


def test_every_error_is_in_one_message_and_nothing_changed(aws: Emulator, src: pathlib.Path) -> None:
    src.write_text(
        CF.replace("monitoring=true", "monitoring=maybe")
        .replace("size=1", "size=2 instances")
        .replace("=10.0.0.0/8", "=10.0.0.0/8,ten")
        .replace("aws-instance-type=m3.large", "aws-instance-type=z9.huge")
        .replace("bucket=deploy", "bucket=")
    )
    text, since = src.read_text(), len(aws.calls())
    result = _run(aws, src)
    for part in (
        f"{src}:4: aws-instance-monitoring: Invalid value for aws-instance-monitoring: maybe",
        f"{src}:5: aws-autoscaling-group-size: Invalid value for aws-autoscaling-group-size: 2 instances",
        f"{src}:9: aws-ingress-cidrs: Invalid value for aws-ingress-cidrs: ten",
        f"{src}:2: aws-instance-type: unknown instance type z9.huge",
        f"{src}:11: datomic-deploy-s3-bucket: Missing property: datomic-deploy-s3-bucket",
        f"{src}:8: aws-ingress-groups: there is no security group peers in vpc-",
    ):
        assert part in result["msg"]
    assert result["msg"].startswith("6 errors:\n")
    assert len(result["findings"]) == 6
    assert _writes(aws, since) == []
    assert src.read_text() == text


def test_errors_of_the_file_are_told_without_aws_too(src: pathlib.Path) -> None:
    src.write_text(CF.replace("size=1", "size=0"))
    result = run_module(
        "ensure_cf",
        {"src": str(src), "datomic_version": "1", "endpoint_url": "http://127.0.0.1:9", **CREDENTIALS}
        | {"aws_config": {"retries": {"total_max_attempts": 1}}},
    )
    assert "Invalid value for aws-autoscaling-group-size: 0" in result["msg"]


def test_a_refusal_names_call_resource_and_permission(aws: Emulator, src: pathlib.Path, peers: str) -> None:
    aws.fault(match="ec2:AuthorizeSecurityGroupIngress", code="UnauthorizedOperation")
    result = _run(aws, src)
    assert result["failed"]
    assert "add ingress rules to the security group" in result["msg"]
    assert "Allow ec2:AuthorizeSecurityGroupIngress" in result["msg"]
    assert "exception" not in result
    assert [action["resource"] for action in _run(aws, src)["actions"]] == ["security_group_ingress"]


@pytest.mark.parametrize("operation", ["CreateSecurityGroup", "AuthorizeSecurityGroupIngress"])
def test_an_answer_that_got_lost_is_no_error(aws: Emulator, src: pathlib.Path, peers: str, operation: str) -> None:
    aws.fault(match=f"ec2:{operation}", mode="drop_after")
    assert not _run(aws, src)["failed"]
    assert _sources(aws) == {(4334, "10.0.0.0/8"), (4334, peers), (4334, _group(aws)["GroupId"])}
    assert not _run(aws, src)["changed"]


def test_a_group_whose_answer_got_lost_is_waited_for_until_it_is_seen(aws: Emulator, src: pathlib.Path) -> None:
    src.write_text(re.sub("ingress-groups=.*", "ingress-groups=", CF))
    aws.configure(visibility=3)
    aws.fault(match="ec2:CreateSecurityGroup", mode="drop_after")
    result = _run(aws, src)
    assert not result["failed"], result["msg"]
    aws.configure(visibility=0)
    assert _sources(aws) == {(4334, "10.0.0.0/8")}


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_after_a_failure_at_any_call_the_next_run_completes(
    aws: Emulator, src: pathlib.Path, peers: str, k: int
) -> None:
    aws.fault(match=".", k=k, code="UnauthorizedOperation")
    assert _run(aws, src)["failed"]
    assert not _run(aws, src)["failed"]
    assert _sources(aws) == {(4334, "10.0.0.0/8"), (4334, peers), (4334, _group(aws)["GroupId"])}
    assert "java-xmx=5250m" in src.read_text()


def test_the_file_is_complete_before_the_first_write(aws: Emulator, src: pathlib.Path, peers: str) -> None:
    aws.fault(match="ec2:CreateSecurityGroup", code="UnauthorizedOperation")
    assert _run(aws, src)["failed"]
    assert "java-xmx=5250m" in src.read_text()


def test_credentials_of_another_account_change_nothing(aws: Emulator, src: pathlib.Path, peers: str) -> None:
    since = len(aws.calls())
    result = _run(aws, src, account_id="111111111111")
    assert "belong to account 123456789012, not to 111111111111" in result["msg"]
    assert [call.service for call in aws.calls()[since:]] == ["sts"], "nothing else was asked"
    assert not _run(aws, src, account_id="123456789012")["failed"]


def test_dest_gets_the_file_and_src_stays(aws: Emulator, src: pathlib.Path, tmp_path: pathlib.Path, peers: str) -> None:
    dest = tmp_path / "out.properties"
    assert _run(aws, src, dest=str(dest))["changed"]
    assert src.read_text() == CF
    assert "java-xmx=5250m" in dest.read_text()
    assert not _run(aws, src, dest=str(dest))["changed"]


def test_a_file_without_version_needs_one(aws: Emulator, src: pathlib.Path, peers: str) -> None:
    result = _run(aws, src, datomic_version=None)
    assert f"{src}:10: datomic-version: Missing property: datomic-version" in result["msg"]


def test_a_heap_that_does_not_fit_a_type_that_only_ec2_knows(aws: Emulator, src: pathlib.Path, peers: str) -> None:
    src.write_text(CF.replace("m3.large", "m5.large").replace("java-xmx=", "java-xmx=8g"))
    assert "a heap of 8192m on m5.large with 8192m of memory" in _run(aws, src)["msg"]
    assert not _writes(aws, since=1)
    reason = {"rule": "heap-fits-instance", "reason": "Tried, it starts."}
    assert _run(aws, src, check=True, accept=[reason])["failed"] is False


def test_heaps_that_only_ec2_can_judge(aws: Emulator, src: pathlib.Path, peers: str) -> None:
    """validate_properties reports everything that it can judge without EC2."""
    src.write_text(CF.replace("m3.large", "m5.large").replace("java-xmx=", "java-xmx=2625m"))
    (note,) = _run(aws, src, check=True, backup_heap="2g")["findings"]
    assert (note["rule"], note["severity"]) == ("heap-of-another-type", "note")
    assert "java-xmx= (blank) gives 5734m" in note["suggestion"]
    src.write_text(CF.replace("m3.large", "m5.large"))
    assert [one["rule"] for one in _run(aws, src, check=True, backup_heap="5g")["findings"]] == ["backup-heap"]
    src.write_text(CF.replace("java-xmx=", "java-xmx=1433m"))
    assert _run(aws, src, check=True, backup_heap="1g")["findings"] == []


@pytest.mark.parametrize(("kind", "looked_up"), [("m3.large", 0), ("m5.large", 1)])
def test_a_type_that_is_in_the_table_is_not_looked_up(
    aws: Emulator, src: pathlib.Path, peers: str, kind: str, looked_up: int
) -> None:
    """For any other it is the one call more than the tool's, as docs/development/differences.md says."""
    src.write_text(CF.replace("m3.large", kind).replace("java-xmx=", "java-xmx=2g"))
    since = len(aws.calls())
    assert not _run(aws, src)["failed"]
    assert [call.operation for call in aws.calls()[since:]].count("DescribeInstanceTypes") == looked_up


def test_caches_that_do_not_fit_the_heap_that_is_filled_in(
    aws: Emulator, src: pathlib.Path, tmp_path: pathlib.Path, peers: str
) -> None:
    src.write_text(CF.replace("m3.large", "m5.large"))
    transactor = tmp_path / "transactor.properties"
    transactor.write_text("port=4334\nmemory-index-max=512m\nobject-cache-max=4g\n")
    told = _run(aws, src, transactor_src=str(transactor))["msg"]
    assert "together are 4608m, more than 75 % of a heap of 5734m" in told
