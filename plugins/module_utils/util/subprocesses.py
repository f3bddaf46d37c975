# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a program to its end. Its callers know no module, so AnsibleModule.run_command is not for them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio.subprocess import Process

# asyncio takes longer to import than most modules run, and most of them run no program: it is imported where one runs.

STOP_SECONDS = 5
"""Between asking a program to stop and killing it."""
READ_SECONDS = 1
"""How long what a program left behind may hold its output open: that program is not waited for."""
FIRST_LINE_SECONDS = 10
LINE_SECONDS = 60
"""How long a wait lasts until it is reported, and how long until it is again."""

END_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""What asks a process to end; Ctrl-C is Python's own affair, unless somebody else handles it."""
LEFT_ALONE = (None, signal.SIG_IGN, signal.default_int_handler)

Waiting = Callable[[float], None]
"""Gets the seconds that a program has run for, once a minute."""


class StoppedError(Exception):
    """This process was asked to end while a program ran, which has been stopped. Its text: the signal's name."""


@dataclasses.dataclass(frozen=True)
class Ended:
    """code: the exit code, negative for a signal."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """Its standard output."""
        return os.fsdecode(self.out)


def run(
    arguments: Sequence[str],
    *,
    directory: str | None = None,
    environment: Mapping[str, str] | None = None,
    data: bytes = b"",
    timeout: float | None = None,
    waiting: Waiting | None = None,
) -> Ended:
    """Run it in a session of its own, and read what it prints.

    data: its standard input. environment: None for this process's own. timeout: seconds, None for any time.
    OSError when it cannot be started, TimeoutError when it did not end in time, and StoppedError; then all of its
    session has been stopped.
    """
    import asyncio

    out, err = _Output(), _Output()
    work = _watch(arguments, directory, environment, (out.descriptor, err.descriptor), timeout, (), data, waiting)
    code = asyncio.run(_heedfully(work))
    return Ended(code, out.finish(), err.finish())


class _Output:
    """What a program prints, read beside its other stream, or a full pipe would stop it.

    descriptor: where the program writes, to be closed by who hands it on.
    """

    def __init__(self) -> None:
        source, self.descriptor = os.pipe()
        self._parts: list[bytes] = []
        self._thread = threading.Thread(target=self._read, args=(source,), daemon=True)
        self._thread.start()

    def _read(self, source: int) -> None:
        with open(source, "rb", buffering=0) as stream:
            while part := stream.read(1 << 16):
                self._parts.append(part)

    def finish(self) -> bytes:
        self._thread.join(READ_SECONDS)
        return b"".join(tuple(self._parts))


def watch(
    arguments: Sequence[str],
    *,
    directory: str,
    environment: Mapping[str, str],
    output: tuple[int, int],
    timeout: float,
    holding: tuple[int, ...] = (),
) -> int:
    """Run it in a session of its own. The exit code, negative for a signal.

    output: file descriptors for its standard output and its standard error; they are closed here. holding: file
    descriptors that it keeps. OSError and TimeoutError as in run, and StoppedError; then all of its session has been
    stopped.
    """
    import asyncio

    return asyncio.run(_heedfully(_watch(arguments, directory, environment, output, timeout, holding, b"", None)))


async def _heedfully(work: Coroutine[Any, Any, int]) -> int:
    """A session of its own gets no signal that is meant for this process's: it would outlive it."""
    import asyncio

    asked: list[str] = []
    watching = asyncio.ensure_future(work)

    def stop(number: signal.Signals) -> None:
        if not asked:
            watching.cancel()
        asked.append(number.name)

    with _heeding(stop):
        try:
            return await watching
        except asyncio.CancelledError:
            if asked:
                raise StoppedError(asked[0]) from None
            raise


@contextlib.contextmanager
def _heeding(stop: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Let the signals that ask this process to end call stop instead. Only its main thread is told of signals."""
    import asyncio

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (*END_SIGNALS, signal.SIGINT)}
    heeded = [number for number, handler in before.items() if handler not in LEFT_ALONE]
    for number in heeded:
        loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        for number in heeded:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])


async def _watch(
    arguments: Sequence[str],
    directory: str | None,
    environment: Mapping[str, str] | None,
    output: tuple[int, int],
    timeout: float | None,
    holding: tuple[int, ...],
    data: bytes,
    waiting: Waiting | None,
) -> int:
    import asyncio

    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            cwd=directory,
            env=environment,
            stdin=asyncio.subprocess.PIPE if data else asyncio.subprocess.DEVNULL,
            stdout=output[0],
            stderr=output[1],
            start_new_session=True,
            pass_fds=holding,
        )
    finally:
        for descriptor in output:
            os.close(descriptor)
    tasks = [asyncio.ensure_future(_feed(process, data))] if data else []
    tasks += [asyncio.ensure_future(_remind(waiting))] if waiting else []
    try:
        return await asyncio.wait_for(process.wait(), timeout)
    except BaseException:
        await _stop(process)
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _feed(process: Process, data: bytes) -> None:
    if process.stdin:
        with contextlib.suppress(ConnectionError):
            process.stdin.write(data)
            await process.stdin.drain()
        process.stdin.close()


async def _remind(waiting: Waiting) -> None:
    import asyncio

    begun = time.monotonic()
    await asyncio.sleep(FIRST_LINE_SECONDS)
    while True:
        waiting(time.monotonic() - begun)
        await asyncio.sleep(LINE_SECONDS)


async def _stop(process: Process) -> None:
    """Stop the program and what it started, such as the JVM of a shell script."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        if await _ends(process, STOP_SECONDS):
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def _ends(process: Process, seconds: float) -> bool:
    import asyncio

    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        return False
    return True
