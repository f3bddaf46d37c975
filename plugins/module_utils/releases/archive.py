# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The archive of a release: downloaded by HTTPS or from S3, verified by its SHA-256, and unpacked."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import pathlib
import shutil
import stat
import urllib.error
import urllib.parse
import zipfile

from ansible.module_utils.urls import open_url

from ..aws import s3
from ..aws.client import Aws
from ..errors import DatomicError
from .distribution import PREFIX

MIB = 1024 * 1024
ATTEMPTS = 3


def local_path(url: str) -> str:
    """The path when the source is a file of this machine, otherwise an empty string."""
    split = urllib.parse.urlsplit(url)
    if split.scheme == "file":
        return urllib.parse.unquote(split.path)
    return "" if split.scheme in ("http", "https", "s3") else os.path.expanduser(url)


def secrets(url: str) -> list[str]:
    """The parts of a URL that may be credentials: the user information, and a query such as a signature's.

    With the marks around them, so that hiding them hides nothing else.
    """
    split = urllib.parse.urlsplit(url)
    user = split.netloc.rpartition("@")[0]
    return [part for part in (user and f"{user}@", split.query and f"?{split.query}") if part]


def verify(path: str, sha256: str, source: str) -> None:
    """DatomicError unless the file has this SHA-256 (hexadecimal). source: where it came from."""
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DatomicError(f"{path} cannot be read: {error.strerror}.") from error
    if found != sha256:
        raise DatomicError(f"{source} has the SHA-256 {found}, not {sha256}. Nothing was unpacked.")


def download(url: str, path: str, aws: Aws, *, validate_certs: bool, timeout: int) -> None:
    """Download url to path. timeout: seconds without any byte."""
    split = urllib.parse.urlsplit(url)
    if split.scheme == "s3":
        s3.download(aws.client("s3"), split.netloc, split.path.lstrip("/"), path)
        return
    reason = ""
    for _attempt in range(ATTEMPTS):
        try:
            response = open_url(url, validate_certs=validate_certs, timeout=timeout, decompress=False)
            with contextlib.closing(response), open(path, "wb") as file:
                shutil.copyfileobj(response, file, MIB)
            missing = int(response.headers.get("Content-Length") or 0) - os.path.getsize(path)
            if missing <= 0:
                return
            reason = f"the connection ended {missing} bytes before the end"
        except urllib.error.HTTPError as error:
            raise DatomicError(f"Could not download {url}: {error.code} {error.reason}.") from error
        except (http.client.HTTPException, urllib.error.URLError, ConnectionError, TimeoutError) as error:
            reason = str(getattr(error, "reason", "") or error) or type(error).__name__
    raise DatomicError(f"Could not download {url} in {ATTEMPTS} attempts: {reason}. Check the network, then run again.")


def unpack(archive: str, version: str, into: str) -> None:
    """Unpack the archive of a release into a directory.

    DatomicError when it is damaged, reaches outside, is another release, or does not fit on the disk. Permission bits
    are kept, which zipfile itself drops; set-id bits are not.
    """
    try:
        with zipfile.ZipFile(archive) as zipped:
            members = zipped.infolist()
            _check(archive, members, version)
            needed, free = sum(member.file_size for member in members), shutil.disk_usage(into).free
            if free < needed:
                raise DatomicError(
                    f"{into} has {free // MIB} MiB left and {archive} needs {needed // MIB} MiB unpacked. "
                    "Nothing was unpacked."
                )
            for member in members:
                path = zipped.extract(member, into)
                if not member.is_dir():
                    os.chmod(path, (member.external_attr >> 16) & 0o777 or 0o644)
    except zipfile.BadZipFile as error:
        raise DatomicError(f"{archive} is damaged or no zip archive: {error}. Nothing was unpacked.") from error


def _check(archive: str, members: list[zipfile.ZipInfo], version: str) -> None:
    if not members:
        raise DatomicError(f"{archive} is empty.")
    for member in members:
        parts = pathlib.PurePosixPath(member.filename).parts
        if not parts or parts[0] in ("/", "..") or ".." in parts or "\\" in member.filename:
            raise DatomicError(f"{archive} is refused: its member {member.filename!r} would be written outside.")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise DatomicError(f"{archive} is refused: its member {member.filename!r} is a symbolic link.")
        if parts[0] != PREFIX + version:
            raise DatomicError(f"{archive} is not release {version}: it holds {parts[0]}.")
