# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What failed transactors left behind: their console's output and their last log lines. Never fails itself."""

from __future__ import annotations

import zlib
from typing import Any

from ..errors import AwsError
from .errors import aws_errors

LINES = 20
LOG_BYTES = 65536


def console(ec2: Any, instance_id: str) -> list[str]:
    """The last lines of an instance's console output, under a heading."""
    try:
        with aws_errors("read the console output of", instance_id, ec2):
            answer = ec2.get_console_output(InstanceId=instance_id)
    except AwsError as error:
        return [str(error)]
    lines = _last(answer.get("Output") or "")
    return [f"Console of {instance_id}:", *lines] if lines else [f"Console of {instance_id}: nothing yet"]


def log(s3: Any, bucket: str, table: str, since: float) -> list[str]:
    """The last lines of the newest log that a transactor has put into its bucket since then, under a heading."""
    prefix = f"{table}/" if table else ""
    try:
        with aws_errors("list the logs in the bucket", bucket, s3):
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            found = [entry for page in pages for entry in page.get("Contents", [])]
        new = [entry for entry in found if entry["LastModified"].timestamp() >= since]
        if not new:
            return [f"Logs in s3://{bucket}/{prefix}: none since the launch"]
        key = max(new, key=lambda entry: (entry["LastModified"], entry["Key"]))["Key"]
        with aws_errors("read the log", f"s3://{bucket}/{key}", s3):
            raw = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except AwsError as error:
        return [str(error)]
    return [f"Log s3://{bucket}/{key}:", *_last(_plain(raw))]


def _plain(raw: bytes) -> str:
    """Text, gunzipped where it has to be."""
    if raw.startswith(b"\x1f\x8b"):
        try:
            raw = zlib.decompressobj(wbits=31).decompress(raw)
        except zlib.error:
            return "(compressed in an unknown way)"
    return raw[-LOG_BYTES:].decode(errors="replace")


def _last(text: str) -> list[str]:
    return [f"  {line.rstrip()}" for line in text.splitlines() if line.strip()][-LINES:]
