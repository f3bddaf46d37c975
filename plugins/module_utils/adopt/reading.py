# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stack by its template and parameters: how instances are launched, and what their user data sets. Pure."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from ..steps.stack import document
from ..steps.stack.changes import KEYS, Parameter
from ..steps.stack.document import UserData
from ..steps.stack.failures import GROUP_TYPE

EXPORTS = {
    "java-xmx": "XMX",
    "java-opts": "JAVA_OPTS",
    "datomic-deploy-s3-bucket": "DATOMIC_DEPLOY_BUCKET",
    "datomic-version": "DATOMIC_VERSION",
}
"""The variables of bin/datomic's user data, by property."""
_EXPORT = re.compile(r"^(?:export )?([A-Z_]+)=(.*)$", re.MULTILINE)
_HERE_DOCUMENT_QUOTED = re.compile(r"(?i)(?=.*properties)cat\b.*<<-?\s*['\"].*")
_EXPANDED = re.compile(r"(?<!\\)(?:\\\\)*[$`]")
MARK = "\0"
"""In a text whose value CloudFormation alone knows."""


@dataclasses.dataclass(frozen=True)
class Unknown:
    """What the files cannot say. key: the property, the variable or the resource."""

    key: str
    why: str
    suggestion: str


@dataclasses.dataclass(frozen=True)
class Reading:
    """A stack. launch, group: the properties of its instances and of their group. values: of the parameters.

    logical_id: of the group, empty without one. data: of the user data; empty if it has no properties. script: the
    user data with the values of the parameters.
    """

    name: str
    status: str
    region: str
    account: str
    template: Mapping[str, Any] = dataclasses.field(repr=False)
    parameters: Mapping[str, Parameter] = dataclasses.field(repr=False)
    tags: Mapping[str, str]
    launch: Mapping[str, Any] = dataclasses.field(repr=False)
    group: Mapping[str, Any]
    logical_id: str
    values: Mapping[str, str] = dataclasses.field(repr=False)
    data: UserData = dataclasses.field(repr=False)
    script: str = dataclasses.field(repr=False)

    @classmethod
    def of(
        cls,
        name: str,
        status: str,
        template: Any,
        parameters: Mapping[str, Parameter],
        tags: Mapping[str, str],
        *,
        region: str,
        account: str = "",
    ) -> Reading:
        """template: as CloudFormation returns it. parameters: those of the stack, with their values."""
        parsed = document.parsed(template)
        declared = document.mapping(parsed.get("Parameters"))
        readable = {
            key: one.value
            for key, one in parameters.items()
            if str(document.mapping(declared.get(key)).get("NoEcho", "")).lower() != "true"
        }
        values = {**readable, "AWS::Region": region, "AWS::StackName": name, "AWS::AccountId": account}
        resources = document.mapping(parsed.get("Resources"))
        launch = document.launch(resources)[0]
        logical_id = _group_id(resources)
        group = document.mapping(document.mapping(resources.get(logical_id)).get("Properties"))
        script = _script(launch.get("UserData"), values)
        data = document.read_script(script)
        return cls(
            name, status, region, account, parsed, parameters, tags, launch, group, logical_id, values, data, script
        )

    @property
    def flavor(self) -> str:
        """As aws.stack.Stack.flavor: what plan_system takes the stack for."""
        if self.logical_id != document.LAUNCH_GROUP:
            return ""
        return document.flavor(self.group)

    def cf_value(self, key: str) -> str | None:
        """The value of a property of the CloudFormation file, None if it is not known.

        From the parameter that the templates have for it, from what instances are launched with, or from user data.
        """
        for name, known in KEYS.items():
            if known == key and name in self.values:
                return self.values[name]
        if key in EXPORTS:
            found = dict(_EXPORT.findall(self.script)).get(EXPORTS[key])
            return None if found is None or MARK in found else found
        return self.text(self._launched(key))

    def _launched(self, key: str) -> Any:
        launch = self.launch
        if key == "aws-instance-type":
            return launch.get("InstanceType")
        if key == "aws-security-group":
            return launch.get("SecurityGroups", launch.get("SecurityGroupIds"))
        if key == "aws-autoscaling-group-size":
            return self.group.get("DesiredCapacity", self.group.get("MaxSize"))
        if key == "aws-instance-monitoring":
            # By default a launch configuration turns it on, a launch template does not:
            # https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateLaunchConfiguration.html
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-ec2-launchtemplate-monitoring.html
            resources = document.mapping(self.template.get("Resources"))
            default = (
                document.mapping(resources.get(document.launch(resources)[1])).get("Type") != document.LAUNCH_TEMPLATE
            )
            monitoring = document.mapping(launch.get("Monitoring"))
            return launch.get("InstanceMonitoring", monitoring.get("Enabled", default))
        return None

    @property
    def profile(self) -> str | None:
        """The name of the instance profile; empty without one, None if it is not known."""
        if "InstanceProfile" in self.values:
            return self.values["InstanceProfile"]
        given = self.launch.get("IamInstanceProfile", "")
        node = document.mapping(given)
        found = self.text(node.get("Name", node.get("Arn", given)))
        return None if found is None else found.rpartition("/")[2]

    def text(self, node: Any) -> str | None:
        """The text of a part of the template; of a list, with commas between. None if it is not known."""
        if isinstance(node, bool | int):
            return str(node).lower()
        if isinstance(node, list):
            texts = [self.text(one) for one in node]
            return None if None in texts else ",".join(text or "" for text in texts)
        found = None if node is None else document.text(node, self.values)
        return None if found is None or MARK in found else found

    def is_expanded(self, key: str) -> bool:
        """Whether the shell of the instance makes the property's value."""
        quoted = any(_HERE_DOCUMENT_QUOTED.fullmatch(line) for line in self.data.script)
        return not quoted and bool(_EXPANDED.search(self.data.lines.get(key, "")))


def _group_id(resources: Mapping[str, Any]) -> str:
    """LaunchGroup, or else the only group; empty without one."""
    groups = [name for name, one in resources.items() if document.mapping(one).get("Type") == GROUP_TYPE]
    if document.LAUNCH_GROUP in groups:
        return document.LAUNCH_GROUP
    return groups[0] if len(groups) == 1 else ""


def _script(node: Any, values: Mapping[str, str]) -> str:
    """The user data, also if the template has it in Base64."""
    if isinstance(node, Mapping) and set(node) == {"Fn::Base64"}:
        return document.text(node["Fn::Base64"], values)
    text = document.text(node, values) if node else ""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return text
