# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one place that reads a clock or sleeps, so that a test can put another in its place."""

from __future__ import annotations

import datetime
import time


def now() -> float:
    """Seconds since the epoch."""
    return time.time()


def sleep(seconds: float) -> None:
    """Wait; nothing for zero or less."""
    if seconds > 0:
        time.sleep(seconds)


def iso(at: float) -> str:
    """A moment as returned values show it: ISO 8601 in UTC, to the second."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def local(at: float) -> str:
    """A moment as a line of progress shows it: the controller's time of day."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def duration(seconds: float) -> str:
    """A length of time for people: "2 min 10 s"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
