# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""S3 as AWS has it: what a new bucket has, what names it takes, and whose buckets can be seen."""

from __future__ import annotations

import re
from typing import Any

import xmltodict
from moto.s3 import exceptions
from moto.s3.models import FakeBucket, PublicAccessBlock, S3Backend, s3_backends
from moto.s3.responses import S3Response

from tests.emulator import visibility

_NAME = re.compile(r"(?!xn--|sthree-)(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def apply() -> None:
    _new_buckets()
    _removed_encryption()
    _others_buckets()


def _new_buckets() -> None:
    """A new bucket is encrypted, blocks public access and has no ACLs; its name keeps the rules. moto knows none of it.

    "Setting default server-side encryption behavior for Amazon S3 buckets",
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-encryption.html;
    "Blocking public access to your Amazon S3 storage",
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html;
    "Controlling ownership of objects",
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html;
    "General purpose bucket naming rules",
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    create = S3Backend.create_bucket

    def create_bucket(self: S3Backend, bucket_name: str, *args: Any, **kwargs: Any) -> FakeBucket:
        if not _NAME.fullmatch(bucket_name):
            raise exceptions.InvalidBucketName
        bucket: FakeBucket = create(self, bucket_name, *args, **kwargs)
        bucket.encryption = _encryption()
        bucket.public_access_block = PublicAccessBlock("true", "true", "true", "true")
        bucket.ownership_rule = "BucketOwnerEnforced"
        visibility.made("bucket", bucket_name)
        return bucket

    S3Backend.create_bucket = create_bucket


def _encryption() -> dict[str, Any]:
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": "false"}
    return {"Rule": default}


def _removed_encryption() -> None:
    """Without a configuration of its own a bucket is encrypted with SSE-S3 again.

    "DeleteBucketEncryption", https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketEncryption.html
    """

    def delete_bucket_encryption(self: S3Backend, bucket_name: str) -> None:
        self.get_bucket(bucket_name).encryption = _encryption()

    S3Backend.delete_bucket_encryption = delete_bucket_encryption


def _tags(body: Any) -> dict[str, str]:
    """A bucket is created with the tags of the request; moto drops them.

    "Creating general purpose buckets with tags",
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-create-tag.html
    """
    configuration = xmltodict.parse(body).get("CreateBucketConfiguration") if body else None
    tags = ((configuration or {}).get("Tags") or {}).get("Tag") or []
    return {tag["Key"]: tag["Value"] for tag in (tags if isinstance(tags, list) else [tags])}


def _others_buckets() -> None:
    """Another account's bucket is 403, a bucket made just now may be 404; its name is taken all the same.

    "HeadBucket", https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html;
    "CreateBucket", BucketAlreadyExists, https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
    """
    get, put = S3Backend.get_bucket, S3Response._bucket_response_put

    def get_bucket(self: S3Backend, bucket_name: str) -> FakeBucket:
        owner = s3_backends.bucket_accounts.get(bucket_name)
        if owner and owner[1] != self.account_id and not visibility.all_seen():
            raise exceptions.BucketAccessDeniedError(bucket=bucket_name)
        if visibility.hidden("bucket", bucket_name):
            raise exceptions.MissingBucket(bucket=bucket_name)
        bucket: FakeBucket = get(self, bucket_name)
        return bucket

    def put_bucket(self: S3Response, request: Any, bucket_name: str, querystring: Any) -> Any:
        if querystring:
            return put(self, request, bucket_name, querystring)
        with visibility.everything():  # whether a name is taken is known at once
            new = bucket_name not in s3_backends.bucket_accounts
            answer = put(self, request, bucket_name, querystring)
            if new and (tags := _tags(self.body)):
                self.backend.put_bucket_tagging(bucket_name, tags)
            return answer

    S3Backend.get_bucket = get_bucket
    S3Response._bucket_response_put = put_bucket
