# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with a transactor's file or with the options, whatever AWS holds. Pure.

Messages with the words of bin/datomic or AWS keep them, so that a user can look them up.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from ...errors import Finding
from ...properties.file import Properties
from ...properties.keys import IAM_NAME, table_of
from ...system import System
from .desired import (
    LOG_USER,
    METRICS_USER,
    PEER_ROLE,
    PEER_USER,
    TABLE,
    TRANSACTOR_ROLE,
    TRANSACTOR_USER,
    Options,
    keys_of,
)
from .table import ON_DEMAND

DOCS = "https://docs.datomic.com/operation/storage.html"
ACCESS_DOCS = "https://docs.datomic.com/operation/aws-access-control.html"
TABLE_NAME_DOCS = (
    "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html"
)
IAM_NAME_DOCS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"
KEYS_DOCS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html"

UTILIZATIONS = range(20, 91)
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/AutoScaling.html"""
LONGEST_ROLE_PREFIX = 48
"""IAM's 64 characters without the longest ending, -dynamodb-peer, and a number for a name that is taken."""
LONGEST_TABLE_NAME = 128 - len("-transactor")
"""The name of a policy, at most 128 characters, contains the table's."""

TABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}", re.ASCII)
BOUNDARY = re.compile(r"arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[\w+=,.@/-]+", re.ASCII)


def of_options(system: System, options: Options) -> list[Finding]:
    """What is wrong with the options themselves."""
    wrong = _wrong(system, options)
    return [Finding("invalid-option", what, key=name, suggestion=instead) for name, what, instead in wrong]


def _wrong(system: System, options: Options) -> Iterator[tuple[str, str, str]]:
    """The option, the message, the suggestion."""
    pairs = {
        "table_max_read_capacity": (options.table_max_read_capacity, options.table_read_capacity),
        "table_max_write_capacity": (options.table_max_write_capacity, options.table_write_capacity),
    }
    for name in ("table_read_capacity", "table_write_capacity", *pairs, "bucket_expiration_days"):
        number: int | None = getattr(options, name)
        if number is not None and number < 1:
            yield name, f"Invalid value: {number}", "write a number of at least 1"
    if not IAM_NAME.fullmatch(system.role_prefix) or len(system.role_prefix) > LONGEST_ROLE_PREFIX:
        instead = f"write 1 to {LONGEST_ROLE_PREFIX} letters, digits and + = , . @ _ - (datomic_role_prefix)"
        yield "role_prefix", f"Invalid value: {system.role_prefix!a} cannot begin a role's name", instead
    boundary = system.permissions_boundary
    if boundary is not None and not BOUNDARY.fullmatch(boundary):
        instead = "such as arn:aws:iam::123456789012:policy/boundary (datomic_permissions_boundary)"
        yield "permissions_boundary", f"Invalid value: {boundary!a} is not the ARN of a managed policy", instead
    for name, (most, least) in pairs.items():
        if most is not None and least is not None and most < least:
            yield name, f"Invalid value: {most} is less than the {least} units to start from", f"write {least} or more"
    utilization = options.table_target_utilization
    if utilization is not None and utilization not in UTILIZATIONS:
        yield "table_target_utilization", f"Invalid value: {utilization}", "write a percentage from 20 to 90"
    units = any(number is not None for pair in pairs.values() for number in pair)
    if units and options.table_billing_mode == ON_DEMAND:
        instead = "leave the capacities out, or the billing mode"
        yield "table_billing_mode", "a table on demand has no units", instead


def of_file(properties: Properties, secrets: Collection[str] = ()) -> list[Finding]:
    """A wrong name of the table, and keys that contradict each other. secrets: keys whose values are kept elsewhere."""
    protocol = properties.get("protocol")
    findings = [*_table_findings(properties)] if protocol in ("ddb", "ddb-local") else []
    if protocol == "ddb":
        findings += _identity_findings(properties, secrets)
    return findings


def _table_findings(properties: Properties) -> Iterator[Finding]:
    table = table_of(properties.as_dict())
    if table and not TABLE_NAME.fullmatch(table):
        what = (
            f"Invalid value for {TABLE}: {table}. Invalid table/index name.  Table/index names must be between "
            "3 and 255 characters long, and may contain only the characters a-z, A-Z, 0-9, '_', '-', and '.'"
        )
        instead, why = "such as datomic", "DynamoDB takes no other name"
        yield properties.finding(TABLE, what, instead, rule="table-name", reason=why, source=TABLE_NAME_DOCS)
    elif properties.get("protocol") == "ddb" and len(table) > LONGEST_TABLE_NAME:
        what, instead = "too long for the policy's name", f"at most {LONGEST_TABLE_NAME} characters"
        why = "the name of the policy that grants the table is made of the table's"
        yield properties.finding(TABLE, what, instead, rule="table-name", reason=why, source=IAM_NAME_DOCS)


def _identity_findings(properties: Properties, secrets: Collection[str]) -> Iterator[Finding]:
    """Exactly one of role and user has to be there, for transactor and peer; a user with its three keys."""
    present = {*properties, *secrets}
    for role, prefix in ((TRANSACTOR_ROLE, TRANSACTOR_USER), (PEER_ROLE, PEER_USER)):
        user, key_id, secret = keys_of(prefix)
        if (role in present) == (user in present):
            both = f"Cannot use {role} property and {user}, {key_id} and {secret} properties together."
            missing = f"neither {role} nor {user} is in the file, which bin/datomic words: "
            yield properties.finding(
                role,
                both if role in properties else missing + both,
                f"keep {role} and remove the three others"
                if role in properties
                else f"write {role}= alone, for a role that is generated",
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
            "leave both blank to have an access key created, or write both and the user that they belong to",
            rule="user-keys",
            reason="AWS shows a secret only once, when it creates the key: a half of one cannot be completed",
            source=KEYS_DOCS,
        )
