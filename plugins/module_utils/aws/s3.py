# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""S3: the log bucket as it is, and the executors of its actions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import AwsError
from ..plan import Executors
from ..steps.transactor.bucket import (
    BlockPublicAccess,
    CreateBucket,
    EncryptBucket,
    PutBucketPolicy,
    SetLifecycle,
    TagBucket,
)
from ..steps.transactor.resources import Bucket
from .calls import gather
from .errors import aws_errors

FIRST_REGION = "us-east-1"
"""The region in which CreateBucket takes no location."""

MISSING = ("404", "NoSuchBucket", "NotFound")
FORBIDDEN = ("403", "Forbidden", "AccessDenied")
UNSET = (
    "NoSuchPublicAccessBlockConfiguration",
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchLifecycleConfiguration",
    "NoSuchBucketPolicy",
    "NoSuchTagSet",
)

WAIT = {"Delay": 1, "MaxAttempts": 60}
"""Seconds between looks, and looks: one minute for a new bucket to be seen."""


def observe(
    client: Any,
    name: str,
    *,
    public_access: bool = False,
    encryption: bool = False,
    rules: bool = False,
    policy: bool = False,
    tags: bool = False,
) -> Bucket:
    """The bucket; of its settings those that are asked for, each in a call of its own, side by side."""
    try:
        with aws_errors("look for the bucket", name, client):
            client.head_bucket(Bucket=name)
    except AwsError as error:
        if error.code in MISSING:
            return Bucket(exists=False)
        if error.code in FORBIDDEN:
            return Bucket(exists=None)
        raise
    reads: dict[str, Callable[[], Any]] = {}
    if public_access:
        reads["public_access"] = lambda: _setting(client, name, "get_public_access_block")
    if encryption:
        reads["encryption"] = lambda: _setting(client, name, "get_bucket_encryption")
    if rules:
        reads["rules"] = lambda: _setting(client, name, "get_bucket_lifecycle_configuration")
    if policy:
        reads["policy"] = lambda: _setting(client, name, "get_bucket_policy")
    if tags:
        reads["tags"] = lambda: _setting(client, name, "get_bucket_tagging")
    found = gather(reads)
    encrypted = found.get("encryption", {}).get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    algorithms = [rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm") for rule in encrypted]
    return Bucket(
        exists=True,
        public_access=found.get("public_access", {}).get("PublicAccessBlockConfiguration"),
        encryption=algorithms[0] if algorithms else None,
        rules=tuple(found.get("rules", {}).get("Rules", [])),
        policy=json.loads(found["policy"]["Policy"]) if found.get("policy") else None,
        tags={tag["Key"]: tag["Value"] for tag in found["tags"].get("TagSet", [])} if tags else None,
    )


def _setting(client: Any, name: str, call: str) -> dict[str, Any]:
    """A setting of the bucket, empty when it was never set."""
    try:
        with aws_errors(f"call {call} for the bucket", name, client):
            answer: dict[str, Any] = getattr(client, call)(Bucket=name)
            return answer
    except AwsError as error:
        if error.code in UNSET:
            return {}
        raise


def _tags_at_once(client: Any) -> bool:
    """Whether this botocore knows that a bucket can be created with its tags, as S3 does since November 2025.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-create-tag.html
    """
    return "Tags" in client.meta.service_model.shape_for("CreateBucketConfiguration").members


def _tag_set(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def executors(client: Any, region: str) -> Executors:
    """For a client in that region."""

    def create(name: str, bucket: CreateBucket) -> None:
        configuration: dict[str, Any] = {} if region == FIRST_REGION else {"LocationConstraint": region}
        at_once = _tags_at_once(client)
        if bucket.tags and at_once:
            configuration["Tags"] = _tag_set(bucket.tags)
        given = {"CreateBucketConfiguration": configuration} if configuration else {}
        try:
            with aws_errors("create the bucket", name, client):
                client.create_bucket(Bucket=name, **given)
        except AwsError as error:
            # Our own request whose answer was lost. BucketAlreadyExists is somebody else's.
            if error.code != "BucketAlreadyOwnedByYou":
                raise
        if bucket.tags and not at_once:
            tag(name, TagBucket(bucket.tags))

    def tag(name: str, bucket: TagBucket) -> None:
        seen(name)
        with aws_errors("tag the bucket", name, client):
            client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": _tag_set(bucket.tags)})

    def seen(name: str) -> None:
        with aws_errors("wait for the bucket", name, client):
            client.get_waiter("bucket_exists").wait(Bucket=name, WaiterConfig=WAIT)

    def public_access(name: str, block: BlockPublicAccess) -> None:
        seen(name)
        with aws_errors("set the public access block of the bucket", name, client):
            client.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block.switches)

    def encryption(name: str, wanted: EncryptBucket) -> None:
        seen(name)
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": wanted.algorithm}}
        with aws_errors("set the encryption of the bucket", name, client):
            client.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})

    def lifecycle(name: str, wanted: SetLifecycle) -> None:
        seen(name)
        with aws_errors("set the lifecycle of the bucket", name, client):
            client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": wanted.rules})

    def policy(name: str, wanted: PutBucketPolicy) -> None:
        if wanted.document is None:
            with aws_errors("delete the policy of the bucket", name, client):
                client.delete_bucket_policy(Bucket=name)
            return
        seen(name)
        with aws_errors("set the policy of the bucket", name, client):
            client.put_bucket_policy(Bucket=name, Policy=json.dumps(wanted.document))

    chosen = Executors().add(CreateBucket, create).add(TagBucket, tag).add(BlockPublicAccess, public_access)
    return chosen.add(EncryptBucket, encryption).add(SetLifecycle, lifecycle).add(PutBucketPolicy, policy)
