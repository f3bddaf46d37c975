# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Eventual consistency: something new is unknown for a while, to reads and to the services that use it.

"Changes that I make are not always immediately visible",
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html; "Amazon S3 data consistency model",
https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel (bucket configurations);
"Ensuring idempotency", https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.emulator.clock import CLOCK
from tests.emulator.settings import SETTINGS

_made: dict[tuple[str, str], float] = {}
_everything: list[bool] = []


def made(kind: str, name: str) -> None:
    """Something was made now; it stays hidden for SETTINGS.visibility seconds."""
    _made[kind, name] = CLOCK.now()


def hidden(kind: str, name: str, longer: float = 0.0) -> bool:
    """Whether it was made so short ago that it is unknown yet; never to calls from backstage.

    longer: seconds that it takes to reach another service after the one that made it shows it.
    """
    return not _everything and CLOCK.now() < _made.get((kind, name), 0.0) + SETTINGS.visibility + longer


def all_seen() -> bool:
    """Whether this is inside everything()."""
    return bool(_everything)


def reset() -> None:
    _made.clear()


@contextlib.contextmanager
def everything() -> Iterator[None]:
    """Inside, everything is seen at once. Only with the emulator's lock held."""
    _everything.append(True)
    try:
        yield
    finally:
        _everything.pop()
