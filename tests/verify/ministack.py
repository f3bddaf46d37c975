# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Part 4: the recorded cases on ministack, an emulator of AWS that neither we nor moto wrote."""

from __future__ import annotations

import os
import pathlib
import subprocess
import tempfile
import urllib.request
from collections.abc import Mapping
from typing import Any, cast
from unittest import mock

import boto3
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.transactor import policies
from botocore.config import Config

from tests.emulator import Emulator
from tests.golden import test_golden
from tests.golden.harness import CASES, differences, play
from tests.verify import servers
from tests.verify.tally import Tally

_BY_NAME = "the recording needs AuthorizeSecurityGroupIngress with a GroupName, which ministack does not find"
_ANY_TYPE = "ministack invents an answer for any instance type"
LIMITS: dict[str, str] = {
    "cf-cidr-added": _BY_NAME,
    "cf-cidr-removed": _BY_NAME,
    "cf-cidr-wider-range": _BY_NAME,
    "cf-type-unknown": _ANY_TYPE,
    "cf-xmx-m5-large": _ANY_TYPE,
}
"""Case to ministack's limit."""
WRONG = "transactor-role-named-new"
"""The case that a build plays that puts the policies on the wrong table."""


class Ministack:
    """What the harness of the recorded cases needs of an emulator; the account is read by AWS's own API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def client(self, service: str, region: str = "us-east-1") -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    backstage = client

    def calls(self) -> list[Any]:
        """Not known here; how few they are is compared on our own emulator."""
        return []

    def reset(self) -> None:
        urllib.request.urlopen(
            urllib.request.Request(f"{self.url}/_ministack/reset", method="POST"), timeout=30
        ).close()

    def snapshot(self) -> dict[str, Any]:
        """The account in the shape of the recordings."""
        iam = self.client("iam")
        regions = ("us-east-1", "eu-west-1", "us-west-2")
        return {
            "tables": {
                f"{region}/{name}": _table(self.client("dynamodb", region), name)
                for region in regions
                for name in _pages(self.client("dynamodb", region), "list_tables", "TableNames")
                if not name.startswith("filler-")
            },
            "buckets": sorted(
                one["Name"]
                for one in self.client("s3").list_buckets()["Buckets"]
                if not one["Name"].startswith("filler-")
            ),
            "roles": {
                role["RoleName"]: {
                    "trust": role["AssumeRolePolicyDocument"],
                    "policies": {
                        name: iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"]
                        for name in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
                    },
                }
                for role in _named(iam, "list_roles", "Roles", "RoleName")
            },
            "instance_profiles": {
                one["InstanceProfileName"]: [role["RoleName"] for role in one["Roles"]]
                for one in _named(iam, "list_instance_profiles", "InstanceProfiles", "InstanceProfileName")
            },
            "users": {
                user["UserName"]: {
                    "access_keys": len(iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"]),
                    "policies": {
                        name: iam.get_user_policy(UserName=user["UserName"], PolicyName=name)["PolicyDocument"]
                        for name in iam.list_user_policies(UserName=user["UserName"])["PolicyNames"]
                    },
                }
                for user in _named(iam, "list_users", "Users", "UserName")
            },
            "security_groups": {
                f"{region}/{name}": shown for region in regions for name, shown in _groups(self.client("ec2", region))
            },
        }


def _pages(client: Any, operation: str, key: str) -> list[Any]:
    return [one for page in client.get_paginator(operation).paginate() for one in page[key]]


def _named(client: Any, operation: str, key: str, name: str) -> list[Any]:
    """The account's own: neither fillers nor the roles that ministack brings along."""
    found = _pages(client, operation, key)
    return [
        one for one in found if not one[name].startswith("filler-") and not one["Path"].startswith("/aws-service-role/")
    ]


def _table(dynamodb: Any, name: str) -> dict[str, Any]:
    table = dynamodb.describe_table(TableName=name)["Table"]
    units = table.get("ProvisionedThroughput", {})
    return {
        "key_schema": table["KeySchema"],
        "attributes": table["AttributeDefinitions"],
        "read": units.get("ReadCapacityUnits", 0),
        "write": units.get("WriteCapacityUnits", 0),
    }


def _groups(ec2: Any) -> list[tuple[str, dict[str, Any]]]:
    """The region's own groups; a rule tells another group by its id, as EC2 does in a VPC."""
    groups = ec2.describe_security_groups()["SecurityGroups"]
    names = {group["GroupId"]: group["GroupName"] for group in groups}
    return [
        (group["GroupName"], {"description": group["Description"], "ingress": _ingress(group, names)})
        for group in groups
        if group["GroupName"] != "default" and not group["GroupName"].startswith("filler-")
    ]


def _ingress(group: Mapping[str, Any], names: Mapping[str, str]) -> list[dict[str, Any]]:
    rules = []
    for rule in group["IpPermissions"]:
        ports = {"protocol": rule["IpProtocol"], "from_port": rule.get("FromPort"), "to_port": rule.get("ToPort")}
        rules += [ports | {"cidr": one["CidrIp"]} for one in rule.get("IpRanges", [])]
        rules += [
            ports | {"group": f"{one.get('UserId')}:{one.get('GroupName') or names.get(one.get('GroupId', ''))}"}
            for one in rule.get("UserIdGroupPairs", [])
        ]
    return sorted(rules, key=lambda one: (one["from_port"] or 0, "cidr" not in one, str(one)))


def run(program: str, directory: pathlib.Path) -> Tally:
    """Every case but those of LIMITS. program: the Python of the environment that has ministack."""
    tally = Tally(
        "ministack, a second emulator",
        _version(program),
        "every recorded case: result, account and files",
    )
    for limit in dict.fromkeys(LIMITS.values()):
        cases = ", ".join(f"`{name}`" for name in LIMITS if LIMITS[name] == limit)
        tally.exceptions.append(f"{cases}: {limit}")
    port = servers.free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_ACCOUNT_ID": "123456789012",
    }
    with servers.server("ministack", [program, "-m", "ministack"], port, environment, directory) as url:
        aws = Ministack(url)
        for name in CASES:
            if name not in LIMITS:
                _compare(tally, name, aws)
        with mock.patch.object(policies, "document", _on_the_wrong_table):
            # AssertionError: the comparison's own, not a run that failed in another way.
            tally.mistake("a policy on the wrong table", lambda broken: _compare(broken, WRONG, aws), "AssertionError")
    return tally


def _compare(tally: Tally, name: str, aws: Ministack) -> None:
    tally.holds(name, lambda: _holds(name, aws))


def _holds(name: str, aws: Ministack) -> None:
    case, rule = CASES[name], differences().get(name, test_golden.SAME)
    with tempfile.TemporaryDirectory() as directory:
        aws.reset()
        played, account = play(case, cast(Emulator, aws), pathlib.Path(directory))
    if rule in (test_golden.REFUSED, test_golden.CRASHED, test_golden.UNSOUND):
        test_golden.refused(case, played, account)
        return
    expected = test_golden.like(name) if rule == test_golden.REPAIRED else case
    test_golden.succeeded(name, expected, played, account)


_document = policies.document


def _on_the_wrong_table(grant: policies.Grant, table: str, *rest: Any) -> policies.Document:
    return _document(grant, f"wrong-{table}", *rest)


def _version(program: str) -> str:
    """The release in that Python's environment."""
    code = "from importlib.metadata import version; print(version('ministack'))"
    return subprocess.run([program, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
