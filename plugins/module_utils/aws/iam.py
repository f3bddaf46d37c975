# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IAM: the current roles, with their instance profiles, and users.

Roles and users are read by name. They are listed only when the first choice of a free name is taken.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ..steps.transactor.current import OWNER_TAG, UNSAVED_KEY_TAG, OtherPolicy, Role, User
from ..steps.transactor.desired import Kind
from .calls import aws_call, aws_pages, run_parallel, tags_of
from .errors import DENIED

NOT_FOUND = ("NoSuchEntity",)
HARMLESS = frozenset(("AmazonSSMManagedInstanceCore", "CloudWatchAgentServerPolicy"))
"""AWS's managed policies that are usual on instances. They need not be read, since only AWS can change them.

https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
"""
LARGEST_PAGE = 1000
"""https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html"""


def role(client: Any, name: str, policies: Iterable[str], known: Collection[str] = (), *, boundary: bool) -> Role:
    """The role of that name and those of its inline policies that exist, in two rounds of calls when it is complete.

    known: further inline policies of this system. boundary: read the permissions boundary, which only GetRole returns.
    """
    policies = tuple(policies)
    profile = profile_roles(client, name)
    in_profile = None if profile is None else tuple(profile)
    complete = profile is not None and name in profile
    found = None if complete else read(client, "role", name)
    if not complete and found is None:
        return Role(name, profile=in_profile)
    what = "read the policies of the role"
    held, inline, attached, found = run_parallel(
        lambda: _inline_policies(client, "role", name, policies),
        lambda: aws_pages(what, name, client, "list_role_policies", "PolicyNames", expected=NOT_FOUND, RoleName=name),
        lambda: aws_pages(
            what, name, client, "list_attached_role_policies", "AttachedPolicies", expected=NOT_FOUND, RoleName=name
        ),
        lambda: read(client, "role", name) if boundary and found is None else found,
    )
    # The tags say whose role it is, which matters only where a policy is missing.
    if found is None and not set(policies) <= set(held):
        found = read(client, "role", name)
    found = found or {}
    described = profile[name] if profile and complete else found
    return Role(
        name,
        exists=True,
        arn=described.get("Arn", ""),
        owner=tag(found, OWNER_TAG),
        profile=in_profile,
        trust=described.get("AssumeRolePolicyDocument") or {},
        policies=held,
        others=_other_policies(client, name, set(inline) - {*policies, *known}, attached),
        boundary=_boundary(found) if boundary else None,
    )


def free_role(client: Any, base: str, taken: Collection[str]) -> Role:
    """The first free name of base, base-1, base-2, …; an empty instance profile of that name may exist."""
    for name in _free_names(client, "role", base, taken):
        profile = profile_roles(client, name)
        if not profile:
            return Role(name, profile=None if profile is None else ())
    raise AssertionError("there are always further names")


def user(client: Any, name: str, policies: Iterable[str], *, keys: bool) -> User:
    """The user of that name and those of its inline policies that exist. keys: read its access keys in any case."""
    found = read(client, "user", name)
    if found is None:
        return User(name)
    unsaved = tag(found, UNSAVED_KEY_TAG)
    held, key_ids = run_parallel(
        lambda: _inline_policies(client, "user", name, policies),
        lambda: access_keys(client, name) if keys or unsaved else (),
    )
    return User(name, True, unsaved, key_ids, held, tag(found, OWNER_TAG), _boundary(found))


def free_user(client: Any, base: str, taken: Collection[str]) -> User:
    """The first free name of base, base-1, base-2, …"""
    return User(next(_free_names(client, "user", base, taken)))


def access_keys(client: Any, name: str) -> tuple[str, ...]:
    """The ids of the user's access keys: two at most, so one page."""
    answer = aws_call("list the access keys of the user", name, client.list_access_keys, UserName=name)
    return tuple(key["AccessKeyId"] for key in answer["AccessKeyMetadata"])


def read(client: Any, kind: Kind, name: str, *, created: bool = False) -> Any:
    """IAM's description of the role or user; None when there is none.

    created: it exists, although IAM may not show it for some seconds.
    """
    key, operation = ("Role", client.get_role) if kind == "role" else ("User", client.get_user)
    expected = () if created else NOT_FOUND
    request = {f"{key}Name": name}
    answer = aws_call(f"read the {kind}", name, operation, expected=expected, eventually=created, **request)
    return answer and answer[key]


def tag(found: Mapping[str, Any], key: str) -> str:
    """The value of a tag, empty without it."""
    return str(tags_of(found.get("Tags", [])).get(key, ""))


def _boundary(found: Mapping[str, Any]) -> str:
    boundary: str = found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "")
    return boundary


def _free_names(client: Any, kind: Kind, base: str, taken: Collection[str]) -> Iterator[str]:
    """The names without a role or user, from base on.

    The second name is looked up in a list, since many systems may have taken the next names. Without the permission to
    list, each name is a call.
    """
    names = itertools.chain([base], (f"{base}-{number}" for number in itertools.count(1)))
    listed: Collection[str] = ()
    for index, name in enumerate(name for name in names if name not in taken):
        if index == 1:
            listed = _list_names(client, kind)
        if name not in listed if listed else read(client, kind, name) is None:
            yield name


def _list_names(client: Any, kind: Kind) -> frozenset[str]:
    """The names of all roles or users; empty without the permission to list them."""
    doing, whose = f"list the {kind}s of", "the account"
    options: dict[str, Any] = {"expected": DENIED, "PaginationConfig": {"PageSize": LARGEST_PAGE}}
    if kind == "role":
        return frozenset(one["RoleName"] for one in aws_pages(doing, whose, client, "list_roles", "Roles", **options))
    return frozenset(one["UserName"] for one in aws_pages(doing, whose, client, "list_users", "Users", **options))


def profile_roles(client: Any, name: str) -> dict[str, Any] | None:
    """The roles in an instance profile as IAM describes them, by name; None when there is no such profile."""
    operation = client.get_instance_profile
    answer = aws_call("read the instance profile", name, operation, expected=NOT_FOUND, InstanceProfileName=name)
    if answer is None:
        return None
    roles = answer["InstanceProfile"].get("Roles", [])
    return {held["RoleName"]: held for held in roles}


def _inline_policies(client: Any, kind: Kind, name: str, policies: Iterable[str]) -> dict[str, Any]:
    """The documents of those inline policies that exist, by name."""
    names = tuple(dict.fromkeys(policies))
    key, operation = ("RoleName", client.get_role_policy) if kind == "role" else ("UserName", client.get_user_policy)

    def document(policy: str) -> Any:
        request: dict[str, Any] = {key: name, "PolicyName": policy}
        what = f"read the policy of the {kind}"
        answer = aws_call(what, f"{name}/{policy}", operation, expected=NOT_FOUND, **request)
        return answer and answer["PolicyDocument"]

    documents = run_parallel(*(functools.partial(document, policy) for policy in names))
    return {policy: found for policy, found in zip(names, documents, strict=True) if found is not None}


def _other_policies(
    client: Any, role: str, inline: Collection[str], attached: Iterable[Mapping[str, str]]
) -> tuple[OtherPolicy, ...]:
    """The role's policies that are not this system's, with their documents."""
    documents = _inline_policies(client, "role", role, sorted(inline))
    managed = {policy["PolicyArn"]: policy["PolicyName"] for policy in attached}
    unknown = [arn for arn, name in managed.items() if not (name in HARMLESS and arn.split(":")[4] == "aws")]
    read = run_parallel(*(functools.partial(_managed_policy, client, arn) for arn in unknown))
    by_arn = {arn: {"Statement": []} for arn in managed} | dict(zip(unknown, read, strict=True))
    return (
        *(OtherPolicy(name, document=document) for name, document in documents.items()),
        *(OtherPolicy(name, arn, by_arn[arn]) for arn, name in sorted(managed.items())),
    )


def _managed_policy(client: Any, arn: str) -> Any:
    """The document of a managed policy; None without the permission to read it: its name is known nevertheless."""
    doing, codes = "read the managed policy", (*DENIED, *NOT_FOUND)
    policy = aws_call(doing, arn, client.get_policy, expected=codes, PolicyArn=arn)
    if policy is None:
        return None
    version = policy["Policy"]["DefaultVersionId"]
    answer = aws_call(doing, arn, client.get_policy_version, expected=codes, PolicyArn=arn, VersionId=version)
    return answer and answer["PolicyVersion"]["Document"]
