# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard rails of a modern stack, planned and set against the emulated AWS."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.stack import guard

from tests.emulator import Emulator
from tests.emulator.test_cloudformation import ALARM
from tests.integration import groups
from tests.integration.planning import System
from tests.integration.stacks import Followed, follow, guard_stack
from tests.integration.test_update_stack import broken

START = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:"
ACTIVE, STANDBY = (f"{START}orders-{guard.TRIGGERS[name]}" for name in ("NoActive", "NoStandby"))
ALL = {"protection": True, "policy": True, "triggers": [ACTIVE, STANDBY]}


def template(note: str, *alarms: str) -> str:
    """With alarms, by the ends of their names."""
    made = json.loads(groups.template(note))
    for number, end in enumerate(alarms):
        watched = {"AlarmName": f"orders-{end}", "ComparisonOperator": "LessThanThreshold", "EvaluationPeriods": 1}
        made["Resources"][f"Alarm{number}"] = {"Type": ALARM, "Properties": watched}
    return json.dumps(made)


@pytest.fixture
def file(tmp_path: pathlib.Path, aws: Emulator) -> pathlib.Path:
    aws.configure(launch_configurations=True)
    path = tmp_path / "orders.json"
    path.write_text(template("first", *guard.TRIGGERS.values()))
    return path


def rails(aws: Emulator) -> tuple[str, bool, bool, list[str]]:
    """Status, termination protection, whether the policy is ours, triggers."""
    client = aws.backstage("cloudformation")
    found: dict[str, Any] = client.describe_stacks(StackName="orders")["Stacks"][0]
    policy = client.get_stack_policy(StackName="orders").get("StackPolicyBody", "")
    triggers = [one["Arn"] for one in found["RollbackConfiguration"].get("RollbackTriggers", [])]
    return found["StackStatus"], found["EnableTerminationProtection"], guard.is_ours(policy), triggers


def alarm(aws: Emulator, arn: str, state: str) -> None:
    client = aws.backstage("cloudwatch")
    client.set_alarm_state(AlarmName=arn.removeprefix(START), StateValue=state, StateReason="-")


def successful(done: Followed) -> Followed:
    assert done.failure == ""
    return done


def writes(aws: Emulator) -> list[str]:
    return [call.operation for call in aws.calls() if call.kind == "write"]


def test_a_new_stack_is_guarded_when_it_is_there(aws: Emulator, file: pathlib.Path) -> None:
    aws.configure(stack_in_progress=30)
    created = successful(follow(aws, file, guard=ALL))
    assert created.result["changed"]
    assert rails(aws) == ("UPDATE_COMPLETE", True, True, [ACTIVE, STANDBY])
    aws.clear_calls()
    file.write_text(template("second", *guard.TRIGGERS.values()))
    successful(follow(aws, file))
    assert rails(aws) == ("UPDATE_COMPLETE", True, True, [ACTIVE, STANDBY])
    assert writes(aws) == ["UpdateStack"]


def test_a_creation_that_failed_is_not_protected(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(broken("first"))
    failed = follow(aws, file, guard=ALL)
    assert "The stack is ROLLBACK_COMPLETE" in failed.failure
    assert rails(aws) == ("ROLLBACK_COMPLETE", False, False, [])
    assert writes(aws) == ["CreateStack", "DeleteStack", "CreateStack"]


def test_the_guard_rails_of_a_stack_that_needs_no_update(aws: Emulator, file: pathlib.Path) -> None:
    successful(follow(aws, file))
    file.write_text(template("another form, which is not sent", *guard.TRIGGERS.values()))
    aws.clear_calls()
    done = successful(follow(aws, file, guard=ALL, send=False))
    assert (done.result["changed"], done.result["events"], done.lines) == (True, [], [])
    assert ":stack/orders/" in done.result["stack_id"]
    assert writes(aws) == ["UpdateTerminationProtection", "SetStackPolicy", "UpdateStack"]
    assert "another" not in str(aws.backstage("cloudformation").get_template(StackName="orders"))
    assert rails(aws) == ("UPDATE_COMPLETE", True, True, [ACTIVE, STANDBY])
    assert not follow(aws, file, guard={"triggers": [STANDBY, ACTIVE]}, send=False).result["changed"]


def test_an_alarm_that_goes_off_does_not_roll_back_the_update_that_mends_it(aws: Emulator, file: pathlib.Path) -> None:
    successful(follow(aws, file, guard=ALL))
    alarm(aws, STANDBY, "ALARM")
    file.write_text(template("second", *guard.TRIGGERS.values()))
    done = successful(follow(aws, file))
    assert done.lines[0] == (
        "Rollback triggers are lifted for this update of the stack orders: the alarm orders-standby-missing is in ALARM"
    )
    assert done.lines[-1] == (
        "Some rollback triggers of the stack orders are not set: the alarm orders-standby-missing is in ALARM. "
        "The next run sets those of the stack's own alarms."
    )
    assert rails(aws) == ("UPDATE_COMPLETE", True, True, [ACTIVE])
    alarm(aws, STANDBY, "OK")
    successful(follow(aws, file, guard={"triggers": [ACTIVE, STANDBY]}, send=False))
    assert rails(aws)[3] == [ACTIVE, STANDBY]
    # One that ends meanwhile is set at once.
    alarm(aws, ACTIVE, "ALARM")
    file.write_text(template("third", *guard.TRIGGERS.values()))
    lines: list[str] = []
    followed = Followed(lines=lines)
    original = lines.append

    class Mending(list[str]):
        def append(self, line: str) -> None:
            original(line)
            alarm(aws, ACTIVE, "OK")

    followed.lines = Mending()
    successful(follow(aws, file, followed=followed))
    assert sorted(rails(aws)[3]) == [ACTIVE, STANDBY]


def test_a_failed_update_gets_its_triggers_back(aws: Emulator, file: pathlib.Path) -> None:
    successful(follow(aws, file, guard=ALL))
    gone = f"{START}gone"
    client = aws.backstage("cloudwatch")
    client.put_metric_alarm(AlarmName="gone", ComparisonOperator="LessThanThreshold", EvaluationPeriods=1)
    aws.backstage("cloudformation").update_stack(
        StackName="orders",
        UsePreviousTemplate=True,
        RollbackConfiguration={"RollbackTriggers": [{"Arn": one, "Type": ALARM} for one in (gone, ACTIVE)]},
    )
    client.delete_alarms(AlarmNames=["gone"])
    file.write_text(broken("second"))
    failed = follow(aws, file)
    assert "Invalid IamInstanceProfile" in failed.failure
    assert "the alarm gone does not exist" in failed.lines[0]
    assert rails(aws) == ("UPDATE_ROLLBACK_COMPLETE", True, True, [ACTIVE])


def test_an_update_that_deletes_a_watched_alarm_is_not_failed_by_it(aws: Emulator, file: pathlib.Path) -> None:
    successful(follow(aws, file, guard=ALL))
    file.write_text(template("second", guard.TRIGGERS["NoActive"]))
    successful(follow(aws, file, guard={"triggers": [ACTIVE]}))
    assert rails(aws)[3] == [ACTIVE]
    file.write_text(template("third", guard.TRIGGERS["NoActive"]))
    assert successful(follow(aws, file)).lines[-1] == "orders UPDATE_COMPLETE"


def test_the_group_is_replaced_only_if_the_plan_lifts_the_policy(aws: Emulator, file: pathlib.Path) -> None:
    successful(follow(aws, file, guard={"policy": True}))
    made = json.loads(file.read_text())
    del made["Resources"]["LaunchGroup"]
    file.write_text(json.dumps(made))
    denied = follow(aws, file)
    assert "Action denied by stack policy" in denied.failure
    successful(follow(aws, file, guard={"policy_lifted": True}))
    assert rails(aws)[:3] == ("UPDATE_COMPLETE", False, True)


def test_a_guard_rail_that_cannot_be_set_fails_no_update(aws: Emulator, file: pathlib.Path) -> None:
    for operation in ("UpdateTerminationProtection", "SetStackPolicy"):
        aws.fault(f"cloudformation:{operation}", code="AccessDenied", status=403, times=9)
    done = successful(follow(aws, file, guard=ALL))
    said = [line for line in done.lines if line.startswith("A guard rail is not set: ")]
    assert len(said) == 2
    assert "Allow cloudformation:UpdateTerminationProtection" in said[0]
    assert "Allow cloudformation:SetStackPolicy" in said[1]
    assert rails(aws) == ("UPDATE_COMPLETE", False, False, [ACTIVE, STANDBY])
    file.write_text(template("second"))
    apart = successful(follow(aws, file, guard=ALL, apart=True))
    assert apart.lines[0].startswith("The guard rails of the stack orders are not set: that needs boto3 for ")


def test_without_the_guard_nothing_is_looked_at(aws: Emulator, file: pathlib.Path) -> None:
    successful(follow(aws, file, guard={"triggers": [ACTIVE]}))
    file.write_text(template("second", *guard.TRIGGERS.values()))
    alarm(aws, ACTIVE, "ALARM")
    aws.clear_calls()
    failed = follow(aws, file, guard=dict(guard.OFF))
    assert f"The rollback trigger {ACTIVE} is in ALARM" in failed.failure
    assert "DescribeAlarms" not in [call.operation for call in aws.calls()]


@pytest.fixture
def system(aws: Emulator, tmp_path: pathlib.Path) -> System:
    """A modern system that reports metrics, without guard rails."""
    cf = {"datomic-deploy-s3-bucket": "datomic-pro-downloads"}
    made = System(aws, tmp_path / "aws", "modern", cf=cf, guarded=False, watched=True)
    made.create()
    return made


def planned(system: System, **params: Any) -> tuple[dict[str, str], dict[str, Any], list[str]]:
    """The lines of the guard rails, the step, and the notes about the stack."""
    made = system.plan(**params)
    assert not made["failed"], made
    rails = {
        one["kind"]: f"{one['attributes'][0]['before']} -> {one['attributes'][0]['after']}"
        for one in made["plan"]["changes"]
        if one["kind"].startswith("stack ")
    }
    return rails, made["steps"]["stack"], [one["text"] for one in made["plan"]["notes"] if one["subject"] == "stack"]


def test_a_plan_has_the_guard_rails_that_a_stack_lacks(system: System) -> None:
    rails, step, notes = planned(system)
    assert rails["stack protection"] == "off -> on"
    assert rails["stack policy"] == "none -> LaunchGroup is neither replaced nor deleted"
    assert rails["stack rollback triggers"].startswith("none -> wormbase-no-active-transactor, ")
    assert (step["changed"], step["send"], notes) == (True, False, [])
    options = {"template": str(system.directory / "wormbase.json"), "guard": step["guard"], "send": step["send"]}
    done = successful(follow(system.aws, pathlib.Path(options.pop("template")), stack_name="wormbase", **options))
    assert done.result["changed"]
    rails, step, notes = planned(system)
    assert (rails, step["changed"], step["guard"], notes) == ({}, False, {}, [])


def test_a_plan_without_the_guard_reads_and_sets_nothing(system: System) -> None:
    system.aws.clear_calls()
    rails, step, notes = planned(system, guard=False)
    assert (rails, step["changed"], step["guard"], notes) == ({}, False, {"lift": False}, [])
    assert "GetStackPolicy" not in [call.operation for call in system.aws.calls()]
    rails, step, _notes = planned(system, only=["transactors"])
    assert (rails, step["changed"]) == ({}, False)
    policy = {"Statement": [{"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}]}
    client = system.aws.backstage("cloudformation")
    client.set_stack_policy(StackName="wormbase", StackPolicyBody=json.dumps(policy))
    rails, step, notes = planned(system)
    assert "stack policy" not in rails
    assert notes == ["its policy is not this collection's, and stays as it is"]
    system.aws.fault("cloudformation:GetStackPolicy", code="AccessDenied", status=403, times=9)
    assert "Allow cloudformation:GetStackPolicy on it" in system.plan()["msg"]


def test_a_plan_says_which_triggers_are_lifted_for_an_update(system: System) -> None:
    step = planned(system)[1]
    file = system.directory / "wormbase.json"
    successful(follow(system.aws, file, stack_name="wormbase", guard=step["guard"], send=False))
    name = f"wormbase-{guard.TRIGGERS['AnyAlarm']}"
    client = system.aws.backstage("cloudwatch")
    client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="-")
    transactor = pathlib.Path(system.files["transactor_src"])
    transactor.write_text(transactor.read_text().replace("memory-index-max=512m", "memory-index-max=256m"))
    rails, step, notes = planned(system)
    assert (rails, step["guard"], step["send"]) == ({}, {}, True)
    assert notes == [f"rollback triggers that are lifted for this update: the alarm {name} is in ALARM"]


def test_a_plan_of_a_new_stack_says_how_it_is_guarded(system: System) -> None:
    client = system.aws.backstage("cloudformation")
    client.delete_stack(StackName="wormbase")
    made = system.plan(create=True)
    assert not made["failed"], made
    (line,) = [one for one in made["plan"]["changes"] if one["kind"] == "stack"]
    assert "; guard rails: protection, policy, 2 rollback triggers" in line["text"]
    assert made["steps"]["stack"]["guard"].keys() == {"protection", "policy", "triggers"}


def test_a_plan_that_replaces_the_group_lifts_the_policy(system: System) -> None:
    guard_stack(system.aws, "wormbase")
    client = system.aws.backstage("cloudformation")
    template = json.loads((system.directory / "wormbase.json").read_text())
    template["Resources"]["LaunchGroup"]["Properties"]["AutoScalingGroupName"] = "by-hand"
    client.update_stack(
        StackName="wormbase",
        TemplateBody=json.dumps(template),
        StackPolicyDuringUpdateBody=guard.LIFTED,
        Capabilities=["CAPABILITY_IAM"],
    )
    made = system.plan()
    assert not made["failed"], made
    (line,) = [one for one in made["plan"]["changes"] if one["kind"] == "stack"]
    assert line["deletes"] == ["LaunchGroup"]
    assert line["text"].endswith("; stack policy lifted for this update")
    assert made["steps"]["stack"]["guard"] == {"policy_lifted": True}
