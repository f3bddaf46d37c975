# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way back after a failed replacement: the command that restores the files as they were committed before."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from ansible_collections.datomic_onprem.aws.plugins.module_utils import _program
from ansible_collections.datomic_onprem.aws.plugins.module_utils.cloudformation import DEFAULTED
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties import Properties
from ansible_collections.datomic_onprem.aws.plugins.module_utils.transactor import GENERATED_KEYS

SECONDS = 10


def command(files: Sequence[str]) -> str:
    """A git command for the shell; empty when there is no earlier commit of these files.

    It names the newest commit that says something else than the files do now. What a run filled in by itself says
    nothing else: a run commits an edit before it changes anything, and what it filled in only after a failure.
    """
    paths = [os.path.realpath(path) for path in files]
    if not paths:
        return ""
    directory = os.path.dirname(paths[0])
    now = [_read(path) for path in paths]
    for commit in os.fsdecode(_git(directory, "log", "--format=%h", "--", *paths)).split():
        then = [_git(os.path.dirname(path), "show", f"{commit}:./{os.path.basename(path)}") for path in paths]
        if not all(then):
            return ""  # one of them was not there yet
        if not all(_became(before, after) for before, after in zip(then, now, strict=True)):
            words = ["git", "-C", directory, "checkout", commit, "--", *paths]
            return shlex.join(words) + ", then run the update again"
    return ""


def _became(before: bytes, after: bytes) -> bool:
    """Whether a run made the one of the other: it only fills in what has no value."""
    try:
        old, new = Properties.parse(before, "").as_dict(), Properties.parse(after, "").as_dict()
    except DatomicError:
        return before == after
    filled_in = {key for key in GENERATED_KEYS if key in old} | set(DEFAULTED)
    return all(
        old.get(key) == new.get(key) or (key in filled_in and key in new and not old.get(key)) for key in {*old, *new}
    )


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _git(directory: str, *arguments: str) -> bytes:
    """Its output; empty when git, the repository or what is asked for is not there."""
    try:
        done = _program.run(["git", "-C", directory, *arguments], timeout=SECONDS)
    except (OSError, _program.StoppedError):
        return b""
    return b"" if done.code else done.out
