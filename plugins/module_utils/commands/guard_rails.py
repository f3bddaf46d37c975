# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard rails of a stack: what plan_system plans, and what update_stack does before and after the update."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..aws import cloudwatch, stack
from ..aws.client import Clients
from ..aws.stack import Stack
from ..errors import DatomicError
from ..plan import Change
from ..steps.stack import guard
from ..util import clock, lease
from .follow_stack import POLL_SECONDS, Show
from .planning import Planning

ATTEMPTS = 180
"""Looks, POLL_SECONDS apart, while an operation is in progress."""


def plan(planning: Planning, template: Mapping[str, Any], changes: Sequence[Change]) -> guard.Guard:
    """What the run does about the guard rails. template: of the run; changes: of the stack by its update."""
    found, account = planning.stack(), planning.account()
    name, region = planning.params["stack_name"], planning.cf.get("aws-region")
    arn = f"arn:{account.partition}:cloudwatch:{region}:{account.number}{guard.ALARM}"
    if found is None or not found.was_created:
        return guard.plan(None, guard.triggers(template, arn, name), (), pending=True)
    triggers = guard.triggers(template, arn, name, found.triggers)
    reads = bool(changes) or set(triggers) != set(found.triggers)
    known = dict.fromkeys([*triggers, *found.triggers])
    states = cloudwatch.states(planning.aws.client("cloudwatch"), list(known)) if reads else {}
    policy = stack.policy(planning.aws.client("cloudformation"), name)
    current = guard.Current(found.protected, policy, found.triggers, states)
    deletes = [one for change in changes for one in change.deletes]
    return guard.plan(current, triggers, deletes, pending=bool(changes))


def lift(aws: Clients, name: str, step: Mapping[str, Any], show: Show) -> tuple[str, ...] | None:
    """Remove the triggers with which the update would be rolled back at once, and those of alarms that it deletes.

    Returns the triggers before, for secure(); None without any.
    """
    client = aws.client("cloudformation")
    found = stack.describe(client, name) if step.get("lift", True) else None
    if found is None or not found.triggers or found.status.endswith("_IN_PROGRESS"):
        return None
    states = cloudwatch.states(aws.client("cloudwatch"), found.triggers)
    if lifted := guard.unusable(found.triggers, states):
        show(f"Rollback triggers are lifted for this update of the stack {name}: {lifted}")
    desired = _triggers(step, found.triggers)
    _set_triggers(client, found, [one for one in guard.usable(found.triggers, states) if one in (desired or ())])
    return found.triggers


def secure(aws: Clients, name: str, step: Mapping[str, Any], before: Sequence[str] | None, show: Show) -> bool:
    """Set what the step has, and the triggers that lift() removed: those before. Whether anything changed.

    A failure is shown, and is none of the update's: the next plan has what is missing.
    """
    client = aws.client("cloudformation")
    done = [
        _attempt(show, lambda: stack.protect(client, name)) if step.get("protection") else False,
        _attempt(show, lambda: stack.set_policy(client, name, guard.POLICY)) if step.get("policy") else False,
        _attempt(show, lambda: _watch(aws, name, _triggers(step, before), show)),
    ]
    return any(done)


def _triggers(step: Mapping[str, Any], otherwise: Sequence[str] | None) -> Sequence[str] | None:
    given: Sequence[str] | None = step.get("triggers")
    return otherwise if given is None else given


def _attempt(show: Show, work: Callable[[], bool | None]) -> bool:
    try:
        return work() is not False
    except DatomicError as error:
        show(f"A guard rail is not set: {error}")
        return False


def _watch(aws: Clients, name: str, triggers: Sequence[str] | None, show: Show) -> bool:
    client = aws.client("cloudformation")
    found = stack.describe(client, name) if triggers is not None else None
    if found is None or triggers is None or set(found.triggers) == set(triggers):
        return False
    states = cloudwatch.states(aws.client("cloudwatch"), triggers)
    if later := guard.unusable(triggers, states):
        show(
            f"Some rollback triggers of the stack {name} are not set: {later}. "
            "The next run sets those of the stack's own alarms."
        )
    return _set_triggers(client, found, guard.usable(triggers, states))


def _set_triggers(client: Any, found: Stack, triggers: Sequence[str]) -> bool:
    if set(triggers) == set(found.triggers):
        return False
    lease.refuse_lost()
    stack.set_triggers(client, found, triggers)
    ended = wait(client, found.name)
    if ended is None or set(ended.triggers) != set(triggers):
        status = ended.status if ended else "gone"
        reason = f": {ended.reason.rstrip('.')}" if ended and ended.reason else ""
        raise DatomicError(f"Could not set the rollback triggers of the stack {found.name}: it is {status}{reason}.")
    return True


def wait(client: Any, name: str) -> Stack | None:
    """The stack when no operation is in progress any more, or after a long time."""
    found = stack.describe(client, name)
    for _attempt in range(ATTEMPTS):
        if found is None or not found.status.endswith("_IN_PROGRESS"):
            break
        clock.sleep(POLL_SECONDS)
        found = stack.describe(client, name)
    return found
