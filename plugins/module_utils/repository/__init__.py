# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Registering files in git: a commit of the given files and of nothing else, and its push."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError, Finding, InputError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.repository.clear_text import HIDDEN, masked, secrets
from ansible_collections.datomic_onprem.aws.plugins.module_utils.repository.git import Git, literal
from ansible_collections.datomic_onprem.aws.plugins.module_utils.repository.index import (
    Entries,
    Pending,
    Workspace,
    copy_index,
    head_entries,
    index_entries,
)
from ansible_collections.datomic_onprem.aws.plugins.module_utils.repository.place import Place, findings, locate
from ansible_collections.datomic_onprem.aws.plugins.module_utils.repository.push import push, target, to_be_pushed

SHOWN_BYTES = 1 << 20
"""Larger files are named in a diff, not shown."""
ENCRYPT = (
    "encrypt the file with a git filter (git-crypt, SOPS), or accept it with secrets: allow "
    "(datomic_commit_secrets: allow in the role)"
)


@dataclasses.dataclass(frozen=True)
class Request:
    """The options of register_files.

    paths, expected, secrets_expected, planned: as the user wrote them; remote, branch: empty for the upstream's.
    planned: None to look at what lies there.
    """

    paths: Sequence[str]
    message: str
    push: bool = False
    remote: str = ""
    branch: str = ""
    allow_secrets: bool = False
    expected: Sequence[str] = ()
    secrets_expected: Sequence[str] = ()
    planned: Sequence[str] | None = None


@dataclasses.dataclass(frozen=True)
class Staged:
    """What git would commit of the paths. before, after: only of those that differ from the last commit."""

    before: Entries
    after: Entries
    diff: list[dict[str, str]]
    secret_values: tuple[str, ...]

    @property
    def paths(self) -> list[str]:
        return sorted(self.after)


def register(request: Request, *, check: bool) -> dict[str, Any]:
    """Commit the files as they are in the work tree, and push; the module's result.

    check: change nothing, say what would be done.
    """
    try:
        return _register(request, check)
    except OSError as error:
        raise DatomicError(
            f"Could not register {', '.join(request.paths)}: {error.strerror} ({error.filename})."
        ) from error


def _register(request: Request, check: bool) -> dict[str, Any]:
    place = locate(request.paths, request.expected)
    found = findings(place, request.message)
    where, wrong = target(place.git, place.branch, request.remote, request.branch) if request.push else (None, [])
    detached = [] if place.branch or where else [_detached(place)]
    if errors := [*found, *wrong, *detached]:
        raise InputError(errors)
    if check and request.planned is not None:
        # What the run would have written: the tasks that write it show its diffs.
        files = sorted(os.path.relpath(os.path.realpath(path), place.root) for path in request.planned)
        return _result(place, files, [], None, where is not None and bool(files))
    if check:
        with tempfile.TemporaryDirectory(prefix="register-files-") as scratch:
            staged = _stage(place, scratch, request)
        # The remote is asked even when there is something to commit: what it refuses the real run will fail with.
        pushed = where is not None and (to_be_pushed(place.git, where) or bool(staged.after))
        return _result(place, staged.paths, staged.diff, None, pushed)
    workspace = Workspace(place.git, place.git_directory)
    with workspace.open():
        staged = _stage(place, workspace.directory, request)
        commit = _commit(place, workspace, staged, request.message) if staged.after else None
        result = _result(place, staged.paths, staged.diff, commit, False)
        try:
            if not where or not to_be_pushed(place.git, where):
                return result
            return _result(place, staged.paths, staged.diff, commit, push(place.git, where))
        except DatomicError as error:
            raise DatomicError(_hidden(str(error), staged), **result) from error


def _result(
    place: Place, files: list[str], diff: list[dict[str, str]], commit: str | None, pushed: bool
) -> dict[str, Any]:
    return {
        "changed": bool(files) or pushed,
        "commit": commit,
        "files": files,
        "pushed": pushed,
        "branch": place.branch or None,
        "diff": diff,
    }


def _detached(place: Place) -> Finding:
    return Finding(
        "git-detached",
        "HEAD is detached, so that a commit would belong to no branch",
        file=place.root,
        instead="git switch BRANCH; or, as in a CI job, give push and the branch to push to",
    )


def _stage(place: Place, directory: str, request: Request) -> Staged:
    """What git would commit, found without a trace in the repository: on copies of the index, with objects apart."""
    index = os.path.join(directory, "index")
    objects = os.path.join(directory, "objects")
    os.makedirs(os.path.join(objects, "info"), exist_ok=True)
    with open(os.path.join(objects, "info", "alternates"), "wb") as file:
        file.write(os.fsencode(place.objects) + b"\n")
    copy_index(os.path.join(place.git_directory, "index"), index)
    git = place.git.having(GIT_INDEX_FILE=index, GIT_OBJECT_DIRECTORY=objects)
    git.must("add", "--", *literal(place.files), doing=f"stage {', '.join(place.files)}")
    before = head_entries(git, place.files)
    after = {path: entry for path, entry in index_entries(git, place.files).items() if entry != before.get(path)}
    before = {path: entry for path, entry in before.items() if path in after}
    filters = _filters(git, list(after))
    contents = {path: _content(git, entry) for path, entry in after.items()}
    _refuse(place, contents, filters, request)
    return Staged(
        before,
        after,
        [_shown(git, path, before.get(path), after[path], filters.get(path, "")) for path in sorted(after)],
        tuple(sorted(_values(place, after), key=len, reverse=True)),
    )


def _values(place: Place, paths: Iterable[str]) -> set[str]:
    """The secret values that the files have in the work tree: a hook may print them."""
    return {text for path in paths for secret in secrets(_on_disk(place, path)) for text in secret.spellings}


def _filters(git: Git, paths: Sequence[str]) -> dict[str, str]:
    """The filters that really run, by path: an attribute alone, whose filter nobody has set up, changes nothing."""
    if not paths:
        return {}
    fields = git.must("check-attr", "-z", "filter", "--", *paths).fields
    named = {
        path: value
        for path, value in zip(fields[0::3], fields[2::3], strict=True)
        if value not in ("unset", "unspecified")
    }
    return {path: name for path, name in named.items() if _is_set_up(git, name)}


def _is_set_up(git: Git, name: str) -> bool:
    return any(git.run("config", "--get", f"filter.{name}.{command}").status == 0 for command in ("clean", "process"))


def _content(git: Git, entry: str) -> bytes:
    return git.must("cat-file", "blob", entry.split()[1]).out


def _on_disk(place: Place, path: str) -> bytes:
    full = os.path.join(place.root, path)
    if os.path.islink(full):
        return b""
    with open(full, "rb") as file:
        return file.read()


def _refuse(place: Place, contents: dict[str, bytes], filters: dict[str, str], request: Request) -> None:
    """Clear-text secrets are an error; what git would store is looked at, not what lies in the work tree."""
    if request.allow_secrets:
        return
    errors = [
        Finding(
            "git-clear-text-secret",
            "a secret in clear text would get into git",
            file=path,
            line=secret.line,
            key=secret.key,
            instead=ENCRYPT,
        )
        for path, content in sorted(contents.items())
        if not (path in filters and content != _on_disk(place, path))
        for secret in dict.fromkeys(secrets(content))
    ]
    errors += _expected(place, request.secrets_expected)
    if errors:
        raise InputError(errors)


def _expected(place: Place, expected: Sequence[str]) -> list[Finding]:
    """The files that are about to get a secret which no filter will encrypt: better said now than after the work."""
    paths = [os.path.relpath(os.path.realpath(path), place.root) for path in expected]
    filters = _filters(place.git, paths)
    return [
        Finding(
            "git-clear-text-secret",
            "this run would put a secret in clear text into it, and then into git",
            file=path,
            instead=ENCRYPT,
        )
        for path in paths
        if path not in filters
    ]


def _shown(git: Git, path: str, before: str | None, after: str, filtered: str) -> dict[str, str]:
    def side(entry: str | None) -> str:
        if entry is None:
            return ""
        if filtered:
            return f"({entry.split()[1]}: behind the filter {filtered})\n"
        content = _content(git, entry)
        if len(content) > SHOWN_BYTES or b"\0" in content:
            return f"({entry.split()[1]}: {len(content)} bytes)\n"
        return masked(content)

    def header(entry: str | None) -> str:
        return f"{path} (mode {entry.split()[0]})" if entry else f"{path} (not in git)"

    return {
        "before_header": header(before),
        "after_header": header(after),
        "before": side(before),
        "after": side(after),
    }


def _commit(place: Place, workspace: Workspace, staged: Staged, message: str) -> str:
    """Let git commit the paths, on a copy of the index, so that hooks run as ever and nobody else is held up.

    Returns the commit's id. Where the commit fails, nothing has changed.
    """
    paths = staged.paths
    pending = Pending(paths, head_entries(place.git, paths), index_entries(place.git, paths))
    index = workspace.path("commit-index")
    copy_index(workspace.index, index)
    git = place.git.having(GIT_INDEX_FILE=index)
    git.must("add", "--", *literal(paths), doing=f"stage {', '.join(paths)}")
    if index_entries(git, paths) != staged.after:
        raise DatomicError(f"{', '.join(paths)} changed while being registered. Run again.")
    workspace.note(pending)
    # No upkeep from here: it would take the copy, soon gone, for the index, and let go of what only the index holds.
    quiet = ("-c", "maintenance.auto=false", "-c", "gc.auto=0")
    done = git.run(*quiet, "commit", "--quiet", "--only", "--file=-", "--", *literal(paths), data=message.encode())
    workspace.settle(pending)
    if done.status:
        raise DatomicError(
            f"git did not commit {', '.join(paths)}; a hook, the signing or git itself says: "
            + (_hidden(done.told, staged) or f"nothing, but ended with status {done.status}")
        )
    return place.git.must("rev-parse", "HEAD").line


def _hidden(text: str, staged: Staged) -> str:
    for value in staged.secret_values:
        text = text.replace(value, HIDDEN)
    return text
