# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls of a plan without changes; docs/development/performance.md justifies each."""

from __future__ import annotations

import pathlib
from collections import Counter

import pytest

from tests.emulator import Emulator
from tests.integration.planning import System

ROLE = Counter(("iam:GetInstanceProfile", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies"))
STACK = Counter(
    (
        "dynamodb:GetItem",
        "cloudformation:DescribeStacks",
        "cloudformation:GetTemplate",
        "autoscaling:DescribeAutoScalingGroups",
        "dynamodb:DescribeTable",
        "s3:GetBucketTagging",
        "ec2:DescribeSecurityGroups",
    )
)
"""The default VPC is known by the group that the record names."""
TRANSACTOR_POLICIES = 2
"""For the table, and for the logs."""
LEGACY_CALLS = STACK + ROLE + ROLE + Counter({"iam:GetRolePolicy": TRANSACTOR_POLICIES + 1})


def test_a_legacy_system(aws: Emulator, tmp_path: pathlib.Path) -> None:
    system = System(aws, tmp_path / "aws")
    system.create()
    assert system.calls_of_nothing_to_do() == LEGACY_CALLS
    assert LEGACY_CALLS.total() == 16
    assert system.calls_of_nothing_to_do(account_id="123456789012") == LEGACY_CALLS + Counter(["sts:GetCallerIdentity"])


@pytest.mark.parametrize("kind", ["c4.large", "c7g.large"])
def test_a_modern_system_with_secrets(aws: Emulator, tmp_path: pathlib.Path, kind: str) -> None:
    """One of the types has a memory that is known without AWS."""
    cf = {"aws-instance-type": kind, "datomic-deploy-s3-bucket": "datomic-pro-downloads"}
    system = System(aws, tmp_path / "aws", "modern", {"memcached-password": "a-password-nobody-sees"}, cf)
    system.create()
    calls = LEGACY_CALLS + Counter({"ec2:DescribeInstanceTypes": 1, "ssm:GetParameters": 2})
    assert system.calls_of_nothing_to_do(guard=False) == calls
    calls["cloudformation:GetStackPolicy"] = 1
    assert system.calls_of_nothing_to_do() == calls
    assert calls.total() <= 20


def test_a_changed_system_makes_one_change_set_and_reads_what_a_replacement_needs(
    aws: Emulator, tmp_path: pathlib.Path
) -> None:
    system = System(aws, tmp_path / "aws")
    system.create()
    file = pathlib.Path(system.files["transactor_src"])
    file.write_text(file.read_text().replace("memory-index-max=512m", "memory-index-max=256m"))
    aws.clear_calls()
    assert system.plan()["plan"]["transactors"]["replace"]
    made = Counter(f"{call.service}:{call.operation}" for call in aws.calls())
    del made["cloudformation:DescribeChangeSet"]  # as often as it takes until the change set is ready
    change_set = Counter(("cloudformation:CreateChangeSet", "cloudformation:DeleteChangeSet"))
    group = Counter(
        ("autoscaling:DescribeInstanceRefreshes", "autoscaling:DescribeScalingActivities", "ec2:DescribeInstances")
    )
    assert made == LEGACY_CALLS + change_set + group


def test_an_error_of_the_stack_is_one_error_and_hides_no_other(aws: Emulator, tmp_path: pathlib.Path) -> None:
    system = System(aws, tmp_path / "aws")
    system.create()
    aws.fault("cloudformation:DescribeStacks", code="AccessDenied", status=403, times=9)
    aws.fault("dynamodb:DescribeTable", code="AccessDeniedException", status=400, times=9)
    failed = system.plan()
    errors = [one["message"] for one in failed["findings"] if one["severity"] == "error"]
    assert sorted(one.partition(":")[0] for one in errors) == [
        "Could not read the stack wormbase",
        "Could not read the table wormbase",
    ]


def test_a_denied_preview_of_the_replacement_is_one_error_of_the_plan(aws: Emulator, tmp_path: pathlib.Path) -> None:
    system = System(aws, tmp_path / "aws")
    system.create()
    file = pathlib.Path(system.files["transactor_src"])
    file.write_text(file.read_text().replace("memory-index-max=512m", "memory-index-max=256m"))
    aws.fault("autoscaling:DescribeScalingActivities", code="AccessDenied", status=403, times=9)
    (error,) = [one for one in system.plan()["findings"] if one["severity"] == "error"]
    assert "AccessDenied" in error["message"]


def test_another_type_of_a_legacy_system_is_looked_up_in_the_zones(aws: Emulator, tmp_path: pathlib.Path) -> None:
    system = System(aws, tmp_path / "aws")
    system.create()
    cf = pathlib.Path(system.files["cf_src"])
    cf.write_text(cf.read_text().replace("c4.large", "m3.large"))
    aws.clear_calls()
    (finding,) = [one for one in system.plan()["plan"]["findings"] if one["rule"] == "zone-without-type"]
    assert "m3.large is not offered in us-east-1d, us-east-1f" in finding["message"]
    assert {"DescribeInstanceTypeOfferings", "DescribeSubnets"} < {call.operation for call in aws.calls()}
