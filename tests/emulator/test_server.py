# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulator itself: the call log, faults, the admin paths, the clock."""

from __future__ import annotations

import concurrent.futures
import json
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from tests.emulator import Emulator

ROOT = pathlib.Path(__file__).resolve().parents[2]
ONCE: Any = {"total_max_attempts": 1}


def http(aws: Emulator, path: str, data: dict[str, Any] | None = None) -> Any:
    body = None if data is None else json.dumps(data).encode()
    with urllib.request.urlopen(f"{aws.url}/emulator/{path}", data=body) as answer:
        return json.load(answer)


class TestCallLog:
    def test_calls_are_named_with_kind_region_caller_and_resource(self, aws: Emulator) -> None:
        aws.client("s3").create_bucket(Bucket="my-logs")
        aws.client("s3").head_bucket(Bucket="my-logs")
        aws.client("s3").get_public_access_block(Bucket="my-logs")
        aws.client("dynamodb", "eu-west-1").list_tables()
        aws.client("iam").list_roles()
        aws.client("cloudwatch").list_metrics()
        aws.client("sts").get_caller_identity()
        aws.client("ec2").create_security_group(GroupName="datomic", Description="x")
        logged = [(call.name, call.region, call.access_key, call.resource, call.status) for call in aws.calls()]
        assert logged == [
            ("s3:CreateBucket:write", "us-east-1", "testing", "my-logs", 200),
            ("s3:HeadBucket:read", "us-east-1", "testing", "my-logs", 200),
            ("s3:GetPublicAccessBlock:read", "us-east-1", "testing", "my-logs", 200),
            ("dynamodb:ListTables:read", "eu-west-1", "testing", "", 200),
            ("iam:ListRoles:read", "us-east-1", "testing", "", 200),
            ("cloudwatch:ListMetrics:read", "us-east-1", "testing", "", 200),
            ("sts:GetCallerIdentity:read", "us-east-1", "testing", "", 200),
            ("ec2:CreateSecurityGroup:write", "us-east-1", "testing", "datomic", 200),
        ]

    def test_parameters_are_what_boto3_was_given(self, aws: Emulator) -> None:
        tags = [{"Key": "a", "Value": "1"}]
        aws.client("iam").create_user(UserName="bob", Tags=tags)
        aws.client("s3").create_bucket(Bucket="my-logs")
        block = {"BlockPublicAcls": True, "IgnorePublicAcls": True}
        aws.client("s3").put_public_access_block(Bucket="my-logs", PublicAccessBlockConfiguration=block)
        assert aws.calls()[0].params == {"UserName": "bob", "Tags": tags}
        assert aws.calls()[2].params["PublicAccessBlockConfiguration"] == block

    @pytest.mark.parametrize(
        ("service", "operation", "params", "needed"),
        [
            ("s3", "head_bucket", {"Bucket": "abc"}, ("s3:ListBucket",)),
            ("s3", "get_bucket_encryption", {"Bucket": "abc"}, ("s3:GetEncryptionConfiguration",)),
            ("s3", "get_public_access_block", {"Bucket": "abc"}, ("s3:GetBucketPublicAccessBlock",)),
            ("iam", "create_user", {"UserName": "bob"}, ("iam:CreateUser",)),
            (
                "iam",
                "create_user",
                {"UserName": "bob", "Tags": [{"Key": "a", "Value": "b"}]},
                ("iam:CreateUser", "iam:TagUser"),
            ),
            (
                "iam",
                "add_role_to_instance_profile",
                {"RoleName": "r", "InstanceProfileName": "p"},
                ("iam:AddRoleToInstanceProfile", "iam:PassRole"),
            ),
            ("sts", "get_caller_identity", {}, ()),
            ("s3", "get_object", {"Bucket": "absent", "Key": "k"}, ("s3:GetObject", "s3:ListBucket")),
        ],
    )
    def test_a_call_says_which_permissions_it_needs(
        self, aws: Emulator, service: str, operation: str, params: dict[str, Any], needed: tuple[str, ...]
    ) -> None:
        try:
            getattr(aws.client(service), operation)(**params)
        except ClientError:
            assert operation != "create_user"
        assert aws.calls()[0].permissions == needed

    def test_a_stack_needs_what_cloudformation_does_with_its_callers_rights(self, aws: Emulator) -> None:
        launch = {"ImageId": "ami-12c6146b", "InstanceType": "m5.large", "IamInstanceProfile": "p"}
        resource = {"Type": "AWS::AutoScaling::LaunchConfiguration", "Properties": launch}
        body = json.dumps({"Resources": {"Launch": resource}})
        aws.client("cloudformation").create_stack(StackName="s", TemplateBody=body)
        assert set(aws.calls()[0].permissions) == {
            "cloudformation:CreateStack",
            "autoscaling:CreateLaunchConfiguration",
            "autoscaling:DeleteLaunchConfiguration",
            "autoscaling:DescribeLaunchConfigurations",
            "iam:PassRole",
        }

    def test_change_sets_are_plans_and_dry_runs_reads(self, aws: Emulator) -> None:
        with pytest.raises(ClientError):
            aws.client("cloudformation").create_change_set(StackName="s", ChangeSetName="c", TemplateBody="{}")
        with pytest.raises(ClientError, match="DryRunOperation"):
            aws.client("ec2").create_security_group(GroupName="g", Description="d", DryRun=True)
        assert [call.kind for call in aws.calls()] == ["plan", "read"]

    def test_calls_from_backstage_are_neither_logged_nor_failed(self, aws: Emulator) -> None:
        aws.fault()
        aws.backstage("s3").create_bucket(Bucket="my-logs")
        assert aws.calls() == []
        assert aws.snapshot()["buckets"] == ["my-logs"]

    def test_reset_gives_fresh_accounts_log_faults_and_settings(self, aws: Emulator) -> None:
        aws.client("s3").create_bucket(Bucket="my-logs")
        aws.fault()
        aws.configure(pending=5)
        aws.reset()
        assert aws.calls() == []
        assert aws.client("s3").list_buckets()["Buckets"] == []
        assert http(aws, "settings")["pending"] == 0


class TestFaults:
    @pytest.mark.parametrize(
        ("service", "operation"),
        [
            ("s3", "list_buckets"),
            ("iam", "list_roles"),
            ("ec2", "describe_vpcs"),
            ("dynamodb", "list_tables"),
            ("cloudwatch", "list_metrics"),
            ("cloudformation", "list_stacks"),
            ("autoscaling", "describe_auto_scaling_groups"),
            ("sts", "get_caller_identity"),
            ("ssm", "describe_parameters"),
        ],
    )
    def test_an_error_has_its_code_in_every_protocol(self, aws: Emulator, service: str, operation: str) -> None:
        aws.fault(f"^{service}:", code="Throttling", status=400, message="Rate <exceeded>")
        with pytest.raises(ClientError) as caught:
            getattr(aws.client(service), operation)()
        error = caught.value.response
        assert (error["Error"]["Code"], error["Error"]["Message"]) == ("Throttling", "Rate <exceeded>")
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 400

    def test_only_the_kth_matching_calls_fail(self, aws: Emulator) -> None:
        aws.fault("s3:ListBuckets:read", k=2, times=2, code="SlowDown", status=503)
        s3, outcomes = aws.client("s3"), []
        for _turn in range(4):
            aws.client("iam").list_roles()
            try:
                s3.list_buckets()
                outcomes.append("ok")
            except ClientError as error:
                outcomes.append(error.response["Error"]["Code"])
        assert outcomes == ["ok", "SlowDown", "SlowDown", "ok"]

    @pytest.mark.parametrize(("mode", "made"), [("drop", []), ("drop_after", ["my-logs"]), ("error", [])])
    def test_a_lost_answer_may_hide_a_change(self, aws: Emulator, mode: str, made: list[str]) -> None:
        aws.fault("CreateBucket", mode=mode)
        with pytest.raises((ConnectionClosedError, ClientError)):
            aws.client("s3").create_bucket(Bucket="my-logs")
        assert aws.snapshot()["buckets"] == made
        assert aws.calls()[0].fault == mode

    def test_a_timeout_answers_too_late(self, aws: Emulator) -> None:
        aws.fault("CreateBucket", mode="timeout", seconds=0.5)
        with pytest.raises(ReadTimeoutError):
            aws.client("s3", read_timeout=0.1).create_bucket(Bucket="my-logs")
        assert aws.snapshot()["buckets"] == ["my-logs"]

    def test_only_calls_of_one_caller_fail(self, aws: Emulator) -> None:
        aws.fault("CreateBucket", caller="anna")
        aws.client("s3").create_bucket(Bucket="my-logs")
        with pytest.raises(ClientError, match="injected"):
            as_anna(aws).create_bucket(Bucket="annas-logs")

    def test_only_calls_with_a_certain_body_fail(self, aws: Emulator) -> None:
        aws.fault("CreateUser", body="UserName=bo+b")
        aws.client("iam").create_user(UserName="anna")
        with pytest.raises(ClientError, match="injected"):
            aws.client("iam").create_user(UserName="bob")

    @pytest.mark.parametrize(("mode", "made"), [("hold", ["my-logs"]), ("hold_after", ["annas-logs", "my-logs"])])
    def test_a_call_is_held_while_others_go_on(self, aws: Emulator, mode: str, made: list[str]) -> None:
        held = aws.fault("CreateBucket", caller="anna", mode=mode, seconds=20)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(as_anna(aws).create_bucket, Bucket="annas-logs")
            assert held.held.wait(5)
            aws.client("s3").create_bucket(Bucket="my-logs")
            assert sorted(aws.snapshot()["buckets"]) == made
            assert not waiting.done()
            http(aws, "release", {})
            assert waiting.result(5)
        assert [(call.access_key, call.fault) for call in aws.calls()] == [("anna", mode), ("testing", "")]
        assert sorted(aws.snapshot()["buckets"]) == ["annas-logs", "my-logs"]

    def test_a_call_is_held_no_longer_than_it_may(self, aws: Emulator) -> None:
        aws.fault("CreateBucket", mode="hold", seconds=0.2)
        start = time.monotonic()
        aws.client("s3").create_bucket(Bucket="my-logs")
        assert time.monotonic() - start >= 0.2

    def test_a_reset_ends_calls_that_are_held(self, aws: Emulator) -> None:
        held = aws.fault("CreateBucket", mode="hold", seconds=20)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(aws.client("s3").create_bucket, Bucket="my-logs")
            assert held.held.wait(5)
            aws.reset()
            with pytest.raises(ConnectionClosedError):
                waiting.result(5)
        assert aws.snapshot()["buckets"] == []

    @pytest.mark.parametrize(("mode", "made"), [("kill", []), ("kill_after", ["my-logs"])])
    def test_a_kill_takes_the_whole_tree_even_in_other_sessions(
        self, aws: Emulator, tmp_path: pathlib.Path, mode: str, made: list[str]
    ) -> None:
        grandchild = tmp_path / "grandchild"
        script = f"setsid sleep 60 & echo $! > {grandchild}; while :; do sleep 0.05; done"
        with subprocess.Popen(["sh", "-c", script]) as process:
            while not (grandchild.exists() and grandchild.read_text().strip()):
                time.sleep(0.01)
            aws.fault("CreateBucket", mode=mode, pid=process.pid)
            with pytest.raises(ConnectionClosedError):
                aws.client("s3").create_bucket(Bucket="my-logs")
            assert process.wait(5) == -9
        assert _ends(int(grandchild.read_text()))
        assert aws.snapshot()["buckets"] == made


def as_anna(aws: Emulator) -> Any:
    key = {"aws_access_key_id": "anna", "aws_secret_access_key": "testing"}
    return boto3.client("s3", region_name="us-east-1", endpoint_url=aws.url, **key, config=Config(retries=ONCE))


def _ends(pid: int) -> bool:
    """Whether the process is gone, or a zombie, within 5 seconds."""
    for _look in range(500):
        try:
            if pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2] in "ZX":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


class TestServer:
    def test_the_admin_paths_do_what_the_methods_do(self, aws: Emulator) -> None:
        http(aws, "fault", {"match": "ListBuckets", "code": "SlowDown", "status": 503})
        with pytest.raises(ClientError, match="SlowDown"):
            aws.client("s3").list_buckets()
        entry = http(aws, "log")[0]
        assert [entry[key] for key in ("operation", "kind", "fault")] == ["ListBuckets", "read", "error"]
        assert entry["permissions"] == ["s3:ListAllMyBuckets"]
        http(aws, "reset", {})
        assert http(aws, "log") == []
        assert http(aws, "account") == aws.snapshot()

    @pytest.mark.parametrize(("path", "data"), [("nothing", None), ("configure", {"nope": 1}), ("fault", {"mod": "x"})])
    def test_a_wrong_admin_request_says_what_is_wrong(
        self, aws: Emulator, path: str, data: dict[str, Any] | None
    ) -> None:
        with pytest.raises(urllib.error.HTTPError) as caught:
            http(aws, path, data)
        assert caught.value.code == 400
        assert json.load(caught.value)["error"]

    def test_latency_holds_every_answer_but_side_by_side(self, aws: Emulator) -> None:
        aws.client("s3").list_buckets()
        aws.configure(latency=200)
        clients = [aws.client("s3") for _turn in range(5)]
        start = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            list(pool.map(lambda client: client.list_buckets(), clients))
        assert 0.2 <= time.monotonic() - start < 0.8

    def test_the_clock_runs_scaled_and_is_told(self, aws: Emulator) -> None:
        aws.configure(scale=1000)
        before = http(aws, "clock")
        time.sleep(0.1)
        after = http(aws, "clock")
        assert after["scale"] == 1000
        assert 90 < after["now"] - before["now"] < 1000
        made = aws.backstage("iam").create_user(UserName="bob")["User"]["CreateDate"].timestamp()
        assert abs(made - after["now"]) < 500
        assert abs(made - time.time()) > 50

    def test_it_runs_by_hand(self, tmp_path: pathlib.Path) -> None:
        ready = tmp_path / "ready"
        command = [sys.executable, "-m", "tests.emulator", "--ready-file", str(ready)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                url = process.stdout.readline().strip()
                with urllib.request.urlopen(f"{url}/emulator/log") as answer:
                    assert json.load(answer) == []
                assert ready.read_text() == url + "\n"
            finally:
                process.terminate()


def test_a_region_that_does_not_exist_is_refused(aws: Emulator) -> None:
    with pytest.raises(ClientError, match="scoped to a valid region, not 'us-east-9'"):
        aws.client("dynamodb", "us-east-9").list_tables()
    assert aws.client("dynamodb", "eu-north-1").list_tables()["TableNames"] == []
