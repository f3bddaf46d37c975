# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The repository of the files, and everything that prevents a commit of them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence

from ..errors import DatomicError, Finding, InputError, Refused
from ..util.subprocesses import Finished
from .runner import TIMEOUT, Git, literal, said

LARGEST = 16 << 20
"""Bytes of a file. All of it is searched for secrets."""
WHERE = ("rev-parse", "--is-bare-repository", "--is-inside-work-tree", "--show-toplevel")
STATES = (
    ("MERGE_HEAD", "merge", "finish it with git commit, or git merge --abort"),
    ("rebase-merge", "rebase", "git rebase --continue or --abort"),
    ("rebase-apply", "rebase or am", "git rebase (or am) --continue or --abort"),
    ("CHERRY_PICK_HEAD", "cherry-pick", "git cherry-pick --continue or --abort"),
    ("REVERT_HEAD", "revert", "git revert --continue or --abort"),
    ("sequencer", "cherry-pick or revert", "git cherry-pick (or revert) --continue or --abort"),
    ("BISECT_LOG", "bisect", "git bisect reset"),
)
"""Files in git's directory that exist while an operation is unfinished; the operation; how to end it."""


@dataclasses.dataclass(frozen=True)
class Place:
    """A work tree and the files in it.

    git: runs at the root. root, git_directory, objects: absolute paths. branch: empty when HEAD is detached.
    files: to register; expected: later steps write them. Both relative to the root, without duplicates, in order.
    """

    git: Git
    root: str
    git_directory: str
    objects: str
    branch: str
    files: tuple[str, ...]
    expected: tuple[str, ...] = ()

    @property
    def judged(self) -> tuple[str, ...]:
        """The files to register, now or later."""
        return tuple(dict.fromkeys(self.files + self.expected))


def locate(paths: Sequence[str], expected: Sequence[str] = (), timeout: float = TIMEOUT) -> Place:
    """Find the work tree of the files. InputError with everything that is wrong with the paths.

    expected: files that need not exist yet. timeout: seconds for each git command.
    """
    errors: list[Finding] = []
    present: dict[str, str] = {}
    to_come: dict[str, str] = {}
    if not paths:
        errors.append(Finding("git-no-paths", "no path is given"))
    for wrong_file, found, given in ((_wrong_file, present, paths), (_wrong_place, to_come, expected)):
        for path in given:
            wrong = wrong_file(path)
            if wrong:
                errors.append(Finding("git-path", wrong, file=path))
            else:
                found.update(dict.fromkeys(_followed(path), path))
    followed = {**present, **to_come}
    roots: dict[str, str] = {}
    for file in followed:
        directory = os.path.dirname(file)
        if directory in roots:
            continue
        done = Git(directory, timeout=timeout).run(*WHERE)
        if done.code:
            errors.append(_no_work_tree(done, followed[file]))
        roots[directory] = "" if done.code else done.line.split("\n", 2)[2]
    # A link may be outside of the repository; its target may not.
    final = {file: path for file, path in followed.items() if not os.path.islink(file)}
    root = next((roots[os.path.dirname(file)] for file in final if roots[os.path.dirname(file)]), "")
    for file, path in final.items():
        other = roots[os.path.dirname(file)]
        if other and other != root:
            message = f"is in the repository {other}, the others are in {root}"
            errors.append(_about(path, "git-other-repository", message, "register the files of each repository apart"))
    if errors:
        raise InputError(errors)
    git = Git(root, timeout=timeout)
    directories = git.must("rev-parse", "--absolute-git-dir", "--git-path", "objects").line.split("\n")
    return Place(
        git,
        root,
        directories[0],
        os.path.join(root, directories[1]),
        git.run("symbolic-ref", "--quiet", "--short", "HEAD").line,
        *(
            tuple(os.path.relpath(file, root) for file in found if roots[os.path.dirname(file)] == root)
            for found in (present, to_come)
        ),
    )


def findings(place: Place) -> Iterator[Finding]:
    """Everything that prevents a commit of the files."""
    for name, operation, suggestion in STATES:
        if os.path.lexists(os.path.join(place.git_directory, name)):
            message = f"the repository is in the middle of a {operation}"
            yield _about(place.root, "git-unfinished", message, suggestion)
            break
    yield from _unusable_entries(place)
    yield from _ignored(place)
    yield from _identity(place)


def _about(file: str, rule: Refused, message: str, suggestion: str = "") -> Finding:
    return Finding(rule, message, file=file, suggestion=suggestion)


def _wrong_file(path: str) -> str:
    if "\0" in path or not path:
        return "is not a path"
    if not os.path.lexists(path):
        return "does not exist"
    if not os.path.exists(path):
        return f"is a symbolic link to {os.path.realpath(path)}, which does not exist"
    if os.path.isdir(path):
        return "is a directory: give the files in it"
    if not os.path.isfile(path):
        return "is not a regular file"
    size = os.path.getsize(path)
    return "" if size <= LARGEST else f"has {size} bytes, at most {LARGEST} are registered: commit it with git itself"


def _wrong_place(path: str) -> str:
    """Why no file can be written to the path and registered then; empty if one can."""
    if "\0" in path or not path or os.path.exists(path):
        return _wrong_file(path)
    return "" if os.path.isdir(os.path.dirname(os.path.realpath(path))) else "is in a directory that does not exist"


def _followed(path: str) -> Iterator[str]:
    """The symbolic links to the file, and then the file: git stores a link, not its target."""
    path = os.path.abspath(path)
    while True:
        path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        yield path
        if not os.path.islink(path):
            return
        path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))


def _no_work_tree(done: Finished, path: str) -> Finding:
    text = said(done)
    if "dubious ownership" in text:
        return _about(path, "git-owner", f"git does not trust this repository, which belongs to another user: {text}")
    if "not a git repository" in text:
        suggestion = "git init and a first commit there, or set datomic_commit to false"
        return _about(path, "git-no-repository", "is not in a git repository", suggestion)
    if done.out.startswith(b"true"):
        return _about(path, "git-bare", "is in a bare repository, which has no work tree", "use a clone of it")
    if done.out.startswith(b"false\nfalse"):
        return _about(path, "git-directory", "is in git's own directory, which git does not register")
    raise DatomicError(f"git cannot work in the repository of {path}: {text}")


def _unusable_entries(place: Place) -> Iterator[Finding]:
    seen = set()
    for line in place.git.must("ls-files", "-v", "--stage", "-z", "--", *literal(place.judged)).fields:
        entry, path = line.split("\t", 1)
        tag, stage = entry[0], entry[-1]
        if path in seen:
            continue
        seen.add(path)
        if stage != "0":
            suggestion = f"resolve them, then git add {path}"
            yield _about(path, "git-unmerged", "has conflicts that are not resolved", suggestion)
        elif tag.islower():
            suggestion = f"git update-index --no-assume-unchanged {path}"
            yield _about(path, "git-assume-unchanged", "is marked assume-unchanged, so git ignores changes", suggestion)
        elif tag == "S":
            suggestion = f"git update-index --no-skip-worktree {path}, or git sparse-checkout add its directory"
            yield _about(path, "git-skip-worktree", "is outside of the sparse checkout", suggestion)


def _ignored(place: Place) -> Iterator[Finding]:
    # check-ignore reads pathspecs: after ./ no character of a name has a meaning.
    asked = b"".join(b"./" + os.fsencode(file) + b"\0" for file in place.judged)
    done = place.git.run("check-ignore", "--verbose", "-z", "--stdin", data=asked)
    if done.code > 1:
        raise DatomicError(f"git cannot find out what is ignored in {place.root}: {said(done)}")
    fields = done.fields
    for source, line, pattern, asked_path in zip(fields[0::4], fields[1::4], fields[2::4], fields[3::4], strict=True):
        path = asked_path.removeprefix("./")
        if not pattern.startswith("!"):
            suggestion = f"remove that pattern, or once git add --force {path}"
            yield _about(path, "git-ignored", f"is ignored by git ({source}:{line}: {pattern})", suggestion)


def _identity(place: Place) -> Iterator[Finding]:
    for name in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
        done = place.git.run("var", name)
        if done.code:
            message = f"git has no name and address for commits: {said(done).splitlines()[-1]}"
            yield _about(place.root, "git-identity", message, "git config user.name and user.email")
            return
