# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An account is prepared and shown in the shape of the golden cases."""

from __future__ import annotations

import json
from typing import Any

from tests.emulator import Emulator
from tests.emulator.account import prepare, snapshot

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
POLICY = {"Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}]}
TABLE = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
}
RULE = {"IpProtocol": "tcp", "FromPort": 4334, "ToPort": 4334}
GIVEN: list[dict[str, Any]] = [
    {
        "service": "dynamodb",
        "call": "create_table",
        "region": "eu-west-1",
        "with": {
            **TABLE,
            "TableName": "abc",
            "ProvisionedThroughput": {"ReadCapacityUnits": 7, "WriteCapacityUnits": 3},
        },
    },
    {
        "service": "dynamodb",
        "call": "create_table",
        "times": 3,
        "with": {**TABLE, "TableName": "filler-{i}", "BillingMode": "PAY_PER_REQUEST"},
    },
    {"service": "s3", "call": "create_bucket", "times": 2, "with": {"Bucket": "logs-{i}"}},
    {"service": "iam", "call": "create_role", "with": {"RoleName": "r", "AssumeRolePolicyDocument": json.dumps(TRUST)}},
    {"service": "iam", "call": "create_instance_profile", "with": {"InstanceProfileName": "p"}},
    {"service": "iam", "call": "add_role_to_instance_profile", "with": {"InstanceProfileName": "p", "RoleName": "r"}},
    {"service": "iam", "call": "create_user", "with": {"UserName": "bob"}},
    {"service": "iam", "call": "create_access_key", "with": {"UserName": "bob"}},
    {
        "service": "iam",
        "call": "put_user_policy",
        "with": {"UserName": "bob", "PolicyName": "x", "PolicyDocument": json.dumps(POLICY)},
    },
    {"service": "ec2", "call": "create_security_group", "with": {"GroupName": "peers", "Description": "mine"}},
    {
        "service": "ec2",
        "call": "authorize_security_group_ingress",
        "with": {
            "GroupName": "peers",
            "IpPermissions": [
                {**RULE, "UserIdGroupPairs": [{"GroupName": "peers"}], "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
            ],
        },
    },
]


def test_what_was_given_is_shown(aws: Emulator) -> None:
    prepare(aws, GIVEN)
    rule = {"protocol": "tcp", "from_port": 4334, "to_port": 4334}
    assert snapshot(aws) == {
        "tables": {
            "eu-west-1/abc": {
                "key_schema": TABLE["KeySchema"],
                "attributes": TABLE["AttributeDefinitions"],
                "read": 7,
                "write": 3,
            }
        },
        "buckets": ["logs-000", "logs-001"],
        "roles": {"r": {"trust": TRUST, "policies": {}}},
        "instance_profiles": {"p": ["r"]},
        "users": {"bob": {"access_keys": 1, "policies": {"x": POLICY}}},
        "security_groups": {
            "us-east-1/peers": {
                "description": "mine",
                "ingress": [{**rule, "cidr": "10.0.0.0/8"}, {**rule, "group": "123456789012:peers"}],
            }
        },
    }
    assert aws.calls() == []
    assert len(aws.backstage("dynamodb").list_tables()["TableNames"]) == 3


def test_a_fresh_account_is_empty(aws: Emulator) -> None:
    assert not any(snapshot(aws).values())
