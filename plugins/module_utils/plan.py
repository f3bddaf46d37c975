# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of one system: the source of the screen, the JSON, `changed` and the steps that a run executes. Pure.

docs/plan.md describes it for users, docs/plan.schema.json is the schema of its JSON.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from .errors import Finding

VERSION = 1
"""Of the JSON. Another version cannot be compared."""

ChangeAction = Literal["create", "update", "delete", "replace"]
Step = Literal["backup", "transactor", "security_group", "secrets", "template", "stack", "transactors", "git"]
STEPS: tuple[Step, ...] = (
    "backup",
    "transactor",
    "security_group",
    "secrets",
    "template",
    "stack",
    "transactors",
    "git",
)
"""In the order of their execution. git comes before the others as well."""

OF_A_CLONE = ("git-", "rollback-unknown")
"""How the rules begin whose findings depend on the clone of the repository that a run works in."""
SHORT_COMMIT = 7
"""Characters of a commit's id in notes and messages."""
ACCEPTED = "accepted"
"""The subject of a note about a finding that the inventory accepts: the finding, and the reason."""


@dataclasses.dataclass(frozen=True)
class Attribute:
    """A value that changes. Secrets are masked. before, after: empty without a value.

    file, line: of the property that sets it, relative to the system's directory; empty and 0 where no property does.
    """

    name: str
    before: str = ""
    after: str = ""
    file: str = ""
    line: int = 0


@dataclasses.dataclass(frozen=True)
class Change:
    """One change: one line of the screen.

    kind: "property", "file", "stack", "transactors", or service and resource, such as "dynamodb table".
    name: the property's key, the file's path, the resource's name; empty for transactors.
    text: what the line says; empty where the attributes are the line. attributes: otherwise shown by --diff.
    deletes: what the change removes of the resource: rules, policies, keys. Of a stack the logical ids of removed
    resources, also if others replace them; without launch configurations, which each update replaces.
    """

    action: ChangeAction
    kind: str
    name: str
    step: Step
    text: str = ""
    attributes: tuple[Attribute, ...] = ()
    deletes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Replacement:
    """The transactors that a run replaces.

    replace: instance ids. end: instance ids that end without a successor, because the group gets smaller.
    outage_seconds: the longest pause of writes. failover_seconds: until a standby takes over, at most.
    """

    replace: tuple[str, ...] = ()
    outage_seconds: float = 0.0
    end: tuple[str, ...] = ()
    failover_seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class Now:
    """What runs. stack_status: empty without a stack. active, standby: by heartbeats, None when unknown."""

    stack_status: str = ""
    release: str = ""
    transactors: int = 0
    active: int | None = None
    standby: int | None = None


@dataclasses.dataclass(frozen=True)
class Plan:
    """findings: without errors, which are raised instead. notes: (subject, text), such as ("git", "1 commit on main").

    account: empty when nothing asked for it. outputs: what other tools need of the system, by name.
    """

    system: str
    stack: str
    account: str
    region: str
    now: Now = Now()
    findings: tuple[Finding, ...] = ()
    changes: tuple[Change, ...] = ()
    transactors: Replacement = Replacement()
    notes: tuple[tuple[str, str], ...] = ()
    outputs: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def changed(self) -> bool:
        return bool(self.changes)

    @property
    def summary(self) -> dict[str, int]:
        """How many are created, updated and deleted, and how many transactors are replaced."""
        # A commit follows from the other changes. Transactors have numbers of their own.
        actions = [change.action for change in self.changes if change.kind not in ("git", "transactors")]
        counts = {action: actions.count(action) for action in ("create", "update", "delete")}
        return {**counts, "replace": len(self.transactors.replace)}

    @property
    def reviewed(self) -> Plan:
        """The plan without what depends on the clone of the repository that a run works in."""
        return dataclasses.replace(
            self,
            findings=tuple(one for one in self.findings if not one.rule.startswith(OF_A_CLONE)),
            changes=tuple(one for one in self.changes if one.kind != "git"),
        )

    @property
    def digest(self) -> str:
        """SHA-256 of everything that a reviewer approves: all but what may be different a minute later.

        That is what runs now, notes, the texts of findings, which may hold ages and counts, and the order of changes.
        Nor does it cover commits, see reviewed.
        """
        findings = sorted([one.rule, one.severity, one.file, one.key] for one in self.reviewed.findings)
        changes = [dataclasses.asdict(change) for change in self.reviewed.changes]
        approved = {
            "version": VERSION,
            **{name: getattr(self, name) for name in ("system", "stack", "account", "region")},
            "findings": findings,
            "changes": sorted(changes, key=lambda change: json.dumps(change, sort_keys=True)),
            "transactors": {
                **dataclasses.asdict(self.transactors),
                "replace": sorted(self.transactors.replace),
                "end": sorted(self.transactors.end),
            },
        }
        return hashlib.sha256(json.dumps(approved, sort_keys=True).encode()).hexdigest()

    def as_returned(self) -> dict[str, Any]:
        """The plan as JSON."""
        return {
            "version": VERSION,
            "system": self.system,
            "stack": self.stack,
            "account": self.account,
            "region": self.region,
            "now": dataclasses.asdict(self.now),
            "findings": [finding.as_returned() for finding in self.findings],
            "changes": [dataclasses.asdict(change) for change in self.changes],
            "transactors": dataclasses.asdict(self.transactors),
            "notes": [{"subject": subject, "text": text} for subject, text in self.notes],
            "outputs": dict(self.outputs),
            "summary": self.summary,
            "digest": self.digest,
        }

    @classmethod
    def of(cls, plan: Mapping[str, Any]) -> Plan:
        """The plan from its JSON. KeyError, TypeError, ValueError or AttributeError for anything else."""
        changes = (
            Change(
                **{
                    **change,
                    "attributes": tuple(Attribute(**one) for one in change["attributes"]),
                    "deletes": tuple(change["deletes"]),
                }
            )
            for change in plan["changes"]
        )
        replacement = plan["transactors"]
        return cls(
            plan["system"],
            plan["stack"],
            plan["account"],
            plan["region"],
            now=Now(**plan["now"]),
            findings=tuple(Finding(**finding) for finding in plan["findings"]),
            changes=tuple(changes),
            transactors=Replacement(
                **{**replacement, "replace": tuple(replacement["replace"]), "end": tuple(replacement["end"])}
            ),
            notes=tuple((note["subject"], note["text"]) for note in plan["notes"]),
            outputs=dict(plan["outputs"]),
        )
