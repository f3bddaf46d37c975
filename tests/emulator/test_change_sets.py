# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Change sets and what an update leaves, as CloudFormation's documentation has them (docs/development/emulator.md)."""

from __future__ import annotations

import copy
import itertools
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests.emulator import Emulator
from tests.emulator.corrections import cloudformation_replacement as replacement
from tests.emulator.test_cloudformation import ALARM, LEGACY, MODERN, create, group, parameter, stack, update

pytestmark = pytest.mark.usefixtures("older_account")

IMAGE = "ami-03cf127a"
UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
SHOWN = {"MetricName": "Alarm", "Namespace": "Datomic", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
SHOWN |= {"Threshold": 0, "ComparisonOperator": "GreaterThanThreshold"}
NUMBERS = itertools.count()


def planned(aws: Emulator, template: dict[str, Any] | None, values: bool = True, **options: Any) -> dict[str, Any]:
    """A change set of this template, None for the stack's own, as it is described."""
    body = {"UsePreviousTemplate": True} if template is None else {"TemplateBody": json.dumps(template)}
    client = aws.client("cloudformation")
    made = client.create_change_set(StackName="orders", ChangeSetName=f"planned-{next(NUMBERS)}", **body, **options)
    found: dict[str, Any] = client.describe_change_set(ChangeSetName=made["Id"], IncludePropertyValues=values)
    return found


def changes(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {change["ResourceChange"]["LogicalResourceId"]: change["ResourceChange"] for change in found["Changes"]}


def targets(change: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {detail["Target"]["Path"]: detail["Target"] for detail in change["Details"]}


@pytest.mark.parametrize("kind", sorted(replacement.ALWAYS))
def test_what_is_replaced_is_what_the_types_schema_says(kind: str) -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema

    def names(key: str) -> set[str]:
        return {path.removeprefix("/properties/") for path in schema.get(key) or ()}

    assert set(replacement.ALWAYS[kind]) == names("createOnlyProperties")
    assert set(replacement.CONDITIONALLY.get(kind, ())) == names("conditionalCreateOnlyProperties")
    assert set(replacement.REQUIRED.get(kind, ())) == set(schema.get("required") or ())
    if kind in replacement.NAMES:
        assert names("primaryIdentifier") == {replacement.NAMES[kind]}


def test_replacement_and_values_old_and_new(aws: Emulator) -> None:
    create(aws, LEGACY)
    template = copy.deepcopy(LEGACY)
    template["Mappings"]["Image"]["us-east-1"]["hvm"] = IMAGE
    found = changes(planned(aws, template, Parameters=parameter("Type", "m5.xlarge")))
    launch = found["LaunchConfig"]
    assert (launch["Action"], launch["Replacement"], launch["Scope"]) == ("Modify", "True", ["Properties"])
    image, kind = (targets(launch)[f"/Properties/{name}"] for name in ("ImageId", "InstanceType"))
    assert (image["BeforeValue"], image["AfterValue"]) == ("ami-12c6146b", IMAGE)
    assert image["RequiresRecreation"] == "Always"
    assert (kind["BeforeValue"], kind["AfterValue"]) == ("m5.large", "m5.xlarge")
    causes = {detail["Target"]["Name"]: detail.get("CausingEntity") for detail in launch["Details"]}
    assert causes["InstanceType"] == "Type"
    own = found["LaunchGroup"]
    assert own["Replacement"] == "Conditional", "what becomes of the group is its UpdatePolicy's to say"
    assert targets(own)["/Properties/LaunchConfigurationName"]["AfterValue"] == UNKNOWN
    assert own["PhysicalResourceId"] == group(aws)["AutoScalingGroupName"]


def test_values_are_shown_to_whoever_asks(aws: Emulator) -> None:
    create(aws, LEGACY)
    bare = changes(planned(aws, LEGACY, values=False, Parameters=parameter("Type", "m5.xlarge")))["LaunchConfig"]
    assert "BeforeContext" not in bare
    assert set(bare["Details"][0]["Target"]) == {"Attribute", "Name", "RequiresRecreation"}


def test_a_template_in_place_an_alarm_renamed_one_added_one_removed(aws: Emulator) -> None:
    before = copy.deepcopy(MODERN)
    before["Resources"] |= {
        name: {"Type": ALARM, "Properties": {**SHOWN, "AlarmName": name}} for name in ("Kept", "Gone")
    }
    create(aws, before)
    after = copy.deepcopy(before)
    del after["Resources"]["Gone"]
    after["Resources"]["New"] = {"Type": ALARM, "Properties": SHOWN}
    after["Resources"]["Kept"]["Properties"]["AlarmName"] = "Renamed"
    after["Resources"]["Template"]["Properties"]["LaunchTemplateData"]["UserData"] = "x" * 2000
    found = changes(planned(aws, after))
    actions = {name: (change["Action"], change.get("Replacement")) for name, change in found.items()}
    assert actions == {
        "Template": ("Modify", "False"),
        "Group": ("Modify", "Conditional"),
        "Kept": ("Modify", "True"),
        "New": ("Add", None),
        "Gone": ("Remove", None),
    }
    data = targets(found["Template"])["/Properties/LaunchTemplateData/UserData"]
    assert data["AttributeChangeType"] == "Add"
    assert data["AfterValue"].startswith("(Truncated-Signature):")
    version = found["Group"]["Details"][0]
    assert (version["Evaluation"], version["Target"]["AfterValue"]) == ("Dynamic", UNKNOWN)


def test_an_image_of_systems_manager_is_shown_resolved(aws: Emulator) -> None:
    aws.client("ssm").put_parameter(Name="/images/current", Value="ami-12c6146b", Type="String")
    template = copy.deepcopy(MODERN)
    kind = "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"
    template["Parameters"]["Image"] = {"Type": kind, "Default": "/images/current"}
    template["Resources"]["Template"]["Properties"]["LaunchTemplateData"]["ImageId"] = {"Ref": "Image"}
    create(aws, template)
    shown = {one["ParameterKey"]: one for one in stack(aws)["Parameters"]}
    assert shown["Image"]["ParameterValue"] == "/images/current"
    assert shown["Image"]["ResolvedValue"] == "ami-12c6146b"
    aws.client("ssm").put_parameter(Name="/images/current", Value=IMAGE, Type="String", Overwrite=True)
    found = planned(aws, template)
    assert {one["ParameterKey"]: one.get("ResolvedValue") for one in found["Parameters"]}["Image"] == IMAGE
    image = targets(changes(found)["Template"])["/Properties/LaunchTemplateData/ImageId"]
    assert (image["BeforeValue"], image["AfterValue"]) == ("ami-12c6146b", IMAGE)


def refused(aws: Emulator, template: dict[str, Any], **options: Any) -> tuple[str, list[str]]:
    """The reason of a change set that failed, and those that DescribeEvents has."""
    found = planned(aws, template, **options)
    assert (found["Status"], found["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    events = aws.client("cloudformation").describe_events(ChangeSetName=found["ChangeSetId"])["OperationEvents"]
    return found["StatusReason"], [event["ValidationStatusReason"] for event in events if "ValidationName" in event]


def test_what_is_wrong_with_the_resources_fails_the_change_set(aws: Emulator) -> None:
    create(aws, LEGACY)
    aws.client("cloudwatch").put_metric_alarm(AlarmName="taken", **SHOWN)
    template = copy.deepcopy(LEGACY)
    template["Resources"]["Alarm"] = {"Type": ALARM, "Properties": {**SHOWN, "AlarmName": "taken"}}
    why, events = refused(aws, template)
    assert why == (
        "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]. "
        "To troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure information."
    )
    assert events == ["Resource of type 'AWS::CloudWatch::Alarm' with identifier 'taken' already exists."]
    template["Resources"]["Alarm"] = {"Type": "AWS::SNS::Subscription", "Properties": {"Protocol": "email"}}
    why, events = refused(aws, template)
    assert "[AWS::EarlyValidation::PropertyValidation]" in why
    assert events == ["Required property [TopicArn] not found"]
    template = copy.deepcopy(LEGACY)
    template["Parameters"]["Groups"] = {"Type": "List<AWS::EC2::SecurityGroup::Id>", "Default": "sg-0000"}
    why, events = refused(aws, template)
    assert why == "Parameter validation failed: parameter value sg-0000 for parameter name Groups does not exist"
    aws.configure(change_set_failure="Access denied for operation 'ec2:DescribeImages'")
    why, events = refused(aws, {**LEGACY, "Mappings": {"Image": {"us-east-1": {"hvm": IMAGE}}}})
    assert why.startswith("Access denied")


def test_a_change_set_takes_its_time_and_comes_in_pages(aws: Emulator) -> None:
    create(aws, LEGACY)
    aws.configure(change_set_creating=30, change_set_page=1)
    client = aws.client("cloudformation")
    found = planned(aws, LEGACY, Parameters=parameter("Type", "m5.xlarge"))
    assert (found["Status"], found["Changes"]) == ("CREATE_IN_PROGRESS", [])
    waiter = client.get_waiter("change_set_create_complete")
    with pytest.raises(WaiterError):
        waiter.wait(ChangeSetName=found["ChangeSetId"], WaiterConfig={"Delay": 0, "MaxAttempts": 1})
    aws.advance(30)
    waiter.wait(ChangeSetName=found["ChangeSetId"], WaiterConfig={"Delay": 0, "MaxAttempts": 1})
    pages = client.get_paginator("describe_change_set").paginate(ChangeSetName=found["ChangeSetId"])
    assert [[one["ResourceChange"]["LogicalResourceId"] for one in page["Changes"]] for page in pages] == [
        ["LaunchConfig"],
        ["LaunchGroup"],
    ]


def test_the_name_of_a_change_set_is_unique_in_its_stack(aws: Emulator) -> None:
    create(aws, LEGACY)
    client = aws.client("cloudformation")
    client.create_stack(StackName="billing", TemplateBody=json.dumps(MODERN))

    def code(operation: str, **options: Any) -> str:
        try:
            getattr(client, operation)(**{"ChangeSetName": "plan", "StackName": "orders", **options})
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return ""

    body = {"TemplateBody": json.dumps(LEGACY)}
    aws.configure(change_set_creating=30)
    assert code("create_change_set", **body) == ""
    assert code("create_change_set", **body) == "AlreadyExistsException"
    assert code("create_change_set", StackName="billing", **body) == ""
    assert code("delete_change_set") == "InvalidChangeSetStatus", "it is in progress"
    aws.advance(30)
    assert code("delete_change_set") == code("delete_change_set") == "", "the second finds none"
    assert code("describe_change_set") == "ChangeSetNotFound"
    assert code("describe_change_set", StackName="billing") == ""
    assert code("create_change_set", **body) == ""


def test_previous_template_and_previous_values(aws: Emulator) -> None:
    create(aws, LEGACY)
    previous = [{"ParameterKey": name, "UsePreviousValue": True} for name in ("Type", "Groups")]
    found = planned(aws, None, Parameters=[*previous, *parameter("Size", "2")])
    assert set(changes(found)) == {"LaunchGroup"}
    client = aws.client("cloudformation")
    client.update_stack(StackName="orders", UsePreviousTemplate=True, Parameters=parameter("Type", "m5.xlarge"))
    update(aws, LEGACY, Parameters=[*previous, *parameter("Size", "2")])
    shown = {one["ParameterKey"]: one["ParameterValue"] for one in stack(aws)["Parameters"]}
    assert shown == {"Type": "m5.xlarge", "Groups": "default", "Size": "2"}
    update(aws, LEGACY)
    assert {one["ParameterKey"]: one["ParameterValue"] for one in stack(aws)["Parameters"]}["Type"] == "m5.large"
    other = {**LEGACY, "Parameters": {**LEGACY["Parameters"], "Other": {"Type": "String"}}}
    with pytest.raises(ClientError, match="not in the previous template"):
        update(aws, other, Parameters=[{"ParameterKey": "Other", "UsePreviousValue": True}])


def test_what_an_update_does_not_say_stays_and_an_empty_list_removes(aws: Emulator) -> None:
    topic = aws.client("sns").create_topic(Name="events")["TopicArn"]
    create(aws, LEGACY, Tags=[{"Key": "team", "Value": "a"}], NotificationARNs=[topic])
    update(aws, LEGACY, Parameters=parameter("Size", "2"))
    assert (stack(aws)["Tags"], stack(aws)["NotificationARNs"]) == ([{"Key": "team", "Value": "a"}], [topic])
    update(aws, LEGACY, Tags=[], NotificationARNs=[])
    assert (stack(aws)["Tags"], stack(aws)["NotificationARNs"]) == ([], [])
    assert "team" not in {one["Key"] for one in group(aws)["Tags"]}


def test_events_come_newest_first_and_dependencies_are_complete_before(aws: Emulator) -> None:
    aws.configure(stack_in_progress=30)
    create(aws, LEGACY, ClientRequestToken="token")
    aws.advance(30)
    events = aws.client("cloudformation").describe_stack_events(StackName="orders")["StackEvents"]
    told = [(event["LogicalResourceId"], event["ResourceStatus"]) for event in reversed(events)]
    assert [one for one in told if one[1] == "CREATE_IN_PROGRESS"] == [
        ("orders", "CREATE_IN_PROGRESS"),
        ("LaunchConfig", "CREATE_IN_PROGRESS"),
        ("LaunchGroup", "CREATE_IN_PROGRESS"),
    ]
    assert [one for one in told if one[1] == "CREATE_COMPLETE"] == [
        ("LaunchConfig", "CREATE_COMPLETE"),
        ("LaunchGroup", "CREATE_COMPLETE"),
        ("orders", "CREATE_COMPLETE"),
    ]
    times = [event["Timestamp"] for event in events]
    assert times == sorted(times, reverse=True)
    assert {event["ClientRequestToken"] for event in events} == {"token"}


@pytest.mark.parametrize(
    ("service", "operation", "params", "code", "status"),
    [
        ("cloudformation", "detect_stack_drift", {"StackName": "orders"}, "InvalidAction", 400),
        ("ec2", "get_serial_console_access_status", {}, "InvalidAction", 400),
        ("logs", "get_log_record", {"logRecordPointer": "x"}, "UnknownOperationException", 400),
        ("lambda", "get_account_settings", {}, "UnknownOperationException", 404),
    ],
)
def test_an_unknown_operation_is_refused_as_aws_does(
    aws: Emulator, service: str, operation: str, params: dict[str, Any], code: str, status: int
) -> None:
    with pytest.raises(ClientError) as refusal:
        getattr(aws.client(service), operation)(**params)
    assert refusal.value.response["Error"]["Code"] == code
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
