# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IAM: roles with their instance profiles, and users, as they are.

Everything is looked up by its name; a list is read only when a name that is to be free is taken.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from ..errors import AwsError
from ..steps.transactor.resources import OWNER_TAG, UNSAVED_KEY_TAG, OtherPolicy, Role, User
from .calls import eventually, gather
from .errors import DENIED, aws_errors

HARMLESS = frozenset(("AmazonSSMManagedInstanceCore", "CloudWatchAgentServerPolicy"))
"""AWS's own managed policies that are usual on instances. What they grant need not be read: AWS alone changes it.

https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
"""
MOST_IN_A_PAGE = 1000
"""https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html"""


def role(client: Any, name: str, policies: Iterable[str], known: Collection[str] = (), *, boundary: bool) -> Role:
    """The role of that name with those of its inline policies that exist: two dependent rounds when it is complete.

    known: further inline policies that are nobody else's. boundary: read its permissions boundary, which only the role
    itself shows.
    """
    policies = tuple(policies)
    profile = _profile(client, name)
    complete = profile is not None and name in profile
    found = None if complete else _role(client, name)
    if not complete and found is None:
        return Role(name, profile=None if profile is None else tuple(profile))
    reads: dict[str, Callable[[], Any]] = {
        "held": lambda: _policies(client, "role", name, policies),
        "inline": lambda: _listed(client, client.get_paginator("list_role_policies"), name, "PolicyNames"),
        "attached": lambda: _listed(
            client, client.get_paginator("list_attached_role_policies"), name, "AttachedPolicies"
        ),
    }
    if boundary and found is None:
        reads["role"] = lambda: _role(client, name)
    read = gather(reads)
    held, found = read["held"], found or read.get("role")
    # Tags matter where something is missing only: whose role is it, then?
    if found is None and not set(policies) <= set(held):
        found = _role(client, name)
    trust = profile[name] if profile and complete else (found or {}).get("AssumeRolePolicyDocument") or {}
    return Role(
        name,
        exists=True,
        owner=_tag(found or {}, OWNER_TAG),
        profile=None if profile is None else tuple(profile),
        trust=trust,
        policies=held,
        others=_others(client, name, set(read["inline"]) - {*policies, *known}, read["attached"]),
        boundary=_boundary(found or {}) if boundary else None,
    )


def _others(
    client: Any, role: str, inline: Collection[str], attached: Iterable[Mapping[str, str]]
) -> tuple[OtherPolicy, ...]:
    """The policies that are not ours, with what they grant."""
    documents = _policies(client, "role", role, sorted(inline))
    found = [OtherPolicy(name, document=document) for name, document in documents.items()]
    managed = {policy["PolicyArn"]: policy["PolicyName"] for policy in attached}

    def of(arn: str) -> Callable[[], Any]:
        return lambda: _managed(client, arn)

    unknown = [arn for arn, name in managed.items() if not (name in HARMLESS and arn.split(":")[4] == "aws")]
    read = gather({arn: of(arn) for arn in unknown})
    harmless: dict[str, Any] = {"Statement": []}
    return (*found, *(OtherPolicy(name, arn, read.get(arn, harmless)) for arn, name in sorted(managed.items())))


def _managed(client: Any, arn: str) -> Any:
    """The document of a managed policy; None for who may not read it: what it is called is known all the same."""
    try:
        with aws_errors("read the managed policy", arn, client):
            version = client.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            return client.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    except AwsError as error:
        if error.code in DENIED or error.code == "NoSuchEntity":
            return None
        raise


def _listed(client: Any, paginator: Any, role: str, key: str) -> list[Any]:
    """All pages of a list about the role; empty while IAM does not show the role."""

    def read() -> Any:
        return [one for page in paginator.paginate(RoleName=role) for one in page[key]]

    return _get(client, "policies of the role", role, read) or []


def _boundary(found: Mapping[str, Any]) -> str:
    boundary: str = found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "")
    return boundary


def free_role(client: Any, base: str, taken: Collection[str]) -> Role:
    """A role that does not exist: base, base-1, base-2, …; its instance profile may be there when it is empty."""
    for name in _free(client, "role", base, taken):
        profile = _profile(client, name)
        if not profile:
            return Role(name, profile=None if profile is None else ())
    raise AssertionError("the candidates have no end")


def user(client: Any, name: str, policies: Iterable[str], *, keys: bool) -> User:
    """The user of that name with those of its inline policies that exist. keys: read its access keys in any case."""
    found = _user(client, name)
    if found is None:
        return User(name)
    unsaved = _tag(found, UNSAVED_KEY_TAG)
    reads: dict[str, Callable[[], Any]] = {"policies": lambda: _policies(client, "user", name, policies)}
    if keys or unsaved:
        reads["keys"] = lambda: access_keys(client, name)
    read = gather(reads)
    owner = _tag(found, OWNER_TAG)
    return User(name, True, unsaved, read.get("keys", ()), read["policies"], owner, _boundary(found))


def free_user(client: Any, base: str, taken: Collection[str]) -> User:
    """A user that does not exist: base, base-1, base-2, …"""
    return User(next(_free(client, "user", base, taken)))


def access_keys(client: Any, name: str) -> tuple[str, ...]:
    """The ids of the user's access keys: two at most, so one page."""
    with aws_errors("list the access keys of the user", name, client):
        return tuple(key["AccessKeyId"] for key in client.list_access_keys(UserName=name)["AccessKeyMetadata"])


def marker(client: Any, name: str) -> str:
    """The value of UNSAVED_KEY_TAG of a user that exists, though IAM may not know it for some seconds yet."""
    with aws_errors("read the user", name, client):
        return _tag(eventually(lambda: client.get_user(UserName=name))["User"], UNSAVED_KEY_TAG)


def owner(client: Any, kind: str, name: str) -> str:
    """The value of OWNER_TAG of a role or user that exists, though IAM may not know it for some seconds yet."""
    read = (lambda: client.get_role(RoleName=name)) if kind == "role" else (lambda: client.get_user(UserName=name))
    with aws_errors(f"read the {kind}", name, client):
        return _tag(eventually(read)["Role" if kind == "role" else "User"], OWNER_TAG)


def _tag(found: Mapping[str, Any], key: str) -> str:
    return next((tag["Value"] for tag in found.get("Tags", []) if tag["Key"] == key), "")


def _candidates(base: str, taken: Collection[str]) -> Iterator[str]:
    names = itertools.chain([base], (f"{base}-{number}" for number in itertools.count(1)))
    return (name for name in names if name not in taken)


def _free(client: Any, kind: str, base: str, taken: Collection[str]) -> Iterator[str]:
    """The candidates under which there is no role or user.

    One call each would be many where many systems have taken their names. Who may not list them asks one by one.
    """
    exists = {"role": _role, "user": _user}[kind]
    listed: frozenset[str] | None = None
    for number, name in enumerate(_candidates(base, taken)):
        if number == 1:
            listed = _names(client, kind)
        if exists(client, name) is None if listed is None else name not in listed:
            yield name


def _names(client: Any, kind: str) -> frozenset[str] | None:
    """The names of all roles or users; None when the list is refused."""
    roles = kind == "role"
    paginator = client.get_paginator("list_roles") if roles else client.get_paginator("list_users")
    key, name = ("Roles", "RoleName") if roles else ("Users", "UserName")
    try:
        with aws_errors(f"list the {kind}s of", "the account", client):
            pages = paginator.paginate(PaginationConfig={"PageSize": MOST_IN_A_PAGE})
            return frozenset(found[name] for page in pages for found in page[key])
    except AwsError as error:
        if error.code in DENIED:
            return None
        raise


def _role(client: Any, name: str) -> Any:
    return _get(client, "role", name, lambda: client.get_role(RoleName=name)["Role"])


def _user(client: Any, name: str) -> Any:
    return _get(client, "user", name, lambda: client.get_user(UserName=name)["User"])


def _profile(client: Any, name: str) -> dict[str, Any] | None:
    """The trust policies of the roles inside an instance profile, by name; None when there is no such profile."""

    def call() -> Any:
        return client.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]

    found = _get(client, "instance profile", name, call)
    if found is None:
        return None
    return {held["RoleName"]: held.get("AssumeRolePolicyDocument") or {} for held in found.get("Roles", [])}


def _policies(client: Any, kind: str, name: str, policies: Iterable[str]) -> dict[str, Any]:
    """The documents of those inline policies that exist."""

    def read(policy: str) -> Callable[[], Any]:
        request = {"RoleName" if kind == "role" else "UserName": name, "PolicyName": policy}
        call = client.get_role_policy if kind == "role" else client.get_user_policy
        return lambda: _get(client, f"policy of the {kind}", f"{name}/{policy}", lambda: call(**request))

    found = gather({policy: read(policy) for policy in dict.fromkeys(policies)})
    return {policy: answer["PolicyDocument"] for policy, answer in found.items() if answer is not None}


def _get(client: Any, what: str, name: str, call: Callable[[], Any]) -> Any:
    """The call's answer, None when AWS knows no such entity."""
    try:
        with aws_errors(f"read the {what}", name, client):
            return call()
    except AwsError as error:
        if error.code == "NoSuchEntity":
            return None
        raise
