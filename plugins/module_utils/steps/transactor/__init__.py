# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ensure-transactor, what is wanted: from a transactor's properties to its findings and its resources. Pure.

Messages in double quotes of bin/datomic's own wording are kept word for word, so that they can be looked up.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from ...errors import Finding
from ...properties.file import Properties
from ...properties.keys import REGION_DOCS, REGION_NAME, table_of
from .policies import Flavor, Grant

PROVISIONED = "PROVISIONED"
UTILIZATIONS = range(20, 91)
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/AutoScaling.html"""
ON_DEMAND = "PAY_PER_REQUEST"

TABLE, REGION, ENDPOINT = "aws-dynamodb-table", "aws-dynamodb-region", "aws-dynamodb-override-endpoint"
BUCKET, METRICS_REGION = "aws-s3-log-bucket-id", "aws-cloudwatch-region"
TRANSACTOR_ROLE, PEER_ROLE = "aws-transactor-role", "aws-peer-role"
TRANSACTOR_USER, PEER_USER = "aws-dynamodb", "aws-dynamodb-peer"
LOG_USER, METRICS_USER = "aws-s3-log", "aws-cloudwatch"
USERS = (TRANSACTOR_USER, METRICS_USER, LOG_USER, PEER_USER)

BUCKET_BASE = "datomic-logs-"
ROLE_PREFIX = "datomic-aws"
LONGEST_ROLE_PREFIX = 48
"""IAM's 64 characters without the longest ending, -dynamodb-peer, and a number for a name that is taken."""
ROLE_ENDINGS = {TRANSACTOR_ROLE: "-transactor", PEER_ROLE: "-peer"}

DOCS = "https://docs.datomic.com/operation/storage.html"
ACCESS_DOCS = "https://docs.datomic.com/operation/aws-access-control.html"

_TABLE_NAME_DOCS = (
    "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html"
)
_TABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}", re.ASCII)
# In AWS's own words, as bin/datomic passes them on.
_TABLE_NAME_REFUSED = (
    "Invalid table/index name.  Table/index names must be between 3 and 255 characters long, and may contain only the "
    "characters a-z, A-Z, 0-9, '_', '-', and '.'"
)
_BUCKET_NAME_DOCS = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"
_BUCKET_NAME = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_IAM_NAME_DOCS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"
_IAM_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
_BOUNDARY = re.compile(r"arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[\w+=,.@/-]+", re.ASCII)
_POLICY_NAME_LENGTH = 128
_ENDPOINT = re.compile(r"(https?://)?[A-Za-z0-9._-]+(:[0-9]{1,5})?/?", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Options:
    """The module's options on resources; None: an existing resource keeps what it has, a new one gets the default."""

    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    policies: Flavor | None = None
    defaults: str = "tool"
    permissions_boundary: str | None = None
    role_prefix: str = ROLE_PREFIX
    stack_name: str | None = None
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
class WantedRole:
    """key: its property. name: empty for one that is to be found free, starting at base."""

    key: str
    name: str
    base: str
    grants: tuple[Grant, ...]


@dataclasses.dataclass(frozen=True)
class WantedUser:
    """prefix: of its three properties. name: empty for one that is to be found free, starting at base.

    blank: it has no access key yet.
    """

    prefix: str
    name: str
    base: str
    blank: bool
    grants: tuple[Grant, ...]


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What the file asks for.

    table: empty when it asks for none. region: the table's, empty for that of the connection.
    endpoint: DynamoDB Local's URL. bucket: None when it asks for none, empty for one that is to be named.
    own_bucket: the bucket is created when it is missing.
    """

    table: str = ""
    region: str = ""
    endpoint: str = ""
    bucket: str | None = None
    own_bucket: bool = True
    roles: tuple[WantedRole, ...] = ()
    users: tuple[WantedUser, ...] = ()

    @property
    def needs_account(self) -> bool:
        """Whether a policy names the account."""
        grants = [grant for role in self.roles for grant in role.grants]
        grants += [grant for user in self.users for grant in user.grants]
        return "table" in grants or "peer" in grants


def keys_of(prefix: str) -> tuple[str, str, str]:
    """The three properties of a user: its name, its access key's id, that key's secret."""
    return f"{prefix}-user", f"{prefix}-access-key-id", f"{prefix}-secret-key"


GENERATED_KEYS = (TRANSACTOR_ROLE, PEER_ROLE, BUCKET, *(key for prefix in USERS for key in keys_of(prefix)))
"""The keys that get a value when they stand in the file without one."""


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


def unsound(options: Options) -> list[Finding]:
    """What is wrong with the options themselves."""
    numbers = {
        "table_read_capacity": options.table_read_capacity,
        "table_write_capacity": options.table_write_capacity,
        "table_max_read_capacity": options.table_max_read_capacity,
        "table_max_write_capacity": options.table_max_write_capacity,
        "bucket_expiration_days": options.bucket_expiration_days,
    }
    findings = [
        Finding("invalid-option", f"Invalid value: {number}", key=name, suggestion="write a number of at least 1")
        for name, number in numbers.items()
        if number is not None and number < 1
    ]
    if not _IAM_NAME.fullmatch(options.role_prefix) or len(options.role_prefix) > LONGEST_ROLE_PREFIX:
        what = f"Invalid value: {options.role_prefix!a} cannot begin a role's name"
        instead = f"write 1 to {LONGEST_ROLE_PREFIX} letters, digits and + = , . @ _ - (datomic_role_prefix)"
        findings.append(Finding("invalid-option", what, key="role_prefix", suggestion=instead))
    boundary = options.permissions_boundary
    if boundary is not None and not _BOUNDARY.fullmatch(boundary):
        what = f"Invalid value: {boundary!a} is not the ARN of a managed policy"
        instead = "such as arn:aws:iam::123456789012:policy/boundary (datomic_permissions_boundary)"
        findings.append(Finding("invalid-option", what, key="permissions_boundary", suggestion=instead))
    pairs = {
        "table_max_read_capacity": (options.table_max_read_capacity, options.table_read_capacity),
        "table_max_write_capacity": (options.table_max_write_capacity, options.table_write_capacity),
    }
    for name, (most, least) in pairs.items():
        if most is not None and least is not None and most < least:
            what = f"Invalid value: {most} is less than the {least} units to start from"
            findings.append(Finding("invalid-option", what, key=name, suggestion=f"write {least} or more"))
    utilization = options.table_target_utilization
    if utilization is not None and utilization not in UTILIZATIONS:
        what, instead = f"Invalid value: {utilization}", "write a percentage from 20 to 90"
        findings.append(Finding("invalid-option", what, key="table_target_utilization", suggestion=instead))
    units = any(number is not None for pair in pairs.values() for number in pair)
    if units and options.table_billing_mode == ON_DEMAND:
        what, instead = "a table on demand has no units", "leave the capacities out, or the billing mode"
        findings.append(Finding("invalid-option", what, key="table_billing_mode", suggestion=instead))
    return findings


def required(properties: Properties, secrets: Collection[str] = ()) -> list[Finding]:
    """Names that AWS refuses and keys that contradict each other. secrets: keys whose values are kept elsewhere."""
    findings: list[Finding] = []
    protocol = properties.get("protocol")
    if protocol in ("ddb", "ddb-local"):
        findings += _table_findings(properties)
    if protocol == "ddb":
        findings += _identity_findings(properties, secrets)
    return findings + list(_name_findings(properties))


def _table_findings(properties: Properties) -> Iterator[Finding]:
    table = table_of(properties.as_dict())
    if table and not _TABLE_NAME.fullmatch(table):
        instead, why = "such as datomic", "DynamoDB takes no other name"
        what = f"no name for a DynamoDB table: {_TABLE_NAME_REFUSED}"
        yield properties.finding(TABLE, what, instead, rule="table-name", reason=why, source=_TABLE_NAME_DOCS)
    elif properties.get("protocol") == "ddb" and len(f"{table}-transactor") > _POLICY_NAME_LENGTH:
        instead = f"at most {_POLICY_NAME_LENGTH - len('-transactor')} characters"
        why = "the name of the policy that grants the table is made of the table's"
        what = "too long for the policy's name"
        yield properties.finding(TABLE, what, instead, rule="table-name", reason=why, source=_IAM_NAME_DOCS)


def _identity_findings(properties: Properties, secrets: Collection[str]) -> Iterator[Finding]:
    """Exactly one of role and user has to be there, for transactor and peer; a user with its three keys."""
    present = {*properties, *secrets}
    for role, prefix in ((TRANSACTOR_ROLE, TRANSACTOR_USER), (PEER_ROLE, PEER_USER)):
        user, key_id, secret = keys_of(prefix)
        if (role in present) == (user in present):
            told = f"Cannot use {role} property and {user}, {key_id} and {secret} properties together."
            missing = f"neither {role} nor {user} is in the file, which bin/datomic words: "
            yield properties.finding(
                role,
                told if role in properties else missing + told,
                f"write {role}= alone, for a role that is generated"
                if role not in properties
                else f"keep {role} and remove the three others",
                rule="one-identity",
                reason="exactly one of the two says who may use the table; without a value it is generated",
                source=DOCS,
            )
        elif user in present:
            yield from _group_findings(properties, prefix, "are required.", secrets)
    for prefix in (METRICS_USER, LOG_USER):
        if any(key in properties for key in keys_of(prefix)):
            yield from _group_findings(properties, prefix, "must be specified as group.", secrets)


def _group_findings(properties: Properties, prefix: str, wording: str, secrets: Collection[str]) -> Iterator[Finding]:
    user, key_id, secret = keys = keys_of(prefix)
    absent = [key for key in keys if key not in properties and key not in secrets]
    key = next((key for key in keys if key in properties), user)
    if absent:
        instead = "add " + " and ".join(f"{key}=" for key in absent)
        what, why = f"Properties {','.join(keys)} {wording}", "a user works with an access key's id and secret only"
        yield properties.finding(key, what, instead, rule="user-keys", reason=why, source=ACCESS_DOCS)
        return
    has_user, given, has_secret = (properties.has_value(key) or key in secrets for key in keys)
    if given != has_secret or (given and not has_user):
        yield properties.finding(
            user if given and has_secret else key_id,
            f"Properties {key_id},{secret} must be both set, or both unset.",
            "leave both blank to have an access key made, or write both and the user that they belong to",
            rule="user-keys",
            reason="AWS tells a secret once, when it makes the key: a half of one cannot be completed",
            source="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html",
        )


def _name_findings(properties: Properties) -> Iterator[Finding]:
    """Names that AWS would refuse."""
    bucket = properties.get(BUCKET)
    if bucket and not _BUCKET_NAME.fullmatch(bucket):
        instead = "3 to 63 of the letters a-z, digits, . and -, a letter or digit at both ends"
        what, why = "no name for an S3 bucket", "S3 takes no other name"
        yield properties.finding(BUCKET, what, instead, rule="bucket-name", reason=why, source=_BUCKET_NAME_DOCS)
    for key in (TRANSACTOR_ROLE, PEER_ROLE, *(keys_of(prefix)[0] for prefix in USERS)):
        if properties.has_value(key) and not _IAM_NAME.fullmatch(properties.get(key)):
            instead = "1 to 64 letters, digits and + = , . @ _ -, not an ARN"
            what, why = "no name for a role or user of IAM", "IAM takes no other name"
            yield properties.finding(key, what, instead, rule="iam-name", reason=why, source=_IAM_NAME_DOCS)
    for key in (REGION, METRICS_REGION):
        if properties.has_value(key) and not REGION_NAME.fullmatch(properties.get(key)):
            what, instead, why = "no name of a region", "such as us-east-1", "AWS has no endpoints there"
            yield properties.finding(key, what, instead, rule="region-name", reason=why, source=REGION_DOCS)
    if properties.has_value(ENDPOINT) and not _ENDPOINT.fullmatch(properties.get(ENDPOINT)):
        what, instead = "no endpoint", "write host:port, such as localhost:8000"
        why = "DynamoDB Local is looked for there"
        yield properties.finding(ENDPOINT, what, instead, rule="endpoint", reason=why, source=DOCS)


def observable(wanted: Wanted, findings: Iterable[Finding]) -> Wanted:
    """The resources without those that an error is about."""
    wrong = {finding.key for finding in findings if finding.severity == "error"}
    role_of = {TRANSACTOR_USER: TRANSACTOR_ROLE, PEER_USER: PEER_ROLE}
    return dataclasses.replace(
        wanted,
        table="" if wrong & {TABLE, ENDPOINT} else wanted.table,
        bucket=None if BUCKET in wrong else wanted.bucket,
        roles=tuple(role for role in wanted.roles if role.key not in wrong),
        users=tuple(
            user for user in wanted.users if not wrong & {*keys_of(user.prefix), role_of.get(user.prefix, user.prefix)}
        ),
    )


def wanted(properties: Properties, secrets: Collection[str] = (), role_prefix: str = ROLE_PREFIX) -> Wanted:
    """The resources that the file asks for; with findings, those that it seems to ask for.

    secrets: keys whose values are kept elsewhere: no access key is made for them. role_prefix: how the names of roles
    and users begin that are generated.
    """
    protocol = properties.get("protocol")
    metrics = properties.has_value(METRICS_REGION)
    if protocol == "ddb-local":
        endpoint = properties.get(ENDPOINT)
        url = endpoint if "://" in endpoint else f"http://{endpoint}"
        return Wanted(table=table_of(properties.as_dict()), region=properties.get(REGION), endpoint=url)
    if protocol != "ddb":
        return _wanted_elsewhere(properties, metrics)
    bucket = properties.get(BUCKET) if BUCKET in properties else None
    return Wanted(
        table=table_of(properties.as_dict()),
        region=properties.get(REGION),
        bucket=bucket,
        roles=tuple(_roles(properties, bucket is not None, metrics, role_prefix)),
        users=tuple(_users(properties, bucket is not None, metrics, secrets, role_prefix)),
    )


def _extras(logs: bool, metrics: bool) -> tuple[Grant, ...]:
    chosen: tuple[tuple[Grant, bool], ...] = (("logs", logs), ("metrics", metrics))
    return tuple(grant for grant, asked in chosen if asked)


def _wanted_elsewhere(properties: Properties, metrics: bool) -> Wanted:
    """Storage that is not DynamoDB: a role that is named may write logs and metrics; nothing is generated."""
    name = properties.get(TRANSACTOR_ROLE)
    grants = _extras(properties.has_value(BUCKET), metrics)
    if not name or not grants:
        return Wanted()
    role = WantedRole(TRANSACTOR_ROLE, name, "", grants)
    return Wanted(bucket=properties.get(BUCKET) or None, own_bucket=False, roles=(role,))


def _roles(properties: Properties, logs: bool, metrics: bool, start: str) -> Iterator[WantedRole]:
    grants: Mapping[str, tuple[Grant, ...]] = {
        TRANSACTOR_ROLE: ("table", *_extras(logs, metrics)),
        PEER_ROLE: ("peer",),
    }
    for key, granted in grants.items():
        if key in properties:
            yield WantedRole(key, properties.get(key), start + ROLE_ENDINGS[key], granted)


def _users(
    properties: Properties, logs: bool, metrics: bool, secrets: Collection[str], start: str
) -> Iterator[WantedUser]:
    grants: Mapping[str, tuple[Grant, ...]] = {
        TRANSACTOR_USER: ("table",),
        METRICS_USER: _extras(False, metrics),
        LOG_USER: _extras(logs, False),
        PEER_USER: ("peer",),
    }
    for prefix, granted in grants.items():
        user, key_id, _secret = keys_of(prefix)
        # Of a user whose name is kept elsewhere nothing can be asked.
        if user in properties and user not in secrets:
            blank = not properties.has_value(key_id) and key_id not in secrets
            base = start + prefix.removeprefix("aws")
            yield WantedUser(prefix, properties.get(user), base, blank, granted)
