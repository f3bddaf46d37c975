# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of a system's plan that is about its running transactors."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import Finding, Severity
from ..plan import Change, Replacement
from ..properties import keys
from ..rolling import heartbeats, preconditions
from ..rolling.state import MINUTE, Goal, Metrics, Observed
from ..steps import plan_changes
from ..steps.stack.compare import Comparison
from ..steps.stack.document import LAUNCH_GROUP
from ..steps.stack.failures import GROUP_TYPE
from . import replace_transactors, transactor_info
from .planning import Planning, Seen

NOTHING = Replacement()
_BEFORE = "before the last update of the stack"
LAUNCH_SECONDS = 300.0
"""How long nobody can write, about, when the old transactors end before the new ones start."""


@dataclasses.dataclass(frozen=True)
class Replacing:
    """due: replace_transactors has something to do. metrics: None when nobody asked for them."""

    due: bool = False
    ends_surplus: bool = False
    transactors: Replacement = NOTHING
    changes: tuple[Change, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    metrics: Metrics | None = None
    now: float = 0.0


def plan_replacement(planning: Planning, seen: Seen, comparison: Comparison) -> Replacing:
    params, group = planning.params, seen.group
    # Only an update gives the group the size in the file.
    size, never = group_size(planning) if planning.has_step("stack") else 0, params["replace"] == "never"
    if group is None and seen.stack and params["only"] == ["transactors"]:
        described = f"The stack {seen.stack.name} ({seen.stack.status})"
        message = f"{described} has no resource {LAUNCH_GROUP} of type {GROUP_TYPE}"
        planning.final.append(Finding("replacement-obstacle", message))
    if group is None or not (planning.has_step("transactors") or planning.has_step("surplus")):
        return Replacing()
    outdates = comparison.pending and comparison.outdates
    stale = group.has_outdated
    surplus = _ends_surplus(planning, group, pending=comparison.pending, size=size)
    replaces = planning.has_step("transactors") and not never
    due = replaces and (outdates or stale or params["replace"] == "always" or not group.is_steady)
    notes: tuple[tuple[str, str], ...] = ()
    if (outdates or stale) and never:
        notes += (("transactors", f"those launched {_BEFORE} stay: datomic_replace is never"),)
    if not due and not surplus:
        more = size - group.configured_sizes.desired
        if comparison.pending and more > 0:
            notes += (("transactors", f"{more} more with the update of the stack"),)
        planning.findings += preconditions_of(planning, seen, changed=False)
        return Replacing(notes=notes)
    options = replace_transactors.Options(
        stack_name=params["stack_name"],
        strategy=params["strategy"],
        when="always" if outdates else params["replace"],
        transactor_src=planning.transactor.path,
        settle_seconds=params["settle_seconds"],
        size=size or None,
    )
    system = replace_transactors.reporting(options)
    cloud = replace_transactors.Cloud(planning.aws, options, system)
    found = group
    reported = planning.attempt(lambda: cloud.reported(transactor_info.complete(planning.aws, found)))
    if reported is None:
        return Replacing()
    group = reported
    seen = dataclasses.replace(seen, group=group)
    unmet = preconditions_of(planning, seen, changed=due)
    planning.findings += unmet
    if due and unmet:
        return Replacing()
    steps: dict[str, Any] = {}
    ending: dict[str, Any] = {}
    if surplus:
        only = dataclasses.replace(options, when="surplus")
        ending = _steps(planning, group, only, system)
    if due:
        steps = _steps(planning, group, options, system)
    failover = 3 * system.interval_msec / 1000 + 1
    pause = LAUNCH_SECONDS if options.strategy == "terminate" else failover
    replaced, ended = steps.get("replaced", []), [*ending.get("ended", []), *steps.get("ended", [])]
    why = "" if outdates or not stale else f", launched {_BEFORE}"
    left = len(group.members) - len(ending.get("ended", []))
    changes = [
        *_ended(ended, group, ending or steps, pause),
        *_replaced(
            replaced,
            left,
            group.configured_sizes.desired,
            steps,
            options,
            pause,
            why,
            params["pause_before_takeover"],
        ),
    ]
    if steps.get("steps") and not replaced and not ended:
        changes.append(Change("update", "transactors", "", "transactors", "; ".join(steps["steps"])))
    return Replacing(
        due=bool(steps.get("steps")),
        ends_surplus=surplus,
        transactors=Replacement(tuple(replaced), pause if replaced or ended else 0.0, tuple(ended), failover),
        changes=tuple(changes),
        notes=notes,
        metrics=group.metrics,
        now=group.now,
    )


def _steps(
    planning: Planning,
    group: Observed,
    options: replace_transactors.Options,
    system: replace_transactors.Reporting,
) -> dict[str, Any]:
    found = planning.attempt(lambda: replace_transactors.planned(group, options, system))
    if found is None:
        return {}
    steps, warnings = found
    planning.findings += [Finding("transactors-unproved", text, "warning") for text in warnings]
    return steps


def _ended(ended: Sequence[str], group: Observed, steps: Mapping[str, Any], pause: float) -> list[Change]:
    if not ended:
        return []
    text = f"{len(ended)} of {len(group.members)} ended without a successor; writes pause up to {pause:g} s"
    attributes = plan_changes.listed("step", steps.get("steps", ()))
    return [Change("delete", "transactors", ", ".join(ended), "transactors", text, attributes)]


def _replaced(
    replaced: Sequence[str],
    total: int,
    size: int,
    steps: Mapping[str, Any],
    options: replace_transactors.Options,
    pause: float,
    why: str,
    decides: str,
) -> list[Change]:
    """total: the transactors without the surplus, which ends before. size: the group's.

    decides: on the takeover: "ask" or a command.
    """
    if not replaced:
        return []
    count = len(replaced)
    if options.strategy == "terminate":
        how = f"the old ones end first; writes pause until a new one serves, about {pause / 60:g} min"
    else:
        new = max(0, size - (total - count))
        how = f"{new} new {'one starts' if new == 1 else 'ones start'} first" if new else "the new ones run already"
        if decides:
            # A command may hold a secret.
            how += f"; pause before the takeover ({'ask' if decides == 'ask' else 'a command decides'})"
        how += f"; writes pause once, up to {pause:g} s"
    attributes = plan_changes.listed("step", steps["steps"])
    return [Change("replace", "transactors", "", "transactors", f"{count} of {total} replaced{why}: {how}", attributes)]


def _ends_surplus(planning: Planning, group: Observed, *, pending: bool, size: int) -> bool:
    """Whether the group has transactors above its size in the file, which the stack's update would terminate.

    Without an update, the extra transactors of a stopped replacement are no surplus: the next replacement finishes it.
    """
    if not 0 < size < max(group.sizes.desired, len(group.instances)):
        return False
    may = planning.params["replace"] != "never" or size < group.sizes.minimum
    return may and (pending or group.is_current)


def preconditions_of(planning: Planning, seen: Seen, *, changed: bool) -> list[Finding]:
    """What prevents a replacement: errors if this run replaces transactors, otherwise warnings."""
    if seen.group is None or planning.params["replace"] == "never":
        return []
    # An update of the stack outdates all of them.
    everything = frozenset(member.instance_id for member in seen.group.members)
    goal = Goal(strategy=planning.params["strategy"], replacing=everything)
    severity: Severity = "error" if changed else "warning"
    # The step stack has an error about the stack's status already.
    group = dataclasses.replace(seen.group, stack_status="") if planning.has_step("stack") else seen.group
    return [Finding("replacement-obstacle", text, severity) for text in preconditions.unmet(group, goal)]


def refuse_replacement(planning: Planning, seen: Seen) -> None:
    """Add what would prevent a replacement to the findings."""
    if seen.group:
        seen = dataclasses.replace(seen, group=transactor_info.complete(planning.aws, seen.group))
        planning.final += preconditions_of(planning, seen, changed=True)


def group_size(planning: Planning) -> int:
    """The size of the group in the file, 0 without one."""
    return keys.parse_integer(planning.cf.get("aws-autoscaling-group-size")) or 0


def beating(replacement: Replacing) -> tuple[int | None, int | None]:
    """How many active transactors and standbys beat in the newest minutes that CloudWatch shows; None when unknown."""
    metrics = replacement.metrics
    if metrics is None or not (metrics.active or metrics.standby):
        return None, None
    newest = max(beats.started_at for beats in (*metrics.active, *metrics.standby))
    if newest < replacement.now - heartbeats.OLDEST:
        return None, None
    active, standby = heartbeats.pair(metrics, newest - MINUTE)
    return math.floor(active + 0.5), math.floor(standby + 0.5)
