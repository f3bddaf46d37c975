# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""system_info against the emulated AWS, and the playbook status."""

from __future__ import annotations

import ast
import json
import os
import pathlib
import stat
import time
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import state_table
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.system_info import FIXED
from ansible_collections.datomic_onprem.aws.plugins.module_utils.git.history import blob
from ansible_collections.datomic_onprem.aws.plugins.module_utils.state.item import Holder, Run

from tests.emulator import Emulator
from tests.emulator.account import snapshot
from tests.estate import ROOT, Estate
from tests.golden.systems import System
from tests.integration.test_permissions import Needs, exactly, of_log, policy, without
from tests.modules import CREDENTIALS, run_module

CALLER = "arn:aws:iam::123456789012:user/anna"
READS = ("Describe", "Get", "Head", "List", "BatchGet")
HOLDER = Holder("1a2b", "anna@laptop", CALLER, "2026-11-28T12:00:00Z", "m1", 7, "1")


@pytest.fixture
def orders(tmp_path: pathlib.Path, aws: Emulator) -> System:
    """A modern system that runs as its files say."""
    system = System(aws, tmp_path / "estate")
    system.apply()
    return system


def options(system: System, **given: Any) -> dict[str, Any]:
    files = {name: str(system.directory / getattr(system, name)) for name in ("transactor", "cf", "template")}
    return {
        **CREDENTIALS,
        "endpoint_url": system.aws.url,
        "stack_name": system.name,
        "transactor_src": files["transactor"],
        "cf_src": files["cf"],
        "template": files["template"],
        "directory": str(system.directory),
        "secrets": system.secrets,
        "tags": system.tags,
        **given,
    }


def status(system: System, **given: Any) -> dict[str, Any]:
    """The status, which changes nothing."""
    before = snapshot(system.aws)
    system.aws.clear_calls()
    result = run_module("system_info", options(system, **given))
    assert not result["failed"], result
    assert not result["changed"]
    assert [call for call in system.aws.calls() if call.kind == "write"] == []
    assert snapshot(system.aws) == before
    found: dict[str, Any] = result["status"]
    return found


def record(system: System, outcome: str = "applied", files: Mapping[str, str] | None = None, **differs: Any) -> None:
    """Record a run of another machine. A run that is under way keeps the lock."""
    client = system.aws.backstage("dynamodb")
    names = {"transactor": system.transactor, "cf": system.cf}
    blobs = files or {name: blob((system.directory / path).read_bytes()) for name, path in names.items()}
    run = Run(
        **{"lock": "1a2b", "who": "anna@laptop", "caller": CALLER, "at": "2026-11-28T12:00:00Z", "place": "m1:/home"}
        | {"files": blobs, "outcome": outcome, "commit": "ab12cd34ef"}
        | differs
    )
    taken = state_table.take(client, state_table.read(client, system.name), HOLDER, run, "beat", 0.0)
    assert taken
    if outcome != "running":
        applied = run if outcome == "applied" else taken.applied
        assert state_table.release(client, taken, run.lock, run, applied, "")


def texts(found: dict[str, Any]) -> dict[str, str]:
    return {one["subject"]: one["text"] for one in found["differences"]}


def test_a_system_that_runs_as_its_files_say(orders: System) -> None:
    record(orders)
    found = status(orders)
    assert found["reasons"] == []
    assert found["verdict"] == "ok"
    known = {name: found[name] for name in ("system", "stack", "account", "region", "exists", "stack_status", "size")}
    assert known == {
        "system": "orders",
        "stack": "orders",
        "account": "123456789012",
        "region": "us-east-1",
        "exists": True,
        "stack_status": "UPDATE_COMPLETE",
        "size": 2,
    }
    assert (found["release"], found["configured_release"]) == ("1.0.7705", "1.0.7705")
    assert (found["instance_type"], found["serving"], found["outdated"]) == ("c7g.large", 2, [])
    assert (found["reports"], found["active"], found["standby"]) == (True, 1, 1)
    assert found["watched"] >= 8
    assert found["last"] == {
        "who": "anna@laptop",
        "at": "2026-11-28T12:00:00Z",
        "commit": "ab12cd34ef",
        "reason": "",
        "outcome": "applied",
    }
    newest = found["spans"][-1]
    assert (newest["active"], newest["standby"]) == (1, 1)
    assert newest["ended"] > newest["began"]


def test_each_read_is_made_once(orders: System) -> None:
    status(orders)
    calls = [(call.service, call.operation, call.resource) for call in orders.aws.calls()]
    twice = {call for call in calls if calls.count(call) > 1}
    assert {operation for _service, operation, _resource in twice} <= {"GetMetricStatistics", "GetRolePolicy"}
    assert len(calls) <= 24


def test_the_drift_is_the_plan_and_makes_no_change_set(orders: System, aws: Emulator) -> None:
    record(orders)
    orders.edit(orders.transactor, memory_index_max="256m")
    orders.edit(orders.cf, aws_instance_type="c7g.xlarge")
    group = aws.backstage("ec2").describe_security_groups(GroupNames=["orders"])["SecurityGroups"][0]["GroupId"]
    aws.backstage("ec2").authorize_security_group_ingress(
        GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0"
    )
    found = status(orders)
    assert found["verdict"] == "drift", found["reasons"]
    said = texts(found)
    assert said["memory-index-max"] == "512m -> 256m"
    assert "transactors" in said
    assert "stack" in said
    assert said["files"] == "both edited since ab12cd3 (anna@laptop)"
    assert any("0.0.0.0/0" in text for text in said.values()), said
    assert {one["mend"] for one in found["differences"]} == {"update", ""}
    place = next(one["place"] for one in found["differences"] if one["subject"] == "memory-index-max")
    assert place == "aws/orders-transactor.properties:14"


def test_a_stale_checkout_is_a_line_of_drift_and_the_rest_is_shown(orders: System) -> None:
    record(orders, files={"transactor": "0" * 40, "cf": "1" * 40})
    orders.edit(orders.transactor, memory_index_max="256m")
    found = status(orders)
    assert found["verdict"] == "drift"
    assert texts(found)["memory-index-max"] == "512m -> 256m"
    stale = [one for one in found["differences"] if one["mend"] == "git pull"]
    assert stale
    assert "which this checkout does not have" in stale[0]["text"]


def test_a_system_that_does_not_exist(tmp_path: pathlib.Path, aws: Emulator) -> None:
    found = status(System(aws, tmp_path / "estate"))
    assert found["verdict"] == "drift"
    assert found["exists"] is False
    assert {one["mend"] for one in found["differences"]} == {"create"}
    assert "stack" in texts(found)


def test_the_plan_gets_all_its_options() -> None:
    def spec(module: str) -> set[str]:
        tree = ast.parse((ROOT / "plugins" / "modules" / f"{module}.py").read_text())
        spec = next(node.value for node in ast.walk(tree) if isinstance(node, ast.Assign) and "spec" in ast.dump(node))
        assert isinstance(spec, ast.Dict)
        return {key.value for key in spec.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}

    assert spec("plan_system") - spec("system_info") <= set(FIXED)


def test_no_heartbeats(orders: System, aws: Emulator) -> None:
    name = orders.group()["AutoScalingGroupName"]
    aws.backstage("autoscaling").suspend_processes(AutoScalingGroupName=name)
    for one in orders.group()["Instances"]:
        aws.backstage("ec2").terminate_instances(InstanceIds=[one["InstanceId"]])
    aws.advance(900)
    found = status(orders)
    assert found["verdict"] == "broken"
    assert (found["active"], found["standby"]) == (0, 0)
    assert [(span["active"], span["standby"]) for span in found["spans"]][-1] == (0, 0)
    assert any((span["active"], span["standby"]) == (1, 1) for span in found["spans"])


def test_alarms_and_a_failed_run(orders: System, aws: Emulator) -> None:
    record(orders, "failed")
    name = "orders-low-memory"
    aws.backstage("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")
    found = status(orders)
    assert found["verdict"] == "attention"
    assert found["alarms"] == [name]
    said = [one["text"] for one in found["reasons"]]
    assert said[:2] == [f"the alarm {name} is in ALARM", "the last run (anna@laptop, 2026-11-28 12:00, ab12cd3) failed"]


def test_who_works_on_it(orders: System) -> None:
    record(orders, "running")
    found = status(orders)
    assert found["verdict"] == "attention"
    assert found["holder"].startswith("anna@laptop (arn:aws:iam::123456789012:user/anna), since ")


@pytest.mark.parametrize(("limit", "verdict"), [("30d", "ok"), ("1h", "attention"), (None, "ok")])
def test_backups(orders: System, aws: Emulator, tmp_path: pathlib.Path, limit: str | None, verdict: str) -> None:
    place = tmp_path / "backup" / "roots"
    place.mkdir(parents=True)
    (place / "6002").write_text("")
    os.utime(place / "6002", (time.time() - 7200,) * 2)
    databases = [{"name": "main", "backup_uri": f"file:{tmp_path}/backup"}]
    found = status(orders, databases=databases, backup_max_age=limit)
    assert found["verdict"] == verdict
    (backup,) = found["backups"]
    assert backup["database"] == "main"
    assert 7190 <= backup["age"] <= 7300
    databases.append({"name": "other", "backup_uri": "s3://backups/other"})
    aws.backstage("s3").create_bucket(Bucket="backups")
    found = status(orders, databases=databases, backup_max_age=limit)
    assert found["backups"][1] == {"database": "other", "age": None, "late": True}
    assert found["verdict"] == "attention"


@pytest.mark.parametrize(
    ("call", "code", "missing"),
    [
        ("cloudwatch:DescribeAlarms", "AccessDenied", "watched"),
        ("cloudwatch:GetMetricStatistics", "AccessDenied", "reports"),
        ("dynamodb:GetItem", "AccessDeniedException", "last"),
        ("iam:GetInstanceProfile", "AccessDenied", ""),
        ("ec2:DescribeSecurityGroups", "UnauthorizedOperation", ""),
    ],
)
def test_a_missing_right_is_a_gap_and_the_rest_is_shown(orders: System, call: str, code: str, missing: str) -> None:
    record(orders)
    orders.aws.fault(match=call, code=code, status=403, times=99)
    found = status(orders)
    assert found["verdict"] == "unknown"
    assert found["gaps"]
    assert all(call in gap for gap in found["gaps"]), found["gaps"]
    assert (found["stack_status"], found["serving"], found["release"]) == ("UPDATE_COMPLETE", 2, "1.0.7705")
    known = {"watched": found["watched"], "reports": found["reports"], "last": found["last"]}
    assert [name for name, value in known.items() if not value] == ([missing] if missing else [])


def test_nothing_can_be_read(orders: System) -> None:
    orders.aws.fault(match="cloudformation:DescribeStacks", code="AccessDenied", status=403, times=99)
    found = status(orders)
    assert found["verdict"] == "unknown"
    assert found["exists"] is None
    assert found["stack_status"] == ""


def test_another_account_is_not_read(orders: System) -> None:
    found = status(orders, account_id="999999999999")
    assert found["verdict"] == "unknown"
    assert "999999999999" in found["gaps"][0]
    assert {call.operation for call in orders.aws.calls()} == {"GetCallerIdentity"}
    found = status(orders, account_id="999999999999", transactor_src=None, cf_src=None, template=None)
    assert found["verdict"] == "unknown"
    assert {call.operation for call in orders.aws.calls()} == {"GetCallerIdentity"}


def test_files_with_errors(orders: System) -> None:
    orders.edit(orders.transactor, memory_index_max="much")
    found = status(orders)
    assert found["verdict"] == "attention"
    assert any("memory-index-max" in text for text in found["errors"])
    assert (found["stack_status"], found["active"]) == ("UPDATE_COMPLETE", 1)


def test_a_failed_stack_is_broken(orders: System, aws: Emulator) -> None:
    aws.set_stack_status("orders", "UPDATE_ROLLBACK_FAILED")
    found = status(orders)
    assert found["verdict"] == "broken"
    assert found["reasons"][0]["text"] == "the stack is UPDATE_ROLLBACK_FAILED"


def test_a_system_without_files(orders: System) -> None:
    record(orders)
    found = status(orders, transactor_src=None, cf_src=None, template=None)
    assert found["verdict"] == "ok"
    assert (found["release"], found["configured_release"]) == ("1.0.7705", "")
    assert (found["active"], found["standby"], found["size"], found["serving"]) == (1, 1, 2, 2)
    assert found["last"]["who"] == "anna@laptop"


def test_a_stack_that_is_no_system(orders: System, aws: Emulator) -> None:
    body = '{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}'
    aws.backstage("cloudformation").create_stack(StackName="other", TemplateBody=body)
    found = status(orders, stack_name="other", transactor_src=None, cf_src=None, template=None)
    assert found["exists"] is True
    assert found["size"] is None
    assert found["active"] is None


def test_secrets_are_masked(tmp_path: pathlib.Path, aws: Emulator) -> None:
    system = System(aws, tmp_path / "estate", secrets={"license-key": "hunter2hunter2"})
    system.apply()
    found = status(system, secrets={"license-key": "hunter3hunter3"})
    assert found["verdict"] == "drift"
    assert "hunter" not in str(found)


def test_the_policy_is_what_a_status_needs(tmp_path: pathlib.Path, aws: Emulator) -> None:
    needed: Needs = {}
    aws.backstage("s3").create_bucket(Bucket="our-backups")
    databases = [{"name": "main", "backup_uri": "s3://our-backups/main"}]
    for name, flavor, more in (
        ("orders", "modern", {"secrets": {"license-key": "hunter2hunter2"}, "tags": {"team": "orders"}}),
        ("old", "legacy", {"release": "1.0.7364", "instance_type": "c4.large"}),
    ):
        system = System(aws, tmp_path / name, name=name, flavor=flavor, **more)
        system.apply()
        record(system)
        for given in ({}, {"account_id": "123456789012"}, {"transactor_src": None, "cf_src": None, "template": None}):
            found = status(system, databases=databases, **given)
            assert not found["gaps"]
            needed |= of_log(aws.calls())
        aws.clear_calls()
        system.edit(system.cf, aws_instance_type="c7g.xlarge" if flavor == "modern" else "c4.xlarge")
        assert status(system)["verdict"] != "ok"
        needed |= of_log(aws.calls())
    missing = without(needed, policy("status"))
    assert not missing, list(missing)
    exactly(needed, policy("status"))
    # That the rights of every resource are enough was compared. Nothing in the policy writes.
    assert not [
        action for one in policy("status") for action in one["Action"] if not action.split(":")[1].startswith(READS)
    ]


@pytest.fixture
def estate(tmp_path: pathlib.Path, aws: Emulator) -> Estate:
    aws.configure(scale=120)
    return Estate(tmp_path / "estate", aws.url)


def test_the_playbook_reports_all_systems(estate: Estate) -> None:
    run = estate.play("datomic_onprem.aws.create")
    assert run.returncode == 0, run.output
    estate.edit("aws/wormbase-transactor.properties", memory_index_max="256m")
    pathlib.Path(estate.directory, "inventory", "more.yml").write_text(
        "datomic: {hosts: {elsewhere: {datomic_aws: {region: us-east-1}}}}\n"
    )
    files = ("-e", "datomic_status_json=status.json", "-e", "datomic_status_html=status.html")
    run = estate.play("datomic_onprem.aws.status", *files, "-e", "datomic_fail_on_drift=true")
    assert run.writes() == []
    assert run.returncode == 2, run.output
    assert "memory-index-max" in run.output
    assert "ansible-playbook -i inventory datomic_onprem.aws.update --limit wormbase" in run.output
    assert "Status: 2 systems, 2 drift." in run.output
    assert "The verdict is drift, and datomic_fail_on_drift is true." in run.output
    report = json.loads((estate.directory / "status.json").read_text())
    assert report["summary"] == {"broken": 0, "unknown": 0, "attention": 0, "drift": 2, "ok": 0}
    assert [one["system"] for one in report["systems"]] == ["wormbase", "elsewhere"]
    assert report["systems"][0]["last"]["outcome"] == "applied"
    page = (estate.directory / "status.html").read_text()
    assert "wormbase" in page
    assert "elsewhere" in page
    assert stat.S_IMODE((estate.directory / "status.html").stat().st_mode) == 0o600
    run = estate.play("datomic_onprem.aws.status", "-e", "datomic_status_html=missing/status.html")
    assert run.returncode == 2
    assert "the directory" in run.output
