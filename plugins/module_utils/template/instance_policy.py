# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role may do beside its table, its log bucket and its metrics: start, report, read its secrets."""

from __future__ import annotations

import posixpath
from typing import Any

from .options import Options

SESSION_MANAGER = (
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
"""Session Manager's documented minimum. None of them takes a resource."""


def start_policy(stack: str) -> str:
    """The inline policy that the modern template of the stack puts on the transactor's role."""
    return f"{stack}-transactor-start"


def resource(options: Options) -> dict[str, Any]:
    """The inline policy of the stack on the transactor's role."""
    declared: dict[str, Any] = {
        "Type": "AWS::IAM::Policy",
        "Properties": {
            "PolicyName": {"Fn::Sub": start_policy("${AWS::StackName}")},
            "Roles": [{"Ref": "InstanceProfile"}],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": statements(options)},
        },
    }
    if options.session_manager:
        why = "Session Manager's actions take no resource, so AWS documents them with a star"
        skipped = [{"id": name, "comment": why} for name in ("CKV_AWS_111",)]
        declared["Metadata"] = {"checkov": {"skip": skipped}}
    return declared


def statements(options: Options) -> list[dict[str, Any]]:
    """Each allows one thing, on what this stack needs only."""
    found = [
        _allow("ReadRelease", "s3:GetObject", "arn:${AWS::Partition}:s3:::${DatomicDeployBucket}/${DatomicVersion}/*"),
        _allow("SignalStart", "cloudformation:SignalResource", "${AWS::StackId}"),
        _allow(
            "ReportFailure",
            "autoscaling:SetInstanceHealth",
            "arn:${AWS::Partition}:autoscaling:${AWS::Region}:${AWS::AccountId}:autoScalingGroup:*"
            ":autoScalingGroupName/${AWS::StackName}-LaunchGroup-*",
        ),
    ]
    if options.extra_jars:
        jars = [f"arn:${{AWS::Partition}}:s3:::{_literal(jar.removeprefix('s3://'))}" for jar in options.extra_jars]
        found.append(_allow("ReadJars", "s3:GetObject", *jars))
    if options.secrets:
        path = _literal(options.secrets_path) if options.secrets_path else "/datomic/${AWS::StackName}"
        prefix = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"
        found.append(
            _allow("ReadSecrets", "ssm:GetParameter", *(prefix + posixpath.join(path, key) for key in options.secrets))
        )
    if options.secrets and options.secrets_kms_key:
        found.append(_allow("DecryptSecrets", "kms:Decrypt", _literal(options.secrets_kms_key)))
    if options.session_manager:
        found.append({"Sid": "SessionManager", "Effect": "Allow", "Action": list(SESSION_MANAGER), "Resource": "*"})
    return found


def _allow(sid: str, action: str, *resources: str) -> dict[str, Any]:
    named = [{"Fn::Sub": name} if "${" in name.replace("${!", "") else name for name in resources]
    return {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": named[0] if len(named) == 1 else named}


def _literal(text: str) -> str:
    """The text as Fn::Sub leaves it."""
    return text.replace("${", "${!")
