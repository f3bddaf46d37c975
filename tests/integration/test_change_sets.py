# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Change sets against the emulated AWS: what they say of an update, and that they leave nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import change_set
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.change_set import ChangeSet
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import AwsError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.stack.changes import Change

from tests.emulator import Emulator
from tests.emulator.test_change_sets import IMAGE, SHOWN
from tests.emulator.test_cloudformation import ALARM
from tests.integration import groups
from tests.integration.groups import Clients

SENTINEL = "hunter2-c0ffee"


@pytest.fixture(autouse=True)
def orders(aws: Emulator) -> None:
    """The stack that is planned."""
    aws.configure(launch_configurations=True)
    groups.create(aws, properties=f"memory-index-max=256m\nlicense-key=old-{SENTINEL}")
    aws.clear_calls()


def plan(aws: Emulator, template: str, warnings: list[str] | None = None) -> ChangeSet:
    said: list[str] = [] if warnings is None else warnings
    return change_set.plan(Clients(aws).client("cloudformation"), "orders", template, None, said.append)


def by_id(planned: ChangeSet) -> dict[str, Change]:
    assert not planned.refusal
    return {change.logical_id: change for change in planned.changes}


def operations(aws: Emulator) -> list[str]:
    return [call.operation for call in aws.calls()]


def change_sets(aws: Emulator) -> list[str]:
    listed = aws.backstage("cloudformation").list_change_sets(StackName="orders")["Summaries"]
    return [one["ChangeSetName"] for one in listed]


def test_values_old_and_new_and_nothing_is_left(aws: Emulator) -> None:
    template = json.loads(groups.template("first", properties=f"memory-index-max=512m\nlicense-key={SENTINEL}"))
    template["Resources"]["LaunchConfig"]["Properties"]["ImageId"] = IMAGE
    planned = plan(aws, json.dumps(template))
    launch = by_id(planned)["LaunchConfig"]
    assert (launch.action, launch.replacement) == ("Modify", "True")
    assert {detail.name: (detail.before, detail.after) for detail in launch.details} == {
        "ImageId": (groups.IMAGE, IMAGE),
        "UserData memory-index-max": ("256m", "512m"),
        "UserData license-key": ("********", "********"),
    }
    assert by_id(planned)["LaunchGroup"].replacement == "Conditional"
    assert SENTINEL not in repr(planned)
    assert [call for call in aws.calls() if call.kind == "write"] == []
    assert operations(aws).count("CreateChangeSet") == operations(aws).count("DeleteChangeSet") == 1
    assert change_sets(aws) == []


def test_what_cloudformation_refuses_has_its_reason(aws: Emulator) -> None:
    aws.backstage("cloudwatch").put_metric_alarm(AlarmName="taken", **SHOWN)
    template = json.loads(groups.template("second"))
    template["Resources"]["Low"] = {"Type": ALARM, "Properties": {**SHOWN, "AlarmName": "taken"}}
    aws.clear_calls()
    refusal = plan(aws, json.dumps(template)).refusal
    assert refusal.startswith("Low (AWS::CloudWatch::Alarm): ")
    assert "Resource of type 'AWS::CloudWatch::Alarm' with identifier 'taken' already exists" in refusal
    assert [call for call in aws.calls() if call.kind == "write"] == []
    assert operations(aws)[-1] == "DeleteChangeSet"
    aws.fault("cloudformation:DescribeEvents", code="AccessDenied", status=403, times=9)
    warnings: list[str] = []
    assert "AWS::EarlyValidation::ResourceExistenceCheck" in plan(aws, json.dumps(template), warnings).refusal
    assert "cloudformation:DescribeEvents" in warnings[0]
    aws.configure(change_set_failure=f"Transform failed with: {SENTINEL}.")
    secret = groups.template("second", properties=f"license-key={SENTINEL}")
    assert plan(aws, secret).refusal == "Transform failed with: ********"


def test_a_change_set_that_takes_its_time_in_pages(aws: Emulator) -> None:
    aws.configure(scale=100, change_set_creating=100, change_set_page=1)
    assert by_id(plan(aws, groups.template("second"))).keys() == {"LaunchConfig", "LaunchGroup"}


def test_a_killed_plan_leaves_one_change_set_which_the_next_plan_removes(aws: Emulator) -> None:
    template = groups.template("second")
    denied: dict[str, Any] = {"code": "AccessDenied", "status": 403, "times": 1}
    aws.fault("cloudformation:DeleteChangeSet", **denied)
    with pytest.raises(AwsError, match="AccessDenied"):
        plan(aws, template)
    (left,) = change_sets(aws)
    assert by_id(plan(aws, template)).keys() == {"LaunchConfig", "LaunchGroup"}
    assert change_sets(aws) == []
    aws.backstage("cloudformation").create_change_set(StackName="orders", ChangeSetName=left, TemplateBody=template)
    aws.fault("cloudformation:DeleteChangeSet", **denied)
    with pytest.raises(AwsError, match="AccessDenied"):
        plan(aws, template)
    assert change_sets(aws) == [left], "killed twice"


def test_two_plans_of_a_stack_at_the_same_time(aws: Emulator) -> None:
    template = groups.template("second")
    aws.fault("cloudformation:DescribeChangeSet", code="ChangeSetNotFound", status=404, times=1)
    assert by_id(plan(aws, template)).keys() == {"LaunchConfig", "LaunchGroup"}, "deleted by the other one"
    aws.configure(scale=100, change_set_creating=100)
    aws.backstage("cloudformation").create_change_set(
        StackName="orders", ChangeSetName="datomic-plan", TemplateBody=template
    )
    assert by_id(plan(aws, template)).keys() == {"LaunchConfig", "LaunchGroup"}
    assert change_sets(aws) == ["datomic-plan"], "the other plan's, which is in progress"
