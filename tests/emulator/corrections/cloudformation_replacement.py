# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which property of which resource type makes an update a replacement, for the types of our templates."""

from __future__ import annotations

ALWAYS: dict[str, tuple[str, ...]] = {
    "AWS::AutoScaling::AutoScalingGroup": ("AutoScalingGroupName", "InstanceId"),
    "AWS::AutoScaling::LaunchConfiguration": (
        "AssociatePublicIpAddress",
        "BlockDeviceMappings",
        "ClassicLinkVPCId",
        "ClassicLinkVPCSecurityGroups",
        "EbsOptimized",
        "IamInstanceProfile",
        "ImageId",
        "InstanceId",
        "InstanceMonitoring",
        "InstanceType",
        "KernelId",
        "KeyName",
        "LaunchConfigurationName",
        "MetadataOptions",
        "PlacementTenancy",
        "RamDiskId",
        "SecurityGroups",
        "SpotPrice",
        "UserData",
    ),
    "AWS::CloudWatch::Alarm": ("AlarmName",),
    "AWS::CloudWatch::Dashboard": ("DashboardName",),
    "AWS::EC2::LaunchTemplate": ("LaunchTemplateName",),
    "AWS::EC2::SecurityGroup": ("GroupDescription", "GroupName", "VpcId"),
    "AWS::IAM::InstanceProfile": ("InstanceProfileName", "Path"),
    "AWS::IAM::Policy": (),
    "AWS::IAM::Role": ("Path", "RoleName"),
    "AWS::S3::Bucket": ("BucketName", "BucketNamePrefix", "BucketNamespace"),
    "AWS::SNS::Subscription": ("Endpoint", "Protocol", "TopicArn"),
    "AWS::SNS::Topic": ("FifoTopic", "TopicName"),
}
"""createOnlyProperties of each type's schema; a test compares them with the schemas that cfn-lint brings.

https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

CONDITIONALLY: dict[str, tuple[str, ...]] = {
    "AWS::AutoScaling::AutoScalingGroup": (
        "LaunchConfigurationName",
        "LaunchTemplate",
        "MixedInstancesPolicy",
        "VPCZoneIdentifier",
    ),
    "AWS::SNS::Subscription": ("Region",),
}
"""conditionalCreateOnlyProperties: for a group, what its UpdatePolicy makes of it."""

REQUIRED: dict[str, tuple[str, ...]] = {
    "AWS::AutoScaling::AutoScalingGroup": ("MaxSize", "MinSize"),
    "AWS::AutoScaling::LaunchConfiguration": ("ImageId", "InstanceType"),
    "AWS::CloudWatch::Dashboard": ("DashboardBody",),
    "AWS::EC2::LaunchTemplate": ("LaunchTemplateData",),
    "AWS::EC2::SecurityGroup": ("GroupDescription",),
    "AWS::IAM::InstanceProfile": ("Roles",),
    "AWS::IAM::Policy": ("PolicyDocument", "PolicyName"),
    "AWS::IAM::Role": ("AssumeRolePolicyDocument",),
    "AWS::SNS::Subscription": ("Protocol", "TopicArn"),
}
"""required of the same schemas."""

NAMES: dict[str, str] = {
    "AWS::AutoScaling::AutoScalingGroup": "AutoScalingGroupName",
    "AWS::AutoScaling::LaunchConfiguration": "LaunchConfigurationName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::Role": "RoleName",
    "AWS::S3::Bucket": "BucketName",
}
"""primaryIdentifier, where it is a name that a template may choose."""


def recreation(kind: str, name: str) -> str:
    """RequiresRecreation of a change of this property: Always, Conditionally or Never."""
    if name in ALWAYS.get(kind, ()):
        return "Always"
    return "Conditionally" if name in CONDITIONALLY.get(kind, ()) else "Never"
