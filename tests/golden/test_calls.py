# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Never more calls than the tool, beyond the recorded cases too: the stand-in counts for it.

tests/golden/test_fake_cli.py proves that it makes of every recorded case what the tool made.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.emulator import Emulator
from tests.fake_cli import provisioning
from tests.golden.harness import RELEASE
from tests.integration.ensuring import ROLES, USERS, ensure

MINIMAL = ROLES[: ROLES.index("aws-s3-log-bucket-id")]
NAMED = USERS.replace("-dynamodb-user=", "-dynamodb-user=bob").replace("-peer-user=", "-peer-user=eve")
BOB = NAMED.replace("eve", "bob") + (
    "aws-cloudwatch-region=us-east-1\naws-cloudwatch-user=bob\naws-cloudwatch-access-key-id=\naws-cloudwatch-secret-key=\n"
    "aws-s3-log-bucket-id=our-logs\naws-s3-log-user=bob\naws-s3-log-access-key-id=\naws-s3-log-secret-key=\n"
)
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture
def file(tmp_path: pathlib.Path, aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    environment = {"AWS_ENDPOINT_URL": aws.url, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    environment |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "orders.properties"


def names(base: str, taken: int) -> list[str]:
    return [base, *(f"{base}-{number}" for number in range(1, taken))][:taken]


def roles(aws: Emulator, *taken: str) -> None:
    for name in taken:
        aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        aws.client("iam").create_instance_profile(InstanceProfileName=name)
        aws.client("iam").add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)


def users(aws: Emulator, *taken: str) -> None:
    for name in taken:
        aws.client("iam").create_user(UserName=name)


def frugal(
    aws: Emulator, file: pathlib.Path, text: str, given: Callable[[], None] = lambda: None, runs: int = 1
) -> None:
    """Each of the runs makes no more calls than the tool's, and leaves what it leaves."""

    def played(run: Callable[[], Any]) -> tuple[list[list[str]], Any]:
        aws.reset()
        given()
        file.write_text(text)
        made = []
        for _run in range(runs):
            before = len(aws.calls())
            run()
            made.append([f"{call.service}:{call.operation}" for call in aws.calls()[before:]])
        found = aws.snapshot()
        return made, {kind: sorted(found[kind]) for kind in ("tables", "roles", "instance_profiles", "users")}

    ours, after = played(lambda: ensure(aws, file))
    theirs, expected = played(lambda: provisioning.run("ensure-transactor", [str(file), str(file)], RELEASE))
    assert after == expected
    for mine, tool in zip(ours, theirs, strict=True):
        assert len(mine) <= len(tool), mine


def test_users_that_are_there_and_get_an_access_key(aws: Emulator, file: pathlib.Path) -> None:
    frugal(aws, file, NAMED, lambda: users(aws, "bob", "eve"))


def test_one_role_for_both(aws: Emulator, file: pathlib.Path) -> None:
    text = MINIMAL.replace("-role=", "-role=tx")
    frugal(aws, file, text, runs=2)
    frugal(aws, file, text, lambda: roles(aws, "tx"))


def test_one_user_for_everything(aws: Emulator, file: pathlib.Path) -> None:
    frugal(aws, file, BOB, runs=2)
    frugal(aws, file, BOB, lambda: users(aws, "bob"))


@pytest.mark.parametrize("taken", [0, 1, 2, 3, 6])
def test_roles_whose_names_are_taken(aws: Emulator, file: pathlib.Path, taken: int) -> None:
    both = [*names("datomic-aws-transactor", taken), *names("datomic-aws-peer", taken)]
    frugal(aws, file, MINIMAL, lambda: roles(aws, *both))


@pytest.mark.parametrize("taken", [0, 1, 2, 3, 6])
def test_users_whose_names_are_taken(aws: Emulator, file: pathlib.Path, taken: int) -> None:
    both = [*names("datomic-aws-dynamodb", taken), *names("datomic-aws-dynamodb-peer", taken)]
    frugal(aws, file, USERS, lambda: users(aws, *both))


@pytest.mark.parametrize("taken", [1, 3])
def test_who_may_not_list_asks_for_each_name(aws: Emulator, file: pathlib.Path, taken: int) -> None:
    roles(aws, *names("datomic-aws-transactor", taken))
    users(aws, *names("datomic-aws-dynamodb-peer", taken))
    file.write_text(MINIMAL.replace("aws-peer-role=\n", USERS[USERS.index("aws-dynamodb-peer-user") :]))
    aws.fault(match="^iam:List(Roles|Users):", mode="error", code="AccessDenied", times=2)
    assert not ensure(aws, file)["failed"]
    assert f"aws-transactor-role=datomic-aws-transactor-{taken}\n" in file.read_text()
    assert f"aws-dynamodb-peer-user=datomic-aws-dynamodb-peer-{taken}\n" in file.read_text()


def test_a_free_name_beyond_a_page_of_the_list(aws: Emulator, file: pathlib.Path) -> None:
    """The tool sees the first hundred only, and takes a name that is not free."""
    users(aws, *names("a", 1000), *names("datomic-aws-dynamodb", 2))
    file.write_text(USERS)
    assert not ensure(aws, file)["failed"]
    assert "aws-dynamodb-user=datomic-aws-dynamodb-2\n" in file.read_text()
