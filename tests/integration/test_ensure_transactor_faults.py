# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ensure_transactor when AWS refuses, loses answers, or takes its time."""

from __future__ import annotations

import pathlib
import time
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import clock

from tests.emulator import Call, Emulator
from tests.integration.ensuring import ROLES, ensure, writes
from tests.modules import run_module

ROLE = "datomic-aws-transactor"
HURRY = 20.0


@pytest.fixture(autouse=True)
def _hurry(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty seconds of waiting, of ours and of AWS, take one."""
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(seconds / HURRY))
    aws.configure(scale=HURRY)


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "orders.properties"
    path.write_text(ROLES)
    return path


def complete(aws: Emulator, file: pathlib.Path, region: str = "us-east-1") -> None:
    """What one undisturbed run makes is there, and nothing else."""
    iam = aws.client("iam")
    bucket = file.read_text().partition("bucket-id=")[2].splitlines()[0]
    assert [found["Name"] for found in aws.client("s3").list_buckets()["Buckets"]] == [bucket]
    assert aws.client("dynamodb", region).list_tables()["TableNames"] == ["orders"]
    profiles = iam.list_instance_profiles()["InstanceProfiles"]
    held = {profile["InstanceProfileName"]: [role["RoleName"] for role in profile["Roles"]] for profile in profiles}
    assert held == {ROLE: [ROLE], "datomic-aws-peer": ["datomic-aws-peer"]}
    assert {role["RoleName"] for role in iam.list_roles()["Roles"]} == {ROLE, "datomic-aws-peer"}
    assert len(iam.list_role_policies(RoleName=ROLE)["PolicyNames"]) == 3


@pytest.mark.parametrize("k", [2, 3, 4, 5, 8, 13])
def test_a_run_that_fails_at_any_write_is_finished_by_the_next(aws: Emulator, file: pathlib.Path, k: int) -> None:
    aws.fault(match=":write$", k=k, mode="error", code="AccessDenied")
    first = ensure(aws, file)
    aws.clear_faults()
    assert first["failed"] == (k <= 12), "a run makes twelve writes"
    assert not ensure(aws, file)["failed"]
    complete(aws, file)


@pytest.mark.parametrize("mode", ["drop", "drop_after"])
def test_every_write_loses_its_connection_once(aws: Emulator, file: pathlib.Path, mode: str) -> None:
    # In us-east-1, S3 lets a bucket be created twice.
    file.write_text(ROLES.replace("aws-dynamodb-region=us-east-1", "aws-dynamodb-region=eu-west-1"))
    operations = ["CreateTable", "CreateBucket", "CreateRole", "CreateInstanceProfile", "AddRoleToInstanceProfile"]
    for operation in [*operations, "PutRolePolicy"]:
        aws.fault(match=f":{operation}:", k=1, mode=mode)
        aws.fault(match=f":{operation}:", k=3, mode=mode)
    result = ensure(aws, file)
    assert not result["failed"], result["msg"]
    complete(aws, file, "eu-west-1")


def test_throttling_is_waited_out(aws: Emulator, file: pathlib.Path) -> None:
    for match, code in (
        ("iam:CreateRole", "Throttling"),
        ("dynamodb:CreateTable", "ThrottlingException"),
        ("s3:CreateBucket", "SlowDown"),
        ("sts:", "Throttling"),
    ):
        aws.fault(match=match, mode="error", code=code, status=503 if code == "SlowDown" else 400)
    assert not ensure(aws, file)["failed"]
    complete(aws, file)


def test_what_was_just_made_may_stay_unseen_for_a_while(aws: Emulator, file: pathlib.Path) -> None:
    aws.configure(visibility=20.0, table_creating=20.0)
    result = ensure(aws, file, bucket_block_public_access=True)
    assert not result["failed"], result["msg"]
    assert aws.client("iam").get_instance_profile(InstanceProfileName=ROLE)


@pytest.fixture
def slept(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits of the product, which pass on the emulated clock."""
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        aws.advance(seconds)

    monkeypatch.setattr(clock, "sleep", sleep)
    monkeypatch.setattr(clock, "now", lambda: time.time() + sum(waits))
    return waits


def dry_runs(aws: Emulator) -> list[Call]:
    return [call for call in aws.calls() if call.operation == "RunInstances"]


def test_a_run_that_makes_a_profile_ends_when_ec2_knows_it(
    aws: Emulator, file: pathlib.Path, slept: list[float]
) -> None:
    aws.configure(profile_propagation=9.0)
    assert not ensure(aws, file, check=True)["failed"]
    assert dry_runs(aws) == []
    result = ensure(aws, file)
    assert not result["failed"], result["msg"]
    assert 0 < sum(slept) <= 12
    made = {"ImageId": "ami-12c6146b", "MinCount": 1, "MaxCount": 1, "IamInstanceProfile": {"Name": ROLE}}
    assert aws.client("ec2").run_instances(**made)
    aws.clear_calls()
    assert not ensure(aws, file)["changed"]
    assert dry_runs(aws) == []


def test_a_profile_that_ec2_never_knows_is_an_error(aws: Emulator, file: pathlib.Path, slept: list[float]) -> None:
    aws.configure(profile_propagation=9000.0)
    result = ensure(aws, file)
    assert f"EC2 does not know the instance profile {ROLE} yet, 3 min 0 s after its creation" in result["msg"]
    assert result["changed"]
    assert result["generated"]["aws-transactor-role"] == ROLE
    assert not ensure(aws, file)["failed"], "the next run goes on"


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "VPCIdNotSpecified"])
def test_who_may_not_try_a_launch_waits_for_some_seconds(
    aws: Emulator, file: pathlib.Path, slept: list[float], code: str
) -> None:
    aws.configure(profile_propagation=9.0)
    aws.fault(match="ec2:RunInstances", mode="error", code=code)
    result = ensure(aws, file)
    assert not result["failed"], result["msg"]
    assert slept == [15.0]
    assert len(dry_runs(aws)) == 1


def test_a_missing_permission_is_named_with_the_resource(aws: Emulator, file: pathlib.Path) -> None:
    aws.fault(match="iam:CreateRole", mode="error", code="AccessDenied")
    result = ensure(aws, file)
    assert f"Could not create the role {ROLE}: AccessDenied" in result["msg"]
    assert "iam:CreateRole" in result["msg"]
    assert result["error_code"] == "AccessDenied"
    assert result["changed"] is True
    assert result["generated"]["aws-transactor-role"] == ROLE


def test_a_read_that_is_forbidden_stops_before_any_change(aws: Emulator, file: pathlib.Path) -> None:
    aws.fault(match="iam:GetInstanceProfile", mode="error", code="AccessDenied")
    result = ensure(aws, file)
    assert "iam:GetInstanceProfile" in result["msg"]
    assert not writes(aws)
    assert file.read_text() == ROLES


def test_without_credentials(aws: Emulator, file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    params: dict[str, Any] = {"src": str(file), "region": "us-east-1", "endpoint_url": aws.url}
    result = run_module("ensure_transactor", params)
    assert "credentials" in result["msg"]
    assert file.read_text() == ROLES


@pytest.mark.parametrize("with_profile", [False, True])
def test_a_generated_name_that_somebody_takes_meanwhile_is_not_shared(
    aws: Emulator, file: pathlib.Path, with_profile: bool
) -> None:
    if with_profile:
        # Seen by this run, while the role is not yet: a profile to be filled, of a name that is then taken.
        aws.backstage("iam").create_instance_profile(InstanceProfileName=ROLE)
        aws.advance(10)
    aws.configure(visibility=2.0)
    aws.backstage("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument="{}")
    result = ensure(aws, file)
    assert not result["failed"], result["msg"]
    assert f"aws-transactor-role={ROLE}-1" in file.read_text().splitlines()
    profile = aws.backstage("iam").get_instance_profile(InstanceProfileName=f"{ROLE}-1")["InstanceProfile"]
    assert [role["RoleName"] for role in profile["Roles"]] == [f"{ROLE}-1"]
    assert not aws.snapshot()["roles"][ROLE]["policies"], "what somebody else made is left alone"


def test_a_name_on_disk_that_another_system_took_while_this_one_was_dead(aws: Emulator, file: pathlib.Path) -> None:
    owner = [{"Key": "datomic-onprem:system", "Value": "us-east-1/billing/aws-transactor-role"}]
    aws.backstage("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument="{}", Tags=owner)
    file.write_text(ROLES.replace("aws-transactor-role=", f"aws-transactor-role={ROLE}"))
    said = f"the role {ROLE} was made for another system"
    assert said in str(ensure(aws, file, check=True)["warnings"])
    shared = [{"rule": "role-of-another-system", "reason": "one role for both"}]
    assert said not in str(ensure(aws, file, check=True, accept=shared).get("warnings"))
    assert said in str(ensure(aws, file)["warnings"])
    assert said not in str(ensure(aws, file).get("warnings")), "once both use it, it is shared on purpose"


@pytest.mark.parametrize("path", ["missing.properties", "."])
def test_a_file_that_cannot_be_read(aws: Emulator, file: pathlib.Path, path: str) -> None:
    result = ensure(aws, file.parent / path)
    assert result["failed"]
    assert str(file.parent) in result["msg"]
    assert aws.calls() == []


def test_the_name_that_is_chosen_instead_is_not_one_that_the_file_gives(aws: Emulator, file: pathlib.Path) -> None:
    """The peers' role of that name is yet to be made."""
    file.write_text(ROLES.replace("aws-peer-role=", f"aws-peer-role={ROLE}-1"))
    aws.configure(visibility=2.0)
    aws.backstage("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument="{}")
    result = ensure(aws, file)
    assert not result["failed"], result["msg"]
    assert f"aws-transactor-role={ROLE}-2" in file.read_text().splitlines()
    roles = aws.snapshot()["roles"]
    assert set(roles[f"{ROLE}-1"]["policies"]) == {"orders-peer"}
