# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which machine this is. Two containers may have the same host name, so each has a random id in Ansible's directory."""

from __future__ import annotations

import contextlib
import os
import uuid

from ..errors import DatomicError

FILE = "datomic_onprem.aws/machine"


def home() -> str:
    """Ansible's directory of this user."""
    return os.path.expanduser(os.environ.get("ANSIBLE_HOME") or "~/.ansible")


def identity() -> str:
    """The id; empty before the first run that changed something."""
    with contextlib.suppress(OSError), open(os.path.join(home(), FILE), encoding="ascii") as file:
        return file.read().strip()
    return ""


def identify() -> str:
    """The id, which is made if there is none. DatomicError when it cannot be written."""
    path = os.path.join(home(), FILE)
    new = f"{path}.{uuid.uuid4().hex}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(new, "w", encoding="ascii") as file:
            file.write(f"{uuid.uuid4().hex}\n")
        with contextlib.suppress(FileExistsError):  # another run was first
            os.link(new, path)
        os.unlink(new)
    except OSError as error:
        raise DatomicError(f"The directory {os.path.dirname(path)} cannot be used: {error.strerror}.") from error
    return identity()


def processes() -> str:
    """Where a process id means one process: this boot of this machine, and not another container of it."""
    parts = [identity()]
    with contextlib.suppress(OSError):  # systems other than Linux have neither
        parts.append(os.readlink("/proc/self/ns/pid"))
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            parts.append(file.read().strip())
    return " ".join(parts)


def place(path: str) -> str:
    """The directory of a file, on this machine."""
    return f"{identity()}:{os.path.dirname(os.path.realpath(path))}"
