# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ensure-transactor, ensure-cf and create-cf-template by the tool's rules, with its faults: names late, file last."""

from __future__ import annotations

import json
import os
import pathlib
import random
import re
import signal
import sys
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import botocore.exceptions
from jproperties import Properties

if not __package__:  # run as a program, from the distribution's root
    from lines import Lines
else:
    from tests.fake_cli.lines import Lines

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
LIMIT = 100
"""Only the first so many tables, roles and users are looked at."""


class CrashError(Exception):
    """An exception that nobody catches: no file is written."""


class Run:
    """One run: its clients, the account's number as the tool learns it, and what it found wrong."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self._operation, _colon, number = os.environ.get("STANDIN_DIE", "-1").rpartition(":")
        self._left = int(number)
        self._account = ""
        self._users: dict[str, tuple[str, str]] = {}

    def client(self, service: str, region: str = "", endpoint: str = "") -> Any:
        options = {"region_name": region, "endpoint_url": endpoint}
        client = boto3.client(service, **{name: value for name, value in options.items() if value})
        client.meta.events.register("after-call", self._count)
        return client

    def _count(self, model: Any, **_: Any) -> None:
        if self._operation in ("", model.name):
            self._left -= 1
            if self._left == 0:
                die()

    @property
    def account(self) -> str:
        if not self._account:
            self._account = self.client("iam").get_user()["User"]["Arn"].split(":")[4]
        return self._account


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def run(command: str, arguments: list[str], version: str) -> int:
    if os.environ.get("STANDIN_DIE") == "0":
        die()
    one = Run()
    try:
        COMMANDS[command](one, arguments, version)
    except (CrashError, botocore.exceptions.ClientError) as error:
        print(error if isinstance(error, CrashError) else _sdk(error, crash=True), file=sys.stderr)
        print("\tat datomic.provisioning.aws$ensure.invoke(aws.clj:1)", file=sys.stderr)
        return 1
    for message in one.messages:
        print(message, file=sys.stderr)
    return 1 if one.messages else 0


NAMES = {"dynamodb": "DynamoDBv2", "iam": "IdentityManagement", "ec2": "EC2", "s3": "S3"}


def _sdk(error: botocore.exceptions.ClientError, *, crash: bool = False, service: str = "ec2") -> str:
    """An error of AWS in the words of its SDK for Java."""
    told = error.response["Error"]
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    name = f"Amazon{NAMES[_service(error) if crash else service]}"
    rest = f"{told['Message']} (Service: {name}; Status Code: {status}; Error Code: {told['Code']})"
    return f"com.amazonaws.services.{name}Exception: {rest}" if crash else f"{name}{told['Code']}{rest}"


def _service(error: botocore.exceptions.ClientError) -> str:
    return "iam" if any(word in error.operation_name for word in ("Role", "Profile", "User")) else "ec2"


# --- ensure-transactor ---


def ensure_transactor(one: Run, arguments: list[str], version: str) -> None:
    source, target = arguments
    file = Lines(source)
    protocol = file.get("protocol")
    if protocol not in ("ddb", "ddb-local"):
        value = f":{protocol}" if protocol else "null"
        reason = f"No method in multimethod 'ensure-transactor*' for dispatch value: {value}"
        raise CrashError(f"java.lang.IllegalArgumentException: {reason}")
    one.messages += [f"Missing property: {key}" for key in ("port", "host") if not file.get(key)]
    if "aws-dynamodb-table" not in file:
        file.set("aws-dynamodb-table", "datomic")
    if protocol == "ddb":
        assert one.account
    _table(one, file, local=protocol == "ddb-local")
    if protocol == "ddb":
        _bucket(one, file)
        _identity(one, file, "transactor")
        for prefix in ("aws-cloudwatch", "aws-s3-log"):
            _extra_user(one, file, prefix)
        _identity(one, file, "peer")
    file.write(target)


def _table(one: Run, file: Lines, *, local: bool) -> None:
    endpoint = f"http://{file.get('aws-dynamodb-override-endpoint')}" if local else ""
    client = one.client("dynamodb", file.get("aws-dynamodb-region"), endpoint)
    name = file.get("aws-dynamodb-table")
    if name in client.list_tables()["TableNames"][:LIMIT]:
        return
    try:
        client.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            ProvisionedThroughput={"ReadCapacityUnits": 100, "WriteCapacityUnits": 50},
        )
    except botocore.exceptions.ClientError as error:
        one.messages.append(_sdk(error, service="dynamodb"))


def _bucket(one: Run, file: Lines) -> None:
    key = "aws-s3-log-bucket-id"
    if key not in file:
        return
    if not file.get(key):
        file.set(key, f"datomic-logs-{uuid.uuid4()}")
    client = one.client("s3")
    if file.get(key) not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
        region = client.meta.region_name
        place = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region != "us-east-1" else {}
        client.create_bucket(Bucket=file.get(key), **place)


def _identity(one: Run, file: Lines, who: str) -> None:
    role = f"aws-{who}-role"
    prefix = "aws-dynamodb" if who == "transactor" else "aws-dynamodb-peer"
    user, key, secret = (f"{prefix}-{part}" for part in ("user", "access-key-id", "secret-key"))
    if (role in file) == (user in file):
        dot = "." if role in file else ""
        one.messages.append(f"Cannot use {role} property and {user}, {key} and {secret} properties together{dot}")
        return
    name = _role(one, file, role, f"datomic-aws-{who}") if role in file else _user(one, file, prefix)
    if name:
        _policy(one, "role" if role in file else "user", name, *_table_policy(one, file, who))
        if who == "transactor" and role in file:
            if file.get("aws-s3-log-bucket-id"):
                _policy(one, "role", name, *_log_policy(file))
            if file.get("aws-cloudwatch-region"):
                _policy(one, "role", name, *METRICS)


def _extra_user(one: Run, file: Lines, prefix: str) -> None:
    present = [part for part in ("user", "access-key-id", "secret-key") if f"{prefix}-{part}" in file]
    if not present:
        return
    if len(present) < 3:
        group = ",".join(f"{prefix}-{part}" for part in ("user", "access-key-id", "secret-key"))
        one.messages.append(f"Properties {group} must be specified as group.")
        return
    name = _user(one, file, prefix)
    if name:
        _policy(one, "user", name, *(METRICS if prefix == "aws-cloudwatch" else _log_policy(file)))


def _free(base: str, taken: list[str]) -> str:
    names = [base, *(f"{base}-{number}" for number in range(1, LIMIT))]
    return next(name for name in names if name not in taken)


TRUST = {
    "Statement": [
        {"Sid": "", "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]
}


def _role(one: Run, file: Lines, key: str, base: str) -> str:
    client = one.client("iam")
    if not file.get(key):
        file.set(key, _free(base, [role["RoleName"] for role in client.list_roles(MaxItems=LIMIT)["Roles"]]))
    name: str = file.get(key)
    try:
        client.get_role(RoleName=name)
    except client.exceptions.NoSuchEntityException:
        client.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        client.create_instance_profile(InstanceProfileName=name)
        client.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    return name


def _user(one: Run, file: Lines, prefix: str) -> str:
    """The user's name; empty when something is wrong."""
    user, key, secret = (f"{prefix}-{part}" for part in ("user", "access-key-id", "secret-key"))
    if key not in file or secret not in file:
        one.messages.append(f"Properties {user},{key},{secret} are required.")
        return ""
    keyed = bool(file.get(key)) + bool(file.get(secret))
    if keyed == 1 or (keyed and not file.get(user)):
        one.messages.append(f"Properties {key},{secret} must be both set, or both unset.")
        return ""
    client = one.client("iam")
    if not file.get(user):
        taken = [entry["UserName"] for entry in client.list_users(MaxItems=LIMIT)["Users"]]
        file.set(user, _free(f"datomic-{prefix}", taken))
    name: str = file.get(user)
    try:
        client.get_user(UserName=name)
    except client.exceptions.NoSuchEntityException as error:
        if keyed:
            one.messages.append(_sdk(error, service="iam"))
            return ""
        client.create_user(UserName=name)
    if not keyed:
        if name not in one._users:
            made = client.create_access_key(UserName=name)["AccessKey"]
            one._users[name] = made["AccessKeyId"], made["SecretAccessKey"]
        file.set(key, one._users[name][0])
        file.set(secret, one._users[name][1])
    return name


def _policy(one: Run, kind: str, name: str, policy: str, statement: Mapping[str, Any]) -> None:
    client = one.client("iam")
    document = json.dumps({"Statement": [statement]})
    client.get_user()
    if kind == "role":
        client.list_role_policies(RoleName=name)
        client.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document)
    else:
        client.list_user_policies(UserName=name)
        client.put_user_policy(UserName=name, PolicyName=policy, PolicyDocument=document)


METRICS = (
    "transactor-metrics",
    {
        "Effect": "Allow",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "true"}},
        "Action": ["cloudwatch:PutMetricData", "cloudwatch:PutMetricDataBatch"],
    },
)


def _table_policy(one: Run, file: Lines, who: str) -> tuple[str, dict[str, Any]]:
    table = file.get("aws-dynamodb-table")
    reads = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Scan", "dynamodb:Query"]
    return f"{table}-{who}", {
        "Effect": "Allow",
        "Action": ["dynamodb:*"] if who == "transactor" else reads,
        "Resource": f"arn:aws:dynamodb:*:{one.account}:table/{table}",
    }


def _log_policy(file: Lines) -> tuple[str, dict[str, Any]]:
    bucket = file.get("aws-s3-log-bucket-id")
    arn = f"arn:aws:s3:::{bucket}"
    return f"{bucket}-transactor-logs", {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": [arn, f"{arn}/*"]}


# --- ensure-cf ---


def ensure_cf(one: Run, arguments: list[str], version: str) -> None:
    source, target = arguments
    file = Lines(source)
    assert one.account
    for key in ("aws-instance-monitoring", "datomic-deploy-s3-bucket"):
        if not file.get(key):
            one.messages.append(f"Missing property: {key}")
    size = file.get("aws-autoscaling-group-size")
    if not re.match(r"(0[xX][0-9a-fA-F]*[1-9a-fA-F]|0?[0-9]*[1-9][0-9]*)(\s|$)", size):
        one.messages.append(f"Invalid value for aws-autoscaling-group-size: {size}")
    if not file.get("java-xmx"):
        _heap(one, file)
    if "java-opts" not in file:
        file.set("java-opts", "")
    if not file.get("datomic-version"):
        file.set("datomic-version", version)
    _security_group(one, file)
    file.write(target)


OF_CASES = {"m3.large": "5250m"}
"""A type that stands in recorded cases alone."""


def _heap(one: Run, file: Lines) -> None:
    kind = file.get("aws-instance-type")
    table = json.loads((GOLDEN / "memory.json").read_text())["types"]
    types = {name: entry["default_xmx"] for name, entry in table.items()} | OF_CASES
    if not kind:
        one.messages.append("Missing property: aws-instance-type")
    elif kind not in types:
        raise CrashError(f"java.lang.Exception: Key not found: {kind}")
    else:
        file.set("java-xmx", types[kind])


def _security_group(one: Run, file: Lines) -> None:
    name = file.get("aws-security-group")
    if not name:
        one.messages.append("Missing property: aws-security-group")
        return
    client = one.client("ec2", file.get("aws-region"))
    if not _described(client, name):
        client.create_security_group(GroupName=name, Description="Provisioned by Datomic")
    groups = [_named(one, text) for text in file.get("aws-ingress-groups").split(",") if text]
    if groups:
        described = _described(client, name)
        had = {
            (pair["UserId"], _name(client, pair))
            for rule in described["IpPermissions"]
            for pair in rule["UserIdGroupPairs"]
        }
        if not set(groups) <= had:
            pairs = [{"UserId": account, "GroupName": group} for account, group in groups]
            _authorize(client, name, UserIdGroupPairs=pairs)
    ranges = file.get("aws-ingress-cidrs").split(",") if file.get("aws-ingress-cidrs") else []
    if ranges:
        rules = [rule for rule in _described(client, name)["IpPermissions"] if rule.get("FromPort") == 4334]
        if not set(ranges) <= {known["CidrIp"] for rule in rules for known in rule["IpRanges"]}:
            _authorize(client, name, IpRanges=[{"CidrIp": cidr} for cidr in ranges])


def _described(client: Any, name: str) -> Any:
    filters = [{"Name": "group-name", "Values": [name]}]
    return next(iter(client.describe_security_groups(Filters=filters)["SecurityGroups"]), None)


def _name(client: Any, pair: Mapping[str, str]) -> str:
    if "GroupName" in pair:
        return pair["GroupName"]
    return str(client.describe_security_groups(GroupIds=[pair["GroupId"]])["SecurityGroups"][0]["GroupName"])


def _named(one: Run, text: str) -> tuple[str, str]:
    parts = text.split(":")
    if len(parts) > 2:
        quoted = " ".join(f'"{part}"' for part in parts)
        raise CrashError(f"java.lang.RuntimeException: [{quoted}] is not an AWS security group")
    return (parts[0], parts[1]) if len(parts) == 2 else (one.account, text)


def _authorize(client: Any, name: str, **sources: Any) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 4334, "ToPort": 4334, **sources}
    client.authorize_security_group_ingress(GroupName=name, IpPermissions=[rule])


# --- create-cf-template ---

PARAMETERS = {
    "InstanceType": "aws-instance-type",
    "InstanceMonitoring": "aws-instance-monitoring",
    "Xmx": "java-xmx",
    "JavaOpts": "java-opts",
    "GroupSize": "aws-autoscaling-group-size",
    "SecurityGroups": "aws-security-group",
    "DatomicDeployBucket": "datomic-deploy-s3-bucket",
    "DatomicVersion": "datomic-version",
}


def _java(path: str) -> dict[str, str]:
    properties = Properties()
    properties.load(pathlib.Path(path).read_bytes(), "utf-8")
    return {str(key): str(value.data) for key, value in properties.items()}


def create_cf_template(one: Run, arguments: list[str], version: str) -> None:
    transactor, cf, target = _java(arguments[0]), _java(arguments[1]), arguments[2]
    assert one.account
    if "aws-instance-type" not in cf:
        raise CrashError("java.lang.Exception: Key not found: :aws-instance-type")
    recorded = json.loads((GOLDEN / "cases" / "template-plain.json").read_text())["runs"][0]["template"]
    parameters = recorded["Parameters"]
    for name, key in PARAMETERS.items():
        parameters[name]["Default"] = cf.get(key, "")
    launch = recorded["Resources"]["LaunchConfig"]["Properties"]
    if "aws-transactor-role" in transactor:
        parameters["InstanceProfile"]["Default"] = transactor["aws-transactor-role"]
    else:
        del parameters["InstanceProfile"], launch["IamInstanceProfile"]
    lines = [f"{key}={value}" for key, value in transactor.items() if key not in ("host", "alt-host")]
    random.shuffle(lines)
    script = launch["UserData"]["Fn::Base64"]["Fn::Join"][1]
    at = next(number for number, line in enumerate(script) if isinstance(line, dict) and "lines in any order" in line)
    script[at : at + 1] = lines
    mappings = json.loads((GOLDEN / "legacy-mappings.json").read_text())
    recorded["Mappings"] = {name: table for name, table in mappings.items() if isinstance(table, dict)}
    pathlib.Path(target).write_text(json.dumps(recorded))


COMMANDS: dict[str, Callable[[Run, list[str], str], None]] = {
    "ensure-transactor": ensure_transactor,
    "ensure-cf": ensure_cf,
    "create-cf-template": create_cf_template,
}
