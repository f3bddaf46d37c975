# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a module comes to its clients: the credentials are found once, and what is wrong with the connection is said."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import Any

import botocore.loaders
import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import client

from tests.conftest import ROOT
from tests.emulator import Emulator
from tests.integration.ensuring import ROLES
from tests.modules import CREDENTIALS, run_module

SYSTEM = {"stack_name": "orders"}


@pytest.mark.parametrize(
    ("connection", "said"),
    [
        ({"profile": "nobody"}, "The config profile (nobody) could not be found. Correct profile in datomic_aws"),
        ({"region": None}, "You must specify a region. Set region in datomic_aws"),
        ({"region": "us east"}, "region_name 'us east' doesn't match a supported format. Set region in datomic_aws"),
        ({"endpoint_url": "nonsense"}, "Invalid endpoint: nonsense. Correct aws_config or endpoint_url"),
        ({"aws_config": {"tries": 3}}, "Got unexpected keyword argument 'tries'. Correct aws_config"),
    ],
)
def test_what_is_wrong_with_the_connection_is_said(connection: dict[str, Any], said: str) -> None:
    keys = {} if "profile" in connection else CREDENTIALS
    result = run_module("transactor_info", SYSTEM | keys | connection)
    assert result["failed"]
    assert result["msg"].startswith("Could not prepare a client of cloudformation: ")
    assert said in result["msg"]


def test_what_a_user_sets_wins(aws: Emulator) -> None:
    short = {"aws_config": {"retries": {"total_max_attempts": 1}}}
    aws.fault(k=1, mode="error", code="ServiceUnavailable", status=503)
    result = run_module("transactor_info", SYSTEM | CREDENTIALS | {"endpoint_url": aws.url} | short)
    assert "ServiceUnavailable" in result["msg"]


def test_a_program_that_gives_credentials_runs_once(aws: Emulator, tmp_path: pathlib.Path) -> None:
    program, ran, profiles, src = (tmp_path / name for name in ("program.py", "ran", "config", "orders.properties"))
    src.write_text(ROLES)
    given = {"Version": 1, "AccessKeyId": "testing", "SecretAccessKey": "testing"}
    program.write_text(f"open({str(ran)!r}, 'a').write('x')\nprint({json.dumps(given)!r})\n")
    profiles.write_text(f"[profile operator]\nregion = us-east-1\ncredential_process = {sys.executable} {program}\n")
    run = f"modules.run_module('ensure_transactor', {{'src': {str(src)!r}}})"
    done = subprocess.run(
        [sys.executable, "-c", f"from tests import conftest, modules; print({run})"],
        cwd=ROOT,
        env={"AWS_CONFIG_FILE": str(profiles), "AWS_PROFILE": "operator", "AWS_ENDPOINT_URL": aws.url},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "'failed': False" in done.stdout, done.stdout + done.stderr
    assert {call.service for call in aws.calls()} == {"sts", "dynamodb", "iam", "s3", "ec2"}
    assert ran.read_text() == "x"


PROFILES = """\
[profile human]
aws_access_key_id = testing
aws_secret_access_key = testing
[profile own]
role_arn = arn:aws:iam::123456789012:role/operator
source_profile = human
mfa_serial = arn:aws:iam::123456789012:mfa/human
region = us-east-1
[profile far]
role_arn = arn:aws:iam::210987654321:role/deploy
source_profile = own
region = us-east-1
"""


@pytest.mark.parametrize("profile", ["own", "far"])
@pytest.mark.parametrize("by_variable", [False, True])
def test_a_profile_that_needs_a_code_is_refused_with_what_to_do(
    profile: str, by_variable: bool, aws: Emulator, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(PROFILES)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    if by_variable:
        monkeypatch.setenv("AWS_PROFILE", profile)
    client.session.cache_clear()
    connection = {"endpoint_url": aws.url} | ({} if by_variable else {"profile": profile})
    result = run_module("transactor_info", {"stack_name": "orders", **connection})
    client.session.cache_clear()
    assert result["failed"]
    assert f"The profile {profile} needs a code of the MFA device arn:aws:iam::123456789012:mfa/human" in result["msg"]
    assert f"aws configure export-credentials --profile {profile} --format env" in result["msg"]
    assert "exception" not in result
    assert aws.calls() == []


def test_models_are_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    client.load_models("ec2")

    def refuse(dummy: object, path: str) -> None:
        # What is beside a model is looked for each time; there is none.
        assert path.endswith(".sdk-extras")

    monkeypatch.setattr(botocore.loaders.JSONFileLoader, "load_file", refuse)
    assert client.session.__wrapped__(None).client("ec2", region_name="us-east-1")
