# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stacks with groups of transactors for tests, and runs of a replacement inside the test's process."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands import replace_transactors as command
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling import loop
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling.planner import Step
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import clock

from tests.emulator import Emulator
from tests.emulator.clock import CLOCK
from tests.modules import CREDENTIALS, run_module

IMAGE = "ami-12c6146b"
"""One of moto's."""


def template(note: str, *, properties: str = "", maximum: int | None = None, zones: Sequence[str] | None = None) -> str:
    """A stack like the legacy template's. note: whatever differs makes another launch configuration."""
    user_data = f"# {note}\ncat <<EOF >aws.properties\n{properties}\nEOF\n"
    group = {
        "MinSize": {"Ref": "GroupSize"},
        "MaxSize": {"Ref": "GroupSize"} if maximum is None else maximum,
        "LaunchConfigurationName": {"Ref": "LaunchConfig"},
        "AvailabilityZones": zones or {"Fn::GetAZs": ""},
    }
    launch = {"ImageId": IMAGE, "InstanceType": "c4.large", "UserData": {"Fn::Base64": user_data}}
    return json.dumps(
        {
            "Parameters": {
                "GroupSize": {"Type": "Number", "Default": "1"},
                "DatomicVersion": {"Type": "String", "Default": "1.0.7277"},
            },
            "Resources": {
                "LaunchGroup": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": group},
                "LaunchConfig": {"Type": "AWS::AutoScaling::LaunchConfiguration", "Properties": launch},
            },
        }
    )


def create(aws: Emulator, size: int = 1, note: str = "first", **options: Any) -> str:
    """A stack "orders" with so many transactors; the name of its group."""
    aws.configure(launch_configurations=True)
    parameters = [{"ParameterKey": "GroupSize", "ParameterValue": str(size)}]
    client = aws.backstage("cloudformation")
    client.create_stack(StackName="orders", TemplateBody=template(note, **options), Parameters=parameters)
    return group_name(aws)


def update(aws: Emulator, size: int = 1, note: str = "second", **options: Any) -> None:
    """Its update: everything that runs is stale now."""
    parameters = [{"ParameterKey": "GroupSize", "ParameterValue": str(size)}]
    client = aws.backstage("cloudformation")
    client.update_stack(StackName="orders", TemplateBody=template(note, **options), Parameters=parameters)


def group_name(aws: Emulator) -> str:
    resource = aws.backstage("cloudformation").describe_stack_resource(
        StackName="orders", LogicalResourceId="LaunchGroup"
    )
    return str(resource["StackResourceDetail"]["PhysicalResourceId"])


def group(aws: Emulator, name: str = "") -> dict[str, Any]:
    """The group as AWS shows it."""
    found: dict[str, Any] = aws.backstage("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=[name or group_name(aws)]
    )["AutoScalingGroups"][0]
    return found


def sizes(aws: Emulator) -> tuple[int, int, int]:
    """Minimum, desired, maximum."""
    found = group(aws)
    return found["MinSize"], found["DesiredCapacity"], found["MaxSize"]


def ids(aws: Emulator) -> list[str]:
    """The instances in service or on their way there."""
    present = group(aws)["Instances"]
    return sorted(each["InstanceId"] for each in present if not each["LifecycleState"].startswith("Terminat"))


class Clients:
    """The clients of the emulator in place of a module's: made once, so that a run takes little real time."""

    def __init__(self, aws: Emulator) -> None:
        self._aws = aws
        self._made: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str | None = None, endpoint: str | None = None) -> Any:
        key = service, region or "us-east-1"
        if key not in self._made:
            self._made[key] = self._aws.client(*key)
        return self._made[key]

    def limit_time(self, seconds: float) -> None:
        """The emulator answers at once."""


@contextlib.contextmanager
def emulated_time(aws: Emulator) -> Iterator[None]:
    """Inside, whoever sleeps lets the emulated clock jump: a run of many minutes takes as long as its calls."""
    with mock.patch.multiple(clock, now=CLOCK.now, sleep=aws.advance):
        yield


def replace(aws: Emulator, *, lines: list[str] | None = None, **given: Any) -> dict[str, Any]:
    """A whole run, as the module does it, or its failure. lines: gets the lines of progress. given: the options.

    Looking costs real time, so a wait lasts as long as the emulated run allows, and lines are rare.
    """
    with emulated_time(aws), mock.patch.object(loop, "LINE_SECONDS", 300.0):
        return replace_in_time(aws, lines=lines, **given)


def replace_meddled_with(
    aws: Emulator, meddle: Callable[[], None], *, lines: list[str] | None = None, **given: Any
) -> dict[str, Any]:
    """A whole run with something that happens in the middle. meddle: called before each look that follows a wait."""

    def sleep(seconds: float) -> None:
        aws.advance(seconds)
        meddle()

    with mock.patch.multiple(clock, now=CLOCK.now, sleep=sleep):
        return replace_in_time(aws, lines=lines, **{"poll_seconds": 10, **given})


def replace_in_time(aws: Emulator, *, lines: list[str] | None = None, **given: Any) -> dict[str, Any]:
    """A whole run by whatever clock there is."""
    lines = [] if lines is None else lines
    try:
        return command.replace(Clients(aws), _options(**given), check_mode=False, warn=lines.append, show=lines.append)
    except DatomicError as error:
        return {"failed": True, "msg": str(error), **error.details}


def check(aws: Emulator, **given: Any) -> tuple[dict[str, Any], list[str]]:
    """Check mode: its result, and its warnings."""
    warnings: list[str] = []
    options = _options(**given)
    result = command.replace(Clients(aws), options, check_mode=True, warn=warnings.append, show=print)
    return result, warnings


def one_step(aws: Emulator, **given: Any) -> Step:
    """A run that is killed after its first step: that step."""
    steps: list[Step] = []

    def only_one(self: loop.Loop) -> dict[str, Any]:
        steps.append(self.step())
        return {}

    with mock.patch.object(loop.Loop, "run", only_one):
        replace_in_time(aws, **given)
    return steps[0]


def _options(**given: Any) -> command.Options:
    if "auto_scaling_group_name" not in given:
        given.setdefault("stack_name", "orders")
    return command.Options(**{"poll_seconds": 30, "timeout": 3600, **given})


def replace_by_module(aws: Emulator, **options: Any) -> dict[str, Any]:
    """The same through the module, argument by argument."""
    params = {**CREDENTIALS, "endpoint_url": aws.url, "poll_seconds": 30, "stack_name": "orders", **options}
    with emulated_time(aws):
        return run_module("replace_transactors", params)
