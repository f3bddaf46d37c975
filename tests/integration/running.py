# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machines whose runs share the state of one system: each has its own clone, ANSIBLE_HOME and process."""

from __future__ import annotations

import multiprocessing
import multiprocessing.context
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import state_table
from ansible_collections.datomic_onprem.aws.plugins.module_utils.state.item import Item
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import lease

from tests.emulator import Emulator
from tests.integration.ensuring import ROLES, ensure
from tests.modules import CREDENTIALS, run_module

LEASE = 4.0
"""Of a lock that has to end in the test: a shorter one would end by itself on a busy machine."""


class Machine:
    """One run of a machine. playbook: a process instead of ansible-playbook's."""

    def __init__(self, aws: Emulator, directory: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.aws = aws
        self.directory = directory
        self._environment = monkeypatch
        self.playbook = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        directory.mkdir(exist_ok=True)
        self.files = {name: str(directory / f"{name}.properties") for name in ("transactor_src", "cf_src")}
        for name, text in zip(self.files.values(), (ROLES, "aws-region=us-east-1\n"), strict=True):
            if not pathlib.Path(name).exists():
                pathlib.Path(name).write_text(text)
        self.lease = ""

    def begin(self, **options: Any) -> dict[str, Any]:
        self._environment.setenv("ANSIBLE_HOME", str(self.directory / "home"))
        params = {"stack_name": "orders", "timeout": 0, **self.files, **options}
        result = self._run("begin_run", {**params, "_pid": self.playbook.pid})
        self.lease = result.get("lease", "")
        return result

    def ensure(self, **options: Any) -> dict[str, Any]:
        """ensure_transactor under the lease."""
        with self._environment.context() as environment:
            environment.setenv(lease.VARIABLE, self.lease)
            return ensure(self.aws, pathlib.Path(self.files["transactor_src"]), **options)

    def written(self) -> dict[str, str]:
        """What the transactor's file says."""
        lines = pathlib.Path(self.files["transactor_src"]).read_text().splitlines()
        return {key: value for key, _sign, value in (line.partition("=") for line in lines)}

    def end(self, **options: Any) -> dict[str, Any]:
        results = {"stack": {"changed": True}}
        return self._run("end_run", {"lease": self.lease, "results": results, **self.files, **options})

    def die(self) -> None:
        self.playbook.kill()
        self.playbook.wait()

    def _run(self, name: str, params: dict[str, Any]) -> dict[str, Any]:
        return run_module(name, {**CREDENTIALS, "endpoint_url": self.aws.url, **params})


Machines = Callable[[str], Machine]


@pytest.fixture
def machines(aws: Emulator, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    """A run of the machine of that name. All of them end with the test."""
    begun: list[Machine] = []

    def machine(name: str) -> Machine:
        begun.append(Machine(aws, tmp_path / name, monkeypatch))
        return begun[-1]

    yield machine
    for one in begun:
        one.die()


def concurrently(*works: Callable[[], object]) -> list[multiprocessing.context.ForkProcess]:
    """Start each in a process of its own, all at the same moment."""
    context = multiprocessing.get_context("fork")
    begin = context.Barrier(len(works))

    def together(work: Callable[[], object]) -> None:
        begin.wait()
        work()

    processes = [context.Process(target=together, args=(work,)) for work in works]
    for process in processes:
        process.start()
    return processes


def item(aws: Emulator) -> Item:
    return state_table.read(aws.backstage("dynamodb"), "orders")


def until(true: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait until it is true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)
