# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""S3: the log bucket as it is, and the executors of its actions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import AwsError
from ..plan import Action, Executor
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


def executors(client: Any, region: str) -> dict[tuple[str, str, str], Executor]:
    """By (service, resource, change), for a client in that region."""

    def create(action: Action) -> None:
        configuration: dict[str, Any] = {} if region == FIRST_REGION else {"LocationConstraint": region}
        tags, at_once = action.after.get("tags", {}), _tags_at_once(client)
        if tags and at_once:
            configuration["Tags"] = _tag_set(tags)
        given = {"CreateBucketConfiguration": configuration} if configuration else {}
        try:
            with aws_errors("create the bucket", action.name, client):
                client.create_bucket(Bucket=action.name, **given)
        except AwsError as error:
            # Our own request whose answer was lost. BucketAlreadyExists is somebody else's.
            if error.code != "BucketAlreadyOwnedByYou":
                raise
        if tags and not at_once:
            tag(action)

    def tag(action: Action) -> None:
        tags = _tag_set(action.after["tags"])
        seen(action.name)
        with aws_errors("tag the bucket", action.name, client):
            client.put_bucket_tagging(Bucket=action.name, Tagging={"TagSet": tags})

    def seen(name: str) -> None:
        with aws_errors("wait for the bucket", name, client):
            client.get_waiter("bucket_exists").wait(Bucket=name, WaiterConfig=WAIT)

    def public_access(action: Action) -> None:
        seen(action.name)
        with aws_errors("set the public access block of the bucket", action.name, client):
            client.put_public_access_block(
                Bucket=action.name, PublicAccessBlockConfiguration=action.after["public_access_block"]
            )

    def encryption(action: Action) -> None:
        seen(action.name)
        algorithm = action.after["encryption"]["algorithm"]
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
        with aws_errors("set the encryption of the bucket", action.name, client):
            client.put_bucket_encryption(Bucket=action.name, ServerSideEncryptionConfiguration={"Rules": [rule]})

    def lifecycle(action: Action) -> None:
        seen(action.name)
        with aws_errors("set the lifecycle of the bucket", action.name, client):
            client.put_bucket_lifecycle_configuration(
                Bucket=action.name, LifecycleConfiguration={"Rules": action.after["lifecycle"]["rules"]}
            )

    def policy(action: Action) -> None:
        seen(action.name)
        document = json.dumps(action.after["bucket_policy"])
        with aws_errors("set the policy of the bucket", action.name, client):
            client.put_bucket_policy(Bucket=action.name, Policy=document)

    def no_policy(action: Action) -> None:
        with aws_errors("delete the policy of the bucket", action.name, client):
            client.delete_bucket_policy(Bucket=action.name)

    return {
        ("s3", "bucket", "create"): create,
        ("s3", "bucket_policy", "update"): policy,
        ("s3", "bucket_policy", "delete"): no_policy,
        ("s3", "tags", "update"): tag,
        ("s3", "public_access_block", "update"): public_access,
        ("s3", "encryption", "update"): encryption,
        ("s3", "lifecycle", "update"): lifecycle,
    }
