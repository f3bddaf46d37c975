# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of roles and users: themselves, their policies, instance profiles and access keys. Pure."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...actions import Action, shown
from ...errors import Finding, FindingId
from ...system import System
from . import policies
from .current import (
    OWNER_TAG,
    Current,
    OtherPolicy,
    Role,
    User,
    deleted_by_hand,
    masked_key,
    owner,
)
from .desired import BUCKET, LOG_USER, METRICS_REGION, METRICS_USER, Desired, Identity, Kind, keys_of

ACCESS_KEYS_PER_USER = 2
"""AWS's limit: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""


@dataclasses.dataclass(frozen=True)
class CreateUser:
    """owner: the value of OWNER_TAG. boundary: the ARN of the permissions boundary, empty for none.

    mark: the value of UNSAVED_KEY_TAG, empty for none.
    """

    owner: str
    boundary: str
    tags: Mapping[str, str]
    mark: str = ""


@dataclasses.dataclass(frozen=True)
class CreateRole(CreateUser):
    trust: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class FillProfile:
    """Add the role to the instance profile of the action's name."""

    role: str


@dataclasses.dataclass(frozen=True)
class CreateProfile(FillProfile):
    tags: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class PutPolicy:
    """Of the role or user in the action's name, "role/policy" or "user/policy"."""

    kind: Kind
    document: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class CreateAccessKey:
    """saved_in: the properties that get its id and secret, in turn. kept: ids of the keys that the user has and keeps.

    mark: the value of UNSAVED_KEY_TAG to set before, empty when it is set. unmark: remove that tag afterwards.
    """

    saved_in: tuple[str, ...]
    kept: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    mark: str = ""
    unmark: bool = False


@dataclasses.dataclass(frozen=True)
class DeleteAccessKeys:
    ids: tuple[str, ...] = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class RemoveMark:
    """Remove UNSAVED_KEY_TAG."""


def marker(table: str, prefix: str, kept: Iterable[str] = ()) -> str:
    """The value of UNSAVED_KEY_TAG. kept: ids of access keys that the user had before; the tag has their ends only."""
    return "/".join((table, prefix, *map(_end, kept)))


def _end(key_id: str) -> str:
    return masked_key(key_id).lstrip("*")


def _lost(user: User, table: str, prefix: str) -> list[str] | None:
    """The access keys that the user got since it was marked; None when it is not marked for this property.

    A table of the same name in another region has the same mark, so the user has to be this system's.
    """
    marked = marker(table, prefix)
    if user.unsaved != marked and not user.unsaved.startswith(f"{marked}/"):
        return None
    kept = user.unsaved.removeprefix(marked).split("/")
    return [key_id for key_id in user.key_ids if _end(key_id) not in kept]


class Planner:
    """values: the file's new values. late: the keys whose values come out of an action."""

    def __init__(
        self, system: System, desired: Desired, current: Current, flavor: policies.Flavor, bucket: str
    ) -> None:
        self.properties = system.transactor
        self.boundary = system.permissions_boundary or ""
        self.tags = system.tags
        self.desired = desired
        self.current = current
        self.flavor = flavor
        self.bucket = bucket
        self.values: dict[str, str] = {}
        self.late: list[str] = []

    def plan(self) -> Iterator[Action | Finding]:
        for roles in self._by_name(self.desired.roles, self.current.roles):
            grants = tuple(grant for role in roles for grant in role.grants)
            role = dataclasses.replace(roles[-1], grants=grants)
            yield from self._role(role, self.current.roles[role.key])
        for users in self._by_name(self.desired.users, self.current.users):
            yield from self._users(users, self.current.users[users[0].key])
        for user in self.desired.users:
            if not user.grants:
                lacking = {METRICS_USER: METRICS_REGION, LOG_USER: BUCKET}[user.key]
                what = f"the user gets no policy, as {lacking} has no value"
                yield self._warning(user.name_key, "user-without-policy", what, f"write {lacking}")

    def _by_name(
        self, identities: Iterable[Identity], current: Mapping[str, Role] | Mapping[str, User]
    ) -> Iterable[list[Identity]]:
        """Several properties may name the same role or user."""
        groups: dict[str, list[Identity]] = {}
        for identity in identities:
            name = self.values[identity.name_key] = current[identity.key].name
            groups.setdefault(name, []).append(identity)
        return groups.values()

    def _error(self, key: str, rule: FindingId, message: str, suggestion: str) -> Finding:
        return self.properties.finding(key, message, suggestion, rule=rule)

    def _warning(self, key: str, rule: FindingId, message: str, suggestion: str) -> Finding:
        return self.properties.finding(key, message, suggestion, rule=rule, severity="warning")

    def _role(self, identity: Identity, role: Role) -> Iterator[Action | Finding]:
        held, name, tags = role.profile, role.name, self.tags
        if held and name not in held:
            what = f"the instance profile {name} holds the role {held[0]}, not {name}"
            instead = "name another role, or take that role out of the profile: an instance profile holds one role"
            yield self._error(identity.key, "profile-taken", what, instead)
            return
        yield from self._existing_role(identity.key, role)
        yield from self._sharing(identity, role)
        if not role.exists:
            trust = policies.trust(self.current.account.partition)
            create = CreateRole(self._owner(identity.key), self.boundary, tags, trust=trust)
            yield Action("iam", "role", name, "create", after=shown(create), params=create)
        if held is None:
            after = {"roles": [name], **({"tags": dict(tags)} if tags else {})}
            yield Action("iam", "instance_profile", name, "create", after=after, params=CreateProfile(name, tags))
        elif not held:
            yield Action("iam", "instance_profile", name, "update", {"roles": []}, {"roles": [name]}, FillProfile(name))
        yield from self._policies(identity, role)

    def _existing_role(self, key: str, role: Role) -> Iterator[Finding]:
        """Warnings of what an existing role lets others do, or may do itself by policies of others."""
        if role.trust is None:
            return
        name, partition = role.name, self.current.account.partition
        if not policies.trusts_ec2(role.trust):
            what = f"the trust policy of the role {name} does not let EC2 instances assume it"
            yield self._warning(key, "role-trust", what, f"add {policies.EC2[partition]} to its trust policy")
        others = policies.others_trusted(role.trust, self.current.account.number)
        if others:
            what = f"the trust policy of the role {name} lets others than EC2 instances assume it: {', '.join(others)}"
            trust = shlex.quote(json.dumps(policies.trust(partition)))
            by_hand = f"aws iam update-assume-role-policy --role-name {name} --policy-document {trust}"
            yield self._warning(key, "role-trust-others", what, f"to let in EC2 instances alone: {by_hand}")
        all_granting = [one for one in role.others if one.document is not None and policies.grants_all(one.document)]
        unknown = [one for one in role.others if one not in all_granting]
        kinds: tuple[tuple[FindingId, list[OtherPolicy], str], ...] = (
            ("role-policy-all", all_granting, "may do everything, by policies that this system did not write"),
            ("role-policy-unknown", unknown, "has policies that this system did not write"),
        )
        for rule, found, words in kinds:
            if found:
                what = f"the role {name} {words}: {', '.join(map(_title, found))}"
                by_hand = "; ".join(_removal(name, one) for one in found)
                yield self._warning(key, rule, what, f"if nobody needs them: {by_hand}")
        yield from self._other_boundary(key, "role", role)

    def _other_boundary(self, key: str, kind: Kind, entity: Role | User) -> Iterator[Finding]:
        """A warning of another permissions boundary than the option's: what exists keeps what it has."""
        name, found, asked = entity.name, entity.boundary, self.boundary
        if asked and found is not None and found != asked:
            has = f"the permissions boundary {found}" if found else "no permissions boundary"
            by_hand = f"aws iam put-{kind}-permissions-boundary --{kind}-name {name} --permissions-boundary {asked}"
            instead = f"what exists is not changed; by hand: {by_hand}"
            yield self._warning(key, "permissions-boundary", f"the {kind} {name} has {has}", instead)

    def _owner(self, key: str) -> str:
        return owner(self.current.region, self.desired.table, key)

    def _is_own(self, owner: str) -> bool:
        """Whether the value of OWNER_TAG is this system's, for whatever property."""
        return owner.rpartition("/")[0] == self._owner("").rpartition("/")[0]

    def _sharing(self, identity: Identity, entity: Role | User) -> Iterator[Finding]:
        """Warn of what was created for another system and gets its first permission of this one.

        Systems may share on purpose. But two runs may also have found the same name free, and the one that was
        stopped before it created it has it in its file.
        """
        if entity.owner and not self._is_own(entity.owner) and not entity.policies and identity.grants:
            kind, name, other = identity.kind, entity.name, entity.owner
            what = f"the {kind} {name} was made for another system: its tag {OWNER_TAG} is {other}"
            instead = "blank it unless both are to share it"
            yield self._warning(identity.name_key, "role-of-another-system", what, instead)

    def _policies(self, identity: Identity, entity: Role | User) -> Iterator[Action]:
        table = self.desired.table
        for grant in identity.grants:
            name = policies.name(grant, table, self.bucket)
            document = policies.document(
                grant, table, self.bucket, self.current.account, self.current.region, self.flavor
            )
            before = entity.policies.get(name)
            if before is not None and policies.same(before, document):
                continue
            yield Action(
                "iam",
                f"{identity.kind}_policy",
                f"{entity.name}/{name}",
                "create" if before is None else "update",
                before={} if before is None else {"policy": before},
                after={"policy": document},
                params=PutPolicy(identity.kind, document),
            )

    def _users(self, users: list[Identity], user: User) -> Iterator[Action | Finding]:
        """users: those of one name; they share one access key."""
        first, table = users[0], self.desired.table
        blank = [one for one in users if one.blank]
        given = [one for one in users if not one.blank]
        if given and not user.exists:
            # AWS's words, as bin/datomic passes them on.
            what = f"The user with name {user.name} cannot be found."
            instead = "leave its access key's two properties blank to have the user made"
            yield self._error(given[0].name_key, "user-missing", what, instead)
            return
        lost = _lost(user, table, first.key) if self._is_own(user.owner) else None
        yield from self._sharing(first, user)
        if user.exists:
            yield from self._other_boundary(first.name_key, "user", user)
        else:
            create = CreateUser(self._owner(first.name_key), self.boundary, self.tags, marker(table, first.key))
            yield Action("iam", "user", user.name, "create", after=shown(create), params=create)
        if given:
            yield from self._saved_key(given[0], blank, user, lost)
        else:
            yield from self._new_key(users, user, lost)
        for one in users:
            yield from self._policies(one, user)

    def _saved_key(
        self, given: Identity, blank: list[Identity], user: User, lost: list[str] | None
    ) -> Iterator[Action | Finding]:
        """The file has the user's key: copy it to the blank places, and delete the keys that a killed run left."""
        _user, key_id, secret = keys_of(given.key)
        if not self.properties.has_value(key_id):
            # A key that is kept elsewhere cannot be copied, nor recognised among the others.
            for one in blank:
                _user, *places = keys_of(one.key)
                what = f"the access key of {user.name} is kept elsewhere, as {key_id}"
                yield self._error(places[0], "user-keys", what, f"keep {' and '.join(places)} there as well")
            return
        for one in blank:
            _user, its_id, its_secret = keys_of(one.key)
            self.values |= {its_id: self.properties.get(key_id), its_secret: self.properties.get(secret)}
        if lost is not None:
            yield from _deletion(user, [known for known in lost if known != self.properties.get(key_id)])
            before, after = {"unsaved_access_key": user.unsaved}, {"unsaved_access_key": ""}
            yield Action("iam", "user", user.name, "update", before, after, RemoveMark())

    def _new_key(self, blank: list[Identity], user: User, lost: list[str] | None) -> Iterator[Action | Finding]:
        """Create a key, and delete one that a killed run created. A user that is not this system's gets no tag."""
        yield from _deletion(user, lost or [])
        kept = [key_id for key_id in user.key_ids if key_id not in (lost or ())]
        if kept:
            yield self._unknown_keys(keys_of(blank[0].key)[1], user.name, kept)
        places = [key for one in blank for key in keys_of(one.key)[1:]]
        self.late += places
        mark = lost is None and user.exists and self._is_own(user.owner) and not user.unsaved
        params = CreateAccessKey(
            saved_in=tuple(places),
            kept=tuple(kept),
            mark=marker(self.desired.table, blank[0].key, kept) if mark else "",
            unmark=mark or lost is not None or not user.exists,
        )
        after = {"saved_in": places, **({"kept_access_keys": [*map(masked_key, kept)]} if kept else {})}
        yield Action("iam", "access_key", user.name, "create", after=after, params=params)

    def _unknown_keys(self, key: str, user: str, kept: list[str]) -> Finding:
        what = (
            f"the user {user} has access keys that this file does not know: {', '.join(map(masked_key, kept))}"
            "; a run that was killed may have made one"
        )
        by_hand = deleted_by_hand(user)
        if len(kept) < ACCESS_KEYS_PER_USER:
            return self._warning(key, "access-key-unknown", what, f"another one is made; {by_hand}")
        instead = f"AWS allows {ACCESS_KEYS_PER_USER}: write one with its secret into the file, or {by_hand}"
        return self._error(key, "access-key-limit", what, instead)


def _deletion(user: User, lost: list[str]) -> Iterator[Action]:
    if lost:
        before = {"lost_access_keys": [*map(masked_key, lost)]}
        yield Action("iam", "access_key", user.name, "delete", before, params=DeleteAccessKeys(tuple(lost)))


def _title(policy: OtherPolicy) -> str:
    """How a message names the policy."""
    if policy.document is None:
        return f"{policy.arn} (which could not be read: allow iam:GetPolicy and iam:GetPolicyVersion on it)"
    return policy.arn or f"{policy.name} (inline)"


def _removal(role: str, policy: OtherPolicy) -> str:
    """The command that takes the policy from the role."""
    if policy.arn:
        return f"aws iam detach-role-policy --role-name {role} --policy-arn {policy.arn}"
    return f"aws iam delete-role-policy --role-name {role} --policy-name {policy.name}"
