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
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ansible.module_utils.common.warnings import warn

from ..errors import AwsError, DatomicError
from ..plan import Action, Executor
from ..steps.transactor.resources import OWNER_TAG, UNSAVED_KEY_TAG, deleted_by_hand, masked_key
from . import iam
from .calls import attempts, aws_call
from .errors import DENIED

EXISTS = ("EntityAlreadyExists",)


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

    save: writes values to the file at once. generated: by name, those that this run found free; when somebody else
    takes one before this run creates it, the next free name is saved and created instead.
    given: the names in the file: they are never generated.
    """
    changes = _Changes(client, save, generated, given)
    executors = {
        ("instance_profile", "create"): changes.create_profile,
        ("instance_profile", "update"): changes.fill_or_create_profile,
        ("role_policy", "create"): changes.put_policy,
        ("role_policy", "update"): changes.put_policy,
        ("user", "update"): changes.remove_marker,
        ("access_key", "create"): changes.create_access_key,
        ("user_policy", "create"): changes.put_policy,
        ("user_policy", "update"): changes.put_policy,
    }
    return {
        ("iam", "role", "create"): changes.create,
        ("iam", "user", "create"): changes.create,
        ("iam", "access_key", "delete"): changes.delete_lost_keys,
        **{("iam", *key): changes.renamed(executor) for key, executor in executors.items()},
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
        """The value of UNSAVED_KEY_TAG of roles and users that existed already when this run created them."""
        self.new_names: dict[str, str] = {}
        """The name created instead of a planned one that somebody else has taken."""

    def create(self, action: Action) -> None:
        """Create the role or user, or, when somebody else has just created it, the one with the next free name."""
        kind: iam.Kind = "role" if action.resource == "role" else "user"
        name, tried = action.name, {*self.generated, *self.given}
        while not self.created(kind, name, action):
            # An earlier request whose answer was lost created it, or an earlier run of this system that was killed.
            self.existed[name] = action.after.get("unsaved_access_key", "")
            if iam.tag(iam.read(self.client, kind, name, created=True), OWNER_TAG) == action.after["owner"]:
                return
            chosen = self.generated.get(action.name)
            if chosen is None:
                raise DatomicError(
                    f"Somebody else has just created the {kind} {name}, which was missing a moment ago. It was not"
                    " changed: blank its key in the file for another name, or run again to use it."
                )
            tried.add(name)
            free = iam.free_role if kind == "role" else iam.free_user
            name = free(self.client, chosen.base, tried).name
            self.new_names[action.name] = name
            self.save(dict.fromkeys(chosen.keys, name))
            warn(f"Somebody else has just created the {kind} {action.name}: {name} is created instead.")

    def created(self, kind: iam.Kind, name: str, action: Action) -> bool:
        """Whether the role or user was created; False when it exists already."""
        request = _tags(action)
        if boundary := action.after.get("permissions_boundary"):
            request["PermissionsBoundary"] = boundary
        doing = f"create the {kind}"
        if kind == "user":
            made = aws_call(doing, name, self.client.create_user, expected=EXISTS, UserName=name, **request)
        else:
            request["AssumeRolePolicyDocument"] = json.dumps(action.after["trust"])
            made = aws_call(doing, name, self.client.create_role, expected=EXISTS, RoleName=name, **request)
        return made is not None

    def create_profile(self, action: Action) -> None:
        # The plan found it missing, or empty and of another owner: an existing one can be used.
        operation, request = self.client.create_instance_profile, {"InstanceProfileName": action.name, **_tags(action)}
        aws_call("create the instance profile", action.name, operation, expected=EXISTS, **request)
        self.fill_profile(action)

    def fill_or_create_profile(self, action: Action) -> None:
        # The profile in the plan has the name that somebody else has taken; the new name has no profile.
        if action.name in self.new_names.values():
            self.create_profile(action)
        else:
            self.fill_profile(action)

    def fill_profile(self, action: Action) -> None:
        profile, role = action.name, action.after["roles"][0]
        doing, operation = "add the role to the instance profile", self.client.add_role_to_instance_profile
        try:
            aws_call(doing, profile, operation, eventually=True, InstanceProfileName=profile, RoleName=role)
        except AwsError as error:
            if error.code not in ("LimitExceeded", *EXISTS):
                raise
            # A profile holds one role: this one, when the answer to a first request was lost.
            if role not in (iam.profile_roles(self.client, profile) or {}):
                raise

    def put_policy(self, action: Action) -> None:
        kind = action.resource.partition("_")[0]
        name, policy = action.name.split("/", 1)
        request: dict[str, Any] = {"PolicyName": policy, "PolicyDocument": json.dumps(action.after["policy"])}
        if kind == "role":
            operation, request["RoleName"] = self.client.put_role_policy, name
        else:
            operation, request["UserName"] = self.client.put_user_policy, name
        aws_call(f"write the policy of the {kind}", action.name, operation, eventually=True, **request)

    def renamed(self, executor: Executor) -> Executor:
        """The executor, for actions whose role or user may have another name now than in the plan."""

        def execute(action: Action) -> None:
            name, slash, rest = action.name.partition("/")
            after = dict(action.after)
            if "roles" in after:
                after["roles"] = [self.new_names.get(role, role) for role in after["roles"]]
            executor(dataclasses.replace(action, name=self.new_names.get(name, name) + slash + rest, after=after))

        return execute

    def remove_marker(self, action: Action) -> None:
        keys = [UNSAVED_KEY_TAG]
        aws_call(
            "untag the user", action.name, self.client.untag_user, eventually=True, UserName=action.name, TagKeys=keys
        )

    def create_access_key(self, action: Action) -> None:
        user = action.name
        if marked := action.after.get("marked"):
            tags = [{"Key": UNSAVED_KEY_TAG, "Value": marked}]
            aws_call("tag the user", user, self.client.tag_user, eventually=True, UserName=user, Tags=tags)
        operation = self.client.create_access_key
        try:
            answer = aws_call("create an access key for the user", user, operation, eventually=True, UserName=user)
        except AwsError as error:
            # No key exists. With the marker, a later run would take a key that somebody else creates for a lost one.
            if error.code in DENIED and "unsaved_access_key" in action.after:
                with contextlib.suppress(AwsError):
                    self.remove_marker(action)
            raise
        made = answer["AccessKey"]
        # Only this answer contains the secret: save it before anything else can happen.
        places = action.after["saved_in"]
        self.save(dict(zip(places, itertools.cycle((made["AccessKeyId"], made["SecretAccessKey"])), strict=False)))
        # When an answer was lost, in this run or in a killed one, its secret was lost too: nobody can use that key.
        lost = attempts(answer) > 1 or self.left_by_killed_run(user)
        others = self.other_keys(action, made["AccessKeyId"]) if lost else []
        if "unsaved_access_key" in action.after:
            self.delete(others, user)
            self.remove_marker(action)
        elif others:
            names = ", ".join(masked_key(key) for key in others)
            warn(
                f"AWS's first answer about an access key of the user {user} was lost, and the secret with it."
                f" It seems to be {names}: {deleted_by_hand(user)}."
            )

    def other_keys(self, action: Action, made: str) -> list[str]:
        """The access keys that the user got since the plan, except the one that this run made."""
        kept = action.after.get("kept_access_keys", [])
        return [key for key in iam.access_keys(self.client, action.name) if key != made and masked_key(key) not in kept]

    def left_by_killed_run(self, user: str) -> bool:
        """Whether a killed run of this system created the user, too late for this run's plan to see it."""
        expected = self.existed.get(user)
        if not expected:
            return False
        return iam.tag(iam.read(self.client, "user", user, created=True), UNSAVED_KEY_TAG) == expected

    def delete_lost_keys(self, action: Action) -> None:
        lost = action.before["lost_access_keys"]
        found = [key for key in iam.access_keys(self.client, action.name) if masked_key(key) in lost]
        if len(found) > len(lost):
            raise DatomicError(
                f"Two access keys of the user {action.name} have the same last characters, and one of them was lost:"
                " delete the one that was never used by hand."
            )
        self.delete(found, action.name)

    def delete(self, keys: list[str], user: str) -> None:
        doing, operation = "delete the lost access key of the user", self.client.delete_access_key
        for key in keys:
            aws_call(doing, user, operation, expected=iam.NOT_FOUND, UserName=user, AccessKeyId=key)


def _tags(action: Action) -> dict[str, Any]:
    tags = dict(action.after.get("tags", {}))
    if action.after.get("owner"):
        tags[OWNER_TAG] = action.after["owner"]
    if action.after.get("unsaved_access_key"):
        tags[UNSAVED_KEY_TAG] = action.after["unsaved_access_key"]
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]} if tags else {}
