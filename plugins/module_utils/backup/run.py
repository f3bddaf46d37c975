# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What backup_db, restore_db, backup_info and verify_backup check and return."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Mapping
from typing import Any

from .. import backup
from ..aws.client import AnsibleAWSModule, Aws
from ..aws.sts import refuse_other_account
from ..cli import runner
from ..errors import DatomicError
from ..properties import file
from ..releases import distribution, versions
from ..util import lock
from ..util.subprocesses import Finished
from . import storage, transactors_up

LISTED_LINES = 40

TOOL: dict[str, dict[str, Any]] = {
    "datomic_home": {"type": "path", "required": True},
    "backup_uri": {"type": "str", "required": True},
    "account_id": {"type": "str"},
    "backup_region": {"type": "str"},
    "java_home": {"type": "path"},
    "heap": {"type": "str"},
    "timeout": {"type": "int", "default": 14400},
    "log": {"type": "path"},
}
"""The options of all four modules. The documentation fragment `tool` describes them."""
DATABASE: dict[str, dict[str, Any]] = {
    # It may hold credentials.
    "database_uri": {"type": "str", "no_log": True},
    "database": {"type": "str"},
    "transactor_src": {"type": "path"},
}
ONE_DATABASE: dict[str, Any] = {
    "required_one_of": [("database_uri", "database")],
    "mutually_exclusive": [("database_uri", "database")],
    "required_by": {"database": ("transactor_src",)},
}


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of the four modules. None: not given."""

    datomic_home: str
    backup_uri: str
    account_id: str | None
    java_home: str | None
    heap: str | None
    timeout: int
    log: str | None
    backup_region: str | None
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


def prepare(spec: Mapping[str, dict[str, Any]], *, database: bool = False) -> tuple[AnsibleAWSModule, Options]:
    """A module with these options besides the shared ones, and what it was given. database: it names a database."""
    spec = {**TOOL, **(DATABASE if database else {}), **spec}
    constraints = ONE_DATABASE if database else {}
    module = AnsibleAWSModule(argument_spec=spec, supports_check_mode=True, **constraints)
    return module, Options(**{name: module.params[name] for name in spec})


class Job:
    """One module run: the tool, the backup and, where the module names one, the database."""

    def __init__(self, aws: Aws, options: Options, *, writing: bool = False) -> None:
        refuse_other_account(aws, options.account_id)
        self.aws = aws
        self.options = options
        self.backup = backup.backup_uri(options.backup_uri)
        self.database = _database(options)
        region = options.backup_region or aws.region
        found = storage.region_of(aws, self.backup, region, writing=writing)
        self.region = region or found or None
        regions = {"AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region} if self.region else {}
        self.tool = runner.prepare(
            distribution.inspect(options.datomic_home),
            aws.environment() | regions,
            java_home=options.java_home or "",
            secrets=backup.secrets(self.database) if self.database else (),
            heap=options.heap or "",
            log=options.log or "",
        )

    def require_database(self) -> backup.DatabaseUri:
        if self.database is None:
            raise DatomicError("Which database? Give database_uri, or database and transactor_src.")
        return self.database

    def written(self) -> dict[int, float]:
        return storage.written(self.aws, self.backup, self.region)

    def points(self) -> list[dict[str, Any]]:
        """The points in time that the tool lists, newest first: t, written (UTC) and age (seconds, or None)."""
        outcome = self.run("list-backups", self.backup.text)
        times = self.written()
        return [
            {"t": t, "written": _iso(times.get(t)), "age": int(time.time() - times[t]) if t in times else None}
            for t in backup.points(outcome.stdout)
        ]

    def require_points(self, purpose: str) -> list[int]:
        points = [item["t"] for item in self.points()]
        if not points:
            raise DatomicError(f"{self.backup.text} holds no backup: there is nothing to {purpose}.")
        return points

    @contextlib.contextmanager
    def locked(self, command: str) -> Iterator[tuple[int]]:
        """Hold the lock of the backup URI. The file descriptors that the tool has to hold too."""
        busy = (
            f"Another backup or restore of the same backup URI runs on this machine; {command} was not started. "
            "Wait for it to end and run again."
        )
        with lock.only_one(self.backup.lock_name, busy) as descriptor:
            yield (descriptor,)

    def run(self, command: str, *arguments: str, holding: tuple[int, ...] = ()) -> Finished:
        """Run the tool. DatomicError when it fails, or when the release does not know the command."""
        release = self.tool.distribution.version
        lacking = f"Release {release} has no {command}. Name a newer distribution as datomic_home."
        if not versions.has_command(release, command):
            raise DatomicError(lacking)
        outcome = self.tool.run(command, *arguments, timeout=self.options.timeout, holding=holding)
        if not outcome.code:
            return outcome
        failed = self.tool.failed(outcome, command, *arguments)
        # The tool answers an unknown command with the list of those that it knows.
        said = " ".join(failed.details["messages"]).split()
        message = lacking if "backup-db" in said and command not in said else str(failed)
        raise DatomicError(message, **failed.details, output=_lines(outcome))

    def result(self, outcome: Finished | None, command: list[str], **more: Any) -> dict[str, Any]:
        """What a module returns about its run of the tool; None: the tool did not run."""
        return {
            "changed": True,
            "command": self.tool.shown(*command),
            "version": self.tool.distribution.version,
            "seconds": outcome.seconds if outcome else 0.0,
            "output": _lines(outcome) if outcome else [],
            **more,
        }


def _lines(outcome: Finished) -> list[str]:
    return (outcome.stdout + outcome.stderr).splitlines()[-LISTED_LINES:]


def _database(options: Options) -> backup.DatabaseUri | None:
    if options.database_uri:
        return backup.database_uri(options.database_uri)
    if options.database and options.transactor_src:
        values = file.read(options.transactor_src).as_dict()
        return backup.database_uri(backup.uri_of(values, options.database))
    return None


def _iso(when: float | None) -> str:
    return "" if when is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))


def take(aws: Aws, options: Options, *, check: bool) -> dict[str, Any]:
    """backup_db. With max_age, only when the newest backup is older."""
    if options.encryption == "sse" and not options.backup_uri.startswith("s3:"):
        raise DatomicError("encryption: sse is S3's own encryption; a backup in a directory has none. Leave it out.")
    job = Job(aws, options, writing=True)
    database = job.require_database()
    storage.refuse_breaking_rules(aws, job.backup, job.region, accept=options.accept_lifecycle)
    flags = ["--encryption", "sse"] if options.encryption == "sse" else []
    command = ["backup-db", *flags, database.text, job.backup.text]
    with job.locked("backup-db") as descriptors:
        before = after = job.written()
        young = options.max_age is not None and _is_young(before, backup.seconds(options.max_age))
        outcome = None
        if not check and not young:
            outcome = job.run(*command, holding=descriptors)
            after = job.written()
    counted = backup.counts(outcome.stdout + outcome.stderr) if outcome else None
    newest = max(after, default=None)
    result = job.result(
        outcome,
        command,
        changed=not young,
        t=newest,
        written=_iso(None if newest is None else after[newest]),
        copied_segments=counted[0] if counted else None,
        skipped_segments=counted[1] if counted else None,
    )
    # Exit code 0 alone proves no backup. A new or rewritten point in time does. For a database that has not changed,
    # so does the tool's own count of segments, together with the existing point.
    if outcome and not (after and (after != before or counted)):
        raise DatomicError(
            f"{result['command']} ended with exit code 0, but {job.backup.text} has no new point in time, and the tool "
            f"does not say that it looked at the segments: this is no backup. It printed: "
            f"{' '.join(result['output']) or 'nothing'}",
            exit_code=outcome.code,
            messages=runner.error_lines(outcome),
        )
    return result


def _is_young(times: Mapping[int, float], limit: int) -> bool:
    return bool(times) and time.time() - max(times.values()) <= limit


def restore(aws: Aws, options: Options, *, check: bool) -> dict[str, Any]:
    """restore_db: refused unless its name is confirmed, no transactor runs, and nothing else uses the backup."""
    job = Job(aws, options)
    database = job.require_database()
    if options.confirm != database.name:
        raise DatomicError(
            f"A restore replaces what the database {database.name} holds: confirm has to be its name, "
            f"{database.name}. Nothing was restored."
        )
    if not database.needs_transactor and not options.transactors_stopped:
        if not options.stack_name and not options.auto_scaling_group_name:
            raise DatomicError(
                "A restore needs all transactors stopped: give stack_name or auto_scaling_group_name, so that this "
                "module can check it. Give transactors_stopped if they run elsewhere and you stopped them."
            )
        transactors_up.refuse(aws, options.stack_name or "", options.auto_scaling_group_name or "")
    with job.locked("restore-db") as descriptors:
        points = job.require_points("restore")
        if options.t is not None and options.t not in points:
            raise DatomicError(
                f"{job.backup.text} has no point in time {options.t}. It has {', '.join(map(str, points))}."
            )
        t = points[0] if options.t is None else options.t
        command = ["restore-db", job.backup.text, database.text, str(t)]
        outcome = None if check else job.run(*command, holding=descriptors)
    return job.result(outcome, command, t=t)


def verify(aws: Aws, options: Options) -> dict[str, Any]:
    """verify_backup: the newest point in time unless one is given."""
    job = Job(aws, options)
    t = job.require_points("verify")[0] if options.t is None else options.t
    command = ["verify-backup", job.backup.text, str(options.read_all).lower(), str(t)]
    return job.result(job.run(*command), command, changed=False, t=t)


def info(aws: Aws, options: Options) -> dict[str, Any]:
    """backup_info. With max_age, a newest backup that is older, or of unknown age, is an error."""
    job = Job(aws, options)
    points = job.points()
    age = min((item["age"] for item in points if item["age"] is not None), default=None)
    result = {
        "changed": False,
        "backups": points,
        "newest": points[0]["t"] if points else None,
        "age": age,
        "summary": [_summary(item) for item in points] or ["no backup"],
        "version": job.tool.distribution.version,
    }
    if options.max_age is None:
        return result
    limit, place = backup.seconds(options.max_age), job.backup.text
    if not points:
        raise DatomicError(f"{place} holds no backup, and one of at most {options.max_age} is required.", **result)
    if age is None:
        raise DatomicError(f"The age of the backups in {place} is unknown, and max_age sets a limit.", **result)
    if age > limit:
        raise DatomicError(
            f"The newest backup in {place} is {backup.duration(age)} old, and at most {options.max_age} is allowed. "
            "Take a backup first.",
            **result,
        )
    return result


def _summary(item: dict[str, Any]) -> str:
    if item["age"] is None:
        return f"t {item['t']}, written at an unknown time"
    return f"t {item['t']}, written {item['written']}, {backup.duration(item['age'])} old"
