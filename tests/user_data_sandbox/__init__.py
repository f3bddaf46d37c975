# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An EC2 instance in namespaces of its own: user data really runs in it, as their root, and cannot touch the machine.

    booted = boot(Instance(user_data="#!/bin/sh ...", objects={"s3://bucket/key": b"..."}))

Inside are a metadata service at 169.254.169.254 (version 2 only), the emulated AWS, the real AWS CLI with the
credentials of the instance's role, and the distribution of standin.py. Stand-ins are only what needs a whole machine or
a network: dnf, systemctl, journalctl, the block devices' programs (stubs.py). What is written to /etc, /opt, /usr/local
and /var vanishes. What it needs of the machine, boot() says when it is not there (rootless.py).
"""

from __future__ import annotations

import atexit
import base64
import dataclasses
import functools
import json
import pathlib
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

from tests.user_data_sandbox import rootless

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 120
"""How long an instance may take."""


@dataclasses.dataclass(frozen=True)
class Instance:
    """What is there before the first start.

    objects: by s3://bucket/key. downloads: what the public download serves, by path. secrets: by parameter name, all
    versions. transactor: how the recording bin/transactor goes on: "up", "silent" (a standby), "dies" before it is up.
    instance_store: a block device of 100 GB. public_address: empty when the instance has none. hangs: pattern of the
    calls ("service:Operation:kind") that AWS does not answer; then `timeout` waits for less than it is told.
    """

    user_data: str
    objects: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    downloads: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    secrets: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    transactor: str = "up"
    instance_store: bool = False
    public_address: str = "203.0.113.7"
    hangs: str = ""


@dataclasses.dataclass(frozen=True)
class Booted:
    """What was seen.

    status: of the user data. log: its output. journal: that of the unit. transactor: what bin/transactor recorded (see
    standin.py), empty when it was never started. calls: of AWS, as (operation, parameters, access key). objects: in S3
    at the end, by s3://bucket/key. ran: the stand-ins' command lines.
    """

    status: int
    log: str
    journal: str
    transactor: Mapping[str, Any]
    calls: tuple[tuple[str, Mapping[str, Any], str], ...]
    objects: Mapping[str, bytes]
    ran: tuple[str, ...]

    @property
    def signals(self) -> list[Mapping[str, Any]]:
        return [params for operation, params, _key in self.calls if operation == "SignalResource"]

    @property
    def given_up(self) -> bool:
        """Whether the instance asked its group to replace it."""
        return any(operation == "SetInstanceHealth" for operation, _params, _key in self.calls)


def boot(instance: Instance) -> Booted:
    """Start it, wait for the end of its user data, and stop the transactor if it still runs."""
    if lacking := rootless.missing():
        raise RuntimeError(lacking)
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        given, seen, told = (pathlib.Path(directory, name) for name in ("given.json", "seen.json", "told"))
        given.write_text(json.dumps(_text(dataclasses.asdict(instance))))
        _ask(f"{given}\t{seen}\t{told}\n")
        if not seen.exists():
            raise RuntimeError(f"The namespaces could not be made or used:\n{told.read_text()}")
        found = json.loads(seen.read_text())
    return Booted(
        status=found["status"],
        log=found["log"],
        journal=found["journal"],
        transactor=found["transactor"],
        calls=tuple((operation, params, key) for operation, params, key in found["calls"]),
        objects={name: base64.b64decode(content) for name, content in found["objects"].items()},
        ran=tuple(found["ran"]),
    )


@functools.cache
def _booter() -> subprocess.Popen[bytes]:
    """Instances are forked off one process, since what they need takes seconds to import."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.user_data_sandbox"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    atexit.register(process.communicate)
    return process


def _ask(line: str) -> None:
    """Let it boot one, and wait for the end."""
    process = _booter()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line.encode())
    process.stdin.flush()
    if not select.select([process.stdout], [], [], SECONDS)[0]:
        process.kill()
        _booter.cache_clear()
        raise RuntimeError("The instance does not end.")
    process.stdout.readline()


def _text(value: Any) -> Any:
    """JSON has no bytes."""
    if isinstance(value, Mapping):
        return {name: _text(item) for name, item in value.items()}
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
