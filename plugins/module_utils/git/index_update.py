# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One registering run at a time in a repository, and git's index: it follows the commit, also after a kill.

git commits on a copy of the index, so that no other git command waits for hooks. The copies are in a directory inside
git's own. A directory that exists when a run begins was left by a killed run: its copy of the index, the commit that it
started from, and HEAD say which entries of git's index have to follow.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Collection, Iterator, Sequence

from .. import screen
from ..errors import DatomicError
from ..util import clock, lock, subprocesses
from .runner import Git, literal, said

INDEX_SECONDS = 10.0
"""How long to wait for another git command, which holds the index for moments only."""
PAUSE_SECONDS = 0.05

Entries = dict[str, str]
"""By path: "mode id" as git stores the file; a path that is not stored is left out."""


class Workspace:
    """The directory of one run inside git's directory."""

    def __init__(self, git: Git, git_directory: str) -> None:
        self.git = git
        self.git_directory = git_directory
        self.directory = os.path.join(git_directory, "datomic-register")
        self.lock = self.directory + ".lock"
        self.index = os.path.realpath(os.path.join(git_directory, "index"))
        self.commit_index = self.path("commit-index")
        self._index_before = self.path("index-before")
        self._head_before = self.path("head-before")

    @contextlib.contextmanager
    def open(self) -> Iterator[int]:
        """Wait for other runs, finish what a killed one left behind, and leave nothing behind.

        The descriptor of the lock: whoever commits has to hold it too, and may outlive this process.
        """
        busy = (
            "Another run registers files in this repository, or a hook of its commit hangs. Wait for the process, or "
            "end it, and run again."
        )
        with lock.only_one(self.lock, busy, wait=self.git.timeout, show=screen.show) as descriptor:
            if os.path.isdir(self.directory):
                self.follow()
                shutil.rmtree(self.directory)
            self._wait_for_index()
            os.mkdir(self.directory, 0o700)
            try:
                yield descriptor
            finally:
                if not os.path.exists(self._head_before):
                    shutil.rmtree(self.directory)

    def path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def prepare(self) -> Git:
        """Git on the copy of the index that a commit is made with."""
        for copy in (self._index_before, self.commit_index):
            copy_index(self.git, self.index, copy)
        return self.git.having(GIT_INDEX_FILE=self.commit_index)

    def begin(self) -> None:
        """From here on the index has to follow HEAD, if not by this run, then by the next."""
        head = self.git.run("rev-parse", "--quiet", "--verify", "HEAD^{commit}").line
        with open(self._head_before + ".new", "w", encoding="utf-8") as file:
            file.write(head)
        os.replace(file.name, self._head_before)

    def message(self, text: str) -> str:
        """A file with the message of the commit."""
        with open(self.path("message"), "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        return file.name

    def follow(self) -> None:
        """Let the index follow a commit; an entry that someone changed meanwhile stays."""
        try:
            with open(self._head_before, encoding="utf-8") as file:
                base = file.read()
        except FileNotFoundError:  # no commit had begun
            return
        old, new = (commit_entries(self.git, commit) for commit in (base, "HEAD"))
        before = index_entries(self.git.having(GIT_INDEX_FILE=self._index_before))
        current = index_entries(self.git)
        committed = [path for path, entry in new.items() if old.get(path) != entry]
        self._reset([path for path in committed if current.get(path) == before.get(path) != new[path]])
        self._remove_dead()
        os.unlink(self._head_before)

    def _reset(self, paths: Sequence[str]) -> None:
        """Set these entries of the index to those of HEAD."""
        until = clock.now() + INDEX_SECONDS
        while paths and (done := self.git.run("reset", "--", *literal(paths))).code:
            _pause(
                until, f"The commit is made, but git's index could not follow it: {said(done)}. Run again after that."
            )

    def _remove_dead(self) -> None:
        """Remove the index that a killed `git commit --only` made for its hooks; its name ends in the process id."""
        for name in os.listdir(self.git_directory):
            match = re.fullmatch(r"next-index-(\d+)\.lock", name)
            if match and not subprocesses.started(int(match[1])):
                os.unlink(os.path.join(self.git_directory, name))

    def _wait_for_index(self) -> None:
        held = self.index + ".lock"
        lock.require_regular(held)
        until = clock.now() + INDEX_SECONDS
        while os.path.lexists(held):
            _pause(
                until,
                f"Another git process holds {held}. Wait for it to end and run again; if no git process runs in this "
                "repository, one was killed there: remove that file.",
            )


def copy_index(git: Git, index: str, copy: str) -> None:
    """Copy an index with its time, by which git knows the entries that may have changed since."""
    try:
        with open(index, "rb") as source, open(copy + ".new", "wb") as target:
            shutil.copyfileobj(source, target)
            found = os.fstat(source.fileno())
    except FileNotFoundError:  # nothing was ever staged
        git.having(GIT_INDEX_FILE=copy).must("read-tree", "--empty")
        return
    os.utime(copy + ".new", ns=(found.st_atime_ns, found.st_mtime_ns))
    os.replace(copy + ".new", copy)


def index_entries(git: Git, paths: Collection[str] = ()) -> Entries:
    """The entries of this git's index for the paths, or all. An unmerged path gets an entry that no commit has."""
    entries = {}
    for line in git.must("ls-files", "--stage", "-z", "--", *literal(paths)).fields:
        entry, path = line.split("\t", 1)
        mode, identifier, stage = entry.split(" ")
        if not paths or path in paths:  # a directory of that name is another thing
            entries[path] = f"{mode} {identifier}" if stage == "0" else "unmerged"
    return entries


def commit_entries(git: Git, commit: str, paths: Collection[str] = ()) -> Entries:
    """The entries of a commit for the paths, or all; none if there is no such commit."""
    if git.run("rev-parse", "--quiet", "--verify", f"{commit}^{{commit}}").code:
        return {}
    entries = {}
    for line in git.must("ls-tree", "-r", "-z", "--full-tree", commit, "--", *literal(paths)).fields:
        entry, path = line.split("\t", 1)
        mode, _kind, identifier = entry.split(" ")
        if not paths or path in paths:
            entries[path] = f"{mode} {identifier}"
    return entries


def _pause(until: float, message: str) -> None:
    if clock.now() > until:
        raise DatomicError(message)
    clock.sleep(PAUSE_SECONDS)
