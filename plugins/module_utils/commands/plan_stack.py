# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What plan_stack does: plan the stack's update by a change set, and refuse what CloudFormation refuses."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..aws import change_set, launch, stack
from ..aws.client import Aws
from ..aws.stack import Present, Request
from ..aws.sts import refuse_other_account
from ..errors import AwsError, DatomicError
from ..rolling import restore_command
from ..steps.stack import changes
from ..steps.stack.changes import Change, Parameter, ParameterChange
from ..template import legacy


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of the module plan_stack, which documents them."""

    stack_name: str
    template: str
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    account_id: str = ""
    files: Sequence[str] = ()


def plan(aws: Aws, options: Options, *, check_mode: bool, warn: Callable[[str], None]) -> dict[str, Any]:
    """The module's result, which only a check counts as a change."""
    result = _planned(aws, options, check_mode, warn)
    return {**result, "changed": check_mode and result["pending"]}


def _planned(aws: Aws, options: Options, check_mode: bool, warn: Callable[[str], None]) -> dict[str, Any]:
    refuse_other_account(aws, options.account_id)
    client = aws.client("cloudformation")
    body, template = read(options.template)
    secrets = changes.secrets(template)
    present = stack.present(client, options.stack_name)
    if present is not None and present.status == "REVIEW_IN_PROGRESS":
        raise DatomicError(
            f"The stack {options.stack_name} is REVIEW_IN_PROGRESS: a change set that was to create it was never "
            "executed. Delete it, which deletes nothing else (aws cloudformation delete-stack), and run again."
        )
    if present is None:
        _warn_of_zones(aws, template, None, warn)
        return _result(options, None, changes.added(template), ())
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
        return _result(options, present, (), (), pending=False)
    _warn_of_zones(aws, template, present, warn)
    parameters: tuple[ParameterChange, ...] = ()
    if changes.of_parameters(present.parameters, planned.parameters, {}):
        defaults = stack.defaults(client, options.stack_name)
        parameters = changes.of_parameters(present.parameters, planned.parameters, defaults)
    for text in changes.warnings(options.stack_name, parameters):
        warn(changes.without(text, secrets))
    result = _result(options, present, planned.changes, parameters)
    return result if check_mode else {**result, "commit_before": _commit_before(client, options, present)}


def _warn_of_zones(aws: Aws, template: Any, present: Present | None, warn: Callable[[str], None]) -> None:
    """Zones that lack the instance type of a legacy template, which uses all of them. Asks about another type only."""
    name = legacy.instance_type(template)
    if not name or (present is not None and present.parameters.get("InstanceType", Parameter("")).given == name):
        return
    try:
        offering, zones = launch.zones(aws.client("ec2"), name)
    except AwsError as error:
        warn(f"{error} The zones that lack the instance type {name} are not known.")
        return
    lacking = [zone for zone in zones if zone not in offering]
    if lacking and offering:
        warn(
            f"{name} is not offered in {', '.join(lacking)}, and the legacy template uses all zones: a launch there"
            " fails and is repeated in another zone. Use the flavor modern (datomic_template_flavor), which names the"
            " zones that offer the type, or another instance type."
        )


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
    return restore_command.commit_of(template, options.template, options.files)


def read(path: str) -> tuple[str, Any]:
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


def _own_tags(present: Present) -> dict[str, str]:
    """Without AWS's own, which cannot be given."""
    return {key: value for key, value in present.tags.items() if not key.startswith("aws:")}


def _tags(present: Present, given: Mapping[str, str]) -> Mapping[str, str] | None:
    """The stack's own tags with ours; None where that is what it has."""
    own = _own_tags(present)
    wanted = {**own, **given}
    return None if wanted == own else wanted


def _result(
    options: Options,
    present: Present | None,
    changed: Sequence[Change],
    parameters: Sequence[ParameterChange],
    *,
    pending: bool = True,
) -> dict[str, Any]:
    image = changes.images(changed, parameters)
    result = {
        "pending": pending,
        "changes": [change.as_returned() for change in changed],
        "parameters": [one.as_returned() for one in parameters],
        "image": {"before": image[0], "after": image[1]} if image else {},
        "outdates_instances": changes.outdates(changed),
        "exists": present is not None,
        "stack_id": present.stack_id if present else "",
        "commit_before": "",
        "tags": {**(_own_tags(present) if present else {}), **options.tags},
        "notification_arns": ",".join(present.topics) if present else "",
    }
    return {**result, "diff": changes.diff(options.stack_name, result)}
