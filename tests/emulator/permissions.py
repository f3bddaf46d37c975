# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which IAM actions a call needs: what a least-privilege policy is tested against.

Source: "Actions, resources, and condition keys for AWS services" in the Service Authorization Reference,
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import json
from typing import Any

_OTHER_NAMES = {
    ("s3", "ListBuckets"): "ListAllMyBuckets",
    ("s3", "HeadBucket"): "ListBucket",
    ("s3", "ListObjects"): "ListBucket",
    ("s3", "ListObjectsV2"): "ListBucket",
    ("s3", "ListObjectVersions"): "ListBucketVersions",
    ("s3", "HeadObject"): "GetObject",
    ("s3", "DeleteObjects"): "DeleteObject",
    ("s3", "GetBucketEncryption"): "GetEncryptionConfiguration",
    ("s3", "PutBucketEncryption"): "PutEncryptionConfiguration",
    ("s3", "DeleteBucketEncryption"): "PutEncryptionConfiguration",
    ("s3", "GetPublicAccessBlock"): "GetBucketPublicAccessBlock",
    ("s3", "PutPublicAccessBlock"): "PutBucketPublicAccessBlock",
    ("s3", "DeletePublicAccessBlock"): "PutBucketPublicAccessBlock",
    ("s3", "GetBucketLifecycleConfiguration"): "GetLifecycleConfiguration",
    ("s3", "PutBucketLifecycleConfiguration"): "PutLifecycleConfiguration",
    ("s3", "DeleteBucketLifecycle"): "PutLifecycleConfiguration",
    ("s3", "DeleteBucketTagging"): "PutBucketTagging",
    ("s3", "GetBucketOwnershipControls"): "GetBucketOwnershipControls",
}
"""Operations whose permission is not called like them."""

_TAGGING = {
    ("iam", "CreateRole"): "iam:TagRole",
    ("iam", "CreateUser"): "iam:TagUser",
    ("iam", "CreateInstanceProfile"): "iam:TagInstanceProfile",
    ("iam", "CreatePolicy"): "iam:TagPolicy",
    ("dynamodb", "CreateTable"): "dynamodb:TagResource",
    ("ssm", "PutParameter"): "ssm:AddTagsToResource",
    ("application-autoscaling", "RegisterScalableTarget"): "application-autoscaling:TagResource",
}
"""What a create with Tags needs besides."""

_BESIDES = {
    ("application-autoscaling", "RegisterScalableTarget"): (
        "dynamodb:DescribeTable",
        "dynamodb:UpdateTable",
        "iam:CreateServiceLinkedRole",
    ),
    ("application-autoscaling", "PutScalingPolicy"): (
        "cloudwatch:DescribeAlarms",
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:DeleteAlarms",
    ),
}
"""What a service does with the caller's rights, for tables.

"Identity-based policy examples for Application Auto Scaling",
https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_id-based-policy-examples.html
"""

_PASSING = frozenset(
    (
        ("iam", "AddRoleToInstanceProfile"),
        ("autoscaling", "CreateLaunchConfiguration"),
        ("ec2", "RunInstances"),
        ("cloudformation", "CreateStack"),
        ("cloudformation", "UpdateStack"),
        ("cloudformation", "CreateChangeSet"),
    )
)
_PASSED = ("RoleName", "IamInstanceProfile", "RoleARN")


def permissions(service: str, operation: str, params: dict[str, Any], status: int = 0) -> tuple[str, ...]:
    """The IAM actions, the operation's own first; none for what needs no permission. status: what was answered."""
    if (service, operation) == ("sts", "GetCallerIdentity"):
        return ()
    own = f"{service}:{_OTHER_NAMES.get((service, operation), operation)}"
    needed = [own]
    if params.get("Tags") and (tagging := _TAGGING.get((service, operation))):
        needed.append(tagging)
    if (service, operation) == ("s3", "CreateBucket") and (params.get("CreateBucketConfiguration") or {}).get("Tags"):
        needed.append("s3:TagResource")
    needed += _BESIDES.get((service, operation), ())
    if (service, operation) in _OF_KEYS and status == 404:
        needed.append("s3:ListBucket")
    if service == "ec2" and params.get("TagSpecifications"):
        needed.append("ec2:CreateTags")
    if str(params.get("ImageId")).startswith("resolve:ssm:"):
        needed.append("ssm:GetParameters")
    if (service, operation) in _PASSING and any(params.get(name) for name in _PASSED):
        needed.append("iam:PassRole")
    if service == "cloudformation" and operation in _STACK_VERBS and not params.get("RoleARN"):
        needed += sorted(_behind_stack(params.get("TemplateBody") or "{}", _STACK_VERBS[operation]))
    return tuple(needed)


_OF_KEYS = frozenset((("s3", "GetObject"), ("s3", "HeadObject")))
"""Of a key that is not there S3 says 404 to those who may list the bucket, and 403 to all others.

"GetObject", Permissions, https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
"""

_STACK_VERBS = {"CreateStack": ("create", "delete"), "UpdateStack": ("create", "update", "delete")}
"""A creation that fails is rolled back, and an update may replace a resource: both take the deletion too."""

_HANDLERS: dict[str, dict[str, tuple[str, ...]]] = {
    "AWS::AutoScaling::LaunchConfiguration": {
        "create": ("autoscaling:CreateLaunchConfiguration", "autoscaling:DescribeLaunchConfigurations"),
        "delete": ("autoscaling:DeleteLaunchConfiguration",),
    },
    "AWS::AutoScaling::AutoScalingGroup": {
        "create": (
            "autoscaling:CreateAutoScalingGroup",
            "autoscaling:CreateOrUpdateTags",
            "autoscaling:DescribeAutoScalingGroups",
            "autoscaling:DescribeScalingActivities",
            "autoscaling:UpdateAutoScalingGroup",
            "iam:CreateServiceLinkedRole",
        ),
        "update": ("autoscaling:DeleteTags",),
        "delete": ("autoscaling:DeleteAutoScalingGroup",),
    },
    "AWS::EC2::LaunchTemplate": {
        "create": ("ec2:CreateLaunchTemplate", "ec2:CreateTags", "ec2:DescribeLaunchTemplates"),
        "update": ("ec2:CreateLaunchTemplateVersion", "ec2:DeleteTags"),
        "delete": ("ec2:DeleteLaunchTemplate", "ec2:DeleteTags"),
    },
    "AWS::CloudWatch::Alarm": {
        "create": (
            "cloudwatch:DescribeAlarms",
            "cloudwatch:ListTagsForResource",
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:TagResource",
        ),
        "update": ("cloudwatch:UntagResource",),
        "delete": ("cloudwatch:DeleteAlarms",),
    },
    "AWS::CloudWatch::Dashboard": {
        "create": (
            "cloudwatch:GetDashboard",
            "cloudwatch:ListTagsForResource",
            "cloudwatch:PutDashboard",
            "cloudwatch:TagResource",
        ),
        "update": ("cloudwatch:UntagResource",),
        "delete": ("cloudwatch:DeleteDashboards",),
    },
    "AWS::IAM::Policy": {
        "create": ("iam:GetRolePolicy", "iam:PutRolePolicy"),
        "delete": ("iam:DeleteRolePolicy",),
    },
    "AWS::SNS::Topic": {
        "create": (
            "sns:CreateTopic",
            "sns:GetDataProtectionPolicy",
            "sns:GetTopicAttributes",
            "sns:ListSubscriptionsByTopic",
            "sns:ListTagsForResource",
            "sns:Subscribe",
            "sns:TagResource",
        ),
        "update": ("sns:SetTopicAttributes", "sns:Unsubscribe", "sns:UntagResource"),
        "delete": ("sns:DeleteTopic",),
    },
}
"""What CloudFormation does to resources with the rights of the stack's caller, of the types in our templates.

"CloudFormation access control with IAM", https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/control-access-with-iam.html,
and the permissions of the handlers in each resource type's schema, of which "read" runs with each of the others,
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-type-schemas.html. Left out are those for
properties that no template of ours has; for some properties see _OF_PROPERTIES.
"""

_OF_PROPERTIES: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {
    ("AWS::AutoScaling::AutoScalingGroup", "NotificationConfigurations"): {
        "create": ("autoscaling:DescribeNotificationConfigurations", "autoscaling:PutNotificationConfiguration"),
        "update": ("autoscaling:DeleteNotificationConfiguration",),
    },
    ("AWS::AutoScaling::AutoScalingGroup", "LaunchTemplate"): {
        "create": ("ec2:DescribeLaunchTemplateVersions", "ec2:RunInstances"),
    },
    ("AWS::AutoScaling::AutoScalingGroup", "VPCZoneIdentifier"): {"create": ("ec2:DescribeSubnets",)},
}
"""What a handler needs for one property. https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-launch-template-permissions.html"""


def _behind_stack(body: str, verbs: tuple[str, ...]) -> set[str]:
    """For a template in JSON; a YAML one is not looked into."""
    try:
        template = json.loads(body)
    except ValueError:
        return set()
    needed: set[str] = set()
    for resource in template.get("Resources", {}).values():
        kind = resource.get("Type", "")
        handlers = [_HANDLERS.get(kind, {})]
        handlers += [_OF_PROPERTIES.get((kind, name), {}) for name in resource.get("Properties", {})]
        needed.update(action for handler in handlers for verb in verbs for action in handler.get(verb, ()))
    text = json.dumps(template)
    for part, action in (
        ('"IamInstanceProfile"', "iam:PassRole"),
        ('"Fn::GetAZs"', "ec2:DescribeAvailabilityZones"),
        ("AWS::SSM::Parameter", "ssm:GetParameters"),
    ):
        if part in text:
            needed.add(action)
    return needed
