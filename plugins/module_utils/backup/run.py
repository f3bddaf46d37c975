# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""backup-db, restore-db, list-backups and verify-backup: what is checked before each, and what each returns."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

from .. import backup
from ..aws.client import Aws
from ..aws.sts import refuse_other_account
from ..cli import runner
from ..cli.runner import Tool
from ..errors import DatomicError
from ..properties import file
from ..releases import distribution, versions
from ..util import lock
from . import DatabaseUri, storage, transactors_up

Warn = Callable[[str], None]
LISTED_LINES = 40


@dataclasses.dataclass(frozen=True)
class Options:
    """The options that the four modules share, and those of one of them; what was not given is None."""

    datomic_home: str
    backup_uri: str
    account_id: str | None = None
    java_home: str | None = None
    heap: str | None = None
    timeout: int = 0
    log: str | None = None
    backup_region: str | None = None
    database_uri: str | None = None
    database: str | None = None
    transactor_src: str | None = None
    encryption: str = "none"
    accept_lifecycle: bool = False
    max_age: str | None = None
    t: int | None = None
    read_all: bool = False
    confirm: str | None = None
    stack_name: str | None = None
    auto_scaling_group_name: str | None = None
    transactors_stopped: bool = False


class Job:
    """One module run: the tool, the backup, and the ways to look at it."""

    def __init__(self, aws: Aws, options: Options, *, writing: bool = False) -> None:
        refuse_other_account(aws, options.account_id)
        self.aws = aws
        self.options = options
        self.backup = backup.backup_uri(options.backup_uri)
        self.database = _database(options)
        region = options.backup_region or aws.region
        found = storage.region_of(aws, self.backup, region, writing=writing)
        self.region = region or found or None
        self.tool = self._tool()

    def asked_for(self) -> DatabaseUri:
        """The database, for the modules whose options require one."""
        if self.database is None:
            raise DatomicError("Which database? Give database_uri, or database and transactor_src.")
        return self.database

    def _tool(self) -> Tool:
        region = {"AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region} if self.region else {}
        return runner.prepare(
            distribution.inspect(self.options.datomic_home),
            self.aws.environment() | region,
            java_home=self.options.java_home or "",
            secrets=backup.secrets(self.database) if self.database else (),
            heap=self.options.heap or "",
            log=self.options.log or "",
        )

    def refuse_breaking_rules(self, warn: Warn) -> None:
        """DatomicError for lifecycle rules of the bucket that would break the backup, or a warning when accepted."""
        rules = storage.rules(self.aws, self.backup, self.region)
        if rules.unseen:
            warn(rules.unseen)
        if not rules.breaking:
            return
        text = (
            f"The bucket {self.backup.bucket} has lifecycle rules that would break the backup {self.backup.text}: "
            f"{', '.join(rules.breaking)}. A differential backup keeps using objects of any age. "
            "Limit the rules to other prefixes"
        )
        if not self.options.accept_lifecycle:
            raise DatomicError(f"{text}, or set accept_lifecycle.")
        warn(f"{text}.")

    def times(self) -> dict[int, float]:
        return storage.written(self.aws, self.backup, self.region)

    def listed(self) -> list[dict[str, Any]]:
        """The points in time that the tool lists, newest first, with the time at which each was written."""
        outcome = self.run("list-backups", self.backup.text)
        times = self.times()
        return [
            {"t": t, "written": _iso(times.get(t)), "age": int(time.time() - times[t]) if t in times else None}
            for t in backup.points(outcome.stdout)
        ]

    @contextlib.contextmanager
    def locked(self, doing: str) -> Iterator[int]:
        busy = (
            f"Another backup or restore of the same backup URI runs on this machine; {doing} was not started. "
            "Wait for it to end and run again."
        )
        with lock.only_one(self.backup.lock_name, busy) as descriptor:
            yield descriptor

    def run(self, command: str, *arguments: str, holding: tuple[int, ...] = ()) -> runner.Outcome:
        """The tool's outcome. DatomicError when it fails, or when the release does not know the command."""
        release = self.tool.distribution.version
        lacking = f"Release {release} has no {command}. Name a newer distribution as datomic_home."
        if not versions.has_command(release, command):
            raise DatomicError(lacking)
        outcome = self.tool.run(command, *arguments, timeout=self.options.timeout, holding=holding)
        if not outcome.code:
            return outcome
        failed = self.tool.failed(outcome, command, *arguments)
        # To a command that it does not know the tool answers with those that it knows.
        said = " ".join(failed.details["messages"]).split()
        message = lacking if "backup-db" in said and command not in said else str(failed)
        raise DatomicError(message, **failed.details, output=_lines(outcome))

    def result(self, outcome: runner.Outcome | None, *command: str) -> dict[str, Any]:
        """What the modules return about the run; None: it has not run."""
        return {
            "changed": True,
            "command": self.tool.shown(*command),
            "version": self.tool.distribution.version,
            "seconds": outcome.seconds if outcome else 0.0,
            "output": _lines(outcome) if outcome else [],
        }


def _lines(outcome: runner.Outcome) -> list[str]:
    return (outcome.stdout + outcome.stderr).splitlines()[-LISTED_LINES:]


def _database(options: Options) -> DatabaseUri | None:
    if options.database_uri:
        return backup.database_uri(options.database_uri)
    if options.database and options.transactor_src:
        values = file.read(options.transactor_src).as_dict()
        return backup.database_uri(backup.uri_of(values, options.database))
    return None


def _iso(when: float | None) -> str:
    return "" if when is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))


def _in_words(item: dict[str, Any]) -> str:
    if item["age"] is None:
        return f"t {item['t']}, written at a time that does not show"
    return f"t {item['t']}, written {item['written']}, {backup.duration(item['age'])} old"


def take(aws: Aws, options: Options, *, check: bool, warn: Warn) -> dict[str, Any]:
    """backup-db. With max_age, only when the newest backup is older."""
    if options.encryption == "sse" and not options.backup_uri.startswith("s3:"):
        raise DatomicError("encryption: sse is S3's own encryption; a backup in a directory has none. Leave it out.")
    job = Job(aws, options, writing=True)
    database = job.asked_for()
    job.refuse_breaking_rules(warn)
    flags = ["--encryption", "sse"] if options.encryption == "sse" else []
    command = ["backup-db", *flags, database.text, job.backup.text]
    with job.locked("backup-db") as descriptor:
        before = job.times()
        if options.max_age is not None and _young(before, backup.seconds(options.max_age)):
            return {**job.result(None, *command), "changed": False, **_state(before, None)}
        if check:
            return {**job.result(None, *command), **_state(before, None)}
        outcome = job.run(*command, holding=(descriptor,))
        after = job.times()
    result = {**job.result(outcome, *command), **_state(after, outcome)}
    if not _proven(before, after, result["copied_segments"]):
        raise DatomicError(
            f"{result['command']} ended with exit code 0, but {job.backup.text} has no new point in time, and the tool "
            f"does not say that it looked at the segments: this is no backup. It printed: "
            f"{' '.join(result['output']) or 'nothing'}",
            exit_code=outcome.code,
            messages=runner.told(outcome),
        )
    return result


def _proven(before: dict[int, float], after: dict[int, float], copied: int | None) -> bool:
    """Exit code 0 alone proves no backup. A point in time does that is new or was written anew; so does, for a database
    that has not changed since its last backup, the tool's own count of segments beside the point that is there.
    """
    return bool(after) and (after != before or copied is not None)


def _young(times: dict[int, float], limit: int) -> bool:
    return bool(times) and time.time() - max(times.values()) <= limit


def _state(times: dict[int, float], outcome: runner.Outcome | None) -> dict[str, Any]:
    counted = backup.counts(outcome.stdout + outcome.stderr) if outcome else None
    newest = max(times) if times else None
    return {
        "t": newest,
        "written": _iso(times[newest] if newest is not None else None),
        "copied_segments": counted[0] if counted else None,
        "skipped_segments": counted[1] if counted else None,
    }


def restore(aws: Aws, options: Options, *, check: bool) -> dict[str, Any]:
    """restore-db, with the database's name typed, no transactor running and no backup of the same URI under way."""
    job = Job(aws, options)
    database = job.asked_for()
    if options.confirm != database.name:
        raise DatomicError(
            f"A restore replaces what the database {database.name} holds: confirm has to be its name, "
            f"{database.name}. "
            "Nothing was restored."
        )
    if not database.needs_transactor and not options.transactors_stopped:
        if not options.stack_name and not options.auto_scaling_group_name:
            raise DatomicError(
                "A restore needs all transactors stopped: give stack_name or auto_scaling_group_name, so that it can "
                "be seen that none runs, or transactors_stopped when they run elsewhere and you stopped them."
            )
        transactors_up.refuse(aws, options.stack_name or "", options.auto_scaling_group_name or "")
    with job.locked("restore-db") as descriptor:
        points = [item["t"] for item in job.listed()]
        if not points:
            raise DatomicError(f"{job.backup.text} holds no backup: there is nothing to restore.")
        if options.t is not None and options.t not in points:
            raise DatomicError(
                f"{job.backup.text} has no point in time {options.t}. It has {', '.join(map(str, points))}."
            )
        t = points[0] if options.t is None else options.t
        command = ["restore-db", job.backup.text, database.text, str(t)]
        if check:
            return {**job.result(None, *command), "t": t}
        outcome = job.run(*command, holding=(descriptor,))
    return {**job.result(outcome, *command), "t": t}


def show(aws: Aws, options: Options) -> dict[str, Any]:
    """list-backups. With max_age, a newest backup that is older, or of unknown age, is an error."""
    job = Job(aws, options)
    backups = job.listed()
    age = min((item["age"] for item in backups if item["age"] is not None), default=None)
    result = {
        "changed": False,
        "backups": backups,
        "newest": backups[0]["t"] if backups else None,
        "age": age,
        "summary": [_in_words(item) for item in backups] or ["no backup"],
        "version": job.tool.distribution.version,
    }
    if options.max_age is None:
        return result
    limit = backup.seconds(options.max_age)
    if not backups:
        raise DatomicError(
            f"{job.backup.text} holds no backup, and one of at most {options.max_age} is required.", **result
        )
    if age is None:
        raise DatomicError(f"The age of the backups in {job.backup.text} cannot be seen, and a limit is set.", **result)
    if age > limit:
        raise DatomicError(
            f"The newest backup in {job.backup.text} is {backup.duration(age)} old, "
            f"and at most {options.max_age} is allowed. "
            "Take a backup first.",
            **result,
        )
    return result


def verify(aws: Aws, options: Options) -> dict[str, Any]:
    """verify-backup, of the newest point in time unless one is given."""
    job = Job(aws, options)
    t = options.t
    if t is None:
        backups = job.listed()
        if not backups:
            raise DatomicError(f"{job.backup.text} holds no backup: there is nothing to verify.")
        t = backups[0]["t"]
    command = ["verify-backup", job.backup.text, "true" if options.read_all else "false", str(t)]
    outcome = job.run(*command)
    return {**job.result(outcome, *command), "changed": False, "t": t}
