# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bin/datomic says, and what we advise: by its words and by the command that said them."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.cli.runner import Tool
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.releases.distribution import Distribution
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util.subprocesses import Finished

from tests import fake_cli

TOOL = Tool(Distribution("/opt/datomic-pro-1.0.7277", "1.0.7277"), {})
NO_DATABASE = "The database does not exist"
IAM = (
    "com.amazonaws.services.identitymanagement.model.AmazonIdentityManagementException: User: arn:aws:iam::1:user/x is "
    "not authorized to perform: iam:CreateRole (Status Code: 403; Error Code: AccessDenied)"
)


@pytest.mark.parametrize(
    ("command", "said", "advice"),
    [
        ("backup-db", "clojure.lang.ExceptionInfo: Could not find main in catalog", NO_DATABASE),
        ("backup-db", "Access Denied (Service: Amazon S3)", "and read and write on the backup's bucket"),
        ("backup-db", "The bucket is not there (NoSuchBucket)", "correct the URI"),
        ("backup-db", "Error: Could not find or load main class clojure.main", "the distribution is incomplete"),
        (
            "ensure-transactor",
            "Error: Could not find or load main class clojure.main",
            "the distribution is incomplete",
        ),
        ("ensure-transactor", IAM, "Allow iam:CreateRole for the credentials in use"),
        ("ensure-cf", "UnauthorizedOperation (Service: AmazonEC2; Status Code: 403)", "lack a permission"),
        (
            "create-cf-template",
            "Must specify userName when calling with non-User credentials (Error Code: ValidationError)",
            "works for users only",
        ),
        ("ensure-transactor", "The security token included in the request is expired (ExpiredToken)", "expired while"),
        ("ensure-cf", "Unable to load AWS credentials from any provider in the chain", "found no credentials"),
        ("ensure-cf", "UnknownHostException: ec2.us-east-1.amazonaws.com", "network"),
    ],
)
def test_advice(command: str, said: str, advice: str) -> None:
    told = str(TOOL.failed(Finished(1, b"", f"{said}\n".encode()), command, "a", "b"))
    assert advice in told.partition(said)[2]


@pytest.mark.parametrize(
    ("command", "said", "wrong"),
    [
        ("ensure-transactor", "Could not find the role", NO_DATABASE),
        ("ensure-transactor", IAM, "backup"),
        ("ensure-transactor", "NoSuchBucket", "URI"),
    ],
)
def test_advice_of_another_command_is_not_given(command: str, said: str, wrong: str) -> None:
    assert wrong not in str(TOOL.failed(Finished(1, b"", f"{said}\n".encode()), command, "a", "b"))


def test_a_tool_that_was_stopped_says_why_and_its_last_words() -> None:
    outcome = Finished(-15, b"", b"waiting for the table\n", 5.0, "did not end within 5 seconds and was stopped")
    assert str(TOOL.failed(outcome, "ensure-transactor", "a", "a")) == (
        "bin/datomic ensure-transactor a a did not end within 5 seconds and was stopped:\nwaiting for the table"
    )


@pytest.mark.parametrize("command", ["backup-db", "restore-db", "ensure-cf", "ensure-transactor"])
def test_a_command_that_would_change_aws_itself_is_refused(tmp_path: pathlib.Path, command: str) -> None:
    environment = {"AWS_ENDPOINT_URL": "http://localhost:4566"}
    home = fake_cli.build(tmp_path)
    Tool(Distribution(str(home), "1.0.7277"), environment).check_endpoint(command)
    fake_cli.of_sdk_1(home)
    Tool(Distribution(str(home), "1.0.7556"), environment).check_endpoint(command)
    Tool(Distribution(str(home), "1.0.7277"), {}).check_endpoint(command)
    old = Tool(Distribution(str(home), "1.0.7277"), environment)
    with pytest.raises(DatomicError, match=f"so {command} would change AWS itself, not http://localhost:4566"):
        old.run(command, "a", "b", timeout=1)
