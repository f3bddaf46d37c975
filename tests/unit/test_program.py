# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs that are watched: they end with us when we are asked to end, and nobody's handling of signals is changed."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import pathlib
import signal

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import subprocesses


def watch(script: str) -> int:
    with open(os.devnull, "w") as null:
        output = os.dup(null.fileno()), os.dup(null.fileno())
    return subprocesses.watch(
        ["/bin/sh", "-c", script], directory="/", environment={"PATH": os.defpath}, output=output, timeout=60
    )


@pytest.mark.parametrize("number", subprocesses.END_SIGNALS)
def test_it_ends_with_us(tmp_path: pathlib.Path, number: signal.Signals) -> None:
    handlers = [signal.getsignal(each) for each in subprocesses.END_SIGNALS]
    with pytest.raises(subprocesses.StoppedError, match=f"^{number.name}$"):
        watch(
            f"echo $$ > {tmp_path}/pid; kill -{int(number)} {os.getpid()}; kill -{int(number)} {os.getpid()}; sleep 60"
        )
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert [signal.getsignal(each) for each in subprocesses.END_SIGNALS] == handlers


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    handler = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        assert watch(f"kill -HUP {os.getpid()}; exit 3") == 3
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, handler)


def test_beside_the_main_thread() -> None:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        assert pool.submit(watch, "exit 3").result() == 3


def test_time_outs_are_told_apart() -> None:
    with contextlib.closing(open(os.devnull, "w")) as null:
        output = os.dup(null.fileno()), os.dup(null.fileno())
    with pytest.raises(TimeoutError):
        subprocesses.watch(["/bin/sleep", "60"], directory="/", environment={}, output=output, timeout=0.1)
