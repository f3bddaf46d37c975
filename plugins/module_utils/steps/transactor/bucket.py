# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of the log bucket. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...actions import Action
from . import policies
from .current import OWNER_TAG, UNFINISHED_TAG, Bucket, Current, owner
from .desired import BUCKET, Desired, Options

SWITCHES = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
RULE = "datomic-logs-expiration"
"""The ID of the lifecycle rule; the bucket's other rules stay."""


@dataclasses.dataclass(frozen=True)
class CreateBucket:
    tags: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class TagBucket:
    tags: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class BlockPublicAccess:
    switches: Mapping[str, bool]


@dataclasses.dataclass(frozen=True)
class EncryptBucket:
    algorithm: str


@dataclasses.dataclass(frozen=True)
class SetLifecycle:
    rules: Sequence[Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class PutBucketPolicy:
    """document: None deletes the policy."""

    document: Mapping[str, Any] | None


def mark(desired: Desired, current: Current) -> str:
    """The value of UNFINISHED_TAG."""
    return owner(current.region, desired.table, BUCKET)


def is_unfinished(desired: Desired, current: Current) -> bool:
    """Whether a run of this system was killed between the bucket's creation and its last setting."""
    return (current.bucket.tags or {}).get(UNFINISHED_TAG) == mark(desired, current)


def may_be_unfinished(desired: Desired, current: Current) -> bool:
    """Whether to read its tags: the policy that lets the system write to it is created after its settings."""
    if not (desired.bucket and desired.own_bucket and current.bucket.exists):
        return False
    name = policies.name("logs", desired.table, desired.bucket)
    writers = [one for one in desired.identities if "logs" in one.grants]
    return not any(name in current.policies(one.kind, one.key) for one in writers)


def actions(
    name: str, bucket: Bucket, options: Options, tags: Mapping[str, str], partition: str, mark: str | None = None
) -> Iterator[Action]:
    """Create it, and set what the options say and it does not have.

    mark: the value of UNFINISHED_TAG, None for a bucket that gets no such tag.
    """
    given = tags
    if mark:
        tags = {**(bucket.tags or given), OWNER_TAG: mark, UNFINISHED_TAG: mark}
    if not bucket.exists:
        after = {"exists": True, **({"tags": dict(tags)} if tags else {})}
        yield Action("s3", "bucket", name, "create", after=after, params=CreateBucket(tags))
    elif bucket.tags == {} and given:
        # S3 tags a bucket in a call of its own, which a run that was killed has not made.
        yield _update("tags", name, {}, given, TagBucket(given))
    if options.bucket_block_public_access is not None:
        wanted = dict.fromkeys(SWITCHES, options.bucket_block_public_access)
        have = {switch: bool((bucket.public_access or {}).get(switch)) for switch in SWITCHES}
        # A bucket of 2023-04 or later is created with all four on, but the call costs nothing and says what is meant.
        if have != wanted:
            yield _update("public_access_block", name, have, wanted, BlockPublicAccess(wanted))
    if options.bucket_encryption is not None and options.bucket_encryption != bucket.encryption:
        params = EncryptBucket(options.bucket_encryption)
        yield _update("encryption", name, {"algorithm": bucket.encryption}, dataclasses.asdict(params), params)
    if options.bucket_expiration_days is not None:
        rules = [*(rule for rule in bucket.rules if rule.get("ID") != RULE), _rule(options.bucket_expiration_days)]
        own = next((rule for rule in bucket.rules if rule.get("ID") == RULE), None)
        if own is None or not _expires(own, options.bucket_expiration_days):
            yield _update("lifecycle", name, {"rules": list(bucket.rules)}, {"rules": rules}, SetLifecycle(rules))
    if options.bucket_tls_only is not None:
        yield from _over_tls(name, bucket.policy or {}, options.bucket_tls_only, partition)
    if mark:
        kept = {key: value for key, value in tags.items() if key != UNFINISHED_TAG}
        yield _update("tags", name, tags, kept, TagBucket(kept))


def _over_tls(name: str, have: Mapping[str, Any], wanted: bool, partition: str) -> Iterator[Action]:
    """Deny requests without TLS, next to the other statements of the bucket policy.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
    """
    arn = f"arn:{partition}:s3:::{name}"
    deny = {
        "Sid": "datomic-tls-only",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    statements = policies.listed(have.get("Statement"))
    others = [statement for statement in statements if not _is_same(statement, deny)]
    if wanted == (len(others) < len(statements)):
        return
    after = {"Version": "2012-10-17", **have, "Statement": [*others, deny] if wanted else others}
    if after["Statement"]:
        yield _update("bucket_policy", name, dict(have), after, PutBucketPolicy(after))
    else:
        before = {"bucket_policy": dict(have)}
        yield Action("s3", "bucket_policy", name, "delete", before=before, params=PutBucketPolicy(None))


def _is_same(statement: Mapping[str, Any], deny: Mapping[str, Any]) -> bool:
    everybody = {"Principal": "*"} if statement.get("Principal") in ({"AWS": "*"}, {"AWS": ["*"]}) else {}
    return policies.same({"Statement": [{**statement, **everybody}]}, {"Statement": [deny]})


def _rule(days: int) -> dict[str, Any]:
    return {"ID": RULE, "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": days}}


def _expires(rule: Mapping[str, Any], days: int) -> bool:
    expiration = rule.get("Expiration", {})
    return rule.get("Status") == "Enabled" and expiration.get("Days") == days


def _update(resource: str, name: str, before: Mapping[str, Any], after: Mapping[str, Any], params: object) -> Action:
    return Action("s3", resource, name, "update", {resource: before}, {resource: after}, params)
