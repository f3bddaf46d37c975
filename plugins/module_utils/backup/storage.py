# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at the place of a backup without the tool: its bucket, the bucket's rules, when a point was written."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator

from .. import backup
from ..aws import s3
from ..aws.client import Aws
from ..errors import AwsError, DatomicError
from . import BackupUri


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
    exists, found = s3.find(aws.client("s3", region=region), uri.bucket)
    if exists is None:
        raise DatomicError(
            f"The credentials have no rights on the bucket {uri.bucket} of {uri.text}: allow s3:ListBucket on it "
            "and s3:GetObject and s3:PutObject below it, or correct the URI."
        )
    if not exists:
        raise DatomicError(f"The bucket {uri.bucket} of {uri.text} does not exist: create it, or correct the URI.")
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
    try:
        found = s3.lifecycle_rules(aws.client("s3", region=region), uri.bucket)
    except AwsError as error:
        if error.code in s3.FORBIDDEN:
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


def written(aws: Aws, uri: BackupUri, region: str | None) -> dict[int, float]:
    """When the root of each point in time was written, in seconds since 1970. Empty where nothing is found.

    A backup keeps one object for each point below roots/, named by it.
    """
    if uri.path:
        listed = dict(_directory(uri.below("roots")))
    else:
        listed = s3.objects(aws.client("s3", region=region), uri.bucket, uri.below("roots") + "/")
    names = {key.rpartition("/")[2]: when for key, when in listed.items()}
    return {int(name): when for name, when in names.items() if name.isdigit()}


def _directory(path: str) -> Iterator[tuple[str, float]]:
    if os.path.isdir(path):
        with os.scandir(path) as entries:
            yield from ((entry.name, entry.stat().st_mtime) for entry in entries)
