# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An emulated AWS in a process of its own, an estate of any number of systems on it, and timed runs of playbooks."""

from __future__ import annotations

import contextlib
import json
import pathlib
import resource
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

from tests.estate import ROOT, Estate, Run

HERE = pathlib.Path(__file__).parent
SYSTEM = "wormbase"


class Account:
    """The emulator's account over HTTP. url: where it listens."""

    def __init__(self, url: str) -> None:
        self.url = url

    def post(self, what: str, **sent: Any) -> None:
        """One of the emulator's admin paths, such as configure or reset."""
        request = urllib.request.Request(f"{self.url}/emulator/{what}", json.dumps(sent).encode())
        urllib.request.urlopen(request).close()


@contextlib.contextmanager
def account(directory: pathlib.Path) -> Iterator[Account]:
    """A fresh account while the context lasts."""
    ready = directory / "emulator.url"
    with (directory / "emulator.log").open("w") as log:
        emulator = subprocess.Popen(
            [sys.executable, "-m", "tests.emulator", "--ready-file", str(ready)],
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield Account(_url(ready, emulator))
        finally:
            emulator.terminate()
            emulator.wait()
            ready.unlink(missing_ok=True)


def earlier(directory: pathlib.Path, commit: str) -> pathlib.Path:
    """The collection as it was in that commit, in a tree in which Ansible finds it."""
    tree = directory / "earlier"
    place = tree / "ansible_collections/datomic_onprem/aws"
    place.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "--extract", "--directory", place], input=archive, check=True)
    return tree


def _url(ready: pathlib.Path, emulator: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and emulator.poll() is None:
        if ready.exists() and (url := ready.read_text().strip()):
            return url
        time.sleep(0.05)
    raise RuntimeError("the emulator did not start")


class Playbooks:
    """The estate's playbooks and those of the bench, run with the seconds that each took."""

    def __init__(self, directory: pathlib.Path, on: Account, systems: int = 1) -> None:
        self.estate = Estate(directory / "estate", on.url)
        for name in ("by_hand.yml", "floor.yml"):
            shutil.copy(HERE / name, self.estate.directory)
        if systems > 1:
            _multiply(self.estate, systems)
        self.estate.git("add", ".")
        self.estate.git("commit", "--quiet", "--allow-empty", "--message", "Playbooks of the bench")
        self.last: Run | None = None
        self.cpu: dict[str, list[float]] = {}
        """Processor seconds of each run by playbook, the emulator's not among them: they hold on a busy machine too."""

    def seconds(self, playbook: str, *arguments: str, changed: bool | None = None, collections: str = "") -> float:
        """The wall time of one run, which has to succeed. changed: whether it has to report a change.

        collections: where Ansible finds another version of the collection.
        """
        start, cpu = time.perf_counter(), _children()
        place = {"ANSIBLE_COLLECTIONS_PATH": collections} if collections else {}
        run = self.estate.play(playbook, *arguments, echo=False, **place)
        taken = time.perf_counter() - start
        self.cpu.setdefault(playbook, []).append(_children() - cpu)
        if run.returncode != 0:
            raise RuntimeError(f"{playbook} failed:\n{run.output[-3000:]}")
        if changed is not None and any(run.changed.values()) != changed:
            raise RuntimeError(f"{playbook} reported {run.changed}:\n{run.output[-3000:]}")
        self.last = run
        return taken

    def calls(self) -> int:
        """How many calls to AWS the last run made."""
        assert self.last is not None
        return len(self.last.calls)


def _multiply(estate: Estate, systems: int) -> None:
    """More systems, all in one repository: files, hosts, and resources of their own."""
    files = {kind: (estate.directory / f"aws/{SYSTEM}-{kind}.properties").read_text() for kind in ("transactor", "cf")}
    hosts = {}
    for number in range(systems):
        name = f"system{number:03}"
        for kind, text in files.items():
            own = text.replace(f"aws-dynamodb-table={SYSTEM}", f"aws-dynamodb-table={name}")
            own = own.replace("aws-security-group=datomic", f"aws-security-group={name}")
            own = own.replace("aws-ingress-groups=datomic", f"aws-ingress-groups={name}")
            (estate.directory / f"aws/{name}-{kind}.properties").write_text(own)
        hosts[name] = {f"datomic_{kind}_properties": f"aws/{name}-{kind}.properties" for kind in files} | {
            "datomic_version": "1.0.7277"
        }
    inventory = {
        "datomic": {
            "hosts": hosts,
            "vars": {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        }
    }
    (estate.directory / "inventory/hosts.yml").write_text(json.dumps(inventory, indent=1))


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
