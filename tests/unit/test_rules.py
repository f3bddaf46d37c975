# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules, each against files that break it and files that do not, and the module that runs them."""

from __future__ import annotations

import pathlib
import re
import time
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils import rules
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import (
    Acceptable,
    Acceptance,
    Finding,
    InputError,
    Refused,
    raise_if_errors,
)
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties import keys as property_keys
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import Properties
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rules import registry
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rules.facts import Facts

from tests import fake_cli
from tests.builders import CF, TRANSACTOR, text
from tests.modules import run_module

Changes = dict[str, str | None]


def judged(transactor: Changes | None = None, cf: Changes | None = None, **facts: Any) -> list[Finding]:
    files = text(TRANSACTOR, transactor or {}), text(CF, cf or {})
    transactor_file = Properties.parse(files[0].encode(), "t.properties")
    return rules.judge(Facts(transactor_file, Properties.parse(files[1].encode(), "c.properties"), **facts))


def test_a_sound_pair_of_files_has_no_findings() -> None:
    assert judged() == []


G1 = "-XX:+UseG1GC -XX:MaxGCPauseMillis=50"
RUNNING = {"running_version": "1.0.6735"}
BEATS = {"running_heartbeat_msec": 9999}
SLOW = {"running_heartbeat_msec": 10001}
KEPT = {"secrets": ["sql-password"]}
BROKEN: list[tuple[str, str, str, Changes, Changes, dict[str, Any]]] = [
    # rule, level, key, changes of the transactor's file, of the other, facts
    ("required-key", "error", "object-cache-max", {"object-cache-max": ""}, {}, {}),
    ("required-key", "error", "memory-index-max", {"memory-index-max": None}, {}, {}),
    ("memory-three-quarters", "error", "object-cache-max", {"object-cache-max": "1458m"}, {}, {}),
    ("memory-three-quarters", "error", "object-cache-max", {}, {"java-xmx": "2047m"}, {}),
    (
        "memory-three-quarters",
        "error",
        "object-cache-max",
        {},
        {"aws-instance-type": "t3.small"},
        {"instance_memory_mib": 2048},
    ),
    ("memory-index-order", "error", "memory-index-max", {"memory-index-threshold": "513m"}, {}, {}),
    ("memory-index-recommended", "note", "memory-index-max", {"memory-index-max": "256m"}, {}, {}),
    ("heap-fits-instance", "error", "java-xmx", {}, {"java-xmx": "3750m"}, {}),
    ("heap-fits-instance", "warning", "java-xmx", {}, {"java-xmx": "3001m"}, {}),
    ("backup-heap", "warning", "java-xmx", {}, {"aws-instance-type": "m3.xlarge"}, {"backup_heap": "4g"}),
    ("backup-heap", "warning", "java-xmx", {}, {"java-xmx": "2626m"}, {"backup_heap": "2625m"}),
    ("java-opts-collector", "warning", "java-opts", {}, {"java-opts": "-XX:+UseG1GC"}, {}),
    ("java-opts-quotes", "note", "java-opts", {}, {"java-opts": "-XX:+UseG1GC -XX:MaxGCPauseMillis=50"}, {}),
    ("release-format", "error", "datomic-version", {}, {"datomic-version": "latest"}, {}),
    ("release-format", "error", "", {}, {}, {"running_version": "old"}),
    ("release-format", "warning", "", {}, {}, {"stack_version": "old"}),
    ("release-forbidden", "error", "datomic-version", {}, {"datomic-version": "1.0.7393"}, {}),
    ("release-forbidden", "error", "datomic-version", {}, {"datomic-version": "1.0.7010"}, {}),
    ("release-memory-growth", "warning", "datomic-version", {}, {"datomic-version": "1.0.7021"}, {}),
    (
        "release-health-check",
        "warning",
        "datomic-version",
        {"ping-port": "8080"},
        {"datomic-version": "1.0.6726"},
        {},
    ),
    (
        "release-ddb-local",
        "error",
        "datomic-version",
        {"protocol": "ddb-local", "aws-dynamodb-override-endpoint": "h:1"},
        {"datomic-version": "1.0.7556"},
        {},
    ),
    (
        "release-region",
        "error",
        "aws-region",
        {"license-key": "k"},
        {"aws-region": "eu-north-1", "datomic-version": "1.0.6396"},
        {},
    ),
    ("release-downgrade", "error", "datomic-version", {}, {}, {"running_version": "1.0.7278"}),
    ("release-downgrade", "error", "datomic-version", {}, {}, {"running_version": "1.0.7277.1"}),
    ("release-downgrade", "error", "datomic-version", {}, {}, {"stack_version": "1.0.7278"}),
    ("release-running", "warning", "datomic-version", {}, {}, {"stack_version": "1.0.6735"}),
    ("release-full-stop", "error", "datomic-version", {}, {}, {"running_version": "0.9.4608"}),
    ("release-full-stop", "error", "datomic-version", {}, {}, {"stack_version": "0.9.4608"}),
    ("release-transactor-first", "warning", "datomic-version", {}, {}, {"running_version": "0.9.5403"}),
    ("legacy-new-stack", "warning", "", {}, {}, {"new_stack_flavor": "legacy"}),
    ("release-aws-sdk", "warning", "datomic-version", {}, {"datomic-version": "1.0.7556"}, RUNNING),
    ("release-java", "warning", "datomic-version", {}, {"datomic-version": "1.0.7705"}, RUNNING),
    ("release-backup", "note", "datomic-version", {}, {}, RUNNING),
    ("release-ensure-cf", "note", "datomic-version", {}, {"datomic-version": "1.0.7556"}, {}),
    ("license-key", "error", "license-key", {}, {"datomic-version": "1.0.6711"}, {}),
    ("license-key", "warning", "license-key", {"license-key": "s3cr3t"}, {}, {}),
    ("required-key", "error", "aws-dynamodb-region", {"aws-dynamodb-region": None}, {}, {}),
    ("required-key", "error", "sql-driver-class", {"protocol": "sql", "sql-url": "jdbc:x"}, {}, {}),
    ("required-key", "error", "cassandra-table", {"protocol": "cass3", "cassandra-host": "h"}, {}, {}),
    ("blank-value", "warning", "write-concurrency", {"write-concurrency": ""}, {}, {}),
    ("required-key", "error", "sql-url", {"protocol": "sql", "sql-driver-class": "d"}, {}, KEPT),
    ("license-key", "warning", "license-key", {}, {}, {"secrets": ["license-key"]}),
    ("blank-value", "warning", "log-dir", {"log-dir": ""}, {}, KEPT),
    ("blank-value", "warning", "aws-ingress-cidrs", {}, {"aws-ingress-cidrs": " "}, {}),
    ("trailing-blank", "warning", "log-dir", {"log-dir": "logs "}, {}, {}),
    ("port-clash", "error", "ping-port", {"ping-port": "4334"}, {}, {}),
    ("port-clash", "error", "ping-port", {"protocol": "dev", "ping-port": "4335"}, {}, {}),
    ("port-clash", "error", "ping-port", {"protocol": "dev", "ping-port": "4335", "h2-port": ""}, {}, {}),
    ("port-clash", "error", "h2-port", {"protocol": "dev", "ping-port": "4335", "h2-port": "4335"}, {}, {}),
    ("heartbeat-failover", "note", "heartbeat-interval-msec", {"heartbeat-interval-msec": "10000"}, {}, {}),
    ("heartbeat-takeover", "warning", "heartbeat-interval-msec", {"heartbeat-interval-msec": "4999"}, {}, BEATS),
    ("heartbeat-takeover", "warning", "heartbeat-interval-msec", {"heartbeat-interval-msec": None}, {}, SLOW),
    ("cloudwatch-incomplete", "warning", "aws-cloudwatch-region", {"aws-cloudwatch-dimension-value": None}, {}, {}),
    (
        "cloudwatch-incomplete",
        "warning",
        "aws-cloudwatch-dimension-value",
        {"aws-cloudwatch-region": None},
        {},
        {},
    ),
    ("single-transactor", "note", "aws-autoscaling-group-size", {}, {"aws-autoscaling-group-size": "1"}, {}),
    ("regions-differ", "error", "aws-region", {}, {"aws-region": "us-west-2"}, {}),
    ("no-ingress", "warning", "aws-ingress-groups", {}, {"aws-ingress-groups": None}, {}),
    ("open-to-anyone", "warning", "aws-ingress-cidrs", {}, {"aws-ingress-cidrs": "0.0.0.0/0"}, {}),
    ("open-to-anyone", "warning", "aws-ingress-cidrs", {}, {"aws-ingress-cidrs": "10.0.0.0/7, 10.0.0.0/8"}, {}),
    ("open-to-anyone", "warning", "aws-ingress-cidrs", {}, {"aws-ingress-cidrs": "2001::/15, 2001::/16"}, {}),
    ("protocol-internal", "warning", "protocol", {"protocol": "mdev"}, {}, {}),
    (
        "cloudwatch-missing",
        "note",
        "aws-cloudwatch-region",
        {"aws-cloudwatch-region": "", "aws-cloudwatch-dimension-value": None},
        {},
        {},
    ),
    ("storage-on-instance", "error", "protocol", {"protocol": "dev"}, {}, {}),
    ("storage-on-instance", "error", "protocol", {"protocol": "free"}, {}, {}),
    ("storage-on-instance", "error", "protocol", {"protocol": "mdev"}, {}, {}),
    ("protocol-removed", "error", "protocol", {"protocol": "free"}, {}, {}),
    ("protocol-removed", "error", "protocol", {"protocol": "riak"}, {}, {}),
    ("protocol-removed", "error", "protocol", {"protocol": "couchbase"}, {}, {}),
    (
        "protocol-removed",
        "warning",
        "protocol",
        {"protocol": "riak", "license-key": "k"},
        {"datomic-version": "0.9.5561.62"},
        {},
    ),
    ("storage-access", "error", "storage-access", {"protocol": "dev", "storage-access": "remote"}, {}, {}),
    (
        "storage-access",
        "error",
        "storage-access",
        {"protocol": "dev", "storage-access": "remote", "storage-admin-password": "s3cr3t"},
        {},
        {},
    ),
    ("storage-access", "note", "storage-access", {"protocol": "sql", "storage-access": "remote"}, {}, {}),
    (
        "roles-shared",
        "warning",
        "aws-peer-role",
        {"aws-transactor-role": "orders", "aws-peer-role": "orders"},
        {},
        {},
    ),
    ("valcache-incomplete", "warning", "valcache-path", {"valcache-path": "/opt/valcache"}, {}, {}),
    ("valcache-incomplete", "warning", "valcache-max-gb", {"valcache-max-gb": "10"}, {}, {}),
    ("metrics-callback", "warning", "metrics-callback", {"metrics-callback": "acme.metrics/report"}, {}, {}),
    ("ping-incomplete", "warning", "ping-port", {"ping-port": "8080"}, {}, {}),
    ("ping-incomplete", "warning", "ping-host", {"ping-host": "0.0.0.0", "ping-port": ""}, {}, {}),
    ("path-of-home", "warning", "data-dir", {"data-dir": "~/local/data"}, {}, {}),
    ("comment-behind-value", "warning", "log-dir", {"log-dir": "log # or any dir"}, {}, {}),
    ("comment-behind-value", "warning", "sql-user", {"sql-user": "logs\t#ours"}, {}, {}),
    ("comment-behind-value", "warning", "aws-security-group", {}, {"aws-security-group": "datomic #"}, {}),
    ("invisible-character", "warning", "log-dir", {"log-dir": "lo\u200bg"}, {}, {}),
    ("invisible-character", "warning", "sql-password", {"sql-password": "s3cr3t\u00a0"}, {}, {}),
    ("invisible-character", "warning", "aws-security-group", {}, {"aws-security-group": "data\u2060mic"}, {}),
    ("sample-value", "warning", "aws-dynamodb-table", {"aws-dynamodb-table": "your-system-name"}, {}, {}),
    ("sample-value", "warning", "aws-transactor-role", {"aws-transactor-role": "<your role>"}, {}, {}),
    ("sample-value", "warning", "sql-password", {"sql-password": "datomic"}, {}, {}),
    ("sample-value", "warning", "license-key", {"license-key": "${LICENSE_KEY}"}, {}, {}),
    ("sample-value", "warning", "aws-s3-log-bucket-id", {"aws-s3-log-bucket-id": "{{ bucket }}"}, {}, {}),
    ("blank-value", "error", "h2-port", {"h2-port": ""}, {}, {}),
    ("blank-value", "error", "cassandra-port", {"cassandra-port": ""}, {}, {}),
    ("blank-value", "error", "storage-access", {"protocol": "dev", "storage-access": ""}, {}, {}),
    ("blank-value", "warning", "storage-access", {"storage-access": ""}, {}, {}),
    ("blank-value", "warning", "encrypt-channel", {"encrypt-channel": ""}, {}, {}),
    ("java-opts-heap", "warning", "java-opts", {}, {"java-opts": f"'-Xmx2g {G1}'", "java-xmx": "2625m"}, {}),
    ("java-opts-heap", "error", "java-opts", {}, {"java-opts": f"'-Xms3g {G1}'"}, {}),
    ("java-opts-heap", "warning", "java-opts", {"java-opts": "-Xmx4g"}, {}, {}),
    ("heap-fits-instance", "error", "java-opts", {}, {"java-opts": f"'-Xmx4g {G1}'", "java-xmx": "2625m"}, {}),
    ("memory-three-quarters", "error", "object-cache-max", {}, {"java-opts": f"'-Xmx1g {G1}'"}, {}),
    ("heap-of-another-type", "note", "java-xmx", {}, {"aws-instance-type": "m3.xlarge", "java-xmx": "2625m"}, {}),
    (
        "heap-of-another-type",
        "note",
        "java-xmx",
        {},
        {"aws-instance-type": "c7g.xlarge", "java-xmx": "2867m"},
        {"instance_memory_mib": 8192},
    ),
    (
        "license-key-format",
        "error",
        "license-key",
        {"license-key": 'license-key="s3cr3t\u200b=="'},
        {"datomic-version": "1.0.6711"},
        {},
    ),
    (
        "license-key-format",
        "error",
        "license-key",
        {"protocol": "dev", "license-key": "s3cr3t\u00a0=="},
        {"datomic-version": "0.9.5561.62"},
        {},
    ),
    (
        "release-key",
        "warning",
        "valcache-path",
        {"license-key": "k", "valcache-path": "/v", "valcache-max-gb": "1"},
        {"datomic-version": "0.9.5703"},
        {},
    ),
    (
        "release-protocol",
        "error",
        "protocol",
        {"protocol": "cass3", "license-key": "k"},
        {"datomic-version": "1.0.7075"},
        {},
    ),
    ("release-ignored", "warning", "datomic-version", {}, {}, {"datomic_version": "1.0.7705"}),
    ("write-capacity", "warning", "write-concurrency", {"write-concurrency": "4"}, {}, {"table_write_units": 799}),
    (
        "log-bucket",
        "error",
        "aws-s3-log-bucket-id",
        {"aws-s3-log-bucket-id": "logs"},
        {},
        {"log_bucket_writable": False},
    ),
    (
        "deprecated-key",
        "warning",
        "aws-dynamodb-user",
        {
            "aws-transactor-role": None,
            "aws-dynamodb-user": "",
            "aws-dynamodb-access-key-id": "",
            "aws-dynamodb-secret-key": "",
        },
        {},
        {},
    ),
]


@pytest.mark.parametrize(("rule", "severity", "key", "transactor", "cf", "facts"), BROKEN)
def test_a_broken_rule_is_found(
    rule: str, severity: str, key: str, transactor: Changes, cf: Changes, facts: dict[str, Any]
) -> None:
    found = [finding for finding in judged(transactor, cf, **facts) if finding.rule == rule and finding.key == key]
    assert [finding.severity for finding in found] == [severity]
    (finding,) = found
    in_transactor = key not in property_keys.CF or key in transactor
    assert finding.file == ("" if not key else "t.properties" if in_transactor else "c.properties")
    merged = {**TRANSACTOR, **transactor} if in_transactor else {**CF, **cf}
    present = [name for name, value in merged.items() if value is not None]
    assert finding.line == (present.index(key) + 1 if key in present else 0)
    assert finding.message
    assert finding.reason
    assert finding.suggestion
    assert finding.source
    assert "s3cr3t" not in str(finding.as_returned())


UNBROKEN: list[tuple[str, Changes, Changes, dict[str, Any]]] = [
    ("memory-three-quarters", {}, {"java-xmx": "2048m"}, {}),
    ("memory-three-quarters", {}, {"aws-instance-type": "m5.large"}, {}),
    ("memory-index-order", {"memory-index-threshold": "512m"}, {}, {}),
    ("heap-fits-instance", {}, {"java-xmx": "3000m"}, {}),
    ("heap-fits-instance", {}, {"aws-instance-type": "m5.large", "java-xmx": "6g"}, {"instance_memory_mib": 8192}),
    ("backup-heap", {}, {"java-xmx": "2048m"}, {"backup_heap": "2g"}),
    ("backup-heap", {}, {"java-xmx": "2048m"}, {"backup_heap": ""}),
    ("backup-heap", {}, {"java-xmx": "2048m"}, {"backup_heap": "much"}),
    ("java-opts-collector", {}, {"java-opts": "'-XX:+UseG1GC -XX:MaxGCPauseMillis=50'"}, {}),
    ("java-opts-quotes", {}, {"java-opts": "'-XX:+UseG1GC -XX:MaxGCPauseMillis=50'"}, {}),
    ("release-memory-growth", {}, {"datomic-version": "1.0.7075"}, {}),
    ("release-health-check", {"ping-port": "8080"}, {"datomic-version": "1.0.6735"}, {}),
    ("release-region", {}, {"aws-region": "eu-north-1", "datomic-version": "1.0.6397"}, {}),
    ("heartbeat-takeover", {"heartbeat-interval-msec": "5000"}, {}, {"running_heartbeat_msec": 10000}),
    ("heartbeat-takeover", {"heartbeat-interval-msec": "1000"}, {}, {"running_heartbeat_msec": 0}),
    ("release-downgrade", {}, {}, {"running_version": "1.0.7277"}),
    ("release-downgrade", {}, {}, {"running_version": "1.0.6735", "stack_version": "1.0.7278"}),
    ("release-running", {}, {}, {"stack_version": "1.0.7277"}),
    ("legacy-new-stack", {}, {}, {"new_stack_flavor": "modern"}),
    ("release-running", {}, {}, {"running_version": "1.0.6735", "stack_version": "1.0.6735"}),
    ("release-backup", {}, {}, {"running_version": "1.0.7277"}),
    ("release-full-stop", {}, {}, {"running_version": "0.9.4609"}),
    ("release-aws-sdk", {}, {"datomic-version": "1.0.7622"}, {"running_version": "1.0.7556"}),
    ("license-key", {"license-key": "k"}, {"datomic-version": "1.0.6711"}, {}),
    ("license-key", {}, {"datomic-version": "1.0.6711"}, {"secrets": ["license-key"]}),
    ("required-key", {"protocol": "sql", "sql-driver-class": "d"}, {}, {"secrets": ["sql-url"]}),
    ("required-key", {"object-cache-max": None}, {}, {"secrets": ["object-cache-max"]}),
    ("port-clash", {"protocol": "dev", "h2-port": "4335"}, {}, {}),
    ("port-clash", {"protocol": "dev", "h2-port": "5000", "ping-port": "4335"}, {}, {}),
    ("port-clash", {"protocol": "dev", "ping-port": "4335"}, {}, {"secrets": ["h2-port"]}),
    ("port-clash", {"ping-port": "4335"}, {}, {}),
    ("blank-value", {"sql-password": ""}, {}, KEPT),
    ("cloudwatch-incomplete", {"aws-cloudwatch-region": None}, {}, {"secrets": ["aws-cloudwatch-region"]}),
    (
        "cloudwatch-missing",
        {"aws-cloudwatch-region": "", "aws-cloudwatch-dimension-value": None},
        {},
        {"secrets": ["aws-cloudwatch-region", "aws-cloudwatch-dimension-value"]},
    ),
    ("blank-value", {"license-key": "", "aws-s3-log-bucket-id": ""}, {"datomic-version": ""}, {}),
    ("write-capacity", {"write-concurrency": "4"}, {}, {"table_write_units": 800}),
    ("write-capacity", {"write-concurrency": "4"}, {}, {"table_write_units": None}),
    ("write-capacity", {"write-concurrency": "2"}, {}, {"table_write_units": 50}),
    ("log-bucket", {"aws-s3-log-bucket-id": "logs"}, {}, {"log_bucket_writable": True}),
    ("log-bucket", {"aws-s3-log-bucket-id": ""}, {}, {"log_bucket_writable": False}),
    ("cloudwatch-incomplete", {"aws-cloudwatch-region": "r", "aws-cloudwatch-dimension-value": "d"}, {}, {}),
    ("host-unreachable", {}, {}, {}),
    ("storage-on-instance", {}, {}, {}),
    ("roles-shared", {"aws-transactor-role": "a", "aws-peer-role": "b"}, {}, {}),
    ("storage-access", {"protocol": "dev", "storage-access": "local"}, {}, {}),
    (
        "storage-access",
        {"protocol": "dev", "storage-access": "remote", "storage-admin-password": "a"},
        {},
        {"secrets": ["storage-datomic-password"]},
    ),
    ("valcache-incomplete", {"valcache-path": "/v", "valcache-max-gb": "10"}, {}, {}),
    ("valcache-incomplete", {"valcache-path": "/v"}, {}, {"flavor": "modern"}),
    ("cloudwatch-missing", {"metrics-callback": "a.b/c", "aws-cloudwatch-region": None}, {}, {}),
    ("cloudwatch-incomplete", {"metrics-callback": "a.b/c", "aws-cloudwatch-region": None}, {}, {}),
    ("ping-incomplete", {"ping-host": "0.0.0.0", "ping-port": "8080"}, {}, {}),
    ("path-of-home", {"data-dir": "/srv/~old/data"}, {}, {}),
    ("comment-behind-value", {"sql-password": "a # b"}, {}, {}),
    ("comment-behind-value", {"log-dir": "log#1"}, {}, {}),
    ("comment-behind-value", {"sql-url": "jdbc:x://db/x?a=b#c"}, {}, {}),
    ("invisible-character", {"log-dir": "Datenträger/\u65e5\u672c"}, {}, {}),
    ("sample-value", {"sql-user": "datomic", "aws-dynamodb-table": "datomic"}, {}, {}),
    ("sample-value", {"host": "`curl http://169.254.169.254/latest/meta-data/local-ipv4`"}, {}, {}),
    ("java-opts-heap", {}, {"java-opts": f"'-Xms2625m {G1}'"}, {}),
    ("java-opts-heap", {}, {"java-opts": f"'-XX:+UseStringDeduplication {G1}'", "java-xmx": "2625m"}, {}),
    ("heap-of-another-type", {}, {"java-xmx": "2625m"}, {}),
    ("heap-of-another-type", {}, {"aws-instance-type": "m3.xlarge", "java-xmx": "4g"}, {}),
    ("heap-of-another-type", {}, {"aws-instance-type": "c7g.xlarge", "java-xmx": "2867m"}, {}),
    ("license-key-format", {"license-key": "AAAABBBB+/=="}, {"datomic-version": "1.0.6711"}, {}),
    ("license-key-format", {"license-key": '"AAAA"'}, {}, {}),
    ("release-key", {"valcache-path": "/v"}, {"datomic-version": "0.9.5783"}, {}),
    ("release-protocol", {"protocol": "cass3"}, {"datomic-version": "1.0.7180"}, {}),
    ("release-ignored", {}, {}, {"datomic_version": "1.0.7277"}),
    ("release-ignored", {}, {"datomic-version": ""}, {"datomic_version": "1.0.7705"}),
    ("release-ensure-cf", {}, {"datomic-version": "1.0.7556"}, {"engine": "native"}),
    ("release-ensure-cf", {}, {"datomic-version": "1.0.7556"}, {"engine": "auto"}),
    ("release-java", {}, {"datomic-version": "1.0.7705"}, {**RUNNING, "flavor": "modern"}),
    ("required-key", {"memory-index-threshold": None}, {"datomic-version": "0.8.3435"}, {}),
    ("required-key", {"aws-dynamodb-region": None}, {"datomic-version": "0.8.3435"}, {}),
    ("cloudwatch-incomplete", {"aws-cloudwatch-region": None}, {"datomic-version": "0.8.3435"}, {}),
    ("java-opts-collector", {}, {"datomic-version": "0.9.4766", "java-opts": "-XX:+UseConcMarkSweepGC"}, {}),
    ("license-key", {"protocol": "free"}, {"datomic-version": "0.9.5703"}, {}),
]

LOCAL = [
    "sql-url=jdbc:sqlite:/usr/storage/sqlite.db",
    "sql-url=jdbc:postgresql://localhost:5432/datomic",
    "sql-url=jdbc:postgresql://127.0.0.1/datomic?user=a",
    "sql-url=jdbc:postgresql://[::1]:5432/datomic",
    "sql-url=jdbc:postgresql:datomic",
    "sql-url=jdbc:postgresql:///datomic",
    "sql-url=jdbc:postgresql://localhost:5432,127.0.0.2:5433/datomic",
    "sql-url=jdbc:aws-wrapper:postgresql://0.0.0.0/datomic",
    "sql-url=jdbc:mysql://localhost:3306/datomic",
    "sql-url=jdbc:mysql://user:p@ss@localhost/datomic",
    "sql-url=jdbc:mysql://address=(host=localhost)(port=3306)/datomic",
    "sql-url=jdbc:mariadb:sequential://localhost/datomic",
    "sql-url=jdbc:oracle:thin:@localhost:1521:xe",
    "sql-url=jdbc:oracle:thin:@//127.0.0.1:1521/xe",
    "sql-url=jdbc:oracle:thin:scott/tiger@//localhost:1521/xe",
    "sql-url=jdbc:oracle:thin:@(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=localhost)(PORT=1521)))",
    "sql-url=jdbc:sqlserver://localhost:1433;databaseName=datomic",
    "sql-url=jdbc:sqlserver://localhost\\\\sql;databaseName=datomic",
    "sql-url=jdbc:sqlserver://;serverName=localhost;databaseName=datomic",
    "sql-url=jdbc:jtds:sqlserver://127.0.0.1/datomic",
    "sql-url=jdbc:h2:~/datomic",
    "sql-url=jdbc:h2:mem:x",
    "sql-url=jdbc:hsqldb:file:/x",
    "sql-url=jdbc:derby:x",
    "cassandra-host=localhost",
    "cassandra-host=127.0.0.1,::1",
    "aws-dynamodb-override-endpoint=localhost:8000",
    "aws-dynamodb-override-endpoint=http://127.0.0.1:8000",
]
REMOTE = [
    "sql-url=jdbc:postgresql://db/x",
    "sql-url=jdbc:postgresql://localhost.example.com/x",
    "sql-url=jdbc:postgresql://db:5432/localhost",
    "sql-url=jdbc:postgresql:///x?cloudSqlInstance=a:b:c&socketFactory=com.google.cloud.sql.postgres.SocketFactory",
    "sql-url=jdbc:postgresql://db,localhost/x",
    "sql-url=jdbc:mysql://10.0.0.7:3306/datomic",
    "sql-url=jdbc:oracle:thin:@db.example.com:1521:xe",
    "sql-url=jdbc:oracle:thin:@orders_tns",
    "sql-url=jdbc:sqlserver://db;databaseName=datomic",
    "sql-url=jdbc:h2:tcp://db/x",
    "sql-url=jdbc:hsqldb:hsql://db/x",
    "sql-url=jdbc:derby://db/x",
    "sql-url=",
    "cassandra-host=10.0.0.7",
    "cassandra-host=localhost,10.0.0.7",
    "aws-dynamodb-override-endpoint=dynamodb:8000",
]
PROTOCOL_OF = {"sql-url": "sql", "cassandra-host": "cass3", "aws-dynamodb-override-endpoint": "ddb-local"}


@pytest.mark.parametrize(("line", "local"), [(line, True) for line in LOCAL] + [(line, False) for line in REMOTE])
def test_an_address_of_the_instance_keeps_the_database_there(line: str, local: bool) -> None:
    key, value = line.split("=", 1)
    found = judged({"protocol": PROTOCOL_OF[key], key: value}, {"aws-autoscaling-group-size": "2"})
    about = [one for one in found if one.rule == "storage-on-instance"]
    assert [(one.severity, one.key) for one in about] == [("error", key)] * local
    assert all("2 instances have 2 databases" in one.message for one in about)


@pytest.mark.parametrize(
    ("host", "other", "told"),
    [
        ("0.0.0.0", "", True),
        ("127.0.0.1", "", True),
        ("0.0.0.0", "datomic-transactor", False),
        ("0.0.0.0", "127.0.0.1", True),
        ("10.0.0.1", "", False),
    ],
)
def test_an_alt_host_that_peers_reach_is_enough(host: str, other: str, told: bool) -> None:
    changes: Changes = {"host": host, "alt-host": other or None}
    found = rules.judge(Facts(Properties.parse(text(TRANSACTOR, changes).encode(), "t.properties")))
    assert ("host-unreachable" in {one.rule for one in found}) == told


def test_a_transactor_whose_storage_is_on_its_machine_has_its_peers_there() -> None:
    changes: Changes = {"protocol": "cass3", "cassandra-host": "localhost", "cassandra-table": "d.d"}
    found = rules.judge(Facts(Properties.parse(text(TRANSACTOR, changes).encode(), "t.properties")))
    assert "host-unreachable" not in {one.rule for one in found}


LONG = [
    "{{" * 10_000,
    "${" * 10_000,
    "`" * 5_000,
    " " * 20_000 + "x",
    "a:1," * 6_000,
    "my.ns/" * 5_000,
    " -Xmx1" * 5_000,
    "jdbc:oracle:thin:" + "@" * 5_000,
    "jdbc:mysql://" + "a," * 10_000,
    "jdbc:x:" + ";host=" * 5_000,
    "x #" * 6_000,
]


@pytest.mark.parametrize("value", LONG, ids=range(len(LONG)))
def test_a_long_value_is_judged_in_time(value: str) -> None:
    keys = ("sql-url", "log-dir", "memcached", "metrics-callback", "default-partition", "license-key", "host", "port")
    written = "".join(f"{key}=x{value}y\n" for key in keys).replace("sql-url=x", "sql-url=").encode()
    transactor = Properties.scan(written + b"protocol=sql\n", "t.properties")
    cf = Properties.scan(f"java-opts=x{value}\n{'a-' * 10_000}=1\n".encode(), "c.properties")
    start = time.process_time()
    rules.judge(Facts(transactor, cf, datomic_version="1.0.6610"))
    assert time.process_time() - start < 1


def test_a_key_that_is_written_wrongly_is_not_missing_too() -> None:
    parsed = Properties.scan(b"protocol=dev\nhost=h\nport=4334\n  memory-index-max=32m\n", "t.properties")
    missing = [one.key for one in rules.judge(Facts(parsed)) if one.rule == "required-key"]
    assert "memory-index-max" not in missing


@pytest.mark.parametrize(("rule", "transactor", "cf", "facts"), UNBROKEN)
def test_an_unbroken_rule_is_silent(rule: str, transactor: Changes, cf: Changes, facts: dict[str, Any]) -> None:
    assert rule not in {finding.rule for finding in judged(transactor, cf, **facts)}


@pytest.mark.parametrize(("version", "told"), [("1.0.7469", True), ("1.0.7556", False), ("", False)])
def test_a_release_that_no_template_starts_may_need_flags(version: str, told: bool) -> None:
    transactor = Properties.parse(text(TRANSACTOR, {"host": "10.0.0.1"}).encode(), "t.properties")
    found = rules.judge(Facts(transactor, datomic_version=version))
    assert [(one.rule, one.severity) for one in found] == [("release-add-opens", "note")] * told


def test_halves_of_the_internet_are_the_internet() -> None:
    first, second = judged({}, {"aws-ingress-cidrs": "0.0.0.0/1,128.0.0.0/1"})
    assert {first.rule, second.rule} == {"open-to-anyone"}
    assert "0.0.0.0/1 lets 2147483648 addresses" in first.message


def test_one_file_alone_is_judged_alone() -> None:
    transactor = Properties.parse(text(TRANSACTOR, {}).encode(), "t.properties")
    (finding,) = rules.judge(Facts(transactor))
    assert (finding.rule, finding.severity, finding.key) == ("host-unreachable", "warning", "host")
    assert rules.judge(Facts(cf=Properties.parse(text(CF, {}).encode(), "c.properties"))) == []
    assert rules.judge(Facts()) == []


def test_the_version_of_the_options_counts_where_the_file_has_none() -> None:
    def found(version: str) -> set[str]:
        return {one.rule for one in judged({}, {"datomic-version": version}, datomic_version="1.0.7393")}

    assert "release-forbidden" in found("")
    assert "release-forbidden" not in found("1.0.7277")


WRONG_TRANSACTOR: list[tuple[str, str]] = [
    ("required-key", "host="),
    ("invalid-value", "port=0"),
    ("unknown-key", "hosst=h"),
    ("table-name", "aws-dynamodb-table=a b"),
    ("table-name", "aws-dynamodb-table=" + "a" * 118),
    ("one-identity", "aws-transactor-role=\naws-dynamodb-user="),
    ("user-keys", "aws-dynamodb-user="),
    ("user-keys", "aws-s3-log-user=\naws-s3-log-access-key-id=AKIA0123456789ABCDEF\naws-s3-log-secret-key="),
    ("invalid-value", "aws-s3-log-bucket-id=A"),
    ("invalid-value", "aws-peer-role=a b"),
    ("invalid-value", "aws-cloudwatch-region=x"),
    ("invalid-value", "aws-dynamodb-override-endpoint=a b"),
]
WRONG_CF: list[tuple[str, str]] = [
    ("required-key", "aws-security-group="),
    ("required-key", "aws-autoscaling-group-size="),
    ("invalid-value", "aws-region=x"),
    ("invalid-value", "aws-security-group=a,b"),
    ("invalid-value", "aws-ingress-groups=a:b:c"),
    ("invalid-value", "aws-ingress-cidrs=ten"),
]


@pytest.mark.parametrize(("rule", "lines"), WRONG_TRANSACTOR + WRONG_CF)
def test_every_finding_about_a_file_tells_its_reason_and_source(rule: str, lines: str) -> None:
    parsed = Properties.parse(f"protocol=ddb\n{lines}\n".encode(), "t.properties")
    found = rules.judge(Facts(parsed) if (rule, lines) in WRONG_TRANSACTOR else Facts(cf=parsed))
    assert rule in {finding.rule for finding in found}
    for finding in found:
        assert finding.reason, finding
        assert finding.source.startswith("https://"), finding
        assert finding.suggestion, finding


def test_the_release_has_to_be_known() -> None:
    (finding,) = judged({}, {"datomic-version": None})
    assert (finding.rule, finding.severity, finding.key) == ("required-key", "error", "datomic-version")
    assert judged({}, {"datomic-version": None}, datomic_version="1.0.7277") == []


def test_every_rule_was_tried() -> None:
    assert set(rules.RULES) == {case[0] for case in BROKEN} - {"open-to-anyone", "required-key"} | {
        "host-unreachable",
        "release-add-opens",
    }


def test_findings_come_in_the_order_of_files_and_lines() -> None:
    found = judged({"port": "0", "typo": "1", "encrypt-channel": "x"}, {"aws-autoscaling-group-size": "0"})
    assert [(one.file, one.key) for one in found] == [
        ("t.properties", "port"),
        ("t.properties", "typo"),
        ("t.properties", "encrypt-channel"),
        ("c.properties", "aws-autoscaling-group-size"),
    ]


def test_the_documentation_lists_exactly_the_rules_that_exist() -> None:
    docs = (pathlib.Path(__file__).parents[2] / "docs" / "rules.md").read_text("utf-8")
    acceptable, refused = (listed(part) for part in docs.split("\n## Cannot be accepted"))
    assert acceptable == sorted([*rules.RULES, *get_args(Acceptable)])
    assert refused == sorted(get_args(Refused))
    assert not {*acceptable} & {*refused}


def listed(docs: str) -> list[str]:
    rows = re.findall(r"^\| (`[^|]*`) \|", docs, re.MULTILINE)
    return sorted(name for row in rows for name in re.findall(r"`([a-z0-9-]+)`", row))


def test_an_accepted_rule_does_not_count() -> None:
    found = judged({}, {"aws-autoscaling-group-size": "1", "aws-ingress-cidrs": "0.0.0.0/0"})
    counting, accepted = rules.accepted(found, [Acceptance("single-transactor", "a test system")])
    assert [one.rule for one in counting] == ["open-to-anyone"]
    assert [(one.rule, reason) for one, reason in accepted] == [("single-transactor", "a test system")]


@pytest.mark.parametrize(
    ("rule", "reason", "told"),
    [
        ("single-transactr", "x", "did you mean single-transactor?"),
        ("invalid-value", "x", "cannot be accepted"),
        ("duplicate-key", "x", "cannot be accepted"),
        ("required-key", "x", "cannot be accepted"),
        ("no-ingress", " ", "without a reason"),
    ],
)
def test_an_acceptance_that_means_nothing_is_refused(rule: str, reason: str, told: str) -> None:
    found = judged({"port": "0"}, {})
    counting, accepted = rules.accepted(found, [Acceptance(rule, reason)])
    assert (counting[1:], accepted) == (found, [])
    with pytest.raises(InputError, match=re.escape(told)):
        raise_if_errors(counting)


@pytest.fixture
def files(tmp_path: pathlib.Path) -> dict[str, str]:
    transactor, cf = tmp_path / "t.properties", tmp_path / "c.properties"
    transactor.write_text(text(TRANSACTOR, {}))
    cf.write_text(text(CF, {"aws-autoscaling-group-size": "1", "aws-ingress-cidrs": "0.0.0.0/0"}))
    return {"transactor_src": str(transactor), "cf_src": str(cf)}


def test_the_module_compares_the_heap_of_backups(files: dict[str, str]) -> None:
    told = run_module("validate_properties", {**files, "backup_heap": "1g"})["findings"]
    assert "backup-heap" in {finding["rule"] for finding in told}
    told = run_module("validate_properties", files)["findings"]
    assert "backup-heap" not in {finding["rule"] for finding in told}


def test_the_module_knows_what_is_kept_elsewhere(files: dict[str, str]) -> None:
    storage: Changes = {"protocol": "sql", "sql-driver-class": "org.postgresql.Driver", "sql-url": ""}
    pathlib.Path(files["transactor_src"]).write_text(text(TRANSACTOR, storage))
    assert "Missing property: sql-url" in run_module("validate_properties", files)["msg"]
    kept = run_module("validate_properties", {**files, "secrets": ["sql-url"]})
    assert not kept["failed"]
    assert "sql-url" not in {finding["key"] for finding in kept["findings"]}


@pytest.mark.parametrize("check", [False, True])
def test_the_module_returns_findings_and_warns(files: dict[str, str], check: bool) -> None:
    result = run_module("validate_properties", files, check=check)
    assert (result["failed"], result["changed"], result["accepted"]) == (False, False, [])
    assert [(one["rule"], one["severity"]) for one in result["findings"]] == [
        ("single-transactor", "note"),
        ("open-to-anyone", "warning"),
    ]
    # ansible-core keeps the warnings of earlier runs in this process
    assert f"{files['cf_src']}:10: aws-ingress-cidrs: 0.0.0.0/0 lets" in str(result["warnings"])
    assert "no standby" not in str(result["warnings"])


def test_the_module_tells_every_error_of_both_files_at_once(files: dict[str, str]) -> None:
    pathlib.Path(files["transactor_src"]).write_text("protocol: ddb\nhost = x\n")
    values: dict[str, str | None] = {
        "aws-autoscaling-group-size": "010",
        "java-xmx": "9g",
        "aws-ingress-cidrs": "0.0.0.0/0",
    }
    pathlib.Path(files["cf_src"]).write_text(text(CF, values))
    result = run_module("validate_properties", files)
    assert result["failed"]
    assert result["msg"].startswith("10 errors:\n")
    assert f"{files['transactor_src']}:1: " in result["msg"]
    assert f"{files['transactor_src']}:2: host: white space" in result["msg"]
    for key in ("protocol", "host", "port", "memory-index-threshold", "memory-index-max", "object-cache-max"):
        assert f"{files['transactor_src']}: {key}: Missing property: {key}" in result["msg"]
    assert "Invalid value for aws-autoscaling-group-size: 010" in result["msg"]
    assert {one["severity"] for one in result["findings"]} == {"error", "warning"}, "what is no error is told beside"
    assert "a heap of 9216m on c4.large" in result["msg"]


def test_the_module_takes_acceptances(files: dict[str, str]) -> None:
    accept = [{"rule": "single-transactor", "reason": "a test system"}]
    result = run_module("validate_properties", {**files, "accept": accept})
    assert not result["failed"], result.get("msg")
    assert [(one["rule"], one["accepted_reason"]) for one in result["accepted"]] == [
        ("single-transactor", "a test system")
    ]
    refused = run_module("validate_properties", {**files, "accept": [{"rule": "nonsense", "reason": "x"}]})
    assert "the rule 'nonsense' cannot be accepted" in refused["msg"]


def test_the_module_asks_a_distribution_for_the_release(files: dict[str, str], tmp_path: pathlib.Path) -> None:
    pathlib.Path(files["cf_src"]).write_text(text(CF, {"datomic-version": ""}))
    assert "Missing property: datomic-version" in run_module("validate_properties", files)["msg"]
    result = run_module("validate_properties", {**files, "datomic_home": str(fake_cli.build(tmp_path))})
    assert result["datomic_version"] == "1.0.7277"
    fresh = {"datomic_home": str(tmp_path / "none"), "_release_to_come": "1.0.7622"}
    assert run_module("validate_properties", {**files, **fresh})["datomic_version"] == "1.0.7622"


def test_the_module_judges_the_modern_options_with_the_files(files: dict[str, str]) -> None:
    pathlib.Path(files["transactor_src"]).write_text(text(TRANSACTOR, {"port": "0"}))
    modern = {"image_id": "latest", "subnets": ["orders-a"], "tags": {"aws:x": "y"}, "volume_size": "20"}
    result = run_module("validate_properties", {**files, "modern": modern})
    assert result["failed"]
    for part in ("port: Invalid value", "modern.image_id is not", "'orders-a' is not", "AWS keeps aws:"):
        assert part in result["msg"]
    assert "volume" not in result["msg"]


def test_a_distribution_of_another_release_is_no_contradiction(files: dict[str, str], tmp_path: pathlib.Path) -> None:
    home = fake_cli.build(tmp_path, "1.0.7705")
    result = run_module("validate_properties", {**files, "datomic_home": str(home)})
    assert "release-ignored" not in {one["rule"] for one in result["findings"]}


def test_the_module_needs_a_file() -> None:
    assert "one of the following is required" in run_module("validate_properties", {})["msg"]


def test_the_module_refuses_databases_that_cannot_be_backed_up(tmp_path: pathlib.Path) -> None:
    twice = [{"name": "orders", "backup_uri": f"s3://backups/orders{end}"} for end in ("", "/")]
    refused = run_module("validate_properties", {"databases": twice})
    for part in ("the same name", "the same backup_uri", "datomic_home is not set"):
        assert part in refused["msg"]
    assert "datomic_databases is empty" in run_module("validate_properties", {"databases": []})["msg"]
    fine = {"databases": twice[:1], "datomic_home": str(fake_cli.build(tmp_path))}
    assert not run_module("validate_properties", fine)["failed"]


def test_a_missing_file_does_not_hide_the_other(files: dict[str, str], tmp_path: pathlib.Path) -> None:
    pathlib.Path(files["cf_src"]).write_text(text(CF, {"aws-security-group": ""}))
    result = run_module("validate_properties", {**files, "transactor_src": str(tmp_path / "none")})
    assert "none: cannot be read: No such file or directory" in result["msg"]
    assert "Missing property: aws-security-group" in result["msg"]


def test_a_function_becomes_a_rule_of_every_module_that_knows_its_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "RULES", {})

    @registry.rule("warning", "because", "the manual", also=("ensure_cf",))
    def much_memory(facts: Facts) -> Iterator[Finding]:
        for _size in [facts.instance_memory_mib] * bool(facts.instance_memory_mib):
            yield facts.cf.finding("java-xmx", "loud", "less")
            yield facts.cf.finding("java-xmx", "quiet", "less", severity="note", reason="of another reason")

    monkeypatch.setattr(rules, "RULES", registry.RULES)
    cf = Properties.parse(text(CF, {}).encode(), "c.properties")
    loud, quiet = found = rules.judge(Facts(cf=cf, instance_memory_mib=1))
    assert str(loud.rule) == str(quiet.rule) == "much-memory"
    assert [(one.severity, one.reason, one.source) for one in found] == [
        ("warning", "because", "the manual"),
        ("note", "of another reason", "the manual"),
    ]
    assert rules.judge(Facts(cf=cf, instance_memory_mib=1), "ensure_cf") == found
    assert rules.judge(Facts(cf=cf, instance_memory_mib=1), "create_cf_template") == []
    assert rules.learned(Facts(cf=cf), instance_memory_mib=1) == found, "whatever the module is that learns it"
    assert rules.learned(Facts(cf=cf, instance_memory_mib=2), instance_memory_mib=1) == [], "reported before"


@pytest.mark.parametrize(
    ("setting", "line", "found"),
    [
        (None, "new-key=1", "unknown-key"),
        (property_keys.Setting("new-key", "integer", minimum=2), "new-key=1", "invalid-value"),
        (property_keys.Setting("new-key", "integer"), "new-key=", "blank-value"),
        (property_keys.Setting("new-key", required_by=("ddb",)), "", "required-key"),
        (property_keys.Setting("new-key", required="always"), "", "required-key"),
        (property_keys.Setting("new-key", since="1.0.7300"), "new-key=1", "release-key"),
        (property_keys.Setting("new-key"), "new-key=1", None),
    ],
)
def test_a_key_is_one_line(
    setting: property_keys.Setting | None, line: str, found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(property_keys.TRANSACTOR, "new-key", setting)
    if setting is None:
        monkeypatch.delitem(property_keys.TRANSACTOR, "new-key")
    transactor = Properties.parse(f"{text(TRANSACTOR, {})}{line}\n".encode(), "t.properties")
    cf = Properties.parse(text(CF, {}).encode(), "c.properties")
    assert [str(one.rule) for one in rules.judge(Facts(transactor, cf))] == [found] * bool(found)
