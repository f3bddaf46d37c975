# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at the place of a backup without the tool: its bucket, the bucket's rules, when a point was written."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from typing import Any

from .. import backup
from ..aws.client import Aws
from ..aws.errors import aws_errors
from ..errors import AwsError, DatomicError
from . import BackupUri

NO_RULES = "NoSuchLifecycleConfiguration"
ABSENT = frozenset(("404", "NoSuchBucket"))
FORBIDDEN = frozenset(("403", "AccessDenied"))


@dataclasses.dataclass(frozen=True)
class Rules:
    """breaking: lifecycle rules of the bucket that would break the backup. unseen: why they could not be looked at."""

    breaking: tuple[str, ...] = ()
    unseen: str = ""


def region_of(aws: Aws, uri: BackupUri, region: str | None, *, writing: bool) -> str:
    """The region of the backup's bucket, empty for a directory. DatomicError when the place cannot be used."""
    if uri.path:
        if writing:
            _look_at_directory(uri)
        return ""
    client = aws.client("s3", region=region)
    found = _bucket_region(client, uri)
    if region and found and found != region:
        raise DatomicError(
            f"The bucket {uri.bucket} of {uri.text} is in {found}, and the connection's region is {region}: "
            f"set backup_region to {found}, or correct the URI."
        )
    return found


def rules(aws: Aws, uri: BackupUri, region: str | None) -> Rules:
    """The lifecycle rules of the backup's bucket, as far as they concern the backup."""
    if uri.path:
        return Rules()
    client = aws.client("s3", region=region)
    try:
        with aws_errors("read the lifecycle rules of the bucket", uri.bucket, client):
            found = client.get_bucket_lifecycle_configuration(Bucket=uri.bucket).get("Rules", [])
    except AwsError as error:
        if error.code == NO_RULES:
            return Rules()
        if error.code in FORBIDDEN:
            return Rules(unseen=f"{error} A rule that expires objects would break the backup unnoticed.")
        raise
    return Rules(tuple(backup.breaking_rules(found, uri.prefix)))


def _look_at_directory(uri: BackupUri) -> None:
    place = uri.path
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        raise DatomicError(f"{uri.text} cannot be a backup: {place} is not a directory.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise DatomicError(f"{uri.text} cannot be written: this user has no rights in {place}.")


def _bucket_region(client: Any, uri: BackupUri) -> str:
    try:
        with aws_errors("look at the bucket", uri.bucket, client):
            headers = client.head_bucket(Bucket=uri.bucket)["ResponseMetadata"]["HTTPHeaders"]
    except AwsError as error:
        if error.code in ABSENT:
            raise DatomicError(
                f"The bucket {uri.bucket} of {uri.text} does not exist: create it, or correct the URI."
            ) from error
        if error.code in FORBIDDEN:
            raise DatomicError(
                f"The credentials have no rights on the bucket {uri.bucket} of {uri.text}: allow s3:ListBucket on it "
                "and s3:GetObject and s3:PutObject below it, or correct the URI."
            ) from error
        raise
    region: str = headers.get("x-amz-bucket-region", "")
    return region


def written(aws: Aws, uri: BackupUri, region: str | None) -> dict[int, float]:
    """When the root of each point in time was written, in seconds since 1970. Empty where nothing is found.

    A backup keeps one object for each point below roots/, named by it.
    """
    listed = _directory(uri.below("roots")) if uri.path else _objects(aws, uri, region)
    return {int(name): when for name, when in listed if name.isdigit()}


def _directory(path: str) -> Iterator[tuple[str, float]]:
    if os.path.isdir(path):
        with os.scandir(path) as entries:
            yield from ((entry.name, entry.stat().st_mtime) for entry in entries)


def _objects(aws: Aws, uri: BackupUri, region: str | None) -> Iterator[tuple[str, float]]:
    client = aws.client("s3", region=region)
    with aws_errors("list the backup", uri.text, client):
        for page in client.get_paginator("list_objects_v2").paginate(
            Bucket=uri.bucket, Prefix=uri.below("roots") + "/"
        ):
            for item in page.get("Contents", []):
                yield item["Key"].rpartition("/")[2], item["LastModified"].timestamp()
