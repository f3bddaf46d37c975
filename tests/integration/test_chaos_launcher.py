# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process from which make chaos forks its runs: each run is killed whole, and nothing is left when it is over."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import time

import pytest

from tests.chaos import playbooks, runs
from tests.chaos.kill_points import in_a_child
from tests.chaos.launcher import Launcher
from tests.chaos.trials import Trials
from tests.emulator import Emulator
from tests.estate import environment


def processes(home: pathlib.Path) -> list[int]:
    """All that were started with this HOME, and what they forked."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"HOME={home}\0".encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def launcher(directory: pathlib.Path) -> Launcher:
    return Launcher(directory, environment("http://127.0.0.1:1", directory))


def version(of: Launcher, directory: pathlib.Path) -> int:
    """The shortest run."""
    return of.run(["--version"], 0, [], directory / "output", lambda pid: None)


def left(home: pathlib.Path, count: int) -> list[int]:
    """The processes of this home as soon as there are only so many, or after ten seconds."""
    deadline = time.monotonic() + 10
    while len(found := processes(home)) > count and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def test_a_killed_run_leaves_no_process_and_the_next_one_works(aws: Emulator) -> None:
    trials = Trials(aws)
    system = playbooks.fresh(trials, "create")
    assert runs.killed_at_call(system, "create", k=20, mode="kill").code == playbooks.KILLED
    # The process that renews the lock ends by itself.
    (starter,) = left(system.home, 1)
    home, system = system.home, playbooks.fresh(trials, "create")
    assert runs.play(system, "create").code == 0
    # What is new is unknown for long enough that the run meets it: each of two profiles is asked for again.
    assert [call.operation for call in aws.calls()].count("AddRoleToInstanceProfile") > 3
    assert left(home, 1) == [starter]
    del trials, system
    assert processes(home) == []


def test_one_process_for_all_runs_which_ends_with_its_launcher(tmp_path: pathlib.Path) -> None:
    with contextlib.closing(launcher(tmp_path)) as one:
        assert [version(one, tmp_path), version(one, tmp_path)] == [0, 0]
        assert "ansible-playbook [core" in (tmp_path / "output").read_text()
        assert len(processes(tmp_path)) == 1
    assert processes(tmp_path) == []
    assert list((tmp_path / ".ansible" / "tmp").iterdir()) == []


def test_a_launcher_without_its_process_says_so_and_starts_another(tmp_path: pathlib.Path) -> None:
    with contextlib.closing(launcher(tmp_path)) as one:
        version(one, tmp_path)
        (starter,) = processes(tmp_path)
        os.kill(starter, signal.SIGKILL)
        with pytest.raises(RuntimeError, match=r"launch\.py has ended"):
            version(one, tmp_path)
        assert version(one, tmp_path) == 0


def test_the_process_ends_when_its_owner_is_killed(tmp_path: pathlib.Path) -> None:
    def work() -> None:
        kept = launcher(tmp_path)
        version(kept, tmp_path)
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_a_child(work)
    assert left(tmp_path, 0) == []
