# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work in a process that outlasts this one, as Ansible's async_wrapper and ansible-connection do it."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
from collections.abc import Callable


def start(work: Callable[[], object]) -> None:
    """Run it in a new process that is no child of this one and shares no open file with it. OSError without one.

    What work uses must not have a connection yet: those of this process are closed in the new one.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    # Nothing may return to the code above, which is this process's alone.
    try:
        os.setsid()
        if os.fork() == 0:
            _detach()
            work()
    finally:
        os._exit(0)


def _detach() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    for descriptor in map(int, os.listdir("/dev/fd")):
        if descriptor > 2:
            with contextlib.suppress(OSError):  # that of the listing
                os.close(descriptor)
    # Garbage of the old process would close descriptors that are new here.
    gc.freeze()
