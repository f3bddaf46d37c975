# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The status of one system, and its verdict. Pure."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from ..errors import Finding
from ..plan import SHORT_COMMIT, Change, Plan
from ..rolling.heartbeats import OLDEST, pair
from ..rolling.state import MINUTE, Beats, Metrics

VERSION = 1
"""Of the JSON."""
Verdict = Literal["broken", "unknown", "attention", "drift", "ok"]
VERDICTS: tuple[Verdict, ...] = ("broken", "unknown", "attention", "drift", "ok")
"""Worst first. unknown: something could not be read, and what could be read shows nothing worse."""
DRIFT = frozenset(
    (
        "git-stale-checkout",
        "ingress-not-in-files",
        "ingress-open",
        "parameter-by-hand",
        "permissions-boundary",
        "role-policy-all",
        "role-policy-unknown",
        "role-trust",
        "role-trust-others",
        "user-without-policy",
    )
)
"""Findings about what AWS has and the files do not."""
UNREAD = "aws"
"""The finding of a call that AWS refused."""
NOT_DRIFT = ("file", "git")
"""Kinds of changes that are about the checkout only."""


@dataclasses.dataclass(frozen=True)
class Difference:
    """One line of drift: what an update would change, from what AWS has to what the files have.

    place: file and line. mend: the playbook that mends it, or "git pull"; empty if a person has to decide.
    """

    subject: str
    text: str
    place: str = ""
    mend: str = ""

    def command(self, system: str, inventory: str) -> str:
        """The command that mends it, for a shell. inventory: its path; empty for the configured one."""
        if not self.mend or self.mend == "git pull":
            return self.mend
        given = ["-i", inventory] if inventory else []
        return shlex.join(["ansible-playbook", *given, f"datomic_onprem.aws.{self.mend}", "--limit", system])


@dataclasses.dataclass(frozen=True)
class Backup:
    """The newest backup of a database. age: in seconds, None without one. late: older than it may be, or missing."""

    database: str
    age: float | None
    late: bool = False


@dataclasses.dataclass(frozen=True)
class LastRun:
    """The last run that changed the system, or tried to. at: ISO 8601."""

    who: str
    at: str
    commit: str = ""
    reason: str = ""
    outcome: str = "applied"

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.who, self.at[:16].replace("T", " "), self.commit[:SHORT_COMMIT])))

    @property
    def short(self) -> str:
        """Without the machine and the time of day."""
        return ", ".join(filter(None, (self.who.partition("@")[0], self.at[:10], self.commit[:SHORT_COMMIT])))


@dataclasses.dataclass(frozen=True)
class Span:
    """How many transactors beat between two moments, in seconds since 1970."""

    began: float
    ended: float
    active: int
    standby: int


@dataclasses.dataclass(frozen=True)
class Status:
    """One system at one moment.

    read_at: ISO 8601. exists: whether there is a stack, None when it could not be read. release, instance_type: of the
    stack. configured_release: of the file. size: the group's configured size, serving: its healthy instances in
    service; None without a group. outdated: instance ids. reports: whether the transactors report heartbeats, which
    active and standby count; None when unknown. conflict: what shows that two systems report under one name. alarms:
    those in ALARM. watched: how many alarms the stack has. last: the last run. holder: who works on it now.
    errors: of the files. gaps: what could not be read, and why. spans: the heartbeats of the last hours.
    """

    system: str
    stack: str
    account: str = ""
    region: str = ""
    read_at: str = ""
    exists: bool | None = None
    stack_status: str = ""
    release: str = ""
    configured_release: str = ""
    instance_type: str = ""
    size: int | None = None
    serving: int | None = None
    outdated: tuple[str, ...] = ()
    reports: bool = False
    active: int | None = None
    standby: int | None = None
    conflict: str = ""
    alarms: tuple[str, ...] = ()
    watched: int = 0
    backups: tuple[Backup, ...] = ()
    last: LastRun | None = None
    holder: str = ""
    differences: tuple[Difference, ...] = ()
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()

    @property
    def verdict(self) -> Verdict:
        found = {verdict for verdict, _reason in self.reasons}
        return next(verdict for verdict in VERDICTS if verdict in found or verdict == "ok")

    @property
    def reasons(self) -> tuple[tuple[Verdict, str], ...]:
        """Why the verdict is not ok, worst first, without the lines of drift."""
        found = [*self._of_stack(), *self._of_transactors(), *self._rest()]
        return tuple(sorted(found, key=lambda one: VERDICTS.index(one[0])))

    def _of_stack(self) -> Iterator[tuple[Verdict, str]]:
        if self.stack_status.endswith("FAILED") or self.stack_status == "ROLLBACK_COMPLETE":
            yield "broken", f"the stack is {self.stack_status}"
        elif self.stack_status.endswith("IN_PROGRESS"):
            yield "attention", f"the stack is {self.stack_status}"
        if self.exists is False:
            yield "drift", "the stack does not exist"

    def _of_transactors(self) -> Iterator[tuple[Verdict, str]]:
        if not self.exists or self.stack_status == "CREATE_IN_PROGRESS":
            return
        if self.size and not self.serving:
            yield "broken", "no transactor is in service"
        elif self.size and self.serving is not None and self.serving < self.size:
            yield "attention", f"{self.serving} of {self.size} transactors are in service"
        if self.active == 0 and self.size:
            yield "broken", "no active transactor: none reports heartbeats"
        elif self.active and self.standby is not None and self.size and self.standby < self.size - 1:
            yield "attention", f"{self.standby} of {self.size - 1} standbys beat"
        if self.conflict:
            yield "attention", f"two systems may report under one name: {self.conflict}"

    def _rest(self) -> Iterator[tuple[Verdict, str]]:
        yield from (("attention", f"the alarm {name} is in ALARM") for name in self.alarms)
        for one in self.backups:
            if one.late:
                text = "has no backup" if one.age is None else f"has no backup younger than {age(one.age)}"
                yield "attention", f"the database {one.database} {text}"
        if self.last and self.last.outcome not in ("applied", "running"):
            yield "attention", f"the last run ({self.last}) {self.last.outcome}"
        if self.holder:
            yield "attention", f"a run works on it: {self.holder}"
        yield from (("attention", text) for text in self.errors)
        yield from (("unknown", text) for text in self.gaps)
        if self.outdated:
            yield "drift", f"{len(self.outdated)} outdated: {', '.join(self.outdated)}"
        if self.differences:
            count = len(self.differences)
            yield "drift", f"{count} difference{'' if count == 1 else 's'} between the files and AWS"

    def as_returned(self) -> dict[str, Any]:
        """The status as JSON."""
        reasons = [{"verdict": verdict, "text": text} for verdict, text in self.reasons]
        return {**dataclasses.asdict(self), "verdict": self.verdict, "reasons": reasons}

    @classmethod
    def of(cls, status: Mapping[str, Any]) -> Status:
        """The status from its JSON. KeyError, TypeError or ValueError for anything else."""
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in status.items()
            if name not in ("verdict", "reasons")
        }
        for name, kind in (("backups", Backup), ("differences", Difference), ("spans", Span)):
            given[name] = tuple(kind(**one) for one in given[name])
        given["last"] = LastRun(**given["last"]) if given["last"] else None
        return cls(**given)


def unread(system: str, why: str) -> Status:
    """The status of a system that could not be read."""
    return Status(system, system, gaps=(why,))


def drift(plan: Plan, mend: str) -> Iterator[Difference]:
    """What the plan changes, and its findings about what AWS has and the files do not. mend: the playbook."""
    for change in plan.changes:
        if change.kind not in NOT_DRIFT:
            yield Difference(_subject(change), _text(change), _places(change), mend)
    yield from of_findings(plan.findings)


def of_findings(findings: Iterable[Finding]) -> Iterator[Difference]:
    """The findings that are drift."""
    for finding in findings:
        if finding.rule in DRIFT:
            text = "; ".join(part for part in (finding.message, finding.suggestion) if part)
            mend = "git pull" if finding.rule == "git-stale-checkout" else ""
            place = f"{finding.file}:{finding.line}" if finding.file and finding.line else finding.file
            yield Difference(finding.key or finding.rule, text, place, mend)


def spans(metrics: Metrics, now: float) -> tuple[Span, ...]:
    """How many transactors beat, from the first minute read to the newest that CloudWatch shows."""
    beats = [{one.started_at: one for one in series} for series in (metrics.active, metrics.standby)]
    newest = max((at for series in beats for at in series), default=0.0)
    first = -(-metrics.since // MINUTE) * MINUTE
    # Without a heartbeat for so long, it is no delay of CloudWatch.
    last = newest if newest >= now - OLDEST else (now // MINUTE) * MINUTE
    found: list[Span] = []
    for index in range(int(max(0.0, last - first) // MINUTE)):
        minute = first + index * MINUTE
        near = Metrics(metrics.interval_msec, _near(beats[0], minute), _near(beats[1], minute))
        active, standby = (int(each + 0.5) for each in pair(near, minute))
        if found and (found[-1].active, found[-1].standby) == (active, standby):
            found[-1] = dataclasses.replace(found[-1], ended=minute + MINUTE)
        else:
            found.append(Span(minute, minute + MINUTE, active, standby))
    return tuple(found)


def age(seconds: float) -> str:
    """A length of time in its largest whole unit: "5 h"."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _near(series: Mapping[float, Beats], minute: float) -> tuple[Beats, ...]:
    return tuple(series[at] for at in (minute, minute + MINUTE) if at in series)


def _subject(change: Change) -> str:
    if change.kind in ("property", "stack", "transactors"):
        return change.name if change.kind == "property" else change.kind
    return f"{change.kind} {change.name}".strip()


def _text(change: Change) -> str:
    if change.text:
        # Without a change set, the plan does not have the resources.
        return (
            f"the template differs; {change.text}"
            if change.kind == "stack" and change.action == "update"
            else change.text
        )
    parts = []
    for each in change.attributes:
        name = "" if each.name == change.name else f"{each.name} "
        parts.append(f"{name}{each.before or '(not set)'} -> {each.after or '(not set)'}")
    return ", ".join(parts) or f"{change.action}d by an update"


def _places(change: Change) -> str:
    places = (f"{each.file}:{each.line}" if each.line else each.file for each in change.attributes)
    return ", ".join(dict.fromkeys(filter(None, places)))
