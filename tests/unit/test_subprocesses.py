# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs that are run: what they print, when they are stopped, and that signal handlers are restored."""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import signal
import time
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import subprocesses


def run(script: str, **options: Any) -> subprocesses.Finished:
    return subprocesses.run(
        ["/bin/sh", "-c", script], directory="/", environment={"PATH": os.defpath}, **{"timeout": 60, **options}
    )


@pytest.mark.parametrize("number", subprocesses.END_SIGNALS)
def test_it_ends_with_us(tmp_path: pathlib.Path, number: signal.Signals) -> None:
    handlers = [signal.getsignal(each) for each in subprocesses.END_SIGNALS]
    kill = f"kill -{int(number)} {os.getpid()}"
    done = run(f"echo $$ > {tmp_path}/pid; {kill}; {kill}; sleep 60")
    assert done.stopped == f"was stopped, because this run was asked to end ({number.name})"
    assert done.code == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert [signal.getsignal(each) for each in subprocesses.END_SIGNALS] == handlers


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    handler = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        assert run(f"kill -HUP {os.getpid()}; exit 3").code == 3
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, handler)


def test_outside_the_main_thread() -> None:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        assert pool.submit(run, "exit 3").result().code == 3


def test_a_time_out_stops_all_that_it_started(tmp_path: pathlib.Path) -> None:
    done = run(f"(trap '' TERM; echo started; touch {tmp_path}/up; sleep 60) & wait; sleep 60", timeout=0.5)
    assert (done.out, done.stopped) == (b"started\n", "did not end within 0.5 seconds and was stopped")
    assert done.seconds < 3


def test_more_than_a_pipe_holds_in_and_out() -> None:
    data = b"x" * 1_000_000
    done = run("cat; cat /dev/zero | head -c 1000000 >&2", data=data)
    assert (done.code, done.out, len(done.err), done.stopped) == (0, data, 1_000_000, "")


def test_a_background_process_that_keeps_the_output_open_is_not_waited_for() -> None:
    began = time.monotonic()
    done = run("echo done; sleep 20 &")
    assert (done.out, done.code) == (b"done\n", 0)
    assert time.monotonic() - began < 5


def test_a_long_wait_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocesses, "FIRST_LINE_SECONDS", 0.2)
    monkeypatch.setattr(subprocesses, "LINE_SECONDS", 60)
    reports: list[float] = []
    run("sleep 0.8", waiting=reports.append)
    assert len(reports) == 1
