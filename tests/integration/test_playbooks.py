# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""create.yml and update.yml as users run them, against the emulator, calls counted.

A run costs seconds of CPU: what a single module decides is tested with the module, and one run has several assertions.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from ansible_collections.datomic_onprem.aws.plugins.module_utils.state.item import TABLE

from tests.emulator import Emulator
from tests.emulator.account import snapshot
from tests.estate import ROOT, Estate, Run
from tests.modules import CREDENTIALS, run_module

TRANSACTOR = "aws/wormbase-transactor.properties"
CF = "aws/wormbase-cf.properties"
NO_CHANGE_CALLS = 16
SENTINEL = "hunter2hunter2"
STEPS = """
- hosts: datomic
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: datomic_onprem.aws.datomic
        tasks_from: "{{ item }}"
      loop: [stack, replace]
"""
OWN_PROCEDURE = (
    STEPS.replace("[stack, replace]", "STEPS_OF_IT")
    + """
    - ansible.builtin.debug:
        msg: "registered={{ datomic_registered.files | join(',') }}."
"""
)


@pytest.fixture
def estate(tmp_path: pathlib.Path, aws: Emulator) -> Estate:
    # The example has no metrics, so that a replacement lets new transactors settle for minutes of AWS's clock.
    aws.configure(scale=120)
    return Estate(tmp_path / "estate", aws.url)


def successful(run: Run) -> Run:
    assert run.returncode == 0, run.output
    return run


def refused(run: Run, *said: str) -> None:
    """The run failed with one clear error, before any mutating call."""
    assert run.returncode != 0, run.output
    assert "Traceback" not in run.output
    # A row of the table of findings has its place, key and text in columns.
    shown = f"{run.output} {' '.join(run.output.split())}"
    for text in said:
        assert text in shown
    assert run.writes() == []


def keep_the_flavor(estate: Estate) -> None:
    """From here on the inventory asks for no flavor, and the stack keeps its own."""
    inventory = estate.directory / "inventory" / "hosts.yml"
    asked = "    datomic_template_flavor: legacy\n"
    assert asked in inventory.read_text()
    inventory.write_text(inventory.read_text().replace(asked, ""))
    estate.git("commit", "--quiet", "--all", "--message", "No flavor")


def value(estate: Estate, path: str, key: str) -> str:
    lines = (estate.directory / path).read_text().splitlines()
    (found,) = [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]
    return found


def lines(output: str) -> int:
    """How many lines a run printed, blank ones included, warnings excluded."""
    return len(re.sub(r"(?m)^  ! .*\n(?: {4}.*\n)*", "", output).splitlines())


def in_service(aws: Emulator) -> list[str]:
    groups = aws.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return [i["InstanceId"] for group in groups for i in group["Instances"] if i["LifecycleState"] == "InService"]


def group(aws: Emulator) -> str:
    (found,) = aws.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return str(found["AutoScalingGroupName"])


def test_a_system_from_its_plan_to_a_replaced_transactor(estate: Estate, aws: Emulator) -> None:
    before = snapshot(aws)
    refused(estate.play("update.yml"), "The stack wormbase does not exist in us-east-1.", "Nothing was changed.")
    # As a user gives a boolean on the command line: as text.
    plan = successful(estate.play("create.yml", "--check", "--diff", "-e", "datomic_commit=false"))
    assert plan.writes() == []
    assert snapshot(aws) == before
    assert estate.git("status", "--porcelain") == "", "no file was touched"
    said = " ".join(plan.output.split())
    for shown in (
        "aws-s3-log-bucket-id (not set) -> datomic-logs-<generated> aws/wormbase-transactor.properties:114",
        "aws-transactor-role (not set) -> datomic-aws-transactor aws/wormbase-transactor.properties:38",
        "java-xmx (not set) -> 2625m aws/wormbase-cf.properties:23",
        "LaunchGroup",
        "[legacy-new-stack]",
        "Plan: 6 to create, 2 to update, 0 to delete, 0 transactors to replace.",
    ):
        assert shown in said, plan.output

    created = successful(estate.play("create.yml"))
    said = " ".join(created.output.split())
    assert said.index("Plan: 6 to create, ") < said.index("Provision the table") < said.index("Applied: 6 created, ")
    keep_the_flavor(estate)
    account = snapshot(aws)
    role = value(estate, TRANSACTOR, "aws-transactor-role")
    assert role == "datomic-aws-transactor"
    assert set(account["roles"]) == {role, value(estate, TRANSACTOR, "aws-peer-role")}
    assert account["buckets"] == [value(estate, TRANSACTOR, "aws-s3-log-bucket-id")]
    (old,) = in_service(aws)
    assert estate.git("status", "--porcelain") == "", "the files are registered"

    commits = estate.git("rev-list", "--count", "HEAD")
    again = successful(estate.play("update.yml"))
    assert again.changed == {"wormbase": 0}
    assert again.kinds() == {"read": len(again.calls)}
    assert len(again.calls) <= NO_CHANGE_CALLS, "docs/development/performance.md justifies each"
    assert lines(again.output) <= 25, again.output
    assert estate.git("rev-list", "--count", "HEAD") == commits, "no empty commit"
    # Left half done by a run that was killed: the stack is as it should be, the group is not.
    aws.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName=group(aws), MaxSize=2)
    assert successful(estate.play("update.yml")).changed == {"wormbase": 1}

    estate.edit(TRANSACTOR, memory_index_max="256m")
    plan = successful(estate.play("update.yml", "--check", "--diff"))
    assert plan.writes() == []
    assert old in plan.output, "the plan names the instance that would go"
    said = " ".join(plan.output.split())
    for shown in (
        f"~ memory-index-max 512m -> 256m {TRANSACTOR}:56",
        "LaunchConfig (replaced)",
        "± transactors 1 of 1",
    ):
        assert shown in said, plan.output
    assert in_service(aws) == [old]
    aws.set_stack_status("wormbase", "UPDATE_IN_PROGRESS")
    busy = estate.play("update.yml")
    refused(busy, "The stack wormbase is UPDATE_IN_PROGRESS. Another operation on it is in progress since 20")
    assert {call["kind"] for call in busy.calls} == {"read"}, "another machine's run is left alone"
    (estate.directory / "steps.yml").write_text(STEPS)
    aws.set_stack_status("wormbase", "UPDATE_ROLLBACK_FAILED")
    refused(estate.play("steps.yml"), "The stack wormbase is UPDATE_ROLLBACK_FAILED.", "continue-update-rollback")
    aws.set_stack_status("wormbase", "CREATE_COMPLETE")

    done = successful(estate.play("update.yml"))
    (new,) = in_service(aws)
    assert new != old
    assert "memory-index-max=256m" in estate.git("show", "HEAD:" + TRANSACTOR)
    assert done.changed["wormbase"] > 0


LATER = """
- ansible.builtin.import_playbook: datomic_onprem.aws.create
- hosts: datomic
  gather_facts: false
  tasks:
    - ansible.builtin.lineinfile:
        path: aws/wormbase-transactor.properties
        regexp: ^aws-dynamodb-table=
        line: aws-dynamodb-table=second
    - ansible.builtin.include_role:
        name: datomic_onprem.aws.datomic
        tasks_from: provision
"""


def test_a_plan_holds_for_its_own_files(estate: Estate, aws: Emulator) -> None:
    (estate.directory / "later.yml").write_text(LATER)
    successful(estate.play("later.yml"))
    assert {name.partition("/")[2] for name in snapshot(aws)["tables"]} == {"wormbase", "second", TABLE}


def add_hosts(estate: Estate, *names: str, directory: str = "aws") -> None:
    """Add systems to the example, each with its own files and table. directory: of the files."""
    (estate.directory / directory).mkdir(exist_ok=True)
    inventory = estate.directory / "inventory" / "hosts.yml"
    text = inventory.read_text()
    (example,) = re.findall(r"(?m)^    wormbase:\n(?: {6}.*\n)*", text)
    for name in names:
        for kind in ("transactor", "cf"):
            source = estate.directory / f"aws/wormbase-{kind}.properties"
            content = source.read_text().replace("aws-dynamodb-table=wormbase", f"aws-dynamodb-table={name}")
            (estate.directory / directory / f"{name}-{kind}.properties").write_text(content)
        host = example.replace("wormbase", name).replace("aws/", f"{directory}/")
        text = text.replace("  vars:\n", host + "  vars:\n")
    inventory.write_text(text)
    estate.git("add", ".")
    estate.git("commit", "--quiet", "--message", "More systems")


def test_several_systems_at_once_and_one_alone(estate: Estate, aws: Emulator) -> None:
    books = "aws/B\u00fccher & 'L\u00f6hne' $(x)"
    add_hosts(estate, "orders")
    add_hosts(estate, "billing", directory=books)
    mistaken = estate.play("create.yml", "--limit", "orders,billing", "-e", "datomic_stack_name=orders")
    refused(mistaken, "orders and billing have the stack orders", "Nothing was changed.")
    created = successful(estate.play("create.yml"))
    table = [line.split() for line in created.output.splitlines() if line.endswith(("OUTCOME", "  applied"))]
    assert [row[0] for row in table] == ["SYSTEM", "wormbase", "orders", "billing"], "last, one line for each"
    one_by_one = ("-e", "datomic_serial=1", "-e", "datomic_stack_name=orders", "--limit", "orders,billing")
    late = estate.play("update.yml", *one_by_one)
    assert late.returncode != 0
    assert "Nothing of this batch of hosts was changed." in late.output, late.output
    account = snapshot(aws)
    assert {name.partition("/")[2] for name in account["tables"]} == {"wormbase", "orders", "billing", TABLE}
    files = ("aws/orders-transactor.properties", f"{books}/billing-transactor.properties")
    roles = {value(estate, file, "aws-transactor-role") for file in files}
    assert len(roles | {value(estate, TRANSACTOR, "aws-transactor-role")}) == 3, "no two systems share a role"
    assert len(in_service(aws)) == 3
    assert estate.git("status", "--porcelain") == ""

    for file in files:
        estate.edit(file, memory_index_max="256m")
    one = successful(estate.play("update.yml", "--limit", "orders"))
    assert set(one.changed) == {"orders"}
    assert "billing" in estate.git("status", "--porcelain"), "the other system's edit is left alone"


def test_a_failure_half_way_leaves_the_names_committed(estate: Estate, aws: Emulator) -> None:
    names: dict[str, str] = {}
    for call in ("iam:PutRolePolicy", "cloudformation:CreateStack"):
        aws.fault(match=call, times=100, mode="error", code="AccessDenied", status=403)
        failed = estate.play("create.yml")
        assert failed.returncode != 0
        aws.clear_faults()
        committed = estate.git("show", "HEAD:" + TRANSACTOR).splitlines()
        for key in ("aws-transactor-role", "aws-peer-role", "aws-s3-log-bucket-id"):
            name = value(estate, TRANSACTOR, key)
            assert name
            assert names.setdefault(key, name) == name, "the same names, not new ones"
            assert f"{key}={name}" in committed
    # CloudFormation takes the request, and its answer is lost: botocore sends it again, and the stack is there.
    aws.fault(match="cloudformation:CreateStack", mode="drop_after")
    successful(estate.play("create.yml"))
    assert len(in_service(aws)) == 1
    account = snapshot(aws)
    assert set(account["roles"]) == {names["aws-transactor-role"], names["aws-peer-role"]}
    assert account["buckets"] == [names["aws-s3-log-bucket-id"]]


def test_a_stack_that_fails_says_why(estate: Estate, aws: Emulator) -> None:
    aws.configure(launch_configurations=False)
    run = estate.play("create.yml")
    assert "operation is not available in your account" in run.output
    assert "set datomic_template_flavor: modern. Then delete the stack" in run.output
    assert "run again" not in run.output
    aws.backstage("cloudformation").delete_stack(StackName="wormbase")
    aws.configure(capacity=0, launch_configurations=True)
    run = estate.play("create.yml")
    assert run.returncode != 0
    failure = "Could not create the stack wormbase: LaunchGroup (AWS::AutoScaling::AutoScalingGroup) is CREATE_FAILED: "
    assert failure in run.output, run.output
    assert estate.git("status", "--porcelain") == "", "the names are committed all the same"


STEP_TASKS = {
    "Register the files in git": "git",
    "Provision the table, the log bucket and the roles": "transactor",
    "Provision the security group": "security_group",
    "Write the CloudFormation template": "template",
    "Create or update the stack": "stack",
    "Replace outdated transactors": "transactors",
}


def applied(run: Run) -> set[str]:
    """The steps whose tasks reported a change."""
    tasks = re.findall(r"TASK \[[^:]* : ([^\]]*)\] \*+\n((?:(?!TASK).*\n)*)", successful(run).output)
    return {STEP_TASKS[name] for name, text in tasks if "\nchanged: [" in f"\n{text}"}


def test_a_check_plans_exactly_what_the_run_does(estate: Estate, aws: Emulator) -> None:
    file = estate.directory / ".git" / "plan.json"

    def planned(*arguments: str) -> set[str]:
        """The steps of the plan of a check."""
        check = successful(estate.play(*arguments, "--check", "-e", f"datomic_plan_file={file}"))
        assert check.writes() == []
        made = json.loads(file.read_text())
        assert check.changed == {"wormbase": 1}
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        plans.append((check, made))
        return {change["step"] for change in made["changes"]}

    plans: list[tuple[Run, dict[str, Any]]] = []
    # The template is no change in itself: the stack shows it.
    written = {"template", "git"}
    assert planned("create.yml") | written == applied(estate.play("create.yml"))
    # An edit that nobody has committed, and of which one value cannot be taken at once.
    estate.edit(TRANSACTOR, memory_index_max="256m")
    with (estate.directory / TRANSACTOR).open("a") as edited:
        edited.write("\nheartbeat-interval-msec=2000\n")
    assert planned("update.yml") | written == applied(estate.play("update.yml"))
    said = " ".join(plans[-1][0].output.split())
    assert said.count("~ memory-index-max 512m -> 256m") == 1
    assert "2000 is less than half of 5000, which runs now" in said
    # What changes in AWS alone is nothing to register, and the new tags of a stack reach its group.
    given = {"datomic_table_point_in_time_recovery": True, "datomic_tags": {"team": "orders"}}
    arguments = ("update.yml", "-e", json.dumps({**given, "datomic_replace": "never"}))
    assert planned(*arguments) == applied(estate.play(*arguments)) == {"transactor", "stack"}


def test_an_own_procedure_of_single_entry_points(estate: Estate) -> None:
    """Each plans its own steps. A check of them changes nothing; at the end of a run one commit has what all wrote."""
    own = "[provision, template, stack, replace, register]"
    (estate.directory / "own.yml").write_text(OWN_PROCEDURE.replace("STEPS_OF_IT", own))
    estate.git("add", "own.yml")
    estate.git("commit", "--quiet", "--message", "Our own procedure")
    arguments = ("own.yml", "-e", "datomic_create=true")
    plan = successful(estate.play(*arguments, "--check"))
    assert plan.writes() == []
    assert estate.git("status", "--porcelain") == ""
    done = successful(estate.play(*arguments))
    assert f"registered=aws/wormbase-cf.json,{CF},{TRANSACTOR}." in done.output
    assert estate.git("status", "--porcelain") == ""
    estate.edit(TRANSACTOR, memory_index_max="256m")
    arguments = ("own.yml", "-e", "datomic_replace=never")
    assert f"registered={TRANSACTOR}." in successful(estate.play(*arguments, "--check")).output
    successful(estate.play(*arguments))
    assert estate.git("log", "-1", "--format=%s").startswith("wormbase: memory-index-max 512m -> 256m")


def test_a_run_without_credentials_or_with_two_bad_files(estate: Estate, aws: Emulator) -> None:
    nobody = estate.play("create.yml", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    refused(nobody, "Could not read the stack wormbase: Unable to locate credentials. Set a profile")
    elsewhere = estate.play("create.yml", "-e", json.dumps({"datomic_aws": {"ec2_region": "eu-west-1"}}))
    refused(elsewhere, "aws-region is us-east-1, but region in datomic_aws is eu-west-1")
    stranger = estate.play("create.yml", "-e", "datomic_account_id=999999999999")
    refused(stranger, "The credentials belong to account 123456789012, not to 999999999999: nothing was changed.")
    asked = len(estate.calls())
    estate.edit(TRANSACTOR, host="", memory_index_max="1 g")
    estate.edit(CF, aws_autoscaling_group_size="0")
    for arguments in (("create.yml", "--check"), ("datomic_onprem.aws.validate",)):
        refused(
            estate.play(*arguments),
            "error host Missing property: host; write host=… with a value aws/wormbase-transactor.properties:4 ",
            "error memory-index-max Invalid value for memory-index-max: 1 g; ",
            " aws/wormbase-transactor.properties:56 ",
            "error aws-autoscaling-group-size Invalid value for aws-autoscaling-group-size: 0; ",
            " aws/wormbase-cf.properties:19 ",
            "3 errors:",
        )
    assert len(estate.calls()) == asked, "errors of the files need no AWS"


def test_every_wrong_variable_is_told_before_anything_is_asked(estate: Estate) -> None:
    run = estate.play("create.yml", "--check", "-e", "datomic_replace=foo", "-e", "datomic_replace_timeout=soon")
    refused(run, "datomic_replace", "stale, always, never", "datomic_replace_timeout", "soon")
    assert run.calls == []


@pytest.mark.parametrize("playbook", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda path: path.stem)
def test_the_variables_of_a_playbook_are_checked_once(playbook: pathlib.Path) -> None:
    specs = yaml.safe_load((ROOT / "roles/datomic/meta/argument_specs.yml").read_text())["argument_specs"]
    ((play,),) = [[task["ansible.builtin.import_role"] for task in yaml.safe_load(playbook.read_text())[0]["tasks"]]]
    # Ansible looks the spec up by exactly this text.
    assert play.get("tasks_from", "main") in specs
    assert play.get("rolespec_validate", True)


ROLE = """
- hosts: datomic
  gather_facts: false
  tasks:
    - ansible.builtin.import_role:
        name: datomic_onprem.aws.datomic
      tags: [datomic]
"""


def test_no_run_applies_anything_without_its_plan_and_its_locks(estate: Estate, aws: Emulator) -> None:
    successful(estate.play("create.yml"))
    keep_the_flavor(estate)
    (estate.directory / "role.yml").write_text(ROLE)
    estate.edit(TRANSACTOR, memory_index_max="256m")
    before, head = snapshot(aws), estate.git("rev-parse", "HEAD")
    behind = estate.play("update.yml", "--start-at-task", "Provision the security group")
    assert 'No matching task "Provision the security group" found' in behind.output, behind.output
    assert (behind.calls, behind.changed) == ([], {})
    for start, said in (
        ("Wait for other runs*", "There is no system to lock. Start at the first task of the role."),
        ("Plan the system", "The locks are missing. Start at the first task of the role."),
        ("Apply the plan", "The locks are missing. Start at the first task of the role."),
    ):
        refused(estate.play("role.yml", "--start-at-task", start), said, "Nothing was changed.")
    for playbook, *options in (
        ("update.yml", "--tags", "provision"),
        ("role.yml", "--tags", "network"),
    ):
        run = successful(estate.play(playbook, *options))
        assert "wormbase: neither planned nor changed, because --tags or" in run.output, run.output
        assert run.calls == []
    assert (snapshot(aws), estate.git("rev-parse", "HEAD")) == (before, head)
    whole = successful(estate.play("role.yml", "--tags", "datomic", "-e", "datomic_replace=never"))
    assert "cloudformation:UpdateStack" in whole.writes(), "the steps have the tags of the role"
    assert "neither planned nor changed" not in whole.output


def test_an_inventory_of_other_machines_too(estate: Estate, aws: Emulator) -> None:
    """What all hosts have there, an inventory's variables, counts more than a play's keywords."""
    inventory = estate.directory / "inventory"
    hosts = yaml.safe_load((inventory / "hosts.yml").read_text())
    for name in ("ansible_connection", "ansible_python_interpreter"):
        del hosts["datomic"]["vars"][name]
    (inventory / "hosts.yml").write_text(yaml.safe_dump(hosts))
    (inventory / "group_vars").mkdir()
    of_all = "ansible_connection: ssh\nansible_user: nobody\n"
    (inventory / "group_vars" / "all.yml").write_text(of_all)
    planned = successful(estate.play("create.yml", "--check", "-vvvv"))
    assert "runs in a process of its own" not in planned.output
    assert {call["service"] for call in planned.calls} >= {"cloudformation", "dynamodb", "ec2", "iam"}
    twin = estate.directory.parent / "python"  # the same Python by another name is another interpreter to Ansible
    twin.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    twin.chmod(0o755)
    (inventory / "group_vars" / "all.yml").write_text(f"{of_all}ansible_python_interpreter: {twin}\n")
    validated = successful(estate.play("datomic_onprem.aws.validate", "-vvvv"))
    assert f"runs in a process of its own: ansible_python_interpreter is {twin}" in validated.output


@pytest.mark.parametrize("playbook", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda path: path.stem)
def test_a_playbook_runs_where_ansible_playbook_runs(playbook: pathlib.Path) -> None:
    (play,) = yaml.safe_load(playbook.read_text())
    assert play["vars"]["ansible_connection"] == "local"
    assert "connection" not in play, "one of them says it"
    # Only what is installed for all users may need another user's rights.
    assert play["vars"].get("ansible_become", True) is (playbook.stem == "distribution")


PTY = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


def answer(
    estate: Estate,
    says: str,
    *arguments: str,
    changed: bool = False,
    meanwhile: Callable[[], object] = lambda: None,
) -> tuple[int, str]:
    """Run update.yml at a terminal, where somebody answers its question. meanwhile: happens before the answer.

    changed: whether the question comes after changes.
    """
    before = len(estate.calls())
    with subprocess.Popen(
        [sys.executable, "-c", PTY, "ansible-playbook", "-i", "inventory", "update.yml", *arguments],
        cwd=estate.directory,
        env=estate.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        output = ""
        while "Type yes" not in output:
            read = process.stdout.read(1)
            assert read, output
            output += read
        assert "Plan: " in output, "nobody is asked before the plan is shown"
        assert changed or not [call for call in estate.calls()[before:] if call["kind"] == "write"]
        meanwhile()
        # Ansible drops what was typed before it waits for the answer.
        with contextlib.suppress(BrokenPipeError):
            while process.poll() is None:
                process.stdin.write(f"{says}\r")
                process.stdin.flush()
                time.sleep(0.5)
        output += process.stdout.read()
    return process.returncode, output


def test_what_decides_whether_a_plan_is_applied(estate: Estate, aws: Emulator) -> None:
    successful(estate.play("create.yml"))
    estate.edit(TRANSACTOR, memory_index_max="256m")
    estate.edit(CF, aws_instance_type="c4.xlarge")
    before, head = snapshot(aws), estate.git("rev-parse", "HEAD")
    check = successful(estate.play("update.yml", "--check"))
    assert lines(check.output) <= 40, check.output
    confirm = ("-e", "datomic_confirm=true")
    refused(estate.play("update.yml", *confirm), "Plan: 0 to create", "Nobody confirmed the plan with yes.")
    code, output = answer(estate, "no", *confirm)
    assert code != 0
    assert "Nobody confirmed the plan with yes. Nothing was changed." in " ".join(output.split()), output
    assert (snapshot(aws), estate.git("rev-parse", "HEAD")) == (before, head)

    def edit() -> None:
        (estate.directory / CF).write_text((estate.directory / CF).read_text().replace("c4.xlarge", "c4.2xlarge"))

    code, output = answer(estate, "yes", *confirm, meanwhile=edit)
    assert code != 0
    assert f"Somebody edited {estate.directory / CF} after the plan was made." in " ".join(output.split()), output
    assert (snapshot(aws), estate.git("rev-parse", "HEAD")) == (before, head)
    code, output = answer(estate, "yes", *confirm, "-e", "datomic_replace=never")
    assert (code, "Applied: " in output) == (0, True), output


Spoil = Callable[[Estate, Emulator], object]


def a_table_of_another_shape(dummy: Estate, aws: Emulator) -> None:
    aws.client("dynamodb").create_table(
        TableName="wormbase",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "N"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )


def append(path: str, content: bytes) -> Spoil:
    def spoil(estate: Estate, dummy: Emulator) -> None:
        with (estate.directory / path).open("ab") as file:
            file.write(content)

    return spoil


def contents(estate: Estate) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (estate.directory / "aws").iterdir() if file.is_file()}


def a_directory(estate: Estate, dummy: Emulator) -> None:
    (estate.directory / TRANSACTOR).unlink()
    (estate.directory / TRANSACTOR).mkdir()


def test_a_file_that_may_not_be_read(estate: Estate, aws: Emulator) -> None:
    (estate.directory / TRANSACTOR).chmod(0)
    user = os.geteuid()
    if user == 0:
        # Root may read everything: be somebody else for a while.
        os.seteuid(65534)
    try:
        options = {"src": str(estate.directory / TRANSACTOR), "endpoint_url": aws.url}
        result = run_module("ensure_transactor", {**options, **CREDENTIALS})
    finally:
        os.seteuid(user)
    assert result["failed"]
    assert f"{estate.directory / TRANSACTOR}: cannot be read: Permission denied" in result["msg"]
    assert aws.calls() == []


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("module", "spoil", "said"),
    [
        pytest.param(
            "ensure_transactor", lambda e, _: (e.directory / TRANSACTOR).unlink(), "cannot be read", id="missing"
        ),
        pytest.param("ensure_transactor", a_directory, "not a regular file (give the path of", id="directory"),
        pytest.param("ensure_transactor", append(TRANSACTOR, b"\xff\n"), ":142: the byte 0xff is not", id="not-text"),
        pytest.param("ensure_transactor", append(TRANSACTOR, b"host=b\n"), "is already in line 4", id="duplicate"),
        pytest.param("ensure_transactor", a_table_of_another_shape, "Datomic's has id (S, HASH)", id="table"),
        pytest.param(
            "ensure_transactor",
            append(TRANSACTOR, b"aws-dynamodb-user=u\n"),
            "Cannot use aws-transactor-role property and aws-dynamodb-user",
            id="two-identities",
        ),
        pytest.param(
            "ensure_cf", lambda e, _: e.edit(CF, aws_autoscaling_group_size="0"), ":19: aws-autoscaling", id="size"
        ),
        pytest.param("ensure_cf", lambda e, _: e.edit(CF, aws_instance_type="m99.huge"), "unknown", id="type"),
        pytest.param(
            "ensure_cf", lambda e, _: e.edit(CF, aws_ingress_groups="nosuch"), "no security group nosuch", id="ingress"
        ),
    ],
)
def test_bad_input_is_one_clear_error_and_nothing_changed(
    estate: Estate, aws: Emulator, module: str, spoil: Spoil, said: str, check: bool
) -> None:
    spoil(estate, aws)
    account, files = snapshot(aws), contents(estate)
    path = TRANSACTOR if module == "ensure_transactor" else CF
    options = {"src": str(estate.directory / path)}
    if module == "ensure_cf":
        options |= {"datomic_version": "1.0.7277", "transactor_src": str(estate.directory / TRANSACTOR)}
    result = run_module(module, {**options, **CREDENTIALS, "endpoint_url": aws.url}, check=check)
    assert result["failed"]
    assert said in result["msg"]
    assert path.rpartition("/")[2] in result["msg"], "the file is named"
    assert "Traceback" not in str(result)
    assert snapshot(aws) == account
    assert contents(estate) == files, "no file was touched"
