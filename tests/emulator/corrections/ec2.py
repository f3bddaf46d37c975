# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""EC2 as AWS has it: security groups."""

from __future__ import annotations

import copy
import ipaddress
import re
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import (
    EC2ClientError,
    InvalidParameterValue,
    InvalidPermissionNotFoundError,
    InvalidSecurityGroupNotFoundError,
)
from moto.ec2.models import amis
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupBackend
from moto.ec2.responses.general import General
from moto.ec2.responses.instances import InstanceResponse
from moto.ec2.responses.security_groups import SecurityGroups

from tests.emulator import visibility
from tests.emulator.corrections.autoscaling_capacity import profile_exists
from tests.emulator.user_data import LONGEST_USER_DATA, raw

_NAME = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}")


def apply() -> None:
    _group_names()
    _all_or_no_rules()
    _revoked_rules()
    _visibility()
    _console_output()
    _user_data()
    _images()
    _new_profiles()


def _new_profiles() -> None:
    """A launch with a profile that EC2 does not know yet is refused, a dry run too; moto asks IAM itself.

    "Fix IAM instance profile eventual consistency error", the answer to a dry run,
    https://github.com/aws/karpenter-provider-aws/pull/7849
    """
    run = InstanceResponse.run_instances

    def run_instances(self: InstanceResponse) -> ActionResult:
        name = self._get_param("IamInstanceProfile.Name")
        name = name or str(self._get_param("IamInstanceProfile.Arn") or "").rpartition("/")[2]
        if name and not profile_exists(self.current_account, name):
            told = f"Value ({name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
            raise EC2ClientError("InvalidParameterValue", told)
        answer: ActionResult = run(self)
        return answer

    InstanceResponse.run_instances = run_instances


def _images() -> None:
    """Amazon's images without the 1,200 for ECS: nobody here asks for them, and every fresh account would load them."""
    load = amis.load_resource

    def load_resource(resource: str) -> Any:
        if resource.startswith("ec2/resources/ecs/"):
            raise FileNotFoundError(resource)  # moto's own word for a region without any
        return load(resource)

    amis.load_resource = load_resource


def _group_names() -> None:
    """Names have a form, and sg-… is none of them. moto takes any.

    "CreateSecurityGroup", GroupName,
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
    """
    create = SecurityGroupBackend.create_security_group

    def create_security_group(self: Any, name: str, description: str, *args: Any, **kwargs: Any) -> SecurityGroup:
        if name.startswith("sg-"):
            told = f"Invalid value '{name}' for groupName. Group names may not be in the format sg-*."
            raise InvalidParameterValue(told)
        for word, value in (("groupName", name), ("GroupDescription", description)):
            if not _NAME.fullmatch(value):
                raise InvalidParameterValue(
                    f"Value ({value}) for parameter {word} is invalid. Character sets beyond ASCII are not supported."
                )
        with visibility.everything():  # whether a name is taken is known at once
            group: SecurityGroup = create(self, name, description, *args, **kwargs)
        if not kwargs.get("is_default"):
            visibility.made("security_group", group.id)
        return group

    SecurityGroupBackend.create_security_group = create_security_group


def _all_or_no_rules() -> None:
    """A request with several permissions adds all of them or none, and returns all the rules; moto adds those before
    the one that fails, and returns the last permission's.

    "AuthorizeSecurityGroupIngress",
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html
    """

    def authorize_security_group_ingress(self: SecurityGroups) -> ActionResult:
        self.error_on_dryrun()
        before: tuple[SecurityGroup, list[Any]] | None = None
        added: list[Any] = []
        try:
            for kwargs in self._process_rules_from_querystring():
                for cidr in kwargs["ip_ranges"]:
                    _check_cidr(cidr.get("CidrIp") or cidr.get("CidrIpv6") or "")
                name = kwargs["group_name_or_id"]
                group = self.ec2_backend.get_security_group_by_name_or_id(name)
                if group is not None and before is None:
                    before = group, copy.copy(group.ingress_rules)
                rules, _group = self.ec2_backend.authorize_security_group_ingress(**kwargs)
                added += rules
        except Exception:
            if before is not None:
                before[0].ingress_rules[:] = before[1]
            raise
        return ActionResult({"Return": True, "SecurityGroupRules": added})

    SecurityGroups.authorize_security_group_ingress = authorize_security_group_ingress


def _revoked_rules() -> None:
    """Of a group outside of a default VPC either all of the rules go or, when one is unknown, none; in a default VPC
    the unknown ones are returned, and that is no error. moto stops in the middle with an error.

    "RevokeSecurityGroupIngress",
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html
    """

    def revoke_security_group_ingress(self: SecurityGroups) -> ActionResult:
        self.error_on_dryrun()
        unknown: list[str] = []
        before: list[Any] = []
        sent = self._get_param("IpPermissions", [])
        for number, kwargs in enumerate(self._process_rules_from_querystring()):
            del kwargs["sgrule_tags"]
            group = self.ec2_backend.get_security_group_by_name_or_id(kwargs["group_name_or_id"])
            if group is not None and not before:
                before = [(group, copy.copy(group.ingress_rules))]
            try:
                self.ec2_backend.revoke_security_group_ingress(**kwargs)
            except InvalidPermissionNotFoundError:
                if group is None or not self.ec2_backend.vpcs[group.vpc_id].is_default:
                    for changed, rules in before:
                        changed.ingress_rules[:] = rules
                    raise
                unknown += sent[number : number + 1]
        return ActionResult({"Return": not unknown, "UnknownIpPermissions": unknown})

    SecurityGroups.revoke_security_group_ingress = revoke_security_group_ingress


def _check_cidr(cidr: str) -> None:
    try:
        ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        raise InvalidParameterValue(f"CIDR block {cidr} is malformed") from None


def _visibility() -> None:
    """A group made just now may not be found yet.

    "Eventual consistency in the Amazon EC2 API",
    https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
    """
    by_id = SecurityGroupBackend.get_security_group_from_id
    by_name = SecurityGroupBackend.get_security_group_by_name_or_id
    describe = SecurityGroupBackend.describe_security_groups

    def seen(group: SecurityGroup | None) -> SecurityGroup | None:
        return None if group is not None and visibility.hidden("security_group", group.id) else group

    def describe_security_groups(
        self: Any, group_ids: list[str] | None = None, groupnames: list[str] | None = None, filters: Any = None
    ) -> list[SecurityGroup]:
        for name in groupnames or []:
            if not any(name == group.name for group in describe(self)):
                raise InvalidSecurityGroupNotFoundError(name)
        found: list[SecurityGroup] = describe(self, group_ids, groupnames, filters)
        hidden = [group for group in found if seen(group) is None]
        if hidden and (group_ids or groupnames):
            raise InvalidSecurityGroupNotFoundError(hidden[0].id if group_ids else hidden[0].name)
        return [group for group in found if group not in hidden]

    SecurityGroupBackend.get_security_group_from_id = lambda self, *args, **kwargs: seen(by_id(self, *args, **kwargs))
    SecurityGroupBackend.get_security_group_by_name_or_id = lambda self, *args, **kwargs: seen(
        by_name(self, *args, **kwargs)
    )
    SecurityGroupBackend.describe_security_groups = describe_security_groups


def _user_data() -> None:
    """A launch template's user data has at most 16384 bytes.

    "Run commands when you launch an EC2 instance with user data input",
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
    """
    make = LaunchTemplate.create_version

    def create_version(self: LaunchTemplate, data: dict[str, Any], description: str) -> Any:
        if len(raw(data.get("UserData"))) > LONGEST_USER_DATA:
            raise EC2ClientError("InvalidUserData.Malformed", "User data is limited to 16384 bytes")
        return make(self, data, description)

    LaunchTemplate.create_version = create_version


def _console_output() -> None:
    """The console shows what the instance's transactor said; moto shows the same text for every instance.

    "GetConsoleOutput", https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html
    """
    get = General.get_console_output

    def get_console_output(self: General) -> ActionResult:
        from moto.core.types import Base64EncodedString

        from tests.emulator.transactors import FLEET

        answer: ActionResult = get(self)
        instance_id = self._get_param("InstanceId")
        lines = next((one.log for one in FLEET.transactors if one.instance.instance_id == instance_id), None)
        if lines is None or not isinstance(answer.result, dict):
            return answer
        return ActionResult({**answer.result, "Output": Base64EncodedString.from_raw_string("\n".join(lines) + "\n")})

    General.get_console_output = get_console_output
