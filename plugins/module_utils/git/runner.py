# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running the git program: its environment, its answers, and what of its output may be shown."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from .. import screen
from ..errors import DatomicError
from ..util import redact, subprocesses

REDIRECTING = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_INDEX_FILE",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
)
"""Set inside a hook, where a playbook may run too. Which repository is meant is a matter of where the files lie."""

TIMEOUT = 300.0
"""Seconds that a git command may take, with its hooks, filters and ssh."""
MAY_HANG = {
    "commit": "a hook, the signing or a filter",
    "ls-remote": "ssh, a credential helper or the remote",
    "push": "a hook, ssh, a credential helper or the remote",
}
LOCKED = 'echo $$ > "$0"; git "$@" < /dev/null; exit $?'
"""The shell holds the lock $0 as its standard input until git ends. Hooks and their background processes do not."""


class GitStoppedError(DatomicError):
    """A git command was stopped, with all that it started: its time was over, or this run was asked to end."""


class Git:
    """The git program in a directory. environment: variables on top of the user's own.

    timeout: seconds for each command.
    """

    def __init__(self, directory: str, environment: Mapping[str, str] | None = None, timeout: float = TIMEOUT) -> None:
        self.directory = directory
        self.timeout = timeout
        self._added = dict(environment or {})

    def having(self, **environment: str) -> Git:
        """The same with further variables."""
        return Git(self.directory, self._added | environment, self.timeout)

    def run(self, *arguments: str, data: bytes = b"", lock: tuple[str, int] | None = None) -> subprocesses.Finished:
        """Run it and wait. The caller judges the exit code.

        lock: path and descriptor of a lock to hold as long as git runs, also if this process is killed.
        """
        command = next(word for word in arguments if word in MAY_HANG or not (word.startswith("-") or "=" in word))

        def wait(seconds: float) -> None:
            screen.show(f"waiting for git {command} in {self.directory}: {seconds:.0f} of {self.timeout:.0f} s")

        try:
            done = subprocesses.run(
                ("sh", "-c", LOCKED, lock[0], *arguments) if lock else ("git", *arguments),
                directory=self.directory,
                environment=_environment() | self._added,
                data=lock[1] if lock else data,
                timeout=self.timeout,
                waiting=wait,
            )
        except FileNotFoundError as error:
            raise DatomicError(
                "The git program is not on the PATH: install it, or set datomic_commit to false."
            ) from error
        except OSError as error:
            raise DatomicError(f"Could not start git in {self.directory}: {error.strerror}.") from error
        if done.stopped:
            raise GitStoppedError(
                f"git {command} in {self.directory} {done.stopped}. If it hangs, look at "
                f"{MAY_HANG.get(command, 'a filter or the file system')}: run the command there by hand to see what it "
                "waits for, or raise timeout (datomic_git_timeout in the role)."
            )
        return done

    def must(self, *arguments: str, data: bytes = b"", doing: str = "") -> subprocesses.Finished:
        """Run it; an exit code other than 0 is an error with what was being done and what git said."""
        done = self.run(*arguments, data=data)
        if done.code:
            raise DatomicError(f"Could not {doing or 'run git ' + arguments[0]} in {self.directory}: {said(done)}")
        return done


def said(done: subprocesses.Finished) -> str:
    """Everything that a git command printed, for a message."""
    return redact.urls(f"{done.stderr.strip()}\n{done.stdout.strip()}".strip())


def literal(paths: Iterable[str]) -> list[str]:
    """Pathspecs for paths below the work tree's root, in which no character has a meaning.

    Magic in front of each instead of an option of git: hooks would inherit the option.
    """
    return [f":(top,literal){path}" for path in paths]


def _environment() -> dict[str, str]:
    """The user's environment, with git's messages in English, no question on a terminal, no lock for a mere look.

    LC_ALL gives way to LC_CTYPE: hooks keep the user's character set.
    """
    environment = {name: value for name, value in os.environ.items() if name not in REDIRECTING}
    characters = next((environment[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(name)), "C")
    environment.pop("LC_ALL", None)
    return environment | {
        "LC_CTYPE": characters,
        "LC_MESSAGES": "C",
        "LANGUAGE": "",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
    }
