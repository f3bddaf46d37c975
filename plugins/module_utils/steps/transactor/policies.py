# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IAM policies of transactor and peer, and when two policies mean the same."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from .current import Account

Grant = Literal["table", "logs", "metrics", "peer"]
Flavor = Literal["tool", "least_privilege"]
Document = Mapping[str, Any]

EC2: Mapping[str, str] = {
    "aws": "ec2.amazonaws.com",
    "aws-us-gov": "ec2.amazonaws.com",
    "aws-cn": "ec2.amazonaws.com.cn",
}
"""The name of EC2 in a trust policy, by partition; a partition that is not here is refused.

https://github.com/aws/aws-cdk/pull/24709 (China)
"""

ASSUMING = "sts:assumerole"

TRANSACTOR_ACTIONS = (
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:DescribeTable",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:UpdateItem",
)
"""Reading and writing items, and looking at the table: all of dynamodb:* that does not change the table itself."""

PEER_ACTIONS = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Scan", "dynamodb:Query")

OVER_TLS = {"Bool": {"aws:SecureTransport": "true"}}


def trust(partition: str) -> Document:
    """Who may assume a role: EC2 instances."""
    principal = {"Service": EC2[partition]}
    statement = {"Sid": "", "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {"Version": "2008-10-17", "Statement": [statement]}


def name(grant: Grant, table: str, bucket: str) -> str:
    """The inline policy's name, as bin/datomic gives it."""
    return {
        "table": f"{table}-transactor",
        "logs": f"{bucket}-transactor-logs",
        "metrics": "transactor-metrics",
        "peer": f"{table}-peer",
    }[grant]


def document(grant: Grant, table: str, bucket: str, account: Account, region: str, flavor: Flavor = "tool") -> Document:
    """The inline policy.

    account: its number is needed for table and peer, its partition always. region: the table's, for least_privilege.

    flavor tool: what bin/datomic writes. least_privilege: the table in its region only, no change of the table,
    no action that does not exist, metrics in Datomic's namespace only.
    """
    partition, least = account.partition, flavor == "least_privilege"
    if grant in ("table", "peer"):
        actions = PEER_ACTIONS if grant == "peer" else TRANSACTOR_ACTIONS if least else ("dynamodb:*",)
        where = region if least else "*"
        return _allow(actions, f"arn:{partition}:dynamodb:{where}:{account.number}:table/{table}")
    if grant == "logs":
        arn = f"arn:{partition}:s3:::{bucket}"
        return _allow(("s3:PutObject",), f"{arn}/*" if least else [arn, f"{arn}/*"])
    if least:
        condition = {**OVER_TLS, "StringEquals": {"cloudwatch:namespace": "Datomic"}}
        return _allow(("cloudwatch:PutMetricData",), "*", condition)
    return _allow(("cloudwatch:PutMetricData", "cloudwatch:PutMetricDataBatch"), "*", OVER_TLS)


def _allow(actions: tuple[str, ...], resource: str | list[str], condition: Document | None = None) -> Document:
    statement: dict[str, Any] = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    if condition:
        statement["Condition"] = condition
    return {"Statement": [statement]}


def flavor(grant: Grant, document: Document) -> Flavor:
    """The kind of a policy, by what distinguishes the two kinds; also of a policy that was changed by hand."""
    text = _meaning(document)
    statements = [_canonical(statement) for statement in listed(document.get("Statement"))]
    actions = {action for statement in statements for action in statement.get("Action", ())}
    resources = {resource for statement in statements for resource in statement.get("Resource", ())}
    wide = {
        "table": bool(actions & {"*", "dynamodb:*"}),
        "peer": any(resource == "*" or resource.split(":")[3:4] == ["*"] for resource in resources),
        "logs": any(not resource.endswith("/*") for resource in resources),
        "metrics": "cloudwatch:namespace" not in text,
    }
    return "tool" if wide[grant] else "least_privilege"


def same(one: Document, other: Document) -> bool:
    """Whether two policies mean the same: order, single items for lists, letter case of actions and Sids are nothing.

    Nor is the Version of a policy without variables: it only says whether ${…} is one.
    """
    return _meaning(one) == _meaning(other)


def trusts_ec2(trust: Document) -> bool:
    """Whether a trust policy lets EC2 instances assume the role. Only a plain Allow counts."""
    for statement in listed(trust.get("Statement")):
        principal = statement.get("Principal")
        services = listed(principal.get("Service")) if isinstance(principal, Mapping) else []
        known = any(str(service).startswith("ec2.amazonaws.com") for service in services)
        if statement.get("Effect") == "Allow" and (known or principal == "*"):
            return True
    return False


def others_trusted(trust: Document, account: str) -> list[str]:
    """Who else than EC2 instances may assume the role. account: of the role, empty when it is not known."""
    found: list[str] = []
    for statement in listed(trust.get("Statement")):
        actions = [str(action).lower() for action in listed(statement.get("Action"))]
        assumes = "NotAction" in statement or any(fnmatch.fnmatch(ASSUMING, _start(action)) for action in actions)
        if statement.get("Effect") != "Allow" or not assumes:
            continue
        if "NotPrincipal" in statement:
            found.append(f"everybody but {json.dumps(statement['NotPrincipal'])}")
        principal = statement.get("Principal") or {}
        if not isinstance(principal, Mapping):
            principal = {"AWS": principal}
        for kind, value in ((kind, str(value)) for kind, values in principal.items() for value in listed(values)):
            if kind == "Service" and value in EC2.values():
                continue
            number = re.search(r"[0-9]{12}", value)
            foreign = kind == "AWS" and account and number is not None and number[0] != account
            found.append(
                "everybody (*)" if value == "*" else f"{kind} {value}" + (" of another account" if foreign else "")
            )
    return list(dict.fromkeys(found))


def _start(action: str) -> str:
    """A pattern for the beginning of an action: sts:AssumeRoleWithSAML lets in as sts:AssumeRole does."""
    return ASSUMING if action.startswith(ASSUMING) else action


def grants_all(document: Document) -> bool:
    """Whether a policy grants everything, or all but what it names, or all of IAM, on every resource.

    All of IAM is everything: who has it can write the rest into a policy. Conditions do not count.
    """
    for statement in listed(document.get("Statement")):
        actions = {str(action).lower() for action in listed(statement.get("Action"))}
        every = "NotAction" in statement or any(action == "iam:*" or set(action) <= set("*:?") for action in actions)
        resources = [str(resource) for resource in listed(statement.get("Resource"))]
        everywhere = "NotResource" in statement or any(
            set(resource.removeprefix("arn")) <= set(":*/") for resource in resources
        )
        if statement.get("Effect") == "Allow" and every and everywhere:
            return True
    return False


def listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _meaning(policy: Document) -> str:
    statements = [_canonical(statement) for statement in listed(policy.get("Statement"))]
    version = policy.get("Version", "2008-10-17") if "${" in json.dumps(policy) else ""
    return json.dumps([version, sorted(json.dumps(statement, sort_keys=True) for statement in statements)])


def _canonical(statement: Mapping[str, Any]) -> dict[str, Any]:
    canonical: dict[str, Any] = {}
    for key, value in statement.items():
        if key in ("Action", "NotAction"):
            canonical[key] = sorted({str(item).lower() for item in listed(value)})
        elif key in ("Resource", "NotResource"):
            canonical[key] = sorted({str(item) for item in listed(value)})
        elif key == "Condition":
            canonical[key] = {
                operator.lower(): {
                    name.lower(): sorted(_text(item) for item in listed(wanted)) for name, wanted in tests.items()
                }
                for operator, tests in value.items()
            }
        elif key != "Sid":
            canonical[key] = value
    return canonical


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
