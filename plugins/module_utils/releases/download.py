# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Download one file of known SHA-256 by HTTPS or from S3, and verify it."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.parse

from ansible.module_utils.urls import open_url

from ..aws import s3
from ..aws.client import Aws
from ..errors import DatomicError

MIB = 1024 * 1024
ATTEMPTS = 3


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


def fetch(url: str, sha256: str, path: str, aws: Aws, *, validate_certs: bool, timeout: int) -> None:
    """Download url to path. timeout: seconds without any byte.

    DatomicError when it cannot be downloaded, or has another SHA-256.
    """
    if url.startswith("s3://"):
        _from_s3(url, path, aws)
    else:
        _from_http(url, path, validate_certs, timeout)
    found = digest(path)
    if found != sha256:
        raise DatomicError(f"{url} has the SHA-256 {found}, not {sha256}. Nothing was unpacked.")


def digest(path: str) -> str:
    """The file's SHA-256, in hexadecimal."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DatomicError(f"{path} cannot be read: {error.strerror}.") from error


def _from_http(url: str, path: str, validate_certs: bool, timeout: int) -> None:
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


def _from_s3(url: str, path: str, aws: Aws) -> None:
    split = urllib.parse.urlsplit(url)
    s3.download(aws.client("s3"), split.netloc, split.path.lstrip("/"), path)
