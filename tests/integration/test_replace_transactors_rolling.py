# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""replace_transactors with strategy rolling, on simulated transactors, in emulated time."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling.planner import Done, Stop

from tests.emulator import Emulator
from tests.integration import groups

pytestmark = pytest.mark.usefixtures("older_account")

METRICS: dict[str, Any] = {"cloudwatch_region": "us-east-1", "cloudwatch_dimension_value": "orders"}
PROPERTIES = (
    "aws-dynamodb-table=orders\naws-cloudwatch-region=us-east-1\n"
    "aws-cloudwatch-dimension-value=orders\nheartbeat-interval-msec={interval}"
)


def system(
    aws: Emulator,
    size: int,
    interval: int = 5000,
    scale: float = 1,
    properties: str = "",
    template: Mapping[str, Any] | None = None,
    **settings: Any,
) -> list[str]:
    """A system that serves for some minutes and then gets another configuration; the instances that run.

    template: options of groups.template.
    """
    options = {"properties": properties or PROPERTIES.format(interval=interval), **(template or {})}
    aws.configure(simulator=True, boot=0)
    groups.create(aws, size, **options)
    aws.advance(420)
    running = groups.ids(aws)
    groups.update(aws, size, **options)
    aws.configure(scale=scale, boot=45, pending=20, terminating=20, replacement=10, metrics_delay=40, **settings)
    aws.measure()
    return running


def bound(interval: int = 5000) -> int:
    """The worst case of a takeover by Datomic's code, in milliseconds: three heartbeats, and a second for the rest."""
    return 3 * interval + 1000


@pytest.mark.parametrize(("size", "interval"), [(1, 5000), (1, 1000), (2, 5000), (3, 1000)])
def test_a_standby_takes_over_before_anybody_misses_the_old_ones(aws: Emulator, size: int, interval: int) -> None:
    old = system(aws, size, interval)
    lines: list[str] = []
    result = groups.replace(aws, **METRICS, heartbeat_interval_msec=interval, lines=lines)
    assert not result.get("failed"), result
    assert sorted(result["replaced"]) == old
    assert sorted(result["launched"]) == groups.ids(aws)
    assert groups.sizes(aws) == (size, size, size)
    assert len(groups.ids(aws)) == size
    assert 0 < aws.outage() <= bound(interval), lines
    standbys = size * 2 - 1
    assert any(f"standby {standbys} of {standbys} is beating" in line for line in lines), lines


def test_one_stale_of_two(aws: Emulator) -> None:
    old = system(aws, 2)
    client = aws.backstage("autoscaling")
    client.terminate_instance_in_auto_scaling_group(InstanceId=old[0], ShouldDecrementDesiredCapacity=False)
    aws.advance(600)
    aws.measure()
    result = groups.replace(aws, **METRICS)
    assert not result.get("failed"), result
    assert (result["replaced"], len(result["launched"])) == ([old[1]], 1)
    assert groups.sizes(aws) == (2, 2, 2)
    assert aws.outage() <= bound()


@pytest.mark.parametrize("mode", ["unhealthy", "mute"])
def test_a_new_one_that_does_not_come_up_goes_and_the_old_one_never_stops(aws: Emulator, mode: str) -> None:
    old = system(aws, 1, modes={"second": mode})
    result = groups.replace(aws, **METRICS, timeout=480)
    assert result["failed"]
    assert "the run has not finished after 480 s" in result["msg"]
    assert "HeartMonitorMsec, beats in each of the last 5 minutes" in result["msg"]
    assert (groups.ids(aws), groups.sizes(aws)) == (old, (1, 1, 1))
    assert result["replaced"] == []
    assert aws.outage() == 0


@pytest.mark.parametrize(("size", "health_check"), [(1, 0), (1, 100), (2, 0)])
def test_a_version_that_ends_at_its_start_stops_it_after_the_second(
    aws: Emulator, tmp_path: pathlib.Path, size: int, health_check: int
) -> None:
    """It would go on until its time is over, with another instance after each."""
    aws.backstage("s3").create_bucket(Bucket="orders-logs")
    properties = PROPERTIES.format(interval=5000) + "\naws-s3-log-bucket-id=orders-logs\nsql-password=hunter22"
    file = tmp_path / "orders-transactor.properties"
    file.write_text(properties + "\nprotocol=ddb\n")
    old = system(aws, size, properties=properties, modes={"second": "crash: password hunter22 refused"})
    aws.configure(health_check=health_check)
    lines: list[str] = []
    result = groups.replace(aws, transactor_src=str(file), timeout=1800, lines=lines, poll_seconds=10)
    assert result["failed"]
    ended = result["launched"][:2]
    assert "2 new instances ended by themselves" in result["msg"], result["msg"]
    assert all(f"Console of {each}:" in result["msg"] for each in ended)
    assert "cannot continue: password ******** refused" in result["msg"]
    assert "Log s3://orders-logs/orders/standby/" in result["msg"]
    assert "hunter22" not in str(result)
    assert len(result["launched"]) <= size + 2, "\n".join(lines)
    assert result["seconds"] < 600
    assert (groups.ids(aws), groups.sizes(aws), result["replaced"]) == (old, (size, size, size), [])
    assert aws.outage() == 0
    aws.configure(modes={})
    again = groups.replace(aws, transactor_src=str(file))
    assert not again.get("failed"), "what has ended in the run before does not count"


def test_a_version_that_ends_at_its_start_stops_runs_that_are_killed_again_and_again(aws: Emulator) -> None:
    old = system(aws, 1, modes={"second": "crash"}, health_check=30)
    for _run in range(60):
        step = groups.one_step(aws, **METRICS)
        if isinstance(step, Stop):
            break
        aws.advance(15)
    assert isinstance(step, Stop)
    assert "2 new instances ended by themselves" in step.why
    assert len(aws.transactors()) == 3, "the old one and two new ones"
    result = groups.replace(aws, **METRICS)
    assert "2 new instances ended by themselves" in result["msg"]
    assert (groups.ids(aws), groups.sizes(aws)) == (old, (1, 1, 1))
    assert aws.outage() == 0


def test_a_version_that_ends_at_its_start_stops_terminate_too(aws: Emulator) -> None:
    system(aws, 1, modes={"second": "crash"})
    result = groups.replace(aws, **METRICS, strategy="terminate")
    assert "2 new instances ended by themselves" in result["msg"]
    assert "cannot continue: out of memory" in result["msg"]
    assert len(result["launched"]) <= 3
    assert result["seconds"] < 600


def test_a_failed_roll_is_retried_by_the_next_run(aws: Emulator) -> None:
    old = system(aws, 1, modes={"second": "unhealthy"})
    assert groups.replace(aws, **METRICS, timeout=360)["failed"]
    aws.configure(modes={})
    result = groups.replace(aws, **METRICS)
    assert not result.get("failed"), result
    assert result["replaced"] == old


def test_diagnostics_hold_the_console_and_the_log_but_no_secret(aws: Emulator, tmp_path: pathlib.Path) -> None:
    system(aws, 1, modes={"second": "unhealthy"})
    s3 = aws.backstage("s3")
    s3.create_bucket(Bucket="orders-logs")
    file = tmp_path / "orders-transactor.properties"
    file.write_text(
        PROPERTIES.format(interval=5000) + "\naws-s3-log-bucket-id=orders-logs\nsql-password=hunter22 \nprotocol=ddb\n"
        "sql-url=jdbc:postgresql://h/d?user=u&password=swordfish\nsql-driver-params=password=tiger44\n"
    )
    body = b"Critical failure, cannot continue: password hunter22 refused, swordfish and tiger44 too\n"

    def log() -> None:
        s3.put_object(Bucket="orders-logs", Key="orders/standby/2026-01-31-12/30.log", Body=body)

    result = groups.replace_meddled_with(aws, log, transactor_src=str(file), timeout=300)
    assert result["failed"]
    assert "Console of i-" in result["msg"]
    assert "password ******** refused, ******** and ******** too" in result["msg"]
    assert not [secret for secret in ("hunter22", "swordfish", "tiger44") if secret in str(result)]


def test_no_capacity_at_all(aws: Emulator) -> None:
    old = system(aws, 1, capacity=1)
    result = groups.replace(aws, **METRICS)
    assert result["failed"]
    assert "We currently do not have sufficient" in result["msg"]
    assert (groups.ids(aws), groups.sizes(aws)) == (old, (1, 1, 1))
    assert aws.outage() == 0


def test_capacity_for_one_more_replaces_two_one_after_the_other(aws: Emulator) -> None:
    old = system(aws, 2, capacity=3)
    result = groups.replace(aws, **METRICS)
    assert not result.get("failed"), result
    assert sorted(result["replaced"]) == old
    assert groups.sizes(aws) == (2, 2, 2)
    assert aws.outage() <= bound()


def test_late_metrics_are_waited_for(aws: Emulator) -> None:
    system(aws, 1)
    aws.configure(metrics_delay=150)
    result = groups.replace(aws, **METRICS)
    assert not result.get("failed"), result
    assert aws.outage() <= bound()


def test_another_system_with_the_same_dimension_value_stops_it_before_anything_changes(aws: Emulator) -> None:
    client = aws.backstage("autoscaling")
    data = {"ImageId": groups.IMAGE, "InstanceType": "c4.large"}
    other = PROPERTIES.format(interval=5000).replace("table=orders", "table=invoices")
    user_data = f"cat <<EOF >aws.properties\n{other}\nEOF\n"
    client.create_launch_configuration(LaunchConfigurationName="other", UserData=user_data, **data)
    aws.configure(simulator=True)
    client.create_auto_scaling_group(
        AutoScalingGroupName="other",
        LaunchConfigurationName="other",
        MinSize=1,
        MaxSize=1,
        AvailabilityZones=["us-east-1a"],
    )
    old = system(aws, 1)
    aws.clear_calls()
    result = groups.replace(aws, **METRICS)
    assert result["failed"]
    assert "another system reports under the same CloudWatch dimension value: 2 active transactors" in result["msg"]
    assert not [call for call in aws.calls() if call.kind == "write"]
    assert groups.ids(aws) == old


def test_without_metrics_only_time_proves_and_it_says_so(aws: Emulator) -> None:
    old = system(aws, 1)
    lines: list[str] = []
    result = groups.replace(aws, settle_seconds=120, lines=lines)
    assert not result.get("failed"), result
    assert result["replaced"] == old
    assert any("Set aws-cloudwatch-region" in line for line in lines)
    assert aws.outage() <= bound()


def test_a_callback_takes_the_heartbeats_that_are_not_waited_for(aws: Emulator, tmp_path: pathlib.Path) -> None:
    """The emulator's transactors beat; with a callback nobody looks, whatever region and dimension the file has."""
    old = system(aws, 1)
    file = tmp_path / "orders.properties"
    file.write_text(PROPERTIES.format(interval=5000) + "\nmetrics-callback=acme.metrics/report\n")
    aws.clear_calls()
    lines: list[str] = []
    result = groups.replace(aws, settle_seconds=120, lines=lines, transactor_src=str(file))
    assert not result.get("failed"), result
    assert result["replaced"] == old
    assert any("metrics-callback in the transactor's properties file replaces" in line for line in lines)
    assert "GetMetricStatistics" not in {call.operation for call in aws.calls()}


def test_an_old_one_that_dies_in_the_middle(aws: Emulator) -> None:
    old = system(aws, 2)
    looks = itertools.count()

    def interfere() -> None:
        if next(looks) == 4:
            aws.backstage("ec2").terminate_instances(InstanceIds=[old[0]])

    result = groups.replace_meddled_with(aws, interfere, **METRICS, poll_seconds=30)
    assert not result.get("failed"), result
    assert not set(old) & set(groups.ids(aws))
    assert (len(groups.ids(aws)), groups.sizes(aws)) == (2, (2, 2, 2))
    assert aws.outage() <= bound()


@pytest.mark.parametrize("size", [1, 2])
def test_a_run_killed_after_every_single_call_is_continued_by_the_next(aws: Emulator, size: int) -> None:
    old = system(aws, size)
    for _look in range(500):
        step = groups.one_step(aws, **METRICS)
        if isinstance(step, Done):
            break
        assert not isinstance(step, Stop), step
        aws.advance(15)
    assert isinstance(step, Done)
    assert not set(old) & set(groups.ids(aws))
    assert (len(groups.ids(aws)), groups.sizes(aws)) == (size, (size, size, size))
    assert aws.outage() <= bound()


@pytest.mark.parametrize("choice", ["first", "last"])
def test_the_outdated_ones_of_one_zone_leave_nothing_to_rebalance(aws: Emulator, choice: str) -> None:
    """Four in two zones, and those of the first zone run the new configuration already."""
    aws.configure(random_choice=choice)
    old = system(aws, 4, template={"zones": ["us-east-1a", "us-east-1b"]})
    for one in in_zone(aws, "us-east-1a"):
        aws.backstage("ec2").terminate_instances(InstanceIds=[one])
    aws.advance(900)
    aws.measure()
    outdated = in_zone(aws, "us-east-1b")
    assert set(outdated) < set(old)
    result = groups.replace(aws, **METRICS)
    assert not result.get("failed"), result
    assert set(outdated) <= set(result["replaced"])
    present = groups.ids(aws)
    assert [len(in_zone(aws, zone)) for zone in ("us-east-1a", "us-east-1b")] == [2, 2]
    assert (groups.sizes(aws), set(present) & set(old)) == ((4, 4, 4), set())
    aws.advance(1800)
    assert groups.ids(aws) == present
    activities = aws.backstage("autoscaling").describe_scaling_activities()["Activities"]
    assert not [one["Cause"] for one in activities if "zones were not balanced" in one["Cause"]], "AZRebalance"
    assert aws.outage() <= bound()


def in_zone(aws: Emulator, zone: str) -> list[str]:
    present = groups.group(aws)["Instances"]
    return [each["InstanceId"] for each in present if each["AvailabilityZone"] == zone]


@pytest.mark.parametrize(("while_left", "rolls_back"), [(("all", "some"), True), (("some",), False), ((), False)])
def test_a_failure_says_whether_the_system_returns_to_what_ran(
    aws: Emulator, while_left: tuple[Any, ...], rolls_back: bool
) -> None:
    system(aws, 1, modes={"second": "unhealthy"})
    result = groups.replace(aws, **METRICS, timeout=480, roll_back_while=while_left, files=(__file__,))
    assert (result["failed"], result["roll_back"]) == (True, rolls_back)
    assert ("To go back, set the files" in result["msg"]) is not rolls_back
