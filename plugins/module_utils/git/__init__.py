# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Registering files in git: a commit of the given files and of nothing else, and its push."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .. import screen
from ..errors import DatomicError, Finding, InputError, raise_if_errors
from ..util import redact
from . import message as messages
from .index_update import Entries, Workspace, commit_entries, copy_index, index_entries
from .message import File, Run
from .push import Target, is_behind, push, target
from .runner import TIMEOUT, Git, GitStoppedError, literal, said
from .secret_scan import masked, secrets
from .worktree import Place, findings, locate

SHOWN_BYTES = 1 << 20
"""A diff names larger files and does not show them."""
LONGEST_TIMEOUT = 86_400
OF_A_CLONE = ("git-detached", "git-identity", "git-push")
"""What a CI job's clone may lack. A check, which commits and pushes nothing, only warns of it."""
ENCRYPT = (
    "encrypt the file with a git filter (git-crypt, SOPS), or accept it with secrets: allow "
    "(datomic_commit_secrets: allow in the role)"
)


@dataclasses.dataclass(frozen=True)
class Request:
    """The options of register_files.

    paths: as the user wrote them. message: the commit's; where it is blank, run has what to make one of.
    remote, branch: empty for those of the upstream. timeout: seconds for each command.
    """

    paths: Sequence[str]
    message: str = ""
    run: Run | None = None
    push: bool = False
    remote: str = ""
    branch: str = ""
    allow_secrets: bool = False
    timeout: float = TIMEOUT


@dataclasses.dataclass(frozen=True)
class Staged:
    """What git would commit. after: the paths that differ from the last commit. secret_values: of the work tree.

    findings: secrets in clear text; warnings about those that the last commit has.
    """

    after: Entries
    diff: list[dict[str, str]]
    secret_values: set[str]
    findings: list[Finding]
    files: tuple[File, ...]

    @property
    def paths(self) -> list[str]:
        return sorted(self.after)


@dataclasses.dataclass(frozen=True)
class Preview:
    """What a run registers. Empty, except for the findings, when there are errors among them.

    findings: what git would refuse, and warnings. edited: files to commit before the run changes anything; files: those
    and what the run writes. Both are relative to the root of the work tree.
    note: one line without a full stop, such as "2 files, 1 commit on main, not pushed"; empty without a change.
    """

    findings: tuple[Finding, ...] = ()
    edited: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    note: str = ""
    changed: bool = False


def preview(
    request: Request, *, will_write: Sequence[str] = (), will_hold_secrets: Sequence[str] = (), check: bool
) -> Preview:
    """What a run would commit and push, without a trace in the repository.

    will_write: paths of the files that the run changes or creates; will_hold_secrets: those that get a secret.
    check: what the clone of a CI job may lack is a warning. DatomicError when git cannot work at all.
    """
    with _os_errors(request.paths):
        try:
            look = _look(request, will_write, will_hold_secrets, check=check)
        except InputError as error:
            return Preview(error.findings)
        edited = look.staged.paths
        written = {os.path.relpath(os.path.realpath(path), look.place.root) for path in will_write}
        files = tuple(sorted(written.union(edited)))
        changed = bool(files) or look.behind
        note = _note(look, len(files), bool(edited) + bool(written)) if changed else ""
        return Preview(tuple(look.warnings), tuple(edited), files, note, changed)


def register(request: Request, *, check: bool) -> dict[str, Any]:
    """Commit the files as they are in the work tree, and push. check: change nothing.

    Returns: `changed`, `commit`, `files`, `pushed`, `branch`, `diff`.
    """
    with _os_errors(request.paths):
        if not request.run and not request.message.strip():
            raise InputError([Finding("git-message", "the commit message is empty", key="commit_message")])
        if check:
            look = _look(request, (), (), check=True)
            _warn(str(finding) for finding in look.warnings)
            staged = look.staged
            pushed = look.where is not None and (look.behind or bool(staged.after))
            return _result(look.place, staged, pushed=pushed)
        place = _place(request)
        where, errors = _refusals(request, place)
        raise_if_errors(errors)
        return _commit_and_push(request, place, where)


@dataclasses.dataclass(frozen=True)
class _Look:
    """What a run finds. where: none without a push. behind: the remote lacks commits that are there already."""

    place: Place
    where: Target | None
    staged: Staged
    behind: bool
    warnings: list[Finding]


def _look(request: Request, will_write: Sequence[str], will_hold_secrets: Sequence[str], *, check: bool) -> _Look:
    """See preview(). InputError with everything that git would refuse."""
    place = _place(request, will_write)
    where, errors = _refusals(request, place)
    lenient = check and not place.branch
    found = [_milder(one) if lenient and one.rule in OF_A_CLONE else one for one in errors]
    raise_if_errors(found)
    with tempfile.TemporaryDirectory(prefix="register-files-") as scratch:
        staged = _stage(place, scratch, request.allow_secrets, will_hold_secrets, lenient=check)
    found += staged.findings
    behind = False
    try:
        # Asks the remote even if there is something to commit: what it refuses, the run would fail with.
        behind = where is not None and is_behind(place.git, where)
    except DatomicError as error:
        refusal = Finding("git-push", str(error), key="push")
        found.append(_milder(refusal) if lenient else refusal)
    raise_if_errors(found)
    return _Look(place, where, staged, behind, found)


def _place(request: Request, expected: Sequence[str] = ()) -> Place:
    if not 0 < request.timeout <= LONGEST_TIMEOUT:
        message = f"timeout must be more than 0 and at most {LONGEST_TIMEOUT} seconds, it is {request.timeout}"
        raise InputError([Finding("git-timeout", message, key="timeout")])
    return locate(request.paths, expected, request.timeout)


def _refusals(request: Request, place: Place) -> tuple[Target | None, list[Finding]]:
    """Where to push, and everything that prevents a commit and its push."""
    where, wrong = target(place.git, place.branch, request.remote, request.branch) if request.push else (None, [])
    detached = [] if place.branch or where else [_detached(place)]
    return where, [*findings(place), *detached, *wrong]


def _milder(finding: Finding) -> Finding:
    return dataclasses.replace(finding, severity="warning", message=f"a run would be refused: {finding.message}")


def _note(look: _Look, files: int, commits: int) -> str:
    on = f" on {look.place.branch}" if look.place.branch else ""
    done = f"{_counted(files, 'file')}, {_counted(commits, 'commit')}{on}" if commits else "no commit"
    return f"{done}, {f'pushed to {look.where.shown}' if look.where else 'not pushed'}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@contextlib.contextmanager
def _os_errors(paths: Iterable[str]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DatomicError(f"Could not register {', '.join(paths)}: {error.strerror} ({error.filename}).") from error


def _commit_and_push(request: Request, place: Place, where: Target | None) -> dict[str, Any]:
    workspace = Workspace(place.git, place.git_directory)
    with workspace.open() as lock:
        staged = _stage(place, workspace.directory, request.allow_secrets, (), lenient=False)
        _warn(raise_if_errors(staged.findings))
        commit = _commit(place, workspace, lock, staged, _message(request, staged)) if staged.after else None
        result = _result(place, staged, commit=commit)
        try:
            if not where or not is_behind(place.git, where):
                return result
            return {**result, "changed": True, "pushed": push(place.git, where)}
        except DatomicError as error:
            raise DatomicError(redact.values(str(error), staged.secret_values), **result) from error


def _warn(texts: Iterable[str]) -> None:
    for text in texts:
        screen.warn(text)


def _message(request: Request, staged: Staged) -> str:
    if request.run is None:
        return request.message
    own = request.message.strip()
    return messages.overridden(request.run, own) if own else messages.message(request.run, staged.files)


def _result(place: Place, staged: Staged, *, commit: str | None = None, pushed: bool = False) -> dict[str, Any]:
    return {
        "changed": bool(staged.after) or pushed,
        "commit": commit,
        "files": staged.paths,
        "pushed": pushed,
        "branch": place.branch or None,
        "diff": staged.diff,
    }


def _detached(place: Place) -> Finding:
    return Finding(
        "git-detached",
        "HEAD is detached, so that a commit would belong to no branch",
        file=place.root,
        suggestion="git switch BRANCH. A CI job sets datomic_push, datomic_push_remote and datomic_push_branch "
        "(options push, push_remote and push_branch)",
    )


def _stage(
    place: Place, directory: str, allow_secrets: bool, will_hold_secrets: Sequence[str], *, lenient: bool
) -> Staged:
    """What git would commit. Leaves no trace in the repository: works on a copy of the index, with objects apart.

    lenient: only warn of a secret that the last commit has already.
    """
    index = os.path.join(directory, "index")
    objects = os.path.join(directory, "objects")
    os.makedirs(os.path.join(objects, "info"), exist_ok=True)
    with open(os.path.join(objects, "info", "alternates"), "wb") as file:
        file.write(os.fsencode(place.objects) + b"\n")
    copy_index(place.git, os.path.join(place.git_directory, "index"), index)
    git = place.git.having(GIT_INDEX_FILE=index, GIT_OBJECT_DIRECTORY=objects)
    git.must("add", "--", *literal(place.files), doing=f"stage {', '.join(place.files)}")
    committed = commit_entries(git, "HEAD", place.judged)
    after = {path: entry for path, entry in index_entries(git, place.files).items() if entry != committed.get(path)}
    filters = _filters(git, list(after))
    old = {path: _content(git, entry) for path, entry in committed.items()}
    new = {path: _content(git, entry) for path, entry in after.items()}
    found: list[Finding] = []
    if not allow_secrets:
        exposed = sorted(path for path, content in old.items() if secrets(content))
        clear = [*_clear_text(place, new, filters), *_expected(place, will_hold_secrets)]
        found = [one for one in clear if not (lenient and one.file in exposed)] + [_exposed(path) for path in exposed]

    def side(path: str, entries: Entries, contents: dict[str, bytes]) -> str:
        return _shown(entries[path], contents[path], filters.get(path, "")) if path in entries else ""

    return Staged(
        after,
        [
            {
                "before_header": _header(path, committed),
                "after_header": _header(path, after),
                "before": side(path, committed, old),
                "after": side(path, after, new),
            }
            for path in sorted(after)
        ],
        {text for path in after for secret in secrets(_on_disk(place, path)) for text in secret.spellings},
        found,
        tuple(
            File(path, _smudged(git, path, committed[path]) if path in old else None, _on_disk(place, path))
            if path in filters
            else File(path, old.get(path), new[path])
            for path in place.files
            if path in after
        ),
    )


def _exposed(path: str) -> Finding:
    return Finding(
        "git-clear-text-secret",
        "the last commit has a secret in clear text: everyone who can read the repository has it",
        severity="warning",
        file=path,
        suggestion=f"replace the secret, and {ENCRYPT}",
    )


def _filters(git: Git, paths: Sequence[str]) -> dict[str, str]:
    """The filters that really run, by path: an attribute changes nothing if its filter is not configured."""
    if not paths:
        return {}
    fields = git.must("check-attr", "-z", "filter", "--", *paths).fields
    return {path: name for path, name in zip(fields[0::3], fields[2::3], strict=True) if _is_configured(git, name)}


def _is_configured(git: Git, name: str) -> bool:
    return name not in ("unset", "unspecified") and any(
        git.run("config", "--get", f"filter.{name}.{command}").code == 0 for command in ("clean", "process")
    )


def _content(git: Git, entry: str) -> bytes:
    return git.must("cat-file", "blob", entry.split()[1]).out


def _on_disk(place: Place, path: str) -> bytes:
    full = os.path.join(place.root, path)
    if os.path.islink(full):
        return b""
    with open(full, "rb") as file:
        return file.read()


def _clear_text(place: Place, contents: dict[str, bytes], filters: dict[str, str]) -> list[Finding]:
    """The secrets in clear text in what git would store, which may differ from the files in the work tree."""
    message = "a secret in clear text would get into git"
    return [
        Finding("git-clear-text-secret", message, file=path, line=line, key=key, suggestion=ENCRYPT)
        for path, content in sorted(contents.items())
        if not (path in filters and content != _on_disk(place, path))
        for line, key in dict.fromkeys((secret.line, secret.key) for secret in secrets(content))
    ]


def _expected(place: Place, expected: Iterable[str]) -> list[Finding]:
    """The files that later steps write a secret into and that no filter encrypts."""
    paths = [os.path.relpath(os.path.realpath(path), place.root) for path in expected]
    filters = _filters(place.git, paths)
    message = "this run would put a secret in clear text into it, and then into git"
    return [
        Finding("git-clear-text-secret", message, file=path, suggestion=ENCRYPT)
        for path in paths
        if path not in filters
    ]


def _shown(entry: str, content: bytes, filtered: str) -> str:
    if filtered:
        return f"({entry.split()[1]}: behind the filter {filtered})\n"
    if len(content) > SHOWN_BYTES or b"\0" in content:
        return f"({entry.split()[1]}: {len(content)} bytes)\n"
    return masked(content)


def _header(path: str, entries: Entries) -> str:
    return f"{path} (mode {entries[path].split()[0]})" if path in entries else f"{path} (not in git)"


def _smudged(git: Git, path: str, entry: str) -> bytes:
    """The content as in a work tree; none when its filter cannot give it."""
    return git.run("cat-file", "--filters", f"--path={path}", entry.split()[1]).out


def _commit(place: Place, workspace: Workspace, lock: int, staged: Staged, message: str) -> str:
    """Commit the paths; the commit's id. On a copy of the index: hooks run as usual, and no other git command waits."""
    paths = staged.paths
    git = workspace.prepare()
    git.must("add", "--", *literal(paths), doing=f"stage {', '.join(paths)}")
    if index_entries(git, paths) != staged.after:
        raise DatomicError(f"{', '.join(paths)} changed while being registered. Run again.")
    workspace.begin()
    # Without maintenance: it would take the copy for the index, and prune objects that only the index holds.
    quiet = ("-c", "maintenance.auto=false", "-c", "gc.auto=0")
    arguments = (*quiet, "commit", "--quiet", "--only", f"--file={workspace.message(message)}", "--", *literal(paths))
    try:
        done = git.run(*arguments, lock=(workspace.lock, lock))
    except GitStoppedError as error:
        made = commit_entries(place.git, "HEAD", paths) == staged.after
        workspace.follow()
        raise GitStoppedError(f"{error} {'The commit is made.' if made else 'Nothing was committed.'}") from None
    workspace.follow()
    if done.code:
        raise DatomicError(
            f"git did not commit {', '.join(paths)}; a hook, the signing or git itself says: "
            + (redact.values(said(done), staged.secret_values) or f"nothing, but ended with status {done.code}")
        )
    return place.git.must("rev-parse", "HEAD").line
