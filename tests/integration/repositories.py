# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real git repositories for tests."""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess
import zlib
from typing import Any

from tests.modules import run_module

FILE = "aws/orders.properties"


class Repository:
    """A repository with a user of its own."""

    def __init__(self, root: pathlib.Path, *options: str) -> None:
        self.root = root
        root.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main", *options)
        self.git("config", "user.name", "Operator")
        self.git("config", "user.email", "operator@example.com")

    @classmethod
    def at(cls, root: pathlib.Path) -> Repository:
        """One that exists."""
        repository = cls.__new__(cls)
        repository.root = root
        return repository

    def git(self, *arguments: str, fails: bool = False) -> str:
        """The standard output of a git command."""
        done = subprocess.run(("git", *arguments), cwd=self.root, capture_output=True, text=True, check=False)
        assert (done.returncode != 0) == fails, (arguments, done.stdout, done.stderr)
        return done.stdout.rstrip("\n")

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def hook(self, name: str, script: str) -> None:
        hook = self.directory / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{script}\n")
        hook.chmod(0o755)

    @property
    def directory(self) -> pathlib.Path:
        return pathlib.Path(self.git("rev-parse", "--absolute-git-dir"))

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def show(self, path: str) -> str:
        done = subprocess.run(("git", "show", f"HEAD:{path}"), cwd=self.root, capture_output=True, check=True)
        return done.stdout.decode()

    def committed(self) -> list[str]:
        """The files that the last commit changed."""
        return self.git("show", "--format=", "--name-only", "HEAD").split("\n")

    def state(self, without: str = "") -> dict[str, object]:
        """What is staged and what is dirty."""
        tags = self.git("ls-files", "--stage", "-v", "--debug").split("\n")
        entries = [line for line in tags if "\t" in line and line[0] != " " and not line.endswith("\t" + without)]
        flags = self.git("diff", "--cached", "--raw", "--no-renames", "--", ".", f":(exclude){without or 'nothing'}")
        dirty = self.git("diff", "--raw", "--", ".", f":(exclude){without or 'nothing'}")
        return {"index": entries, "staged": flags, "dirty": dirty}

    def everything(self) -> dict[str, str]:
        """Every file of the work tree and of git's directory, but for the lock; git may touch objects that it reads."""
        found = {}
        for directory, _directories, names in os.walk(self.root):
            for name in names:
                path = pathlib.Path(directory, name)
                if path.is_file() and name != "datomic-register.lock":
                    when = 0 if "objects" in path.parts else path.stat().st_mtime_ns
                    found[str(path)] = f"{hashlib.sha256(path.read_bytes()).hexdigest()} {when}"
        return found

    def holds(self, text: str) -> bool:
        """Whether any file of git's directory has the text, objects included."""
        for path in self.directory.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                if path.parent.parent.name == "objects" and len(path.name) == 38:
                    content = zlib.decompress(content)
                if text.encode() in content:
                    return True
        return False


def sample(root: pathlib.Path) -> Repository:
    """A repository with one commit."""
    repository = Repository(root)
    repository.write(FILE, "host=a\n")
    for name in ("old.txt", "dirty.txt", "unregistered.txt"):
        repository.write(name, f"{name}\n")
    repository.git("add", ".")
    repository.git("commit", "--quiet", "--message=first")
    return repository


def registering(repository: Repository | None, *paths: str, check: bool = False, **options: Any) -> dict[str, Any]:
    """The result of register_files; the paths start at the repository's root."""
    files = [str(repository.root / path) if repository else path for path in paths]
    result = run_module("register_files", {"paths": files, "commit_message": "register", **options}, check=check)
    result.pop("invocation", None)
    return result
