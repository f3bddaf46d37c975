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
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio.subprocess import Process

# asyncio takes longer to import than most modules run, and most of them run no program: it is imported where one runs.

GRACE_SECONDS = 0.25
"""At Ctrl-C the program got the signal too: this long it may clean up before it is killed."""
STOP_SECONDS = 5
"""Between asking a program to stop and killing it."""


END_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""What asks a process to end; Ctrl-C is Python's own affair."""


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
) -> Ended:
    """data: its standard input. environment: None for this process's own. timeout: seconds, None for any time.

    OSError when it cannot be started, and as TimeoutError when it did not end in time; then it has been killed.
    """
    import asyncio

    return asyncio.run(_run(arguments, directory, environment, data, timeout))


async def _run(
    arguments: Sequence[str],
    directory: str | None,
    environment: Mapping[str, str] | None,
    data: bytes,
    timeout: float | None,
) -> Ended:
    import asyncio

    process = await asyncio.create_subprocess_exec(
        *arguments,
        cwd=directory,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(data), timeout)
    except BaseException:
        if not await _ends(process, GRACE_SECONDS):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await _ends(process, GRACE_SECONDS)
        raise
    return Ended(process.returncode or 0, out, err)


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

    return asyncio.run(_heedfully(_watch(arguments, directory, environment, output, timeout, holding)))


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
    before = {number: signal.getsignal(number) for number in END_SIGNALS}
    heeded = [number for number, handler in before.items() if handler not in (None, signal.SIG_IGN)]
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
    directory: str,
    environment: Mapping[str, str],
    output: tuple[int, int],
    timeout: float,
    holding: tuple[int, ...],
) -> int:
    import asyncio

    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            cwd=directory,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output[0],
            stderr=output[1],
            start_new_session=True,
            pass_fds=holding,
        )
    finally:
        for descriptor in output:
            os.close(descriptor)
    try:
        return await asyncio.wait_for(process.wait(), timeout)
    except BaseException:
        await _stop(process)
        raise


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
