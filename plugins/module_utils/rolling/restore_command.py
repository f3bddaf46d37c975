# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commit that made what runs, if git proves it, and the command that restores its files after a failure."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DatomicError
from ..properties.file import Properties
from ..steps.security_group import DEFAULTED, GROUP_ID
from ..steps.stack.changes import KEYS, text_lines
from ..steps.transactor.desired import GENERATED_KEYS
from ..template.legacy import FROM_METADATA, here_document_line, shell_word
from ..template.user_data import java_key, java_value
from ..util import subprocesses

SECONDS = 10
COMMITS = 50
"""How many commits of the template are looked at."""


def commit_of(template: Any, path: str, files: Sequence[str], applied: str = "") -> str:
    """The commit that made this template, with the files that it was made from; empty without one.

    applied: the commit of the last applied run, which counts if it has this template. Otherwise the newest commit that
    wrote the template to its path. A run commits a template together with its files. A commit that leaves the template
    unchanged may hold an edit that no stack has had yet. A commit whose files contradict its template holds half an
    edit.
    """
    place = os.path.realpath(path)
    if applied and _holds(applied, place, template) and all(_at(applied, os.path.realpath(each)) for each in files):
        return applied
    listed = _git(os.path.dirname(place), "log", f"--max-count={COMMITS}", "--format=%h", "--", place)
    for commit in os.fsdecode(listed).split():
        if not _holds(commit, place, template):
            continue
        if _made_of(template, [_at(commit, os.path.realpath(each)) for each in files]):
            return commit
    return ""


def advice(files: Sequence[str], commit: str) -> str:
    """How to restore the files; empty without git. commit: the result of commit_of, empty when no commit is proved."""
    paths = [os.path.realpath(path) for path in files]
    directory = os.path.dirname(paths[0]) if paths else ""
    if not paths or not _git(directory, "log", "--max-count=1", "--format=%h", "--", *paths):
        return ""
    if not commit:
        history = shlex.join(["git", "-C", directory, "log", "-p", "--", *paths])
        return (
            "To go back, set the files and the inventory variables to what they were when the last update succeeded, "
            f"then run the update again. Nothing proves which commit that is. The files' history: {history}"
        )
    if all(_became(_at(commit, path), _read(path)) for path in paths):
        return (
            f"The properties files are the same as in the commit {commit}, whose template ran before: an inventory "
            "variable differs, or the release of this collection. Restore it, then run the update again."
        )
    command = shlex.join(["git", "-C", directory, "checkout", commit, "--", *paths])
    warning = " The command overwrites changes that are not committed: commit them first."
    return (
        f"To restore the files that made what ran before: {command}, then run the update again. "
        "Restore inventory variables that have changed since too."
        f"{warning if _git(directory, 'status', '--porcelain', '--', *paths) else ''}"
    )


def _holds(commit: str, path: str, template: Any) -> bool:
    """Whether the file in that commit is this template."""
    try:
        return bool(json.loads(_at(commit, path)) == template)
    except ValueError:
        return False


def _made_of(template: Any, files: Sequence[bytes]) -> bool:
    """Whether no property's line and no parameter's default in the template contradicts the files."""
    if not files or not all(files):
        return False  # one of them was not in that commit
    lines = set(text_lines(template))
    present = {line.partition("=")[0] for line in lines}
    declared = template.get("Parameters", {}) if isinstance(template, Mapping) else {}
    for content in files:
        try:
            values = Properties.parse(content, "").as_dict()
        except DatomicError:
            return False
        given = {key: value for key, value in values.items() if value and key not in FROM_METADATA}
        for key, value in given.items():
            plain = f"{java_key(key)}={java_value(value)}"
            # The legacy template's here-document escapes what the shell would read.
            if plain.partition("=")[0] in present and not {plain, here_document_line(plain)} & lines:
                return False
        for name, key in KEYS.items():
            default = declared.get(name, {}).get("Default")
            if default is None or key not in given or GROUP_ID.fullmatch(str(default)):
                continue  # the modern template has the id of a group, the file may have its name
            if str(default) not in (given[key], shell_word(given[key])):
                return False
    return True


def _became(before: bytes, after: bytes) -> bool:
    """Whether a run can have made the second from the first: a run only fills in blank values."""
    try:
        old, new = Properties.parse(before, "").as_dict(), Properties.parse(after, "").as_dict()
    except DatomicError:
        return before == after
    filled_in = {key for key in GENERATED_KEYS if key in old} | set(DEFAULTED)
    return all(
        old.get(key) == new.get(key) or (key in filled_in and key in new and not old.get(key)) for key in {*old, *new}
    )


def _at(commit: str, path: str) -> bytes:
    """The file in that commit, as in a work tree; empty when it is not there."""
    return _git(os.path.dirname(path), "cat-file", "--filters", f"{commit}:./{os.path.basename(path)}")


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _git(directory: str, *arguments: str) -> bytes:
    """Git's output; empty when git, the repository or the commit is missing."""
    try:
        done = subprocesses.run(["git", "-C", directory, *arguments], timeout=SECONDS)
    except OSError:
        return b""
    return b"" if done.code else done.out
