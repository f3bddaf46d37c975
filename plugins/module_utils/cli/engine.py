# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine cli: bin/datomic does the work.

The tool has no check mode, chooses names that it shows only at its end, and writes its file last. So the native plan
answers check mode; generated names are in the file before the tool starts, which then finds them given; and the tool
gets a private copy, whose content is verified before anything of it goes into the file.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .. import internal_options
from ..actions import Actions, Decision, Executors
from ..aws.client import Aws
from ..errors import DatomicError
from ..properties import keys, parser
from ..properties.file import Properties
from ..releases import distribution, versions
from ..releases.distribution import Distribution
from ..screen import warn
from ..steps import base
from ..util import private_tempdir, redact
from ..util.subprocesses import Finished
from . import error_hints
from . import runner as tool
from .runner import Tool

Rest = tuple[Actions, Executors]
"""The actions that the tool left undone, and their executors."""


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of SPEC."""

    engine: str = "auto"
    datomic_home: str | None = None
    java_home: str | None = None
    engine_timeout: int = 600
    release_to_come: str | None = None

    @property
    def is_cli(self) -> bool:
        return self.engine == "cli"

    def distribution(self, version: str = "") -> Distribution | None:
        """The distribution in datomic_home, None without it. version: the expected release.

        DatomicError when it is not sound.
        """
        if not self.datomic_home:
            return None
        return distribution.inspect(self.datomic_home, version, self.release_to_come or "")


SPEC: dict[str, dict[str, Any]] = {
    "engine": {"type": "str", "choices": ["auto", "native", "cli"], "default": "auto"},
    "datomic_home": {"type": "path"},
    "java_home": {"type": "path"},
    "engine_timeout": {"type": "int", "default": 600},
}


@dataclasses.dataclass(frozen=True)
class Engine:
    """A command of a distribution, ready to run. timeout: seconds."""

    tool: Tool
    command: str
    timeout: int


def chosen(params: Mapping[str, Any], *, check_mode: bool) -> Options:
    """The engine that a module's options choose. Only a check does without the distribution itself."""
    to_come = internal_options.get().get("_release_to_come") if check_mode else None
    return Options(**{name: params[name] for name in SPEC}, release_to_come=to_come)


def native(result: dict[str, Any], why: str) -> dict[str, Any]:
    """The native engine's result, with the engine and the reason for it."""
    return {**result, "engine": "native", "engine_reason": why, "prediction": False}


def reason(options: Options, command: str) -> str:
    """Why this engine works. DatomicError when the choice depends on a distribution that is not sound."""
    if options.engine != "auto":
        return "asked for"
    home = options.distribution()
    if home and not versions.has_command(home.version, command):
        return f"release {home.version} has no {command}"
    return "preferred by auto"


def prepare(aws: Aws, options: Options, command: str, region: str) -> Engine:
    """The command of the distribution. DatomicError when it cannot run.

    region: the file's, empty for the connection's.
    """
    home = options.distribution()
    if not home:
        raise DatomicError(
            "engine: cli needs datomic_home, the root of a distribution. Without one, use engine: native."
        )
    if not versions.has_command(home.version, command):
        raise DatomicError(
            f"Release {home.version} has no {command}: it is gone since {versions.AWS_SDK_V2_SINCE}. "
            "Use engine: auto or native, which need no distribution for it."
        )
    connection = aws.environment()
    if region:
        connection |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    ready = tool.prepare(home, connection, java_home=options.java_home or "")
    ready.check_endpoint(command)
    return Engine(ready, command, options.engine_timeout)


def refuse_role(engine: Engine, arn: str) -> None:
    """DatomicError for credentials of a role, which earlier releases cannot use. arn: of their user or role.

    It is not known what later releases ask: the advice comes with their own message.
    """
    later = versions.at_least(engine.tool.distribution.version, versions.AWS_SDK_V2_SINCE)
    if not later and re.search(r":(assumed-role|federated-user)/", arn):
        raise DatomicError(
            f"bin/datomic {engine.command} cannot run with the credentials of {arn}. {error_hints.USERS_ONLY}. "
            "Nothing was changed. Use the keys of a user, or engine: native, which takes these."
        )


def prediction(engine: Engine) -> str:
    """The warning about check mode's result."""
    text = f"This is what the native engine expects of bin/datomic {engine.command}, which has no check mode."
    home = engine.tool.distribution
    if home.to_come:
        text += f" {home.home} is still to come, and is taken for a sound release {home.version}."
    return text


def conclude(
    engine: Engine,
    file: base.File,
    decision: Decision,
    executors: Executors,
    again: Callable[[Properties], Rest],
    *,
    check_mode: bool,
) -> dict[str, Any]:
    """Let the tool execute the decision; the module's result, as of base.conclude.

    again: what the native engine would still do with the file as it is then, to be done after the tool: it knows no
    tags, and does not repair the roles without instance profiles that a killed run leaves.
    """
    base.planned(file, decision)
    engine_result = {"engine": "cli", "engine_reason": "asked for", "prediction": check_mode}
    if check_mode:
        warn(prediction(engine))
        return base.conclude(file, decision, executors, check_mode=True) | engine_result
    before = file.on_disk
    with _alone(engine, file.now.path) as (directory, lock):
        file.save(decision.values)
        with base.attach_partial_result(file):
            _run(engine, file, decision.late, directory, lock)
            left, finishing = again(file.now)
            if left.actions:
                names = ", ".join(f"{action.resource} {action.name}" for action in left.actions)
                doing = f"bin/datomic {engine.command} left undone what it does not know"
                warn(f"{doing}, and the engine native did it: {names}.")
                left.apply(finishing)
    return base.result(file.src, before, file.now, decision.plan) | engine_result


@contextlib.contextmanager
def _alone(engine: Engine, path: str) -> Iterator[tuple[str, int]]:
    """A private directory for the work on the user's file, and its lock for the tool to hold.

    DatomicError while the tool of another run works on the file, even of a killed run.
    """
    try:
        with private_tempdir.directory(os.path.realpath(path)) as private:
            yield private
    except private_tempdir.HeldError as error:
        raise DatomicError(
            f"bin/datomic {engine.command} of another run still works on {path}, on this machine. "
            "Nothing was changed. Wait for it to end and run again."
        ) from error


def _run(engine: Engine, file: base.File, late: tuple[str, ...], directory: str, lock: int) -> None:
    """Run the command with a private copy as its input and output, and save the late values that it made.

    They are saved when the command fails too: the secret of an access key is shown only once.
    """
    given = file.now
    path = _copied(directory, os.path.basename(given.path), given)
    ready = _ready(engine, {path: given.path}, given)
    outcome = ready.run(engine.command, path, path, timeout=engine.timeout, holding=(lock,))
    try:
        made = _made(path, given, engine)
    except DatomicError as error:
        if outcome.code:
            raise _failure(ready, engine, outcome, given, ()) from error
        raise
    wrong = sorted(
        key for key in {*given, *made} if key not in made or (key not in late and given.get(key) != made.get(key))
    )
    values = {} if wrong else {key: made.get(key) for key in late if made.has_value(key)}
    if values:
        file.save(values)
    if outcome.code:
        raise _failure(ready, engine, outcome, given, [made.get(key) for key in late])
    if wrong:
        changed = f"bin/datomic {engine.command} changed {', '.join(wrong)}, which was set already. "
        raise DatomicError(f"{changed}{given.path} does not get these changes." + _kept(given))


def _ready(engine: Engine, names: Mapping[str, str], *files: Properties) -> Tool:
    """The tool for private copies of these files, whose secrets it does not show. names: of the files, by path."""
    pairs = [pair for file in files for pair in file.as_dict().items()]
    secrets = [value for key, value in pairs if keys.is_secret(key) and len(value) > 3]
    return dataclasses.replace(engine.tool, secrets=(*engine.tool.secrets, *secrets), names=names)


def _made(path: str, given: Properties, engine: Engine) -> Properties:
    """The file that the tool wrote. DatomicError unless it is complete."""
    try:
        with open(path, "rb") as written:
            raw = written.read(parser.LONGEST + 1)
    except OSError as error:
        raise DatomicError(
            f"bin/datomic {engine.command} ended well and left no file: {error.strerror}.{_kept(given)}"
        ) from error
    try:
        if raw != given.raw and not raw.endswith(b"\n"):
            raise DatomicError(f"{given.path}: the last line has no end.")
        return Properties.parse(raw, given.path)
    except DatomicError as error:
        raise DatomicError(f"bin/datomic wrote a file that is not sound: {error}{_kept(given)}") from error


def _failure(ready: Tool, engine: Engine, outcome: Finished, given: Properties, made: Iterable[str]) -> DatomicError:
    """made: secrets that came out of this run."""
    hidden = [secret for secret in made if len(secret) > 3]
    outcome = dataclasses.replace(
        outcome,
        out=redact.output(outcome.stdout, hidden).encode(),
        err=redact.output(outcome.stderr, hidden).encode(),
    )
    output = outcome.stderr + outcome.stdout
    if "backup-db" in output and engine.command not in output:
        release = engine.tool.distribution.version
        return DatomicError(
            f"bin/datomic of release {release} does not know {engine.command}. Use engine: native." + _kept(given)
        )
    error = ready.failed(outcome, engine.command, given.path, given.path)
    return DatomicError(str(error) + _kept(given), **error.details)


def _kept(file: Properties) -> str:
    return f"\nWhat was chosen before is in {file.path}, so running it again goes on with the same names."


def _copied(directory: str, name: str, file: Properties) -> str:
    path = os.path.join(directory, name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
        written.write(file.raw)
    return path


def template(engine: Engine, transactor: Properties, cf: Properties, dest: str) -> dict[str, Any]:
    """The template that create-cf-template makes of the two files, with its property lines in order.

    The tool writes them in another order at each run, which would change the template when nothing changed.
    """
    with _alone(engine, dest) as (directory, lock):
        first = _copied(directory, "transactor.properties", transactor)
        second = _copied(directory, "cf.properties", cf)
        target = os.path.join(directory, "template.json")
        ready = _ready(engine, {first: transactor.path, second: cf.path, target: dest}, transactor, cf)
        ready.require(engine.command, first, second, target, timeout=engine.timeout, holding=(lock,))
        try:
            with open(target, encoding="utf-8") as file:
                made: dict[str, Any] = json.load(file)
        except (OSError, ValueError) as error:
            why = ready.redacted(str(error))
            raise DatomicError(f"bin/datomic {engine.command} ended well and wrote no template: {why}.") from error
    return ordered(made)


def ordered(made: dict[str, Any]) -> dict[str, Any]:
    """The template with the lines of the user data's here-document sorted, after host and alt-host."""
    made = copy.deepcopy(made)
    try:
        join = made["Resources"]["LaunchConfig"]["Properties"]["UserData"]["Fn::Base64"]["Fn::Join"]
        begin = next(number for number, line in enumerate(join[1]) if str(line).startswith("cat <<EOF")) + 1
        end = join[1].index("EOF", begin)
    except (KeyError, StopIteration, ValueError, TypeError, IndexError) as error:
        raise DatomicError("The template of bin/datomic has no user data of the known form.") from error
    lines = [line for part in join[1][begin:end] for line in str(part).split("\n")]
    first = [line for line in lines if line.startswith(("host=`", "alt-host=`"))]
    join[1][begin:end] = [*first, "\n".join(sorted(line for line in lines if line not in first))]
    return made
