# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ensure_transactor: tables and buckets that exist, and the options on them."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from tests.emulator import Emulator
from tests.integration.ensuring import ROLES, ensure, kinds, warned, writes

ID = {"AttributeName": "id", "AttributeType": "S"}
HASH = {"AttributeName": "id", "KeyType": "HASH"}


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "orders.properties"
    path.write_text(ROLES.replace("bucket-id=", "bucket-id=our-logs"))
    return path


def make_table(aws: Emulator, **more: Any) -> None:
    request = {
        "TableName": "orders",
        "KeySchema": [HASH],
        "AttributeDefinitions": [ID],
        "ProvisionedThroughput": {"ReadCapacityUnits": 7, "WriteCapacityUnits": 60},
    }
    aws.backstage("dynamodb").create_table(**request | more)


def table(aws: Emulator) -> dict[str, Any]:
    found: dict[str, Any] = aws.client("dynamodb").describe_table(TableName="orders")["Table"]
    return found


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            {"KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
             "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}]},
            "the table orders has the key pk (S, HASH); Datomic's has id (S, HASH)",
        ),
        ({"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "N"}]}, "has the key id (N, HASH)"),
        (
            {"KeySchema": [HASH, {"AttributeName": "at", "KeyType": "RANGE"}],
             "AttributeDefinitions": [ID, {"AttributeName": "at", "AttributeType": "N"}]},
            "has the key id (S, HASH), at (N, RANGE)",
        ),
        (
            {"AttributeDefinitions": [ID, {"AttributeName": "at", "AttributeType": "N"}],
             "GlobalSecondaryIndexes": [{
                 "IndexName": "by-time", "KeySchema": [{"AttributeName": "at", "KeyType": "HASH"}],
                 "Projection": {"ProjectionType": "ALL"},
                 "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
             }]},
            "has secondary indexes: by-time",
        ),
    ],
    ids=["name", "type", "range", "index"],
)  # fmt: skip
def test_a_table_that_is_not_datomics_is_an_error(
    aws: Emulator, file: pathlib.Path, wrong: dict[str, Any], told: str
) -> None:
    make_table(aws, **wrong)
    text = file.read_text()
    result = ensure(aws, file)
    assert told in result["msg"]
    assert f"{file}:4: aws-dynamodb-table" in result["msg"]
    assert not writes(aws)
    assert file.read_text() == text


def test_an_existing_table_is_only_raised(aws: Emulator, file: pathlib.Path) -> None:
    make_table(aws)
    result = ensure(aws, file, table_read_capacity=200, table_write_capacity=50)
    assert "50 write units wanted, 60 there" in warned(result)
    units = table(aws)["ProvisionedThroughput"]
    assert (units["ReadCapacityUnits"], units["WriteCapacityUnits"]) == (200, 60)
    assert ensure(aws, file, table_read_capacity=200, table_write_capacity=50)["changed"] is False
    assert ensure(aws, file)["changed"] is False


def test_on_demand_and_never_back(aws: Emulator, file: pathlib.Path) -> None:
    make_table(aws)
    ensure(aws, file, table_billing_mode="PAY_PER_REQUEST")
    assert table(aws)["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert ensure(aws, file, table_billing_mode="PAY_PER_REQUEST")["changed"] is False
    assert "the table orders is on demand" in ensure(aws, file, table_billing_mode="PROVISIONED")["msg"]


def test_options_that_cannot_be_are_refused_at_once(aws: Emulator, file: pathlib.Path) -> None:
    result = ensure(aws, file, table_billing_mode="PAY_PER_REQUEST", table_read_capacity=0, bucket_expiration_days=-1)
    assert "a table on demand has no units" in result["msg"]
    assert "table_read_capacity: Invalid value: 0" in result["msg"]
    assert "bucket_expiration_days: Invalid value: -1" in result["msg"]
    assert aws.calls() == []


@pytest.mark.parametrize("fresh", [True, False])
def test_protection_history_and_billing_of_a_table(aws: Emulator, file: pathlib.Path, fresh: bool) -> None:
    if not fresh:
        make_table(aws)
    aws.configure(table_creating=5.0, scale=100.0)
    options: dict[str, Any] = {
        "table_billing_mode": "PAY_PER_REQUEST",
        "table_deletion_protection": True,
        "table_point_in_time_recovery": True,
    }
    assert not ensure(aws, file, **options)["failed"]
    assert table(aws)["DeletionProtectionEnabled"]
    described = aws.client("dynamodb").describe_continuous_backups(TableName="orders")["ContinuousBackupsDescription"]
    assert described["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert ensure(aws, file, **options)["changed"] is False
    off = ensure(aws, file, table_deletion_protection=False, table_point_in_time_recovery=False)
    assert kinds(off) == ["dynamodb table update", "dynamodb continuous_backups update"]


def scaling(aws: Emulator) -> dict[str, tuple[int, int, float]]:
    """Minimum, maximum and target utilization by kind."""
    client = aws.client("application-autoscaling")
    targets = client.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"]
    policies = client.describe_scaling_policies(ServiceNamespace="dynamodb", ResourceId="table/orders")
    tracked = {
        policy["ScalableDimension"]: policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
        for policy in policies["ScalingPolicies"]
    }
    return {
        target["ScalableDimension"]: (
            target["MinCapacity"],
            target["MaxCapacity"],
            tracked[target["ScalableDimension"]],
        )
        for target in targets
    }


READ, WRITE = "dynamodb:table:ReadCapacityUnits", "dynamodb:table:WriteCapacityUnits"


@pytest.mark.parametrize("fresh", [True, False])
def test_auto_scaling_between_what_is_there_and_the_maximum(aws: Emulator, file: pathlib.Path, fresh: bool) -> None:
    if not fresh:
        make_table(aws)
    options: dict[str, Any] = {
        "table_max_read_capacity": 400,
        "table_max_write_capacity": 90,
        "table_write_capacity": 60,
    }
    result = ensure(aws, file, **options, tags={"team": "orders"})
    assert not result["failed"], result
    both = ["application-autoscaling scalable_target create", "application-autoscaling scaling_policy create"] * 2
    assert [kind for kind in kinds(result) if kind.startswith("application")] == both
    assert scaling(aws) == {READ: (100 if fresh else 7, 400, 70.0), WRITE: (60, 90, 70.0)}
    assert ensure(aws, file, **options)["changed"] is False
    assert ensure(aws, file)["changed"] is False
    # Scaled out meanwhile: the table keeps that, and nobody is told that it was not shrunk.
    client = aws.backstage("dynamodb")
    units = {"ReadCapacityUnits": 300, "WriteCapacityUnits": 80}
    client.update_table(TableName="orders", ProvisionedThroughput=units)
    again = ensure(aws, file, **options)
    assert (again["changed"], "wanted" in warned(again)) == (False, False)


def test_bounds_are_only_ever_raised_and_a_policy_stays(aws: Emulator, file: pathlib.Path) -> None:
    make_table(aws)
    ensure(aws, file, table_max_read_capacity=400)
    assert ensure(aws, file, table_max_read_capacity=200)["changed"] is False
    raised = ensure(aws, file, table_max_read_capacity=500, table_read_capacity=20, table_target_utilization=50)
    assert kinds(raised)[-2:] == [
        "application-autoscaling scalable_target update",
        "application-autoscaling scaling_policy update",
    ]
    assert scaling(aws) == {READ: (20, 500, 50.0)}
    assert ensure(aws, file, table_max_read_capacity=500)["changed"] is False


def test_check_mode_tells_of_auto_scaling_and_sets_none_up(aws: Emulator, file: pathlib.Path) -> None:
    options: dict[str, Any] = {"table_max_read_capacity": 400}
    planned = ensure(aws, file, check=True, **options)
    assert not writes(aws)
    done = ensure(aws, file, **options)
    assert (planned["actions"], planned["diff"][-2:]) == (done["actions"], done["diff"][-2:])


def test_a_table_on_demand_does_not_scale(aws: Emulator, file: pathlib.Path) -> None:
    make_table(aws)
    ensure(aws, file, table_billing_mode="PAY_PER_REQUEST")
    assert ensure(aws, file, table_max_read_capacity=400)["changed"] is False


def test_auto_scaling_that_cannot_be_is_refused_at_once(aws: Emulator, file: pathlib.Path) -> None:
    result = ensure(aws, file, table_max_read_capacity=10, table_read_capacity=11, table_target_utilization=91)
    assert "table_max_read_capacity: Invalid value: 10 is less than the 11 units to start from" in result["msg"]
    assert "table_target_utilization: Invalid value: 91" in result["msg"]
    result = ensure(aws, file, table_billing_mode="PAY_PER_REQUEST", table_max_write_capacity=10)
    assert "a table on demand has no units" in result["msg"]
    assert aws.calls() == []


def test_a_permission_for_auto_scaling_that_lacks_is_named(aws: Emulator, file: pathlib.Path) -> None:
    aws.fault("RegisterScalableTarget", code="AccessDeniedException", status=400, times=99)
    result = ensure(aws, file, table_max_read_capacity=400)
    assert "Could not set up the auto scaling of the table orders/read" in result["msg"]
    assert "Allow application-autoscaling:RegisterScalableTarget on it" in result["msg"]


def test_settings_of_the_bucket(aws: Emulator, file: pathlib.Path) -> None:
    options: dict[str, Any] = {
        "bucket_block_public_access": True,
        "bucket_encryption": "aws:kms",
        "bucket_expiration_days": 90,
    }
    assert kinds(ensure(aws, file, **options))[1:5] == [
        "s3 bucket create",
        "s3 public_access_block update",
        "s3 encryption update",
        "s3 lifecycle update",
    ]
    s3 = aws.client("s3")
    assert all(s3.get_public_access_block(Bucket="our-logs")["PublicAccessBlockConfiguration"].values())
    encryption = s3.get_bucket_encryption(Bucket="our-logs")["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert encryption["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert ensure(aws, file, **options)["changed"] is False
    assert ensure(aws, file)["changed"] is False


def test_other_lifecycle_rules_stay(aws: Emulator, file: pathlib.Path) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="our-logs")
    mine = {"ID": "mine", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 3}}
    s3.put_bucket_lifecycle_configuration(Bucket="our-logs", LifecycleConfiguration={"Rules": [mine]})
    ensure(aws, file, bucket_expiration_days=90)
    assert kinds(ensure(aws, file, bucket_expiration_days=30)) == ["s3 lifecycle update"]
    rules = s3.get_bucket_lifecycle_configuration(Bucket="our-logs")["Rules"]
    assert {rule["ID"]: rule["Expiration"]["Days"] for rule in rules} == {"mine": 3, "datomic-logs-expiration": 30}
    assert ensure(aws, file, bucket_expiration_days=30)["changed"] is False


@pytest.mark.parametrize("tags", [{}, {"team": "orders"}])
def test_a_bucket_of_another_account_is_an_error(aws: Emulator, file: pathlib.Path, tags: dict[str, str]) -> None:
    aws.fault(match="s3:HeadBucket", mode="error", code="403", status=403)
    aws.fault(match="s3:GetBucketTagging", mode="error", code="AccessDenied", status=403)
    result = ensure(aws, file, tags=tags)
    assert "AWS forbids to look at the bucket our-logs" in result["msg"]
    assert not writes(aws)


def test_the_tags_of_a_bucket_are_one_call_with_whether_it_exists(aws: Emulator, file: pathlib.Path) -> None:
    def calls(**options: Any) -> list[str]:
        since = len(aws.calls())
        assert not ensure(aws, file, check=True, **options)["failed"]
        return [call.operation for call in aws.calls()[since:] if call.service == "s3"]

    tags = {"team": "orders"}
    assert calls(tags=tags) == ["GetBucketTagging"], "there is none"
    ensure(aws, file)
    assert calls(tags=tags) == ["GetBucketTagging"], "it has no tags"
    ensure(aws, file, tags=tags)
    assert calls(tags=tags) == ["GetBucketTagging"]
    assert calls() == ["HeadBucket"]


def test_a_missing_permission_for_the_tags_is_no_other_owner(aws: Emulator, file: pathlib.Path) -> None:
    ensure(aws, file)
    aws.fault(match="s3:GetBucketTagging", mode="error", code="AccessDenied", status=403)
    message = ensure(aws, file, tags={"team": "orders"})["msg"]
    assert "read the tagging of the bucket our-logs" in message
    assert "forbids to look" not in message


def test_a_bucket_in_another_region_is_used(aws: Emulator, file: pathlib.Path) -> None:
    aws.client("s3", "eu-west-1").create_bucket(
        Bucket="our-logs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    assert "s3 bucket create" not in kinds(ensure(aws, file))
