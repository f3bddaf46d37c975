# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""URIs, what list-backups prints, ages, lifecycle rules, and what never leaves unmasked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils import backup
from ansible_collections.datomic_onprem.aws.plugins.module_utils.cli import runner
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import redact


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("datomic:ddb://us-east-1/orders/main", "main"),
        ("datomic:ddb://us-east-1/orders/main?aws_access_key_id=A&aws_secret_key=B/C", "main"),
        ("datomic:ddb-local://localhost:8000/orders/main", "main"),
        ("datomic:dev://localhost:4334/main", "main"),
        ("datomic:sql://main?jdbc:postgresql://db:5432/datomic?user=u&password=p", "main"),
        ("datomic:cass://host:9042/datomic.datomic/main?user=u", "main"),
    ],
)
def test_the_database_in_a_uri(uri: str, name: str) -> None:
    assert backup.database_uri(uri).name == name


@pytest.mark.parametrize(
    "uri",
    [
        "main",
        "datomic:mem://main",
        "datomic:ddb://us-east-1/orders",
        "datomic:ddb://us-east-1/orders/*",
        "datomic:sql://?jdbc:x",
    ],
)
def test_a_uri_without_a_database_is_refused_and_not_shown(uri: str) -> None:
    with pytest.raises(DatomicError) as caught:
        backup.database_uri(uri)
    assert "jdbc:x" not in str(caught.value)


def test_the_uri_follows_from_the_transactor_file() -> None:
    ddb = {"protocol": "ddb", "aws-dynamodb-region": "eu-west-1", "aws-dynamodb-table": "orders"}
    assert backup.uri_of(ddb, "main") == "datomic:ddb://eu-west-1/orders/main"
    local = {
        "protocol": "ddb-local",
        "aws-dynamodb-override-endpoint": "localhost:8000",
        "aws-dynamodb-table": "orders",
    }
    assert backup.uri_of(local, "main") == "datomic:ddb-local://localhost:8000/orders/main"
    assert backup.uri_of({"protocol": "dev", "host": "h", "port": "4334"}, "main") == "datomic:dev://h:4334/main"
    default = {"protocol": "ddb", "aws-dynamodb-region": "eu-west-1"}
    assert backup.uri_of(default, "main") == "datomic:ddb://eu-west-1/datomic/main"
    with pytest.raises(DatomicError, match="aws-dynamodb-table has no value there"):
        backup.uri_of({**default, "aws-dynamodb-table": ""}, "main")
    with pytest.raises(DatomicError, match="host and port has no value there"):
        backup.uri_of({"protocol": "dev"}, "main")
    with pytest.raises(DatomicError, match="give database_uri"):
        backup.uri_of({"protocol": "sql", "sql-url": "jdbc:…"}, "main")


def test_two_spellings_of_a_backup_share_a_lock() -> None:
    assert backup.backup_uri("s3://b/p/").lock_name == backup.backup_uri("s3://b/p").lock_name
    assert backup.backup_uri("file:/srv/x/../main").lock_name == backup.backup_uri("file:///srv/main/").lock_name
    assert backup.backup_uri("s3://b/p").lock_name != backup.backup_uri("s3://b/q").lock_name


@pytest.mark.parametrize("uri", ["/srv/backup", "s3:///prefix", "file:srv/backup", "https://bucket/x", "file://host/x"])
def test_what_is_no_backup_uri(uri: str) -> None:
    with pytest.raises(DatomicError, match="is no backup URI"):
        backup.backup_uri(uri)


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("(6002 1001)\n", [6002, 1001]),
        ("SLF4J: no provider 17\n(1001 6002)\n", [6002, 1001]),
        ("1001\n6002\n", [6002, 1001]),
        ("nil\n", []),
        ("()", []),
        ("", []),
    ],
)
def test_what_list_backups_prints(printed: str, expected: list[int]) -> None:
    assert backup.points(printed) == expected


def test_a_list_that_cannot_be_read_is_no_empty_list() -> None:
    with pytest.raises(DatomicError, match="no list of points in time"):
        backup.points("Usage: list-backups URI")


@pytest.mark.parametrize(
    ("text", "expected"), [("24h", 86400), ("7d", 604800), ("90", 90), ("1W", 604800), ("5m", 300)]
)
def test_ages(text: str, expected: int) -> None:
    assert backup.seconds(text) == expected


@pytest.mark.parametrize("text", ["", "1y", "-1h", "1.5h", "h"])
def test_what_is_no_age(text: str) -> None:
    with pytest.raises(DatomicError, match="is no age"):
        backup.seconds(text)


def _rule(**rule: Any) -> dict[str, Any]:
    return {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 30}, **rule}


@pytest.mark.parametrize(
    ("rule", "breaks"),
    [
        (_rule(), True),
        (_rule(Filter={"Prefix": "orders/"}), True),
        (_rule(Filter={"Prefix": "orders/main/values/"}), True),
        (_rule(Filter={"Prefix": "ord"}), True),
        (_rule(Filter={"And": {"Prefix": "orders/", "ObjectSizeGreaterThan": 1}}), True),
        (_rule(Filter={}, Prefix="orders/main/"), True),
        (_rule(Expiration={}, Transitions=[{"Days": 1, "StorageClass": "GLACIER"}]), True),
        (_rule(Expiration={}, Transitions=[{"Days": 1, "StorageClass": "STANDARD_IA"}]), False),
        (_rule(Filter={"Prefix": "logs/"}), False),
        (_rule(Filter={"Prefix": "orders/main2/"}), False),
        (_rule(Status="Disabled"), False),
        (_rule(Filter={"Tag": {"Key": "a", "Value": "b"}}), False),
        (_rule(Expiration={"ExpiredObjectDeleteMarker": True}), False),
        (_rule(Expiration={}, NoncurrentVersionExpiration={"NoncurrentDays": 1}), False),
        (_rule(Expiration={}, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7}), False),
    ],
)
def test_lifecycle_rules_that_break_a_backup(rule: dict[str, Any], breaks: bool) -> None:
    assert bool(backup.breaking_rules([rule], "orders/main")) == breaks


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("datomic:ddb://r/t/d?aws_access_key_id=AKIAIOSFODNN7EXAMPLE&aws_secret_key=wJalr/XUtn", "wJalr/XUtn"),
        ("datomic:sql://d?jdbc:postgresql://h/d?user=u&password=hunter2", "hunter2"),
        ("jdbc:mysql://u:hunter2@h/d", "hunter2"),
        ("The key AKIAIOSFODNN7EXAMPLE is unknown", "AKIAIOSFODNN7EXAMPLE"),
        ("aws-s3-log-secret-key=wJalrXUtn", "wJalrXUtn"),
        ("the value s3cr3t was given", "s3cr3t"),
    ],
)
def test_secrets_are_masked(text: str, hidden: str) -> None:
    shown = redact.output(text, ["s3cr3t"])
    assert hidden not in shown
    assert "********" in shown


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "failed with exit code 1"),
        (-9, "was killed (SIGKILL); the system"),
        (137, "was killed (SIGKILL)"),
        (255, "exit code 255"),
    ],
)
def test_how_a_tool_ended(code: int, words: str) -> None:
    assert words in runner.ending(code)
