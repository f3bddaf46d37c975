# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a program to its end, without a module: AnsibleModule.run_command needs one and has no time-out."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

STEP_SECONDS = 0.1
"""How often a running program is checked for its end, its time-out and for signals to this process."""
STOP_SECONDS = 5
"""Between SIGTERM and SIGKILL."""
READ_SECONDS = 1
"""How long to read on when a background process that the program left behind keeps its output open."""
FIRST_LINE_SECONDS = 10
LINE_SECONDS = 60
"""When a wait is reported first, and how often after that."""

END_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""Signals that ask a process to end. SIGINT too, where a handler other than Python's own is set."""
LEFT_ALONE = (None, signal.SIG_IGN, signal.default_int_handler)


@dataclasses.dataclass(frozen=True)
class Finished:
    """A program that has ended.

    code: the exit code, negative for a signal. out, err: what it printed. stopped: why it was stopped before its end,
    with all processes of its session; empty if it ended by itself.
    """

    code: int
    out: bytes
    err: bytes
    seconds: float = 0.0
    stopped: str = ""

    @property
    def line(self) -> str:
        """Its standard output as one name or path."""
        return os.fsdecode(self.out.rstrip(b"\n"))

    @property
    def fields(self) -> list[str]:
        """The NUL-terminated fields of its standard output."""
        return [os.fsdecode(field) for field in self.out.split(b"\0")[:-1]]

    @property
    def stdout(self) -> str:
        return self.out.decode(errors="replace")

    @property
    def stderr(self) -> str:
        return self.err.decode(errors="replace")


def run(
    arguments: Sequence[str],
    *,
    directory: str | None = None,
    environment: Mapping[str, str] | None = None,
    data: bytes | int = b"",
    timeout: float | None = None,
    waiting: Callable[[float], None] | None = None,
    holding: tuple[int, ...] = (),
    output: tuple[int, int] = (subprocess.PIPE, subprocess.PIPE),
) -> Finished:
    """Run it in a session of its own. OSError if it cannot be started.

    data: its standard input, or a file descriptor for it. environment: None for this process's. timeout: seconds, None
    for no limit. waiting: called with the seconds so far, after 10 seconds and then once a minute. holding: file
    descriptors that it inherits. output: file descriptors for its standard output and error; then out and err of the
    result are empty.
    """
    began = time.monotonic()
    with _signals() as received, tempfile.TemporaryFile() as stdin:
        if isinstance(data, bytes):
            stdin.write(data)
            stdin.seek(0)
        # Modules and action plugins share this; only a module has run_command.
        process = subprocess.Popen(  # pylint: disable=ansible-bad-function
            arguments,
            cwd=directory,
            env=environment,
            stdin=stdin if isinstance(data, bytes) else data,
            stdout=output[0],
            stderr=output[1],
            start_new_session=True,
            pass_fds=holding,
        )
        reader = _Reader(process)
        stopped = ""
        due = FIRST_LINE_SECONDS
        try:
            while not reader.ended(STEP_SECONDS):
                seconds = time.monotonic() - began
                if received:
                    stopped = f"was stopped, because this run was asked to end ({received[0]})"
                elif timeout is not None and seconds >= timeout:
                    stopped = f"did not end within {timeout:g} seconds and was stopped"
                if stopped:
                    break
                if waiting and seconds >= due:
                    waiting(seconds)
                    due = round(seconds) + LINE_SECONDS
        finally:
            if process.poll() is None:
                _stop(process, reader)
        reader.finish()
    return Finished(process.returncode, reader.out, reader.err, round(time.monotonic() - began, 3), stopped)


class _Reader:
    """Reads what a program prints, so that a full pipe does not block it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._open = True
        self.out = self.err = b""

    def ended(self, seconds: float) -> bool:
        """Whether the program has ended. Reads until then, or until the time is over."""
        if self._open:
            try:
                printed: tuple[bytes | None, bytes | None] = self._process.communicate(timeout=seconds)
                self._open = False
            except subprocess.TimeoutExpired as error:
                printed = error.stdout, error.stderr
            self.out, self.err = printed[0] or b"", printed[1] or b""
        return self._process.poll() is not None

    def finish(self) -> None:
        """Read the rest. Output that a background process keeps open is not waited for."""
        self.ended(READ_SECONDS)


@contextlib.contextmanager
def _signals() -> Iterator[list[str]]:
    """The names of the signals that ask this process to end, while this lasts: the program does not get them.

    Only the main thread gets signals.
    """
    received: list[str] = []
    before = {number: signal.getsignal(number) for number in (*END_SIGNALS, signal.SIGINT)}
    caught = [number for number, handler in before.items() if handler not in LEFT_ALONE]
    if threading.current_thread() is not threading.main_thread():
        caught = []
    for number in caught:
        signal.signal(number, lambda number, _frame: received.append(signal.Signals(number).name))
    try:
        yield received
    finally:
        for number in caught:
            signal.signal(number, before[number])


def _stop(process: subprocess.Popen[bytes], reader: _Reader) -> None:
    """Stop the program and all that it started, such as the JVM of a shell script."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        deadline = time.monotonic() + STOP_SECONDS
        while not reader.ended(STEP_SECONDS) and time.monotonic() < deadline:
            pass


def started(pid: int) -> str:
    """When a process started, in a form for comparison: clock ticks on Linux, otherwise what ps prints.

    Empty if it has ended. With its start, a process id is unique: process ids are used again.
    """
    try:
        # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: the second field, in parentheses, may hold blanks
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            state, *fields = file.read().rpartition(")")[2].split()
        return "" if state in "ZX" else fields[18]
    except (FileNotFoundError, ProcessLookupError):  # the second: it ended between open and read
        if os.path.exists("/proc/self/stat"):
            return ""
    return run(["ps", "-o", "lstart=", "-p", str(pid)]).line


def lives(pid: int, began: str) -> bool:
    """Whether the process that had this id and start still runs."""
    return bool(began) and started(pid) == began
