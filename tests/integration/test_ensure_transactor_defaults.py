# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ensure_transactor with defaults: secure, as the role runs it: what is new is safe, what exists stays as it is."""

from __future__ import annotations

import contextlib
import json
import pathlib
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.chaos.kill_points import in_a_child
from tests.emulator import Emulator
from tests.integration.ensuring import ROLES, USERS, ensure, kinds, writes

SECURE: dict[str, Any] = {"defaults": "secure"}
DENY = {"Sid": "theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": "arn:aws:s3:::b"}
SETTINGS = ["public_access_block", "encryption", "bucket_policy", "tags"]


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "orders.properties"
    path.write_text(ROLES)
    return path


def bucket(aws: Emulator) -> dict[str, Any]:
    """The one bucket: its policy's statements and its tags."""
    s3 = aws.backstage("s3")
    (name,) = [one["Name"] for one in s3.list_buckets()["Buckets"]]
    found: dict[str, Any] = {"name": name, "statements": [], "tags": {}}
    with contextlib.suppress(ClientError):
        found["statements"] = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
    with contextlib.suppress(ClientError):
        found["tags"] = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=name)["TagSet"]}
    return found


def actions(aws: Emulator) -> set[str]:
    """What the policies of all roles allow."""
    roles = aws.snapshot()["roles"].values()
    return {
        action
        for role in roles
        for policy in role["policies"].values()
        for statement in policy["Statement"]
        for action in statement["Action"]
    }


def secure(aws: Emulator) -> bool:
    (statement,) = bucket(aws)["statements"] or [{}]
    condition: object = statement.get("Condition")
    return condition == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_fresh_account_gets_all_of_them(aws: Emulator, file: pathlib.Path) -> None:
    planned = ensure(aws, file, check=True, **SECURE)
    done = ensure(aws, file, tags={"team": "orders"}, **SECURE)
    assert kinds(planned) == kinds(done)
    made = [action["resource"] for action in done["actions"] if action["service"] == "s3"]
    assert made == ["bucket", *SETTINGS]
    assert secure(aws)
    assert bucket(aws)["tags"] == {"team": "orders", "datomic-onprem:system": "us-east-1/orders/aws-s3-log-bucket-id"}
    assert "dynamodb:PutItem" in actions(aws)
    assert not {"dynamodb:*", "dynamodb:DeleteTable"} & actions(aws)
    since = len(aws.calls())
    assert ensure(aws, file, **SECURE)["changed"] is False
    assert [call.operation for call in aws.calls()[since:] if call.service == "s3"] == ["HeadBucket"]


@pytest.mark.parametrize("content", [ROLES, USERS + "aws-s3-log-bucket-id=\n"])
def test_a_system_that_exists_keeps_what_it_has(aws: Emulator, file: pathlib.Path, content: str) -> None:
    file.write_text(content)
    assert not ensure(aws, file)["failed"]
    since = len(writes(aws))
    for check in (True, False):
        again = ensure(aws, file, check=check, **SECURE)
        assert (again["failed"], again["changed"]) == (False, False), again
    assert len(writes(aws)) == since
    if content is ROLES:
        assert "dynamodb:*" in actions(aws)


def test_a_system_that_gets_another_policy_keeps_its_kind(aws: Emulator, file: pathlib.Path) -> None:
    for defaults, allowed in (({}, "cloudwatch:PutMetricDataBatch"), (SECURE, "cloudwatch:PutMetricData")):
        aws.reset()
        file.write_text(ROLES.replace("aws-cloudwatch-region=us-east-1\n", ""))
        assert not ensure(aws, file, **defaults)["failed"]
        file.write_text(file.read_text() + "aws-cloudwatch-region=us-east-1\n")
        assert kinds(ensure(aws, file, **SECURE)) == ["iam role_policy create"]
        assert max(action for action in actions(aws) if action.startswith("cloudwatch")) == allowed


def test_a_named_bucket_of_others_stays_as_it_is(aws: Emulator, file: pathlib.Path) -> None:
    aws.backstage("s3").create_bucket(Bucket="company-logs")
    file.write_text(ROLES.replace("bucket-id=", "bucket-id=company-logs"))
    done = ensure(aws, file, **SECURE)
    assert [action for action in done["actions"] if action["service"] == "s3"] == []
    assert bucket(aws) == {"name": "company-logs", "statements": [], "tags": {}}


def test_what_is_asked_for_is_changed_on_what_exists_too(aws: Emulator, file: pathlib.Path) -> None:
    assert not ensure(aws, file)["failed"]
    done = ensure(aws, file, bucket_tls_only=True, policies="least_privilege", **SECURE)
    assert kinds(done) == ["s3 bucket_policy update", *["iam role_policy update"] * 4]
    assert secure(aws)
    assert "dynamodb:*" not in actions(aws)
    assert ensure(aws, file, bucket_tls_only=True, **SECURE)["changed"] is False
    assert kinds(ensure(aws, file, bucket_tls_only=False, **SECURE)) == ["s3 bucket_policy delete"]
    assert bucket(aws)["statements"] == []


def test_what_is_asked_for_counts_for_what_is_new(aws: Emulator, file: pathlib.Path) -> None:
    done = ensure(aws, file, bucket_tls_only=False, bucket_encryption="aws:kms", policies="tool", **SECURE)
    assert not done["failed"]
    assert bucket(aws)["statements"] == []
    s3 = aws.backstage("s3")
    (rule,) = s3.get_bucket_encryption(Bucket=bucket(aws)["name"])["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert "dynamodb:*" in actions(aws)


def test_other_statements_of_the_bucket_policy_stay(aws: Emulator, file: pathlib.Path) -> None:
    assert not ensure(aws, file)["failed"]
    s3, name = aws.backstage("s3"), bucket(aws)["name"]
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [DENY]}))
    for wanted, statements in ((True, 2), (False, 1)):
        assert not ensure(aws, file, bucket_tls_only=wanted)["failed"]
        assert len(bucket(aws)["statements"]) == statements
    # The same statement under another name, as somebody else may have written it.
    own = {**DENY, "Action": ["S3:*"], "Principal": {"AWS": "*"}, "Resource": [f"arn:aws:s3:::{name}/*"]}
    own |= {"Resource": [f"arn:aws:s3:::{name}/*", f"arn:aws:s3:::{name}"]}
    own |= {"Condition": {"Bool": {"aws:SecureTransport": False}}}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": own}))
    assert ensure(aws, file, bucket_tls_only=True)["changed"] is False


@pytest.mark.parametrize("name", ["", "our-logs"])
@pytest.mark.parametrize(
    "call",
    [
        "CreateBucket",
        "PutPublicAccessBlock",
        "PutBucketEncryption",
        "PutBucketPolicy",
        "PutBucketTagging",
        "CreateRole",
    ],
)
def test_a_run_that_was_killed_is_mended_by_the_next(aws: Emulator, file: pathlib.Path, call: str, name: str) -> None:
    file.write_text(ROLES.replace("bucket-id=", f"bucket-id={name}"))

    def prepare(pid: int) -> None:
        aws.fault(match=f"^s3:{call}:|^iam:{call}:", mode="kill_after", pid=pid)

    assert in_a_child(lambda: ensure(aws, file, tags={"team": "orders"}, **SECURE), prepare), "it makes this call too"
    aws.clear_faults()
    again = ensure(aws, file, tags={"team": "orders"}, **SECURE)
    assert not again["failed"], again
    assert secure(aws)
    assert set(bucket(aws)["tags"]) == {"team", "datomic-onprem:system"}
    assert "dynamodb:*" not in actions(aws)
    assert ensure(aws, file, tags={"team": "orders"}, **SECURE)["changed"] is False


def test_an_older_boto3_tags_in_a_call_of_its_own(
    aws: Emulator, file: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import s3

    monkeypatch.setattr(s3, "_takes_tags", lambda _client: False)
    assert not ensure(aws, file, **SECURE)["failed"]
    assert secure(aws)
    assert set(bucket(aws)["tags"]) == {"datomic-onprem:system"}
