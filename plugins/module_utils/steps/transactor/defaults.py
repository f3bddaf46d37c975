# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a resource gets that is new, where no option says it: what bin/datomic gives it, or what is safe. Pure.

An existing resource keeps what it has. A bucket is new until its settings are written: it carries a tag from its
creation on, which S3 sets in the same call, so that a run that was killed in between is noticed by the next one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from . import BUCKET, Options, Wanted, policies
from .resources import UNFINISHED_TAG, Bucket, Observed, owner


def settled(options: Options, wanted: Wanted, observed: Observed) -> Options:
    """The options with the defaults of what is new."""
    if options.defaults != "secure":
        return dataclasses.replace(options, policies=options.policies or "tool")
    chosen = dataclasses.replace(options, policies=options.policies or _flavor(wanted, observed))
    bucket = observed.bucket or Bucket(exists=False)
    if bucket.exists is False or is_unfinished(wanted, observed):
        chosen = dataclasses.replace(
            chosen,
            bucket_block_public_access=_or(options.bucket_block_public_access, True),
            bucket_encryption=options.bucket_encryption or "AES256",
            bucket_tls_only=_or(options.bucket_tls_only, True),
        )
    return chosen


def _or(given: bool | None, default: bool) -> bool:
    return default if given is None else given


def is_unfinished(wanted: Wanted, observed: Observed) -> bool:
    """Whether a run of this system was killed between the bucket's creation and its last setting."""
    tags = observed.bucket.tags if observed.bucket else None
    return tags is not None and tags.get(UNFINISHED_TAG) == owner(observed.region, wanted.table, BUCKET)


def may_be_unfinished(wanted: Wanted, observed: Observed) -> bool:
    """Whether its tags are worth a look: the policy that lets the system write to it comes after its settings."""
    if not (wanted.bucket and wanted.own_bucket and observed.bucket and observed.bucket.exists):
        return False
    name = policies.name("logs", wanted.table, wanted.bucket)
    held = [observed.roles[role.key].policies for role in wanted.roles if "logs" in role.grants]
    held += [observed.users[user.prefix].policies for user in wanted.users if "logs" in user.grants]
    return not any(name in one for one in held)


def _flavor(wanted: Wanted, observed: Observed) -> policies.Flavor:
    """The kind of policies that the system has; of one that has none yet, least_privilege."""
    kinds = [policies.flavor(grant, document) for grant, document in _held(wanted, observed)]
    return "tool" if "tool" in kinds else "least_privilege"


def _held(wanted: Wanted, observed: Observed) -> Iterator[tuple[policies.Grant, policies.Document]]:
    bucket = wanted.bucket or ""
    held = [(role.grants, observed.roles[role.key].policies) for role in wanted.roles]
    held += [(user.grants, observed.users[user.prefix].policies) for user in wanted.users]
    for grants, documents in held:
        for grant in grants:
            name = policies.name(grant, wanted.table, bucket)
            if name in documents:
                yield grant, documents[name]
