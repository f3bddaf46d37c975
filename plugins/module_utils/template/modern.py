# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The template that AWS accepts in new accounts: a launch template on Amazon Linux 2023, and a group.

The group waits until its transactors have started. The parameters and the LaunchGroup of the legacy template stay, so
that a running legacy stack is updated in place. CloudFormation never terminates an instance: the collection does.
"""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Mapping
from typing import Any

from ..actions import GENERATED
from ..properties.file import Properties
from ..releases.versions import AWS_SDK_V2_SINCE, CHECKSUMS, at_least
from . import alarms as alarm_resources
from . import user_data
from .options import Machine, Options

IMAGES = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-"
"""The public parameter of the newest Amazon Linux 2023, without the architecture at its end."""

CONTEXT = "com.aws.cloudformation.Context"
"""The metadata key for the purpose of a resource.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-metadata.html
"""

PURPOSE = {
    "arch": (
        "A group keeps one active Datomic transactor and its standbys running; each instance gets the release from S3, "
        "reads its secrets from Systems Manager, and stores in DynamoDB; alarms on its metrics go to a topic."
    ),
    "must": [
        "LaunchGroup keeps its logical id, or CloudFormation ends every transactor at once",
        "CloudFormation replaces no instance: that is done with a standby at hand",
    ],
}

WHY = {
    "LaunchGroup": "Keeps the transactors running: a damaged one is replaced together with its instance",
    "LaunchTemplate": "What an instance is, and the user data that starts its transactor",
    "TransactorPolicy": "What an instance needs at its start besides its table: release, secrets, signal",
    "AlarmTopic": "Where the alarms go, for people or a pager to subscribe to",
    "Dashboard": "What to look at first when an alarm goes off",
}
ALARM = "Goes off when the system cannot write, or may soon be unable to"

SESSION_MANAGER = (
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
"""Session Manager's documented minimum. None of them takes a resource."""

START_TIMEOUT = "PT20M"
"""How long CloudFormation waits for the first instances' signals."""


@dataclasses.dataclass(frozen=True)
class Placement:
    """The instance type of a template, and where its instances run. zones: empty for all."""

    instance_type: str
    subnets: tuple[str, ...]
    zones: tuple[str, ...]


def placement(template: Any) -> Placement | None:
    """The placement of an earlier template of this flavor; None for anything else."""
    try:
        group = template["Resources"]["LaunchGroup"]["Properties"]
        zones = group.get("AvailabilityZones")
        return Placement(
            template["Parameters"]["InstanceType"]["Default"],
            tuple(group.get("VPCZoneIdentifier", ())),
            tuple(zones) if isinstance(zones, list) else (),
        )
    except (AttributeError, KeyError, TypeError):
        return None


def template(transactor: Properties, cf: Properties, options: Options, machine: Machine) -> dict[str, Any]:
    """The template: the same bytes for the same arguments."""
    watched = alarm_resources.resources(transactor, cf, options)
    resources = {
        "LaunchGroup": _group(options, machine, watched),
        "LaunchTemplate": _launch_template(transactor, cf, options, machine),
        "TransactorPolicy": _policy(options),
        **watched,
    }
    more_than_one = {"Fn::Not": [{"Fn::Equals": [{"Ref": "GroupSize"}, "1"]}]}
    return {
        "Description": "Datomic transactors, by datomic_onprem.aws (flavor modern)",
        "Metadata": {CONTEXT: PURPOSE},
        "Parameters": parameters(transactor, cf, options, machine),
        **({"Conditions": {"HasStandby": more_than_one}} if watched else {}),
        "Resources": _explained(resources),
        "Outputs": _outputs(watched),
    }


def plannable(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template for a change set before its security group exists.

    CloudFormation looks up the values of parameters of AWS's own types, and refuses a missing one.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
    """

    def untyped(declared: Mapping[str, Any]) -> Mapping[str, Any]:
        if GENERATED not in declared["Default"].split(",") or declared["Type"] == "String":
            return declared
        return {**declared, "Type": "CommaDelimitedList" if declared["Type"].startswith("List<") else "String"}

    return {**template, "Parameters": {name: untyped(one) for name, one in template["Parameters"].items()}}


def checksum(cf: Properties, options: Options) -> str:
    """The archive's SHA-256; empty when it is not known."""
    return options.sha256.lower() or CHECKSUMS.get(cf.get("datomic-version"), "")


def parameters(transactor: Properties, cf: Properties, options: Options, machine: Machine) -> dict[str, Any]:
    """Those of the legacy template, with the properties as defaults, and image and checksum."""

    def text(default: str, description: str, **more: Any) -> dict[str, Any]:
        return {"Description": description, "Type": "String", **more, "Default": default}

    image = (
        {"Type": "AWS::EC2::Image::Id", "Default": options.image_id}
        if options.image_id
        else {
            "Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>",
            "Default": IMAGES + machine.architecture,
        }
    )
    return {
        "InstanceType": text(
            cf.get("aws-instance-type"), f"Type of EC2 instance, of architecture {machine.architecture}"
        ),
        "InstanceProfile": text(transactor.get("aws-transactor-role"), "Role, and instance profile of the same name"),
        "ImageId": {"Description": "Machine image", **image},
        "Xmx": text(cf.get("java-xmx"), "Heap of the transactor", AllowedPattern="\\d+[GgMm]"),
        "JavaOpts": text(cf.get("java-opts"), "Options passed to the Java launcher"),
        "GroupSize": text(
            cf.get("aws-autoscaling-group-size"),
            "Number of transactors, one of them active",
            AllowedPattern="[1-9][0-9]*",
        ),
        "InstanceMonitoring": text(
            cf.get("aws-instance-monitoring"), "Metrics of EC2 every minute", AllowedValues=["true", "false"]
        ),
        "SecurityGroups": {
            "Description": "Ids of the transactors' security groups",
            "Type": "List<AWS::EC2::SecurityGroup::Id>",
            "Default": ",".join(machine.security_groups),
        },
        "DatomicDeployBucket": text(cf.get("datomic-deploy-s3-bucket"), "Bucket that has the release"),
        "DatomicVersion": text(cf.get("datomic-version"), "Release of Datomic"),
        "DatomicSha256": text(
            checksum(cf, options),
            "SHA-256 of the release's archive; empty: the one next to it in the bucket",
            AllowedPattern="([0-9a-f]{64})?",
        ),
    }


def _explained(resources: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The resources, each with its reason in its metadata."""
    return {
        name: {
            "Type": declared["Type"],
            "Metadata": {**declared.get("Metadata", {}), CONTEXT: {"why": WHY.get(name, ALARM)}},
            **{key: value for key, value in declared.items() if key not in ("Type", "Metadata")},
        }
        for name, declared in resources.items()
    }


def _name_tag() -> dict[str, Any]:
    return {"Key": "Name", "Value": {"Ref": "AWS::StackName"}}


def _tags(options: Options) -> list[dict[str, Any]]:
    return [_name_tag(), *({"Key": key, "Value": options.tags[key]} for key in sorted(options.tags) if key != "Name")]


def _group(options: Options, machine: Machine, watched: Mapping[str, Any]) -> dict[str, Any]:
    zones = list(machine.zones) or {"Fn::GetAZs": ""}
    where = {"VPCZoneIdentifier": list(options.subnets)} if options.subnets else {"AvailabilityZones": zones}
    events = ["autoscaling:EC2_INSTANCE_LAUNCH_ERROR", "autoscaling:EC2_INSTANCE_TERMINATE_ERROR"]
    topic = alarm_resources.topic(options, watched)
    notified = {"NotificationConfigurations": [{"TopicARN": topic, "NotificationTypes": events}]} if topic else {}
    return {
        "Type": "AWS::AutoScaling::AutoScalingGroup",
        # The instances need the policy when they start, and until they have ended.
        "DependsOn": ["TransactorPolicy"],
        "CreationPolicy": {"ResourceSignal": {"Count": {"Ref": "GroupSize"}, "Timeout": START_TIMEOUT}},
        "UpdatePolicy": {
            # A stack update leaves the instances alone: replace_transactors replaces them, with a standby at hand.
            "AutoScalingReplacingUpdate": {"WillReplace": False},
            "AutoScalingScheduledAction": {"IgnoreUnmodifiedGroupSizeProperties": True},
        },
        "Properties": {
            "MinSize": {"Ref": "GroupSize"},
            "MaxSize": {"Ref": "GroupSize"},
            "Tags": [{**tag, "PropagateAtLaunch": True} for tag in _tags(options)],
            **where,
            "HealthCheckType": "EC2",
            "HealthCheckGracePeriod": 300,
            "LaunchTemplate": {
                "LaunchTemplateId": {"Ref": "LaunchTemplate"},
                "Version": {"Fn::GetAtt": ["LaunchTemplate", "LatestVersionNumber"]},
            },
            **notified,
        },
    }


def _launch_template(transactor: Properties, cf: Properties, options: Options, machine: Machine) -> dict[str, Any]:
    volume = {"VolumeType": "gp3", "VolumeSize": options.volume_size, "Encrypted": True, "DeleteOnTermination": True}
    add_opens = not at_least(cf.get("datomic-version"), AWS_SDK_V2_SINCE)
    script = user_data.user_data(transactor.as_dict(), options, machine, add_opens=add_opens)
    return {
        "Type": "AWS::EC2::LaunchTemplate",
        "Properties": {
            "LaunchTemplateData": {
                "ImageId": {"Ref": "ImageId"},
                "InstanceType": {"Ref": "InstanceType"},
                "IamInstanceProfile": {"Name": {"Ref": "InstanceProfile"}},
                "SecurityGroupIds": {"Ref": "SecurityGroups"},
                "Monitoring": {"Enabled": {"Ref": "InstanceMonitoring"}},
                "MetadataOptions": {"HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 1},
                "BlockDeviceMappings": [{"DeviceName": machine.root_device, "Ebs": volume}],
                "TagSpecifications": [{"ResourceType": "volume", "Tags": _tags(options)}],
                "UserData": {"Fn::Base64": script},
            },
        },
    }


def _outputs(watched: Mapping[str, Any]) -> dict[str, Any]:
    group = {"Description": "Name of the auto scaling group", "Value": {"Ref": "LaunchGroup"}}
    topic = {"Description": "Topic of the alarms", "Value": {"Ref": "AlarmTopic"}}
    return {"LaunchGroupName": group} | ({"AlarmTopicArn": topic} if "AlarmTopic" in watched else {})


def start_policy(stack: str) -> str:
    """The inline policy that the modern template of the stack puts on the transactor's role."""
    return f"{stack}-transactor-start"


def _policy(options: Options) -> dict[str, Any]:
    """What the role may do besides table, log bucket and metrics: start, report, read its secrets."""
    declared: dict[str, Any] = {
        "Type": "AWS::IAM::Policy",
        "Properties": {
            "PolicyName": {"Fn::Sub": start_policy("${AWS::StackName}")},
            "Roles": [{"Ref": "InstanceProfile"}],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": _statements(options)},
        },
    }
    if options.session_manager:
        comment = "Session Manager's actions take no resource, so AWS documents them with a star"
        declared["Metadata"] = {"checkov": {"skip": [{"id": "CKV_AWS_111", "comment": comment}]}}
    return declared


def _statements(options: Options) -> list[dict[str, Any]]:
    """Each allows one thing, on the resources of this stack only."""
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
    """The text, escaped for Fn::Sub."""
    return text.replace("${", "${!")
