# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plans of single entry points: each has what its steps do, and nothing that only other steps would do.

A check of several entry points in a row is different: the earlier ones have written nothing.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from tests.emulator import Emulator
from tests.golden.systems import System

STACK = ["surplus", "stack"]
REPLACE = ["transactors"]


@pytest.fixture
def orders(tmp_path: pathlib.Path, aws: Emulator) -> System:
    """A modern system that runs."""
    system = System(aws, tmp_path / "estate")
    system.apply()
    return system


def planned(system: System, **options: Any) -> dict[str, Any]:
    result = system.plan(check=False, **options)
    assert not result["failed"], result["msg"]
    return result


def kinds(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(change["action"], change["kind"]) for change in result["plan"]["changes"]]


def test_the_stack_gets_the_template_on_disk_so_its_plan_compares_that_one(orders: System) -> None:
    orders.edit(orders.transactor, memory_index_max="256m")
    assert kinds(planned(orders, only=STACK)) == [], "the template on disk does not have the edit yet"
    path = orders.directory / orders.template
    template = json.loads(path.read_text())
    template["Outputs"] = {"Patched": {"Value": "by hand"}}
    path.write_text(json.dumps(template))
    result = planned(orders, only=STACK)
    assert kinds(result) == [("update", "stack")]
    assert "outputs changed" in result["plan"]["changes"][0]["text"]
    path.unlink()
    missing = orders.plan(check=False, only=STACK)
    assert missing["failed"]
    assert "There is no template in" in missing["msg"]


def test_the_stack_s_plan_shows_surplus_transactors_and_replaces_none(orders: System) -> None:
    orders.edit(orders.cf, aws_autoscaling_group_size="1")
    orders.module(
        "create_cf_template",
        transactor_src=str(orders.directory / orders.transactor),
        cf_src=str(orders.directory / orders.cf),
        dest=str(orders.directory / orders.template),
        flavor="modern",
    )
    result = planned(orders, only=STACK)
    assert result["steps"]["surplus"]["changed"]
    assert ("delete", "transactors") in kinds(result)
    assert len(result["plan"]["transactors"]["end"]) == 1
    assert result["plan"]["transactors"]["replace"] == []


def test_a_replacement_alone_keeps_the_size_of_the_stack(orders: System) -> None:
    orders.edit(orders.cf, aws_autoscaling_group_size="1")
    result = planned(orders, only=REPLACE)
    assert kinds(result) == []
    assert result["plan"]["transactors"]["end"] == []
    orders.edit(orders.cf, aws_autoscaling_group_size="3")
    assert kinds(planned(orders, only=REPLACE)) == []
    plan = planned(orders, only=REPLACE, replace="always")["plan"]
    assert len(plan["transactors"]["replace"]) == 2
    assert "2 new ones start first" in plan["changes"][0]["text"]


def test_a_stack_that_does_not_exist_has_no_transactors_to_replace(tmp_path: pathlib.Path, aws: Emulator) -> None:
    result = System(aws, tmp_path / "estate").plan(check=False, only=REPLACE)
    assert result["failed"]
    assert "The stack orders does not exist in us-east-1" in result["msg"]


def test_a_stack_without_the_group_has_no_transactors_to_replace(tmp_path: pathlib.Path, aws: Emulator) -> None:
    system = System(aws, tmp_path / "estate")
    system.stack(json.dumps({"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}}))
    result = system.plan(check=False, only=REPLACE)
    assert result["failed"]
    assert "has no resource LaunchGroup" in result["msg"]


def test_a_template_alone_needs_the_names_that_are_generated(tmp_path: pathlib.Path, aws: Emulator) -> None:
    system = System(aws, tmp_path / "estate")
    result = system.plan(check=False, only=["template"])
    assert result["failed"]
    assert "aws-transactor-role" in result["msg"]
