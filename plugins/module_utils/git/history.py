# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a checkout has had of a file: the contents and names in the commits up to HEAD."""

from __future__ import annotations

import hashlib
import os

from ..errors import DatomicError
from .runner import Git, literal


def blob(content: bytes) -> str:
    """Git's id of a file's content, in a repository of SHA-1 without filters."""
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


class History:
    """The commits of the repository that holds a file.

    exists: there are git and a repository, whose ids are SHA-1. shallow: the oldest commits are missing.
    """

    def __init__(self, path: str, timeout: float) -> None:
        self._git = Git(os.path.dirname(os.path.realpath(path)), timeout=timeout)
        try:
            done = self._git.run("rev-parse", "--show-object-format", "--is-shallow-repository", "--show-toplevel")
        except DatomicError:  # there is no git
            said = ["", "", ""]
        else:
            said = done.line.split("\n", 2) if done.code == 0 else ["", "", ""]
        kind, shallow, self._root = said
        self.exists = kind == "sha1"
        self.shallow = shallow == "true"

    def had(self, path: str, blob_id: str) -> bool:
        """Whether a commit up to HEAD has this content at the path."""
        shown = ("log", "--full-history", "-m", "--raw", "--no-abbrev", "--no-renames", "--format=")
        done = self._git.run(*shown, "--", *self._place(path))
        return any(blob_id in line.split(" ")[2:4] for line in os.fsdecode(done.out).splitlines())

    def mentions(self, path: str, text: str) -> bool:
        """Whether a commit up to HEAD has written or removed this text at the path."""
        done = self._git.run("log", f"-S{text}", "--max-count=1", "--format=%h", "--", *self._place(path))
        return bool(done.out.strip())

    def commit_of(self, *paths: str) -> str:
        """The newest commit of these files; empty unless it has them as they are in the work tree."""
        if not self.exists or self._git.run("status", "--porcelain", "--", *self._place(*paths)).out:
            return ""
        return self._git.run("log", "--max-count=1", "--format=%H", "--", *self._place(*paths)).line

    def _place(self, *paths: str) -> list[str]:
        return literal(os.path.relpath(os.path.realpath(path), self._root) for path in paths)
