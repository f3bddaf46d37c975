# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fetch one file of known SHA-256 by HTTPS, from S3 or from this machine: resumed where it broke off, and verified."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ansible.module_utils.urls import open_url
from ansible_collections.datomic_onprem.aws.plugins.module_utils._aws import Aws, AwsError, calling
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError

MIB = 1024 * 1024
ATTEMPTS_WITHOUT_PROGRESS = 3


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


@dataclasses.dataclass(frozen=True)
class Part:
    """An open transfer. start: the offset of its first byte; total: bytes of the whole file, 0 when nobody says."""

    stream: Readable
    start: int
    total: int


Source = Callable[[int], contextlib.AbstractContextManager[Part]]
"""Opens the file from an offset on; a server that cannot do that answers from 0."""


@dataclasses.dataclass(frozen=True)
class Fetched:
    """path: the verified file. resumed: bytes that an earlier run had already brought."""

    path: str
    resumed: int


def local_path(url: str) -> str:
    """The path when the source is a file of this machine, otherwise an empty string."""
    scheme = urllib.parse.urlsplit(url).scheme
    if scheme == "file":
        return urllib.parse.unquote(urllib.parse.urlsplit(url).path)
    return "" if scheme in ("http", "https", "s3") else os.path.expanduser(url)


def secrets(url: str) -> list[str]:
    """The parts of a URL that may be credentials: the user information, and a query such as a signature's.

    With the marks around them, so that hiding them hides nothing else.
    """
    split = urllib.parse.urlsplit(url)
    user = split.netloc.rpartition("@")[0]
    return [part for part in (user and f"{user}@", split.query and f"?{split.query}") if part]


def fetch(source: Source, url: str, sha256: str, directory: str) -> Fetched:
    """Bring the file into directory/SHA256.zip.

    When it breaks off, what has arrived stays as SHA256.zip.part for the next run.
    """
    path = os.path.join(directory, sha256 + ".zip")
    part = path + ".part"
    if os.path.exists(path) and digest(path) == sha256:
        return Fetched(path, os.path.getsize(path))
    resumed = os.path.getsize(part) if os.path.exists(part) else 0
    _complete(source, url, part)
    found = digest(part)
    if found != sha256 and resumed:
        os.unlink(part)  # the earlier bytes may be of another file: once more from the start
        resumed = 0
        _complete(source, url, part)
        found = digest(part)
    if found != sha256:
        os.unlink(part)
        raise DatomicError(f"{url} has the SHA-256 {found}, not {sha256}. It was thrown away and nothing was unpacked.")
    os.replace(part, path)
    return Fetched(path, resumed)


def _complete(source: Source, url: str, part: str) -> None:
    """Ask for what is missing until all of it is there. A broken connection counts only when it brought nothing."""
    failures = 0
    while True:
        had = os.path.getsize(part) if os.path.exists(part) else 0
        reason = ""
        try:
            with source(had) as opened:
                total = _append(opened, part, had)
            now = os.path.getsize(part)
            if not total or now >= total:
                return
            reason = f"the connection ended after {now} of {total} bytes"
        except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
        except AwsError as error:
            if error.code:
                raise
            reason = str(error)
        except OSError as error:
            if error.errno:  # the disk's, and not TLS's or a proxy's
                raise
            raise DatomicError(f"Could not download {url}: {error}.") from error
        gained = (os.path.getsize(part) if os.path.exists(part) else 0) - had
        failures = 0 if gained > 0 else failures + 1
        if failures == ATTEMPTS_WITHOUT_PROGRESS:
            raise DatomicError(f"Could not download {url}: {reason}. What has arrived is kept: run again to continue.")


def _append(opened: Part, part: str, had: int) -> int:
    if opened.start not in (0, had):
        raise DatomicError(f"The server sent bytes from {opened.start} on where those from {had} on were asked for.")
    if opened.total and not opened.start:
        free = shutil.disk_usage(os.path.dirname(part)).free + had
        if free < opened.total:
            raise OSError(errno.ENOSPC, f"{free // MIB} MiB are free and {opened.total // MIB} MiB needed")
    with open(part, "ab" if opened.start else "wb") as target:
        shutil.copyfileobj(opened.stream, target, MIB)
    return opened.total


def digest(path: str) -> str:
    """The file's SHA-256, in hexadecimal."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DatomicError(f"{path} cannot be read: {error.strerror}.") from error


def from_http(url: str, *, validate_certs: bool = True, timeout: int = 60) -> Source:
    """timeout: seconds without any byte."""

    @contextlib.contextmanager
    def opened(offset: int) -> Iterator[Part]:
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        try:
            response = open_url(url, headers=headers, validate_certs=validate_certs, timeout=timeout, decompress=False)
        except urllib.error.HTTPError as error:
            if error.code == 416:  # there is nothing after the offset
                yield Part(_Nothing(), offset, 0)
                return
            raise DatomicError(f"Could not download {url}: {error.code} {error.reason}.") from error
        except urllib.error.URLError as error:
            raise ConnectionError(str(error.reason)) from error
        with contextlib.closing(response):
            start = offset if response.status == 206 else 0
            length = int(response.headers.get("Content-Length") or 0)
            yield Part(response, start, start + length if length else 0)

    return opened


def from_s3(url: str, aws: Aws) -> Source:
    """s3://bucket/key, with the module's credentials."""
    split = urllib.parse.urlsplit(url)
    bucket, key = split.netloc, split.path.lstrip("/")

    @contextlib.contextmanager
    def opened(offset: int) -> Iterator[Part]:
        client = aws.client("s3")
        asked: dict[str, Any] = {"Range": f"bytes={offset}-"} if offset else {}
        try:
            with calling("download", url, client):
                got = client.get_object(Bucket=bucket, Key=key, **asked)
        except AwsError as error:
            if error.code != "InvalidRange":
                raise
            yield Part(_Nothing(), offset, 0)  # there is nothing after the offset
            return
        start = offset if got.get("ContentRange") else 0
        with calling("download", url, client), contextlib.closing(got["Body"]) as body:
            yield Part(body, start, start + int(got["ContentLength"]))

    return opened


class _Nothing:
    """A stream at its end."""

    def read(self, _size: int = -1, /) -> bytes:
        return b""
