# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""replace_transactors as a task of a real ansible-playbook run: lines while it runs, check mode, errors, Ctrl-C."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.emulator import Emulator
from tests.estate import Estate
from tests.integration import groups
from tests.integration.test_replace_transactors_rolling import METRICS, PROPERTIES, bound, system

pytestmark = pytest.mark.usefixtures("older_account")

ROLES = ("active", "standby")
PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Replace
      datomic_onprem.aws.replace_transactors: {options}
      register: replaced
      environment: "{{{{ apart | default({{}}) }}}}"
    - name: Show
      ansible.builtin.debug:
        msg: "replaced {{{{ replaced.replaced | length }}}} launched {{{{ replaced.launched | length }}}}"
"""


def start(
    aws: Emulator, directory: pathlib.Path, *arguments: str, hosts: str = "localhost,", **options: object
) -> subprocess.Popen[str]:
    play = directory / "play.yml"
    play.write_text(
        PLAY.format(options=json.dumps({"stack_name": "orders", "poll_seconds": 0.25, **METRICS, **options}))
    )
    command = [sys.executable, "-m", "ansible", "playbook", "-i", hosts, "-c", "local"]
    command += ["-e", f"ansible_python_interpreter={sys.executable}", *arguments, str(play)]
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".tree"),
        "ANSIBLE_HOME": str(directory / "ansible"),
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": "testing-id",
        "AWS_SECRET_ACCESS_KEY": "testing-secret",
        "AWS_REGION": "us-east-1",
        # Ansible flushes what it prints at its end, but for a terminal.
        "PYTHONUNBUFFERED": "1",
    }
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=directory,
        start_new_session=True,
    )


def run(aws: Emulator, directory: pathlib.Path, *arguments: str, **options: Any) -> tuple[int, str]:
    with start(aws, directory, *arguments, **options) as process:
        printed, _errors = process.communicate(timeout=120)
    return process.returncode, printed


def test_lines_appear_while_it_runs_and_the_second_run_changes_nothing(aws: Emulator, tmp_path: pathlib.Path) -> None:
    old = system(aws, 1, scale=120)
    # Another interpreter does not take the lines away.
    code, printed = run(aws, tmp_path, "--check", "--diff", "-e", "ansible_python_interpreter=/nonexistent/python")
    assert code == 0, printed
    assert "would launch 1 in addition to the old" in printed
    assert f"-{old[0]} a deleted launch configuration" in printed
    assert groups.ids(aws) == old
    code, printed = run(aws, tmp_path)
    assert code == 0, printed
    assert f"replacing {old[0]}; if this is stopped, running it again continues" in printed
    assert "standby 1 of 1 is beating (12 per minute)" in printed
    assert "replaced 1 launched 1" in printed
    assert aws.outage() <= bound()
    code, printed = run(aws, tmp_path)
    assert "changed=0" in printed


def test_in_a_process_of_its_own_it_does_the_same_and_the_lines_appear_at_the_end(
    aws: Emulator, tmp_path: pathlib.Path
) -> None:
    groups.create(aws)
    old = groups.ids(aws)
    groups.update(aws)
    apart = json.dumps({"apart": {"PYTHONDONTWRITEBYTECODE": "1"}})
    code, printed = run(aws, tmp_path, "-vvvv", "-e", apart, strategy="terminate", cloudwatch_region="")
    assert code == 0, printed
    assert "runs in a process of its own: environment: PYTHONDONTWRITEBYTECODE" in printed
    assert f"  {old[0]} terminated; the group launches another one\n" in printed
    assert "replaced 1 launched 1" in printed
    assert old[0] not in groups.ids(aws)


def test_from_two_to_one_the_standby_goes_and_the_active_one_stays(aws: Emulator, tmp_path: pathlib.Path) -> None:
    """The active one is the older, as after any growth from one to two."""
    properties = PROPERTIES.format(interval=5000)
    aws.configure(simulator=True, boot=0)
    groups.create(aws, 1, properties=properties)
    aws.advance(420)
    groups.update(aws, 2, note="first", properties=properties)
    aws.advance(420)
    active, standby = ([one["instance_id"] for one in aws.transactors() if one["role"] == role] for role in ROLES)
    aws.configure(scale=120, terminating=20, metrics_delay=40)
    aws.measure()
    code, printed = run(aws, tmp_path, when="surplus", size=1)
    assert code == 0, printed
    assert f"{standby[0]} stopped: more than the group's size" in printed
    assert (groups.ids(aws), groups.sizes(aws)) == (active, (1, 1, 1))
    assert [one["instance_id"] for one in aws.transactors() if one["role"] == "active"] == active
    assert aws.outage() == 0, "nobody had to take over"


def test_with_several_systems_each_line_tells_whose_it_is(aws: Emulator, tmp_path: pathlib.Path) -> None:
    aws.configure(scale=20, pending=5)
    client = aws.backstage("autoscaling")
    names = ("orders", "invoices")
    for name in names:
        launch = {"ImageId": groups.IMAGE, "InstanceType": "c4.large"}
        client.create_launch_configuration(LaunchConfigurationName=f"{name}-1", **launch)
        client.create_launch_configuration(LaunchConfigurationName=f"{name}-2", **launch)
        sizes = {"AutoScalingGroupName": name, "MinSize": 1, "MaxSize": 1}
        client.create_auto_scaling_group(**sizes, LaunchConfigurationName=f"{name}-1", AvailabilityZones=["us-east-1a"])
        client.update_auto_scaling_group(AutoScalingGroupName=name, LaunchConfigurationName=f"{name}-2")
    options: dict[str, Any] = {
        "stack_name": "{{ omit }}",
        "auto_scaling_group_name": "{{ inventory_hostname }}",
        "settle_seconds": 10,
    }
    options |= {"cloudwatch_region": "", "cloudwatch_dimension_value": ""}
    code, printed = run(aws, tmp_path, "--check", hosts="orders,invoices,", **options)
    assert code == 0, printed
    for name in names:
        assert f"\n{name}: would launch 1 in addition to the old\n" in printed
    code, printed = run(aws, tmp_path, hosts="orders,invoices,", **options)
    assert code == 0, printed
    for name in names:
        assert any(line.startswith(f"{name}: ") and "1 new in addition" in line for line in printed.splitlines())
    expected = [line for line in printed.splitlines() if " is in service" in line or "stopped; a standby" in line]
    assert len(expected) == 4
    assert all(line.startswith(("orders: ", "invoices: ")) for line in expected)


def test_ctrl_c_leaves_a_group_that_the_next_run_finishes(aws: Emulator, tmp_path: pathlib.Path) -> None:
    old = system(aws, 1, scale=10)
    with start(aws, tmp_path) as process:
        assert process.stdout is not None
        seen = ""
        while "1 new in addition to the old" not in seen:
            seen += (line := process.stdout.readline())
            assert line, seen
        os.killpg(process.pid, signal.SIGINT)
        printed = seen + process.communicate(timeout=60)[0]
    assert process.returncode != 0, printed
    assert "Stopped. The group has" in printed
    assert "Running again continues from this state." in printed
    assert groups.sizes(aws) == (1, 2, 2)
    aws.configure(scale=120)
    result = groups.replace(aws, **METRICS)
    assert result["replaced"] == old
    assert groups.sizes(aws) == (1, 1, 1)
    assert aws.outage() <= bound()


def test_a_failed_roll_names_the_way_back_and_the_same_playbook_retries_it(
    aws: Emulator, tmp_path: pathlib.Path
) -> None:
    """The edit asks for a log bucket too, whose name the failed run fills in and commits."""
    aws.configure(scale=120)
    estate = Estate(tmp_path / "estate", aws.url)
    file = estate.directory / "aws/wormbase-transactor.properties"
    asked = "\naws-s3-log-bucket-id=\n"
    file.write_text(file.read_text().replace(asked, "\n"))
    made = estate.play("create.yml")
    assert made.returncode == 0, made.output
    runs = estate.git("rev-parse", "HEAD").strip()
    aws.configure(capacity=1)
    client = aws.backstage("autoscaling")

    def group() -> dict[str, Any]:
        found: dict[str, Any] = client.describe_auto_scaling_groups()["AutoScalingGroups"][0]
        return found

    before = [each["InstanceId"] for each in group()["Instances"]]
    file.write_text(file.read_text() + asked.strip() + "\n")
    estate.git("commit", "--quiet", "--all", "--message", "Half of the edit")
    estate.edit("aws/wormbase-transactor.properties", memory_index_max="256m")
    by_hand = ("-e", "datomic_rollback_on_failure=false")
    failed = estate.play("update.yml", *by_hand)
    assert failed.returncode != 0
    assert "the group cannot launch instances" in failed.output
    assert f"checkout {runs} -- {file}" in failed.output
    assert [each["InstanceId"] for each in group()["Instances"]] == before
    assert estate.git("status", "--porcelain") == "", "what the failed run filled in is committed"
    assert "aws-s3-log-bucket-id=datomic-logs-" in estate.git("show", f"HEAD:{file.relative_to(estate.directory)}")

    repeated = estate.play("update.yml", *by_hand)
    assert repeated.returncode != 0
    assert "checkout" not in repeated.output, "the stack no longer says what ran before"
    assert "Nothing proves which commit that is" in repeated.output, repeated.output
    aws.configure(capacity=None)
    again = estate.play("update.yml")
    assert again.returncode == 0, again.output
    (after,) = group()["Instances"]
    assert after["InstanceId"] not in before
    assert {group()[size] for size in ("MinSize", "DesiredCapacity", "MaxSize")} == {1}
