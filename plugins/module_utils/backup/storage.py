# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup's directory or bucket, read without the tool: rights, region, lifecycle rules, points in time."""

from __future__ import annotations

import os

from ansible.module_utils.common.warnings import warn

from .. import backup
from ..aws import s3
from ..aws.client import Aws
from ..errors import AwsError, DatomicError
from . import BackupUri


def region_of(aws: Aws, uri: BackupUri, region: str | None, *, writing: bool) -> str:
    """The region of the backup's bucket, empty for a directory. DatomicError for an unusable bucket or directory."""
    if uri.path:
        if writing:
            _require_writable(uri)
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


def refuse_breaking_rules(aws: Aws, uri: BackupUri, region: str | None, *, accept: bool) -> None:
    """DatomicError for lifecycle rules of the bucket that would break the backup. accept: only warn of them."""
    if uri.path:
        return
    try:
        found = s3.lifecycle_rules(aws.client("s3", region=region), uri.bucket)
    except AwsError as error:
        if error.code not in s3.FORBIDDEN:
            raise
        warn(f"{error} A rule that expires objects would break the backup unnoticed.")
        return
    breaking = backup.breaking_rules(found, uri.prefix)
    if not breaking:
        return
    text = (
        f"The bucket {uri.bucket} has lifecycle rules that would break the backup {uri.text}: {', '.join(breaking)}. "
        "A differential backup keeps using objects of any age. Limit the rules to other prefixes"
    )
    if not accept:
        raise DatomicError(f"{text}, or set accept_lifecycle.")
    warn(f"{text}.")


def _require_writable(uri: BackupUri) -> None:
    existing = uri.path
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    if not os.path.isdir(existing):
        raise DatomicError(f"{uri.text} cannot be a backup: {existing} is not a directory.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise DatomicError(f"Permission denied: the user that runs Ansible cannot write {uri.text} to {existing}.")


def written(aws: Aws, uri: BackupUri, region: str | None) -> dict[int, float]:
    """When each point in time was written, in seconds since 1970. Empty where there is no backup.

    A backup keeps one object below roots/ for each point, named after it.
    """
    roots = uri.below("roots")
    if not uri.path:
        listed = s3.objects(aws.client("s3", region=region), uri.bucket, f"{roots}/")
        times = {key.rpartition("/")[2]: when for key, when in listed.items()}
    elif os.path.isdir(roots):
        times = {entry.name: entry.stat().st_mtime for entry in os.scandir(roots)}
    else:
        times = {}
    return {int(name): when for name, when in times.items() if name.isdigit()}
