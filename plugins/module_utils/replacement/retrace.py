# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way back after a failed replacement: the command that restores the files as they were committed before."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from ansible_collections.datomic_onprem.aws.plugins.module_utils import _program

SECONDS = 10


def command(files: Sequence[str]) -> str:
    """A git command for the shell; empty when there is no earlier commit of these files.

    The last commit of the files is the one whose update failed: the run commits them before it changes anything. With
    changes on top that are not committed, the last commit is what to go back to.
    """
    paths = [os.path.realpath(path) for path in files]
    if not paths:
        return ""
    directory = os.path.dirname(paths[0])
    commits = _git(directory, "log", "-2", "--format=%h", "--", *paths).split()
    dirty = bool(_git(directory, "status", "--porcelain", "--", *paths))
    wanted = 1 if dirty else 2
    if len(commits) < wanted:
        return ""
    words = ["git", "-C", directory, "checkout", commits[wanted - 1], "--", *paths]
    return shlex.join(words) + ", then run the update again"


def _git(directory: str, *arguments: str) -> str:
    """Its output; empty when git or the repository is not there."""
    try:
        done = _program.run(["git", "-C", directory, *arguments], timeout=SECONDS)
    except OSError:
        return ""
    return "" if done.code else done.text
