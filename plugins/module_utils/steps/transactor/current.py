# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The AWS resources of a transactor as they are: what aws/* reads. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

OWNER_TAG = "datomic-onprem:system"
"""On a role or user under a generated name: the system that it was created for, as owner() writes it."""
UNSAVED_KEY_TAG = "datomic-onprem:unsaved-access-key"
"""On a user from before its access key is created until the key is in the file."""
UNFINISHED_TAG = "datomic-onprem:unfinished"
"""On a bucket from its creation until its settings are written: the value of OWNER_TAG."""

DEFAULT_PARTITION = "aws"


def owner(region: str, table: str, key: str) -> str:
    """The value of OWNER_TAG. key: the property that holds the name."""
    return f"{region}/{table}/{key}"


def masked_key(access_key_id: str) -> str:
    """The end of an access key's id, which distinguishes a user's two keys and may be shown."""
    return f"****{access_key_id[-4:]}"


def deleted_by_hand(user: str) -> str:
    """What to do with an unknown access key: only the owner of the user knows whether it is used."""
    delete = f"aws iam delete-access-key --user-name {user} --access-key-id …"
    return f"when it is certain that nobody uses it: {delete}, with the id that aws iam list-access-keys shows in full"


@dataclasses.dataclass(frozen=True)
class Account:
    """The account of the credentials. number: 12 digits; empty, like arn, when not read.

    partition: aws, aws-cn, aws-us-gov. arn: of the user or the assumed role.
    """

    number: str = ""
    partition: str = DEFAULT_PARTITION
    arn: str = ""


@dataclasses.dataclass(frozen=True)
class Table:
    """key: (attribute, type S, N or B, HASH or RANGE) of each part. read, write: provisioned units, 0 on demand.

    backups: whether point-in-time recovery is on; None when it was not asked for.
    """

    status: str
    key: tuple[tuple[str, str, str], ...]
    indexes: tuple[str, ...] = ()
    replicas: tuple[str, ...] = ()
    on_demand: bool = False
    read: int = 0
    write: int = 0
    deletion_protection: bool = False
    backups: bool | None = None


Units: TypeAlias = Literal["read", "write"]


@dataclasses.dataclass(frozen=True)
class Scaling:
    """The units of a table between which it scales. policy: empty without one. utilization: in percent."""

    minimum: int
    maximum: int
    policy: str = ""
    utilization: float = 0.0


@dataclasses.dataclass(frozen=True)
class Bucket:
    """exists is None when AWS forbids to look. Settings are None when they were not asked for or are not set.

    public_access: the four switches by name. rules: the lifecycle configuration, as AWS has it. policy: its bucket
    policy. tags: None when they were not asked for.
    """

    exists: bool | None = False
    public_access: Mapping[str, bool] | None = None
    encryption: str | None = None
    rules: tuple[Mapping[str, Any], ...] = ()
    policy: Mapping[str, Any] | None = None
    tags: Mapping[str, str] | None = None


@dataclasses.dataclass(frozen=True)
class OtherPolicy:
    """A policy of a role that this system did not write. arn: empty for an inline one. document: None if unknown."""

    name: str
    arn: str = ""
    document: Mapping[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Role:
    """profile: the roles inside the instance profile of the same name, None when there is no such profile.

    trust: its trust policy, None for a role that does not exist. others: its policies that this system did not write.
    owner: the value of OWNER_TAG; empty without it, and for a role that was found complete.
    boundary: the ARN of its permissions boundary, empty without one; None when not read. arn: empty for a new role.
    """

    name: str
    exists: bool = False
    profile: tuple[str, ...] | None = None
    trust: Mapping[str, Any] | None = None
    policies: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    owner: str = ""
    others: tuple[OtherPolicy, ...] = ()
    boundary: str | None = None
    arn: str = ""


@dataclasses.dataclass(frozen=True)
class User:
    """unsaved, owner: the values of UNSAVED_KEY_TAG and OWNER_TAG, or empty. key_ids: only read when they matter.

    boundary: as of a role.
    """

    name: str
    exists: bool = False
    unsaved: str = ""
    key_ids: tuple[str, ...] = ()
    policies: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    owner: str = ""
    boundary: str | None = None


@dataclasses.dataclass(frozen=True)
class Current:
    """roles, users: by the key of their Identity, with the name chosen for it. scaling: empty when not asked for."""

    account: Account = Account()
    region: str = ""
    table: Table | None = None
    scaling: Mapping[Units, Scaling] = dataclasses.field(default_factory=dict)
    bucket: Bucket = Bucket()
    roles: Mapping[str, Role] = dataclasses.field(default_factory=dict)
    users: Mapping[str, User] = dataclasses.field(default_factory=dict)

    def policies(self, kind: Literal["role", "user"], key: str) -> Mapping[str, Any]:
        """The documents of the inline policies, by name."""
        return self.roles[key].policies if kind == "role" else self.users[key].policies
