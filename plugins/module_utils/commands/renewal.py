# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process that renews a run's lock until ansible-playbook or the lease has ended.

It does not give the lock back: orphaned workers of ansible-playbook may still write, until the lease is over.
"""

from __future__ import annotations

import os
import threading
import uuid
from typing import Any

from ..aws import state_table
from ..errors import DatomicError
from ..util import clock, lease
from ..util.subprocesses import lives

LOOK_SECONDS = 0.5
AGAIN_SECONDS = 1.0
"""Between attempts when AWS does not answer."""


def keep(client: Any, path: str, system: str, lock: str, seconds: float, parent: tuple[int, str]) -> None:
    """Renew the lock each quarter of its seconds. parent: ansible-playbook's process id and its start."""
    threading.Thread(target=_watch, args=(path, parent), daemon=True).start()
    pause = seconds / 4
    while not lease.is_over(path):
        clock.sleep(pause)
        before = clock.now()
        try:
            held = state_table.renew(client, system, lock, uuid.uuid4().hex, before)
        except DatomicError:
            pause = min(AGAIN_SECONDS, seconds / 4)
            continue
        # What was true when the request began: until then nobody else could have taken the lock.
        lease.renew(path, before + seconds if held else 0)
        pause = seconds / 4


def _watch(path: str, parent: tuple[int, str]) -> None:
    """End this process, whatever it waits for, when nobody needs the lock any more."""
    while os.path.exists(path) and lives(*parent):
        clock.sleep(LOOK_SECONDS)
    os._exit(0)
