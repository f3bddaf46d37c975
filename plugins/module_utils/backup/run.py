# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What backup_db, restore_db, backup_info and verify_backup check and return."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from .. import backup
from ..aws import autoscaling
from ..aws import stack as stacks
from ..aws.client import AnsibleAWSModule, Aws
from ..aws.sts import refuse_other_account
from ..cli import runner
from ..errors import DatomicError
from ..properties import file
from ..releases import distribution, versions
from ..steps.stack import stack_name
from ..util import clock, lock
from ..util.subprocesses import Finished
from . import storage

Params = Mapping[str, Any]
"""A module's options."""
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


def module_of(spec: Mapping[str, dict[str, Any]], *, database: bool = False) -> AnsibleAWSModule:
    """A module with these options besides the shared ones. database: it names one database."""
    spec = {**TOOL, **(DATABASE if database else {}), **spec}
    return AnsibleAWSModule(argument_spec=spec, supports_check_mode=True, **(ONE_DATABASE if database else {}))


class Job:
    """One module run: the tool, the backup and, where the module names one, the database."""

    def __init__(self, aws: Aws, params: Params, *, writing: bool = False) -> None:
        refuse_other_account(aws, params["account_id"])
        self.aws = aws
        self.timeout = params["timeout"]
        self.backup = backup.backup_uri(params["backup_uri"])
        self.database = _database(params)
        region = params["backup_region"] or aws.region
        found = storage.region_of(aws, self.backup, region, writing=writing)
        self.region = region or found or None
        regions = {"AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region} if self.region else {}
        self.tool = runner.prepare(
            distribution.inspect(params["datomic_home"]),
            aws.environment() | regions,
            java_home=params["java_home"] or "",
            secrets=backup.secrets(self.database) if self.database else (),
            heap=params["heap"] or "",
            log=params["log"] or "",
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
            {"t": t, "written": _iso(times.get(t)), "age": int(clock.now() - times[t]) if t in times else None}
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
        outcome = self.tool.run(command, *arguments, timeout=self.timeout, holding=holding)
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


def _database(params: Params) -> backup.DatabaseUri | None:
    if uri := params.get("database_uri"):
        return backup.database_uri(uri)
    if params.get("database") and params["transactor_src"]:
        return backup.database_uri(backup.uri_of(file.read(params["transactor_src"]).as_dict(), params["database"]))
    return None


def _iso(when: float | None) -> str:
    return "" if when is None else clock.iso(when)


def take(aws: Aws, params: Params, *, check: bool) -> dict[str, Any]:
    """backup_db. With max_age, only when the newest backup is older."""
    if params["encryption"] == "sse" and not params["backup_uri"].startswith("s3:"):
        raise DatomicError("encryption: sse is S3's own encryption; a backup in a directory has none. Leave it out.")
    job = Job(aws, params, writing=True)
    database = job.require_database()
    storage.refuse_breaking_rules(aws, job.backup, job.region, accept=params["accept_lifecycle"])
    flags = ["--encryption", "sse"] if params["encryption"] == "sse" else []
    command = ["backup-db", *flags, database.text, job.backup.text]
    with job.locked("backup-db") as descriptors:
        before = after = job.written()
        young = params["max_age"] is not None and _is_young(before, backup.seconds(params["max_age"]))
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
    return bool(times) and clock.now() - max(times.values()) <= limit


def restore(aws: Aws, params: Params, *, check: bool) -> dict[str, Any]:
    """restore_db: refused unless its name is confirmed, no transactor runs, and nothing else uses the backup."""
    job = Job(aws, params)
    database = job.require_database()
    if params["confirm"] != database.name:
        raise DatomicError(
            f"A restore replaces what the database {database.name} holds: confirm has to be its name, "
            f"{database.name}. Nothing was restored."
        )
    if not database.needs_transactor and not params["transactors_stopped"]:
        _require_stopped(aws, params["stack_name"], params["auto_scaling_group_name"])
    with job.locked("restore-db") as descriptors:
        points = job.require_points("restore")
        if params["t"] is not None and params["t"] not in points:
            raise DatomicError(
                f"{job.backup.text} has no point in time {params['t']}. It has {', '.join(map(str, points))}."
            )
        t = points[0] if params["t"] is None else params["t"]
        command = ["restore-db", job.backup.text, database.text, str(t)]
        outcome = None if check else job.run(*command, holding=descriptors)
    return job.result(outcome, command, t=t)


def _require_stopped(aws: Aws, stack: str | None, group: str | None) -> None:
    """DatomicError when the group, or a group of the stack, has instances or is going to have some."""
    if not group and not stack:
        raise DatomicError(
            "A restore needs all transactors stopped: give stack_name or auto_scaling_group_name, so that this "
            "module can check it. Give transactors_stopped if they run elsewhere and you stopped them."
        )
    names = [group] if group else []
    if stack and not group:
        stack_name.refuse(stack)
        names = list(stacks.groups(aws.client("cloudformation"), stack).values())
    listed = ", ".join(names)
    if not names:
        raise DatomicError(f"The stack {stack} has no auto scaling group, so nothing shows whether transactors run.")
    desired, running = autoscaling.running(aws.client("autoscaling"), names)
    if len(desired) < len(names):
        raise DatomicError(f"There is no auto scaling group {listed}, so nothing shows whether transactors run.")
    if running:
        raise DatomicError(
            f"Transactors run ({', '.join(running)}), and a restore needs all of them stopped: set the group's size to "
            f"0 (aws autoscaling update-auto-scaling-group --auto-scaling-group-name {names[0]} --min-size 0 "
            "--desired-capacity 0), stop all peers, wait until the instances are gone, and run again."
        )
    if any(desired.values()):
        raise DatomicError(
            f"The group {listed} is about to start transactors: its desired capacity is not 0. "
            "Set min-size and desired-capacity to 0 before a restore."
        )


def verify(aws: Aws, params: Params) -> dict[str, Any]:
    """verify_backup: the newest point in time unless one is given."""
    job = Job(aws, params)
    t = job.require_points("verify")[0] if params["t"] is None else params["t"]
    command = ["verify-backup", job.backup.text, str(params["read_all"]).lower(), str(t)]
    return job.result(job.run(*command), command, changed=False, t=t)


def info(aws: Aws, params: Params) -> dict[str, Any]:
    """backup_info. With max_age, a newest backup that is older, or of unknown age, is an error."""
    job = Job(aws, params)
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
    if params["max_age"] is None:
        return result
    limit, place = backup.seconds(params["max_age"]), job.backup.text
    if not points:
        raise DatomicError(f"{place} holds no backup, and one of at most {params['max_age']} is required.", **result)
    if age is None:
        raise DatomicError(f"The age of the backups in {place} is unknown, and max_age sets a limit.", **result)
    if age > limit:
        raise DatomicError(
            f"The newest backup in {place} is {backup.duration(age)} old, and at most {params['max_age']} is allowed. "
            "Take a backup first.",
            **result,
        )
    return result


def _summary(item: dict[str, Any]) -> str:
    if item["age"] is None:
        return f"t {item['t']}, written at an unknown time"
    return f"t {item['t']}, written {item['written']}, {backup.duration(item['age'])} old"
