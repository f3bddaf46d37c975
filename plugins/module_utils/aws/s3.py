# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""S3: buckets and their objects, and the executors of the log bucket's actions."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from ..actions import Executors
from ..errors import AwsError
from ..steps.transactor.bucket import (
    BlockPublicAccess,
    CreateBucket,
    EncryptBucket,
    PutBucketPolicy,
    SetLifecycle,
    TagBucket,
)
from ..steps.transactor.current import Bucket
from .calls import aws_call, aws_pages, aws_wait, run_parallel, tag_list, tags_of
from .errors import aws_errors

FIRST_REGION = "us-east-1"
"""The region in which CreateBucket takes no location."""
NO_BUCKET = ("404", "NoSuchBucket", "NotFound")
NO_OBJECT = ("404", "NoSuchKey")
FORBIDDEN = ("403", "Forbidden", "AccessDenied")
UNSET = (
    "NoSuchPublicAccessBlockConfiguration",
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchLifecycleConfiguration",
    "NoSuchBucketPolicy",
    "NoSuchTagSet",
)


def find(client: Any, name: str) -> tuple[bool | None, str]:
    """Whether the bucket exists, None when AWS forbids to look, and its region, empty when unknown."""
    try:
        answer = aws_call("look for the bucket", name, client.head_bucket, expected=NO_BUCKET, Bucket=name)
    except AwsError as error:
        if error.code in FORBIDDEN:
            return None, ""
        raise
    if answer is None:
        return False, ""
    return True, answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", "")


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
    """The bucket, with the requested settings. Its tags are one call with whether it exists."""
    exists, tag_set = _tagged(client, name) if tags else (find(client, name)[0], None)
    if not exists:
        return Bucket(exists=exists)
    blocked, encrypted, lifecycle, document = run_parallel(
        lambda: _setting(name, client.get_public_access_block) if public_access else {},
        lambda: _setting(name, client.get_bucket_encryption) if encryption else {},
        lambda: lifecycle_rules(client, name) if rules else (),
        lambda: _setting(name, client.get_bucket_policy) if policy else {},
    )
    defaults = [
        rule.get("ApplyServerSideEncryptionByDefault", {})
        for rule in encrypted.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    ]
    return Bucket(
        exists=True,
        public_access=blocked.get("PublicAccessBlockConfiguration"),
        encryption=defaults[0].get("SSEAlgorithm") if defaults else None,
        rules=lifecycle,
        policy=json.loads(document["Policy"]) if document else None,
        tags=tag_set,
    )


def _tagged(client: Any, name: str) -> tuple[bool | None, Mapping[str, str] | None]:
    """Whether the bucket exists, as find, and its tags.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketTagging.html
    """
    try:
        return True, tags_of(_setting(name, client.get_bucket_tagging).get("TagSet", []))
    except AwsError as error:
        if error.code in NO_BUCKET:
            return False, None
        # Another account's bucket, or only the permission for the tags is missing.
        if error.code in FORBIDDEN and find(client, name)[0] is None:
            return None, None
        raise


def lifecycle_rules(client: Any, name: str) -> tuple[Mapping[str, Any], ...]:
    """The bucket's lifecycle rules, in the shape of PutBucketLifecycleConfiguration."""
    return tuple(_setting(name, client.get_bucket_lifecycle_configuration).get("Rules", []))


def _setting(name: str, operation: Callable[..., Any]) -> dict[str, Any]:
    """A setting of the bucket, empty when it was never set."""
    what = operation.__name__.replace("_", " ").removeprefix("get ").removeprefix("bucket ")
    answer = aws_call(f"read the {what} of the bucket", name, operation, expected=UNSET, Bucket=name)
    setting: dict[str, Any] = answer or {}
    return setting


def executors(client: Any, region: str) -> Executors:
    """For a client in that region."""

    def create(name: str, bucket: CreateBucket) -> None:
        configuration: dict[str, Any] = {} if region == FIRST_REGION else {"LocationConstraint": region}
        in_request = _takes_tags(client)
        if bucket.tags and in_request:
            configuration["Tags"] = tag_list(bucket.tags)
        request: dict[str, Any] = {"CreateBucketConfiguration": configuration} if configuration else {}
        # It is this run's own bucket when the answer to a first request was lost.
        owned = ("BucketAlreadyOwnedByYou",)
        aws_call("create the bucket", name, client.create_bucket, expected=owned, Bucket=name, **request)
        if bucket.tags and not in_request:
            tag(name, TagBucket(bucket.tags))

    def put(setting: str, name: str, operation: Callable[..., Any], **request: Any) -> None:
        aws_wait("wait for the bucket", name, client, "bucket_exists", Bucket=name)
        aws_call(f"set the {setting} of the bucket", name, operation, Bucket=name, **request)

    def tag(name: str, bucket: TagBucket) -> None:
        put("tags", name, client.put_bucket_tagging, Tagging={"TagSet": tag_list(bucket.tags)})

    def public_access(name: str, block: BlockPublicAccess) -> None:
        operation = client.put_public_access_block
        put("public access block", name, operation, PublicAccessBlockConfiguration=block.switches)

    def encryption(name: str, desired: EncryptBucket) -> None:
        rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": desired.algorithm}}]}
        put("encryption", name, client.put_bucket_encryption, ServerSideEncryptionConfiguration=rules)

    def lifecycle(name: str, desired: SetLifecycle) -> None:
        operation = client.put_bucket_lifecycle_configuration
        put("lifecycle", name, operation, LifecycleConfiguration={"Rules": desired.rules})

    def policy(name: str, desired: PutBucketPolicy) -> None:
        if desired.document is None:
            aws_call("delete the policy of the bucket", name, client.delete_bucket_policy, Bucket=name)
        else:
            put("policy", name, client.put_bucket_policy, Policy=json.dumps(desired.document))

    chosen = Executors().add(CreateBucket, create).add(TagBucket, tag).add(BlockPublicAccess, public_access)
    return chosen.add(EncryptBucket, encryption).add(SetLifecycle, lifecycle).add(PutBucketPolicy, policy)


def _takes_tags(client: Any) -> bool:
    """Whether this botocore can create a bucket with its tags, which S3 supports since November 2025.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-create-tag.html
    """
    return "Tags" in client.meta.service_model.shape_for("CreateBucketConfiguration").members


def objects(client: Any, bucket: str, prefix: str) -> dict[str, float]:
    """When each object below the prefix was written, in seconds since 1970, by key."""
    place = f"s3://{bucket}/{prefix}"
    listed = aws_pages("list", place, client, "list_objects_v2", "Contents", Bucket=bucket, Prefix=prefix)
    return {entry["Key"]: entry["LastModified"].timestamp() for entry in listed}


def unreadable(client: Any, bucket: str, key: str) -> str:
    """AWS's error code when the object is missing or forbidden; empty when it can be read."""
    try:
        aws_call("look at", f"s3://{bucket}/{key}", client.head_object, Bucket=bucket, Key=key)
    except AwsError as error:
        if error.code in (*NO_OBJECT, *NO_BUCKET, *FORBIDDEN):
            return error.code
        raise
    return ""


def read(client: Any, bucket: str, key: str, limit: int | None = None) -> bytes | None:
    """The object's content, at most limit bytes of it; None when there is no object."""
    place = f"s3://{bucket}/{key}"
    answer = aws_call("read", place, client.get_object, expected=NO_OBJECT, Bucket=bucket, Key=key)
    if answer is None:
        return None
    with aws_errors("read", place, client):
        content: bytes = answer["Body"].read(limit)
        return content


def has_sha256(client: Any, bucket: str, key: str, checksum: str) -> bool | None:
    """Whether S3 keeps this SHA-256 (hexadecimal) of the object; None when there is no object."""
    place, operation = f"s3://{bucket}/{key}", client.head_object
    answer = aws_call("look at", place, operation, expected=NO_OBJECT, Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    return None if answer is None else answer.get("ChecksumSHA256") == _base64(checksum)


def download(client: Any, bucket: str, key: str, path: str) -> None:
    aws_call("download", f"s3://{bucket}/{key}", client.download_file, Bucket=bucket, Key=key, Filename=path)


def upload(client: Any, bucket: str, key: str, path: str, checksum: str) -> None:
    """Upload the file, then KEY.sha256 with its SHA-256: where there is a checksum, the file is complete."""
    place = f"s3://{bucket}/{key}"
    with open(path, "rb") as body:
        aws_call(
            "upload the release to",
            place,
            client.put_object,
            Bucket=bucket,
            Key=key,
            Body=body,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=_base64(checksum),
            ContentType="application/zip",
        )
    text = f"{checksum}  {key.rpartition('/')[2]}\n".encode("ascii")
    place, operation = f"{place}.sha256", client.put_object
    aws_call("upload", place, operation, Bucket=bucket, Key=f"{key}.sha256", Body=text, ContentType="text/plain")


def _base64(checksum: str) -> str:
    return base64.b64encode(bytes.fromhex(checksum)).decode("ascii")
