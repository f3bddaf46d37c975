# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""update_stack against the emulated AWS: amazon.aws.cloudformation works, the stack's events are lines meanwhile."""

from __future__ import annotations

import json
import pathlib
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import stack
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands import follow_stack
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.update_stack import AGAIN
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.stack.events import STACK_TYPE, Event, Progress

from tests.emulator import Emulator
from tests.emulator.test_cloudformation import ALARM
from tests.integration import groups
from tests.integration.stacks import Followed, follow, module

SENTINEL = "hunter2-c0ffee"
UPDATED = [
    "0/2 orders UPDATE_IN_PROGRESS",
    "0/2 LaunchConfig UPDATE_IN_PROGRESS",
    "0/2 LaunchGroup UPDATE_IN_PROGRESS",
    "1/2 LaunchConfig UPDATE_COMPLETE",
    "2/2 LaunchGroup UPDATE_COMPLETE",
    "2/2 orders UPDATE_COMPLETE",
]
CREATED = [
    "0/2 orders CREATE_IN_PROGRESS",
    "0/2 LaunchConfig CREATE_IN_PROGRESS",
    "1/2 LaunchConfig CREATE_COMPLETE",
    "1/2 LaunchGroup CREATE_IN_PROGRESS",
    "2/2 LaunchGroup CREATE_COMPLETE",
    "2/2 orders CREATE_COMPLETE",
]
BOTH = ("LaunchConfig", "LaunchGroup")


@pytest.fixture
def file(tmp_path: pathlib.Path, aws: Emulator) -> pathlib.Path:
    """The template that a test writes."""
    aws.configure(launch_configurations=True)
    return tmp_path / "orders.json"


def statuses(aws: Emulator) -> list[str]:
    return [one["StackStatus"] for one in aws.backstage("cloudformation").describe_stacks()["Stacks"]]


def broken(note: str, **options: Any) -> str:
    """A template whose launch configuration names a profile that does not exist."""
    template: dict[str, Any] = json.loads(groups.template(note, **options))
    template["Resources"]["LaunchConfig"]["Properties"]["IamInstanceProfile"] = "orders"
    return json.dumps(template)


def calls(aws: Emulator, operation: str) -> int:
    return [call.operation for call in aws.calls()].count(operation)


def test_each_event_is_one_line_while_the_stack_changes(aws: Emulator, file: pathlib.Path) -> None:
    groups.create(aws)
    groups.update(aws, note="first update")  # its events are of an older operation
    file.write_text(groups.template("second"))
    aws.configure(stack_in_progress=60)
    shown: list[list[str]] = []

    def run(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        done = module(aws)(name, options)
        shown.append(list(followed.lines))
        return done

    followed = Followed()
    followed = follow(aws, file, run=run, resources=BOTH, followed=followed)
    assert followed.lines == UPDATED
    assert shown[0][:3] == UPDATED[:3], "shown while the module waited"
    result = followed.result
    assert (result["changed"], result["outputs"]) == (True, {})
    assert ":stack/orders/" in result["stack_id"]
    assert result["seconds"] >= 60
    assert [event["status"] for event in result["events"]][-1] == "UPDATE_COMPLETE"
    assert result["events"][0].keys() == {"at", "logical_id", "type", "status", "reason"}
    again = follow(aws, file, resources=BOTH)
    assert (again.lines, again.result["changed"], again.result["events"]) == ([], False, [])
    assert again.result["stack_id"] == result["stack_id"]


def test_a_creation_counts_the_resources_of_the_template(aws: Emulator, file: pathlib.Path) -> None:
    template = json.loads(groups.template("first"))
    template["Outputs"] = {"Group": {"Value": {"Ref": "LaunchGroup"}}}
    file.write_text(json.dumps(template))
    created = follow(aws, file, tags={"team": "a"}, resources=["LaunchConfig"])
    assert created.lines == CREATED
    assert created.result["outputs"] == {"Group": groups.group_name(aws)}
    assert aws.backstage("cloudformation").describe_stacks()["Stacks"][0]["Tags"] == [{"Key": "team", "Value": "a"}]
    file.write_text(groups.template("second"))
    update = follow(aws, file)
    assert update.lines[0] == "orders UPDATE_IN_PROGRESS", "nobody knows how many resources change"


def test_few_calls_are_made_for_the_lines(aws: Emulator, file: pathlib.Path) -> None:
    groups.create(aws)
    file.write_text(groups.template("second"))
    aws.clear_calls()
    module(aws)("amazon.aws.cloudformation", {"stack_name": "orders", "template_body": file.read_text()})
    alone = len(aws.calls())
    file.write_text(groups.template("third"))
    aws.clear_calls()
    assert follow(aws, file, real_time=True).lines
    assert len(aws.calls()) == alone + 3, "events before and after, another time each five seconds; rollback triggers"


def test_events_that_may_not_be_read_are_not_shown(aws: Emulator, file: pathlib.Path) -> None:
    groups.create(aws)
    file.write_text(groups.template("second"))
    aws.fault("cloudformation:DescribeStackEvents", code="AccessDenied", status=403, times=99)
    done = follow(aws, file, resources=BOTH)
    assert (done.lines, done.result["changed"], done.result["events"]) == ([], True, [])
    (note,) = done.notes
    assert note.startswith(
        "The events of the stack orders are not shown: Could not read the events of the stack orders"
    )
    assert "Allow cloudformation:DescribeStackEvents" in note
    file.write_text(broken("third"))
    failure = follow(aws, file).failure.splitlines()
    assert failure[0] == "Could not update the stack orders: Problem with UPDATE. Rollback complete."
    assert "Allow cloudformation:DescribeStackEvents" in failure[1]
    assert statuses(aws) == ["UPDATE_ROLLBACK_COMPLETE"]


def test_whatever_the_reader_meets_the_update_goes_on(
    aws: Emulator, file: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups.create(aws)
    file.write_text(groups.template("second"))
    monkeypatch.setattr(Progress, "line", lambda _self, event: event.nothing)
    done = follow(aws, file)
    assert done.result["changed"]
    assert done.notes == ["The events of the stack orders are not shown: 'Event' object has no attribute 'nothing'"]


def test_nobody_waits_long_for_the_last_events(
    aws: Emulator, file: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups.create(aws)
    file.write_text(groups.template("second"))
    answered = threading.Event()

    def events(client: Any, name: str, until: str = "") -> Iterator[Event]:
        answered.wait(60 if until else 0)
        return iter([Event("orders", "", STACK_TYPE, "CREATE_COMPLETE", event_id="1")])

    monkeypatch.setattr(stack, "events", events)
    monkeypatch.setattr(follow_stack, "LAST_LOOK_SECONDS", 0.1)
    began = time.monotonic()
    done = follow(aws, file)
    assert (done.lines, done.result["changed"]) == ([], True)
    assert time.monotonic() - began < 30
    answered.set()


def test_an_update_that_fails_says_why_first(aws: Emulator, file: pathlib.Path) -> None:
    groups.create(aws)
    file.write_text(broken("second"))
    failed = follow(aws, file, resources=BOTH)
    assert failed.failure == (
        "Could not update the stack orders: LaunchConfig (AWS::AutoScaling::LaunchConfiguration) is UPDATE_FAILED: "
        "Invalid IamInstanceProfile: orders.\n"
        "The stack is UPDATE_ROLLBACK_COMPLETE: its resources are as before. No transactor was replaced. "
        "Correct the cause. Then run again."
    )
    assert failed.lines == [
        *UPDATED[:2],
        "0/2 LaunchConfig UPDATE_FAILED: Invalid IamInstanceProfile: orders",
        "orders UPDATE_ROLLBACK_IN_PROGRESS",
        "orders UPDATE_ROLLBACK_COMPLETE",
    ]
    # Of a request that AWS refuses, not the cause of the failure before.
    aws.fault("cloudformation:UpdateStack", code="AccessDenied", status=403, times=9)
    refused = follow(aws, file)
    assert refused.failure.startswith(
        "Could not update the stack orders: An error occurred (AccessDenied) when calling "
    )
    assert refused.failure.endswith(
        "\nThe stack was not changed. No transactor was replaced. Correct the cause. Then run again."
    )
    assert "IamInstanceProfile" not in refused.failure
    assert refused.lines == []
    aws.backstage("cloudformation").delete_stack(StackName="orders")
    aws.fault("cloudformation:CreateStack", code="AccessDenied", status=403, times=9)
    assert "\nNo stack was created. No transactor was replaced. Correct" in follow(aws, file).failure


def test_a_lost_answer_is_waited_for(aws: Emulator, file: pathlib.Path) -> None:
    """CloudFormation takes the request, and botocore, which gets no answer, sends it again."""
    file.write_text(groups.template("first"))
    aws.configure(stack_in_progress=60)
    aws.fault("cloudformation:CreateStack", mode="drop_after")
    created = follow(aws, file)
    assert created.failure == ""
    assert created.result["changed"], "by the first request"
    assert statuses(aws) == ["CREATE_COMPLETE"]
    assert len(created.lines) == len(UPDATED)
    file.write_text(groups.template("second"))
    aws.fault("cloudformation:UpdateStack", mode="drop_after")
    updated = follow(aws, file, resources=BOTH)
    assert (updated.failure, updated.result["changed"]) == ("", True)
    assert updated.lines == UPDATED
    # The rollback is what the next request meets.
    aws.backstage("cloudformation").delete_stack(StackName="orders")
    file.write_text(broken("third"))
    aws.fault("cloudformation:CreateStack", mode="drop_after")
    lost = follow(aws, file)
    assert lost.failure.startswith("Could not create the stack orders: Launch")
    assert AGAIN not in lost.lines, "only a creation that is surely this run's is repeated"


def test_an_operation_without_end_is_no_success(aws: Emulator, file: pathlib.Path) -> None:
    groups.create(aws)
    aws.configure(stack_in_progress=1e6)
    file.write_text(groups.template("third"))
    aws.fault("cloudformation:UpdateStack", mode="drop_after")
    failed = follow(aws, file)
    assert failed.failure == (
        "The update of the stack orders has not ended: it is UPDATE_IN_PROGRESS. No transactor was replaced. "
        "Wait for its end, and run again."
    )


def test_a_stack_that_cannot_be_read_for_a_moment_is_no_success(aws: Emulator, file: pathlib.Path) -> None:
    """amazon.aws.cloudformation then takes the stack for deleted, and reports success."""
    groups.create(aws)
    aws.configure(stack_in_progress=600)
    file.write_text(groups.template("second"))
    aws.fault("cloudformation:DescribeStacks", code="AccessDenied", status=403, k=3)
    assert "has not ended: it is UPDATE_IN_PROGRESS" in follow(aws, file).failure
    aws.advance(600)
    aws.fault("cloudformation:DescribeStacks", code="AccessDenied", status=403, k=3)
    file.write_text(groups.template("third"))
    assert "cannot find it any more" in follow(aws, file, apart=True).failure


@pytest.mark.parametrize("reason", ["profile", "available", "no capacity"])
def test_a_creation_is_repeated_before_a_transactor_where_that_can_help(
    aws: Emulator, file: pathlib.Path, reason: str
) -> None:
    file.write_text(broken("first") if reason == "profile" else groups.template("first"))
    if reason == "no capacity":
        aws.configure(launch_failure=reason)
    if reason == "available":
        aws.configure(launch_configurations=False)
    aws.clear_calls()
    failed = follow(aws, file)
    assert calls(aws, "CreateStack") == (1 if reason == "available" else 2)
    assert calls(aws, "DeleteStack") == (0 if reason == "available" else 1)
    assert failed.lines.count(AGAIN) == calls(aws, "DeleteStack")
    assert ("set datomic_template_flavor: modern. Then delete" in failed.failure) == (reason == "available")
    assert failed.failure.startswith("Could not create the stack orders: Launch")
    assert "The stack is ROLLBACK_COMPLETE and has no resources. No transactor was replaced." in failed.failure
    assert "delete the stack (aws cloudformation delete-stack --stack-name orders) and run create.yml" in failed.failure
    assert statuses(aws) == ["ROLLBACK_COMPLETE"]
    aws.clear_calls()
    # A stack that another run left is not deleted. Its root cause is named.
    assert follow(aws, file).failure == failed.failure
    assert calls(aws, "DeleteStack") == 0


def test_the_second_creation_may_succeed(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(groups.template("first"))
    aws.configure(launch_failure="no capacity")

    def run(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        done = module(aws)(name, options)
        if options["state"] == "absent":
            aws.configure(launch_failure="")
        return done

    created = follow(aws, file, run=run)
    assert created.failure == ""
    assert created.lines.count(AGAIN) == 1
    assert created.lines[created.lines.index(AGAIN) + 1 :] == CREATED
    assert created.lines[created.lines.index(AGAIN) - 1].startswith("Could not create the stack orders: LaunchGroup")


def test_a_stack_that_had_a_transactor_stays(aws: Emulator, file: pathlib.Path) -> None:
    """The alarm fails after the group has launched its instance."""
    template = json.loads(groups.template("first"))
    template["Resources"]["Low"] = {"Type": ALARM, "DependsOn": "LaunchGroup", "Properties": {"AlarmName": "low"}}
    file.write_text(json.dumps(template))
    aws.clear_calls()
    failed = follow(aws, file)
    assert "Low (AWS::CloudWatch::Alarm) is CREATE_FAILED" in failed.failure
    assert statuses(aws) == ["ROLLBACK_COMPLETE"]
    assert calls(aws, "DeleteStack") == 0


def test_a_group_that_fails_shows_what_its_instances_said(aws: Emulator, file: pathlib.Path) -> None:
    """One of two transactors is launched."""
    aws.configure(capacity=1)
    properties = "protocol=ddb\naws-s3-log-bucket-id=logs\naws-dynamodb-table=orders"
    template = json.loads(groups.template("first", properties=properties))
    template["Parameters"]["GroupSize"]["Default"] = "2"
    file.write_text(json.dumps(template))
    aws.backstage("s3").create_bucket(Bucket="logs")
    said = f"Could not connect to s3://token@bucket\nlicense-key={SENTINEL}\naws_secret_access_key={SENTINEL}\n"

    def run(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        done = module(aws)(name, options)
        aws.backstage("s3").put_object(Bucket="logs", Key="orders/now.log", Body=said.encode())
        return done

    aws.fault("ec2:GetConsoleOutput", code="UnauthorizedOperation", status=403)
    lines = follow(aws, file, run=run).failure.splitlines()
    assert lines[0].startswith("Could not create the stack orders: LaunchGroup (AWS::AutoScaling::AutoScalingGroup) is")
    assert "Allow ec2:GetConsoleOutput" in lines[1]
    assert lines[2:6] == [
        "Log s3://logs/orders/now.log:",
        "  Could not connect to s3://********@bucket",
        "  license-key=********",
        "  aws_secret_access_key=********",
    ]
    assert lines[6].startswith("The stack is ROLLBACK_COMPLETE and has no resources.")
    assert calls(aws, "DeleteStack") == 0


def test_no_secret_is_shown(aws: Emulator, file: pathlib.Path) -> None:
    groups.create(aws)
    template = json.loads(broken("second", properties=f"license-key={SENTINEL}"))
    template["Resources"]["LaunchConfig"]["Properties"]["IamInstanceProfile"] = f"orders-{SENTINEL}"
    file.write_text(json.dumps(template))
    failed = follow(aws, file)
    assert "Invalid IamInstanceProfile: orders-********." in failed.failure
    assert SENTINEL not in str(failed)


def test_apart_the_module_s_own_result_is_the_source(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(groups.template("first"))
    created = follow(aws, file, apart=True, account_id="123456789012")
    assert (created.lines, created.result["stack_id"], created.result["events"]) == ([], "", [])
    assert created.result["changed"]
    other = follow(aws, file, apart=True, account_id="210987654321")
    assert other.failure.startswith("The credentials belong to account 123456789012, not to 210987654321")
    file.write_text(broken("second"))
    here, apart = (follow(aws, file, apart=apart).failure for apart in (False, True))
    assert here == apart
    aws.backstage("cloudformation").delete_stack(StackName="orders")
    assert follow(aws, file, apart=True).failure.endswith("run create.yml.")
    assert statuses(aws)[-1] == "ROLLBACK_COMPLETE"


def test_another_account_is_refused_before_any_other_call(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(groups.template("first"))
    aws.clear_calls()
    refused = follow(aws, file, account_id="210987654321").failure
    assert refused.startswith(
        "The credentials belong to account 123456789012, not to 210987654321: nothing was changed."
    )
    assert [call.operation for call in aws.calls()] == ["GetCallerIdentity"]
    missing = follow(aws, file.with_name("none.json")).failure
    assert "Could not read the template" in missing
