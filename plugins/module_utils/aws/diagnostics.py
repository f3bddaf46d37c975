# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Diagnostics of failed transactors: console output and last log lines. An error of AWS is one of the lines."""

from __future__ import annotations

import zlib
from typing import Any

from ..errors import AwsError
from . import ec2, s3

LINES = 20
LOG_BYTES = 65536


def console(client: Any, instance_id: str) -> list[str]:
    """The last lines of an instance's console output, under a heading."""
    try:
        output = ec2.console_output(client, instance_id)
    except AwsError as error:
        return [str(error)]
    lines = _last(output)
    return [f"Console of {instance_id}:", *lines] if lines else [f"Console of {instance_id}: nothing yet"]


def log(client: Any, bucket: str, table: str, since: float) -> list[str]:
    """The last lines of the newest log that a transactor has put into its bucket since then, under a heading."""
    prefix = f"{table}/" if table else ""
    try:
        new = [(when, key) for key, when in s3.objects(client, bucket, prefix).items() if when >= since]
        if not new:
            return [f"Logs in s3://{bucket}/{prefix}: none since the launch"]
        _when, key = max(new)
        content = s3.read(client, bucket, key) or b""
    except AwsError as error:
        return [str(error)]
    return [f"Log s3://{bucket}/{key}:", *_last(_plain(content))]


def _plain(raw: bytes) -> str:
    """The text of a log, which may be gzipped."""
    if raw.startswith(b"\x1f\x8b"):
        try:
            raw = zlib.decompressobj(wbits=31).decompress(raw)
        except zlib.error:
            return "(compressed in an unknown way)"
    return raw[-LOG_BYTES:].decode(errors="replace")


def _last(text: str) -> list[str]:
    return [f"  {line.rstrip()}" for line in text.splitlines() if line.strip()][-LINES:]
