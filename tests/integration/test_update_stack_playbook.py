# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""update_stack in a playbook: what a user sees while a stack changes, when it fails, and when the run is stopped."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
from typing import Any

import pytest
import yaml
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.stack.failures import KEPT

from tests.emulator import Emulator
from tests.estate import environment
from tests.integration import groups
from tests.integration.stacks import follow
from tests.integration.test_update_stack import BOTH, CREATED, SENTINEL, UPDATED, broken, statuses

PROPERTIES = f"license-key={SENTINEL}\ndata-dir=/data"


@pytest.fixture
def directory(tmp_path: pathlib.Path, aws: Emulator) -> pathlib.Path:
    aws.configure(launch_configurations=True)
    return tmp_path


def start(
    aws: Emulator,
    directory: pathlib.Path,
    *arguments: str,
    hosts: str = "orders,",
    pythonpath: str = "",
    **options: Any,
) -> subprocess.Popen[str]:
    """A playbook with the one task. pythonpath: of ansible-playbook; options: of the task."""
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    task = {
        "name": "Create or update the stack",
        "datomic_onprem.aws.update_stack": {
            "stack_name": "{{ inventory_hostname }}",
            "template": "{{ inventory_hostname }}.json",
            "resources": list(BOTH),
            "region": "us-east-1",
            **options,
        },
        "register": "updated",
    }
    shown = {"ansible.builtin.debug": {"var": "updated"}}
    play = {"hosts": "all", "gather_facts": False, "vars": variables, "tasks": [task, shown]}
    (directory / "play.yml").write_text(yaml.safe_dump([play]))
    return subprocess.Popen(
        ["ansible-playbook", "-i", hosts, "play.yml", *arguments],
        cwd=directory,
        env=environment(aws.url, directory) | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": pythonpath},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(aws: Emulator, directory: pathlib.Path, *arguments: str, **options: Any) -> tuple[int, str]:
    with start(aws, directory, *arguments, **options) as process:
        printed = process.communicate(timeout=120)[0]
    return process.returncode, printed


def result(printed: str) -> dict[str, Any]:
    """What the task registered."""
    found: dict[str, Any] = json.loads(printed[printed.rindex("=> {") + 3 : printed.rindex("}") + 1])["updated"]
    return found


def test_the_lines_come_first_and_no_secret_at_any_verbosity(aws: Emulator, directory: pathlib.Path) -> None:
    (directory / "orders.json").write_text(groups.template("first", properties=PROPERTIES))
    code, printed = run(aws, directory, "-vvvv")
    assert code == 0, printed
    assert [line for line in printed.splitlines() if line in CREATED] == CREATED
    assert printed.index(CREATED[-1]) < printed.index("changed: [orders]")
    assert SENTINEL not in printed
    assert "data-dir=/data" not in printed, "the template is not shown at all"
    updated = result(printed)
    assert updated.keys() == {"changed", "events", "failed", "outputs", "seconds", "stack_id"}
    assert updated["stack_id"].startswith("arn:aws:cloudformation:us-east-1:123456789012:stack/orders/")
    assert len(updated["events"]) == len(CREATED)
    # In check mode.
    (directory / "orders.json").write_text(groups.template("second", properties=PROPERTIES))
    aws.clear_calls()
    code, printed = run(aws, directory, "--check")
    assert code == 0, printed
    assert "\nThe stack orders was not changed: this is a check.\nok: [orders]\n" in printed
    assert aws.calls() == []


def test_a_failure_is_read_from_the_top(aws: Emulator, directory: pathlib.Path) -> None:
    groups.create(aws)
    template = json.loads(broken("second", properties=PROPERTIES))
    template["Resources"]["LaunchConfig"]["Properties"]["IamInstanceProfile"] = f"orders-{SENTINEL}"
    (directory / "orders.json").write_text(json.dumps(template))
    code, printed = run(aws, directory, "-vvvv")
    assert code == 2
    assert SENTINEL not in printed
    assert "Unknown error" not in printed
    reason = "Invalid IamInstanceProfile: orders-********"
    lines = [line for line in printed.splitlines() if line and not line.startswith("<orders>")]
    first = lines.index(UPDATED[0])
    assert lines[first : first + 7] == [
        *UPDATED[:2],
        f"0/2 LaunchConfig UPDATE_FAILED: {reason}",
        "orders UPDATE_ROLLBACK_IN_PROGRESS",
        "orders UPDATE_ROLLBACK_COMPLETE",
        "[ERROR]: Task failed: Action failed: Could not update the stack orders: "
        f"LaunchConfig (AWS::AutoScaling::LaunchConfiguration) is UPDATE_FAILED: {reason}.",
        f"The stack is UPDATE_ROLLBACK_COMPLETE{KEPT['UPDATE_ROLLBACK_COMPLETE']}. No transactor was replaced. "
        "Correct the cause. Then run again.",
    ]
    assert '"seconds": ' in printed, "the report of the run says how long each step took"
    assert "{" not in "".join(lines[lines.index(UPDATED[0]) : first + 7]), "no JSON before the reason"


def test_with_several_systems_each_line_says_whose_it_is(aws: Emulator, directory: pathlib.Path) -> None:
    for name in ("orders", "invoices"):
        (directory / f"{name}.json").write_text(groups.template(name))
    code, printed = run(aws, directory, hosts="orders,invoices,")
    assert code == 0, printed
    for name in ("orders", "invoices"):
        mine = [line.removeprefix(f"{name}: ") for line in printed.splitlines() if line.startswith(f"{name}: ")]
        assert mine == [line.replace("orders", name) for line in CREATED]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_says_that_cloudformation_goes_on(
    aws: Emulator, directory: pathlib.Path, number: signal.Signals
) -> None:
    groups.create(aws)
    (directory / "orders.json").write_text(groups.template("second"))
    aws.configure(stack_in_progress=300)
    with start(aws, directory) as process:
        assert process.stdout is not None
        seen = ""
        while UPDATED[0] not in seen:
            seen += (line := process.stdout.readline())
            assert line, seen
        os.killpg(process.pid, number) if number == signal.SIGINT else process.terminate()
        printed = seen + process.communicate(timeout=60)[0]
    assert process.returncode != 0, printed
    assert "CloudFormation goes on with the stack orders. Run again when it has finished." in printed
    assert statuses(aws) == ["UPDATE_IN_PROGRESS"]
    # Nobody knows whose operation it is.
    again = follow(aws, directory / "orders.json", resources=BOTH)
    assert "which this run did not begin, is under way" in again.failure
    aws.advance(300)
    again = follow(aws, directory / "orders.json", resources=BOTH)
    assert (again.failure, again.result["changed"]) == ("", False)
    assert statuses(aws) == ["UPDATE_COMPLETE"]


def test_without_boto3_in_the_controller_the_stack_changes_without_lines(
    aws: Emulator, directory: pathlib.Path
) -> None:
    (directory / "orders.json").write_text(groups.template("first"))
    (directory / "sitecustomize.py").write_text("import sys\nsys.modules['boto3'] = sys.modules['botocore'] = None\n")
    twin = directory / "python"  # which runs the modules
    twin.write_text(f'#!/bin/sh\nunset PYTHONPATH\nexec {sys.executable} "$@"\n')
    twin.chmod(0o755)
    interpreter = ("-e", f"ansible_python_interpreter={twin}")
    code, printed = run(aws, directory, "-v", *interpreter, pythonpath=str(directory), account_id="123456789012")
    assert code == 0, printed
    assert "\nThe events of the stack are not shown: " in printed
    assert "which runs ansible-playbook, has no boto3\n" in printed
    assert "CREATE_IN_PROGRESS" not in printed
    assert statuses(aws) == ["CREATE_COMPLETE"]


def test_wrong_options_are_refused(aws: Emulator, directory: pathlib.Path) -> None:
    code, printed = run(aws, directory, state="absent")
    assert code == 2
    assert " module: state. Supported parameters include: " in printed, printed
    assert aws.calls() == []
