# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults at the k-th call that matches: errors, lost answers, time-outs, killed clients."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import signal
import threading
from typing import Literal

from tests.emulator.calls import Call

Mode = Literal["error", "throttle", "drop", "drop_after", "timeout", "kill", "kill_after", "hold", "hold_after"]


THROTTLED = {
    "s3": ("SlowDown", 503),
    "ec2": ("RequestLimitExceeded", 503),
    "dynamodb": ("ThrottlingException", 400),
}
"""By service; the others say Throttling with 400.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
"""


@dataclasses.dataclass
class Fault:
    """Meets `times` calls from the k-th on whose "service:Operation:kind" the regular expression finds.

    caller: only those with this access key id; empty: everybody's. body: only those whose body it finds.

    mode error: answered with code and status, nothing is done; throttle: the same with the service's own code;
    drop: the connection is reset before anything is done;
    drop_after: done, then the connection is reset; timeout: done, and answered `seconds` real seconds late;
    kill, kill_after: the process tree of pid gets SIGKILL before, or after, it is done;
    hold, hold_after: waits before, or after, it is done, until release(), at most `seconds`. Others go on meanwhile.

    held: set once such a call waits.
    """

    match: str = "."
    caller: str = ""
    body: str = ""
    k: int = 1
    times: int = 1
    mode: Mode = "error"
    code: str = "AccessDenied"
    status: int = 403
    message: str = "injected by the emulator"
    pid: int = 0
    seconds: float = 1.0
    seen: int = dataclasses.field(default=0, repr=False)
    held: threading.Event = dataclasses.field(default_factory=threading.Event, init=False, repr=False)
    released: threading.Event = dataclasses.field(default_factory=threading.Event, init=False, repr=False)
    dropped: bool = dataclasses.field(default=False, init=False, repr=False)

    def error(self, service: str) -> tuple[str, int]:
        """Code and status for a call of that service."""
        return THROTTLED.get(service, ("Throttling", 400)) if self.mode == "throttle" else (self.code, self.status)

    def meets(self, call: Call) -> bool:
        """Count the call when it matches; true when it is one of those to fail."""
        if self.caller not in ("", call.access_key) or not re.search(self.match, call.name):
            return False
        if self.body and not re.search(self.body, call.request.body.decode(errors="replace")):
            return False
        self.seen += 1
        return self.k <= self.seen < self.k + self.times

    def hold(self) -> bool:
        """Wait for the release. False when the account was reset meanwhile."""
        self.held.set()
        self.released.wait(self.seconds)
        return not self.dropped


class Faults:
    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self, *, drop: bool = False) -> None:
        """Forget them, and let calls that are held go on; drop: end them."""
        for fault in self._faults:
            fault.dropped = drop
        self.release()
        with self._lock:
            self._faults = []

    def release(self) -> None:
        """Let calls that are held go on. No later call is held by these faults."""
        with self._lock:
            for fault in self._faults:
                fault.released.set()

    def meeting(self, call: Call) -> Fault | None:
        """The first fault that this call meets; every fault counts the call."""
        with self._lock:
            met = [fault for fault in self._faults if fault.meets(call)]
        return met[0] if met else None


def kill_tree(pid: int) -> None:
    """SIGKILL a process and all that it started: Ansible's workers have sessions of their own, so a group will not do.

    Each is stopped before its children are listed, so that none can start another meanwhile.
    """
    try:
        os.kill(pid, signal.SIGSTOP)
        children = [kid for task in pathlib.Path(f"/proc/{pid}/task").iterdir() for kid in _children(task)]
    except (ProcessLookupError, FileNotFoundError):
        return
    for kid in children:
        kill_tree(kid)
    os.kill(pid, signal.SIGKILL)


def _children(task: pathlib.Path) -> list[int]:
    return [int(kid) for kid in (task / "children").read_text().split()]
