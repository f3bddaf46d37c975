# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stacks with groups of transactors for tests, and runs of a replacement inside the test's process."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from unittest import mock

from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.replace_transactors import Options, once
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling import loop as driver_of_runs
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling.loop import Driver
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


@contextlib.contextmanager
def emulated_time(aws: Emulator) -> Iterator[None]:
    """Inside, whoever sleeps lets the emulated clock jump: a run of many minutes takes as long as its calls."""
    with mock.patch.multiple(clock, now=CLOCK.now, sleep=aws.advance):
        yield


def replace(aws: Emulator, *, lines: list[str] | None = None, timeout: float = 3600, **given: Any) -> dict[str, Any]:
    """A whole run, as the action plugin drives it. lines: gets the lines of progress; timeout: emulated seconds.

    What a look costs is real time, so there are few: a call of the module ends when something has changed, as ever, or
    after five minutes, not after half a minute.
    """
    rare = mock.patch.multiple(driver_of_runs, LOOK_SECONDS=300.0, LINE_SECONDS=300.0)
    with emulated_time(aws), rare:
        return driver(aws, [] if lines is None else lines, timeout, **given).run()


def replace_meddled_with(
    aws: Emulator, meddle: Callable[[], None], *, lines: list[str] | None = None, timeout: float = 3600, **given: Any
) -> dict[str, Any]:
    """A whole run with something that happens in the middle. meddle: called before each look at the cloud."""

    def sleep(seconds: float) -> None:
        aws.advance(seconds)
        meddle()

    with mock.patch.multiple(clock, now=CLOCK.now, sleep=sleep):
        return driver(aws, [] if lines is None else lines, timeout, **{"poll_seconds": 10, **given}).run()


def driver(aws: Emulator, lines: list[str], timeout: float, **given: Any) -> Driver:
    """What a run is made of. given: options of the module."""
    if "auto_scaling_group_name" not in given:
        given.setdefault("stack_name", "orders")
    options, clients = Options(**{"poll_seconds": 30, **given}), Clients(aws)

    def call(run: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return once(clients, options, json.loads(json.dumps(run)), check_mode=False, warn=lines.append)
        except DatomicError as error:
            return {"failed": True, "msg": str(error), **error.details}

    return Driver(call, lines.append, timeout)


def replace_by_module(aws: Emulator, **options: Any) -> dict[str, Any]:
    """The same through the module's front door, argument by argument."""
    params = {**CREDENTIALS, "endpoint_url": aws.url, "poll_seconds": 30, "stack_name": "orders", **options}

    def call(run: Mapping[str, Any]) -> dict[str, Any]:
        return run_module("replace_transactors", {**params, "run": json.loads(json.dumps(run))})

    with emulated_time(aws):
        return Driver(call, list[str]().append, 3600).run()
