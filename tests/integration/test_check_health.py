# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""check_health on simulated transactors, in emulated time."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils import screen
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import clock

from tests.emulator import Emulator
from tests.emulator.clock import CLOCK
from tests.integration import groups
from tests.integration.test_permissions import of_log, policy, without
from tests.integration.test_replace_transactors_rolling import PROPERTIES
from tests.modules import CREDENTIALS, run_module

pytestmark = pytest.mark.usefixtures("older_account")

Meddle = Callable[[float], None]


def serving(aws: Emulator, directory: pathlib.Path, size: int = 2, interval: int = 5000) -> dict[str, Any]:
    """A stack with an alarm whose transactors serve; the module's options."""
    properties = PROPERTIES.format(interval=interval)
    body = json.loads(groups.template("first", properties=properties))
    watched = {"AlarmName": {"Fn::Sub": "${AWS::StackName}-low-memory"}, "Namespace": "Datomic"}
    limits = {"MetricName": "AvailableMB", "Statistic": "Minimum", "Period": 60, "EvaluationPeriods": 1}
    compared = {"ComparisonOperator": "LessThanThreshold", "Threshold": 1}
    body["Resources"]["LowMemory"] = {"Type": "AWS::CloudWatch::Alarm", "Properties": watched | limits | compared}
    parameters = [{"ParameterKey": "GroupSize", "ParameterValue": str(size)}]
    aws.configure(simulator=True, boot=45, pending=20, terminating=20, replacement=10, metrics_delay=40)
    client = aws.backstage("cloudformation")
    client.create_stack(StackName="orders", TemplateBody=json.dumps(body), Parameters=parameters)
    aws.advance(600)
    source = directory / "transactor.properties"
    source.write_text(f"protocol=ddb\n{properties}\n")
    return {**CREDENTIALS, "endpoint_url": aws.url, "stack_name": "orders", "transactor_src": str(source)}


def soak(aws: Emulator, options: dict[str, Any], meddle: Meddle = lambda _at: None) -> tuple[dict[str, Any], list[str]]:
    """The result and the lines. meddle: called after each pause with the seconds since the first look."""
    lines: list[str] = []
    began = CLOCK.now()

    def sleep(seconds: float) -> None:
        aws.advance(seconds)
        meddle(CLOCK.now() - began)

    with mock.patch.multiple(clock, now=CLOCK.now, sleep=sleep), screen.shown_by(lines.append, ()):
        return run_module("check_health", options), lines


def alarm(aws: Emulator, state: str) -> None:
    aws.backstage("cloudwatch").set_alarm_state(AlarmName="orders-low-memory", StateValue=state, StateReason="test")


@pytest.mark.parametrize(("size", "interval"), [(2, 5000), (3, 1000)])
def test_a_healthy_system_stays_healthy_for_half_an_hour(
    aws: Emulator, tmp_path: pathlib.Path, size: int, interval: int
) -> None:
    options = serving(aws, tmp_path, size, interval)
    writes = [call for call in aws.calls() if call.kind == "write"]
    result, lines = soak(aws, {**options, "seconds": 1800})
    assert not result["failed"], result
    assert not result["changed"]
    assert result["seconds"] >= 1800
    assert result["alarms"] == ["orders-low-memory"]
    assert not [line for line in lines if "not healthy" in line], lines
    assert "  has to stay healthy for 1800 s: standby " in lines[0]
    assert "  stayed healthy for " in lines[-1]
    assert 25 <= len(lines) <= 35, "a line each minute"
    assert [call for call in aws.calls() if call.kind == "write"] == writes


def test_a_standby_that_ends_fails_it(aws: Emulator, tmp_path: pathlib.Path) -> None:
    options = serving(aws, tmp_path)
    client = aws.backstage("autoscaling")

    def end_one(at: float) -> None:
        if 300 <= at < 315:
            client.terminate_instance_in_auto_scaling_group(
                InstanceId=groups.ids(aws)[0], ShouldDecrementDesiredCapacity=False
            )

    result, lines = soak(aws, {**options, "seconds": 1800}, end_one)
    assert result["failed"]
    assert result["msg"].startswith("orders is not healthy: "), result["msg"]
    assert 420 <= result["seconds"] <= 600
    assert any("not healthy: " in line for line in lines), lines


def test_an_alarm_that_stays_fails_it_and_a_short_one_does_not(aws: Emulator, tmp_path: pathlib.Path) -> None:
    options = {**serving(aws, tmp_path), "seconds": 900}

    def for_a_minute(at: float) -> None:
        alarm(aws, "ALARM" if 100 <= at < 160 else "OK")

    result, lines = soak(aws, options, for_a_minute)
    assert not result["failed"], result
    assert any(line.endswith("not healthy: the alarm orders-low-memory is in ALARM") for line in lines), lines
    result, _lines = soak(aws, options, lambda at: alarm(aws, "ALARM" if at > 850 else "OK"))
    assert result["failed"], "it does not end with a bad look"
    assert "the alarm orders-low-memory is in ALARM. It was healthy for 8" in result["msg"], result["msg"]


def test_an_alarm_that_was_there_before_does_not_count(aws: Emulator, tmp_path: pathlib.Path) -> None:
    options = serving(aws, tmp_path)
    alarm(aws, "ALARM")
    result, _lines = soak(aws, {**options, "seconds": 300})
    assert not result["failed"], result


def test_a_system_that_hangs_as_a_whole_fails_it(aws: Emulator, tmp_path: pathlib.Path) -> None:
    options = serving(aws, tmp_path)
    result, _lines = soak(
        aws,
        {**options, "seconds": 3600},
        lambda at: aws.configure(modes={"first": "hang"}) if 30 < at < 46 else None,
    )
    assert result["failed"]
    assert "no heartbeat yet" in result["msg"]
    assert result["seconds"] <= 720


def test_a_check_looks_once(aws: Emulator, tmp_path: pathlib.Path) -> None:
    options = {**serving(aws, tmp_path), "seconds": 600}
    aws.clear_calls()
    assert run_module("check_health", options, check=True)["seconds"] < 60
    assert without(of_log(aws.calls()), policy("operator") + policy("replacement") + policy("modern")) == {}
    assert "There is no stack nothing" in run_module("check_health", {**options, "stack_name": "nothing"})["msg"]
