# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IAM: the executors of its actions.

IAM is eventually consistent: what was just made may be unknown to the next call for some seconds, which is tried again.
A creation whose answer was lost is sent again by botocore; that it "already exists" then is what was wanted.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ansible.module_utils.common.warnings import warn

from ..errors import AwsError, DatomicError
from ..plan import Action, Executor
from ..steps.transactor.resources import OWNER_TAG, UNSAVED_KEY_TAG, deleted_by_hand, masked_key
from .calls import attempts, eventually
from .errors import DENIED, aws_errors
from .iam import access_keys, free_role, free_user, marker, owner


@dataclasses.dataclass(frozen=True)
class Generated:
    """A name that this run found free. base: what it was made of. keys: the properties that hold it."""

    base: str
    keys: Sequence[str]


def executors(
    client: Any,
    save: Callable[[Mapping[str, str]], None],
    *,
    generated: Mapping[str, Generated],
    given: Collection[str],
) -> dict[tuple[str, str, str], Executor]:
    """By (service, resource, change).

    save: puts values on disk at once. generated: by name, those that this run found free; one that somebody else takes
    before it is made here is left to them, and the next free one is saved and made.
    given: the names that the file itself gives: none is generated, whether there is one or is yet to be made.
    """
    changes = _Changes(client, save, generated, given)
    return {
        ("iam", "role", "create"): changes.create_role,
        ("iam", "instance_profile", "create"): changes.renamed(changes.create_profile),
        ("iam", "instance_profile", "update"): changes.renamed(changes.fill_or_create_profile),
        ("iam", "role_policy", "create"): changes.renamed(changes.put_role_policy),
        ("iam", "role_policy", "update"): changes.renamed(changes.put_role_policy),
        ("iam", "user", "create"): changes.create_user,
        ("iam", "user", "update"): changes.renamed(changes.clear_marker),
        ("iam", "access_key", "create"): changes.renamed(changes.create_access_key),
        ("iam", "access_key", "delete"): changes.delete_lost_keys,
        ("iam", "user_policy", "create"): changes.renamed(changes.put_user_policy),
        ("iam", "user_policy", "update"): changes.renamed(changes.put_user_policy),
    }


class _Changes:
    def __init__(
        self,
        client: Any,
        save: Callable[[Mapping[str, str]], None],
        generated: Mapping[str, Generated],
        given: Collection[str],
    ) -> None:
        self.client = client
        self.save = save
        self.generated = generated
        self.given = given
        self.existed: dict[str, str] = {}
        self.instead: dict[str, str] = {}

    def create_role(self, action: Action) -> None:
        trust = json.dumps(action.after["trust"])
        self.create(
            "role",
            action,
            lambda name: self.client.create_role(
                RoleName=name, AssumeRolePolicyDocument=trust, **_tags(action), **_boundary(action)
            ),
        )

    def create_profile(self, action: Action) -> None:
        # Found missing a moment ago, and empty when it is not ours: no harm in taking it.
        try:
            with aws_errors("create the instance profile", action.name, self.client):
                self.client.create_instance_profile(InstanceProfileName=action.name, **_tags(action))
        except AwsError as error:
            if error.code != "EntityAlreadyExists":
                raise
        self.fill_profile(action)

    def fill_or_create_profile(self, action: Action) -> None:
        # The profile that was seen has the name which somebody else took; the name chosen instead has none.
        if action.name in self.instead.values():
            self.create_profile(action)
        else:
            self.fill_profile(action)

    def fill_profile(self, action: Action) -> None:
        role = action.after["roles"][0]
        try:
            with aws_errors("add the role to the instance profile", action.name, self.client):
                eventually(
                    lambda: self.client.add_role_to_instance_profile(InstanceProfileName=action.name, RoleName=role)
                )
        except AwsError as error:
            # A profile holds one role: ours, when the answer to a first request was lost.
            if error.code not in ("LimitExceeded", "EntityAlreadyExists") or not self.holds(action.name, role):
                raise

    def holds(self, profile: str, role: str) -> bool:
        with aws_errors("read the instance profile", profile, self.client):
            found = self.client.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]
        return any(held["RoleName"] == role for held in found["Roles"])

    def put_role_policy(self, action: Action) -> None:
        role, policy = action.name.split("/", 1)
        document = json.dumps(action.after["policy"])
        with aws_errors("write the policy of the role", action.name, self.client):
            eventually(lambda: self.client.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=document))

    def put_user_policy(self, action: Action) -> None:
        user, policy = action.name.split("/", 1)
        document = json.dumps(action.after["policy"])
        with aws_errors("write the policy of the user", action.name, self.client):
            eventually(lambda: self.client.put_user_policy(UserName=user, PolicyName=policy, PolicyDocument=document))

    def create_user(self, action: Action) -> None:
        self.create(
            "user",
            action,
            lambda name: self.client.create_user(UserName=name, **_tags(action), **_boundary(action)),
        )

    def create(self, kind: str, action: Action, call: Callable[[str], Any]) -> None:
        """Make the entity of the action's name, or, when somebody else has made it since we looked, of the next one."""
        name, tried = action.name, {*self.generated, *self.given}
        while True:
            try:
                with aws_errors(f"create the {kind}", name, self.client):
                    call(name)
                return
            except AwsError as error:
                if error.code != "EntityAlreadyExists":
                    raise
            # An earlier request of ours made it, whose answer was lost, or one of a run of this system that died.
            self.existed[name] = action.after.get("unsaved_access_key", "")
            if owner(self.client, kind, name) == action.after["owner"]:
                return
            chosen = self.generated.get(action.name)
            if chosen is None:
                raise DatomicError(
                    f"The {kind} {name} was missing a moment ago, and somebody else has made it now. It was not"
                    " touched: blank its key in the file for another name, or run again to use it."
                )
            tried.add(name)
            free = free_role if kind == "role" else free_user
            name = free(self.client, chosen.base, tried).name
            self.instead[action.name] = name
            self.save(dict.fromkeys(chosen.keys, name))
            warn(f"The {kind} {action.name} was made by somebody else a moment ago: {name} is made instead.")

    def renamed(self, call: Executor) -> Executor:
        """The executor for an action whose role or user may have got another name since it was planned."""

        def execute(action: Action) -> None:
            entity, slash, rest = action.name.partition("/")
            after = dict(action.after)
            if "roles" in after:
                after["roles"] = [self.instead.get(role, role) for role in after["roles"]]
            call(dataclasses.replace(action, name=self.instead.get(entity, entity) + slash + rest, after=after))

        return execute

    def clear_marker(self, action: Action) -> None:
        with aws_errors("untag the user", action.name, self.client):
            eventually(lambda: self.client.untag_user(UserName=action.name, TagKeys=[UNSAVED_KEY_TAG]))

    def create_access_key(self, action: Action) -> None:
        if marked := action.after.get("marked"):
            with aws_errors("tag the user", action.name, self.client):
                tag = {"Key": UNSAVED_KEY_TAG, "Value": marked}
                eventually(lambda: self.client.tag_user(UserName=action.name, Tags=[tag]))
        try:
            with aws_errors("create an access key for the user", action.name, self.client):
                answer = eventually(lambda: self.client.create_access_key(UserName=action.name))
        except AwsError as error:
            # Nothing was made: with the mark, a key that somebody makes later would be taken for a lost one.
            if error.code in DENIED and "unsaved_access_key" in action.after:
                with contextlib.suppress(AwsError):
                    self.clear_marker(action)
            raise
        made = answer["AccessKey"]
        # The secret exists in this answer only: on disk before anything else can happen.
        places = action.after["saved_in"]
        self.save(dict(zip(places, itertools.cycle((made["AccessKeyId"], made["SecretAccessKey"])), strict=False)))
        # An answer was lost, in this run or in one that died, and with it a secret: its key is of use to nobody.
        lost = attempts(answer) > 1 or self.is_left(action.name)
        others = self.others(action, made["AccessKeyId"]) if lost else []
        if "unsaved_access_key" in action.after:
            self.delete(others, action)
            self.clear_marker(action)
        elif others:
            names = ", ".join(masked_key(key) for key in others)
            warn(
                f"AWS's first answer about an access key of the user {action.name} was lost, and the secret with it."
                f" It seems to be {names}: {deleted_by_hand(action.name)}."
            )

    def others(self, action: Action, made: str) -> list[str]:
        """The access keys that the user has got beside the one that was made, since it was looked at."""
        kept = action.after.get("kept_access_keys", [])
        return [key for key in access_keys(self.client, action.name) if key != made and masked_key(key) not in kept]

    def is_left(self, user: str) -> bool:
        """Whether the user was made by a run of ours that died, too short ago to be seen when this one looked."""
        expected = self.existed.get(user)
        return bool(expected) and marker(self.client, user) == expected

    def delete_lost_keys(self, action: Action) -> None:
        lost = action.before["lost_access_keys"]
        found = [key for key in access_keys(self.client, action.name) if masked_key(key) in lost]
        if len(found) > len(lost):
            raise DatomicError(
                f"The access keys of the user {action.name} end alike, and one of them was lost: delete the one that "
                "was never used by hand."
            )
        self.delete(found, action)

    def delete(self, keys: list[str], action: Action) -> None:
        for key in keys:
            try:
                with aws_errors("delete the lost access key of the user", action.name, self.client):
                    self.client.delete_access_key(UserName=action.name, AccessKeyId=key)
            except AwsError as error:
                if error.code != "NoSuchEntity":
                    raise


def _boundary(action: Action) -> dict[str, str]:
    boundary = action.after.get("permissions_boundary")
    return {"PermissionsBoundary": boundary} if boundary else {}


def _tags(action: Action) -> dict[str, Any]:
    tags = dict(action.after.get("tags", {}))
    if action.after.get("owner"):
        tags[OWNER_TAG] = action.after["owner"]
    if action.after.get("unsaved_access_key"):
        tags[UNSAVED_KEY_TAG] = action.after["unsaved_access_key"]
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]} if tags else {}
