# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run bin/datomic as a user would: from the distribution's root, with credentials in the environment."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import os
import pathlib
import re
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO

from ansible.module_utils.common.warnings import warn

from ..errors import DatomicError
from ..releases import versions
from ..releases.distribution import Distribution
from ..util import redact, subprocesses
from ..util.subprocesses import Finished
from . import error_hints, java

GRACE_SECONDS = 5
"""How long to read on when a background process keeps the output open."""
KEPT_LINES = 2000
"""The last lines of output are kept: a backup may print for hours."""
ERROR_LINES = 12

NOT_INHERITED = (
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_PROFILE",
    "AWS_PROFILE",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
)
"""The module's options set these. Those of the shell may belong to another account."""

CHANGING = ("backup-db", "ensure-cf", "ensure-transactor", "restore-db")
"""The commands that change resources in AWS."""


@dataclasses.dataclass(frozen=True)
class Tool:
    """A distribution's bin/datomic, ready to run.

    environment: all of the program's environment. secrets: values to mask in everything that it prints.
    names: the user's names of files, by the paths of their private copies; shown instead of these.
    heap: value of -Xmx and -Xms ("4g"), empty for the tool's default. log: a file that gets each line at once, empty
    for none.
    """

    distribution: Distribution
    environment: Mapping[str, str]
    secrets: tuple[str, ...] = ()
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    heap: str = ""
    log: str = ""

    def command(self, *arguments: str) -> list[str]:
        memory = [f"-Xmx{self.heap}", f"-Xms{self.heap}"] if self.heap else []
        return ["bin/datomic", *memory, *arguments]

    def shown(self, *arguments: str) -> str:
        return self.redacted(" ".join(self.command(*arguments)))

    def redacted(self, text: str) -> str:
        """The text as the user sees it: with the user's names of files, and without secrets."""
        for path, name in self.names.items():
            text = text.replace(path, name)
        return redact.output(text, self.secrets)

    def check_endpoint(self, command: str) -> None:
        """DatomicError for a command that would change AWS itself and not the endpoint; only a warning if it reads."""
        endpoint = self.environment.get("AWS_ENDPOINT_URL", "")
        if not endpoint or _reads_endpoint(self.distribution):
            return
        release = f"bin/datomic of release {self.distribution.version} reads no endpoint"
        if command not in CHANGING:
            warn(f"{release}: {command} reads from AWS itself, not from {endpoint}, which this module uses.")
            return
        instead = "engine: native, or " if command in error_hints.PROVISIONING else ""
        raise DatomicError(
            f"{release}, so {command} would change AWS itself, not {endpoint}. "
            f"Use {instead}a release since {versions.AWS_SDK_V2_SINCE}."
        )

    def run(self, *arguments: str, timeout: int, holding: tuple[int, ...] = ()) -> Finished:
        """Run it to its end, whatever its exit code, or stop it after timeout seconds.

        holding: descriptors of locks, which it holds too: it may outlive this process. DatomicError if it cannot start.
        """
        self.check_endpoint(arguments[0])
        with self._logged() as log:
            out, err = _Reader(log, self.redacted), _Reader(log, self.redacted)
            try:
                done = subprocesses.run(
                    self.command(*arguments),
                    directory=self.distribution.home,
                    environment=self.environment,
                    output=(out.descriptor, err.descriptor),
                    timeout=timeout,
                    holding=holding,
                )
            except OSError as error:
                raise DatomicError(f"{self.distribution.tool} cannot be run: {error.strerror}.") from error
            finally:
                os.close(out.descriptor)
                os.close(err.descriptor)
            return dataclasses.replace(done, out=out.finish(), err=err.finish())

    def require(self, *arguments: str, timeout: int, holding: tuple[int, ...] = ()) -> Finished:
        """Run it. DatomicError with its messages unless its exit code is 0."""
        outcome = self.run(*arguments, timeout=timeout, holding=holding)
        if outcome.code:
            raise self.failed(outcome, *arguments)
        return outcome

    def failed(self, outcome: Finished, *arguments: str) -> DatomicError:
        said = error_lines(outcome)
        ended = outcome.stopped or ending(outcome.code)
        hint = error_hints.find(arguments[0], outcome.stderr + outcome.stdout)
        message = f"{self.shown(*arguments)} {ended}" + (":\n" + "\n".join(said) if said else ".")
        return DatomicError(message + (f"\n{hint}" if hint else ""), exit_code=outcome.code, messages=said)

    @contextlib.contextmanager
    def _logged(self) -> Iterator[IO[str] | None]:
        if not self.log:
            yield None
            return
        try:
            descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            raise DatomicError(f"The log {self.log} cannot be written: {error.strerror}.") from error
        with open(descriptor, "a", encoding="utf-8") as file:
            yield file


class _Reader:
    """Reads one stream of the tool, line by line. descriptor: where the tool writes; the caller closes it."""

    def __init__(self, log: IO[str] | None, redacted: Callable[[str], str]) -> None:
        source, self.descriptor = os.pipe()
        self._log = log
        self._worded = redacted
        self._lines: collections.deque[str] = collections.deque(maxlen=KEPT_LINES)
        self._thread = threading.Thread(target=self._read, args=(source,), daemon=True)
        self._thread.start()

    def _read(self, source: int) -> None:
        with open(source, "rb") as stream:
            for raw in stream:
                line = self._worded(raw.decode("utf-8", "replace").rstrip("\r\n"))
                self._lines.append(line)
                if self._log:
                    self._log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {line}\n")
                    self._log.flush()

    def finish(self) -> bytes:
        """The last lines. A background process that keeps the stream open is not waited for."""
        self._thread.join(GRACE_SECONDS)
        return "".join(line + "\n" for line in tuple(self._lines)).encode()


def prepare(
    distribution: Distribution,
    connection: Mapping[str, str],
    *,
    java_home: str = "",
    secrets: Iterable[str] = (),
    heap: str = "",
    log: str = "",
) -> Tool:
    """The tool with this connection (see Aws.environment). DatomicError if the Java that it needs is missing."""
    inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    environment = java.with_home({**inherited, **connection}, java_home)
    java.require(distribution, environment)
    if heap and not re.fullmatch(r"[1-9]\d*[kmgKMG]", heap):
        raise DatomicError(f"heap must be digits and one of k, m, g, such as 4g; it is {heap!r}.")
    known = [connection.get(name, "") for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")]
    return Tool(
        distribution=distribution,
        environment=environment,
        secrets=tuple({secret for secret in (*known, *secrets) if len(secret) > 3}),
        heap=heap,
        log=log,
    )


def error_lines(outcome: Finished) -> list[str]:
    """The tool's error messages: its lines without the frames of a stack trace."""
    lines = [line for line in (outcome.stderr or outcome.stdout).splitlines() if line.strip()]
    plain = [line.strip() for line in lines if not re.match(r"\s+(at |\.\.\. \d+ more)", line)]
    return plain[:ERROR_LINES] if any("Exception" in line for line in plain) else plain[-ERROR_LINES:]


def _reads_endpoint(distribution: Distribution) -> bool:
    """Whether it uses the AWS SDK for Java 2: version 1 has no setting for an endpoint."""
    since = versions.at_least(distribution.version, versions.AWS_SDK_V2_SINCE)
    return since or any(pathlib.Path(distribution.home, "lib").glob("sdk-core-2.*.jar"))


def ending(code: int) -> str:
    number = -code if code < 0 else code - 128 if 128 < code < 128 + signal.NSIG else 0
    if number and number in signal.valid_signals():
        name = signal.Signals(number).name
        return f"was killed ({name})" + (
            "; the system does that when memory runs out" if number == signal.SIGKILL else ""
        )
    return f"failed with exit code {code}"
