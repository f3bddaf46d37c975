# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Corrections of moto in S3, EC2, IAM, DynamoDB and CloudWatch, one test for each (docs/development/emulator.md)."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator import Emulator

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
        ],
    }
)
TAKEN = "EntityAlreadyExists"
TABLE: dict[str, Any] = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "ProvisionedThroughput": {"ReadCapacityUnits": 100, "WriteCapacityUnits": 50},
}


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    told: str = caught.value.response["Error"]["Code"]
    return told


class TestS3:
    def test_a_new_bucket_is_encrypted_and_not_public(self, aws: Emulator) -> None:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket="my-logs")
        rules = s3.get_bucket_encryption(Bucket="my-logs")["ServerSideEncryptionConfiguration"]["Rules"]
        assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        block = s3.get_public_access_block(Bucket="my-logs")["PublicAccessBlockConfiguration"]
        assert len(block) == 4
        assert all(block.values())
        owner = s3.get_bucket_ownership_controls(Bucket="my-logs")["OwnershipControls"]["Rules"]
        assert owner == [{"ObjectOwnership": "BucketOwnerEnforced"}]

    def test_without_a_configuration_it_is_encrypted_all_the_same(self, aws: Emulator) -> None:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket="my-logs")
        s3.delete_bucket_encryption(Bucket="my-logs")
        assert s3.get_bucket_encryption(Bucket="my-logs")["ServerSideEncryptionConfiguration"]["Rules"]

    def test_creating_an_own_bucket_again(self, aws: Emulator) -> None:
        for _turn in range(2):
            aws.client("s3").create_bucket(Bucket="my-logs")
        europe = {"Bucket": "eu-logs", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
        aws.client("s3", "eu-west-1").create_bucket(**europe)
        with pytest.raises(ClientError) as caught:
            aws.client("s3", "eu-west-1").create_bucket(**europe)
        assert code(caught) == "BucketAlreadyOwnedByYou"

    def test_another_accounts_bucket_is_forbidden_and_its_name_taken(self, aws: Emulator) -> None:
        other = aws.client("s3", read_timeout=60)
        other.meta.events.register(
            "before-sign.s3", lambda request, **_: request.headers.add_header("x-moto-account-id", "999999999999")
        )
        other.create_bucket(Bucket="their-logs")
        for operation, expected in (("head_bucket", "403"), ("create_bucket", "BucketAlreadyExists")):
            with pytest.raises(ClientError) as caught:
                getattr(aws.client("s3"), operation)(Bucket="their-logs")
            assert code(caught) == expected

    @pytest.mark.parametrize("name", ["My-logs", "my_logs", "-logs", "10.0.0.1", "a..b", "xn--logs"])
    def test_names_keep_the_rules(self, aws: Emulator, name: str) -> None:
        with pytest.raises(ClientError, match="InvalidBucketName"):
            aws.client("s3").create_bucket(Bucket=name)


class TestEc2:
    @staticmethod
    def permission(cidr: str) -> dict[str, Any]:
        return {"IpProtocol": "tcp", "FromPort": 4334, "ToPort": 4334, "IpRanges": [{"CidrIp": cidr}]}

    def test_rules_are_added_all_or_none(self, aws: Emulator) -> None:
        ec2 = aws.client("ec2")
        ec2.create_security_group(GroupName="datomic", Description="x")
        permissions = [self.permission("10.0.0.0/8"), self.permission("11.0.0.0/8")]
        added = ec2.authorize_security_group_ingress(GroupName="datomic", IpPermissions=permissions)
        assert [one["CidrIpv4"] for one in added["SecurityGroupRules"]] == ["10.0.0.0/8", "11.0.0.0/8"]
        before = aws.snapshot()
        with pytest.raises(ClientError) as caught:
            ec2.authorize_security_group_ingress(
                GroupName="datomic", IpPermissions=[self.permission("12.0.0.0/8"), self.permission("10.0.0.0/8")]
            )
        assert code(caught) == "InvalidPermission.Duplicate"
        assert aws.snapshot() == before

    @pytest.mark.parametrize("cidr", ["10.0.0.0/99", "somewhere", "300.0.0.0/8"])
    def test_a_malformed_cidr_is_an_invalid_value(self, aws: Emulator, cidr: str) -> None:
        ec2 = aws.client("ec2")
        ec2.create_security_group(GroupName="datomic", Description="x")
        with pytest.raises(ClientError, match=f"InvalidParameterValue.*CIDR block {cidr} is malformed"):
            ec2.authorize_security_group_ingress(GroupName="datomic", IpPermissions=[self.permission(cidr)])

    def test_an_unknown_group_is_not_found(self, aws: Emulator) -> None:
        with pytest.raises(ClientError, match=r"InvalidGroup.NotFound.*'nope' does not exist"):
            aws.client("ec2").describe_security_groups(GroupNames=["nope"])
        with pytest.raises(ClientError, match=r"InvalidGroup.NotFound"):
            aws.client("ec2").authorize_security_group_ingress(
                GroupName="nope", IpPermissions=[self.permission("10.0.0.0/8")]
            )

    @pytest.mark.parametrize("name", ["sg-datomic", "dätomic", "x" * 256])
    def test_names_keep_the_rules(self, aws: Emulator, name: str) -> None:
        with pytest.raises(ClientError, match="InvalidParameterValue"):
            aws.client("ec2").create_security_group(GroupName=name, Description="x")

    def test_an_unknown_instance_type_is_invalid(self, aws: Emulator) -> None:
        with pytest.raises(ClientError) as caught:
            aws.client("ec2").describe_instance_types(InstanceTypes=["m5.large", "zz.large"])
        assert code(caught) == "InvalidInstanceType"


class TestIamOfUsersAndAws:
    def test_a_user_has_a_permissions_boundary(self, aws: Emulator) -> None:
        iam = aws.client("iam")
        for number, put in enumerate((False, True)):
            arn, name = f"arn:aws:iam::123456789012:policy/b{number}", f"user-{number}"
            iam.create_user(UserName=name, **({} if put else {"PermissionsBoundary": arn}))
            if put:
                assert "PermissionsBoundary" not in iam.get_user(UserName=name)["User"]
                iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=arn)
            boundary = iam.get_user(UserName=name)["User"]["PermissionsBoundary"]
            assert boundary["PermissionsBoundaryArn"] == arn

    def test_aws_s_own_policies_can_be_attached_and_read(self, aws: Emulator) -> None:
        iam, arn = aws.client("iam"), "arn:aws:iam::aws:policy/AdministratorAccess"
        iam.create_role(RoleName="tx", AssumeRolePolicyDocument=TRUST)
        iam.attach_role_policy(RoleName="tx", PolicyArn=arn)
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        assert document["Statement"][0]["Action"] == "*"

    def test_the_older_version_of_policies_is_one(self, aws: Emulator) -> None:
        iam = aws.client("iam")
        iam.create_role(RoleName="tx", AssumeRolePolicyDocument=TRUST)
        iam.update_assume_role_policy(RoleName="tx", PolicyDocument=TRUST.replace("2012-10-17", "2008-10-17"))


OPEN = tuple(
    {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    for port in (22, 4334)
)


class TestRevoking:
    def left(self, aws: Emulator, group_id: str) -> list[int]:
        (group,) = aws.client("ec2").describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
        return [permission["FromPort"] for permission in group["IpPermissions"]]

    def test_in_a_default_vpc_an_unknown_rule_is_returned(self, aws: Emulator) -> None:
        ec2 = aws.client("ec2")
        group_id = ec2.create_security_group(GroupName="g", Description="d")["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=OPEN[:1])
        answer = ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=OPEN[::-1])
        assert [one["FromPort"] for one in answer["UnknownIpPermissions"]] == [4334]
        assert self.left(aws, group_id) == []

    def test_elsewhere_an_unknown_rule_is_an_error_and_all_stay(self, aws: Emulator) -> None:
        ec2 = aws.client("ec2")
        vpc_id = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        group_id = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc_id)["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=OPEN[:1])
        with pytest.raises(ClientError, match=r"InvalidPermission\.NotFound"):
            ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=OPEN)
        assert self.left(aws, group_id) == [22]


class TestIam:
    def test_a_policy_needs_no_version(self, aws: Emulator) -> None:
        iam = aws.client("iam")
        iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
        document = {"Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}]}
        iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps(document))
        assert iam.get_role_policy(RoleName="r", PolicyName="p")["PolicyDocument"] == document
        with pytest.raises(ClientError, match="MalformedPolicyDocument"):
            iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument='{"Version": "2000-01-01"}')

    def test_limits_two_keys_a_user_one_role_a_profile(self, aws: Emulator) -> None:
        iam = aws.client("iam")
        iam.create_user(UserName="bob")
        iam.create_instance_profile(InstanceProfileName="p")
        for name in ("a", "b"):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
            iam.create_access_key(UserName="bob")
        iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="a")
        for operation, params in (
            ("create_access_key", {"UserName": "bob"}),
            ("add_role_to_instance_profile", {"InstanceProfileName": "p", "RoleName": "b"}),
        ):
            with pytest.raises(ClientError) as caught:
                getattr(iam, operation)(**params)
            assert code(caught) == "LimitExceeded"

    def test_users_and_profiles_come_in_pages(self, aws: Emulator) -> None:
        iam = aws.client("iam")
        for name in ("a", "b", "c"):
            iam.create_user(UserName=name)
            iam.create_instance_profile(InstanceProfileName=name)
        for operation, key in (("list_users", "Users"), ("list_instance_profiles", "InstanceProfiles")):
            pages = list(iam.get_paginator(operation).paginate(PaginationConfig={"PageSize": 2}))
            assert [len(page[key]) for page in pages] == [2, 1]

    @pytest.mark.parametrize("name", ["a b", "ü", "x" * 65])
    def test_names_keep_the_rules(self, aws: Emulator, name: str) -> None:
        with pytest.raises(ClientError, match="ValidationError"):
            aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)


class TestDynamoDB:
    @pytest.mark.parametrize("name", ["ab", "or/ders", "x" * 256])
    def test_names_keep_the_rules(self, aws: Emulator, name: str) -> None:
        dynamodb = aws.client("dynamodb", parameter_validation=False)
        with pytest.raises(ClientError, match=r"ValidationException.*between 3 and 255"):
            dynamodb.create_table(TableName=name, **TABLE)
        with pytest.raises(ClientError, match=r"ValidationException.*between 3 and 255"):
            dynamodb.describe_table(TableName=name)

    def test_a_table_on_demand_has_no_units(self, aws: Emulator) -> None:
        dynamodb = aws.client("dynamodb")
        dynamodb.create_table(TableName="orders", **TABLE)
        dynamodb.update_table(TableName="orders", BillingMode="PAY_PER_REQUEST")
        units = dynamodb.describe_table(TableName="orders")["Table"]["ProvisionedThroughput"]
        assert (units["ReadCapacityUnits"], units["WriteCapacityUnits"]) == (0, 0)

    def test_a_table_has_an_id(self, aws: Emulator) -> None:
        dynamodb = aws.client("dynamodb")
        made = dynamodb.create_table(TableName="orders", **TABLE)["TableDescription"]["TableId"]
        assert dynamodb.describe_table(TableName="orders")["Table"]["TableId"] == made

    def test_a_table_is_creating_at_first_and_cannot_be_changed_then(self, aws: Emulator) -> None:
        aws.configure(table_creating=40)
        dynamodb = aws.client("dynamodb")
        status = dynamodb.create_table(TableName="orders", **TABLE)["TableDescription"]["TableStatus"]
        assert status == "CREATING"
        recovery = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
        for operation, params, expected in (
            ("update_continuous_backups", recovery, "ContinuousBackupsUnavailableException"),
            ("update_table", {"DeletionProtectionEnabled": True}, "ResourceInUseException"),
            ("delete_table", {}, "ResourceInUseException"),
        ):
            with pytest.raises(ClientError) as caught:
                getattr(dynamodb, operation)(TableName="orders", **params)
            assert code(caught) == expected
        aws.advance(40)
        assert dynamodb.describe_table(TableName="orders")["Table"]["TableStatus"] == "ACTIVE"
        dynamodb.update_continuous_backups(TableName="orders", **recovery)
        dynamodb.update_table(TableName="orders", DeletionProtectionEnabled=True)
        with pytest.raises(ClientError, match="DeletionProtectionEnabled"):
            dynamodb.delete_table(TableName="orders")

    def test_throughput_that_stays_the_same_is_refused(self, aws: Emulator) -> None:
        dynamodb = aws.client("dynamodb")
        dynamodb.create_table(TableName="orders", **TABLE)
        with pytest.raises(ClientError, match="The provisioned throughput for the table will not change"):
            dynamodb.update_table(TableName="orders", ProvisionedThroughput=TABLE["ProvisionedThroughput"])


class TestCloudWatch:
    def test_datapoints_lie_on_whole_periods_of_exactly_that_metric(self, aws: Emulator) -> None:
        cloudwatch = aws.client("cloudwatch")
        minute = datetime.datetime(2026, 1, 1, 12, 0, tzinfo=datetime.UTC)
        transactor = {"Name": "Transactor", "Value": "orders"}
        other = [transactor, {"Name": "x", "Value": "y"}]
        for seconds, dimensions in ((50, [transactor]), (70, [transactor]), (71, other)):
            cloudwatch.put_metric_data(
                Namespace="Datomic",
                MetricData=[
                    {
                        "MetricName": "HeartbeatMsec",
                        "Dimensions": dimensions,
                        "Timestamp": minute + datetime.timedelta(seconds=seconds),
                        "Value": 5000,
                    }
                ],
            )
        span = {"StartTime": minute, "EndTime": minute + datetime.timedelta(minutes=5)}
        metric = {"Namespace": "Datomic", "MetricName": "HeartbeatMsec", "Dimensions": [transactor]}
        points = cloudwatch.get_metric_statistics(**metric, **span, Period=60, Statistics=["SampleCount"])["Datapoints"]
        expected = {minute: 1.0, minute + datetime.timedelta(minutes=1): 1.0}
        assert {one["Timestamp"]: one["SampleCount"] for one in points} == expected
        query = {"Id": "a", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "SampleCount"}}
        span["StartTime"] += datetime.timedelta(seconds=20)
        found = cloudwatch.get_metric_data(**span, MetricDataQueries=[query])["MetricDataResults"][0]
        assert dict(zip(found["Timestamps"], found["Values"], strict=True)) == expected


class TestVisibility:
    """Something new is unknown for a while, but its name is taken at once, and backstage sees it."""

    @pytest.mark.parametrize(
        ("service", "create", "read", "again"),
        [
            ("iam", ("create_role", {"RoleName": "x", "AssumeRolePolicyDocument": TRUST}), "get_role", TAKEN),
            ("iam", ("create_instance_profile", {"InstanceProfileName": "x"}), "get_instance_profile", TAKEN),
            ("iam", ("create_user", {"UserName": "x"}), "get_user", TAKEN),
            ("s3", ("create_bucket", {"Bucket": "xyz"}), "head_bucket", ""),
        ],
    )
    def test_new_things(
        self, aws: Emulator, service: str, create: tuple[str, dict[str, Any]], read: str, again: str
    ) -> None:
        aws.configure(visibility=50)
        client, (operation, params) = aws.client(service), create
        named = {name: value for name, value in params.items() if name != "AssumeRolePolicyDocument"}
        getattr(client, operation)(**params)
        with pytest.raises(ClientError) as caught:
            getattr(client, read)(**named)
        assert code(caught) in ("NoSuchEntity", "404")
        if again:
            with pytest.raises(ClientError, match=again):
                getattr(client, operation)(**params)
        getattr(aws.backstage(service), read)(**named)
        aws.advance(50)
        getattr(client, read)(**named)

    def test_a_user_that_is_not_seen_yet_hides_nobody_s_identity(self, aws: Emulator) -> None:
        iam = aws.client("iam")
        aws.configure(visibility=50)
        iam.create_user(UserName="new")
        assert aws.client("sts").get_caller_identity()["Account"] == "123456789012"

    def test_a_new_security_group(self, aws: Emulator) -> None:
        aws.configure(visibility=50)
        ec2 = aws.client("ec2")
        made = ec2.create_security_group(GroupName="datomic", Description="x")["GroupId"]
        with pytest.raises(ClientError, match=r"InvalidGroup.NotFound"):
            ec2.describe_security_groups(GroupIds=[made])
        with pytest.raises(ClientError, match=r"InvalidGroup.Duplicate"):
            ec2.create_security_group(GroupName="datomic", Description="x")
        filters = [{"Name": "group-name", "Values": ["datomic"]}]
        assert ec2.describe_security_groups(Filters=filters)["SecurityGroups"] == []
        aws.advance(50)
        assert len(ec2.describe_security_groups(Filters=filters)["SecurityGroups"]) == 1

    def test_services_that_use_a_new_profile(self, aws: Emulator) -> None:
        aws.configure(visibility=50, launch_configurations=True)
        launch = {"LaunchConfigurationName": "v1", "ImageId": "ami-12c6146b", "InstanceType": "m5.large"}
        aws.client("iam").create_instance_profile(InstanceProfileName="p")
        with pytest.raises(ClientError, match="Invalid IamInstanceProfile: p"):
            aws.client("autoscaling").create_launch_configuration(**launch, IamInstanceProfile="p")
        aws.advance(50)
        aws.client("autoscaling").create_launch_configuration(**launch, IamInstanceProfile="p")

    def test_ec2_knows_a_new_profile_later_than_iam_shows_it(self, aws: Emulator) -> None:
        aws.configure(visibility=10, profile_propagation=20)
        ec2, iam = aws.client("ec2"), aws.client("iam")
        iam.create_instance_profile(InstanceProfileName="p")
        aws.advance(11)
        iam.get_instance_profile(InstanceProfileName="p")
        launch: dict[str, Any] = {"ImageId": "ami-12c6146b", "MinCount": 1, "MaxCount": 1, "InstanceType": "t3.micro"}
        launch["IamInstanceProfile"] = {"Name": "p"}
        for dry_run in (True, False):
            with pytest.raises(ClientError, match=r"Value \(p\) for parameter iamInstanceProfile.name is invalid"):
                ec2.run_instances(**launch, DryRun=dry_run)
        aws.advance(20)
        with pytest.raises(ClientError, match="DryRunOperation"):
            ec2.run_instances(**launch, DryRun=True)
        ec2.run_instances(**launch)
