# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each kind of call that modules make is refused: the message names the missing IAM action and the resource."""

from __future__ import annotations

import pathlib
from typing import Any

from tests import builders
from tests.emulator import Call, Emulator
from tests.integration import groups
from tests.integration.ensuring import ROLES, USERS
from tests.modules import CREDENTIALS, run_module

CF = builders.text(
    builders.CF, aws_instance_type="m5.large", aws_autoscaling_group_size="1", aws_ingress_cidrs="10.0.0.0/8"
)
NAMED = ROLES.replace("log-bucket-id=", "log-bucket-id=our-logs")
"""A generated bucket is not looked for: the waiter for a new one takes 403 for there."""
OPTIONS = {
    "table_point_in_time_recovery": True,
    "bucket_block_public_access": True,
    "bucket_encryption": "aws:kms",
    "bucket_expiration_days": 90,
    "table_max_write_capacity": 400,
    "tags": {"team": "orders"},
}
CODES = {"ec2": "UnauthorizedOperation", "dynamodb": "AccessDeniedException", "ssm": "AccessDeniedException"}

WAITS = ("HeadBucket", "RunInstances")


class Runs:
    """A module that is run from nothing, with some call refused."""

    def __init__(self, aws: Emulator, directory: pathlib.Path, module: str, text: str, **options: Any) -> None:
        self.aws = aws
        self.file = directory / "file.properties"
        self.module = module
        self.text = text
        self.options = options

    def prepare(self) -> None:
        self.aws.reset()
        self.file.write_text(self.text)
        if self.module == "transactor_info":
            groups.create(self.aws)
        self.aws.clear_calls()

    def run(self) -> dict[str, Any]:
        file = {"src": str(self.file)} if self.text else {}
        return run_module(self.module, {**CREDENTIALS, "endpoint_url": self.aws.url, **file, **self.options})

    def calls(self) -> list[Call]:
        """One of each kind that a run makes, but for those that only wait: they take a refusal for an answer."""
        self.prepare()
        result = self.run()
        assert not result["failed"], result["msg"]
        return list(
            {call.name: call for call in self.aws.calls() if call.permissions and call.operation not in WAITS}.values()
        )

    def resources(self, refused: Call) -> set[str]:
        """What the last run's calls of this kind were about; parameters are told by their path."""
        names = {call.resource for call in self.aws.calls() if call.name == refused.name}
        return {name.rpartition("/")[0] for name in names} if refused.operation == "GetParameters" else names

    def refused(self, call: Call, code: str, message: str) -> str:
        self.prepare()
        self.aws.fault(match=f"^{call.name}$", code=code, message=message, times=99)
        result = self.run()
        assert result["failed"], call.name
        assert "exception" not in result, call.name
        return str(result["msg"])


def test_every_call_that_is_refused_names_its_action(aws: Emulator, tmp_path: pathlib.Path) -> None:
    tried = set()
    for runs in (
        Runs(aws, tmp_path, "ensure_transactor", NAMED, **OPTIONS),
        Runs(aws, tmp_path, "ensure_transactor", USERS),
        Runs(aws, tmp_path, "ensure_cf", CF),
        Runs(aws, tmp_path, "ensure_secrets", "", path="/datomic/orders", secrets={"license-key": "secret"}),
        Runs(aws, tmp_path, "transactor_info", "", stack_name="orders"),
    ):
        for call in runs.calls():
            if call.name not in tried:
                tried.add(call.name)
                said = runs.refused(call, CODES.get(call.service, "AccessDenied"), "no")
                assert call.permissions[0] in said, (call.name, said)
                # Of calls of one kind that go side by side, it is one of them.
                assert any(resource in said for resource in runs.resources(call)), (call.name, said)
    assert len(tried) > 30, tried


def test_the_action_that_aws_names_is_told_and_expired_credentials_say_so(
    aws: Emulator, tmp_path: pathlib.Path
) -> None:
    runs = Runs(aws, tmp_path, "ensure_transactor", ROLES)
    create = next(call for call in runs.calls() if call.operation == "CreateRole")
    needed = "User: operator is not authorized to perform: iam:TagRole on resource: arn:aws:iam::123456789012:role/r"
    assert "Allow iam:TagRole on it" in runs.refused(create, "AccessDenied", needed)
    assert "The credentials have expired: renew them" in runs.refused(create, "ExpiredToken", "expired")
