# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The push: its target, whether the remote is behind, and messages when the remote refuses."""

from __future__ import annotations

import dataclasses
import os

from ..errors import DatomicError, Finding
from ..util import redact
from .runner import Git, GitStoppedError, said

STAYS = "What is committed stays, and the next run pushes it."
MOVED = ("fetch first", "non-fast-forward", "stale info")
UNAUTHENTICATED = (
    "Authentication failed",
    "Host key verification failed",
    "Permission denied",
    "could not read Password",
    "could not read Username",
    "terminal prompts disabled",
)


@dataclasses.dataclass(frozen=True)
class Target:
    """A branch of a remote."""

    remote: str
    branch: str

    @property
    def shown(self) -> str:
        return f"{self.branch} at {redact.urls(self.remote)}"


def target(git: Git, local: str, remote: str, branch: str) -> tuple[Target | None, list[Finding]]:
    """Where to push, or findings with the reason why that is unknown.

    local: the current branch, empty when HEAD is detached. remote, branch: the options, empty for the upstream's.
    """
    if "://" in remote and "@" in remote and ":" in remote.split("://", 1)[1].rsplit("@", 1)[0]:
        return None, [_wrong("is a URL with a password in it", "give a remote, and a credential helper the password")]
    upstream = _configured(git, local, "remote")
    remotes = git.must("remote").line.split()
    name = remote or ("" if upstream == "." else upstream) or "origin"
    if name not in remotes and not (remote and _is_address(remote)):
        known = f", only {', '.join(remotes)}" if remotes else ""
        return None, [_wrong(f"the repository has no remote {name}{known}", f"git remote add {name} URL")]
    merged = _configured(git, local, "merge").removeprefix("refs/heads/") if name == upstream else ""
    if branch or merged or (remote and local):
        wanted = branch or merged or local
        if git.run("check-ref-format", f"refs/heads/{wanted}").code:
            return None, [_wrong(f"{wanted} is no name of a branch", "give the branch's short name", "push_branch")]
        return Target(name, wanted), []
    if not local:
        return None, []  # the caller reports that HEAD is detached
    instead = (
        f"git push --set-upstream {name} {local} once, or give push_remote or push_branch "
        "(datomic_push_remote or datomic_push_branch in the role)"
    )
    return None, [_wrong(f"the branch {local} has no upstream branch to be pushed to", instead, key="push")]


def is_behind(git: Git, where: Target) -> bool:
    """Whether the remote branch lacks commits of HEAD. DatomicError if it has commits that are not here.

    Asks the remote itself: the local copy of its branch may be old.
    """
    if git.run("rev-parse", "--quiet", "--verify", "HEAD^{commit}").code:
        return False
    answer = _patient(git).run("ls-remote", "--", where.remote, f"refs/heads/{where.branch}")
    if answer.code:
        raise DatomicError(_refusal(where, said(answer)))
    there = answer.line.split("\t")[0]
    if there and git.run("merge-base", "--is-ancestor", there, "HEAD").code:
        raise DatomicError(_moved(where, f"Its last commit is {there}."))
    return there != git.must("rev-parse", "HEAD").line


def push(git: Git, where: Target) -> bool:
    """Push HEAD, never by force. Whether the remote branch moved."""
    try:
        answer = _patient(git).run("push", "--porcelain", "--", where.remote, f"HEAD:refs/heads/{where.branch}")
    except GitStoppedError as error:
        raise GitStoppedError(f"{error} {STAYS}") from None
    if answer.code:
        raise DatomicError(_refusal(where, said(answer)))
    return not any(line.startswith(b"=") for line in answer.out.splitlines())


def _moved(where: Target, more: str) -> str:
    return (
        f"Could not push to {where.shown}: it has commits that are not here. {STAYS} "
        f"Merge or rebase first (git pull --rebase {redact.urls(where.remote)} {where.branch}). {more}"
    )


def _refusal(where: Target, text: str) -> str:
    if any(word in text for word in MOVED):
        return _moved(where, f"git says: {text}")
    if any(word in text for word in UNAUTHENTICATED):
        return (
            f"Could not push to {where.shown}: authentication failed, and git cannot ask for a password. "
            f"{STAYS} Set up a key, an agent or a credential helper. git says: {text}"
        )
    return f"Could not push to {where.shown}. {STAYS} git, a hook or the remote says: {text}"


def _patient(git: Git) -> Git:
    """With an ssh that fails instead of asking for a password, unless the user has configured a command."""
    configured = any(os.environ.get(name) for name in ("GIT_SSH", "GIT_SSH_COMMAND"))
    if configured or git.run("config", "--get", "core.sshCommand").code == 0:
        return git
    return git.having(GIT_SSH_COMMAND="ssh -o BatchMode=yes -o ConnectTimeout=30")


def _configured(git: Git, local: str, name: str) -> str:
    return git.run("config", "--get", f"branch.{local}.{name}").line if local else ""


def _is_address(remote: str) -> bool:
    return ":" in remote or "/" in remote


def _wrong(what: str, instead: str, key: str = "push_remote") -> Finding:
    return Finding("git-push", what, key=key, suggestion=instead)
