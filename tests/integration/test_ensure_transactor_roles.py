# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ensure_transactor and roles: what others put on them, permissions boundaries, the beginning of generated names."""

from __future__ import annotations

import json
import pathlib
import re
import shlex
from typing import Any

import pytest

from tests.emulator import Emulator
from tests.integration.ensuring import ROLES, USERS, ensure, text, warned, writes

ROLE = "datomic-aws-transactor"
ACCOUNT = "123456789012"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "orders.properties"


@pytest.fixture
def existing(aws: Emulator, file: pathlib.Path) -> pathlib.Path:
    """The file of a system that is complete."""
    file.write_text(ROLES)
    assert not ensure(aws, file)["failed"]
    assert ensure(aws, file)["changed"] is False
    return file


def allow(action: Any, resource: Any = "*", **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_system_that_is_complete_takes_two_lists_a_role_and_no_call_more(
    aws: Emulator, existing: pathlib.Path
) -> None:
    since = len(aws.calls())
    assert ensure(aws, existing)["changed"] is False
    made = sorted(call.operation for call in aws.calls()[since:])
    assert made == sorted(
        ["DescribeTable", "GetCallerIdentity", "HeadBucket"]
        + ["GetInstanceProfile", "ListAttachedRolePolicies", "ListRolePolicies"] * 2
        + ["GetRolePolicy"] * 4
    )


def test_policies_that_are_not_ours_are_warnings_with_their_commands(aws: Emulator, existing: pathlib.Path) -> None:
    iam = aws.backstage("iam")
    arns = {
        name: iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
        for name, document in {"wide": allow("*"), "narrow": allow("s3:GetObject", "arn:aws:s3:::ours/*")}.items()
    }
    for arn in (*arns.values(), ADMIN, "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"):
        iam.attach_role_policy(RoleName=ROLE, PolicyArn=arn)
    iam.put_role_policy(RoleName=ROLE, PolicyName="by-hand", PolicyDocument=allow("sqs:SendMessage"))
    iam.put_role_policy(RoleName="datomic-aws-peer", PolicyName="all-of-iam", PolicyDocument=allow("iam:*"))
    iam.put_role_policy(RoleName=ROLE, PolicyName="orders-transactor-start", PolicyDocument=allow("s3:GetObject"))
    since = len(writes(aws))
    for check in (True, False):
        result = ensure(aws, existing, check=check, stack_name="orders")
        assert (result["failed"], result["changed"]) == (False, False), result
        told = text(result["warnings"])
        everything = "may do everything, by policies that this system did not write"
        assert f"the role {ROLE} {everything}: {arns['wide']}, {ADMIN}" in told
        assert f"the role datomic-aws-peer {everything}: all-of-iam (inline)" in told
        assert (
            f"the role {ROLE} has policies that this system did not write: by-hand (inline), {arns['narrow']}" in told
        )
        assert "AmazonSSMManagedInstanceCore" in told
        assert "orders-transactor-start" not in told
    assert len(writes(aws)) == since
    for command in re.findall(r"aws iam (?:delete|detach)-role-policy [^;) ]+ [^;) ]+ [^;) ]+ [^;) ]+", told):
        words = shlex.split(command)
        names = {"--role-name": "RoleName", "--policy-name": "PolicyName", "--policy-arn": "PolicyArn"}
        options: dict[str, Any] = {names[key]: value for key, value in zip(words[3::2], words[4::2], strict=True)}
        getattr(iam, words[2].replace("-", "_"))(**options)
    assert ensure(aws, existing, stack_name="orders").get("warnings") is None


def test_the_one_that_grants_everything_is_accepted_by_a_name_of_its_own(aws: Emulator, existing: pathlib.Path) -> None:
    aws.backstage("iam").attach_role_policy(RoleName=ROLE, PolicyArn=ADMIN)
    for rule, told in (("role-policy-unknown", True), ("role-policy-all", False)):
        result = ensure(aws, existing, accept=[{"rule": rule, "reason": "a test"}])
        assert (ADMIN in warned(result)) is told


def test_a_managed_policy_that_may_not_be_read_is_told_all_the_same(aws: Emulator, existing: pathlib.Path) -> None:
    iam = aws.backstage("iam")
    arn = iam.create_policy(PolicyName="theirs", PolicyDocument=allow("*"))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=ROLE, PolicyArn=arn)
    aws.fault(match="iam:GetPolicyVersion:", code="AccessDenied")
    told = warned(ensure(aws, existing))
    assert f"{arn} (which could not be read: allow iam:GetPolicy and iam:GetPolicyVersion on it)" in told


@pytest.mark.parametrize(
    ("principal", "told"),
    [
        ({"AWS": "*"}, "everybody (*)"),
        ("*", "everybody (*)"),
        ({"AWS": "arn:aws:iam::999999999999:root"}, "AWS arn:aws:iam::999999999999:root of another account"),
        ({"AWS": [f"arn:aws:iam::{ACCOUNT}:user/bob"]}, f"AWS arn:aws:iam::{ACCOUNT}:user/bob"),
        ({"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]}, "Service lambda.amazonaws.com"),
    ],
)
def test_a_trust_policy_that_lets_others_in_is_a_warning(
    aws: Emulator, existing: pathlib.Path, principal: Any, told: str
) -> None:
    iam = aws.backstage("iam")
    given = iam.get_role(RoleName=ROLE)["Role"]["AssumeRolePolicyDocument"]
    other: dict[str, Any] = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    iam.update_assume_role_policy(
        RoleName=ROLE, PolicyDocument=json.dumps({**given, "Statement": [*given["Statement"], other]})
    )
    warning = text(ensure(aws, existing)["warnings"])
    assert f"the trust policy of the role {ROLE} lets others than EC2 instances assume it: {told}" in warning
    (document,) = re.findall(r"--policy-document '([^']*)'", warning)
    iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=document)
    assert ensure(aws, existing).get("warnings") is None


@pytest.mark.parametrize("content", [ROLES, USERS])
def test_a_permissions_boundary_is_put_on_what_is_created(aws: Emulator, file: pathlib.Path, content: str) -> None:
    file.write_text(content)
    planned = ensure(aws, file, check=True, permissions_boundary=BOUNDARY)
    assert BOUNDARY in planned["diff"][-1]["after"]
    assert not ensure(aws, file, permissions_boundary=BOUNDARY)["failed"]
    iam = aws.backstage("iam")
    made = [iam.get_role(RoleName=role["RoleName"])["Role"] for role in iam.list_roles()["Roles"]]
    made += [iam.get_user(UserName=user["UserName"])["User"] for user in iam.list_users()["Users"]]
    assert len(made) == 2
    assert {one["PermissionsBoundary"]["PermissionsBoundaryArn"] for one in made} == {BOUNDARY}
    again = ensure(aws, file, permissions_boundary=BOUNDARY)
    assert (again["changed"], "permissions boundary" in warned(again)) == (False, False)


@pytest.mark.parametrize("content", [ROLES, USERS])
def test_what_exists_without_the_boundary_is_a_warning_and_stays(
    aws: Emulator, file: pathlib.Path, content: str
) -> None:
    file.write_text(content)
    assert not ensure(aws, file)["failed"]
    result = ensure(aws, file, permissions_boundary=BOUNDARY)
    told = text(result["warnings"])
    kind, name = ("role", ROLE) if content is ROLES else ("user", "datomic-aws-dynamodb")
    assert (result["changed"], f"the {kind} {name} has no permissions boundary" in told) == (False, True)
    put = f"aws iam put-{kind}-permissions-boundary --{kind}-name {name} --permissions-boundary {BOUNDARY}"
    assert put in told
    client = aws.backstage("iam")
    for one in (name, "datomic-aws-peer" if kind == "role" else "datomic-aws-dynamodb-peer"):
        arguments = {"RoleName" if kind == "role" else "UserName": one, "PermissionsBoundary": BOUNDARY}
        getattr(client, f"put_{kind}_permissions_boundary")(**arguments)
    assert "permissions boundary" not in warned(ensure(aws, file, permissions_boundary=BOUNDARY))
    assert f"has the permissions boundary {BOUNDARY}" in text(
        ensure(aws, file, permissions_boundary=BOUNDARY + "-2")["warnings"]
    )


def test_generated_names_begin_as_the_option_says(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(ROLES.replace("aws-peer-role=\n", USERS[USERS.index("aws-dynamodb-peer-user") :]))
    result = ensure(aws, file, role_prefix="orders.eu_1")
    assert result["generated"]["aws-transactor-role"] == "orders.eu_1-transactor"
    assert result["generated"]["aws-dynamodb-peer-user"] == "orders.eu_1-dynamodb-peer"
    assert ensure(aws, file, role_prefix="another")["changed"] is False, "names in the file stay"


@pytest.mark.parametrize(
    ("option", "value"),
    [("role_prefix", ""), ("role_prefix", "a b"), ("role_prefix", "x" * 49), ("permissions_boundary", "boundary")],
)
def test_an_option_that_iam_would_refuse_is_an_error_before_aws_is_asked(
    aws: Emulator, file: pathlib.Path, option: str, value: str
) -> None:
    file.write_text(ROLES)
    given: dict[str, Any] = {option: value}
    message = ensure(aws, file, **given)["msg"]
    assert f"datomic_{option}" in message
    assert aws.calls() == []


def test_the_longest_prefix_fits_every_name(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(USERS)
    for _system in range(2):
        assert not ensure(aws, file, role_prefix="x" * 48)["failed"]
        file.write_text(USERS)
