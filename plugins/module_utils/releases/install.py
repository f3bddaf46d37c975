# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A wanted release made present: archive, directory, deploy bucket, link and removals, in this order."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
from typing import Any

from ..aws import s3
from ..aws.client import Aws
from ..aws.errors import DENIED
from ..aws.sts import refuse_other_account
from ..cli import java
from ..errors import AwsError, DatomicError
from ..util import lock
from . import archive as archives
from . import distribution, download, versions

WAIT_SECONDS = 1800
"""How long another run may work in dest: as long as a download over a slow line takes."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The options of the module distribution; an empty string stands for an option that is not given."""

    version: str
    dest: str
    account_id: str = ""
    source: str = ""
    checksum: str = ""
    current: bool = True
    keep: int | None = None
    remove: tuple[str, ...] = ()
    deploy_bucket: str = ""
    timeout: int = 60
    validate_certs: bool = True

    @property
    def url(self) -> str:
        return (self.source or versions.PUBLIC_URL).replace("{version}", self.version)

    @property
    def sha256(self) -> str:
        return self.checksum or versions.CHECKSUMS.get(self.version, "")

    @property
    def asks_aws(self) -> bool:
        return bool(self.deploy_bucket) or self.url.startswith("s3://")

    @property
    def lock_name(self) -> str:
        return f"datomic-distribution-{hashlib.sha256(os.fsencode(os.path.realpath(self.dest))).hexdigest()[:32]}.lock"

    @property
    def home(self) -> str:
        return distribution.home_of(self.dest, self.version)

    @property
    def deploy_key(self) -> str:
        return f"{self.version}/{distribution.PREFIX}{self.version}.zip" if self.deploy_bucket else ""


@dataclasses.dataclass(frozen=True)
class State:
    """What there is: the part of the result that the diff shows."""

    installed: tuple[str, ...]
    current: str
    deployed: str

    def text(self, bucket: str) -> str:
        lines = [f"installed: {', '.join(self.installed) or 'none'}", f"current: {self.current or 'none'}"]
        if bucket:
            lines.append(f"{bucket}: {self.deployed or 'nothing'}")
        return "\n".join(lines) + "\n"


def ensure(wanted: Wanted, aws: Aws, *, check: bool) -> dict[str, Any]:
    """Bring the machine and the deploy bucket to what is wanted; the result of the module.

    Runs on one machine that have the same dest go one after the other; what there is, is looked at after the wait.
    """
    _sound(wanted)
    if wanted.asks_aws:
        refuse_other_account(aws, wanted.account_id)
    busy = (
        f"Another run works on the releases in {wanted.dest}; it did not end within {WAIT_SECONDS // 60} minutes. "
        "Wait for it to end and run again."
    )
    try:
        if check:
            return _ensured(wanted, aws, check=True)
        with lock.only_one(wanted.lock_name, busy, wait=WAIT_SECONDS):
            distribution.clean(wanted.dest)
            return _ensured(wanted, aws, check=False)
    except OSError as error:
        raise distribution.unwritten(error, wanted.dest) from error


def _ensured(wanted: Wanted, aws: Aws, *, check: bool) -> dict[str, Any]:
    before = State(
        installed=tuple(distribution.installed(wanted.dest)),
        current=distribution.current(wanted.dest),
        deployed=_deployed(wanted, aws),
    )
    present = wanted.version in before.installed
    if present:
        distribution.inspect(wanted.home, wanted.version)
    in_use = {wanted.version} if wanted.current else {wanted.version, before.current}
    doomed = distribution.superfluous(
        list(before.installed), in_use=in_use, keep=wanted.keep, remove=list(wanted.remove)
    )
    upload = bool(wanted.deploy_bucket) and before.deployed != wanted.sha256
    if not present or upload:
        _verify_file(wanted)
        if not check:
            _bring(wanted, aws, present=present, upload=upload)
    switched = wanted.current and before.current != wanted.version
    if not check:
        if switched:
            distribution.switch(wanted.dest, wanted.version)
        for version in doomed:
            distribution.delete(wanted.dest, version)
    after = State(
        installed=tuple(sorted({*before.installed, wanted.version} - set(doomed), key=versions.number)),
        current=wanted.version if wanted.current else before.current,
        deployed=wanted.sha256 if upload else before.deployed,
    )
    return {
        "changed": before != after,
        "diff": [
            {
                "before_header": wanted.dest,
                "after_header": wanted.dest,
                "before": before.text(wanted.deploy_bucket),
                "after": after.text(wanted.deploy_bucket),
            }
        ],
        "home": os.path.abspath(wanted.home),
        "version": wanted.version,
        "java_minimum": versions.java_minimum(wanted.version),
        "java": java.version(os.environ),
        "current": after.current,
        "installed": list(after.installed),
        "removed": doomed,
        "sha256": wanted.sha256,
        "deploy_key": wanted.deploy_key,
    }


def _sound(wanted: Wanted) -> None:
    for version in (wanted.version, *wanted.remove):
        versions.number(version)
    if not wanted.sha256:
        variable = "checksum of the module (datomic_distribution_checksum of the role)"
        raise DatomicError(
            f"The checksum of release {wanted.version} is not known. Known are "
            f"{', '.join(sorted(versions.CHECKSUMS))}. Next: {versions.checksum_advice(wanted.version, variable)}."
        )
    if not re.fullmatch(r"[0-9a-f]{64}", wanted.sha256):
        raise DatomicError("checksum has to be a SHA-256: 64 hexadecimal digits.")
    if wanted.keep is not None and wanted.keep < 0:
        raise DatomicError("keep has to be 0 or more.")


def _verify_file(wanted: Wanted) -> None:
    """DatomicError unless a source on this machine is the archive that is wanted."""
    if path := download.local_path(wanted.url):
        found = download.digest(path)
        if found != wanted.sha256:
            raise DatomicError(f"{path} has the SHA-256 {found}, not {wanted.sha256}. Nothing was unpacked.")


def _bring(wanted: Wanted, aws: Aws, *, present: bool, upload: bool) -> None:
    """The archive, and out of it the home and the object in the bucket."""
    with contextlib.ExitStack() as stack:
        path = download.local_path(wanted.url)
        if not path:
            temporary = distribution.temporary_directory(wanted.dest, distribution.DOWNLOADING)
            path = os.path.join(stack.enter_context(temporary), "archive.zip")
            download.fetch(
                wanted.url, wanted.sha256, path, aws, validate_certs=wanted.validate_certs, timeout=wanted.timeout
            )
        if not present:
            archives.unpack(path, wanted.dest, wanted.version)
        if upload:
            s3.upload(aws.client("s3"), wanted.deploy_bucket, wanted.deploy_key, path, wanted.sha256)


def _deployed(wanted: Wanted, aws: Aws) -> str:
    """The SHA-256 that lies beside the archive in the deploy bucket; empty when the archive itself has another."""
    if not wanted.deploy_bucket:
        return ""
    client, bucket, key = aws.client("s3"), wanted.deploy_bucket, wanted.deploy_key
    try:
        content = s3.read(client, bucket, f"{key}.sha256", 200)
        checksum = "".join((content or b"").decode("ascii", "replace").split()[:1])
        # S3 keeps the SHA-256 of an archive that _bring uploaded; for another archive it has none, or another.
        uploaded = checksum and s3.has_sha256(client, bucket, key, wanted.sha256)
    except AwsError as error:
        if error.code in DENIED:
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, under Permissions
            raise DatomicError(
                f"{error} Without s3:ListBucket on the bucket S3 says so of a missing key too.", **error.details
            ) from error
        raise
    return "" if uploaded is None or (checksum == wanted.sha256 and not uploaded) else checksum
