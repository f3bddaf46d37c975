# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The trials of whole playbooks: killed with all of their processes, and searched for secrets wherever they leave text.

What a playbook does between two calls of AWS is tried in runs of its modules (trials.py), which cost a tenth.
"""

from __future__ import annotations

import contextlib
import pathlib
import subprocess
import threading
from collections.abc import Iterator

from tests.chaos.single import SECRETS, SENTINEL
from tests.chaos.system import System
from tests.chaos.trials import Tally, Trials
from tests.estate import environment

SCALE = 120
"""Seconds of AWS's time in one of ours: without metrics a new transactor has to settle for minutes."""
PATIENCE = 300


def start(system: System, playbook: str, *arguments: str, **extra: str) -> subprocess.Popen[str]:
    home = system.directory.parent / "home"
    home.mkdir(exist_ok=True)
    return subprocess.Popen(
        ["ansible-playbook", "-i", "inventory", f"{playbook}.yml", *arguments],
        cwd=system.directory,
        env=environment(system.aws.url, home) | extra,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def play(system: System, playbook: str, *arguments: str, **extra: str) -> tuple[int, str]:
    """Exit code and output of a run that nothing disturbs."""
    with start(system, playbook, *arguments, **extra) as process:
        output = process.communicate(timeout=PATIENCE)[0]
    return process.returncode, output


def killed(trials: Trials, playbook: str) -> Tally:
    """kill -9 of all processes at a call and right after it, then the same playbook once more."""
    tally = Tally("killed")
    system = fresh(trials, playbook)
    code, output = play(system, playbook)
    if code:
        tally.crash(f"{playbook} without any disturbance: {output[-2000:]}")
        return tally
    kinds = [call.kind for call in trials.aws.calls()]
    wanted = system.state()
    moments = [
        (k, mode)
        for k, kind in enumerate(kinds, 1)
        for mode in ("kill", "kill_after")
        if mode == "kill" or kind != "read"  # right after a read is what it is at the next call
    ]
    for k, mode in moments[:: trials.step]:
        system = fresh(trials, playbook)
        what = f"{playbook}.yml, {mode} at call {k}"
        with start(system, playbook) as process:
            trials.aws.fault(k=k, mode=mode, pid=process.pid)
            process.communicate(timeout=PATIENCE)
        trials.aws.clear_faults()
        if process.returncode != -9:
            continue  # a replacement looks more or less often from one run to the next
        code, output = play(system, playbook)
        if code:
            tally.crash(f"{what}: {output[-2000:]}")
        else:
            tally.compare(what, system.state(), wanted)
    return tally


def fresh(trials: Trials, playbook: str) -> System:
    system = trials.fresh(playbook)
    trials.aws.configure(scale=SCALE)
    return system


def secrets(trials: Trials) -> Tally:
    """A sentinel in every secret key, through runs that fail and succeed, at full verbosity and with every log."""
    tally = Tally("secrets")
    system = fresh(trials, "create")
    system.put(SECRETS)
    # The files are encrypted in git, or no run would begin.
    inside = system.directory / ".git" / "info"
    (inside / "attributes").write_text("aws/* filter=conceal\n")
    (inside / "conceal.sed").write_text(f"s/{SENTINEL}/concealed/g\n")
    system.git("config", "filter.conceal.clean", f"sed -f {inside / 'conceal.sed'}")
    places = system.directory.parent
    for name in ("junit", "facts", "tmp"):
        (places / name).mkdir()
    logs = {
        "ANSIBLE_CALLBACKS_ENABLED": "ansible.builtin.junit",
        "JUNIT_OUTPUT_DIR": str(places / "junit"),
        "ANSIBLE_LOG_PATH": str(places / "ansible.log"),
        "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(places / "facts"),
        "TMPDIR": str(places / "tmp"),
    }
    as_json = {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
    runs: list[tuple[str, tuple[str, ...], dict[str, str], int]] = [
        ("create", ("-vvvv",), {}, 12),
        ("create", ("-vvvv", "--diff"), {}, 40),
        ("create", ("-vvvv", "--diff"), {}, 0),
        ("update", ("--check", "--diff", "-vvvv"), as_json, 0),
        ("update", ("--diff", "-vvv"), as_json, 0),
    ]
    for number, (playbook, arguments, callback, failing) in enumerate(runs[:: trials.step]):
        if playbook == "update":
            system.edit()
        if failing:
            trials.aws.fault(k=failing, times=1000, mode="error", code="AccessDenied")
        tally.tried += 1
        with _process_list() as seen:
            code, output = play(system, playbook, *arguments, **logs, **callback)
        trials.aws.clear_faults()
        if (code != 0) != bool(failing):
            tally.crash(f"run {number} of {playbook} ended with {code}: {output[-2000:]}")
        found = [str(path) for path in _texts(places) if SENTINEL in path.read_text(errors="replace")]
        where = [
            *found,
            *(["the output"] if SENTINEL in output else []),
            *(["a command line"] if any(SENTINEL in line for line in seen) else []),
            *(["a commit"] if SENTINEL in system.git("log", "--patch") else []),
        ]
        if where:
            tally.leaked += 1
            tally.details.append(f"run {number} of {playbook}: in {', '.join(where)}")
    return tally


def _texts(directory: pathlib.Path) -> Iterator[pathlib.Path]:
    """Every file but git's own and the three that hold the secret by what they are."""
    for path in directory.rglob("*"):
        if path.is_file() and not {".git", "aws"} & set(path.parts):
            yield path


@contextlib.contextmanager
def _process_list() -> Iterator[set[str]]:
    """The command lines that anybody on the machine could have read meanwhile."""
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            for line in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    seen.add(line.read_text(errors="replace"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
