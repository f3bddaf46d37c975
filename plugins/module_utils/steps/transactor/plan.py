# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of ensure_transactor: from desired and current resources to actions and the file's new values. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from ...actions import Action, Actions, Decision
from ...errors import Finding
from ...system import System
from . import bucket, identities, policies, table
from .current import Current
from .desired import BUCKET, REGION, TABLE, Desired, Options

BUCKET_BASE = "datomic-logs-"


def decide(system: System, desired: Desired, current: Current, options: Options, unique: Callable[[], str]) -> Decision:
    """The plan and the file's new values, with findings that may forbid them.

    unique: makes the random part of a bucket's name, or what represents it in check mode.
    """
    properties = system.transactor
    if current.account.partition not in policies.EC2:
        what = f"roles and policies for the partition {current.account.partition} of AWS are not known"
        instead = f"systems in the partitions {', '.join(policies.EC2)}"
        return Decision(findings=(properties.finding(REGION, what, instead, rule="partition"),))
    options = with_defaults(options, desired, current)
    name = BUCKET_BASE + unique() if desired.bucket == "" else desired.bucket or ""
    planner = identities.Planner(system, desired, current, options.policies or "tool", name)
    steps = [
        *_table(system, desired, current, options),
        *_bucket(system, desired, current, options, name),
        *planner.plan(),
    ]
    values = dict(planner.values)
    if desired.table and TABLE not in properties:
        values[TABLE] = desired.table
    if desired.bucket is not None and desired.own_bucket:
        values[BUCKET] = name
    return Decision(
        {key: value for key, value in values.items() if properties.get(key) != value},
        Actions(tuple(step for step in steps if isinstance(step, Action))),
        tuple(planner.late),
        tuple(step for step in steps if isinstance(step, Finding)),
    )


def _table(system: System, desired: Desired, current: Current, options: Options) -> Iterator[Action | Finding]:
    if desired.table:
        yield from table.findings(system, current.table, options)
        yield from table.actions(system, current.table, current.scaling, options, local=bool(desired.endpoint))


def _bucket(
    system: System, desired: Desired, current: Current, options: Options, name: str
) -> Iterator[Action | Finding]:
    if desired.bucket is None or not desired.own_bucket:
        return
    if current.bucket.exists is None:
        what = f"AWS forbids to look at the bucket {name}"
        instead = "another account may own it: choose another name, or allow s3:ListBucket on it"
        yield system.transactor.finding(BUCKET, what, instead, rule="bucket-forbidden")
        return
    is_new = not current.bucket.exists or bucket.is_unfinished(desired, current)
    mark = bucket.mark(desired, current) if options.defaults == "secure" and is_new else None
    yield from bucket.actions(name, current.bucket, options, system.tags, current.account.partition, mark)


def with_defaults(options: Options, desired: Desired, current: Current) -> Options:
    """The options with the defaults of new resources: what bin/datomic gives them, or what is secure.

    An existing resource keeps what it has. A bucket counts as new until its settings are written (UNFINISHED_TAG).
    """
    if options.defaults != "secure":
        return dataclasses.replace(options, policies=options.policies or "tool")
    options = dataclasses.replace(options, policies=options.policies or _flavor(desired, current))
    if current.bucket.exists is not False and not bucket.is_unfinished(desired, current):
        return options
    block, tls = options.bucket_block_public_access, options.bucket_tls_only
    return dataclasses.replace(
        options,
        bucket_block_public_access=True if block is None else block,
        bucket_encryption=options.bucket_encryption or "AES256",
        bucket_tls_only=True if tls is None else tls,
    )


def _flavor(desired: Desired, current: Current) -> policies.Flavor:
    """The kind of policies that the system has, least_privilege for a system without any."""
    for identity in desired.identities:
        documents = current.policies(identity.kind, identity.key)
        for grant in identity.grants:
            document = documents.get(policies.name(grant, desired.table, desired.bucket or ""))
            if document is not None and policies.flavor(grant, document) == "tool":
                return "tool"
    return "least_privilege"
