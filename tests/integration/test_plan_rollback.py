# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan says of an automatic rollback, before anything changes."""

from __future__ import annotations

import json
import pathlib
import subprocess
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.stack import Stack
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands import plan_rollback
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan import Change
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import Properties
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling.state import Strategy
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rules.facts import Facts

from tests.emulator import Emulator
from tests.golden.systems import System

NONE: dict[str, Any] = {"possible": False, "commit": "", "roll_back_while": [], "instances": [], "size": 0}


@pytest.fixture
def orders(tmp_path: pathlib.Path, aws: Emulator) -> System:
    system = System(aws, tmp_path / "estate")
    system.apply()
    return system


def head(system: System) -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=system.directory, check=True, capture_output=True, text=True).stdout.strip()


def rollback(result: dict[str, Any]) -> dict[str, Any]:
    assert not result["failed"], result["msg"]
    found: dict[str, Any] = result["steps"]["rollback"]
    return found


def notes(result: dict[str, Any]) -> list[str]:
    return [note["text"] for note in result["plan"]["notes"] if note["subject"] == "rollback"]


def unknown(result: dict[str, Any]) -> list[str]:
    return [one["message"] for one in result["plan"]["findings"] if one["rule"] == "rollback-unknown"]


def test_it_names_the_commit_that_made_what_runs(orders: System) -> None:
    """Also for one that does not know the record of the last applied run."""
    commit = head(orders)
    instances = sorted(one["InstanceId"] for one in orders.group()["Instances"])
    nothing = orders.plan()
    assert (rollback(nothing), notes(nothing)) == (NONE, []), "nothing can fail"
    orders.edit(orders.transactor, memory_index_max="256m")
    for check in (True, False):
        result = orders.plan(check=check)
        found = rollback(result)
        assert sorted(found.pop("instances")) == instances
        assert found == {"possible": True, "commit": commit, "roll_back_while": ["all", "some"], "size": 2}
        assert (notes(result), unknown(result)) == ([f"automatic, to commit {commit}"], [])
    off = orders.plan(rollback_on_failure=False)
    assert (rollback(off), notes(off), unknown(off)) == ({**NONE, "commit": commit}, [], [])
    assert rollback(orders.plan(strategy="terminate"))["roll_back_while"] == ["all", "some", "none"]


def test_it_warns_where_no_commit_is_known(orders: System, aws: Emulator) -> None:
    orders.edit(orders.transactor, memory_index_max="256m")
    digest = orders.plan()["plan"]["digest"]
    (orders.directory / ".git").rename(orders.directory / "elsewhere")
    result = orders.plan(commit=False)
    assert rollback(result) == NONE
    (message,) = unknown(result)
    assert message.startswith("no commit has made the stack's template")
    assert result["plan"]["digest"] == digest, "approved on another machine"
    assert unknown(orders.plan(commit=False, rollback_on_failure=False)) == []
    (orders.directory / "elsewhere").rename(orders.directory / ".git")
    # A killed run has updated the stack.
    template = json.loads((orders.directory / orders.template).read_text())
    template["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["EbsOptimized"] = True
    orders.stack(json.dumps(template))
    (message,) = unknown(orders.plan())
    assert message.startswith("some transactors do not run the stack's template")


def test_another_release_rolls_back_only_while_no_new_one_serves(tmp_path: pathlib.Path, aws: Emulator) -> None:
    orders = System(aws, tmp_path / "estate", release="1.0.7556")
    orders.apply()
    orders.edit(orders.cf, datomic_version="1.0.7705")
    assert rollback(orders.plan())["roll_back_while"] == ["all"]
    refused = orders.plan(strategy="terminate")
    assert refused["failed"]
    assert "no rollback leads from 1.0.7705 back to 1.0.7556" in refused["msg"]
    accept = [{"rule": "rollback-release", "reason": "tried on a copy"}]
    accepted = orders.plan(strategy="terminate", accept=accept)
    assert not rollback(accepted)["possible"]
    assert notes(accepted) == ["none, as rollback-release is accepted"]
    off = orders.plan(strategy="terminate", rollback_on_failure=False)
    assert not off["failed"], "without a rollback nothing needs to be accepted"


def test_a_deletion_has_to_be_accepted(orders: System) -> None:
    template = json.loads((orders.directory / orders.template).read_text())
    template["Resources"] |= {
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Full": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": "{}"}},
    }
    (orders.directory / orders.template).write_text(json.dumps(template))
    orders.stack(json.dumps(template))
    orders.commit()
    refused = orders.plan()
    assert refused["failed"]
    assert "the update of the stack deletes Topic (AWS::SNS::Topic), which" in refused["msg"]
    accepted = orders.plan(accept=[{"rule": "rollback-deletion", "reason": "nobody reads it"}])
    assert not rollback(accepted)["possible"]
    assert notes(accepted) == ["none, as rollback-deletion is accepted"]


@pytest.mark.parametrize(
    ("before", "after", "strategy", "found"),
    [
        ("0.9.4699", "0.9.4707", "rolling", False),
        ("0.9.4600", "0.9.4707", "rolling", True),
        ("1.0.7277", "1.0.7705", "rolling", False),
        ("1.0.7277", "1.0.7705", "terminate", True),
        ("1.0.7277", "1.0.7277", "terminate", False),
        ("", "1.0.7277", "terminate", False),
    ],
)
def test_releases_that_no_rollback_leads_back_from(before: str, after: str, strategy: Strategy, found: bool) -> None:
    cf = Properties.parse(f"datomic-version={after}\n".encode(), "orders-cf.properties")
    facts = Facts(cf=cf, running_version=before)
    findings = list(plan_rollback.release_findings(facts, strategy))
    assert [(one.rule, one.line) for one in findings] == [("rollback-release", 1)] * found
    assert list(plan_rollback.release_findings(facts, strategy, replaces=False)) == []


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("AWS::CloudWatch::Alarm", False),
        ("AWS::CloudWatch::Dashboard", False),
        ("AWS::Logs::MetricFilter", False),
        ("AWS::AutoScaling::ScalingPolicy", False),
        ("AWS::EC2::LaunchTemplate", False),
        ("AWS::AutoScaling::AutoScalingGroup", True),
        ("AWS::Logs::LogGroup", True),
    ],
)
def test_resources_that_no_rollback_brings_back(kind: str, found: bool) -> None:
    stack = Stack("orders", "arn", "UPDATE_COMPLETE", template={"Resources": {"One": {"Type": kind}}})
    change = Change("update", "stack", "orders", "stack", deletes=("One",))
    assert len(list(plan_rollback.deletion_findings(stack, [change]))) == found
