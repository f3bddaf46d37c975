# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""update_stack: amazon.aws.cloudformation changes the stack; meanwhile its events are shown, afterwards its failure."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..aws import stack, sts
from ..aws.client import Clients
from ..errors import DatomicError
from ..steps.stack import changes, guard, operations
from ..steps.stack.events import Event
from ..util import clock, lease, redact
from . import guard_rails
from .follow_stack import Follower, Show
from .stack_failure import EARLIER_REQUEST, explain

CLOUDFORMATION = "amazon.aws.cloudformation"
BEGUN = re.compile(r"AlreadyExistsException|is in (CREATE|UPDATE|ROLLBACK)\w*_IN_PROGRESS state")
"""CloudFormation's answer during another's operation, and to a repeated request whose first answer was lost."""
ENDED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
AGAIN = "The stack never had a transactor: this run deletes it and creates it again."

RunModule = Callable[[str, Mapping[str, Any]], dict[str, Any]]
"""Runs a module, given by its name, with these options and the connection; its result."""


@dataclasses.dataclass(frozen=True)
class Options:
    """template: a path. tags, notification_arns: all that the stack gets; tags None: those that it has.

    resources: logical ids of the resources that an update changes, if they are known. guard: the guard rails to set.
    send: whether the template is sent. Otherwise only guard rails are set.
    """

    stack_name: str
    template: str
    tags: Mapping[str, str] | None = None
    notification_arns: str = ""
    resources: Sequence[str] = ()
    account_id: str | None = None
    guard: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    send: bool = True


def update(options: Options, run_module: RunModule, aws: Clients | None, show: Show, note: Show) -> dict[str, Any]:
    """The module's result, or DatomicError. aws: None where this process cannot ask AWS. note: shows a line with -v."""
    began = clock.now()
    body, content = _read_template(options.template)
    secrets = changes.secrets(content)
    if options.account_id:
        _refuse_other_account(options.account_id, run_module, aws)
    request = {
        "stack_name": options.stack_name,
        "state": "present",
        "template_body": body,
        "notification_arns": options.notification_arns,
        **({} if options.tags is None else {"tags": dict(options.tags)}),
        **({"stack_policy_on_update_body": guard.LIFTED} if options.guard.get("policy_lifted") else {}),
    }
    found: list[Event] = []

    def masked(line: str) -> None:
        show(redact.values(line, secrets))

    def changing(args: Mapping[str, Any]) -> dict[str, Any]:
        lease.refuse_lost()
        return run_module(CLOUDFORMATION, args)

    def attempt() -> tuple[dict[str, Any], str]:
        follower = Follower(aws, options.stack_name, content, options.resources, masked, note)
        try:
            done = _execute(aws, options, content, follower, lambda: changing(request))
        except operations.AnotherOperationError as error:
            raise DatomicError(redact.values(str(error), secrets), roll_back=False) from error
        found.extend(follower.events)
        return done, follower.stack_id

    def send() -> tuple[dict[str, Any], str]:
        done, stack_id = attempt()
        failure = explain(aws, options.stack_name, content, done)
        if failure and failure.repeatable:
            for line in [*failure.cause.splitlines(), AGAIN]:
                masked(line)
            gone = changing({"stack_name": failure.stack_id, "state": "absent"})
            if gone.get("failed"):
                reason = gone.get("msg") or gone.get("output")
                raise DatomicError(redact.values(f"{failure}\nCould not delete the stack: {reason}", secrets))
            done, stack_id = attempt()
            failure = explain(aws, options.stack_name, content, done)
        if failure:
            raise DatomicError(redact.values(str(failure), secrets), stack_id=failure.stack_id)
        return done, stack_id

    done, stack_id, secured = _guarded(aws, options, send, masked)
    return {
        "changed": bool(done["changed"]) or secured,
        "stack_id": stack_id,
        "outputs": done.get("stack_outputs", {}),
        "seconds": round(clock.now() - began, 1),
        "events": [
            {name: redact.values(value, secrets) for name, value in event.as_returned().items()} for event in found
        ],
    }


def _guarded(
    aws: Clients | None, options: Options, send: Callable[[], tuple[dict[str, Any], str]], show: Show
) -> tuple[dict[str, Any], str, bool]:
    """What send() returns, and whether a guard rail was set. Without rollback triggers that would roll it back."""
    name = options.stack_name
    if aws is None:
        if any(options.guard.get(rail) for rail in ("protection", "policy", "triggers")):
            show(f"The guard rails of the stack {name} are not set: that needs boto3 for {sys.executable}.")
        return *(send() if options.send else ({"changed": False}, "")), False
    if not options.send:
        current = stack.describe(aws.client("cloudformation"), name)
        secured = guard_rails.secure(aws, name, options.guard, None, show)
        outputs = current.outputs if current else {}
        return {"changed": False, "stack_outputs": outputs}, current.stack_id if current else "", secured
    try:
        triggers = guard_rails.lift(aws, name, options.guard, show)
    except DatomicError as error:
        error.details["roll_back"] = False
        raise
    try:
        done, stack_id = send()
    except DatomicError:
        guard_rails.secure(aws, name, {}, triggers, show)
        raise
    return done, stack_id, guard_rails.secure(aws, name, options.guard, triggers, show)


def _refuse_other_account(expected: str, run_module: RunModule, aws: Clients | None) -> None:
    if aws:
        sts.refuse_other_account(aws, expected)
        return
    identity = run_module("amazon.aws.aws_caller_info", {})
    if identity.get("failed"):
        raise DatomicError(str(identity.get("msg")))
    sts.refuse(str(identity["account"]), expected)


def _execute(
    aws: Clients | None, options: Options, content: Any, follower: Follower, send: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """The result of amazon.aws.cloudformation. AnotherOperationError if its operation is not this run's.

    An operation is this run's if it is the only one that began after its request, and CloudFormation accepted that; or
    if the stack has this run's template and tags afterwards. A request is sent once: what it would change after the end
    of another's operation is not what was planned.
    """
    name, client = options.stack_name, aws.client("cloudformation") if aws else None
    with follower:
        if follower.running:
            raise operations.AnotherOperationError(operations.under_way(name, follower.running))
        done = send()
        accepted = not done.get("failed") or not BEGUN.search(str(done.get("msg", "")))
        if not accepted and client:
            guard_rails.wait(client, name)
    if accepted and len(follower.begun) < 2:
        return done
    if client is None or not follower.knows or not follower.begun:
        raise operations.AnotherOperationError(operations.unproved(name))
    current = stack.describe(client, name)
    if current is None or not current.status.endswith(ENDED):
        return {"failed": True, "msg": EARLIER_REQUEST}
    different = operations.differences(stack.template(client, name), current.tags, content, options.tags)
    if different:
        last = follower.events.index(follower.begun[-1])
        raise operations.AnotherOperationError(operations.changed(name, follower.events[last:], different))
    return {"changed": True, "stack_outputs": current.outputs}


def _read_template(path: str) -> tuple[str, Any]:
    """The template's text, and its content: parsed if it is JSON, otherwise the text."""
    try:
        with open(path, encoding="utf-8") as file:
            body = file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        message = f"Could not read the template {path}: {reason}. Run the entry point template first."
        raise DatomicError(message) from error
    try:
        return body, json.loads(body)
    except ValueError:
        return body, body
