# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ensure_transactor with users and access keys, the deprecated way: no key is lost, none is left, none is shown."""

from __future__ import annotations

import json
import pathlib
import re

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.transactor.desired import keys_of

from tests.emulator import Emulator
from tests.integration.ensuring import USERS, ensure, kinds, warned, writes

USER, PEER = "datomic-aws-dynamodb", "datomic-aws-dynamodb-peer"
METRICS, LOGS = "datomic-aws-cloudwatch", "datomic-aws-s3-log"


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "orders.properties"
    path.write_text(USERS)
    return path


def keys(aws: Emulator, user: str) -> set[str]:
    found = aws.client("iam").list_access_keys(UserName=user)["AccessKeyMetadata"]
    return {key["AccessKeyId"] for key in found}


def tags(aws: Emulator, user: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = aws.client("iam").get_user(UserName=user)["User"].get("Tags", [])
    return found


def values(file: pathlib.Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def as_after_one_run(aws: Emulator, file: pathlib.Path) -> None:
    """Both users with the one key that the file holds, and no mark of an unfinished run."""
    written = values(file)
    for user, prefix in ((USER, "aws-dynamodb"), (PEER, "aws-dynamodb-peer")):
        assert written[f"{prefix}-user"] == user
        assert keys(aws, user) == {written[f"{prefix}-access-key-id"]}
        assert len(written[f"{prefix}-secret-key"]) >= 20
        assert tags(aws, user) == [{"Key": "datomic-onprem:system", "Value": f"us-east-1/orders/{prefix}-user"}]
    assert {user["UserName"] for user in aws.client("iam").list_users()["Users"]} == {USER, PEER}


def test_keys_are_made_written_and_never_shown(aws: Emulator, file: pathlib.Path) -> None:
    result = ensure(aws, file)
    as_after_one_run(aws, file)
    shown = json.dumps(result)
    for key, value in values(file).items():
        if key.endswith(("-access-key-id", "-secret-key")):
            assert value not in shown
            assert result["generated"][key] == result["properties"][key] == "********"
    assert "users with access keys are deprecated" in warned(result)
    assert ensure(aws, file)["changed"] is False


def test_check_mode_shows_the_same_as_the_real_run(aws: Emulator, file: pathlib.Path) -> None:
    planned = ensure(aws, file, check=True)
    assert not writes(aws)
    done = ensure(aws, file)
    for part in ("actions", "changed", "generated", "properties", "diff"):
        assert planned[part] == done[part], part


@pytest.mark.parametrize("k", [2, 3, 4, 5, 10])
def test_a_run_that_fails_at_any_write_is_finished_by_the_next(aws: Emulator, file: pathlib.Path, k: int) -> None:
    aws.fault(match=":write$", k=k, mode="error", code="AccessDenied")
    first = ensure(aws, file)
    aws.clear_faults()
    assert first["failed"] == (k <= 9), "a run makes nine writes"
    assert not ensure(aws, file)["failed"]
    as_after_one_run(aws, file)


def test_a_key_whose_answer_was_lost_is_deleted_by_the_next_run(aws: Emulator, file: pathlib.Path) -> None:
    # As after a first request whose answer was lost; what is refused outright has made no key.
    aws.fault(match="CreateAccessKey", mode="error", code="LimitExceeded", status=409)
    ensure(aws, file)
    lost = aws.client("iam").create_access_key(UserName=USER)["AccessKey"]["AccessKeyId"]
    result = ensure(aws, file)
    assert kinds(result)[0] == "iam access_key delete"
    assert f"****{lost[-4:]}" in json.dumps(result["diff"])
    assert lost not in json.dumps(result)
    as_after_one_run(aws, file)


def test_a_key_whose_answer_was_lost_is_deleted_by_the_same_run(aws: Emulator, file: pathlib.Path) -> None:
    aws.fault(match="CreateAccessKey", mode="drop_after")
    assert not ensure(aws, file)["failed"]
    as_after_one_run(aws, file)


def test_a_run_that_died_after_the_file_was_written_leaves_no_mark(aws: Emulator, file: pathlib.Path) -> None:
    aws.fault(match="UntagUser", mode="error", code="AccessDenied")
    assert ensure(aws, file)["failed"]
    result = ensure(aws, file)
    assert kinds(result)[0] == "iam user update"
    as_after_one_run(aws, file)


def test_a_user_that_is_not_ours_gets_a_key_beside_its_own(aws: Emulator, file: pathlib.Path) -> None:
    iam = aws.client("iam")
    iam.create_user(UserName="bob")
    old = iam.create_access_key(UserName="bob")["AccessKey"]["AccessKeyId"]
    file.write_text(USERS.replace("aws-dynamodb-user=", "aws-dynamodb-user=bob"))
    result = ensure(aws, file)
    assert f"the user bob has access keys that this file does not know: ****{old[-4:]}" in warned(result)
    assert keys(aws, "bob") == {old, values(file)["aws-dynamodb-access-key-id"]}


def test_a_lost_answer_about_a_user_that_is_not_ours_is_told(aws: Emulator, file: pathlib.Path) -> None:
    """botocore asks again: one of the two keys is in the file, and nobody knows the other one's secret."""
    aws.client("iam").create_user(UserName="bob")
    file.write_text(USERS.replace("aws-dynamodb-user=", "aws-dynamodb-user=bob"))
    aws.fault(match="CreateAccessKey", mode="drop_after")
    result = ensure(aws, file)
    (lost,) = keys(aws, "bob") - {values(file)["aws-dynamodb-access-key-id"]}
    assert f"It seems to be ****{lost[-4:]}: when it is certain that nobody uses it" in warned(result)
    assert "aws iam delete-access-key --user-name bob" in warned(result)


def test_a_lost_answer_about_another_key_of_our_user_leaves_its_first_key(aws: Emulator, file: pathlib.Path) -> None:
    ensure(aws, file)
    first = keys(aws, USER)
    file.write_text(USERS.replace("aws-dynamodb-user=", f"aws-dynamodb-user={USER}"))
    aws.fault(match="CreateAccessKey", mode="drop_after")
    result = ensure(aws, file)
    assert "LimitExceeded" in result["msg"], "the first request has made the second key"
    assert not ensure(aws, file)["failed"]
    assert keys(aws, USER) == first | {values(file)["aws-dynamodb-access-key-id"]}


def test_a_refused_key_leaves_no_mark_by_which_a_later_one_would_be_deleted(aws: Emulator, file: pathlib.Path) -> None:
    ensure(aws, file)
    first = keys(aws, USER)
    file.write_text(USERS.replace("aws-dynamodb-user=", f"aws-dynamodb-user={USER}"))
    aws.fault(match="CreateAccessKey", mode="error", code="AccessDenied", status=403)
    assert "Allow iam:CreateAccessKey" in ensure(aws, file)["msg"]
    aws.clear_faults()
    assert [tag["Key"] for tag in aws.client("iam").list_user_tags(UserName=USER)["Tags"]] == ["datomic-onprem:system"]
    by_hand = aws.client("iam").create_access_key(UserName=USER)["AccessKey"]["AccessKeyId"]
    assert "AWS allows 2" in ensure(aws, file)["msg"]
    assert keys(aws, USER) == first | {by_hand}


def test_a_table_of_the_same_name_in_another_region_takes_no_key_for_a_lost_one(
    aws: Emulator, file: pathlib.Path
) -> None:
    ensure(aws, file)
    (old,) = keys(aws, USER)
    other = file.with_name("other.properties")
    other.write_text(USERS.replace("us-east-1", "eu-west-1").replace("aws-dynamodb-user=", f"aws-dynamodb-user={USER}"))
    assert not ensure(aws, other, region="eu-west-1")["failed"]
    aws.client("iam").delete_access_key(UserName=USER, AccessKeyId=old)
    file.write_text(USERS.replace("aws-dynamodb-user=", f"aws-dynamodb-user={USER}"))
    aws.fault(match="UntagUser", mode="error", code="AccessDenied", status=403)
    assert ensure(aws, file)["failed"]
    aws.clear_faults()
    in_use = values(file)["aws-dynamodb-access-key-id"]
    assert in_use in keys(aws, USER)
    assert not ensure(aws, other, region="eu-west-1")["failed"]
    assert in_use in keys(aws, USER)


def test_two_keys_are_aws_limit(aws: Emulator, file: pathlib.Path) -> None:
    iam = aws.client("iam")
    iam.create_user(UserName="bob")
    for _key in range(2):
        iam.create_access_key(UserName="bob")
    file.write_text(USERS.replace("aws-dynamodb-user=", "aws-dynamodb-user=bob"))
    before = len(writes(aws))
    result = ensure(aws, file)
    assert re.search(r":7: aws-dynamodb-access-key-id: the user bob has access keys .*AWS allows 2", result["msg"])
    assert len(writes(aws)) == before


def test_a_user_of_another_system_is_left_alone(aws: Emulator, file: pathlib.Path) -> None:
    """Another file's run is between key and file: its user carries the tag with another value."""
    iam = aws.client("iam")
    tag = {"Key": "datomic-onprem:unsaved-access-key", "Value": "invoices/aws-dynamodb"}
    iam.create_user(UserName="bob", Tags=[tag])
    old = iam.create_access_key(UserName="bob")["AccessKey"]["AccessKeyId"]
    file.write_text(USERS.replace("aws-dynamodb-user=", "aws-dynamodb-user=bob"))
    ensure(aws, file)
    assert old in keys(aws, "bob")
    assert tags(aws, "bob") == [tag]


def test_a_second_place_of_a_user_gets_the_key_that_the_file_has(aws: Emulator, file: pathlib.Path) -> None:
    ensure(aws, file)
    more = "aws-cloudwatch-region=us-east-1\naws-cloudwatch-user={}\naws-cloudwatch-access-key-id=\n"
    file.write_text(file.read_text() + more.format(USER) + "aws-cloudwatch-secret-key=\n")
    result = ensure(aws, file)
    assert kinds(result) == ["iam user_policy create"]
    assert values(file)["aws-cloudwatch-secret-key"] == values(file)["aws-dynamodb-secret-key"]
    as_after_one_run(aws, file)


KEPT_KEYS = ["aws-dynamodb-access-key-id", "aws-dynamodb-secret-key"]


def test_no_key_is_made_for_one_that_is_kept_elsewhere(aws: Emulator, file: pathlib.Path) -> None:
    aws.client("iam").create_user(UserName="bob")
    kept = aws.client("iam").create_access_key(UserName="bob")["AccessKey"]["AccessKeyId"]
    file.write_text(USERS.replace("aws-dynamodb-user=", "aws-dynamodb-user=bob"))
    result = ensure(aws, file, secrets=KEPT_KEYS)
    assert not result["failed"], result["msg"]
    assert keys(aws, "bob") == {kept}
    assert {values(file)[key] for key in KEPT_KEYS} == {""}
    assert values(file)["aws-dynamodb-peer-access-key-id"]
    assert "orders-transactor" in aws.client("iam").list_user_policies(UserName="bob")["PolicyNames"]
    assert not ensure(aws, file, secrets=KEPT_KEYS)["changed"]


def test_a_user_whose_name_is_kept_elsewhere_is_left_alone(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(USERS.replace("aws-dynamodb-user=\naws-dynamodb-access-key-id=\naws-dynamodb-secret-key=\n", ""))
    result = ensure(aws, file, secrets=["aws-dynamodb-user", *KEPT_KEYS])
    assert not result["failed"], result["msg"]
    assert [user["UserName"] for user in aws.client("iam").list_users()["Users"]] == [PEER]


def test_half_a_key_that_is_kept_elsewhere_is_refused(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(USERS.replace("aws-dynamodb-user=", "aws-dynamodb-user=bob"))
    result = ensure(aws, file, secrets=["aws-dynamodb-secret-key"])
    assert "aws-dynamodb-access-key-id,aws-dynamodb-secret-key must be both set, or both unset." in result["msg"]
    # The other triplet of the same user cannot get a key that nobody here knows.
    aws.client("iam").create_user(UserName="bob")
    file.write_text(file.read_text().replace("aws-dynamodb-peer-user=", "aws-dynamodb-peer-user=bob"))
    aws.clear_calls()
    result = ensure(aws, file, secrets=KEPT_KEYS)
    assert "keep aws-dynamodb-peer-access-key-id and aws-dynamodb-peer-secret-key there as well" in result["msg"]
    assert not writes(aws)


def test_a_user_that_another_file_needs_too_keeps_its_policies(aws: Emulator, file: pathlib.Path) -> None:
    ensure(aws, file)
    other = file.with_name("invoices.properties")
    other.write_text(file.read_text().replace("orders", "invoices"))
    assert kinds(ensure(aws, other))[1:] == ["iam user_policy create", "iam user_policy create"]
    assert aws.client("iam").list_user_policies(UserName=USER)["PolicyNames"] == [
        "orders-transactor",
        "invoices-transactor",
    ]


def test_the_warning_about_users_goes_with_the_rule_s_acceptance(aws: Emulator, file: pathlib.Path) -> None:
    reason = {"rule": "deprecated-key", "reason": "The transactors run outside of EC2."}
    assert "users with access keys are deprecated" not in warned(ensure(aws, file, check=True, accept=[reason]))


def test_users_for_logs_and_metrics_are_made_beside_a_role(aws: Emulator, file: pathlib.Path) -> None:
    """The role has the rights as well: the triplets stand for themselves."""
    file.write_text(
        "protocol=ddb\nhost=h\nport=4334\naws-dynamodb-region=us-east-1\naws-transactor-role=\naws-peer-role=\n"
        "aws-cloudwatch-region=us-east-1\naws-s3-log-bucket-id=our-logs\n"
        "aws-cloudwatch-user=\naws-cloudwatch-access-key-id=\naws-cloudwatch-secret-key=\n"
        "aws-s3-log-user=\naws-s3-log-access-key-id=\naws-s3-log-secret-key=\n"
    )
    ensure(aws, file)
    iam = aws.client("iam")
    made = {user: iam.list_user_policies(UserName=user)["PolicyNames"] for user in (METRICS, LOGS)}
    assert made == {METRICS: ["transactor-metrics"], LOGS: ["our-logs-transactor-logs"]}
    assert set(iam.list_role_policies(RoleName="datomic-aws-transactor")["PolicyNames"]) == {
        "datomic-transactor",
        "our-logs-transactor-logs",
        "transactor-metrics",
    }
    assert keys(aws, METRICS) == {values(file)["aws-cloudwatch-access-key-id"]}
    assert not ensure(aws, file)["changed"]


def test_an_incomplete_user_for_metrics_is_an_error_beside_a_role_too(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(
        "protocol=ddb\nhost=h\nport=4334\naws-dynamodb-region=us-east-1\naws-transactor-role=\naws-peer-role=\n"
        "aws-cloudwatch-region=us-east-1\naws-cloudwatch-user=\n"
    )
    message = ensure(aws, file)["msg"]
    assert "aws-cloudwatch-user,aws-cloudwatch-access-key-id,aws-cloudwatch-secret-key must be specified" in message
    assert writes(aws) == []


@pytest.mark.parametrize(
    ("prefix", "user", "lacking"),
    [("aws-cloudwatch", METRICS, "aws-cloudwatch-region"), ("aws-s3-log", LOGS, "aws-s3-log-bucket-id")],
)
def test_a_user_for_what_the_file_does_not_turn_on(
    aws: Emulator, file: pathlib.Path, prefix: str, user: str, lacking: str
) -> None:
    """The triplet asks for a user, so there is one, and a warning that it may do nothing."""
    file.write_text(USERS + "".join(f"{key}=\n" for key in keys_of(prefix)))
    result = ensure(aws, file)
    assert f"{prefix}-user: the user gets no policy, as {lacking} has no value (write {lacking})" in warned(result)
    assert aws.client("iam").list_user_policies(UserName=user)["PolicyNames"] == []
    assert keys(aws, user) == {values(file)[f"{prefix}-access-key-id"]}
    assert not ensure(aws, file)["changed"]
    reason = {"rule": "user-without-policy", "reason": "Another tool gives it its rights."}
    assert "gets no policy" not in warned(ensure(aws, file, accept=[reason]))


def test_a_user_whose_key_stands_in_one_triplet_and_not_in_another(aws: Emulator, file: pathlib.Path) -> None:
    """One user, one key: wherever in the file it stands, and although the user was not made by us."""
    iam = aws.client("iam")
    iam.create_user(UserName="bob")
    key = iam.create_access_key(UserName="bob")["AccessKey"]
    triplet = "aws-dynamodb-peer-user=\naws-dynamodb-peer-access-key-id=\naws-dynamodb-peer-secret-key=\n"
    given = f"user=bob\naws-dynamodb-peer-access-key-id={key['AccessKeyId']}\n"
    given += f"aws-dynamodb-peer-secret-key={key['SecretAccessKey']}\n"
    text = USERS.replace("aws-dynamodb-user=", "aws-dynamodb-user=bob")
    file.write_text(text.replace(triplet, f"aws-dynamodb-peer-{given}"))
    result = ensure(aws, file)
    assert values(file)["aws-dynamodb-access-key-id"] == key["AccessKeyId"]
    assert values(file)["aws-dynamodb-secret-key"] == key["SecretAccessKey"]
    assert keys(aws, "bob") == {key["AccessKeyId"]}
    assert kinds(result) == ["dynamodb table create", "iam user_policy create", "iam user_policy create"]
    assert not ensure(aws, file)["changed"]
