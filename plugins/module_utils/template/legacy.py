# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The template that bin/datomic create-cf-template makes, but the same bytes each time and safe from the shell.

It has parameters with the properties as defaults, a launch configuration and a group. Three things differ from the
tool's: properties keep the file's order, characters special to the shell or to Java are escaped, and an instance type
that the tool's mapping lacks is added to it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import DatomicError, Finding, Refused
from ..instance_memory import TOOL_MEMORY
from ..properties.file import Properties
from ..properties.keys import CF_DOCS, missing
from ..releases import versions
from ..steps.ingress import InstanceType
from ..steps.security_group import TYPES_DOCS, unknown_instance_type
from .options import Options
from .user_data import java_key, java_value

TYPE, REGION, ROLE = "aws-instance-type", "aws-region", "aws-transactor-role"
ARCHITECTURE = "64h"
"""The only architecture of the mapping: x86_64 with hardware virtualisation (HVM)."""

PARAVIRTUAL = ("c1.", "hi1.", "m1.", "m2.", "t1.")
"""The families of TOOL_MEMORY that the mapping AWSInstanceType2Arch lacks."""

INSTANCE_TYPES = frozenset(name for name in TOOL_MEMORY if not name.startswith(PARAVIRTUAL))
"""The types of the mapping AWSInstanceType2Arch, all of ARCHITECTURE.

Source: datomic/aws/instance-arch.edn in the library com.datomic:peer 1.0.7277; 1.0.7622 has the same.
"""

IMAGES: Mapping[str, str] = {
    "ap-northeast-1": "ami-02cfc578dd3c736d8",
    "ap-northeast-2": "ami-0fc94e615e498777a",
    "ap-northeast-3": "ami-04b36b427cfeb39da",
    "ap-south-1": "ami-0880ed4ca561f766b",
    "ap-southeast-1": "ami-09d2626efdb7fe4f1",
    "ap-southeast-2": "ami-0c18d3c76beaea91e",
    "ca-central-1": "ami-0bbae7e940cd16f6f",
    "eu-central-1": "ami-07395e00f40621d00",
    "eu-north-1": "ami-020cee14955361498",
    "eu-west-1": "ami-058fa8259c0da5275",
    "eu-west-2": "ami-02b580b921fd0d8b8",
    "eu-west-3": "ami-03ca3b1c44e04ee71",
    "sa-east-1": "ami-0f3b161a2cec0a615",
    "us-east-1": "ami-08170de87c7863313",
    "us-east-2": "ami-0e72b2b84fc10f2f8",
    "us-west-1": "ami-0f692fcd7d5a48596",
    "us-west-2": "ami-08a0e4c4f3f3646ac",
}
"""The image of ARCHITECTURE by region, published in 2018. Source: region-arch-ami.edn in the same libraries."""

FROM_METADATA = {
    "host": "host=`curl http://169.254.169.254/latest/meta-data/local-ipv4`",
    "alt-host": "alt-host=`curl http://169.254.169.254/latest/meta-data/public-ipv4`",
}
"""The properties that each instance reads from its metadata, in place of the file's values."""

PLAIN_WORDS = ("datomic-version", "datomic-deploy-s3-bucket")
"""Exported unquoted, and parts of an S3 path: characters other than PLAIN would break both."""

PLAIN = re.compile(r"[A-Za-z0-9._/-]+")
ONE_WORD = re.compile(r"""(?:[\w@%+=:,./-]|'[^']*'|"[^"$`\\]*")+""", re.ASCII)
"""One word of the shell, with nothing to execute or to expand."""


def required(transactor: Properties, cf: Properties, options: Options) -> list[Finding]:
    """What keeps the template from being made, as far as it is known without AWS."""
    findings = [] if cf.has_value("java-xmx") else [missing(cf, "java-xmx")]
    for key in PLAIN_WORDS:
        if cf.has_value(key) and not PLAIN.fullmatch(cf.get(key)):
            message = "has characters that the instance's shell or an S3 path would not take"
            suggestion, reason = "letters, digits, '.', '_', '-' and '/'", "the user data puts it into a path"
            findings.append(
                cf.finding(key, message, suggestion, rule="template-plain-word", reason=reason, source=CF_DOCS)
            )
    if ROLE in transactor and not transactor.has_value(ROLE):
        findings.append(missing(transactor, ROLE))
    region = cf.get(REGION)
    if region and region not in IMAGES:
        message = f"Datomic published no image for {region}"
        suggestion = "use flavor modern, or one of " + ", ".join(sorted(IMAGES))
        findings.append(cf.finding(REGION, message, suggestion, rule="template-region-without-image", source=CF_DOCS))
    if options.secrets:
        # A transactor that starts without its password is worse than no template.
        message = (
            f"{', '.join(sorted(options.secrets))}: transactors of the legacy template do not read the Parameter Store"
        )
        suggestion = "take the flavor modern (datomic_template_flavor), or leave the secrets out (datomic_secrets)"
        findings.append(Finding("secrets-need-modern", message, key="modern.secrets", suggestion=suggestion))
    return findings


def unmapped_type(cf: Properties) -> str:
    """The instance type when the tool's mapping lacks it; empty when it has it, or when the file is wrong anyway."""
    name = cf.get(TYPE)
    return name if name not in INSTANCE_TYPES and cf.get(REGION) in IMAGES else ""


def judge_type(cf: Properties, kind: InstanceType | None) -> list[Finding]:
    """What is wrong with an instance type that the tool's mapping lacks. kind: as EC2 describes it."""
    if kind is None:
        return [unknown_instance_type(cf)]
    if "x86_64" not in kind.architectures:
        message = (
            f"{kind.name} is of architecture {', '.join(kind.architectures)}, for which Datomic published no image"
        )
        suggestion, reason = "use flavor modern, or an x86_64 type", "an image starts on its own architecture only"
        return [cf.finding(TYPE, message, suggestion, rule="template-architecture", reason=reason, source=TYPES_DOCS)]
    message = f"{kind.name} is newer than the images of this template, which may lack the drivers to start on it"
    suggestion, reason = "flavor modern takes a current image", "Datomic does not update its images"
    rule: Refused = "template-old-image"
    return [cf.finding(TYPE, message, suggestion, rule=rule, severity="warning", reason=reason, source=TYPES_DOCS)]


def template(transactor: Properties, cf: Properties, unmapped: str = "") -> dict[str, Any]:
    """The template. unmapped: an instance type that the tool's mapping lacks."""
    return {
        "Description": "Datomic Transactor Template",
        "Mappings": _mappings(unmapped),
        "Parameters": _parameters(transactor, cf),
        "Resources": {"LaunchGroup": _launch_group(), "LaunchConfig": _launch_config(transactor)},
    }


def instance_type(template: Any) -> str:
    """The instance type of a legacy template; empty for any other template."""
    try:
        return str(template["Parameters"]["InstanceType"]["Default"]) if template["Resources"]["LaunchConfig"] else ""
    except (KeyError, TypeError):
        return ""


def _mappings(unmapped: str) -> dict[str, Any]:
    names = sorted(INSTANCE_TYPES | ({unmapped} if unmapped else set()))
    return {
        "AWSInstanceType2Arch": {name: {"Arch": ARCHITECTURE} for name in names},
        "AWSRegionArch2AMI": {region: {ARCHITECTURE: IMAGES[region]} for region in IMAGES},
    }


def _parameters(transactor: Properties, cf: Properties) -> dict[str, Any]:
    def text(default: str, description: str = "", **more: str) -> dict[str, str]:
        return ({"Description": description} if description else {}) | {"Type": "String", **more, "Default": default}

    parameters = {"InstanceType": text(cf.get("aws-instance-type"), "Type of EC2 instance to launch")}
    if ROLE in transactor:
        parameters["InstanceProfile"] = text(transactor.get(ROLE), "Preexisting IAM role / instance profile")
    return parameters | {
        "Xmx": text(cf.get("java-xmx"), "Xmx setting for the JVM", AllowedPattern="\\d+[GgMm]"),
        "GroupSize": text(cf.get("aws-autoscaling-group-size"), "Size of machine group"),
        "InstanceMonitoring": text(cf.get("aws-instance-monitoring"), "Detailed monitoring for store instances?"),
        "JavaOpts": text(shell_word(cf.get("java-opts")), "Options passed to Java launcher"),
        "SecurityGroups": {
            "Description": "Preexisting security groups.",
            "Type": "CommaDelimitedList",
            "Default": cf.get("aws-security-group"),
        },
        "DatomicDeployBucket": text(cf.get("datomic-deploy-s3-bucket")),
        "DatomicVersion": text(cf.get("datomic-version")),
    }


def _launch_group() -> dict[str, Any]:
    return {
        "Type": "AWS::AutoScaling::AutoScalingGroup",
        "Properties": {
            "MinSize": {"Ref": "GroupSize"},
            "MaxSize": {"Ref": "GroupSize"},
            "Tags": [{"Key": "Name", "Value": {"Ref": "AWS::StackName"}, "PropagateAtLaunch": "true"}],
            "AvailabilityZones": {"Fn::GetAZs": ""},
            "LaunchConfigurationName": {"Ref": "LaunchConfig"},
        },
    }


def _launch_config(transactor: Properties) -> dict[str, Any]:
    architecture = {"Fn::FindInMap": ["AWSInstanceType2Arch", {"Ref": "InstanceType"}, "Arch"]}
    profile = {"IamInstanceProfile": {"Ref": "InstanceProfile"}} if ROLE in transactor else {}
    return {
        "Type": "AWS::AutoScaling::LaunchConfiguration",
        "Properties": {
            "ImageId": {"Fn::FindInMap": ["AWSRegionArch2AMI", {"Ref": "AWS::Region"}, architecture]},
            "UserData": {"Fn::Base64": {"Fn::Join": ["\n", _user_data(transactor)]}},
            "InstanceType": {"Ref": "InstanceType"},
            "InstanceMonitoring": {"Ref": "InstanceMonitoring"},
            "SecurityGroups": {"Ref": "SecurityGroups"},
            **profile,
            "BlockDeviceMappings": [{"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"}],
        },
    }


def _user_data(transactor: Properties) -> list[Any]:
    def export(name: str, parameter: str) -> dict[str, Any]:
        return {"Fn::Join": ["=", [f"export {name}", {"Ref": parameter}]]}

    return [
        "exec > >(tee /var/log/user-data.log|logger -t user-data -s 2>/dev/console) 2>&1",
        export("XMX", "Xmx"),
        export("JAVA_OPTS", "JavaOpts"),
        export("DATOMIC_DEPLOY_BUCKET", "DatomicDeployBucket"),
        export("DATOMIC_VERSION", "DatomicVersion"),
        "cd /datomic",
        "cat <<EOF >aws.properties",
        *FROM_METADATA.values(),
        "\n".join(property_lines(transactor.as_dict())),
        "EOF",
        "chmod 744 aws.properties",
        'AWS_ACCESS_KEY_ID="${DATOMIC_READ_DEPLOY_ACCESS_KEY_ID}" '
        'AWS_SECRET_ACCESS_KEY="${DATOMIC_READ_DEPLOY_AWS_SECRET_KEY}" '
        'aws s3 cp "s3://${DATOMIC_DEPLOY_BUCKET}/${DATOMIC_VERSION}/startup.sh" startup.sh',
        "chmod 500 startup.sh",
        "./startup.sh",
    ]


def property_lines(values: Mapping[str, str]) -> Iterator[str]:
    """The lines of the here-document. Shell and Java turn them back into these values. Without host and alt-host."""
    for key, value in values.items():
        if key not in FROM_METADATA:
            yield here_document_line(f"{java_key(key)}={java_value(value)}")


def old_java(cf: Properties) -> list[Finding]:
    """A warning for a release that needs a newer Java than the images had when they were published."""
    key, version = "datomic-version", cf.get("datomic-version")
    try:
        java = versions.java_minimum(version)
    except DatomicError:
        return []
    if java < 11:
        return []
    message = f"{version} needs Java {java}; this template's images were published in 2018, for Java 8"
    suggestion = "take the flavor modern (datomic_template_flavor) together with this release"
    return [cf.finding(key, message, suggestion, rule="template-old-java", severity="warning")]


def here_document_line(line: str) -> str:
    """The line for an unquoted here-document of sh, which leaves it unchanged."""
    return re.sub(r"[\\$`]", r"\\\g<0>", line)


def shell_word(value: str) -> str:
    """The value as one word of the shell. A value that is one already stays as it is.

    By custom, java-opts has single quotes around it because of its blanks, or quotes inside, which the shell removes.
    A value that the shell would split, execute or expand is quoted, after double quotes around all of it are removed.
    """
    if not value or ONE_WORD.fullmatch(value):
        return value
    quoted = re.fullmatch(r'"([^"]*)"', value)
    return shlex.quote(quoted[1] if quoted else value)
