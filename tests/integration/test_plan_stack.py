# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""plan_stack against the emulated AWS, followed by amazon.aws.cloudformation."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from tests.emulator import Emulator
from tests.emulator.test_change_sets import IMAGE, SHOWN
from tests.emulator.test_cloudformation import ALARM, MODERN
from tests.integration import groups
from tests.integration.stacks import plan, update

SENTINEL = "hunter2-c0ffee"
IN_CHECK = ["DescribeStacks", "CreateChangeSet", "DescribeChangeSet"]


@pytest.fixture
def file(tmp_path: pathlib.Path, aws: Emulator) -> pathlib.Path:
    """The template that a test writes."""
    aws.configure(launch_configurations=True)
    return tmp_path / "orders.json"


def by_id(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    assert not result["failed"], result["msg"]
    return {change["logical_id"]: change for change in result["changes"]}


def values(change: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {detail["name"]: (detail["before"], detail["after"]) for detail in change["details"]}


def stack(aws: Emulator) -> dict[str, Any]:
    found: dict[str, Any] = aws.backstage("cloudformation").describe_stacks(StackName="orders")["Stacks"][0]
    return found


def statuses(aws: Emulator) -> list[str]:
    return [one["StackStatus"] for one in aws.backstage("cloudformation").describe_stacks()["Stacks"]]


def warned(result: dict[str, Any]) -> str:
    return " ".join(str(warning) for warning in result.get("warnings", []))


def operations(aws: Emulator) -> list[str]:
    return [call.operation for call in aws.calls()]


def test_a_check_shows_values_old_and_new_and_leaves_nothing(aws: Emulator, file: pathlib.Path) -> None:
    groups.create(aws, properties=f"memory-index-max=256m\nlicense-key=old-{SENTINEL}")
    template = json.loads(groups.template("first", properties=f"memory-index-max=512m\nlicense-key={SENTINEL}"))
    template["Resources"]["LaunchConfig"]["Properties"]["ImageId"] = IMAGE
    file.write_text(json.dumps(template))
    aws.clear_calls()
    result = plan(aws, file, check=True)
    assert result["changed"] is result["pending"] is True
    launch = by_id(result)["LaunchConfig"]
    assert (launch["action"], launch["replacement"]) == ("Modify", "True")
    assert values(launch) == {
        "ImageId": (groups.IMAGE, IMAGE),
        "UserData memory-index-max": ("256m", "512m"),
        "UserData license-key": ("********", "********"),
    }
    assert by_id(result)["LaunchGroup"]["replacement"] == "Conditional"
    assert result["image"] == {"before": groups.IMAGE, "after": IMAGE}
    assert result["outdates_instances"]
    assert f"LaunchConfig (AWS::AutoScaling::LaunchConfiguration) ImageId: {IMAGE}" in result["diff"][0]["after"]
    assert SENTINEL not in json.dumps(result)
    assert [call for call in aws.calls() if call.kind == "write"] == []
    assert operations(aws).count("CreateChangeSet") == operations(aws).count("DeleteChangeSet") == 1
    assert aws.backstage("cloudformation").list_change_sets(StackName="orders")["Summaries"] == []

    planned = plan(aws, file)
    assert planned == {**result, "changed": False, "invocation": planned["invocation"]}, (
        "a run plans what the check showed"
    )
    assert not update(aws, file, planned)["failed"]
    aws.clear_calls()
    again = plan(aws, file)
    assert (again["pending"], again["changes"], again["diff"]) == (False, [], [])
    assert operations(aws) == [*IN_CHECK, "DeleteChangeSet"], "no call more than amazon.aws makes in its check mode"


def sized(instance_type: str, note: str = "first") -> str:
    """A template with the instance type as a parameter, as the legacy one has it."""
    template = json.loads(groups.template(note))
    template["Parameters"]["InstanceType"] = {"Type": "String", "Default": instance_type}
    template["Resources"]["LaunchConfig"]["Properties"]["InstanceType"] = {"Ref": "InstanceType"}
    return json.dumps(template)


def test_zones_of_a_legacy_template_that_lack_another_instance_type(aws: Emulator, file: pathlib.Path) -> None:
    looks = ["DescribeInstanceTypeOfferings", "DescribeSubnets"]
    file.write_text(sized("m3.large"))
    expected = "m3.large is not offered in us-east-1d, us-east-1f"
    created = plan(aws, file)
    assert (expected in warned(created), sorted(operations(aws))) == (True, sorted(["DescribeStacks", *looks]))
    aws.backstage("cloudformation").create_stack(StackName="orders", TemplateBody=sized("c4.large"))
    aws.clear_calls()
    assert expected in warned(plan(aws, file, check=True))
    assert set(looks) < set(operations(aws))
    for other in (sized("c4.large"), sized("c4.large", "second"), sized("r4.large")):
        file.write_text(other)
        aws.clear_calls()
        assert "not offered" not in warned(plan(aws, file))
        assert set(looks).isdisjoint(operations(aws)) == ("c4.large" in other), "EC2 is asked about another type only"


def test_a_legacy_template_whose_zones_cannot_be_seen(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(sized("m3.large"))
    aws.fault(match="ec2:DescribeInstanceTypeOfferings", code="UnauthorizedOperation")
    result = plan(aws, file)
    assert not result["failed"]
    assert "Allow ec2:DescribeInstanceTypeOfferings" in warned(result)


def test_an_image_of_systems_manager_is_named_resolved(aws: Emulator, file: pathlib.Path) -> None:
    aws.backstage("ssm").put_parameter(Name="/images/current", Value=groups.IMAGE, Type="String")
    template = json.loads(json.dumps(MODERN))
    kind = "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"
    template["Parameters"]["ImageId"] = {"Type": kind, "Default": "/images/current"}
    template["Resources"]["Template"]["Properties"]["LaunchTemplateData"] |= {
        "ImageId": {"Ref": "ImageId"},
        "UserData": "x" * 2000,
    }
    file.write_text(json.dumps(template))
    planned = plan(aws, file)
    assert by_id(planned).keys() == {"Group", "Template"}
    update(aws, file, planned)
    aws.backstage("ssm").put_parameter(Name="/images/current", Value=IMAGE, Type="String", Overwrite=True)
    result = plan(aws, file, check=True)
    assert result["image"] == {"before": groups.IMAGE, "after": IMAGE}
    assert result["outdates_instances"]
    assert by_id(result)["Template"]["replacement"] == "False"
    assert values(by_id(result)["Group"])["LaunchTemplate.Version"] == ("1", "(known after the update)")
    assert not result.get("warnings"), "the image is not set by hand"


@pytest.mark.parametrize("check", [True, False])
def test_what_cloudformation_refuses_fails_with_its_reason(aws: Emulator, file: pathlib.Path, check: bool) -> None:
    groups.create(aws)
    aws.backstage("cloudwatch").put_metric_alarm(AlarmName="taken", **SHOWN)
    template = json.loads(groups.template("second"))
    template["Resources"]["Low"] = {"Type": ALARM, "Properties": {**SHOWN, "AlarmName": "taken"}}
    file.write_text(json.dumps(template))
    aws.clear_calls()
    result = plan(aws, file, check=check)
    assert result["failed"]
    assert "CloudFormation refuses the update of the stack orders: Low (AWS::CloudWatch::Alarm): " in result["msg"]
    assert "Resource of type 'AWS::CloudWatch::Alarm' with identifier 'taken' already exists" in result["msg"]
    assert [call for call in aws.calls() if call.kind == "write"] == []
    assert operations(aws)[-1] == "DeleteChangeSet"
    aws.fault("cloudformation:DescribeEvents", code="AccessDenied", status=403, times=9)
    result = plan(aws, file, check=check)
    assert "AWS::EarlyValidation::ResourceExistenceCheck" in result["msg"]
    assert "cloudformation:DescribeEvents" in warned(result)
    file.write_text(groups.template("second"))
    file.write_text(groups.template("second", properties=f"license-key={SENTINEL}"))
    aws.configure(change_set_failure=f"Transform failed with: {SENTINEL}.")
    assert (
        "refuses the update of the stack orders: Transform failed with: ********. The"
        in plan(aws, file, check=check)["msg"]
    )


def test_a_change_set_that_takes_its_time_in_pages(aws: Emulator, file: pathlib.Path) -> None:
    groups.create(aws)
    file.write_text(groups.template("second"))
    aws.configure(scale=100, change_set_creating=100, change_set_page=1)
    assert by_id(plan(aws, file, check=True)).keys() == {"LaunchConfig", "LaunchGroup"}


def change_sets(aws: Emulator) -> list[str]:
    listed = aws.backstage("cloudformation").list_change_sets(StackName="orders")["Summaries"]
    return [one["ChangeSetName"] for one in listed]


def test_a_killed_plan_leaves_one_change_set_which_the_next_plan_removes(aws: Emulator, file: pathlib.Path) -> None:
    groups.create(aws)
    file.write_text(groups.template("second"))
    aws.fault("cloudformation:DeleteChangeSet", code="AccessDenied", status=403, times=1)
    assert "AccessDenied" in plan(aws, file, check=True)["msg"]
    (left,) = change_sets(aws)
    assert by_id(plan(aws, file, check=True)).keys() == {"LaunchConfig", "LaunchGroup"}
    assert change_sets(aws) == []
    aws.backstage("cloudformation").create_change_set(
        StackName="orders", ChangeSetName=left, TemplateBody=file.read_text()
    )
    aws.fault("cloudformation:DeleteChangeSet", code="AccessDenied", status=403, times=1)
    assert "AccessDenied" in plan(aws, file, check=True)["msg"]
    assert change_sets(aws) == [left], "killed twice"


def test_two_plans_of_a_stack_at_the_same_time(aws: Emulator, file: pathlib.Path) -> None:
    groups.create(aws)
    file.write_text(groups.template("second"))
    aws.fault("cloudformation:DescribeChangeSet", code="ChangeSetNotFound", status=404, times=1)
    assert by_id(plan(aws, file, check=True)).keys() == {"LaunchConfig", "LaunchGroup"}, "deleted by the other one"
    aws.configure(scale=100, change_set_creating=100)
    aws.backstage("cloudformation").create_change_set(
        StackName="orders", ChangeSetName="datomic-plan", TemplateBody=file.read_text()
    )
    assert by_id(plan(aws, file, check=True)).keys() == {"LaunchConfig", "LaunchGroup"}
    assert change_sets(aws) == ["datomic-plan"], "the other plan's, which is in progress"


def test_what_the_stack_has_besides_is_kept_or_named(aws: Emulator, file: pathlib.Path) -> None:
    topic = aws.backstage("sns").create_topic(Name="events")["TopicArn"]
    template = json.loads(groups.template("first"))
    template["Parameters"]["Old"] = {"Type": "String", "Default": "a"}
    client = aws.backstage("cloudformation")
    client.create_stack(
        StackName="orders",
        TemplateBody=json.dumps(template),
        NotificationARNs=[topic],
        Tags=[{"Key": "billing", "Value": "7"}, {"Key": "team", "Value": "a"}],
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value} for name, value in (("GroupSize", "2"), ("Old", "b"))
        ],
        EnableTerminationProtection=True,
    )
    file.write_text(groups.template("first"))
    check = plan(aws, file, check=True)
    assert check["parameters"] == [
        {"name": "GroupSize", "before": "2", "after": "1", "by_hand": True},
        {"name": "Old", "before": "b", "after": "", "by_hand": True},
    ]
    warning = warned(check)
    assert "GroupSize of the stack orders was set by hand to '2'; the update sets it to '1'" in warning
    assert "aws-autoscaling-group-size" in warning
    assert "Old of the stack orders was set by hand to 'b'; the update removes it" in warning
    assert not check["outdates_instances"]
    result = plan(aws, file, tags={"team": "b"})
    assert result["warnings"] == check["warnings"]
    assert result["exists"]
    assert not update(aws, file, result)["failed"]
    after = stack(aws)
    assert {tag["Key"]: tag["Value"] for tag in after["Tags"]} == {"billing": "7", "team": "b"}
    assert after["NotificationARNs"] == [topic]
    assert after["EnableTerminationProtection"]
    assert plan(aws, file, tags={})["pending"] is False
    assert plan(aws, file, tags={"team": "b"})["pending"] is False


def test_a_stack_that_does_not_exist(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(groups.template("first"))
    aws.clear_calls()
    check = plan(aws, file, check=True)
    assert {change["logical_id"]: change["action"] for change in check["changes"]} == {
        "LaunchGroup": "Add",
        "LaunchConfig": "Add",
    }
    assert {call.kind for call in aws.calls()} == {"read"}
    assert statuses(aws) == []
    planned = plan(aws, file, tags={"team": "a"})
    assert (planned["changes"], planned["exists"], planned["stack_id"]) == (check["changes"], False, "")
    update(aws, file, planned)
    assert stack(aws)["Tags"] == [{"Key": "team", "Value": "a"}]
    assert stack(aws)["NotificationARNs"] == []
    assert plan(aws, file)["stack_id"] == stack(aws)["StackId"]


def test_a_stack_that_awaits_a_review_is_left_alone(aws: Emulator, file: pathlib.Path) -> None:
    file.write_text(groups.template("first"))
    aws.backstage("cloudformation").create_change_set(
        StackName="orders", ChangeSetName="theirs", ChangeSetType="CREATE", TemplateBody=file.read_text()
    )
    assert "REVIEW_IN_PROGRESS" in plan(aws, file)["msg"]
    assert statuses(aws) == ["REVIEW_IN_PROGRESS"]
