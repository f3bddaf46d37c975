# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Combinations of files and options for the modern template, made by Hypothesis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import InputError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import Properties
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template import user_data
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template.options import Machine, Options
from hypothesis import strategies as st

from tests import builders

TRANSACTOR = builders.STORAGE | {
    "aws-transactor-role": "datomic-aws-transactor",
    "aws-peer-role": "datomic-aws-peer",
    "memory-index-threshold": "32m",
    "memory-index-max": "512m",
    "object-cache-max": "1g",
}
CF = builders.CF | {
    "aws-instance-type": "m7g.large",
    "java-xmx": "4g",
    "java-opts": "",
    "datomic-version": "1.0.7705",
    "datomic-deploy-s3-bucket": "deploy-orders",
}
del CF["aws-ingress-groups"]
METRICS = {"aws-cloudwatch-region": "us-east-1", "aws-cloudwatch-dimension-value": "orders"}
MACHINE = Machine("arm64", True, ("sg-0123456789abcdef0",))


def properties(values: Mapping[str, str], path: str) -> Properties:
    return Properties.parse(b"", path).edit(values)


def transactor(**values: str) -> Properties:
    return builders.parse(TRANSACTOR, "orders.properties", **values)


def cf(**values: str) -> Properties:
    return builders.parse(CF, "orders-cf.properties", **values)


def _writable(value: str) -> bool:
    try:
        return bool(properties({"metrics-callback": value}, "orders.properties"))
    except InputError:
        return False


VALUES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(_writable)
"""What a property may hold: anything that a file can hold in both of its readings."""

OPTIONS = st.builds(
    Options,
    subnets=st.sampled_from(
        [(), ("subnet-0123456789abcdef0",), ("subnet-0123456789abcdef0", "subnet-0a1b2c3d4e5f60718")]
    ),
    image_id=st.sampled_from(["", "ami-0123456789abcdef0"]),
    java_version=st.sampled_from([17, 21, 25]),
    volume_size=st.sampled_from([8, 20, 500]),
    valcache=st.booleans(),
    session_manager=st.booleans(),
    extra_jars=st.sampled_from([(), ("s3://jars/a.jar",), ("s3://jars/a.jar", "s3://jars/${b} c.jar")]),
    sha256=st.sampled_from(["", "0" * 64]),
    secrets=st.sampled_from([(), ("memcached-password",), ("memcached-password", "sql-password")]),
    secrets_versions=st.sampled_from([{}, {"memcached-password": 3}]),
    secrets_path=st.sampled_from(["", "/prod/datomic/orders"]),
    secrets_kms_key=st.sampled_from(["", "arn:aws:kms:us-east-1:123456789012:key/1"]),
    alarms=st.booleans(),
    alarm_topic=st.sampled_from(["", "arn:aws:sns:us-east-1:123456789012:pagers"]),
    alarm_email=st.sampled_from(["", "oncall@example.com"]),
    tags=st.sampled_from([{}, {"team": "orders", "env": "prod"}]),
)
FILES = st.builds(
    lambda metrics, table_region, bucket, awkward, size, monitoring, opts, version: (
        properties(
            TRANSACTOR
            | (METRICS if metrics else {})
            | {"aws-dynamodb-region": table_region}
            | ({"aws-s3-log-bucket-id": bucket} if bucket else {})
            | {"metrics-callback": awkward},
            "orders.properties",
        ),
        properties(
            CF
            | {"aws-autoscaling-group-size": size, "aws-instance-monitoring": monitoring, "java-opts": opts}
            | {"datomic-version": version},
            "orders-cf.properties",
        ),
    ),
    metrics=st.booleans(),
    table_region=st.sampled_from(["us-east-1", "eu-central-1"]),
    bucket=st.sampled_from(["", "logs-orders"]),
    awkward=VALUES,
    size=st.sampled_from(["1", "2", "3"]),
    monitoring=st.sampled_from(["true", "false"]),
    opts=st.sampled_from(["", "'-XX:+UseG1GC -XX:MaxGCPauseMillis=50'"]),
    version=st.sampled_from(["1.0.7705", "1.0.7277"]),
)
MACHINES = st.builds(
    Machine,
    architecture=st.sampled_from(["arm64", "x86_64"]),
    instance_store=st.booleans(),
    security_groups=st.just(("sg-0123456789abcdef0",)),
)


def rendered(template: Mapping[str, Any], **values: str) -> str:
    """The user data with the parameters' defaults."""
    return user_data.rendered(template, **{"AWS::Region": "us-east-1", "AWS::StackName": "orders"} | values)
