# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks over several systems in batches: the first failure stops the rest."""

from __future__ import annotations

import json
import pathlib
import re

import pytest

from tests.emulator import Emulator
from tests.estate import Estate, Run
from tests.integration.test_playbooks import CF, add_hosts, answer, refused, successful


@pytest.fixture
def estate(tmp_path: pathlib.Path, aws: Emulator) -> Estate:
    """Three systems: wormbase, orders, billing."""
    aws.configure(scale=120)
    found = Estate(tmp_path / "estate", aws.url)
    add_hosts(found, "orders", "billing")
    return found


def serial(*batches: int | str) -> tuple[str, str]:
    return "-e", json.dumps({"datomic_serial": batches})


def text(run: Run) -> str:
    """What it printed, without line breaks."""
    return " ".join(run.output.split())


def test_the_first_failure_stops_the_rest(estate: Estate) -> None:
    successful(estate.play("create.yml", "--limit", "wormbase"))
    estate.edit("aws/orders-cf.properties", aws_instance_type="m99.huge")
    check = estate.play("create.yml", "--check", *serial(1))
    assert check.returncode != 0
    assert "Plan: 0 to create" not in check.output
    assert "billing   account" in check.output, "a check plans the rest too"

    run = estate.play("create.yml", *serial(2, 1))
    assert run.returncode != 0
    assert (
        "orders failed, and the first failure stops the batches after it. Done: wormbase. Untouched: billing. "
        "Correct the failure, then run again with --limit orders,billing" in text(run)
    ), run.output
    assert run.writes() == []

    estate.edit(CF, aws_instance_type="m99.huge")
    run = estate.play("create.yml", *serial(1, "100%"))
    assert run.returncode != 0
    # Ansible ends the play when nobody of a batch is left.
    assert "The first failure stops the batches after it. Untouched: orders, billing." in text(run), run.output


DECIDE = """#!/bin/sh
echo "$1 $DATOMIC_STACK new=$DATOMIC_NEW_INSTANCES old=$DATOMIC_OLD_INSTANCES" >>decided
test "$DATOMIC_STACK" != orders
"""


def instances(aws: Emulator) -> dict[str, set[str]]:
    """What runs, by stack."""
    groups = aws.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return {
        group["AutoScalingGroupName"].partition("-LaunchGroup")[0]: {
            one["InstanceId"] for one in group["Instances"] if one["LifecycleState"] == "InService"
        }
        for group in groups
    }


def test_a_command_decides_on_each_takeover(estate: Estate, aws: Emulator) -> None:
    successful(estate.play("create.yml"))
    before = instances(aws)
    for name in ("wormbase", "orders", "billing"):
        estate.edit(f"aws/{name}-transactor.properties", memory_index_max="256m")
    script = estate.directory / "decide.sh"
    script.write_text(DECIDE)
    script.chmod(0o755)
    decide = ("-e", json.dumps({"datomic_pause_before_takeover": "./decide.sh 'the takeover of'"}))
    check = successful(estate.play("update.yml", "--check", *decide))
    assert "pause before the takeover (a command decides)" in text(check)
    run = estate.play("update.yml", *decide, *serial(3), "-e", "datomic_soak=1")
    assert run.returncode != 0
    after = instances(aws)
    for name in ("wormbase", "billing"):
        assert not after[name] & before[name]
        assert f"{name}: " in run.output
        assert re.search(rf"{name}: .*  stayed healthy for ", run.output), run.output
        (one,), (other,) = before[name], after[name]
        assert f"the takeover of {name} new={other} old={one}" in (estate.directory / "decided").read_text()
    assert before["orders"] == after["orders"], "the old one serves, the new one is gone"
    assert "memory-index-max=512m" in (estate.directory / "aws/orders-transactor.properties").read_text()
    assert not re.search("orders: .* stay healthy", run.output), run.output
    assert re.search(r"orders .*  rolled back", run.output), run.output


def test_a_person_allows_the_takeovers_or_not(estate: Estate, aws: Emulator) -> None:
    """One question for the systems of a batch that wait; others of the batch have none."""
    successful(estate.play("create.yml"))
    before = instances(aws)
    for name in ("wormbase", "orders"):
        estate.edit(f"aws/{name}-transactor.properties", memory_index_max="256m")
    ask = ("-e", "datomic_pause_before_takeover=ask")
    refused(estate.play("update.yml", *ask), "nobody can answer. Nothing was changed.")
    code, output = answer(estate, "no", *ask, changed=True)
    assert code != 0
    said = " ".join(output.split())
    assert said.count("New transactors stand by, the old ones serve: wormbase, orders. Type yes to let") == 1, output
    assert said.count('"msg": "The takeover was not allowed: Nobody answered yes. The new') == 2, output
    after = instances(aws)
    assert before == after, "the old ones serve, the new ones are gone"
    for name in ("wormbase", "orders"):
        estate.edit(f"aws/{name}-transactor.properties", memory_index_max="256m")
    code, output = answer(estate, "yes", *ask, changed=True)
    assert (code, output.count("Applied: ")) == (0, 2), output
    after = instances(aws)
    assert not (before["wormbase"] & after["wormbase"])
    assert not (before["orders"] & after["orders"])
    assert before["billing"] == after["billing"]
