# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of ansible-playbook without its start: a process that has imported everything forks one for each run."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence

from tests.emulator.faults import kill_tree

PATIENCE = 300
"""Seconds that one run may take."""
LEASE = "CHAOS_LEASE"
"""The environment variable with the seconds that a lock lasts without renewal; by default what the product says."""
LAUNCH = pathlib.Path(__file__).with_name("launch.py")


class Launcher:
    """One run after the other, in one directory and environment, which Ansible reads when it is imported.

    The process starts with the first run. It ends with close(), when nobody has this any more, or this process ends.
    pid: its number, 0 before.
    """

    def __init__(self, directory: pathlib.Path, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._environment = environment
        self._socket: socket.socket | None = None
        self.pid = 0

    def _started(self) -> socket.socket:
        if self._socket is None:
            self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._socket.settimeout(PATIENCE)
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, str(LAUNCH), str(theirs.fileno())],
                    cwd=self._directory,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                )
            self.pid = process.pid
            self._end = weakref.finalize(self, _end, process, self._socket)
        return self._socket

    def run(
        self,
        arguments: Sequence[str],
        k: int,
        places: Sequence[str],
        output: pathlib.Path,
        prepare: Callable[[int], object],
    ) -> int:
        """The exit status, -9 when it was killed: at its k-th change of a file in the places; 0: at none.

        prepare: gets its process id before it starts.
        """
        there = self._started()
        reader, writer = os.pipe()
        try:
            request = json.dumps({"arguments": arguments, "k": k, "places": places}).encode()
            with output.open("w") as file, open(writer, "wb") as pipe:
                socket.send_fds(there, [request], [file.fileno(), pipe.fileno()])
            pid = _told(there)
            late = threading.Timer(PATIENCE, kill_tree, (pid,))
            late.start()
            try:
                prepare(pid)
                there.send(b"x")
                # Its end when the last process of the run has ended.
                if os.read(reader, 1):
                    kill_tree(pid)
                return _told(there)
            finally:
                late.cancel()
        except BaseException:
            self.close()
            raise
        finally:
            os.close(reader)

    def close(self) -> None:
        """End the process, and a run that is under way."""
        if self._socket is not None:
            self._socket = None
            self._end()


def _told(there: socket.socket) -> int:
    with contextlib.suppress(ConnectionError):
        if told := there.recv(100):
            return int(told)
    raise RuntimeError(f"the process of {LAUNCH.name} has ended, which starts the runs; its standard error says why")


def _end(process: subprocess.Popen[bytes], there: socket.socket) -> None:
    kill_tree(process.pid)
    process.wait()
    there.close()
