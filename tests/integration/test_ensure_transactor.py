# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ensure_transactor against the emulated AWS: create, no change, update, check, diff; roles, profiles and policies."""

from __future__ import annotations

import http.server
import json
import pathlib
import re
import threading
from typing import Any

import pytest

from tests.emulator import Emulator
from tests.integration.ensuring import ROLES, ensure, kinds, warned, writes
from tests.modules import CREDENTIALS, run_module

ROLE = "datomic-aws-transactor"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "orders.properties"
    path.write_text(ROLES)
    return path


def test_check_mode_tells_what_the_real_run_does_and_writes_nothing(aws: Emulator, file: pathlib.Path) -> None:
    planned = ensure(aws, file, check=True, tags={"team": "orders"})
    assert not writes(aws)
    assert file.read_text() == ROLES
    done = ensure(aws, file, tags={"team": "orders"})
    bucket = done["generated"]["aws-s3-log-bucket-id"]
    assert re.fullmatch("datomic-logs-[0-9a-f-]{36}", bucket)
    for part in ("actions", "changed", "generated", "properties", "diff"):
        shown = json.dumps(done[part]).replace(str(bucket), "datomic-logs-<generated>")
        assert json.loads(shown) == planned[part], part
    assert planned["changed"]


def test_second_run_changes_nothing_in_thirteen_reads(aws: Emulator, file: pathlib.Path) -> None:
    ensure(aws, file)
    text, calls = file.read_text(), len(aws.calls())
    result = ensure(aws, file)
    assert (result["changed"], result["diff"], result["actions"]) == (False, [], [])
    assert [call.kind for call in aws.calls()[calls:]] == ["read"] * 13
    assert file.read_text() == text


def test_a_file_that_bin_datomic_completed_needs_nothing(aws: Emulator, tmp_path: pathlib.Path) -> None:
    """Its policies have no Version, single items for lists, and its roles another trust policy than ours may."""
    file = tmp_path / "orders.properties"
    file.write_text(
        "protocol=ddb\nhost=h\nport=4334\naws-dynamodb-table=orders\naws-dynamodb-region=us-east-1\n"
        "aws-transactor-role=tx\naws-peer-role=tx\n"
    )
    ensure(aws, file)
    iam = aws.client("iam")
    policy = {
        "Version": "2012-10-17",
        "Statement": {
            "Sid": "Mine",
            "Resource": ["arn:aws:dynamodb:*:123456789012:table/orders"],
            "Effect": "Allow",
            "Action": "DynamoDB:*",
        },
    }
    iam.put_role_policy(RoleName="tx", PolicyName="orders-transactor", PolicyDocument=json.dumps(policy))
    assert ensure(aws, file)["actions"] == []


def test_names_are_on_disk_before_anything_is_created(aws: Emulator, file: pathlib.Path) -> None:
    aws.fault(match=":write$", k=1, mode="error", code="AccessDeniedException", status=400)
    result = ensure(aws, file)
    assert result["failed"]
    assert "aws-transactor-role=datomic-aws-transactor\naws-peer-role=datomic-aws-peer\n" in file.read_text()
    assert re.search("aws-s3-log-bucket-id=datomic-logs-[0-9a-f-]{36}\n", file.read_text())
    assert not aws.client("dynamodb").list_tables()["TableNames"]


def test_dest_keeps_the_names_that_an_earlier_run_generated(aws: Emulator, file: pathlib.Path) -> None:
    dest = file.with_name("done.properties")
    first = ensure(aws, file, dest=str(dest))
    assert first["changed"]
    text = dest.read_text()
    second = ensure(aws, file, dest=str(dest))
    assert (second["changed"], second["actions"], dest.read_text()) == (False, [], text)
    assert second["generated"] == first["generated"]
    assert file.read_text() == ROLES
    file.write_text(ROLES + "# new\n")
    third = ensure(aws, file, dest=str(dest))
    assert (third["changed"], third["actions"], dest.read_text()) == (True, [], text + "# new\n")


def test_a_policy_that_means_something_else_is_written_again(aws: Emulator, file: pathlib.Path) -> None:
    ensure(aws, file)
    iam = aws.client("iam")
    denied = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=ROLE, PolicyName="orders-transactor", PolicyDocument=json.dumps(denied))
    result = ensure(aws, file)
    assert result["actions"] == [
        {"service": "iam", "resource": "role_policy", "name": f"{ROLE}/orders-transactor", "change": "update"}
    ]
    assert "Deny" in result["diff"][0]["before"]
    document = iam.get_role_policy(RoleName=ROLE, PolicyName="orders-transactor")["PolicyDocument"]
    assert document["Statement"][0]["Action"] == ["dynamodb:*"]


def test_policies_of_least_privilege(aws: Emulator, file: pathlib.Path) -> None:
    ensure(aws, file)
    result = ensure(aws, file, policies="least_privilege")
    assert [action["change"] for action in result["actions"]] == ["update"] * 4
    iam = aws.client("iam")
    names = iam.list_role_policies(RoleName=ROLE)["PolicyNames"]
    granted = [
        statement
        for name in names
        for statement in iam.get_role_policy(RoleName=ROLE, PolicyName=name)["PolicyDocument"]["Statement"]
    ]
    assert not [one for one in granted if "*" in "".join(one["Action"])]
    resources = "".join(str(one["Resource"]) for one in granted)
    assert "arn:aws:dynamodb:us-east-1:123456789012:table/orders" in resources
    assert ensure(aws, file, policies="least_privilege")["actions"] == []


def test_tags_on_everything_that_is_created(aws: Emulator, file: pathlib.Path) -> None:
    result = ensure(aws, file, tags={"team": "orders"})
    expected = [{"Key": "team", "Value": "orders"}]
    owner = [{"Key": "datomic-onprem:system", "Value": "us-east-1/orders/aws-transactor-role"}]
    iam = aws.client("iam")
    assert iam.get_role(RoleName=ROLE)["Role"]["Tags"] == expected + owner
    assert iam.get_instance_profile(InstanceProfileName=ROLE)["InstanceProfile"]["Tags"] == expected
    assert aws.client("s3").get_bucket_tagging(Bucket=result["generated"]["aws-s3-log-bucket-id"])["TagSet"] == expected
    dynamodb = aws.client("dynamodb")
    arn = dynamodb.describe_table(TableName="orders")["Table"]["TableArn"]
    assert dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"] == expected
    assert ensure(aws, file, tags={"team": 7})["actions"] == []


def test_a_bucket_without_tags_was_left_by_a_run_that_was_killed(aws: Emulator, file: pathlib.Path) -> None:
    bucket = ensure(aws, file)["generated"]["aws-s3-log-bucket-id"]
    tagging = {"service": "s3", "resource": "tags", "name": bucket, "change": "update"}
    assert tagging in ensure(aws, file, check=True, tags={"team": "orders"})["actions"]
    assert tagging in ensure(aws, file, tags={"team": "orders"})["actions"]
    assert aws.client("s3").get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "team", "Value": "orders"}]
    assert ensure(aws, file, tags={"team": "others", "of": "theirs"})["actions"] == [], "tags that are there stay"


def test_a_role_without_its_profile_gets_one(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(ROLES.replace("aws-transactor-role=", "aws-transactor-role=tx"))
    iam = aws.client("iam")
    iam.create_role(RoleName="tx", AssumeRolePolicyDocument=TRUST)
    result = ensure(aws, file)
    assert {"service": "iam", "resource": "instance_profile", "name": "tx", "change": "create"} in result["actions"]
    assert ("role", "tx") not in [(action["resource"], action["name"]) for action in result["actions"]]
    profile = iam.get_instance_profile(InstanceProfileName="tx")["InstanceProfile"]
    assert [role["RoleName"] for role in profile["Roles"]] == ["tx"]


def test_a_profile_that_lost_its_role_gets_it_back(aws: Emulator, file: pathlib.Path) -> None:
    ensure(aws, file)
    iam = aws.client("iam")
    iam.remove_role_from_instance_profile(InstanceProfileName=ROLE, RoleName=ROLE)
    assert kinds(ensure(aws, file)) == ["iam instance_profile update"]
    assert iam.get_instance_profile(InstanceProfileName=ROLE)["InstanceProfile"]["Roles"]


def test_a_profile_with_another_role_is_an_error_for_a_named_role(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(ROLES.replace("aws-transactor-role=", "aws-transactor-role=tx"))
    iam = aws.client("iam")
    iam.create_role(RoleName="other", AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName="tx")
    iam.add_role_to_instance_profile(InstanceProfileName="tx", RoleName="other")
    before = len(writes(aws))
    result = ensure(aws, file)
    assert result["failed"]
    assert "the instance profile tx holds the role other, not tx" in result["msg"]
    assert f"{file}:6: aws-transactor-role" in result["msg"]
    assert len(writes(aws)) == before


def test_a_profile_with_another_role_makes_a_generated_name_taken(aws: Emulator, file: pathlib.Path) -> None:
    iam = aws.client("iam")
    iam.create_role(RoleName="other", AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName=ROLE)
    iam.add_role_to_instance_profile(InstanceProfileName=ROLE, RoleName="other")
    assert ensure(aws, file)["generated"]["aws-transactor-role"] == f"{ROLE}-1"


def test_a_name_that_the_file_uses_already_is_not_generated_again(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(ROLES.replace("aws-peer-role=", f"aws-peer-role={ROLE}"))
    assert ensure(aws, file)["generated"]["aws-transactor-role"] == f"{ROLE}-1"


def test_a_role_that_ec2_may_not_assume_is_a_warning(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(ROLES.replace("aws-transactor-role=", "aws-transactor-role=tx"))
    trust = TRUST.replace("ec2.amazonaws.com", "lambda.amazonaws.com")
    aws.client("iam").create_role(RoleName="tx", AssumeRolePolicyDocument=trust)
    result = ensure(aws, file)
    assert "does not let EC2 instances assume it" in warned(result)
    assert "deprecations" not in result


@pytest.mark.parametrize(
    ("protocol", "given", "missing"),
    [
        ("sql", "", ("sql-url", "sql-driver-class")),
        ("sql", "sql-url=jdbc:postgresql://db/datomic\n", ("sql-driver-class",)),
        ("cass2", "cassandra-host=db\n", ("cassandra-table",)),
    ],
)
def test_other_protocols_need_their_own_keys(
    protocol: str, given: str, missing: tuple[str, ...], aws: Emulator, file: pathlib.Path
) -> None:
    file.write_text(f"protocol={protocol}\nhost=h\nport=4334\n{given}")
    message = ensure(aws, file)["msg"]
    assert [key for key in ("sql-url", "sql-driver-class", "cassandra-table") if f"property: {key}" in message] == [
        *missing
    ]
    assert not ensure(aws, file, secrets=list(missing))["failed"]


def test_other_protocols_grant_logs_and_metrics_to_a_named_role(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(
        "protocol=sql\nhost=h\nport=4334\nsql-url=jdbc:postgresql://db/datomic\nsql-driver-class=d\n"
        "aws-transactor-role=tx\naws-s3-log-bucket-id=our-logs\naws-cloudwatch-region=eu-west-1\n"
    )
    assert "the bucket our-logs is not there, or cannot be written" in ensure(aws, file)["msg"]
    assert not writes(aws)
    aws.client("s3").create_bucket(Bucket="our-logs")
    result = ensure(aws, file)
    assert [action["name"] for action in result["actions"] if action["resource"] == "role_policy"] == [
        "tx/our-logs-transactor-logs",
        "tx/transactor-metrics",
    ]
    assert not [call for call in aws.calls() if call.service in ("dynamodb", "sts")]
    assert ensure(aws, file)["changed"] is False


def test_more_writers_than_the_table_has_units_for(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(ROLES + "write-concurrency=8\n")
    told = "8 concurrent writes on a table with 50 write units"
    assert told in warned(ensure(aws, file, check=True))
    assert told not in warned(ensure(aws, file, check=True, table_write_capacity=1600))
    assert told not in warned(ensure(aws, file, check=True, table_billing_mode="PAY_PER_REQUEST"))
    assert told not in warned(ensure(aws, file, check=True, table_max_write_capacity=1600))
    reason = {"rule": "write-capacity", "reason": "Bursts are rare."}
    assert told not in warned(ensure(aws, file, accept=[reason]))
    aws.clear_calls()
    assert told in warned(ensure(aws, file))


def test_dynamodb_local(aws: Emulator, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "local.properties"
    text = f"protocol=ddb-local\nhost=h\nport=4334\naws-dynamodb-override-endpoint={aws.url.partition('://')[2]}\n"
    file.write_text(text)
    result = ensure(aws, file, endpoint_url="http://127.0.0.1:9", tags={"a": "b"}, table_point_in_time_recovery=True)
    assert result["generated"] == {"aws-dynamodb-table": "datomic"}
    assert file.read_text() == text + "aws-dynamodb-table=datomic\n"
    assert [call.operation for call in aws.calls()] == ["DescribeTable", "CreateTable"]
    assert ensure(aws, file)["changed"] is False


class Page(http.server.BaseHTTPRequestHandler):
    """A web server that is no DynamoDB."""

    status, body = 200, b""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(self.status)
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, b"<html>Welcome</html>", "what answers there is no DynamoDB"),
        (200, b'{"ok": true}', "what answers there is no DynamoDB"),
        (200, b"[1]", "what answers there is no DynamoDB"),
        (200, b"", "what answers there is no DynamoDB"),
        (404, b"<html>nothing here</html>", "what answers there is no DynamoDB (An error occurred (404)"),
        (400, b'{"__type": "UnknownOperationException"}', "what answers there is no DynamoDB"),
        (
            400,
            b'{"__type": "x#AccessDeniedException", "message": "no"}',
            "Could not read the table datomic: AccessDenied",
        ),
        (0, b"", "nothing answers there"),
    ],
)
def test_an_endpoint_that_is_no_dynamodb_is_named(tmp_path: pathlib.Path, status: int, body: bytes, told: str) -> None:
    handler = type("Handler", (Page,), {"status": status, "body": body})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        endpoint = f"127.0.0.1:{server.server_port}"
        if status:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        else:
            server.server_close()
        file = tmp_path / "local.properties"
        file.write_text(f"protocol=ddb-local\nhost=h\nport=4334\naws-dynamodb-override-endpoint={endpoint}\n")
        result = run_module("ensure_transactor", {**CREDENTIALS, "src": str(file)}, check=True)
        if status:
            server.shutdown()
    assert result["failed"]
    assert told in result["msg"]
    if "AccessDenied" not in told:
        assert f"http://{endpoint}, the aws-dynamodb-override-endpoint of {file}" in result["msg"]


def test_the_file_decides_the_region_of_table_and_bucket(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(ROLES.replace("aws-dynamodb-region=us-east-1", "aws-dynamodb-region=eu-west-1"))
    result = ensure(aws, file)
    assert aws.client("dynamodb", "eu-west-1").list_tables()["TableNames"] == ["orders"]
    bucket = result["generated"]["aws-s3-log-bucket-id"]
    assert aws.client("s3").get_bucket_location(Bucket=bucket)["LocationConstraint"] == "eu-west-1"


def test_without_a_region_in_the_file_the_connection_decides(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(ROLES.replace("aws-dynamodb-region=us-east-1\n", ""))
    assert not ensure(aws, file, region="eu-central-1")["failed"]
    assert aws.client("dynamodb", "eu-central-1").list_tables()["TableNames"] == ["orders"]


def test_another_account_stops_the_run_before_anything(aws: Emulator, file: pathlib.Path) -> None:
    result = ensure(aws, file, account_id="210987654321")
    assert "belong to account 123456789012, not to 210987654321" in result["msg"]
    assert [call.operation for call in aws.calls()] == ["GetCallerIdentity"]
    assert file.read_text() == ROLES
    assert not ensure(aws, file, account_id="123456789012")["failed"]


def test_all_that_is_wrong_is_told_at_once(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(
        "protocol=ddb\nport=99999\naws-dynamodb-table=a b\naws-dynamodb-region=mars\naws-peer-role=a/b\n"
        "aws-s3-log-bucket-id=Logs\nwrite-concurrency=1\n"
    )
    message = ensure(aws, file)["msg"]
    for part in (
        "8 errors",
        "Missing property: host",
        "Invalid value for port: 99999",
        "Cannot use aws-transactor-role",
        ":3: aws-dynamodb-table: Invalid value for aws-dynamodb-table: a b. Invalid table/index name.",
        ":4: aws-dynamodb-region: Invalid value for aws-dynamodb-region: mars",
        ":5: aws-peer-role: Invalid value for aws-peer-role: a/b",
        ":6: aws-s3-log-bucket-id: Invalid value for aws-s3-log-bucket-id: Logs",
        "Invalid value for write-concurrency: 1",
    ):
        assert part in message, message
    assert aws.calls() == []


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize(
    ("blank", "named", "name", "policy"),
    [
        ("aws-transactor-role", "aws-peer-role", "datomic-aws-transactor", "orders-peer"),
        ("aws-peer-role", "aws-transactor-role", "datomic-aws-peer", "orders-transactor"),
    ],
)
def test_a_generated_role_is_none_that_the_file_names(
    aws: Emulator, tmp_path: pathlib.Path, blank: str, named: str, name: str, policy: str, there: bool
) -> None:
    """Peers would get the transactor's rights, or the transactor only theirs once the name is changed."""
    if there:
        file = tmp_path / "first.properties"
        file.write_text(ROLES.replace("aws-s3-log-bucket-id=\n", "").replace("aws-cloudwatch-region=us-east-1\n", ""))
        ensure(aws, file)
    file = tmp_path / "orders.properties"
    file.write_text(ROLES.replace(f"{named}=", f"{named}={name}"))
    assert not ensure(aws, file)["failed"]
    generated = next(line.partition("=")[2] for line in file.read_text().splitlines() if line.startswith(f"{blank}="))
    assert generated == f"{name}-1"
    assert not ensure(aws, file)["changed"]
    assert policy in aws.snapshot()["roles"][name]["policies"]
    assert policy not in aws.snapshot()["roles"][generated]["policies"]
