# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Part 6: what we use of botocore and CloudFormation, against botocore's own models and cfn-lint's own schemas.

Everything is read from our source and our templates, so that nothing has to be listed here a second time.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

import botocore.exceptions
import botocore.session
from botocore import xform_name
from botocore.config import Config

from tests.verify import schemas, sources
from tests.verify.tally import Tally

MISTAKES = {
    "an operation": ("client.create_table,", "client.make_table,"),
    "an operation, as another service has it,": ("client.describe_table,", "client.describe_stacks,"),
    "a parameter": ("AutoScalingGroupNames=", "AutoScalingGroupTitles="),
    "a nested parameter": ('{"PointInTimeRecoveryEnabled":', '{"PointInTimeRecoveryOn":'),
    "an answer's field": (')["Stacks"]', ')["Piles"]'),
    "a waiter": ('client, "table_exists"', 'client, "table_is_there"'),
    "a paginator": ('client, "list_objects_v2"', 'client, "list_objects_v4"'),
    "a retry mode": ('"mode": "standard"', '"mode": "usual"'),
    "a resource type": ("AWS::AutoScaling::AutoScalingGroup", "AWS::AutoScaling::Group"),
    "a property": ('"MinSize"', '"MinimalSize"'),
    "a nested property": ('"HttpTokens"', '"HttpCoins"'),
}
"""What it is that our source and our templates name otherwise than botocore and the registry do: right, and wrong."""


class Botocore:
    """botocore's models of the services, in the spelling of its clients. Reading them is what takes time."""

    def __init__(self) -> None:
        self._session = botocore.session.get_session()
        self._operations: dict[str, dict[str, Any]] = {}

    def knows(self, service: str) -> bool:
        return service in self._session.get_available_services()

    def operations(self, service: str) -> dict[str, Any]:
        """The operations' models, by name."""
        if service not in self._operations:
            model = self._session.get_service_model(service)
            models = {xform_name(one): model.operation_model(one) for one in model.operation_names}
            self._operations[service] = models
        return self._operations[service]

    def used(self, use: sources.Use) -> Any:
        """The operation that is behind a use; None when the service has no such operation, waiter or paginator."""
        operations = self.operations(use.service)
        if use.kind == "operation":
            return operations.get(use.name)
        if use.kind == "waiter":
            waiters = self._session.get_waiter_model(use.service)
            named = {xform_name(one): waiters.get_waiter(one).operation for one in waiters.waiter_names}
            return operations[xform_name(named[use.name])] if use.name in named else None
        found = operations.get(use.name)
        try:
            self._session.get_paginator_model(use.service).get_paginator(found.name if found else use.name)
        except ValueError:
            return None
        return found


BOTOCORE = Botocore()


def checks(texts: Mapping[str, str], templates: str) -> dict[str, bool]:
    """What is checked, by what it is about, of the source and the templates given."""
    found: dict[str, bool] = {}
    for use in sources.uses(texts):
        found |= dict(_of(use))
    for mode in sources.retry_modes(texts):
        found[f"botocore takes the retry mode {mode}"] = takes(mode)
    for kind in sources.resource_types(texts):
        found[f"the registry has {kind}"] = schemas.of_type(kind) is not None
    found |= {f"the registry has {name}": known for name, known in schemas.properties(templates).items()}
    return found


def _of(use: sources.Use) -> Iterator[tuple[str, bool]]:
    if not BOTOCORE.knows(use.service):
        yield f"it can be told whose {use.name} is ({use.where})", False
        return
    operation = BOTOCORE.used(use)
    what = f"{use.service}'s {use.kind} {use.name}"
    yield what, operation is not None
    if operation is not None:
        for name in use.parameters:
            yield f"{what} takes {name}", has(operation.input_shape, name)
        for name in use.answers:
            # botocore puts this into every answer.
            yield f"{what} gives {name}", name == "ResponseMetadata" or has(operation.output_shape, name)


def has(shape: Any, name: str) -> bool:
    """Whether the shape has the member, of which nested names come after a dot."""
    for part in name.split("."):
        while shape is not None and shape.type_name == "list":
            shape = shape.member
        if shape is None or shape.type_name != "structure" or part not in shape.members:
            return False
        shape = shape.members[part]
    return True


def takes(mode: str) -> bool:
    """Whether botocore makes a client with this retry mode."""
    try:
        Config(retries={"mode": mode, "total_max_attempts": 8})
    except botocore.exceptions.InvalidRetryModeError:
        return False
    return True


def run() -> Tally:
    tally = Tally(
        "botocore's and cfn-lint's models",
        f"botocore {version('botocore')}, cfn-lint {version('cfn-lint')}",
        "every operation, paginator, waiter, parameter and answer's field in the source; every retry mode; every "
        "resource type and property in the templates",
    )
    texts, templates = sources.texts(), schemas.templates()
    _compare(tally, texts, templates)
    for what, (right, wrong) in MISTAKES.items():
        other = {path: text.replace(right, wrong) for path, text in texts.items()}, templates.replace(right, wrong)
        tally.mistake(f"{what} misnamed", functools.partial(_compare, texts=other[0], templates=other[1]), _told(wrong))
    return tally


def _compare(tally: Tally, texts: Mapping[str, str], templates: str) -> None:
    for what, holds in checks(texts, templates).items():
        tally.same(what, holds, True)


def _told(wrong: str) -> str:
    """The wrong name alone."""
    return max(wrong.replace('"', " ").replace("(", " ").replace(".", " ").split(), key=len).strip("{}[]:=),")
