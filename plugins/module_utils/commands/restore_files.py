# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""restore_files: write the files of a system as they are in a commit. Generated names stay."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Collection
from typing import Any

from ..errors import DatomicError, Finding, InputError
from ..git.runner import TIMEOUT, Git, said
from ..plan import SHORT_COMMIT
from ..properties import file as properties_file
from ..properties import keys
from ..properties.file import Properties
from ..steps.transactor.desired import GENERATED_KEYS
from ..template.machine import GROUP
from ..util import atomic_write, redact


@dataclasses.dataclass(frozen=True)
class Options:
    """transactor_src, cf_src, template: paths. commit: any revision. timeout: seconds for each git command."""

    transactor_src: str
    cf_src: str
    template: str
    commit: str
    timeout: float = TIMEOUT


def restore(options: Options, *, check_mode: bool) -> dict[str, Any]:
    """The module's result. InputError or DatomicError when one of the files cannot be restored: then none is."""
    commit = _commit(options)
    files = [
        _properties(options, commit, options.transactor_src, GENERATED_KEYS),
        _properties(options, commit, options.cf_src, (GROUP,)),
    ]
    before, after = _read(options.template), _content(options, commit, options.template)
    for _was, restored in files:
        properties_file.verify(restored)
    if not check_mode:
        for was, restored in files:
            properties_file.write(restored, was=was)
        if before != after:
            atomic_write.replace(options.template, after, was=before)
    edited = [(was, restored) for was, restored in files if was is None or was.raw != restored.raw]
    diffs = [keys.masked_diff(was, restored) for was, restored in edited]
    if before != after:
        shown = {"before": _shown(before), "after": _shown(after)}
        diffs.append({"before_header": options.template, "after_header": options.template, **shown})
    return {
        "changed": bool(diffs),
        "commit": commit,
        "files": [diff["after_header"] for diff in diffs],
        "diff": diffs,
    }


def _commit(options: Options) -> str:
    """The id of the commit."""
    done = _git(options, options.transactor_src).run("rev-parse", "--verify", "--quiet", f"{options.commit}^{{commit}}")
    if done.code or options.commit.startswith("-"):
        raise _refusal(f"{options.commit} is no commit of the repository of {options.transactor_src}", said(done))
    return done.line


def _properties(
    options: Options, commit: str, path: str, generated: Collection[str]
) -> tuple[Properties | None, Properties]:
    """The file as it is, None without one, and as it will be: as in the commit, with the present generated names."""
    present = properties_file.inspect(path) if os.path.lexists(path) else None
    if present and not present.legible:
        raise InputError(present.findings)
    restored = Properties.parse(_content(options, commit, path), path)
    names = {key: present.get(key) for key in generated if present and not restored.has_value(key)}
    return present, restored.edit({key: name for key, name in names.items() if name})


def _content(options: Options, commit: str, path: str) -> bytes:
    """The file in the commit, after the filters of the repository, as in a work tree."""
    name = f"{commit}:./{os.path.basename(os.path.realpath(path))}"
    git = _git(options, path)
    if git.run("cat-file", "-e", name).code:
        raise _refusal(f"{commit[:SHORT_COMMIT]} has no file {path}")
    return git.must("cat-file", "--filters", name, doing=f"read {path} of the commit {commit}").out


def _git(options: Options, path: str) -> Git:
    directory = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(directory):
        raise DatomicError(f"There is no directory {directory}.")
    return Git(directory, timeout=options.timeout)


def _refusal(message: str, suggestion: str = "") -> InputError:
    return InputError([Finding("git-commit", message, key="commit", suggestion=suggestion)])


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DatomicError(f"Could not read {path}: {error.strerror}.") from error


def _shown(content: bytes | None) -> str:
    """A template with its secrets masked; of a file that is no JSON only the size."""
    if content is None:
        return ""
    try:
        template = json.loads(content)
    except ValueError:
        return f"({len(content)} bytes that are not JSON)\n"
    return json.dumps(redact.properties(template), indent=2, ensure_ascii=False) + "\n"
