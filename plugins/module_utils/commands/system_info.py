# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What system_info returns: the status of one system, as far as it can be read. Changes nothing."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

from .. import backup
from ..aws import cloudwatch, drift, stack, state_table, sts
from ..aws.calls import run_parallel
from ..aws.client import Aws
from ..aws.stack import Stack
from ..backup import storage
from ..errors import DatomicError, Finding, InputError
from ..plan import ACCEPTED, Plan
from ..properties import keys
from ..rolling import readiness
from ..rolling.state import MINUTE, Metrics, Observed
from ..state.item import Item
from ..status import system
from ..status.system import Backup, Difference, LastRun, Status
from ..steps.stack import changes, document
from ..steps.stack.changes import Parameter
from ..util import clock
from . import plan_system, transactor_info
from .plan_replacement import Replacing, beating
from .plan_state import Shared
from .planning import Planning, Seen

T = TypeVar("T")
STALE: Literal["git-stale-checkout"] = "git-stale-checkout"
READ_ONLY = "a status changes nothing"
"""The reason why a status accepts a stale checkout: it is a line of drift."""
FIXED: Mapping[str, Any] = {
    "backup": "never",
    "backup_heap": "",
    "backup_max_age": None,
    "change_set": False,
    "commit": False,
    "commit_secrets": "refuse",
    "create": True,
    "forbid": [],
    "only": [],
    "pause_before_takeover": "",
    "plan_file": None,
    "approved_plan": None,
    "push": False,
    "push_branch": "",
    "push_remote": "",
    "replace": "stale",
    "rollback_on_failure": False,
    "settle_seconds": 300,
    "strategy": "rolling",
}
"""The options of the plan that a status does not have."""
REFUSED = ("stack-status",)
"""Errors that the state of the stack shows already."""


def info(aws: Aws, params: Mapping[str, Any]) -> dict[str, Any]:
    """The module's result. params: its options."""
    return {"changed": False, "status": _Reading(aws, params).status().as_returned()}


class _Reading:
    """What was read of the system. gaps: what could not be read, and why."""

    def __init__(self, aws: Aws, params: Mapping[str, Any]) -> None:
        self._aws = aws
        self._params = params
        self._gaps: dict[str, None] = {}
        self._errors: dict[str, None] = {}
        self._read: tuple[Planning, Shared, Seen] | None = None

    def status(self) -> Status:
        params = self._params
        name = params["stack_name"]
        status = Status(params["system"] or name, name, region=self._aws.region or "", read_at=clock.iso(clock.now()))
        plan, findings = self._plan() if params["transactor_src"] else (None, ())
        if self._read is None and not self._is_account():
            return dataclasses.replace(status, gaps=tuple(self._gaps), errors=tuple(self._errors))
        found, group, item = self._seen()
        known: tuple[Difference, ...] | None = None
        status = dataclasses.replace(status, exists=None if found is None and self._gaps else found is not None)
        if plan:
            known = tuple(system.drift(plan, "update" if found else "create"))
            warnings = (str(one) for one in plan.findings if one.severity == "warning" and one.rule not in system.DRIFT)
            status = dataclasses.replace(status, account=plan.account, warnings=tuple(warnings))
        status = self._with_stack(status, found, group)
        status = self._with_rest(status, found, group)
        differences = (*(known or ()), *system.of_findings(findings), *self._files(plan), *status.differences)
        return dataclasses.replace(
            status,
            differences=differences,
            holder=str(item.holder) if item.holder else "",
            last=_last(item),
            gaps=tuple(self._gaps),
            errors=tuple(self._errors),
        )

    def _attempt(self, work: Callable[[], T]) -> T | None:
        """The result. None, and a gap, when it cannot be read."""
        try:
            return work()
        except DatomicError as error:
            self._gaps[str(error)] = None
            return None

    def _plan(self) -> tuple[Plan | None, Sequence[Finding]]:
        """The plan of an update, and the findings about drift; without a plan, its errors are gaps and errors."""

        def watch(*read: Any) -> None:
            self._read = read

        given = dict(self._params)
        if STALE not in [one["rule"] for one in given["accept"] or ()]:
            given["accept"] = [*(given["accept"] or ()), {"rule": STALE, "reason": READ_ONLY}]
        try:
            made = plan_system.plan(self._aws, {**given, **FIXED}, check_mode=True, watch=watch)
        except InputError as error:
            found = [one for one in error.findings if one.severity == "error" and one.rule not in system.DRIFT]
            self._gaps |= {str(one): None for one in found if one.rule == system.UNREAD}
            self._errors |= {str(one): None for one in found if one.rule not in (system.UNREAD, *REFUSED)}
            return None, error.findings
        except DatomicError as error:
            self._gaps[str(error)] = None
            return None, ()
        return Plan.of(made["plan"]), _stale(made["plan"])

    def _is_account(self) -> bool:
        """Whether the credentials are those of the account that was given. Otherwise nothing is read."""
        try:
            sts.refuse_other_account(self._aws, self._params["account_id"])
        except DatomicError as error:
            self._gaps[str(error)] = None
            return False
        return True

    def _seen(self) -> tuple[Stack | None, Observed | None, Item]:
        """The stack, its group and the shared state: those of the plan, or read now."""
        name = self._params["stack_name"]
        if self._read:
            planning, shared, seen = self._read
            # A stack that the plan could not read was an error, which this repeats.
            found = seen.stack or self._attempt(planning.stack)
            return (found if found and found.was_created else None), seen.group, shared.item
        found, group = self._attempt(
            lambda: transactor_info.observe(
                self._aws, name, "", stack.existing(self._aws.client("cloudformation"), name), detailed=False
            )
        ) or (None, None)
        client = self._aws.client("dynamodb")
        local = self._params["state"] == "local"
        item = None if local else self._attempt(lambda: state_table.read(client, name))
        return found, group, item or Item(name)

    def _with_stack(self, status: Status, found: Stack | None, group: Observed | None) -> Status:
        planning = self._read[0] if self._read else None
        if planning:
            version = planning.cf.get("datomic-version") or planning.facts.datomic_version
            status = dataclasses.replace(status, region=planning.cf.get("aws-region"), configured_release=version)
        if found is None:
            return status
        status = dataclasses.replace(
            status,
            account=sts.of_stack(found.stack_id).number,
            stack_status=found.status,
            release=found.datomic_version,
            instance_type=found.parameters.get("InstanceType", Parameter("")).value,
        )
        if group is None:
            return status
        return dataclasses.replace(
            status,
            size=group.configured_sizes.desired,
            serving=sum(member.serving for member in group.members),
            outdated=tuple(one.instance_id for one in group.instances if one.outdated),
        )

    def _with_rest(self, status: Status, found: Stack | None, group: Observed | None) -> Status:
        """With what no plan needs: heartbeats, alarms, backups, and the drift that CloudFormation detects."""
        now = group.now if group else clock.now()
        metrics, raised, backups, detected = run_parallel(
            lambda: self._attempt(lambda: self._metrics(found, now)),
            lambda: self._attempt(lambda: self._alarms(found)),
            self._backups,
            lambda: self._attempt(lambda: self._drift(found)),
        )
        watched, alarms = raised or ((), frozenset())
        status = dataclasses.replace(
            status,
            backups=backups,
            differences=tuple(detected or ()),
            watched=len(watched),
            alarms=tuple(sorted(alarms)),
        )
        if metrics is None:
            return status
        # Without any heartbeat for longer than CloudWatch's delay, none is active.
        active, standby = beating(Replacing(metrics=metrics, now=now))
        conflict = readiness.conflict(dataclasses.replace(group, metrics=metrics)) if group else ""
        return dataclasses.replace(
            status,
            reports=True,
            active=active or 0,
            standby=standby or 0,
            conflict=conflict,
            spans=system.spans(metrics, now),
        )

    def _metrics(self, found: Stack | None, now: float) -> Metrics | None:
        """The heartbeats under the names that the stack's transactors have; None if they report none."""
        if found is None:
            return None
        properties = changes.properties(found.template)
        region, dimension = (properties.get(f"aws-cloudwatch-{key}", "") for key in ("region", "dimension-value"))
        if not region or not dimension:
            return None
        interval = found.heartbeat_msec or keys.parse_integer(keys.TRANSACTOR["heartbeat-interval-msec"].default) or 0
        history = min(self._params["history"] * 60 * MINUTE, cloudwatch.LONG_HISTORY)
        return cloudwatch.observe(self._aws.client("cloudwatch", region=region), dimension, interval, now, history)

    def _alarms(self, found: Stack | None) -> tuple[tuple[str, ...], frozenset[str]]:
        """The alarms of the stack, and which of them are in ALARM."""
        names = document.alarm_names(found.template, found.name) if found else ()
        return names, cloudwatch.raised(self._aws.client("cloudwatch"), names)

    def _backups(self) -> tuple[Backup, ...]:
        limit = self._params["backup_max_age"]
        seconds = self._attempt(lambda: backup.seconds(limit)) if limit else None
        databases = self._params["databases"] or ()
        found = (self._attempt(functools.partial(self._backup, one, seconds)) for one in databases)
        return tuple(one for one in found if one)

    def _backup(self, database: Mapping[str, Any], limit: int | None) -> Backup:
        uri = backup.backup_uri(database["backup_uri"])
        times = storage.written(self._aws, uri, database["backup_region"])
        if not times:
            return Backup(database["name"], None, late=True)
        age = max(0.0, round(clock.now() - max(times.values())))
        return Backup(database["name"], age, late=limit is not None and age > limit)

    def _drift(self, found: Stack | None) -> list[Difference]:
        if found is None or not self._params["detect_drift"]:
            return []
        return drift.detect(self._aws.client("cloudformation"), found.name)

    def _files(self, plan: Plan | None) -> list[Difference]:
        """That files were edited since the last applied run."""
        notes = plan.notes if plan else ()
        return [Difference("files", text, mend="update") for subject, text in notes if subject == "files"]


def _stale(plan: Mapping[str, Any]) -> list[Finding]:
    """The finding that this module accepted, as the plan notes it."""
    texts = [one["text"] for one in plan["notes"] if one["subject"] == ACCEPTED]
    end = f": {READ_ONLY}"
    return [Finding(STALE, text.removesuffix(end)) for text in texts if text.endswith(end)]


def _last(item: Item) -> LastRun | None:
    run = item.attempt or item.applied
    return LastRun(run.who, run.at, run.commit, run.reason, run.outcome) if run else None
