# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated AWS's clock, which may run faster than the real one.

Every delay of the emulator and every timestamp in an answer goes by it. At scale 1 it is the real clock.
"""

from __future__ import annotations

import contextlib
import datetime
import threading
import time
from collections.abc import Iterator


class Clock:
    """Seconds since the epoch that pass `scale` times as fast as real ones."""

    def __init__(self) -> None:
        self._pinned = threading.local()
        self._base = (time.monotonic(), time.time(), 1.0)

    @property
    def scale(self) -> float:
        return self._base[2]

    def set_scale(self, scale: float) -> None:
        """From now on `scale` emulated seconds pass in a real one."""
        self._base = (time.monotonic(), self.now(), float(scale))

    def advance(self, seconds: float) -> None:
        """Jump ahead."""
        self._base = (time.monotonic(), self.now() + seconds, self.scale)

    def catch_up(self) -> None:
        """Back to the real time, at scale 1."""
        self._base = (time.monotonic(), time.time(), 1.0)

    def now(self) -> float:
        pinned: float | None = getattr(self._pinned, "at", None)
        if pinned is not None:
            return pinned
        real, emulated, scale = self._base
        return emulated + (time.monotonic() - real) * scale

    def utcnow(self) -> datetime.datetime:
        """The moment as moto keeps it: UTC without saying so."""
        return naive(self.now())

    @contextlib.contextmanager
    def at(self, moment: float) -> Iterator[None]:
        """Inside, in this thread, it is that moment: for what was due then and is only done now."""
        before = getattr(self._pinned, "at", None)
        self._pinned.at = moment
        try:
            yield
        finally:
            self._pinned.at = before

    def sleep(self, seconds: float) -> None:
        """Sleep for so many emulated seconds."""
        time.sleep(max(0.0, seconds) / self.scale)


def naive(moment: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).replace(tzinfo=None)


CLOCK = Clock()
"""One a process, as moto's accounts are."""
