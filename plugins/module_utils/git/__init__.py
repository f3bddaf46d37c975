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

from ..errors import DatomicError, Finding, InputError
from ..util import redact
from .index_update import Entries, Pending, Workspace, copy_index, head_entries, index_entries
from .push import push, target, to_be_pushed
from .runner import TIMEOUT, Git, GitStoppedError, literal, said
from .secret_scan import masked, secrets
from .worktree import Place, findings, locate

SHOWN_BYTES = 1 << 20
"""Larger files are named in a diff, not shown."""
LONGEST_TIMEOUT = 86_400
OF_A_CLONE = ("git-detached", "git-identity", "git-push")
"""What a CI job's clone may lack. It is checked all the same, as a check commits and pushes nothing."""
ENCRYPT = (
    "encrypt the file with a git filter (git-crypt, SOPS), or accept it with secrets: allow "
    "(datomic_commit_secrets: allow in the role)"
)


@dataclasses.dataclass(frozen=True)
class Request:
    """The options of register_files.

    paths, expected, secrets_expected, planned: as the user wrote them; remote, branch: empty for the upstream's.
    planned: None to look at the files as they are; planned_only: not at these too. preflight: a check that refuses
    what a run would be refused for, and does not only warn of it. timeout: seconds for each git command.
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
    planned_only: bool = True
    preflight: bool = False
    timeout: float = TIMEOUT


@dataclasses.dataclass(frozen=True)
class Staged:
    """What git would commit of the paths. before, after: only of those that differ from the last commit."""

    before: Entries
    after: Entries
    diff: list[dict[str, str]]
    secret_values: tuple[str, ...]
    warnings: tuple[str, ...] = ()

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
    if not 0 < request.timeout <= LONGEST_TIMEOUT:
        what = f"timeout has to be more than 0 and at most {LONGEST_TIMEOUT} seconds, it is {request.timeout}"
        raise InputError([Finding("git-timeout", what, key="timeout")])
    place = locate(request.paths, request.expected, request.timeout)
    found = findings(place, request.message)
    where, wrong = target(place.git, place.branch, request.remote, request.branch) if request.push else (None, [])
    detached = [] if place.branch or where else [_detached(place)]
    lenient = check and not request.preflight and not place.branch
    errors = [*found, *wrong, *detached]
    if any(not (lenient and error.rule in OF_A_CLONE) for error in errors):
        raise InputError(errors)
    warnings = [f"A run would be refused: {error}" for error in errors]
    # What the run would have written: the tasks that write it show its diffs.
    planned = [os.path.relpath(os.path.realpath(path), place.root) for path in request.planned or ()]
    if check and request.planned is not None and request.planned_only:
        files = sorted(planned)
        return _result(place, files, [], None, where is not None and bool(files), warnings)
    if check:
        with tempfile.TemporaryDirectory(prefix="register-files-") as scratch:
            staged = _stage(place, scratch, request, check)
        warnings += staged.warnings
        files = sorted({*staged.paths, *planned})
        pushed = False
        if where:
            # The remote is asked even when there is something to commit: what it refuses the real run will fail with.
            try:
                pushed = to_be_pushed(place.git, where) or bool(files)
            except DatomicError as error:
                if not lenient:
                    raise
                warnings.append(f"A run would be refused: {error}")
        return _result(place, files, staged.diff, None, pushed, warnings)
    workspace = Workspace(place.git, place.git_directory)
    with workspace.open():
        staged = _stage(place, workspace.directory, request, check)
        commit = _commit(place, workspace, staged, request.message) if staged.after else None
        result = _result(place, staged.paths, staged.diff, commit, False, staged.warnings)
        try:
            if not where or not to_be_pushed(place.git, where):
                return result
            return {**result, "changed": True, "pushed": push(place.git, where)}
        except DatomicError as error:
            raise DatomicError(redact.values(str(error), staged.secret_values), **result) from error


def _result(
    place: Place,
    files: list[str],
    diff: list[dict[str, str]],
    commit: str | None,
    pushed: bool,
    warnings: Sequence[str],
) -> dict[str, Any]:
    return {
        "changed": bool(files) or pushed,
        "commit": commit,
        "files": files,
        "pushed": pushed,
        "branch": place.branch or None,
        "diff": diff,
        "warnings": list(warnings),
    }


def _detached(place: Place) -> Finding:
    return Finding(
        "git-detached",
        "HEAD is detached, so that a commit would belong to no branch",
        file=place.root,
        suggestion="as in a CI job, set datomic_push, datomic_push_remote and datomic_push_branch "
        "(options push, push_remote and push_branch), or git switch BRANCH",
    )


def _stage(place: Place, directory: str, request: Request, check: bool) -> Staged:
    """What git would commit, found without a trace in the repository: on copies of the index, with objects apart."""
    index = os.path.join(directory, "index")
    objects = os.path.join(directory, "objects")
    os.makedirs(os.path.join(objects, "info"), exist_ok=True)
    with open(os.path.join(objects, "info", "alternates"), "wb") as file:
        file.write(os.fsencode(place.objects) + b"\n")
    copy_index(os.path.join(place.git_directory, "index"), index)
    git = place.git.having(GIT_INDEX_FILE=index, GIT_OBJECT_DIRECTORY=objects)
    git.must("add", "--", *literal(place.files), doing=f"stage {', '.join(place.files)}")
    committed = head_entries(git, place.judged)
    after = {path: entry for path, entry in index_entries(git, place.files).items() if entry != committed.get(path)}
    before = {path: entry for path, entry in committed.items() if path in after}
    filters = _filters(git, list(after))
    contents = {path: _content(git, entry) for path, entry in after.items()}
    warnings: list[str] = []
    if not request.allow_secrets:
        known = {path for path, entry in committed.items() if secrets(_content(git, entry))}
        found = _clear_text(place, contents, filters, request)
        # What is in git already, a check does not keep out of it.
        errors = [finding for finding in found if not (check and not request.preflight and finding.file in known)]
        if errors:
            raise InputError(errors)
        warnings = [_in_git_already(path) for path in sorted(known)]
    return Staged(
        before,
        after,
        [_shown(git, path, before.get(path), after[path], filters.get(path, "")) for path in sorted(after)],
        tuple(_values(place, after)),
        tuple(warnings),
    )


def _in_git_already(path: str) -> str:
    return (
        f"{path}: the last commit has a secret in clear text. Whoever may read the repository has it: "
        "replace the secret, and encrypt the file with a git filter (git-crypt, SOPS), or accept it with "
        "secrets: allow (datomic_commit_secrets: allow in the role)."
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
    return any(git.run("config", "--get", f"filter.{name}.{command}").code == 0 for command in ("clean", "process"))


def _content(git: Git, entry: str) -> bytes:
    return git.must("cat-file", "blob", entry.split()[1]).out


def _on_disk(place: Place, path: str) -> bytes:
    full = os.path.join(place.root, path)
    if os.path.islink(full):
        return b""
    with open(full, "rb") as file:
        return file.read()


def _clear_text(place: Place, contents: dict[str, bytes], filters: dict[str, str], request: Request) -> list[Finding]:
    """The clear-text secrets in what git would store, which is looked at, and not what lies in the work tree."""
    errors = [
        Finding(
            "git-clear-text-secret",
            "a secret in clear text would get into git",
            file=path,
            line=line,
            key=key,
            suggestion=ENCRYPT,
        )
        for path, content in sorted(contents.items())
        if not (path in filters and content != _on_disk(place, path))
        for line, key in dict.fromkeys((secret.line, secret.key) for secret in secrets(content))
    ]
    return errors + _expected(place, request.secrets_expected)


def _expected(place: Place, expected: Sequence[str]) -> list[Finding]:
    """The files that are about to get a secret which no filter will encrypt: better said now than after the work."""
    paths = [os.path.relpath(os.path.realpath(path), place.root) for path in expected]
    filters = _filters(place.git, paths)
    return [
        Finding(
            "git-clear-text-secret",
            "this run would put a secret in clear text into it, and then into git",
            file=path,
            suggestion=ENCRYPT,
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
    arguments = (*quiet, "commit", "--quiet", "--only", "--file=-", "--", *literal(paths))
    try:
        done = git.run(*arguments, data=message.encode(), record=workspace.committing)
    except GitStoppedError as error:
        made = head_entries(place.git, paths) == staged.after
        workspace.settle(pending)
        raise GitStoppedError(f"{error} {'The commit is made.' if made else 'Nothing was committed.'}") from error
    workspace.settle(pending)
    if done.code:
        raise DatomicError(
            f"git did not commit {', '.join(paths)}; a hook, the signing or git itself says: "
            + (redact.values(said(done), staged.secret_values) or f"nothing, but ended with status {done.code}")
        )
    return place.git.must("rev-parse", "HEAD").line
