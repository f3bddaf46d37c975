# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policies in docs/iam-policies: each allows every call that is made with what it is for, and nothing beyond."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import change_set
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.update_stack import AGAIN
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.transactor.policies import TRANSACTOR_ACTIONS

from tests import fake_cli
from tests.emulator import Call, Emulator
from tests.estate import ROOT, Estate
from tests.integration import groups
from tests.integration.ensuring import ROLES, USERS, ensure
from tests.integration.groups import Clients
from tests.integration.operator_policies import POLICIES, filled, holds
from tests.integration.running import Machines, machines
from tests.integration.stacks import follow
from tests.integration.test_backup_modules import Site
from tests.integration.test_replace_transactors_rolling import PROPERTIES, system
from tests.modules import CREDENTIALS, run_module

__all__ = ["machines"]

ACCOUNT = "123456789012"
NAMED = {
    "iam": tuple(f"arn:aws:iam::{ACCOUNT}:{kind}/{{}}" for kind in ("role", "instance-profile", "user")),
    "s3": ("arn:aws:s3:::{}",),
    "autoscaling": tuple(
        f"arn:aws:autoscaling:us-east-1:{ACCOUNT}:{kind}:id:{kind}Name/{{}}"
        for kind in ("autoScalingGroup", "launchConfiguration")
    ),
    "dynamodb": (f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{{}}",),
    "cloudformation": (f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/{{}}/id",),
    "ssm": (f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter{{}}",),
}
"""The ARNs that the name in a call may stand for."""
OF_OBJECTS = {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}
OF_ALL = {
    "ssm:DescribeParameters",
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeInstanceRefreshes",
    "autoscaling:DescribeScalingActivities",
    "autoscaling:TerminateInstanceInAutoScalingGroup",
}
"""Actions that know no narrower resource, and one whose call names an instance instead of the group.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
"""
LINKED = {
    service: f"aws-service-role/{name}/a-role"
    for service, name in {
        "application-autoscaling": "dynamodb.application-autoscaling.amazonaws.com",
        "cloudformation": "autoscaling.amazonaws.com",
    }.items()
}
"""By the called service, the role that iam:CreateServiceLinkedRole makes behind it."""
OF_SERVICES = "aws-service-role/"
OPERATOR = {"account": ACCOUNT, "region": "us-east-1"}

Needs = dict[tuple[str, str], None]


def policy(name: str) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = filled(name, **OPERATOR)["Statement"]
    return statements


def context(action: str, resource: str) -> dict[str, str | None]:
    """What a condition would look at, as far as the log says it; None: the request has no such key."""
    known: dict[str, dict[str, str | None]] = {
        "iam:PassRole": {"iam:PassedToService": "ec2.amazonaws.com"},
        "iam:CreateServiceLinkedRole": {"iam:AWSServiceName": resource.removeprefix(OF_SERVICES).partition("/")[0]},
        "iam:CreateRole": {"iam:PermissionsBoundary": None},
        "iam:CreateUser": {"iam:PermissionsBoundary": None},
        "iam:PutRolePolicy": {"iam:PermissionsBoundary": None},
        "iam:PutUserPolicy": {"iam:PermissionsBoundary": None},
        "ec2:CreateTags": {
            "ec2:CreateAction": resource if resource == "CreateSecurityGroup" else "CreateLaunchTemplate"
        },
    }
    return known.get(action, {})


def allows(statement: dict[str, Any], action: str, resource: str) -> bool:
    if not holds(statement.get("Condition", {}), context(action, resource)):
        return False
    patterns = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
    name = f"{resource}/key" if action in OF_OBJECTS else resource
    arns = [arn.format(name) for arn in NAMED.get(action.partition(":")[0], ())] if resource else []
    named = not arns or any(fnmatch.fnmatch(arn, pattern) for pattern in patterns for arn in arns)
    return action in statement["Action"] and named


def needs(calls: Iterable[tuple[str, str, str, Iterable[str]]]) -> Needs:
    """Action and resource, from service, operation, resource and actions of calls. Tags are told by what makes them."""
    needed: Needs = {}
    for service, operation, resource, actions in calls:
        for action in actions:
            # The name is the one of the call's own service; iam:PassRole is needed for a role inside a request.
            own = action.partition(":")[0] == service and action not in OF_ALL
            other = LINKED[service] if action == "iam:CreateServiceLinkedRole" else ""
            if action == "ec2:CreateTags":
                own, other = False, operation
            needed[action, resource if own else other] = None
    return needed


def of_log(calls: Iterable[Call]) -> Needs:
    return needs((call.service, call.operation, call.resource, call.permissions) for call in calls)


def of_run(calls: Iterable[dict[str, Any]]) -> Needs:
    return needs((call["service"], call["operation"], call["resource"], call["permissions"]) for call in calls)


def without(needed: Needs, statements: list[dict[str, Any]]) -> Needs:
    """What these statements do not allow."""
    return {need: None for need in needed if not any(allows(statement, *need) for statement in statements)}


def exactly(needed: Needs, statements: list[dict[str, Any]]) -> None:
    """Nothing is missing, and no action is there that nothing needs."""
    assert without(needed, statements) == {}
    allowed = {action for statement in statements for action in statement["Action"]}
    assert allowed == {action for action, resource in needed}


def test_the_operators_policy_is_what_the_playbooks_need(aws: Emulator, tmp_path: pathlib.Path) -> None:
    aws.configure(scale=120)
    estate = Estate(tmp_path / "estate", aws.url)
    needed: Needs = {}
    for playbook, arguments in (("create.yml", ()), ("update.yml", ("--check",)), ("update.yml", ())):
        if playbook == "update.yml":
            estate.edit("aws/wormbase-transactor.properties", memory_index_max=f"{256 + len(arguments)}m")
        run = estate.play(playbook, *arguments)
        assert run.returncode == 0, run.output
        needed |= of_run(run.calls)
    # Why an update failed, and why CloudFormation refuses one.
    file = tmp_path / "template.json"
    template = json.loads(groups.template("second"))
    template["Resources"]["LaunchConfig"]["Properties"]["IamInstanceProfile"] = "none"
    file.write_text(json.dumps(template))
    aws.clear_calls()
    assert follow(aws, file, stack_name="wormbase").failure
    template["Resources"]["Topic"] = {"Type": "AWS::IAM::Role", "Properties": {}}
    file.write_text(json.dumps(template))
    assert change_set.plan(Clients(aws).client("cloudformation"), "wormbase", file.read_text(), None, print).refusal
    needed |= of_log(call for call in aws.calls() if not call.operation.startswith(("Create", "Update")))
    aws.reset()
    interrupted(aws, tmp_path)
    exactly(without(needed | of_log(aws.calls()), policy("state")), policy("operator"))


def test_the_policy_of_the_shared_state_is_what_a_run_needs_besides(aws: Emulator, machines: Machines) -> None:
    anna = machines("anna")
    for step in (anna.begin, anna.ensure, anna.end):
        assert not step()["failed"]
    operator: list[dict[str, Any]] = filled("operator", **OPERATOR, table="orders")["Statement"]
    exactly(without(of_log(aws.calls()), operator), policy("state"))


def interrupted(aws: Emulator, directory: pathlib.Path) -> None:
    """A run that ends before the bucket's settings are written, and the next one, which writes them."""
    file = directory / "orders.properties"
    file.write_text(ROLES)
    aws.fault(match="s3:PutBucketPolicy:", code="AccessDenied")
    assert [ensure(aws, file, defaults="secure")["failed"] for _run in range(2)] == [True, False]


def failed_creation(aws: Emulator, directory: pathlib.Path) -> None:
    aws.configure(launch_configurations=True, launch_failure="no capacity")
    file = directory / "template.json"
    file.write_text(groups.template("first"))
    failed = follow(aws, file)
    assert AGAIN in failed.lines
    assert "no capacity" in failed.failure


def users(aws: Emulator, directory: pathlib.Path) -> None:
    file = directory / "orders.properties"
    file.write_text(USERS)
    aws.fault(match="CreateAccessKey", mode="drop_after")
    for _run in range(2):
        assert not ensure(aws, file)["failed"]


def table_and_bucket(aws: Emulator, directory: pathlib.Path) -> None:
    file = directory / "orders.properties"
    file.write_text(ROLES)
    options: dict[str, Any] = {
        "table_point_in_time_recovery": True,
        "bucket_block_public_access": True,
        "bucket_encryption": "aws:kms",
        "bucket_tls_only": True,
        "bucket_expiration_days": 90,
    }
    for more in ({}, {"table_deletion_protection": True}, {"bucket_tls_only": False}):
        assert not ensure(aws, file, **{**options, **more})["failed"]


def table_auto_scaling(aws: Emulator, directory: pathlib.Path) -> None:
    file = directory / "orders.properties"
    file.write_text(ROLES)
    for capacity in (400, 500):
        assert not ensure(aws, file, table_max_write_capacity=capacity, tags={"team": "orders"})["failed"]


def log_bucket(aws: Emulator, directory: pathlib.Path) -> None:
    aws.backstage("s3").create_bucket(Bucket="our-logs")
    file = directory / "orders.properties"
    values = {
        "host": "h",
        "port": "4334",
        "aws-transactor-role": "datomic-aws-ours",
        "aws-s3-log-bucket-id": "our-logs",
    }
    sql = {"protocol": "sql", "sql-url": "jdbc:postgresql://db/datomic", "sql-user": "datomic", "sql-driver-class": "d"}
    file.write_text("".join(f"{key}={value}\n" for key, value in (values | sql).items()))
    result = ensure(aws, file, region="us-east-1")
    assert not result["failed"], result


def instance_types(aws: Emulator, directory: pathlib.Path) -> None:
    file = directory / "cf.properties"
    file.write_text((ROOT / "tests/estates/legacy/aws/wormbase-cf.properties").read_text())
    text = "".join(
        "aws-instance-type=m5.large\n" if line.startswith("aws-instance-type=") else line
        for line in file.read_text().splitlines(keepends=True)
    )
    file.write_text(text)
    params = {**CREDENTIALS, "endpoint_url": aws.url, "src": str(file), "datomic_version": "1.0.7277"}
    result = run_module("ensure_cf", params)
    assert not result["failed"], result
    transactor = directory / "orders.properties"
    transactor.write_text(ROLES.replace("-role=", "-role=datomic-aws-ours"))
    made = {"transactor_src": str(transactor), "cf_src": str(file), "dest": str(directory / "cf.json")}
    result = run_module("create_cf_template", {**CREDENTIALS, "endpoint_url": aws.url, **made})
    assert not result["failed"], result


def ingress(aws: Emulator, directory: pathlib.Path) -> None:
    file, transactor = directory / "cf.properties", directory / "transactor.properties"
    transactor.write_text("port=4334\n")
    text = (ROOT / "tests/estates/legacy/aws/wormbase-cf.properties").read_text()
    params = {
        **CREDENTIALS,
        "endpoint_url": aws.url,
        "src": str(file),
        "ingress": "exact",
        "transactor_src": str(transactor),
        "datomic_version": "1.0.7277",
    }
    for cidr in ("10.0.0.0/8", "192.168.0.0/16"):
        lines = [line for line in text.splitlines() if not line.startswith("aws-ingress-")]
        file.write_text("\n".join((*lines, f"aws-ingress-cidrs={cidr}", "")))
        result = run_module("ensure_cf", params)
        assert not result["failed"], result


def managed_policies(aws: Emulator, directory: pathlib.Path) -> None:
    file = directory / "orders.properties"
    file.write_text(ROLES)
    assert not ensure(aws, file)["failed"]
    iam = aws.backstage("iam")
    reads = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::ours/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [reads]})
    arn = iam.create_policy(PolicyName="ours", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="datomic-aws-transactor", PolicyArn=arn)
    assert not ensure(aws, file)["failed"]


def replacement(aws: Emulator, directory: pathlib.Path) -> None:
    system(aws, 1, modes={"second": "unhealthy"})
    aws.backstage("s3").create_bucket(Bucket="datomic-logs-1")
    file = directory / "orders.properties"
    file.write_text(PROPERTIES.format(interval=5000) + "\naws-s3-log-bucket-id=datomic-logs-1\nprotocol=ddb\n")

    def log() -> None:
        aws.backstage("s3").put_object(Bucket="datomic-logs-1", Key="orders/standby/1.log", Body="Critical failure")

    assert groups.replace_meddled_with(aws, log, timeout=300, poll_seconds=30, transactor_src=str(file))["failed"]


def secrets(aws: Emulator, directory: pathlib.Path) -> None:
    options: dict[str, Any] = {"path": "/datomic/orders", "tags": {"team": "orders"}, "kms_key_id": "alias/ours"}
    for value in ("secret", "another"):
        params = {**CREDENTIALS, "endpoint_url": aws.url, "secrets": {"license-key": value}, **options}
        assert not run_module("ensure_secrets", params)["failed"]


def releases(aws: Emulator, directory: pathlib.Path) -> None:
    archive = fake_cli.archive(directory, "1.0.7277")
    s3 = aws.backstage("s3")
    s3.create_bucket(Bucket="our-releases")
    s3.put_object(Bucket="our-releases", Key=archive.name, Body=archive.read_bytes())
    params = {
        **CREDENTIALS,
        "endpoint_url": aws.url,
        "version": "1.0.7277",
        "dest": str(directory / "opt"),
        "source": f"s3://our-releases/{archive.name}",
        "checksum": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "deploy_bucket": "our-releases",
    }
    result = run_module("distribution", params)
    assert not result["failed"], result


OPTIONS: dict[str, Callable[[Emulator, pathlib.Path], None]] = {
    "failed-creation": failed_creation,
    "ingress": ingress,
    "instance-types": instance_types,
    "log-bucket": log_bucket,
    "managed-policies": managed_policies,
    "releases": releases,
    "replacement": replacement,
    "secrets": secrets,
    "table-and-bucket": table_and_bucket,
    "table-auto-scaling": table_auto_scaling,
    "users": users,
}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_s_policy_is_what_it_needs_besides(name: str, aws: Emulator, tmp_path: pathlib.Path) -> None:
    OPTIONS[name](aws, tmp_path)
    exactly(without(of_log(aws.calls()), policy("operator")), policy(name))


def test_the_policy_for_taken_names_is_what_they_need_besides(aws: Emulator, tmp_path: pathlib.Path) -> None:
    for table in ("orders", "billing"):
        for kind, text in (("roles", ROLES), ("users", USERS)):
            file = tmp_path / f"{table}-{kind}.properties"
            file.write_text(text.replace("aws-dynamodb-table=orders", f"aws-dynamodb-table={table}"))
            assert not ensure(aws, file)["failed"]
    exactly(without(of_log(aws.calls()), policy("operator") + policy("users")), policy("taken-names"))


def test_the_modern_template_s_policy_is_what_it_needs_besides(aws: Emulator, tmp_path: pathlib.Path) -> None:
    aws.configure(scale=120)
    estate = Estate(tmp_path / "estate", aws.url)
    subnet = aws.backstage("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    with (estate.directory / "aws" / "wormbase-transactor.properties").open("a") as file:
        file.write("aws-cloudwatch-region=us-east-1\naws-cloudwatch-dimension-value=wormbase\n")
    # What a replacement needs is another test's: here no transactor beats.
    modern = {"datomic_template_flavor": "modern", "datomic_version": "1.0.7705", "datomic_replace": "never"}
    options: dict[str, Any] = {"subnets": [subnet], "alarm_email": "operator@example.com", "image_id": groups.IMAGE}
    needed: Needs = {}
    for more in ({}, options):
        given = json.dumps({**modern, "datomic_modern": more})
        run = estate.play("update.yml" if more else "create.yml", "-e", given)
        assert run.returncode == 0, run.output
        needed |= of_run(run.calls)
    exactly(without(needed, policy("operator") + policy("replacement") + policy("state")), policy("modern"))


def test_the_backups_policy_is_what_they_need_besides(
    aws: Emulator, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path, aws)
    monkeypatch.setenv("STANDIN_STORAGE", str(site.storage))
    aws.backstage("s3").create_bucket(Bucket="our-backups")
    uri = "s3://our-backups/orders/main"
    stopped: dict[str, Any] = {"transactors_stopped": False, "auto_scaling_group_name": "none-left"}
    results = [site.take(uri), site.run("backup_info", uri), site.run("verify_backup", uri), site.restore(uri)]
    assert not any(result["failed"] for result in results), results
    assert "There is no auto scaling group" in site.restore(uri, **stopped)["msg"]
    site.restore(uri, transactors_stopped=False, stack_name="none-left")
    # The stand-in for the tool asks DynamoDB nothing; what a transactor may do is what a restore needs.
    needed = of_log(aws.calls()) | {(action, "orders"): None for action in TRANSACTOR_ACTIONS}
    exactly(without(needed, policy("operator")), policy("backups"))


def test_every_policy_is_tested() -> None:
    assert {file.stem for file in POLICIES.glob("*.json")} == {
        *("operator", "modern", "backups", "taken-names", "state", "status"),
        *OPTIONS,
    }
