# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An estate: properties files, inventory and playbooks in a git repository of its own, and runs against an emulator."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.request
from collections import Counter
from typing import Any

TABLE = "datomic-onprem-state"
ROOT = pathlib.Path(__file__).resolve().parents[1]
LEGACY = ROOT / "tests" / "estates" / "legacy"

RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Run:
    """One finished run of a playbook. output: what it printed, standard error included."""

    returncode: int
    output: str
    calls: list[dict[str, Any]]

    @property
    def changed(self) -> dict[str, int]:
        """How many tasks reported a change, by host."""
        return {host: int(changed) for host, _ok, changed, _unreachable, _failed in RECAP.findall(self.output)}

    def kinds(self) -> Counter[str]:
        """How many calls of each kind: read, plan, write."""
        return Counter(call["kind"] for call in self.calls)

    def writes(self) -> list[str]:
        """The mutating calls, in order, as service:Operation."""
        return [f"{call['service']}:{call['operation']}" for call in self.calls if call["kind"] == "write"]

    def changes(self) -> list[str]:
        """The writes, without those of the shared lock."""
        own = [call for call in self.calls if call["resource"] != TABLE]
        return dataclasses.replace(self, calls=own).writes()


def environment(url: str, home: pathlib.Path) -> dict[str, str]:
    """The environment of a user whose AWS is the emulator: nothing of the caller's own configuration is left."""
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TERM", "TMPDIR") if name in os.environ}
    return kept | {
        "PATH": os.pathsep.join((str(pathlib.Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin")),
        "HOME": str(home),
        "LC_ALL": kept.get("LC_ALL", "C.UTF-8"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".tree"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": url,
    }


def configure(url: str, **settings: Any) -> None:
    """Set how the emulated AWS behaves."""
    request = urllib.request.Request(f"{url}/emulator/configure", json.dumps(settings).encode())
    urllib.request.urlopen(request).close()


class Estate:
    """The estate in a directory of its own, on an account that is old enough for the legacy template.

    url: the emulator's. files: what the estate consists of.
    """

    def __init__(self, directory: pathlib.Path, url: str, files: pathlib.Path = LEGACY) -> None:
        self.directory = directory
        self.url = url
        home = directory.parent / f"{directory.name}-home"
        home.mkdir(parents=True, exist_ok=True)
        self.environment = environment(url, home)
        shutil.copytree(files, directory)
        configure(url, launch_configurations=True)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("config", "user.name", "Operator")
        self.git("config", "user.email", "operator@example.com")
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "Our Datomic systems, on the first day")

    def git(self, *arguments: str) -> str:
        """Run git in the repository; what it prints."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.directory,
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def play(self, playbook: str, *arguments: str, echo: bool = False, **extra: str) -> Run:
        """Run ansible-playbook as a user would. echo: show its output while it runs. extra: environment variables."""
        before = len(self.calls())
        process = subprocess.Popen(
            ["ansible-playbook", "-i", "inventory", playbook, *arguments],
            cwd=self.directory,
            # Ansible flushes what it prints at its end, but for a terminal.
            env=self.environment | {"PYTHONUNBUFFERED": "1"} | extra,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if echo:
                print(line, end="", flush=True)
        return Run(process.wait(), "".join(lines), self.calls()[before:])

    def edit(self, path: str, **values: str) -> None:
        """Set keys of a properties file as a user would in an editor; underscores stand for the hyphens of a key."""
        file = self.directory / path
        text = file.read_text()
        for name, value in values.items():
            key = name.replace("_", "-")
            text, found = re.subn(rf"(?m)^{key}=.*$", f"{key}={value}", text)
            assert found == 1, f"{path} has {found} lines with the key {key}"
        file.write_text(text)

    def calls(self) -> list[dict[str, Any]]:
        """The emulator's call log."""
        with urllib.request.urlopen(f"{self.url}/emulator/log") as answer:
            calls: list[dict[str, Any]] = json.load(answer)
        return calls
