# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups of databases, pure: URIs, the output of the tool, ages, and lifecycle rules of S3 that break a backup."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import DatomicError
from ..properties import keys

_DATABASE = re.compile(r"datomic:(?P<protocol>[a-z0-9-]+)://(?P<place>[^?#]*)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "": 1}
_COUNTS = re.compile(r"[Cc]opied (\d+) segments?, skipped (\d+)")


@dataclasses.dataclass(frozen=True)
class DatabaseUri:
    """A database, as Datomic's connect takes it. text may hold secrets."""

    text: str
    protocol: str
    name: str

    @property
    def needs_transactor(self) -> bool:
        """The dev storage is part of the transactor, which has to run during a restore. Other storages forbid that."""
        return self.protocol in ("dev", "free")


@dataclasses.dataclass(frozen=True)
class BackupUri:
    """The place of one database's backups: bucket and prefix, or path. text: the same for each spelling."""

    text: str
    bucket: str = ""
    prefix: str = ""
    path: str = ""

    def below(self, name: str) -> str:
        """The key prefix, or the path, of a part of the backup."""
        if self.path:
            return os.path.join(self.path, name)
        return "/".join(part for part in (self.prefix, name) if part)

    @property
    def lock_name(self) -> str:
        return f"datomic-backup-{hashlib.sha256(self.text.encode()).hexdigest()[:32]}.lock"


def database_uri(text: str) -> DatabaseUri:
    """DatomicError unless it names one database in durable storage. The message never shows the URI's secrets."""
    match = _DATABASE.match(text)
    if not match:
        raise DatomicError(
            "The database URI has to start with datomic:PROTOCOL://, such as datomic:ddb://us-east-1/TABLE/DATABASE."
        )
    name = match["place"].rstrip("/").rpartition("/")[2]
    if match["protocol"] == "mem":
        raise DatomicError("A database in memory (datomic:mem) cannot be backed up or restored: it has no storage.")
    parts = 3 if match["protocol"].startswith(("ddb", "cass")) else 1
    if not name or name == "*" or len(match["place"].strip("/").split("/")) < parts:
        raise DatomicError(
            "The database URI names no database. Its parts are datomic:ddb://REGION/TABLE/DATABASE, "
            "datomic:dev://HOST:PORT/DATABASE or datomic:sql://DATABASE?jdbc:…"
        )
    return DatabaseUri(text, match["protocol"], name)


def backup_uri(text: str) -> BackupUri:
    """DatomicError unless it is s3://bucket/prefix or file:/full/path."""
    split = urllib.parse.urlsplit(text)
    if split.scheme == "s3" and split.netloc:
        prefix = split.path.strip("/")
        return BackupUri(f"s3://{split.netloc}/{prefix}".rstrip("/"), bucket=split.netloc, prefix=prefix)
    if split.scheme == "file" and not split.netloc and split.path.startswith("/"):
        path = os.path.realpath(split.path)
        return BackupUri(f"file:{path}", path=path)
    raise DatomicError(f"{text} is no backup URI: it has to be s3://bucket/prefix or file:/full/path.")


PARTS = {
    "ddb": ("aws-dynamodb-region", "aws-dynamodb-table"),
    "ddb-local": ("aws-dynamodb-override-endpoint", "aws-dynamodb-table"),
    "dev": ("host", "port"),
}
"""The properties that a database's URI is made of, by protocol."""


def uri_of(properties: Mapping[str, str], name: str) -> str:
    """The URI of a database of the system that a transactor file describes.

    DatomicError for a storage whose URI needs more than the file has, and for a file that lacks a part.
    """
    protocol = properties.get("protocol", "")
    if protocol not in PARTS:
        raise DatomicError(
            f"The URI of a database with protocol {protocol or '(none)'} cannot be made of the file: give database_uri."
        )
    values = {**properties, "aws-dynamodb-table": keys.table_of(properties)}
    missing = [key for key in PARTS[protocol] if not values.get(key)]
    if missing:
        raise DatomicError(
            f"The URI of a database cannot be made of the file: {' and '.join(missing)} has no value there. "
            "Give it one, or give database_uri."
        )
    first, second = (values[key] for key in PARTS[protocol])
    place = f"{first}:{second}" if protocol == "dev" else f"{first}/{second}"
    return f"datomic:{protocol}://{place}/{name}"


def secrets(uri: DatabaseUri) -> list[str]:
    """The secret values in a database URI, each as written and decoded."""
    values = re.findall(r"(?i)(?:secret_key|password|access_key_id)=([^&;\s]+)", uri.text)
    return [form for value in values for form in (value, urllib.parse.unquote(value))]


def points(printed: str) -> list[int]:
    """The points in time that list-backups printed, such as (6002 1001), newest first.

    DatomicError for any other output, which proves neither a backup nor that there is none.
    """
    text = printed.strip()
    if text in ("nil", "()", "[]", ""):
        return []
    lines = [line.strip() for line in text.splitlines()]
    lists = [line for line in lines if re.fullmatch(r"[(\[][\d\s]+[)\]]", line)]
    numbers = re.findall(r"\d+", lists[-1]) if lists else [line for line in lines if re.fullmatch(r"\d+", line)]
    if not numbers:
        raise DatomicError(f"list-backups printed what is no list of points in time: {text[:200]!r}.")
    return sorted({int(number) for number in numbers}, reverse=True)


def counts(printed: str) -> tuple[int, int] | None:
    """Segments copied and skipped, from the last line that counts them; None without such a line."""
    found = _COUNTS.findall(printed)
    return (int(found[-1][0]), int(found[-1][1])) if found else None


def seconds(text: str) -> int:
    """An age such as 24h, 7d or 3600 (seconds). DatomicError for anything else."""
    match = re.fullmatch(r"(\d+)([smhdw]?)", text.strip().lower())
    if not match:
        raise DatomicError(f"{text!r} is no age: digits and one of s, m, h, d, w are expected, such as 24h.")
    return int(match[1]) * _UNITS[match[2]]


def duration(age: float) -> str:
    """Seconds as text, in the largest unit that fits at least twice."""
    unit = next((unit for unit in ("d", "h", "m") if age >= 2 * _UNITS[unit]), "s")
    return f"{int(age // _UNITS[unit])}{unit}"


def breaking_rules(rules: Iterable[Mapping[str, Any]], prefix: str) -> list[str]:
    """The enabled lifecycle rules that would remove or archive objects of a backup below this prefix.

    rules: as S3 returns them. A differential backup keeps using objects of any age. Rules for tagged objects are left
    out, because the tool sets no tags.
    """
    found = []
    for rule in rules:
        match = rule.get("Filter", {})
        both = match.get("And", {})
        if rule.get("Status") != "Enabled" or match.get("Tag") or both.get("Tags"):
            continue
        ruled = str(match.get("Prefix") or both.get("Prefix") or rule.get("Prefix") or "")
        objects = f"{prefix}/" if prefix else ""
        if not (objects.startswith(ruled) or ruled.startswith(objects)):
            continue
        what = _harm(rule)
        if what:
            found.append(f"{rule.get('ID') or 'a rule without a name'} ({what} below {ruled or 'the whole bucket'})")
    return found


def _harm(rule: Mapping[str, Any]) -> str:
    expiration = rule.get("Expiration", {})
    if expiration.get("Days") or expiration.get("Date"):
        return "expires objects"
    archived = {"GLACIER", "DEEP_ARCHIVE"}
    moved = {str(step.get("StorageClass")) for step in rule.get("Transitions", [])} & archived
    return f"moves objects to {', '.join(sorted(moved))}" if moved else ""
