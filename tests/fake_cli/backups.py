# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""backup-db, restore-db, list-backups and verify-backup, on databases that are files."""

from __future__ import annotations

import json
import os
import pathlib
import re
import sys
import time
import urllib.parse
from typing import Any


class RefusedError(Exception):
    """What the tool ends with: an exception's text in a stack trace, exit code 1."""


class Directory:
    def __init__(self, path: str) -> None:
        self.root = pathlib.Path(path)

    def get(self, name: str) -> str | None:
        path = self.root / name
        return path.read_text() if path.is_file() else None

    def put(self, name: str, text: str, encryption: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def names(self, below: str) -> list[str]:
        return [path.name for path in (self.root / below).glob("*")]


class Bucket:
    def __init__(self, bucket: str, prefix: str) -> None:
        import boto3

        self.client: Any = boto3.client("s3")
        self.bucket = bucket
        self.prefix = prefix.strip("/")

    def get(self, name: str) -> str | None:
        try:
            body = self.client.get_object(Bucket=self.bucket, Key=f"{self.prefix}/{name}")["Body"].read()
        except self.client.exceptions.NoSuchKey:
            return None
        return str(body.decode())

    def put(self, name: str, text: str, encryption: str) -> None:
        sse = {"ServerSideEncryption": "AES256"} if encryption else {}
        self.client.put_object(Bucket=self.bucket, Key=f"{self.prefix}/{name}", Body=text.encode(), **sse)

    def names(self, below: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=f"{self.prefix}/{below}/"
        )
        return [item["Key"].rpartition("/")[2] for page in pages for item in page.get("Contents", [])]


def run(command: str, arguments: list[str]) -> int:
    try:
        COMMANDS[command](arguments)
    except Exception as error:  # as the tool's main does
        print(f"{'' if isinstance(error, RefusedError) else 'java.lang.RuntimeException: '}{error}", file=sys.stderr)
        print(
            "\tat datomic.backup$backup_db.invoke(backup.clj:1)\n\tat clojure.main.main(main.java:40)", file=sys.stderr
        )
        return 1
    return 0


def _store(uri: str) -> Directory | Bucket:
    split = urllib.parse.urlsplit(uri)
    return Bucket(split.netloc, split.path) if split.scheme == "s3" else Directory(split.path)


def _database(uri: str) -> pathlib.Path:
    name = re.split(r"[?#]", uri)[0].rpartition("/")[2]
    return pathlib.Path(os.environ["STANDIN_STORAGE"]) / f"{name}.json"


def _points(store: Directory | Bucket) -> list[int]:
    return sorted((int(name) for name in store.names("roots")), reverse=True)


def _backup(arguments: list[str]) -> None:
    encryption = ""
    if arguments[0] == "--encryption":
        encryption, arguments = arguments[1], arguments[2:]
    source, target = arguments
    path = _database(source)
    if not path.is_file():
        raise RefusedError(f"clojure.lang.ExceptionInfo: :db.error/db-not-found Could not find {path.stem} in catalog")
    database = json.loads(path.read_text())
    store = _store(target)
    owner = store.get("owner")
    if owner not in (None, database["id"]):
        raise RefusedError(
            f"java.lang.IllegalArgumentException: :backup/claim-failed Backup storage already used by {owner}"
        )
    store.put("owner", database["id"], encryption)
    had = set(store.names("values"))
    segments = [str(number) for number in range(database["t"] // 1000 + 1)]
    for segment in segments:
        print(f"Copying segment {segment}", flush=True)
        time.sleep(float(os.environ.get("STANDIN_PACE", "0")))
        if segment not in had:
            store.put(f"values/{segment}", "segment", encryption)
    store.put(f"roots/{database['t']}", json.dumps(database), encryption)
    copied = len(set(segments) - had)
    print(f"Copied {copied} segments, skipped {len(segments) - copied} segments.\n:succeeded")


def _restore(arguments: list[str]) -> None:
    store = _store(arguments[0])
    points = _points(store)
    t = int(arguments[2]) if len(arguments) > 2 else points[0]
    root = store.get(f"roots/{t}")
    if root is None:
        raise RefusedError(f"java.lang.IllegalArgumentException: :restore/no-such-t No backup of {t}")
    _database(arguments[1]).write_text(root)
    print(f"Copied {t // 1000 + 1} segments, skipped 0 segments.\n:succeeded")


def _list(arguments: list[str]) -> None:
    print(f"({' '.join(str(t) for t in _points(_store(arguments[0])))})")


def _verify(arguments: list[str]) -> None:
    uri, read_all, t = arguments
    store = _store(uri)
    root = json.loads(store.get(f"roots/{t}") or "{}")
    segments = {str(number) for number in range(root["t"] // 1000 + 1)}
    if missing := sorted(segments - set(store.names("values"))):
        raise RefusedError(f"java.lang.IllegalStateException: missing segment {missing[0]}")
    if read_all == "true" and any(store.get(f"values/{segment}") != "segment" for segment in segments):
        raise RefusedError("java.lang.IllegalStateException: unreadable segment")
    print(":succeeded")


COMMANDS = {"backup-db": _backup, "restore-db": _restore, "list-backups": _list, "verify-backup": _verify}
