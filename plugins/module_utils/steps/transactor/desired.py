# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The AWS resources that a transactor's file asks for. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal

from ...properties.file import Properties
from ...system import System
from .policies import Flavor, Grant

TABLE, REGION, ENDPOINT = "aws-dynamodb-table", "aws-dynamodb-region", "aws-dynamodb-override-endpoint"
BUCKET, METRICS_REGION = "aws-s3-log-bucket-id", "aws-cloudwatch-region"
TRANSACTOR_ROLE, PEER_ROLE = "aws-transactor-role", "aws-peer-role"
TRANSACTOR_USER, PEER_USER = "aws-dynamodb", "aws-dynamodb-peer"
LOG_USER, METRICS_USER = "aws-s3-log", "aws-cloudwatch"
USERS = (TRANSACTOR_USER, METRICS_USER, LOG_USER, PEER_USER)

ROLE_ENDINGS = {TRANSACTOR_ROLE: "-transactor", PEER_ROLE: "-peer"}

Kind = Literal["role", "user"]


@dataclasses.dataclass(frozen=True)
class Options:
    """The settings of resources. None: an existing resource keeps what it has, a new one gets the default."""

    policies: Flavor | None = None
    defaults: str = "tool"
    table_billing_mode: str | None = None
    table_read_capacity: int | None = None
    table_write_capacity: int | None = None
    table_max_read_capacity: int | None = None
    table_max_write_capacity: int | None = None
    table_target_utilization: int | None = None
    table_point_in_time_recovery: bool | None = None
    table_deletion_protection: bool | None = None
    bucket_block_public_access: bool | None = None
    bucket_encryption: str | None = None
    bucket_tls_only: bool | None = None
    bucket_expiration_days: int | None = None


@dataclasses.dataclass(frozen=True)
class Identity:
    """A role or a user.

    key: the role's property, or the prefix of the user's three properties. name: empty for a free name that begins with
    base. blank: the user has no access key yet.
    """

    kind: Kind
    key: str
    name: str
    base: str
    grants: tuple[Grant, ...]
    blank: bool = False

    @property
    def name_key(self) -> str:
        """The property that holds the name."""
        return self.key if self.kind == "role" else keys_of(self.key)[0]


@dataclasses.dataclass(frozen=True)
class Desired:
    """table: empty when the file asks for none. region: the table's, empty for that of the connection.

    endpoint: DynamoDB Local's URL. bucket: None when the file asks for none, empty for one to be named.
    own_bucket: a missing bucket is created. roles, users: at most one for each key.
    """

    table: str = ""
    region: str = ""
    endpoint: str = ""
    bucket: str | None = None
    own_bucket: bool = True
    roles: tuple[Identity, ...] = ()
    users: tuple[Identity, ...] = ()

    @property
    def identities(self) -> tuple[Identity, ...]:
        return (*self.roles, *self.users)

    @property
    def needs_account(self) -> bool:
        """Whether a policy names the account."""
        return any(grant in ("table", "peer") for identity in self.identities for grant in identity.grants)


def keys_of(prefix: str) -> tuple[str, str, str]:
    """The three properties of a user: its name, its access key's id, that key's secret."""
    return f"{prefix}-user", f"{prefix}-access-key-id", f"{prefix}-secret-key"


GENERATED_KEYS = (TRANSACTOR_ROLE, PEER_ROLE, BUCKET, *(key for prefix in USERS for key in keys_of(prefix)))
"""The keys that get a value when the file has them without one."""


NAME_KEYS = (TRANSACTOR_ROLE, PEER_ROLE, BUCKET, *(keys_of(prefix)[0] for prefix in USERS))
"""Those of them that are names. The others are access keys."""


def recorded(file: Properties, names: Mapping[str, str]) -> dict[str, str]:
    """The values for blank keys out of the names that an earlier run of the system has generated, by key.

    A user whose access key is in the file keeps its blank name, which is an error.
    """
    wanted = [key for key in NAME_KEYS if key in file and not file.has_value(key) and names.get(key)]
    with_key = [keys_of(prefix)[0] for prefix in USERS if any(file.has_value(key) for key in keys_of(prefix))]
    return {key: names[key] for key in wanted if key not in with_key}


def adopt(src: Properties, dest: Properties) -> dict[str, str]:
    """The values that an earlier run generated into dest for keys that are still blank in src."""
    adopted = {
        key: dest.get(key)
        for key in (TRANSACTOR_ROLE, PEER_ROLE, BUCKET)
        if key in src and not src.has_value(key) and dest.has_value(key)
    }
    for keys in map(keys_of, USERS):
        user, *access = keys
        blank = all(key in src for key in keys) and not any(src.has_value(key) for key in access)
        if blank and dest.has_value(user) and src.get(user) in ("", dest.get(user)):
            adopted |= {key: dest.get(key) for key in keys if dest.has_value(key)}
    return adopted


def desired(system: System) -> Desired:
    """The resources that the transactor's file asks for; of a file with errors, those that it seems to ask for."""
    properties = system.transactor
    protocol, table, region = properties.get("protocol"), system.table, properties.get(REGION)
    if protocol == "ddb-local":
        endpoint = properties.get(ENDPOINT)
        return Desired(table, region, endpoint=endpoint if "://" in endpoint else f"http://{endpoint}")
    if protocol != "ddb":
        return _without_dynamodb(properties)
    bucket = properties.get(BUCKET) if BUCKET in properties else None
    return Desired(
        table,
        region,
        bucket=bucket,
        roles=tuple(_roles(properties, bucket is not None, system.role_prefix)),
        users=tuple(_users(properties, bucket is not None, system.secrets, system.role_prefix)),
    )


def _without_dynamodb(properties: Properties) -> Desired:
    """Other storage: a role that the file names may write logs and metrics. Nothing is generated."""
    name, grants = properties.get(TRANSACTOR_ROLE), _extras(properties, properties.has_value(BUCKET))
    if not name or not grants:
        return Desired()
    role = Identity("role", TRANSACTOR_ROLE, name, "", grants)
    return Desired(bucket=properties.get(BUCKET) or None, own_bucket=False, roles=(role,))


def _extras(properties: Properties, logs: bool) -> tuple[Grant, ...]:
    metrics: tuple[Grant, ...] = ("metrics",) if properties.has_value(METRICS_REGION) else ()
    return ("logs", *metrics) if logs else metrics


def _roles(properties: Properties, logs: bool, start: str) -> Iterator[Identity]:
    grants: Mapping[str, tuple[Grant, ...]] = {
        TRANSACTOR_ROLE: ("table", *_extras(properties, logs)),
        PEER_ROLE: ("peer",),
    }
    for key, granted in grants.items():
        if key in properties:
            yield Identity("role", key, properties.get(key), start + ROLE_ENDINGS[key], granted)


def _users(properties: Properties, logs: bool, secrets: Collection[str], start: str) -> Iterator[Identity]:
    grants: Mapping[str, tuple[Grant, ...]] = {
        TRANSACTOR_USER: ("table",),
        METRICS_USER: _extras(properties, logs=False),
        LOG_USER: ("logs",) if logs else (),
        PEER_USER: ("peer",),
    }
    for prefix, granted in grants.items():
        user, key_id, _secret = keys_of(prefix)
        # AWS cannot be asked about a user whose name is kept elsewhere.
        if user in properties and user not in secrets:
            blank = not properties.has_value(key_id) and key_id not in secrets
            base = start + prefix.removeprefix("aws")
            yield Identity("user", prefix, properties.get(user), base, granted, blank)


def without_wrong_keys(desired: Desired, wrong: Iterable[str]) -> Desired:
    """What AWS can be asked about when these keys have errors."""
    wrong = set(wrong)
    role_of = {TRANSACTOR_USER: TRANSACTOR_ROLE, PEER_USER: PEER_ROLE}
    return dataclasses.replace(
        desired,
        table="" if wrong & {TABLE, ENDPOINT} else desired.table,
        bucket=None if BUCKET in wrong else desired.bucket,
        roles=tuple(role for role in desired.roles if role.key not in wrong),
        users=tuple(user for user in desired.users if not wrong & {*keys_of(user.key), role_of.get(user.key, "")}),
    )
