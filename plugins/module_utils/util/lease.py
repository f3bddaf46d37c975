# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lease of a run on this machine: a file, as long as the run may change the system whose lock it has.

The file's modification time is the end of the lease. So a renewal rewrites nothing, and cannot create the file again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Mapping

from ..errors import DatomicError
from ..state.item import Item, Run, item_of, run_of
from . import atomic_write, clock, machine

VARIABLE = "DATOMIC_ONPREM_LEASE"
"""The environment variable that has the lease's path, in the modules of a run."""
DIRECTORY = "datomic_onprem.aws/leases"


@dataclasses.dataclass(frozen=True)
class Lease:
    """What a run knows of the system whose lock it has.

    item: as the run took it. previous: the attempt before. names: for blank keys of the transactor's file, by key.
    security_group: the id of the system's group, empty if it is not known.
    """

    item: Item
    lock: str
    previous: Run | None
    names: Mapping[str, str]
    security_group: str


def path_of(lock: str) -> str:
    return os.path.join(os.path.abspath(machine.home()), DIRECTORY, f"{lock}.json")


def write(lease: Lease, until: float) -> str:
    """Write the lease, which ends at until, in seconds since 1970; its path. DatomicError when it cannot be written."""
    path = path_of(lease.lock)
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        # A file is readable by its owner alone, and is there with its time or not at all.
        new = f"{path}.new"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, atomic_write.NEW_FILE_MODE)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(dataclasses.asdict(lease), file)
        os.utime(new, (until, until))
        os.replace(new, path)
    except OSError as error:
        raise DatomicError(f"The lease {path} cannot be written: {error.strerror}.") from error
    return path


def read(path: str) -> Lease | None:
    """The lease, also when it is over; None without the file."""
    try:
        with open(path, encoding="utf-8") as file:
            stored = json.load(file)
    except FileNotFoundError:
        return None
    return Lease(**{**stored, "item": item_of(stored["item"]), "previous": run_of(stored["previous"])})


def renew(path: str, until: float) -> bool:
    """Let the lease end at until, 0 for now. False when the file is gone."""
    try:
        os.utime(path, (until, until))
    except FileNotFoundError:
        return False
    return True


def remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def is_over(path: str) -> bool:
    try:
        return os.stat(path).st_mtime <= clock.now()
    except FileNotFoundError:
        return True


def current() -> str:
    """The path of this process's lease; empty in a run without the shared state."""
    return os.environ.get(VARIABLE, "")


def held() -> Lease | None:
    """This process's lease, None in a run without the shared state. DatomicError when it is over."""
    refuse_lost()
    return read(current()) if current() else None


def refuse_lost() -> None:
    """DatomicError when the lease of this process is over: another run may change the system now."""
    path = current()
    if path and is_over(path):
        raise lost(read(path))


def lost(lease: Lease | None) -> DatomicError:
    of = f" of the system {lease.item.system}" if lease else ""
    return DatomicError(
        f"This run has lost its lock{of}: it was not renewed in time, or another run took over."
        " Nothing more was changed. Run again."
    )
