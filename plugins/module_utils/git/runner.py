# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running the git program: its environment, its answers, and what of its output may be shown."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping

from .. import screen
from ..errors import DatomicError
from ..util import subprocesses

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
RECORDING = 'echo $$ > "$0" && exec git "$@"'
"""Says which process git is before git is one."""

HIDDEN = "********"
_USER_INFO = re.compile(r"(?<=://)[^/\s]*@")


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a git command said."""

    status: int
    out: bytes
    err: bytes

    @property
    def line(self) -> str:
        """Its standard output as one name or path."""
        return os.fsdecode(self.out.rstrip(b"\n"))

    @property
    def fields(self) -> list[str]:
        """The NUL-terminated fields of its standard output."""
        return [os.fsdecode(field) for field in self.out.split(b"\0")[:-1]]

    @property
    def told(self) -> str:
        """Everything that it printed, for a message."""
        return masked_urls("\n".join(part.decode(errors="replace").strip() for part in (self.err, self.out)).strip())


class GitStoppedError(DatomicError):
    """A git command did not end in time, or this run was asked to end. It was stopped, with all that it started."""


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

    def run(self, *arguments: str, data: bytes = b"", record: str = "") -> Answer:
        """Run it and wait. A status other than 0 is left to the caller.

        record: the file that gets its process id before it begins.
        """
        command = next(word for word in arguments if word in MAY_HANG or not (word.startswith("-") or "=" in word))

        def wait(seconds: float) -> None:
            screen.show(f"waiting for git {command} in {self.directory}: {seconds:.0f} of {self.timeout:.0f} s")

        try:
            done = subprocesses.run(
                ("sh", "-c", RECORDING, record, *arguments) if record else ("git", *arguments),
                directory=self.directory,
                environment=_environment() | self._added,
                data=data,
                timeout=self.timeout,
                waiting=wait,
            )
        except FileNotFoundError as error:
            raise DatomicError(
                "The git program is not on the PATH: install it, or set datomic_commit to false."
            ) from error
        except TimeoutError as error:
            raise GitStoppedError(
                f"git {command} in {self.directory} did not end within {self.timeout:.0f} s and was stopped, with all "
                f"that it had started: {MAY_HANG.get(command, 'a filter or the file system')} may hang. Run it there "
                "by hand to see what it waits for, or raise timeout (datomic_git_timeout in the role)."
            ) from error
        except subprocesses.StoppedError as error:
            raise GitStoppedError(
                f"git {command} in {self.directory} was stopped, because this run was asked to end ({error})."
            ) from error
        except OSError as error:
            raise DatomicError(f"Could not start git in {self.directory}: {error.strerror}.") from error
        return Answer(done.code, done.out, done.err)

    def must(self, *arguments: str, data: bytes = b"", doing: str = "") -> Answer:
        """Run it; a status other than 0 is an error that says what was being done, and what git said."""
        answer = self.run(*arguments, data=data)
        if answer.status:
            raise DatomicError(f"Could not {doing or 'run git ' + arguments[0]} in {self.directory}: {answer.told}")
        return answer


def literal(paths: Iterable[str]) -> list[str]:
    """Pathspecs for paths below the work tree's root, in which no character has a meaning.

    Magic in front of each instead of an option of git: hooks would inherit the option.
    """
    return [f":(top,literal){path}" for path in paths]


def masked_urls(text: str) -> str:
    """The text without the user and password part of URLs."""
    return _USER_INFO.sub(f"{HIDDEN}@", text)


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
