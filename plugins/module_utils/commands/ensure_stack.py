# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ensure_stack does: plan the stack's update by a change set, refuse what CloudFormation refuses, and do it."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from ansible_collections.datomic_onprem.aws.plugins.module_utils._aws import (
    Aws,
    AwsError,
    attempts,
    refuse_other_account,
)
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.provision import autoscaling, change_set, stack
from ansible_collections.datomic_onprem.aws.plugins.module_utils.provision.stack import Present, Request
from ansible_collections.datomic_onprem.aws.plugins.module_utils.replacement import retrace
from ansible_collections.datomic_onprem.aws.plugins.module_utils.stacks import changes, failures
from ansible_collections.datomic_onprem.aws.plugins.module_utils.stacks.changes import Change, ParameterChange
from ansible_collections.datomic_onprem.aws.plugins.module_utils.stacks.failures import Event

Doing = Literal["create", "update"]
Show = Callable[[str], None]

TAKEN = ("AlreadyExistsException", "ValidationError")
"""What CloudFormation answers to a request that is sent again because its first answer was lost."""


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of the module ensure_stack, which documents them."""

    stack_name: str
    template: str
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    account_id: str = ""
    files: Sequence[str] = ()


def ensure(aws: Aws, options: Options, *, check_mode: bool, warn: Callable[[str], None], show: Show) -> dict[str, Any]:
    """The module's result. show: takes each line of what is going to change, before it changes."""
    refuse_other_account(aws, options.account_id)
    client = aws.client("cloudformation")
    body, template = _template(options.template)
    secrets = changes.secrets(template)
    present = stack.present(client, options.stack_name)
    if present is not None and present.status == "REVIEW_IN_PROGRESS":
        raise DatomicError(
            f"The stack {options.stack_name} is REVIEW_IN_PROGRESS: a change set that was to create it was never "
            "executed. Delete it, which deletes nothing else (aws cloudformation delete-stack), and run again."
        )
    if present is None:
        result = _result(options.stack_name, changes.added(template), ())
        _show(options.stack_name, result, show)
        if check_mode:
            return result
        request = Request(options.stack_name, body, options.tags or None)
        return {**result, "stack_id": _create(aws, request, secrets, warn)}
    request = Request(options.stack_name, body, _tags(present, options.tags))
    planned = change_set.plan(client, request, warn)
    if planned.refusal:
        raise DatomicError(
            changes.without(
                f"CloudFormation refuses the update of the stack {options.stack_name}: {planned.refusal.rstrip('.')}. "
                "The stack was not changed. Correct this, and run again.",
                secrets,
            )
        )
    if not planned.changed:
        return _result(options.stack_name, (), (), anything=False, stack_id=present.stack_id)
    parameters: tuple[ParameterChange, ...] = ()
    if changes.of_parameters(present.parameters, planned.parameters, {}):
        defaults = stack.defaults(client, options.stack_name)
        parameters = changes.of_parameters(present.parameters, planned.parameters, defaults)
    for text in changes.warnings(options.stack_name, parameters):
        warn(changes.without(text, secrets))
    result = _result(options.stack_name, planned.changes, parameters, stack_id=present.stack_id)
    _show(options.stack_name, result, show)
    if not check_mode:
        result["commit_before"] = _commit_before(client, options, present)
        _update(client, request, present.stack_id, secrets)
    return result


def _commit_before(client: Any, options: Options, present: Present) -> str:
    """The commit of the files that made what the stack has, empty where that is not proved. It is help, no need."""
    if not options.files:
        return ""
    try:
        template = stack.template(client, options.stack_name)
    except AwsError:
        return ""
    defaults = stack.defaults_of(template)
    if any(one.given != defaults[name] for name, one in present.parameters.items() if name in defaults):
        return ""  # set by hand: no file has it
    return retrace.commit_of(template, options.template, options.files)


def _template(path: str) -> tuple[str, Any]:
    """The template's text, and what it says where it is JSON, as those of this collection are."""
    try:
        with open(path, encoding="utf-8") as file:
            body = file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise DatomicError(
            f"Could not read the template {path}: {reason}. Run the entry point template before."
        ) from error
    try:
        return body, json.loads(body)
    except ValueError:
        return body, body


def _tags(present: Present, given: Mapping[str, str]) -> Mapping[str, str] | None:
    """The stack's own tags with ours; None where that is what it has. AWS's own cannot be given."""
    own = {key: value for key, value in present.tags.items() if not key.startswith("aws:")}
    wanted = {**own, **given}
    return None if wanted == own else wanted


def _result(
    name: str,
    changed: Sequence[Change],
    parameters: Sequence[ParameterChange],
    *,
    anything: bool = True,
    stack_id: str = "",
) -> dict[str, Any]:
    image = changes.images(changed, parameters)
    result = {
        "changed": anything,
        "changes": [change.as_returned() for change in changed],
        "parameters": [one.as_returned() for one in parameters],
        "image": {"before": image[0], "after": image[1]} if image else {},
        "outdates_instances": changes.outdates(changed),
        "stack_id": stack_id,
        "commit_before": "",
    }
    return {**result, "diff": changes.diff(name, result)}


def _show(name: str, result: Mapping[str, Any], show: Show) -> None:
    for line in changes.lines(name, result):
        show(line)


def _update(client: Any, request: Request, stack_id: str, secrets: set[str]) -> None:
    token = uuid.uuid4().hex
    try:
        stack.update(client, request, token)
    except AwsError as error:
        if not _sent_again(error) or not stack.events(client, stack_id, token):
            raise
    if not stack.wait(client, stack_id, "update"):
        raise _failure(client, request.name, stack_id, "update", stack.events(client, stack_id, token), secrets)


def _create(aws: Aws, request: Request, secrets: set[str], warn: Callable[[str], None]) -> str:
    """Make the stack; once more when the first one failed before it had a transactor. Its ID."""
    client = aws.client("cloudformation")
    for last in (False, True):
        token = uuid.uuid4().hex
        stack_id = _begun(client, request, token)
        if stack.wait(client, stack_id, "create"):
            return stack_id
        found = stack.events(client, stack_id)
        failure = _failure(client, request.name, stack_id, "create", found, secrets)
        if last or not _may_go(aws, stack_id, token, found):
            raise failure
        warn(f"{failure} The stack had no transactor yet: this run deletes it and creates it once more.")
        stack.delete(client, stack_id, uuid.uuid4().hex)
    raise AssertionError  # the second round returns or raises


def _begun(client: Any, request: Request, token: str) -> str:
    """Begin to make the stack; its ID."""
    try:
        return stack.create(client, request, token)
    except AwsError as error:
        found = stack.present(client, request.name) if _sent_again(error) else None
        if found is None or not stack.events(client, found.stack_id, token):
            raise
        return found.stack_id


def _sent_again(error: AwsError) -> bool:
    """Whether botocore has sent the request more than once: the one that was refused may not be the first."""
    return error.code in TAKEN and error.__cause__ is not None and attempts(error.__cause__) > 1


def _may_go(aws: Aws, stack_id: str, token: str, found: Sequence[Event]) -> bool:
    """Whether this run has made the stack, it was rolled back, and no transactor has ever run in it.

    What cannot be proved is not so: then the stack stays for people to look at.
    """
    present = stack.present(aws.client("cloudformation"), stack_id)
    if present is None or present.status != "ROLLBACK_COMPLETE" or not failures.made_by(found, token):
        return False
    if not failures.worth_another(found):
        return False
    name = failures.group(found)
    return not name or autoscaling.never_launched(aws.client("autoscaling"), name)


def _failure(
    client: Any, name: str, stack_id: str, doing: Doing, found: Sequence[Event], secrets: set[str]
) -> DatomicError:
    now = stack.present(client, stack_id)
    status, told = (now.status, now.told) if now else ("deleted", "")
    return DatomicError(failures.message(name, doing, status, found, told, secrets))
