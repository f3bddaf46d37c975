# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A distribution whose bin/transactor records what it gets, and then is up, silent or dead."""

from __future__ import annotations

import hashlib
import io
import zipfile

TRANSACTOR = r"""#!/usr/bin/env python3
import json, os, pathlib, pwd, resource, stat, sys, time


def owner_of(path):
    return pwd.getpwuid(os.stat(path).st_uid).pw_name if os.path.exists(path) else ""


properties = pathlib.Path(sys.argv[-1])
state = properties.stat()
pathlib.Path("recorded.json").write_text(json.dumps({
    "arguments": sys.argv[1:],
    "directory": os.getcwd(),
    "user": pwd.getpwuid(os.getuid()).pw_name,
    "properties": properties.read_bytes().decode("latin-1"),
    "mode": stat.S_IMODE(state.st_mode),
    "owner": pwd.getpwuid(state.st_uid).pw_name,
    "nofile": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    "environment": dict(os.environ),
    "valcache": owner_of("/var/lib/val cache"),
    "lib": sorted(os.listdir("lib")),
    "store": str(pathlib.Path("/etc/fstab").read_text()) if os.path.exists("/etc/fstab") else "",
}))
(log := pathlib.Path("log", "datomic.log")).write_text("first line\n")
how = pathlib.Path("/run/instance/transactor").read_text()
print("Starting datomic:ddb://us-east-1/orders/<DB-NAME>", flush=True)
if how == "dies":
    log.write_text("it could not go on\n")
    sys.exit("Terminating process - no storage")
if how == "up":
    print("System started datomic:ddb://us-east-1/orders/<DB-NAME>", flush=True)
time.sleep(60)
"""


def archive(version: str) -> bytes:
    """The zip, whose files are executable where they have to be."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as into:
        for name, content, mode in (
            ("bin/transactor", TRANSACTOR, 0o755),
            ("lib/datomic.jar", "", 0o644),
            ("VERSION", version, 0o644),
        ):
            entry = zipfile.ZipInfo(f"datomic-pro-{version}/{name}")
            entry.external_attr = (0o100000 | mode) << 16
            into.writestr(entry, content)
    return packed.getvalue()


def checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
