# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The template that bin/datomic create-cf-template makes, but byte-stable and safe from the instance's shell.

What stands in it is the tool's: parameters with the properties as defaults, a launch configuration, a group. Three
things differ: the properties keep the file's order, a value with a character special to the shell or to Java is
escaped, and an instance type that the tool's mapping does not know is added to it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import DatomicError, Finding
from ..instance_memory import TOOL_MEMORY
from ..properties.file import Properties
from ..properties.keys import CF_DOCS, missing
from ..releases import versions

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

USER_DATA_LIMIT = 16384
"""Bytes of user data that EC2 takes, before Base64."""
USER_DATA_DOCS = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html"

FROM_METADATA = {
    "host": "host=`curl http://169.254.169.254/latest/meta-data/local-ipv4`",
    "alt-host": "alt-host=`curl http://169.254.169.254/latest/meta-data/public-ipv4`",
}
"""The properties that each instance learns from its metadata, so that the file's values are left out."""

PLAIN_WORDS = ("datomic-version", "datomic-deploy-s3-bucket")
"""Exported as they are, and parts of an S3 path: other characters than PLAIN would break both."""

JAVA_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}
JAVA_KEY_ESCAPES = {char: "\\" + char for char in " =:"}
JAVA_COMMENTS = ("#", "!")
"""Make a comment of a line that they begin."""

PLAIN = re.compile(r"[A-Za-z0-9._/-]+")
ONE_WORD = re.compile(r"""(?:[\w@%+=:,./-]|'[^']*'|"[^"$`\\]*")+""", re.ASCII)
"""Of the shell, which finds nothing in it to execute or to fill in."""


def required(transactor: Properties, cf: Properties) -> list[Finding]:
    """What has to have a value before the template can be made, beside what ensure-cf requires."""
    findings = [] if cf.has_value("java-xmx") else [missing(cf, "java-xmx")]
    for key in PLAIN_WORDS:
        if cf.has_value(key) and not PLAIN.fullmatch(cf.get(key)):
            what = "has characters that the instance's shell or an S3 path would not take"
            instead, why = "letters, digits, '.', '_', '-' and '/'", "the user data makes a path for the shell of it"
            findings.append(cf.finding(key, what, instead, rule="template-plain-word", reason=why, source=CF_DOCS))
    role = "aws-transactor-role"
    if role in transactor and not transactor.has_value(role):
        findings.append(missing(transactor, role))
    key = "aws-region"
    region = cf.get(key)
    if region and region not in IMAGES:
        what = f"Datomic published no image for {region}"
        instead = "use flavor modern, or one of " + ", ".join(sorted(IMAGES))
        why = "the template's mapping of regions to images has none for it"
        findings.append(
            cf.finding(key, what, instead, rule="template-region-without-image", reason=why, source=CF_DOCS)
        )
    return findings


def template(transactor: Properties, cf: Properties, architectures: Mapping[str, str]) -> dict[str, Any]:
    """The template. architectures: of instance types that the tool's mapping does not know, "64h" by type."""
    return {
        "Description": "Datomic Transactor Template",
        "Mappings": _mappings(architectures),
        "Parameters": _parameters(transactor, cf),
        "Resources": {"LaunchGroup": _launch_group(), "LaunchConfig": _launch_config(transactor)},
    }


def instance_type(template: Any) -> str:
    """The instance type of a legacy template; empty for any other template."""
    try:
        return str(template["Parameters"]["InstanceType"]["Default"]) if template["Resources"]["LaunchConfig"] else ""
    except (KeyError, TypeError):
        return ""


def _mappings(architectures: Mapping[str, str]) -> dict[str, Any]:
    by_type = dict.fromkeys(INSTANCE_TYPES, ARCHITECTURE) | dict(architectures)
    return {
        "AWSInstanceType2Arch": {name: {"Arch": by_type[name]} for name in sorted(by_type)},
        "AWSRegionArch2AMI": {region: {ARCHITECTURE: IMAGES[region]} for region in IMAGES},
    }


def _parameters(transactor: Properties, cf: Properties) -> dict[str, Any]:
    def text(default: str, description: str = "", **more: str) -> dict[str, str]:
        return ({"Description": description} if description else {}) | {"Type": "String", **more, "Default": default}

    parameters = {"InstanceType": text(cf.get("aws-instance-type"), "Type of EC2 instance to launch")}
    if _has_role(transactor):
        role = transactor.get("aws-transactor-role")
        parameters["InstanceProfile"] = text(role, "Preexisting IAM role / instance profile")
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


def _has_role(transactor: Properties) -> bool:
    return "aws-transactor-role" in transactor


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
    profile = {"IamInstanceProfile": {"Ref": "InstanceProfile"}} if _has_role(transactor) else {}
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
    """The here-document's lines, from which shell and Java make these values again, but for host and alt-host."""
    for key, value in values.items():
        if key not in FROM_METADATA:
            yield here_document_line(f"{java_key(key)}={java_value(value)}")


def user_data(template: Mapping[str, Any]) -> str:
    """The user data that CloudFormation makes of the template when every parameter keeps its default."""
    defaults = {name: parameter["Default"] for name, parameter in template["Parameters"].items()}

    def resolved(part: Any) -> str:
        if isinstance(part, str):
            return part
        if "Ref" in part:
            return str(defaults[part["Ref"]])
        separator, parts = part["Fn::Join"]
        return str(separator).join(resolved(each) for each in parts)

    return resolved(template["Resources"]["LaunchConfig"]["Properties"]["UserData"]["Fn::Base64"])


def old_java(cf: Properties) -> list[Finding]:
    """A warning for a release that needs a newer Java than the images had when they were published."""
    key, version = "datomic-version", cf.get("datomic-version")
    try:
        java = versions.java_minimum(version)
    except DatomicError:
        return []
    if java < 11:
        return []
    what = f"{version} needs Java {java}; this template's images were published in 2018, for Java 8"
    instead = "take the flavor modern (datomic_template_flavor) together with this release"
    return [cf.finding(key, what, instead, rule="template-old-java", severity="warning")]


def too_long(template: Mapping[str, Any], transactor: Properties) -> list[Finding]:
    """An error when EC2 would not take the user data."""
    size = len(user_data(template).encode())
    if size <= USER_DATA_LIMIT:
        return []
    what = f"the instance's user data would have {size} bytes, and EC2 takes {USER_DATA_LIMIT}"
    instead, why = "shorten or remove properties", "the properties stand in it, and no instance starts without it"
    return [
        Finding("user-data-size", what, file=transactor.path, reason=why, source=USER_DATA_DOCS, suggestion=instead)
    ]


def java_key(key: str) -> str:
    """The key as java.util.Properties reads it back."""
    text = "".join(JAVA_KEY_ESCAPES.get(char) or _java_character(char) for char in key)
    return "\\" + text if text.startswith(JAVA_COMMENTS) else text


def java_value(value: str) -> str:
    """The value as java.util.Properties reads it back, in whatever encoding the instance reads the file."""
    text = "".join(_java_character(char) for char in value)
    return "\\" + text if text.startswith(" ") else text


def _java_character(char: str) -> str:
    if char in JAVA_ESCAPES:
        return JAVA_ESCAPES[char]
    if " " <= char <= "~":
        return char
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i] << 8 | units[i + 1]:04x}" for i in range(0, len(units), 2))


def here_document_line(line: str) -> str:
    """The line as it has to stand in an unquoted here-document of sh to come out unchanged."""
    return re.sub(r"[\\$`]", r"\\\g<0>", line)


def shell_word(value: str) -> str:
    """The value as one word of the shell; one that its author has written as such stays as it is.

    java-opts is customarily written in single quotes, because of its blanks. Quotes may stand inside too, which the
    shell takes off. What it would split, execute or fill in is quoted, without double quotes around all of it.
    """
    if not value or ONE_WORD.fullmatch(value):
        return value
    quoted = re.fullmatch(r'"([^"]*)"', value)
    return shlex.quote(quoted[1] if quoted else value)
