# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IAM: the executors of its actions.

IAM is eventually consistent: it may not know a new role or user for some seconds, so such calls are repeated.
botocore repeats a creation whose answer was lost; "already exists" is then a success.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from ansible.module_utils.common.warnings import warn

from ..actions import Executors, P
from ..errors import AwsError, DatomicError
from ..steps.transactor.current import OWNER_TAG, UNSAVED_KEY_TAG, deleted_by_hand, masked_key
from ..steps.transactor.desired import Kind
from ..steps.transactor.identities import (
    CreateAccessKey,
    CreateProfile,
    CreateRole,
    CreateUser,
    DeleteAccessKeys,
    FillProfile,
    PutPolicy,
    RemoveMark,
)
from . import iam
from .calls import attempts, aws_call, tag_list
from .errors import DENIED

EXISTS = ("EntityAlreadyExists",)


@dataclasses.dataclass(frozen=True)
class Generated:
    """A name that this run found free. base: what it was made of. keys: the properties that hold it."""

    base: str
    keys: Sequence[str]


@dataclasses.dataclass
class Changes:
    """The changes of one run.

    save: writes values to the file at once. generated: by name, those that this run found free; when somebody else
    takes one before this run creates it, the next free name is saved and created instead. given: the names in the
    file, which are never generated. existed: the value of UNSAVED_KEY_TAG of roles and users that existed already when
    this run created them. new_names: the names created instead of planned ones that somebody else has taken.
    """

    client: Any
    save: Callable[[Mapping[str, str]], None]
    generated: Mapping[str, Generated]
    given: Collection[str]
    existed: dict[str, str] = dataclasses.field(default_factory=dict)
    new_names: dict[str, str] = dataclasses.field(default_factory=dict)

    def executors(self) -> Executors:
        chosen = Executors().add(CreateRole, self.create).add(CreateUser, self.create)
        chosen.add(CreateProfile, self.renamed(self.create_profile))
        chosen.add(FillProfile, self.renamed(self.fill_or_create_profile))
        chosen.add(PutPolicy, self.renamed(self.put_policy))
        chosen.add(RemoveMark, self.renamed(lambda user, _params: self.remove_marker(user)))
        chosen.add(CreateAccessKey, self.renamed(self.create_access_key))
        return chosen.add(DeleteAccessKeys, lambda user, lost: self.delete(lost.ids, user))

    def create(self, planned: str, entity: CreateUser) -> None:
        """Create the role or user, or, when somebody else has just created it, the one with the next free name."""
        kind: Kind = "role" if isinstance(entity, CreateRole) else "user"
        name, tried = planned, {*self.generated, *self.given}
        while not self.created(name, entity):
            # An earlier request whose answer was lost created it, or an earlier run of this system that was killed.
            self.existed[name] = entity.mark
            if iam.tag(iam.read(self.client, kind, name, created=True), OWNER_TAG) == entity.owner:
                return
            chosen = self.generated.get(planned)
            if chosen is None:
                raise DatomicError(
                    f"Somebody else has just created the {kind} {name}, which was missing a moment ago. It was not"
                    " changed: blank its key in the file for another name, or run again to use it."
                )
            tried.add(name)
            free = iam.free_role if kind == "role" else iam.free_user
            name = free(self.client, chosen.base, tried).name
            self.new_names[planned] = name
            self.save(dict.fromkeys(chosen.keys, name))
            warn(f"Somebody else has just created the {kind} {planned}: {name} is created instead.")

    def created(self, name: str, entity: CreateUser) -> bool:
        """Whether the role or user was created; False when it exists already."""
        request = _tags(entity.tags, entity.owner, entity.mark)
        if entity.boundary:
            request["PermissionsBoundary"] = entity.boundary
        if isinstance(entity, CreateRole):
            request |= {"RoleName": name, "AssumeRolePolicyDocument": json.dumps(entity.trust)}
            made = aws_call("create the role", name, self.client.create_role, expected=EXISTS, **request)
        else:
            made = aws_call("create the user", name, self.client.create_user, expected=EXISTS, UserName=name, **request)
        return made is not None

    def create_profile(self, name: str, profile: CreateProfile) -> None:
        # The plan found it missing, or empty and of another owner: an existing one can be used.
        operation, request = self.client.create_instance_profile, {"InstanceProfileName": name, **_tags(profile.tags)}
        aws_call("create the instance profile", name, operation, expected=EXISTS, **request)
        self.fill_profile(name, profile)

    def fill_or_create_profile(self, name: str, profile: FillProfile) -> None:
        # The profile in the plan has the name that somebody else has taken; the new name has no profile.
        if name in self.new_names.values():
            self.create_profile(name, CreateProfile(profile.role, {}))
        else:
            self.fill_profile(name, profile)

    def fill_profile(self, name: str, profile: FillProfile) -> None:
        role = self.new_names.get(profile.role, profile.role)
        doing, operation = "add the role to the instance profile", self.client.add_role_to_instance_profile
        try:
            aws_call(doing, name, operation, eventually=True, InstanceProfileName=name, RoleName=role)
        except AwsError as error:
            if error.code not in ("LimitExceeded", *EXISTS):
                raise
            # A profile holds one role: this one, when the answer to a first request was lost.
            if role not in (iam.profile_roles(self.client, name) or {}):
                raise

    def put_policy(self, path: str, policy: PutPolicy) -> None:
        name, policy_name = path.split("/", 1)
        request: dict[str, Any] = {"PolicyName": policy_name, "PolicyDocument": json.dumps(policy.document)}
        if policy.kind == "role":
            operation, request["RoleName"] = self.client.put_role_policy, name
        else:
            operation, request["UserName"] = self.client.put_user_policy, name
        aws_call(f"write the policy of the {policy.kind}", path, operation, eventually=True, **request)

    def renamed(self, execute: Callable[[str, P], None]) -> Callable[[str, P], None]:
        """The executor, for actions whose role or user may have another name now than in the plan."""

        def execute_renamed(planned: str, params: P) -> None:
            name, slash, rest = planned.partition("/")
            execute(self.new_names.get(name, name) + slash + rest, params)

        return execute_renamed

    def remove_marker(self, user: str) -> None:
        operation = self.client.untag_user
        aws_call("untag the user", user, operation, eventually=True, UserName=user, TagKeys=[UNSAVED_KEY_TAG])

    def create_access_key(self, user: str, key: CreateAccessKey) -> None:
        if key.mark:
            tags = tag_list({UNSAVED_KEY_TAG: key.mark})
            aws_call("tag the user", user, self.client.tag_user, eventually=True, UserName=user, Tags=tags)
        operation = self.client.create_access_key
        try:
            answer = aws_call("create an access key for the user", user, operation, eventually=True, UserName=user)
        except AwsError as error:
            # No key exists. With the marker, a later run would take a key that somebody else creates for a lost one.
            if error.code in DENIED and key.unmark:
                with contextlib.suppress(AwsError):
                    self.remove_marker(user)
            raise
        made = answer["AccessKey"]
        # Only this answer contains the secret: save it before anything else can happen.
        self.save(
            dict(zip(key.saved_in, itertools.cycle((made["AccessKeyId"], made["SecretAccessKey"])), strict=False))
        )
        # When an answer was lost, in this run or in a killed one, its secret was lost too: nobody can use that key.
        lost = attempts(answer) > 1 or self.left_by_killed_run(user)
        known = (made["AccessKeyId"], *key.kept)
        others = [other for other in iam.access_keys(self.client, user) if other not in known] if lost else []
        if key.unmark:
            self.delete(others, user)
            self.remove_marker(user)
        elif others:
            names = ", ".join(map(masked_key, others))
            warn(
                f"AWS's first answer about an access key of the user {user} was lost, and the secret with it."
                f" It seems to be {names}: {deleted_by_hand(user)}."
            )

    def left_by_killed_run(self, user: str) -> bool:
        """Whether a killed run of this system created the user, too late for this run's plan to see it."""
        expected = self.existed.get(user)
        if not expected:
            return False
        return iam.tag(iam.read(self.client, "user", user, created=True), UNSAVED_KEY_TAG) == expected

    def delete(self, keys: Iterable[str], user: str) -> None:
        doing, operation = "delete the lost access key of the user", self.client.delete_access_key
        for key in keys:
            aws_call(doing, user, operation, expected=iam.NOT_FOUND, UserName=user, AccessKeyId=key)


def _tags(given: Mapping[str, str], owner: str = "", mark: str = "") -> dict[str, Any]:
    tags = dict(given)
    tags |= {OWNER_TAG: owner} if owner else {}
    tags |= {UNSAVED_KEY_TAG: mark} if mark else {}
    return {"Tags": tag_list(tags)} if tags else {}
