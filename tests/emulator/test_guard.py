# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Corrections of moto: stack policies and rollback triggers (docs/development/emulator.md)."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator import Emulator
from tests.emulator.test_cloudformation import ALARM, MODERN, create, stack, update

ARN = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:"
ALLOW = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}
DENY = {
    "Effect": "Deny",
    "Action": ["Update:Replace", "Update:Delete"],
    "Principal": "*",
    "Resource": "LogicalResourceId/Group",
}


def changed(**properties: Any) -> dict[str, Any]:
    template = copy.deepcopy(MODERN)
    template["Resources"]["Group"]["Properties"] |= properties
    return template


def alarm(aws: Emulator, name: str, state: str) -> None:
    client = aws.client("cloudwatch")
    client.put_metric_alarm(
        AlarmName=name, ComparisonOperator="LessThanThreshold", EvaluationPeriods=1, MetricName="m", Namespace="n"
    )
    client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="-")


def triggers(aws: Emulator, *names: str, **options: Any) -> None:
    given = [{"Arn": f"{ARN}{name}", "Type": ALARM} for name in names]
    client = aws.client("cloudformation")
    client.update_stack(
        StackName="orders", UsePreviousTemplate=True, RollbackConfiguration={"RollbackTriggers": given, **options}
    )


def shown(aws: Emulator) -> list[str]:
    found = stack(aws)["RollbackConfiguration"].get("RollbackTriggers", [])
    return [one["Arn"].removeprefix(ARN) for one in found]


def reasons(aws: Emulator) -> list[str]:
    events = aws.client("cloudformation").describe_stack_events(StackName="orders")["StackEvents"]
    return [one["ResourceStatusReason"] for one in events if one["ResourceStatus"] == "UPDATE_FAILED"]


def test_a_stack_policy_denies_replacement_and_deletion_of_what_it_names(aws: Emulator) -> None:
    create(aws, MODERN)
    client = aws.client("cloudformation")
    assert "StackPolicyBody" not in client.get_stack_policy(StackName="orders")
    policy = json.dumps({"Statement": [ALLOW, DENY]})
    client.set_stack_policy(StackName="orders", StackPolicyBody=policy)
    assert client.get_stack_policy(StackName="orders")["StackPolicyBody"] == policy
    update(aws, changed(MaxSize="2"))
    assert stack(aws)["StackStatus"] == "UPDATE_COMPLETE"
    update(aws, changed(AutoScalingGroupName="other"))
    assert stack(aws)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert reasons(aws) == [
        "Action denied by stack policy: Statement [#2] does not allow [Update:Replace] for resource "
        "[LogicalResourceId/Group];"
    ]
    gone = copy.deepcopy(MODERN)
    del gone["Resources"]["Group"]
    update(aws, gone)
    assert "[Update:Delete]" in reasons(aws)[0]
    update(aws, gone, StackPolicyDuringUpdateBody=json.dumps({"Statement": [ALLOW]}))
    assert stack(aws)["StackStatus"] == "UPDATE_COMPLETE"
    assert client.get_stack_policy(StackName="orders")["StackPolicyBody"] == policy


def test_a_stack_keeps_its_rollback_triggers_until_it_gets_others(aws: Emulator) -> None:
    create(aws, MODERN)
    assert shown(aws) == []
    for name in "ab":
        alarm(aws, name, "OK")
    triggers(aws, "a", "b")
    update(aws, changed(MaxSize="2"))
    assert (shown(aws), stack(aws)["StackStatus"]) == (["a", "b"], "UPDATE_COMPLETE")
    with pytest.raises(ClientError, match="No updates are to be performed"):
        triggers(aws, "a", "b")
    with pytest.raises(ClientError, match="No updates are to be performed"):
        update(aws, changed(MaxSize="2"))
    triggers(aws)
    assert shown(aws) == []
    with pytest.raises(ClientError):
        triggers(aws, *"aaaaaa")


def test_a_trigger_that_is_in_alarm_or_missing_rolls_an_update_back(aws: Emulator) -> None:
    create(aws, MODERN)
    alarm(aws, "a", "OK")
    triggers(aws, "a")
    alarm(aws, "a", "ALARM")
    update(aws, changed(MaxSize="2"))
    assert stack(aws)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    triggers(aws)
    update(aws, changed(MaxSize="2"))
    assert stack(aws)["StackStatus"] == "UPDATE_COMPLETE"
    for name in ("a", "missing"):
        triggers(aws, name)
        assert (shown(aws), stack(aws)["StackStatus"]) == ([], "UPDATE_ROLLBACK_COMPLETE")
