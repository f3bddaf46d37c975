# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One registering run at a time in a repository, and git's index: changed in one step that a kill cannot spoil.

Everything is prepared in a directory of our own inside git's, on a copy of the index. That directory outlives only a
run that was killed, and tells the next run what to finish. The index itself is replaced as git does it, by way of
index.lock; but that file is a hard link to ours, so that a lock left behind by a killed run is known for certain.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence

from .. import screen
from ..errors import DatomicError
from ..util.lock import opened, require_regular
from .runner import Git, literal

RUN_SECONDS = 300.0
"""How long to wait for another registering run: several hosts share a repository, and hooks and pushes take time."""
INDEX_SECONDS = 10.0
"""How long to wait for another git command, which holds the index for moments only."""
PAUSE_SECONDS = 0.05

Entries = dict[str, str]
"""By path: "mode id" as git stores the file; a path that is not stored is left out."""


@dataclasses.dataclass(frozen=True)
class Pending:
    """What was stored for the paths just before a commit of ours, in the last commit and in the index."""

    paths: list[str]
    head: Entries
    index: Entries


class Workspace:
    """The directory of one run inside git's directory."""

    def __init__(self, git: Git, git_directory: str) -> None:
        self.git = git
        self.git_directory = git_directory
        self.directory = os.path.join(git_directory, "datomic-register")
        self.index = os.path.realpath(os.path.join(git_directory, "index"))
        self.next_index = os.path.join(self.directory, "next-index")
        self.committing = os.path.join(self.directory, "committing.pid")
        self._pending = os.path.join(self.directory, "pending.json")

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Wait for other runs, finish what a killed one left behind, and leave nothing behind."""
        with _locked(self.directory + ".lock"):
            self._recover()
            self._wait_for_index()
            os.mkdir(self.directory, 0o700)
            try:
                yield
            finally:
                if not os.path.exists(self._pending):
                    shutil.rmtree(self.directory)

    def path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def note(self, pending: Pending) -> None:
        """Write down what the index has to follow once the commit is made."""
        _write(self._pending, json.dumps(dataclasses.asdict(pending)))

    def settle(self, pending: Pending) -> None:
        """Let the index follow a commit of ours; an entry that someone changed meanwhile stays theirs."""
        head = head_entries(self.git, pending.paths)
        index = index_entries(self.git, pending.paths)
        self._replace(
            {
                path: entry
                for path, entry in head.items()
                if entry != pending.head.get(path) and index.get(path) == pending.index.get(path) != entry
            }
        )
        self._remove_dead()
        os.unlink(self._pending)

    def _recover(self) -> None:
        if not os.path.isdir(self.directory):
            return
        self._wait_for_commit()
        if _same_file(self.next_index, self.index + ".lock"):
            os.unlink(self.index + ".lock")
        with contextlib.suppress(FileNotFoundError), open(self._pending, encoding="utf-8") as file:
            self.settle(Pending(**json.load(file)))
        shutil.rmtree(self.directory)

    def _wait_for_commit(self) -> None:
        """A run may be killed while git goes on with its commit, or with a hook of it."""
        try:
            with open(self.committing, encoding="utf-8") as file:
                process = int(file.read())
        except (FileNotFoundError, ValueError):  # killed before git began
            return
        until = time.monotonic() + self.git.timeout
        what = f"the commit of an earlier run, which goes on as process {process} of this machine"
        if self._commits(process):
            screen.show(f"waiting for {what}, at most {self.git.timeout:.0f} s")
        while self._commits(process):
            _pause(
                until,
                f"Waited {self.git.timeout:.0f} s for {what}: a hook of it may hang. Wait for it, or end it "
                f"(kill {process}), and run again.",
            )

    def _commits(self, process: int) -> bool:
        """Whether the process lives and is git with our copy of the index: numbers of processes are used again."""
        if not _alive(process):
            return False
        try:
            with open(f"/proc/{process}/environ", "rb") as file:
                return b"GIT_INDEX_FILE=" + os.fsencode(self.path("commit-index")) in file.read().split(b"\0")
        except OSError:  # another system, or another user's process
            return True

    def _remove_dead(self) -> None:
        """Remove the index that a killed `git commit --only` made for its hooks; its name ends in the process id."""
        for name in os.listdir(self.git_directory):
            match = re.fullmatch(r"next-index-(\d+)\.lock", name)
            if match and not _alive(int(match[1])):
                os.unlink(os.path.join(self.git_directory, name))

    def _wait_for_index(self) -> None:
        require_regular(self.index + ".lock")
        until = time.monotonic() + INDEX_SECONDS
        while os.path.lexists(self.index + ".lock"):
            _pause(until, self._held())

    def _held(self) -> str:
        return (
            f"Another git process holds {self.index}.lock. Wait for it to end and run again; "
            "if no git process runs in this repository, one was killed there: remove that file."
        )

    def _replace(self, entries: Mapping[str, str]) -> None:
        """Set these entries of the index, no other, whatever else happens to it at the same time."""
        if not entries:
            return
        until = time.monotonic() + INDEX_SECONDS
        lines = "".join(f"{entry} 0\t{path}\0" for path, entry in entries.items())
        copy = self.git.having(GIT_INDEX_FILE=self.next_index)
        while True:
            before = copy_index(self.index, self.next_index)
            copy.must("update-index", "-z", "--index-info", data=os.fsencode(lines), doing="update the index")
            copy.must("add", "--refresh", "--", *literal(entries), doing="update the index")
            try:
                if self._install(before):
                    return
            except OSError:  # a file system without hard links: let git take its lock by itself
                if not self.git.run("update-index", "-z", "--index-info", data=os.fsencode(lines)).code:
                    return
            _pause(until, "The commit is made, but git's index could not follow it. " + self._held())

    def _install(self, before: Sequence[int]) -> bool:
        """Put our index in place, unless another git process holds it, or changed it after we copied it."""
        lock = self.index + ".lock"
        try:
            os.link(self.next_index, lock)
        except FileExistsError:
            return False
        if _identity(self.index) != before:
            os.unlink(lock)
            return False
        os.replace(lock, self.index)
        os.unlink(self.next_index)
        return True


def copy_index(index: str, copy: str) -> Sequence[int]:
    """Copy an index and say which one it was.

    The time of the file goes along: git takes it to know which entries may have changed since unnoticed.
    """
    while True:
        before = _identity(index)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(copy)
        with contextlib.suppress(FileNotFoundError):
            shutil.copy2(index, copy)
        if _identity(index) == before:
            return before


def index_entries(git: Git, paths: Sequence[str]) -> Entries:
    """What the index of this git holds of the paths. An unmerged path's entry is one that no commit has."""
    if not paths:
        return {}
    entries = {}
    for line in git.must("ls-files", "--stage", "-z", "--", *literal(paths)).fields:
        told, path = line.split("\t", 1)
        mode, identifier, stage = told.split(" ")
        if path in paths:  # a directory of that name is another thing
            entries[path] = f"{mode} {identifier}" if stage == "0" else "unmerged"
    return entries


def head_entries(git: Git, paths: Sequence[str]) -> Entries:
    """What the last commit holds of the paths; nothing when there is no commit yet."""
    if not paths or git.run("rev-parse", "--quiet", "--verify", "HEAD^{commit}").code:
        return {}
    entries = {}
    for line in git.must("ls-tree", "-z", "--full-tree", "HEAD", "--", *literal(paths)).fields:
        told, path = line.split("\t", 1)
        mode, _kind, identifier = told.split(" ")
        entries[path] = f"{mode} {identifier}"
    return entries


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    """The kernel drops such a lock with its process: a killed run holds nobody up. Children do not inherit it."""
    until = time.monotonic() + RUN_SECONDS
    with os.fdopen(opened(path, os.O_RDWR | os.O_CREAT, 0o666), "r+", encoding="utf-8") as file:
        shown = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                if not shown:
                    screen.show(f"waiting for process {holder}, which registers files in this repository ({path})")
                    shown = True
                _pause(until, f"Process {holder} is registering files in this repository since too long ({path}).")
        file.seek(0)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _pause(until: float, message: str) -> None:
    if time.monotonic() > until:
        raise DatomicError(message)
    time.sleep(PAUSE_SECONDS)


def _write(path: str, text: str) -> None:
    with open(path + ".new", "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    os.replace(path + ".new", path)


def _identity(path: str) -> Sequence[int]:
    try:
        told = os.stat(path)
    except FileNotFoundError:
        return ()
    return (told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns)


def _same_file(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except FileNotFoundError:
        return False


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # in a container often nobody collects the dead: they are zombies
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("X", "Z")
    except OSError:
        return True
