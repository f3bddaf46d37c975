# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-playbook, prepared once for many runs, with hurried waits: each run is a process that is forked from this.

`launch.py DESCRIPTOR`, of a socket to the one that asks for runs: launcher.py.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import socket
import sys
import threading
import time
import types

sys.path[0] = str(pathlib.Path(__file__).resolve().parents[2])

from ansible import constants
from ansible.cli import playbook
from ansible.config.manager import ensure_type
from ansible.plugins import loader as plugins

from tests.chaos import waiters
from tests.chaos.kill_points import on_moment
from tests.chaos.launcher import LEASE
from tests.chaos.prepare import prepare

LONGEST_WAIT = 0.25
"""Seconds: two minutes of the emulated AWS's time, so that a look or two fall into every time that is waited for."""
LONGEST_REQUEST = 2**17


@dataclasses.dataclass(frozen=True)
class Run:
    """What is asked for. output, pipe: descriptors; see Launcher.run for the others."""

    arguments: list[str]
    k: int
    places: list[str]
    output: int
    pipe: int


def hurry() -> None:
    """Let the pauses between two looks at a group, and between two tries of a task, be short."""
    # Not above: collections are found once their loader is there. Before begin_run is imported, which reads it.
    from ansible_collections.datomic_onprem.aws.plugins.module_utils.state import item

    item.LEASE_SECONDS = float(os.environ.get(LEASE, item.LEASE_SECONDS))
    from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands import renewal

    sleep = time.sleep
    # A lock is renewed as often as its lease asks for: more often would be calls at any time.
    vars(renewal)["clock"] = types.SimpleNamespace(now=time.time, sleep=sleep)
    time.sleep = lambda seconds: sleep(min(float(seconds), LONGEST_WAIT))
    waiters.hurry()


def asked_for(asking: socket.socket) -> Run:
    """Returns in a new process for each run; this one ends when nobody can ask any more."""
    while True:
        request, descriptors, *_flags = socket.recv_fds(asking, LONGEST_REQUEST, 2)
        if not request:
            sys.exit()
        child = os.fork()
        if not child:
            return Run(**json.loads(request), output=descriptors[0], pipe=descriptors[1])
        for descriptor in descriptors:
            os.close(descriptor)
        asking.send(str(child).encode())
        asking.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())


def main(descriptor: str) -> None:
    plugins.init_plugin_loader()
    hurry()
    prepare()
    directory = os.getcwd()
    with socket.socket(fileno=int(descriptor)) as asking:
        run = asked_for(asking)
        # Nothing comes when the one that asked has gone.
        if not asking.recv(1):
            return

    def reached() -> None:
        os.write(run.pipe, b"x")
        threading.Event().wait()

    # For the workers, which are forked, not for what they start: the reader waits until the last one has ended.
    os.set_inheritable(run.pipe, False)
    for stream in (1, 2):
        os.dup2(run.output, stream)
    os.close(run.output)
    # What this process was started in may have been removed, and made anew.
    os.chdir(directory)
    constants.DEFAULT_LOCAL_TMP = ensure_type(os.path.dirname(constants.DEFAULT_LOCAL_TMP), "tmppath")
    on_moment(run.k, run.places, reached)
    playbook.main(["ansible-playbook", *run.arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
