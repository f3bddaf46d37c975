# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of a system's plan that is about an automatic rollback: whether a failed update can return, and to what."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..aws import stack
from ..aws.stack import Stack
from ..errors import Finding
from ..plan import SHORT_COMMIT, Change
from ..rolling import restore_command
from ..rolling.state import OldLeft, Strategy
from ..rules.facts import CHANGES, Facts
from ..rules.release import FULL_STOP, KEY
from ..steps.stack import document
from .planning import Planning, Seen

SUBJECT = "rollback"
"""Of the plan's note."""
ACCEPTABLE = ("rollback-release", "rollback-deletion")
RESTORED = (*document.LAUNCH_TYPES, "AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::Logs::MetricFilter")
"""Types of resources that are as before when the stack creates them again. Policies are too."""


@dataclasses.dataclass(frozen=True)
class Rollback:
    """How the system returns to what ran, if the update of its stack or the replacement fails.

    commit: which made the stack's present template; empty if none is known. roll_back_while: by the old transactors
    that the failed replacement left, when the run rolls back; empty: never. instances: ids of those that run the
    stack's present template. size: of the group by that template; 0 when unknown.
    """

    commit: str = ""
    roll_back_while: tuple[OldLeft, ...] = ()
    instances: tuple[str, ...] = ()
    size: int = 0
    findings: tuple[Finding, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def possible(self) -> bool:
        return bool(self.roll_back_while)

    def as_step(self) -> dict[str, Any]:
        """What the role's tasks get."""
        return {
            "possible": self.possible,
            "commit": self.commit,
            "roll_back_while": list(self.roll_back_while),
            "instances": list(self.instances),
            "size": self.size,
        }


def plan_rollback(planning: Planning, seen: Seen, changes: Sequence[Change], applied_commit: str) -> Rollback:
    """changes: of the plan. applied_commit: of the last applied run; empty when unknown."""
    found, params = seen.stack, planning.params
    updated = [change for change in changes if change.step == "stack"]
    outdated = bool(seen.group and seen.group.has_outdated)
    if found is None or not (updated or (outdated and any(change.step == "transactors" for change in changes))):
        return Rollback()
    # The stack's template is what runs only if no replacement is due.
    commit = "" if outdated else _commit(planning, found, applied_commit)
    if not params["rollback_on_failure"]:
        return Rollback(commit)
    if not commit:
        what = (
            "some transactors do not run the stack's template"
            if outdated
            else "no commit has made the stack's template"
        )
        message = f"{what}, so that a failed update is not rolled back automatically"
        return Rollback(findings=(Finding("rollback-unknown", message, "warning"),))
    findings = (
        *release_findings(planning.facts, params["strategy"], replaces=params["replace"] != "never"),
        *deletion_findings(found, updated),
    )
    accepted = {one.rule for one in planning.system.accept} & {one.rule for one in findings}
    if findings:
        notes = ((SUBJECT, f"none, as {' and '.join(sorted(accepted))} is accepted"),) if accepted else ()
        return Rollback(commit, findings=findings, notes=notes)
    return Rollback(
        commit,
        _roll_back_while(planning.facts, params["strategy"]),
        tuple(one.instance_id for one in seen.group.instances) if seen.group else (),
        found.sizes.get("DesiredCapacity", 0),
        notes=((SUBJECT, f"automatic, to commit {commit[:SHORT_COMMIT]}"),),
    )


def _commit(planning: Planning, found: Stack, applied_commit: str) -> str:
    """The commit that made the stack's template; empty when none is proved."""
    defaults = stack.parameter_defaults(found.template)
    # A parameter that was set by hand is in no file.
    if any(one.given != defaults.get(name, one.given) for name, one in found.parameters.items()):
        return ""
    path = planning.params["template"]
    return restore_command.commit_of(found.template, path, planning.files, applied_commit)


def _roll_back_while(facts: Facts, strategy: Strategy) -> tuple[OldLeft, ...]:
    if _changes_release(facts):
        return ("all",)  # a transactor of another release may have written since
    # Nobody serves without the old ones: going back is as good as going on.
    return ("all", "some", "none") if strategy == "terminate" else ("all", "some")


def _changes_release(facts: Facts) -> bool:
    return bool(facts.version and facts.running and facts.version != facts.running)


def release_findings(facts: Facts, strategy: Strategy, *, replaces: bool = True) -> Iterator[Finding]:
    """Another release from which no automatic rollback leads back. replaces: whether transactors are replaced."""
    if not replaces or not _changes_release(facts):
        return
    crossed = [release for release in FULL_STOP if facts.crosses(release)]
    if not crossed and strategy != "terminate":
        return
    why = f"{crossed[0]} changed the protocol" if crossed else "the new release writes before anything proves it"
    yield facts.cf.finding(
        KEY,
        f"no rollback leads from {facts.version} back to {facts.running}",
        "take a backup, then accept rollback-release: a failed update is not rolled back automatically",
        rule="rollback-release",
        reason=f"{why}, and Datomic must never be downgraded",
        source=CHANGES,
    )


def deletion_findings(found: Stack, changes: Iterable[Change]) -> Iterator[Finding]:
    """Resources of the stack that the update deletes and a rollback does not bring back as they were."""
    resources = document.mapping(document.parsed(found.template).get("Resources"))
    types = {name: str(document.mapping(one).get("Type")) for name, one in resources.items()}
    for change in changes:
        lost = [
            f"{name} ({types.get(name, 'of unknown type')})"
            for name in change.deletes
            if not types.get(name, "").endswith((*RESTORED, "Policy"))
        ]
        if change.kind == "stack" and lost:
            yield Finding(
                "rollback-deletion",
                f"the update of the stack deletes {', '.join(lost)}, which no rollback brings back as before",
                suggestion="accept rollback-deletion: a failed update is not rolled back automatically",
            )
