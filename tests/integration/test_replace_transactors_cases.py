# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""replace_transactors when something happens in the middle: takeovers, lost answers, obstacles, little room."""

from __future__ import annotations

import gzip
import itertools
import pathlib
import signal
import subprocess
import sys
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling.planner import Resize

from tests.conftest import ROOT
from tests.emulator import Emulator
from tests.integration import apart, groups
from tests.integration.test_replace_transactors_meddling import once
from tests.integration.test_replace_transactors_rolling import METRICS, PROPERTIES, bound, system

pytestmark = pytest.mark.usefixtures("older_account")


def active(aws: Emulator) -> str:
    (found,) = [one["instance_id"] for one in aws.transactors() if one["role"] == "active"]
    return str(found)


@pytest.mark.parametrize("moment", [1, 4, 8])
def test_the_active_one_moves_in_the_middle(aws: Emulator, moment: int) -> None:
    old = system(aws, 2)
    looks = itertools.count(1)
    was: list[str] = []

    def interfere() -> None:
        if next(looks) == moment:
            was.append(active(aws))
            aws.backstage("ec2").terminate_instances(InstanceIds=was)

    result = groups.replace_meddled_with(aws, interfere, **METRICS, poll_seconds=30)
    assert not result.get("failed"), result
    assert was
    assert active(aws) not in was
    assert not set(old) & set(groups.ids(aws))
    assert (len(groups.ids(aws)), groups.sizes(aws)) == (2, (2, 2, 2))
    assert aws.outage() <= bound()


@pytest.mark.parametrize("mode", ["error", "drop_after"])
def test_a_run_that_ends_at_any_of_its_changes_is_continued_by_the_next(aws: Emulator, mode: str) -> None:
    """Without the change (error), or with it and without its answer (drop_after)."""
    old = system(aws, 2)
    ended = 0
    for number in range(1, 20):
        aws.fault(match=":write", k=2 if number > 1 else 1, mode=mode)
        result = groups.replace(aws, **METRICS)
        aws.clear_faults()
        if not result.get("failed"):
            break
        ended += 1
        assert "Running again continues" in result["msg"]
    assert not result.get("failed"), result
    assert ended >= 1
    assert not set(old) & set(groups.ids(aws))
    assert (len(groups.ids(aws)), groups.sizes(aws)) == (2, (2, 2, 2))
    assert aws.outage() <= bound()


def test_kill_9_after_every_change_and_another_run(aws: Emulator) -> None:
    """What a run that is killed before a change leaves is what one leaves that is killed after the change before."""
    old = system(aws, 2)
    killed = 0
    while True:
        command = [sys.executable, str(pathlib.Path(apart.__file__)), aws.url]
        with subprocess.Popen(command, stdin=subprocess.PIPE, env={"PYTHONPATH": str(ROOT / ".tree")}) as process:
            aws.clear_faults()
            aws.fault(match=":write", mode="kill_after", pid=process.pid)
            process.communicate(timeout=60)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
        killed += 1
        assert aws.outage() <= bound()
    assert killed == 4, "the surge, two terminations, the sizes"
    assert not set(old) & set(groups.ids(aws))
    assert (len(groups.ids(aws)), groups.sizes(aws)) == (2, (2, 2, 2))
    assert 0 < aws.outage() <= bound()


def test_a_stack_that_is_being_updated(aws: Emulator) -> None:
    groups.create(aws)
    groups.update(aws)
    aws.set_stack_status("orders", "UPDATE_IN_PROGRESS")
    aws.clear_calls()
    result = groups.replace(aws)
    assert "the stack is UPDATE_IN_PROGRESS: wait until that has ended" in result["msg"]
    assert not [call for call in aws.calls() if call.kind == "write"]


def test_a_subnet_with_one_free_address_gets_one_more_beside_two_old_ones(aws: Emulator) -> None:
    ec2, client = aws.backstage("ec2"), aws.backstage("autoscaling")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/28", AvailabilityZone="us-east-1a")["Subnet"]["SubnetId"]
    for name in ("first", "second"):
        client.create_launch_configuration(LaunchConfigurationName=name, ImageId=groups.IMAGE, InstanceType="c4.large")
    client.create_auto_scaling_group(
        AutoScalingGroupName="small",
        LaunchConfigurationName="first",
        MinSize=2,
        MaxSize=2,
        VPCZoneIdentifier=subnet,
    )
    while (free := ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["AvailableIpAddressCount"]) > 1:
        ec2.create_network_interface(SubnetId=subnet)
    assert free == 1
    client.update_auto_scaling_group(AutoScalingGroupName="small", LaunchConfigurationName="second")
    step = groups.one_step(aws, auto_scaling_group_name="small")
    assert isinstance(step, Resize)
    assert step.why == "the group grows to 3, 1 new in addition to the old"
    assert groups.group(aws, "small")["DesiredCapacity"] == 3


@pytest.mark.parametrize("packed", [False, True])
def test_the_last_log_lines_are_shown(aws: Emulator, tmp_path: pathlib.Path, packed: bool) -> None:
    system(aws, 1, modes={"second": "unhealthy"})
    s3 = aws.backstage("s3")
    s3.create_bucket(Bucket="orders-logs")
    body = b"an earlier line\n" * 30 + b"Critical failure, cannot continue: storage refused\n"
    key = "orders/standby/2026-11-23/12.log"
    s3.put_object(Bucket="orders-logs", Key=key, Body=gzip.compress(body) if packed else body)
    aws.advance(60)
    file = tmp_path / "orders-transactor.properties"
    file.write_text(PROPERTIES.format(interval=5000) + "\naws-s3-log-bucket-id=orders-logs\n")
    launched = once(
        lambda: groups.ids(aws)[1:],
        lambda _one: s3.put_object(Bucket="orders-logs", Key=key, Body=gzip.compress(body) if packed else body),
    )
    result = groups.replace_meddled_with(aws, launched, timeout=300, transactor_src=str(file), poll_seconds=30)
    assert result["failed"]
    shown = result["diagnostics"][result["diagnostics"].index(f"Log s3://orders-logs/{key}:") + 1 :]
    assert shown[19].strip() == "Critical failure, cannot continue: storage refused"
    assert len(shown) == 20


YAML = """
Parameters:
  GroupSize: {Type: Number, Default: 1}
Resources:
  LaunchGroup:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties:
      MinSize: !Ref GroupSize
      MaxSize: 3
      LaunchConfigurationName: !Ref LaunchConfig
      AvailabilityZones: !GetAZs ""
  LaunchConfig:
    Type: AWS::AutoScaling::LaunchConfiguration
    Properties: {ImageId: %s, InstanceType: c4.large, UserData: !Base64 "# %s"}
"""


def test_the_sizes_of_a_stack_made_by_hand_from_yaml_are_its_templates(aws: Emulator) -> None:
    client = aws.backstage("cloudformation")
    parameters = [{"ParameterKey": "GroupSize", "ParameterValue": "1"}]
    client.create_stack(StackName="orders", TemplateBody=YAML % (groups.IMAGE, "first"), Parameters=parameters)
    client.update_stack(StackName="orders", TemplateBody=YAML % (groups.IMAGE, "second"), Parameters=parameters)
    name = groups.group_name(aws)
    aws.backstage("autoscaling").update_auto_scaling_group(AutoScalingGroupName=name, MinSize=0, MaxSize=9)
    result = groups.replace(aws, settle_seconds=30)
    assert not result.get("failed"), result
    assert groups.sizes(aws) == (1, 1, 3)
    assert result["replaced"]


@pytest.mark.parametrize("minimum", ["0", '"0"'])
def test_a_minimum_of_zero_is_the_stacks_too(aws: Emulator, minimum: str) -> None:
    client = aws.backstage("cloudformation")
    body = (YAML % (groups.IMAGE, "first")).replace("MinSize: !Ref GroupSize", f"MinSize: {minimum}")
    client.create_stack(StackName="orders", TemplateBody=body)
    client = aws.backstage("autoscaling")
    client.update_auto_scaling_group(AutoScalingGroupName=groups.group_name(aws), MinSize=1, MaxSize=9)
    client.set_desired_capacity(AutoScalingGroupName=groups.group_name(aws), DesiredCapacity=1)
    assert not groups.replace(aws, settle_seconds=30).get("failed")
    assert groups.sizes(aws) == (0, 1, 3)


@pytest.mark.parametrize(
    ("line", "options", "expected"),
    [
        ("heartbeat-interval-msec=0", {}, "Invalid value for heartbeat-interval-msec: 0 (write a whole number of at"),
        ("heartbeat-interval-msec=5s", {}, "Invalid value for heartbeat-interval-msec: 5s"),
        ("", {"heartbeat_interval_msec": -1}, "heartbeat_interval_msec: -1 is too little (write at least 1000)"),
        ("", {"heartbeat_interval_msec": 0}, "heartbeat_interval_msec: 0 is too little"),
        ("", {"poll_seconds": 0}, "poll_seconds: 0 is too little (write at least 0.1)"),
        ("", {"settle_seconds": -1}, "settle_seconds: -1 is too little"),
    ],
)
def test_what_nothing_can_be_reckoned_with_is_refused(
    aws: Emulator, tmp_path: pathlib.Path, line: str, options: dict[str, Any], expected: str
) -> None:
    file = tmp_path / "orders-transactor.properties"
    file.write_text(f"aws-cloudwatch-region=us-east-1\naws-cloudwatch-dimension-value=orders\n{line}\n")
    groups.create(aws)
    groups.update(aws)
    aws.clear_calls()
    result = groups.replace(aws, transactor_src=str(file), timeout=60, **options)
    assert result["failed"]
    assert expected in result["msg"]
    assert not [call for call in aws.calls() if call.kind == "write"]


def test_diagnostics_hold_each_message_of_this_run_once(aws: Emulator) -> None:
    system(aws, 1, launch_failure="An earlier trouble", launch_retry=20)
    assert "An earlier trouble" in groups.replace(aws, **METRICS)["msg"]
    aws.configure(launch_failure="This is the trouble")
    result = groups.replace(aws, **METRICS)
    expected = [line for line in result["diagnostics"] if line.startswith("Scaling activity")]
    assert expected == ["Scaling activity: This is the trouble. Launching EC2 instance failed."]


@pytest.mark.parametrize("times", [1, 1000])
def test_what_was_terminated_before_a_call_failed_is_told(aws: Emulator, times: int) -> None:
    groups.create(aws, 2)
    old = groups.ids(aws)
    groups.update(aws, 2)
    aws.fault(match="TerminateInstance", k=2, times=times, mode="error", code="AccessDenied", status=403)
    result = groups.replace(aws, strategy="terminate", timeout=600)
    gone = [each for each in old if each not in groups.ids(aws)]
    assert sorted(result["replaced"]) == gone
    assert [each["instance_id"] for each in result["timeline"] if "terminated" in each["event"]] == result["replaced"]
    assert result["changed"]
    assert (bool(result.get("failed")), len(gone)) == ((False, 2) if times == 1 else (True, 1))


def test_a_group_scaled_by_hand_with_its_minimum_is_brought_back(aws: Emulator) -> None:
    groups.create(aws, 1)
    kept = groups.ids(aws)
    aws.advance(60)  # launch times tell which is the older one
    sizes = {"AutoScalingGroupName": groups.group_name(aws), "MinSize": 2, "MaxSize": 2}
    aws.backstage("autoscaling").update_auto_scaling_group(**sizes)
    result = groups.replace(aws, settle_seconds=30, timeout=600)
    assert not result.get("failed"), result
    assert (groups.ids(aws), groups.sizes(aws)) == (kept, (1, 1, 1))


def test_a_raised_minimum_keeps_no_failed_replacement_from_going_back(aws: Emulator) -> None:
    old = system(aws, 1, modes={"second": "unhealthy"})
    client, name = aws.backstage("autoscaling"), groups.group_name(aws)
    assert isinstance(groups.one_step(aws, **METRICS), Resize), "the surge"
    client.update_auto_scaling_group(AutoScalingGroupName=name, MinSize=2)
    assert groups.replace(aws, **METRICS, timeout=600)["failed"]
    assert (groups.ids(aws), groups.sizes(aws)) == (old, (1, 1, 1))


def test_a_note_of_sizes_that_a_killed_run_left_goes_with_the_next(aws: Emulator) -> None:
    client = aws.backstage("autoscaling")
    client.create_launch_configuration(LaunchConfigurationName="first", ImageId=groups.IMAGE, InstanceType="c4.large")
    sizes = {"MinSize": 1, "MaxSize": 3, "AvailabilityZones": ["us-east-1a"]}
    client.create_auto_scaling_group(AutoScalingGroupName="byhand", LaunchConfigurationName="first", **sizes)
    tag = {
        "ResourceId": "byhand",
        "ResourceType": "auto-scaling-group",
        "Key": "datomic:configured-sizes",
        "Value": "1/3/1",
    }
    client.create_or_update_tags(Tags=[{**tag, "PropagateAtLaunch": False}])
    assert not groups.replace(aws, auto_scaling_group_name="byhand", settle_seconds=30).get("failed")
    assert not groups.group(aws, "byhand").get("Tags")
    client.set_desired_capacity(AutoScalingGroupName="byhand", DesiredCapacity=2)
    assert not groups.replace(aws, auto_scaling_group_name="byhand", settle_seconds=30)["changed"]
    assert groups.group(aws, "byhand")["DesiredCapacity"] == 2


def test_a_note_of_sizes_that_somebody_changed_since_does_not_count(aws: Emulator) -> None:
    client = aws.backstage("autoscaling")
    for name in ("first", "second"):
        client.create_launch_configuration(LaunchConfigurationName=name, ImageId=groups.IMAGE, InstanceType="c4.large")
    zones = ["us-east-1a"]
    client.create_auto_scaling_group(
        AutoScalingGroupName="byhand", LaunchConfigurationName="first", MinSize=1, MaxSize=1, AvailabilityZones=zones
    )
    client.update_auto_scaling_group(AutoScalingGroupName="byhand", LaunchConfigurationName="second")
    assert isinstance(groups.one_step(aws, auto_scaling_group_name="byhand"), Resize), "the surge"
    client.update_auto_scaling_group(AutoScalingGroupName="byhand", MinSize=2, MaxSize=2)
    result = groups.replace(aws, auto_scaling_group_name="byhand", settle_seconds=30)
    assert not result.get("failed"), result
    group = groups.group(aws, "byhand")
    assert (group["MinSize"], group["DesiredCapacity"], group["MaxSize"]) == (2, 2, 2)


def tagged(aws: Emulator) -> str:
    tags = {tag["Key"]: tag["Value"] for tag in groups.group(aws)["Tags"]}
    return str(tags.get("datomic-onprem:current-instances", ""))


def test_instances_that_run_what_the_group_launches_again_count_as_current(aws: Emulator) -> None:
    """The stack went back to the template before: it has another launch configuration of the same content."""
    groups.create(aws, 2)
    old = groups.ids(aws)
    groups.update(aws, 2)
    groups.update(aws, 2, note="first")
    checked, _warnings = groups.check(aws, current=tuple(old))
    assert (checked["replaced"], tagged(aws)) == ([], "")
    aws.clear_calls()
    done = groups.replace(aws, current=tuple(old))
    assert (done["replaced"], done["launched"], groups.ids(aws)) == ([], [], old)
    writes = [call.operation for call in aws.calls() if call.kind == "write"]
    assert writes == ["CreateOrUpdateTags"]
    # Later runs need no option, and write nothing.
    aws.clear_calls()
    for current in ((), tuple(old)):
        assert groups.replace(aws, current=current)["replaced"] == []
    assert [call.operation for call in aws.calls() if call.kind == "write"] == []
    # What the group launches next outdates them again.
    groups.update(aws, 2, note="third")
    assert sorted(groups.check(aws)[0]["replaced"]) == old


def test_only_the_instances_of_the_option_count_as_current(aws: Emulator) -> None:
    groups.create(aws, 2)
    old = groups.ids(aws)
    groups.update(aws, 2)
    assert groups.replace(aws, current=(old[0], "i-0123456789abcdef0"))["replaced"] == [old[1]]
    assert tagged(aws).split(" ")[1:] == [old[0]]
    assert old[0] in groups.ids(aws)


def test_a_tag_has_room_for_twelve_instances(aws: Emulator) -> None:
    groups.create(aws, 14)
    old = groups.ids(aws)
    groups.update(aws, 14)
    groups.check(aws)
    result = groups.replace(aws, current=tuple(old))
    assert len(tagged(aws)) <= 256
    assert len(result["replaced"]) == 2
