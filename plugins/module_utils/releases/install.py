# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module distribution: the releases in a directory, the link to the current one, and the deploy bucket."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Collection, Sequence
from typing import Any

from ..aws import s3
from ..aws.client import Aws
from ..aws.errors import DENIED
from ..aws.sts import refuse_other_account
from ..cli import java
from ..errors import AwsError, DatomicError
from ..util import lock
from . import archive, distribution, versions
from .distribution import PREFIX

CURRENT = "current"
WAIT_SECONDS = 1800
"""How long another run may work in dest: as long as a download over a slow line takes."""
TEMPORARY = ".datomic-"
"""How the names of temporary directories begin."""


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of the module distribution, which documents them. Empty: not given."""

    version: str
    dest: str
    account_id: str | None
    source: str
    checksum: str
    current: bool
    keep: int | None
    remove: list[str]
    deploy_bucket: str
    timeout: int
    validate_certs: bool

    @property
    def url(self) -> str:
        return (self.source or versions.PUBLIC_URL).replace("{version}", self.version)

    @property
    def sha256(self) -> str:
        return self.checksum.lower() or versions.CHECKSUMS.get(self.version, "")

    @property
    def home(self) -> str:
        return os.path.join(self.dest, PREFIX + self.version)

    @property
    def deploy_key(self) -> str:
        return f"{self.version}/{PREFIX}{self.version}.zip" if self.deploy_bucket else ""


def ensure(options: Options, aws: Aws, *, check: bool) -> dict[str, Any]:
    """Bring the directory and the deploy bucket to the desired state; the result of the module.

    Runs with the same dest on one machine wait for each other. The current state is read after the wait.
    """
    _check(options)
    if options.deploy_bucket or options.url.startswith("s3://"):
        refuse_other_account(aws, options.account_id)
    busy = (
        f"Another run works on the releases in {options.dest}; it did not end within {WAIT_SECONDS // 60} minutes. "
        "Wait for it to end and run again."
    )
    name = hashlib.sha256(os.fsencode(os.path.realpath(options.dest))).hexdigest()[:32]
    try:
        if check:
            return _ensured(options, aws, check=True)
        with lock.only_one(f"datomic-distribution-{name}.lock", busy, wait=WAIT_SECONDS):
            for left in pathlib.Path(options.dest).glob(f"{TEMPORARY}*"):  # of a killed run
                shutil.rmtree(left, ignore_errors=True)
            return _ensured(options, aws, check=False)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            message = f"The disk of {options.dest} is full: {error.strerror}. Free some space and run again."
            raise DatomicError(message) from error
        raise DatomicError(f"{options.dest} cannot be written: {error}.") from error


def _check(options: Options) -> None:
    for version in (options.version, *options.remove):
        versions.number(version)
    if not options.sha256:
        variable = "checksum of the module (datomic_distribution_checksum of the role)"
        raise DatomicError(
            f"The checksum of release {options.version} is not known. Known are "
            f"{', '.join(sorted(versions.CHECKSUMS))}. Next: {versions.checksum_advice(options.version, variable)}."
        )
    if not re.fullmatch(r"[0-9a-f]{64}", options.sha256):
        raise DatomicError("checksum has to be a SHA-256: 64 hexadecimal digits.")
    if options.keep is not None and options.keep < 0:
        raise DatomicError("keep has to be 0 or more.")


def _ensured(options: Options, aws: Aws, *, check: bool) -> dict[str, Any]:
    installed, current, deployed = _installed(options.dest), _current(options.dest), _deployed(options, aws)
    before = _shown(options, installed, current, deployed)
    present = options.version in installed
    if present:
        distribution.inspect(options.home, options.version)
    in_use = {options.version} if options.current else {options.version, current}
    removed = superfluous(installed, in_use=in_use, keep=options.keep, remove=options.remove)
    upload = bool(options.deploy_bucket) and deployed != options.sha256
    if not present or upload:
        if path := archive.local_path(options.url):
            archive.verify(path, options.sha256, path)
        if not check:
            _install(options, aws, path, unpack=not present, upload=upload)
    if not check:
        if options.current and current != options.version:
            _switch(options)
        for version in removed:
            _delete(options.dest, version)
    installed = sorted({*installed, options.version} - set(removed), key=versions.number)
    current = options.version if options.current else current
    after = _shown(options, installed, current, options.sha256 if upload else deployed)
    headers = {"before_header": options.dest, "after_header": options.dest}
    return {
        "changed": before != after,
        "diff": [{**headers, "before": before, "after": after}],
        "home": os.path.abspath(options.home),
        "version": options.version,
        "java_minimum": versions.java_minimum(options.version),
        "java": java.version(os.environ),
        "current": current,
        "installed": installed,
        "removed": removed,
        "sha256": options.sha256,
        "deploy_key": options.deploy_key,
    }


def _installed(directory: str) -> list[str]:
    """The releases in the directory, oldest first, half unpacked ones among them."""
    names = [path.name for path in pathlib.Path(directory).glob(PREFIX + "*") if path.is_dir()]
    return sorted((match[1] for name in names if (match := distribution.NAMED.fullmatch(name))), key=versions.number)


def _current(directory: str) -> str:
    """The release that the link `current` leads to; empty without a link."""
    link = os.path.join(directory, CURRENT)
    if os.path.islink(link):
        return os.path.basename(os.readlink(link).rstrip("/")).removeprefix(PREFIX)
    if os.path.exists(link):
        raise DatomicError(f"{link} is not a symbolic link, so it cannot be switched to a release. Move it away.")
    return ""


def _deployed(options: Options, aws: Aws) -> str:
    """The SHA-256 next to the archive in the deploy bucket; empty when the archive itself has another one."""
    if not options.deploy_bucket:
        return ""
    client, bucket, key = aws.client("s3"), options.deploy_bucket, options.deploy_key
    try:
        content = s3.read(client, bucket, f"{key}.sha256", 200)
        checksum = "".join((content or b"").decode("ascii", "replace").split()[:1])
        # S3 keeps the SHA-256 of an archive that this module uploaded; for another archive it has none, or another.
        uploaded = checksum and s3.has_sha256(client, bucket, key, options.sha256)
    except AwsError as error:
        if error.code in DENIED:
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, under Permissions
            raise DatomicError(
                f"{error} Without s3:ListBucket on the bucket S3 says so of a missing key too.", **error.details
            ) from error
        raise
    return "" if uploaded is None or (checksum == options.sha256 and not uploaded) else checksum


def _shown(options: Options, installed: Sequence[str], current: str, deployed: str) -> str:
    """The state as the diff shows it."""
    lines = [f"installed: {', '.join(installed) or 'none'}", f"current: {current or 'none'}"]
    if options.deploy_bucket:
        lines.append(f"{options.deploy_bucket}: {deployed or 'nothing'}")
    return "\n".join(lines) + "\n"


def superfluous(
    installed: Sequence[str], *, in_use: Collection[str], keep: int | None, remove: Collection[str]
) -> list[str]:
    """The releases to remove: those in remove, and all but the newest `keep` of the unused ones (None: no others).

    installed: oldest first. DatomicError when a release in remove is in use.
    """
    if used := sorted(set(in_use) & set(remove)):
        raise DatomicError(f"Release {', '.join(used)} is in use and is not removed. Switch to another one first.")
    spare = [version for version in installed if version not in in_use and version not in remove]
    old = [] if keep is None else spare[: max(0, len(spare) - keep)]
    return [version for version in installed if version in old or version in remove]


def _install(options: Options, aws: Aws, path: str, *, unpack: bool, upload: bool) -> None:
    """Unpack the archive, upload it, or both. path: of a source on this machine, verified; empty to download it."""
    with contextlib.ExitStack() as stack:
        if not path:
            path = os.path.join(stack.enter_context(_temporary(options.dest)), "archive.zip")
            certs, timeout = options.validate_certs, options.timeout
            archive.download(options.url, path, aws, validate_certs=certs, timeout=timeout)
            archive.verify(path, options.sha256, options.url)
        if unpack:
            temporary = stack.enter_context(_temporary(options.dest))
            archive.unpack(path, options.version, temporary)
            unpacked = os.path.join(temporary, PREFIX + options.version)
            distribution.inspect(unpacked, options.version)
            os.rename(unpacked, options.home)
        if upload:
            s3.upload(aws.client("s3"), options.deploy_bucket, options.deploy_key, path, options.sha256)


def _switch(options: Options) -> None:
    """Point the link to the release in one step: a process that follows it sees the old release or the new one."""
    with _temporary(options.dest) as temporary:
        link = os.path.join(temporary, CURRENT)
        os.symlink(PREFIX + options.version, link)
        os.replace(link, os.path.join(options.dest, CURRENT))


def _delete(directory: str, version: str) -> None:
    """Remove a release in one step, so that no process meets half of one."""
    with _temporary(directory) as temporary:
        os.replace(os.path.join(directory, PREFIX + version), os.path.join(temporary, version))


def _temporary(directory: str) -> tempfile.TemporaryDirectory[str]:
    """A new directory next to the releases, from which a file or directory is moved in one step."""
    os.makedirs(directory, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=directory, ignore_cleanup_errors=True)
