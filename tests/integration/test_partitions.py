# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Systems in AWS GovCloud and in China: everything that is written names the partition of the account."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests import fake_cli
from tests.emulator import Emulator
from tests.integration.ensuring import ROLES, USERS, ensure, writes
from tests.modules import CREDENTIALS, run_module

PARTITIONS = {"us-gov-west-1": ("aws-us-gov", "ec2.amazonaws.com"), "cn-north-1": ("aws-cn", "ec2.amazonaws.com.cn")}
LOGS = """\
protocol=sql
host=localhost
port=4334
sql-url=jdbc:postgresql://db.example.com/datomic
sql-user=datomic
sql-driver-class=org.postgresql.Driver
aws-transactor-role=datomic-orders
aws-s3-log-bucket-id=our-logs
"""
CF = """\
aws-instance-type=c5.large
aws-region={region}
aws-instance-monitoring=true
aws-autoscaling-group-size=1
java-xmx=2g
java-opts=
aws-security-group=datomic
aws-ingress-cidrs=10.0.0.0/8
datomic-version=1.0.7705
datomic-deploy-s3-bucket=datomic-pro-downloads
"""


def run(aws: Emulator, name: str, region: str, **options: Any) -> dict[str, Any]:
    result = run_module(name, {**CREDENTIALS, "endpoint_url": aws.url, "region": region, **options})
    assert not result["failed"], result["msg"]
    return result


@pytest.mark.parametrize("region", PARTITIONS)
@pytest.mark.parametrize("policies", ["tool", "least_privilege"])
@pytest.mark.parametrize("text", [ROLES, USERS, LOGS])
def test_roles_users_and_their_policies(
    region: str, policies: str, text: str, aws: Emulator, tmp_path: pathlib.Path
) -> None:
    partition, service = PARTITIONS[region]
    file = tmp_path / "orders.properties"
    file.write_text(text.replace("us-east-1", region))
    aws.backstage("s3", region).create_bucket(
        Bucket="our-logs", CreateBucketConfiguration={"LocationConstraint": region}
    )
    run(aws, "ensure_transactor", region, src=str(file), policies=policies)
    iam = aws.backstage("iam", region)
    roles = iam.list_roles()["Roles"]
    assert bool(roles) == (text != USERS)
    for role in roles:
        trusted = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
        assert trusted == {"Service": service}
        names = iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
        assert names
        for name in names:
            document = iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"]
            assert "arn:" not in json.dumps(document).replace(f"arn:{partition}:", "")
    aws.clear_calls()
    assert not run(aws, "ensure_transactor", region, src=str(file), policies=policies)["changed"]
    assert writes(aws) == []


@pytest.mark.parametrize("region", PARTITIONS)
def test_a_modern_template(region: str, aws: Emulator, tmp_path: pathlib.Path) -> None:
    transactor, cf, dest = (tmp_path / name for name in ("t.properties", "cf.properties", "cf.json"))
    transactor.write_text(ROLES.replace("us-east-1", region) + "aws-cloudwatch-dimension-value=orders\n")
    cf.write_text(CF.format(region=region))
    sources = {"transactor_src": str(transactor), "cf_src": str(cf)}
    run(aws, "ensure_transactor", region, src=str(transactor))
    run(aws, "ensure_cf", region, src=str(cf))
    subnet = aws.backstage("ec2", region).describe_subnets()["Subnets"][0]["SubnetId"]
    options = {"subnets": [subnet], "secrets": ["memcached-password"], "alarm_email": "operator@example.com"}
    run(aws, "create_cf_template", region, **sources, dest=str(dest), flavor="modern", modern=options)
    text = dest.read_text()
    assert "arn:aws:" not in text
    assert 'amazonaws.com"' not in text


def test_another_partition_is_refused_before_anything_changes(aws: Emulator, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "orders.properties"
    file.write_text(ROLES.replace("us-east-1", "us-iso-east-1"))
    result = ensure(aws, file, region="us-iso-east-1")
    assert "the partition aws-iso of AWS are not known" in result["msg"]
    assert "aws, aws-us-gov, aws-cn" in result["msg"]
    assert writes(aws) == []


def test_the_tool_is_refused_where_aws_takes_none_of_its_policies(aws: Emulator, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "orders.properties"
    file.write_text(ROLES.replace("us-east-1", "us-gov-west-1"))
    home = fake_cli.build(tmp_path)
    result = ensure(aws, file, region="us-gov-west-1", engine="cli", datomic_home=str(home))
    assert "AWS takes none of them in aws-us-gov. Use engine: native." in result["msg"]
    assert writes(aws) == []


def test_the_emulator_refuses_what_names_another_partition(aws: Emulator) -> None:
    iam = aws.client("iam", "us-gov-west-1")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    document = {"Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/*"}]}
    with pytest.raises(ClientError, match='Partition "aws" is not valid for resource "arn:aws:s3:::b/\\*"'):
        iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps(document))
