# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stack's update as the role does it, module by module."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from unittest import mock

from ansible_collections.amazon.aws.plugins.modules import cloudformation
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import stack
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands import guard_rails
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands import update_stack as command
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.update_stack import Options, RunModule
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.stack import guard

from tests.emulator import Emulator
from tests.integration.groups import Clients, emulated_time
from tests.modules import CREDENTIALS, run_module


def guard_stack(aws: Emulator, name: str) -> None:
    """Set the guard rails, as the run that created the stack would have done."""
    clients = Clients(aws)
    found = stack.describe(clients.client("cloudformation"), name)
    assert found
    arn = found.stack_id.partition(":stack/")[0].replace(":cloudformation:", ":cloudwatch:") + guard.ALARM
    triggers = guard.triggers(stack.template(clients.client("cloudformation"), name), arn, name)
    step = {"protection": True, "policy": True, "triggers": triggers}
    shown: list[str] = []
    guard_rails.secure(clients, name, step, None, shown.append)
    assert not shown


def module(aws: Emulator, **params: Any) -> RunModule:
    """Runs modules with the connection. params: further options of the connection."""

    def run(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        collection, _dot, short = name.rpartition(".")
        return run_module(short, {**CREDENTIALS, "endpoint_url": aws.url, **options, **params}, collection=collection)

    return run


@dataclasses.dataclass
class Followed:
    """An update by update_stack. lines: that it shows; notes: with -v."""

    lines: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    failure: str = ""
    result: dict[str, Any] = dataclasses.field(default_factory=dict)


def follow(
    aws: Emulator,
    file: pathlib.Path,
    *,
    run: RunModule | None = None,
    followed: Followed | None = None,
    apart: bool = False,
    real_time: bool = False,
    stack_name: str = "orders",
    **given: Any,
) -> Followed:
    """The stack's update, on emulated time. run: runs amazon.aws.cloudformation. apart: without boto3 here."""
    followed = followed or Followed()
    options = Options(stack_name, str(file), **given)
    clients = None if apart else Clients(aws)
    in_amazon = mock.patch.object(cloudformation, "time", SimpleNamespace(sleep=aws.advance, time=time.time))
    with contextlib.ExitStack() as emulated:
        if not real_time:
            emulated.enter_context(in_amazon)
            emulated.enter_context(emulated_time(aws))
        try:
            followed.result = command.update(
                options, run or module(aws), clients, followed.lines.append, followed.notes.append
            )
        except DatomicError as error:
            followed.failure, followed.result = str(error), error.details
    return followed
