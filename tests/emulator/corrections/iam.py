# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IAM as AWS has it: names, policies without a version, pages, and things that take a while to be seen."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

from moto.core.responses import ActionResult
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.exceptions import MalformedPolicyDocument, NotFoundException, ValidationError
from moto.iam.models import AWSManagedPolicy, IAMBackend
from moto.iam.policy_validation import BaseIAMPolicyValidator
from moto.iam.responses import IamResponse

from tests.emulator import visibility

PAGE = 100
OLD_VERSION = "2008-10-17"


def apply() -> None:
    _policy_without_version()
    _names()
    _pages()
    _visibility()
    _boundaries_of_users()
    _managed_policies()
    _partitions()


def _partitions() -> None:
    """A policy names resources of its own partition only; moto takes any.

    AWS's words: https://github.com/aws/copilot-cli/issues/2563 (aws-us-gov),
    https://github.com/kubernetes-sigs/aws-load-balancer-controller/issues/1557 (aws-cn)
    """
    for operation in ("put_role_policy", "put_user_policy", "create_policy"):
        setattr(IamResponse, operation, _of_partition(getattr(IamResponse, operation)))


def _of_partition(run: Any) -> Any:
    def check_and_run(self: IamResponse) -> Any:
        for arn, partition in re.findall(r'"(arn:([a-z-]+):[^"]*)"', self._get_param("PolicyDocument") or ""):
            if partition != self.partition:
                told = f'Partition "{partition}" is not valid for resource "{arn}".'
                raise MalformedPolicyDocument(told)
        return run(self)

    return check_and_run


def _policy_without_version() -> None:
    """A policy document may leave out Version, which then means 2008-10-17, or give that one; moto refuses both.

    "IAM JSON policy elements: Version",
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
    """
    validate = BaseIAMPolicyValidator._validate_version

    def validate_version(self: BaseIAMPolicyValidator) -> None:
        if self._policy_json.get("Version", OLD_VERSION) != OLD_VERSION:
            validate(self)

    BaseIAMPolicyValidator._validate_version = validate_version


_NAMES = {"create_role": ("roleName", 64), "create_user": ("userName", 64), "create_instance_profile": ("name", 128)}


def _names() -> None:
    """Names of roles, users and profiles have a form and a length; moto takes any.

    "IAM and AWS STS quotas: IAM name requirements",
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """

    def checked(operation: str, parameter: str, longest: int) -> Any:
        make = getattr(IamResponse, operation)
        sent = {"create_role": "RoleName", "create_user": "UserName"}.get(operation, "InstanceProfileName")

        def create(self: IamResponse) -> Any:
            name = self._get_param(sent) or ""
            if not re.fullmatch(rf"[\w+=,.@-]{{1,{longest}}}", name, re.ASCII):
                raise ValidationError(
                    f"1 validation error detected: Value '{name}' at '{parameter}' failed to satisfy constraint: Member"
                    rf" must satisfy regular expression pattern: [\w+=,.@-]+ and have length at most {longest}"
                )
            return make(self)

        return create

    for operation, (parameter, longest) in _NAMES.items():
        setattr(IamResponse, operation, checked(operation, parameter, longest))


def _pages() -> None:
    """Users and instance profiles come in pages of at most 100, as roles do; moto gives all at once.

    "ListUsers", MaxItems, https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html;
    "ListInstanceProfiles", https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListInstanceProfiles.html
    """

    def page(self: IamResponse, key: str, everything: list[Any]) -> ActionResult:
        start = int(self._get_param("Marker") or 0)
        stop = start + int(self._get_param("MaxItems") or PAGE)
        truncated = len(everything) > stop
        return ActionResult(
            {key: everything[start:stop], "IsTruncated": truncated, "Marker": str(stop) if truncated else None}
        )

    def list_users(self: IamResponse) -> ActionResult:
        users = self.backend.list_users(self._get_param("PathPrefix"), None, None)
        return page(self, "Users", sorted(users, key=lambda user: user.name))

    def list_instance_profiles(self: IamResponse) -> ActionResult:
        profiles = sorted(self.backend.get_instance_profiles(), key=lambda profile: profile.name)
        return page(self, "InstanceProfiles", profiles)

    IamResponse.list_users = list_users
    IamResponse.list_instance_profiles = list_instance_profiles


def _boundaries_of_users() -> None:
    """A user is created with its permissions boundary, and GetUser shows it; moto knows those of roles alone.

    "CreateUser", PermissionsBoundary, https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html;
    "AttachedPermissionsBoundary",
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachedPermissionsBoundary.html
    """
    create = IamResponse.create_user

    def create_user(self: IamResponse) -> ActionResult:
        answer: Any = create(self)
        _bound(answer.result["User"], self._get_param("PermissionsBoundary"))
        made: ActionResult = answer
        return made

    def put_user_permissions_boundary(self: IamResponse) -> ActionResult:
        _bound(self.backend.get_user(self._get_param("UserName")), self._get_param("PermissionsBoundary"))
        return ActionResult({})

    IamResponse.create_user = create_user
    IamResponse.put_user_permissions_boundary = put_user_permissions_boundary


def _bound(user: Any, arn: str | None) -> None:
    if arn:
        kind = "PermissionsBoundaryPolicy"
        user.permissions_boundary = {"PermissionsBoundaryType": kind, "PermissionsBoundaryArn": arn}


AWS_MANAGED = ("AdministratorAccess", "AmazonSSMManagedInstanceCore", "PowerUserAccess", "ReadOnlyAccess")


def _managed_policies() -> None:
    """AWS's own managed policies are there to be attached; moto has them when it is told to load all 1,400.

    "AWS managed policy reference",
    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
    """

    @functools.cache
    def known() -> dict[str, Any]:
        everything = json.loads(aws_managed_policies_data)
        return {name: everything[name] for name in AWS_MANAGED}

    def init_aws_policies(self: IAMBackend) -> list[AWSManagedPolicy]:
        made = (self.account_id, self.region_name)
        return [AWSManagedPolicy.from_data(name, *made, data) for name, data in known().items()]

    IAMBackend._init_aws_policies = init_aws_policies


def _visibility() -> None:
    """A role, profile or user made just now may not be found yet, neither by reads nor by changes to it.

    "Changes that I make are not always immediately visible",
    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html
    """
    _hide_new("role", "create_role", "get_role", "Role")
    _hide_new("instance_profile", "create_instance_profile", "get_instance_profile", "Instance Profile")
    _hide_new("user", "create_user", "get_user", "User")
    list_roles, list_users = IAMBackend.list_roles, IAMBackend.list_users
    profiles = IAMBackend.get_instance_profiles

    def seen(kind: str, found: Any) -> list[Any]:
        return [one for one in found if not visibility.hidden(kind, one.name)]

    def list_seen_roles(self: IAMBackend, *args: Any, **kwargs: Any) -> Any:
        roles, marker = list_roles(self, *args, **kwargs)
        return seen("role", roles), marker

    IAMBackend.list_roles = list_seen_roles
    IAMBackend.list_users = lambda self, *args, **kwargs: seen("user", list_users(self, *args, **kwargs))
    IAMBackend.get_instance_profiles = lambda self: seen("instance_profile", profiles(self))
    owner_of = IAMBackend.get_user_from_access_key_id

    def owner(self: IAMBackend, access_key_id: str) -> Any:
        with visibility.everything():  # moto looks through all users for whose credentials a request has
            return owner_of(self, access_key_id)

    IAMBackend.get_user_from_access_key_id = owner


def _hide_new(kind: str, create: str, get: str, word: str) -> None:
    make, find = getattr(IAMBackend, create), getattr(IAMBackend, get)

    def made(self: IAMBackend, *args: Any, **kwargs: Any) -> Any:
        with visibility.everything():  # whether a name is taken is known at once
            one = make(self, *args, **kwargs)
        visibility.made(kind, one.name)
        return one

    def found(self: IAMBackend, name: str, *args: Any, **kwargs: Any) -> Any:
        if visibility.hidden(kind, name):
            raise NotFoundException(f"{word} {name} cannot be found.")
        return find(self, name, *args, **kwargs)

    setattr(IAMBackend, create, made)
    setattr(IAMBackend, get, found)
