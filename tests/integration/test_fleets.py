# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks over several systems in batches: the first failure stops the rest."""

from __future__ import annotations

import json
import pathlib

import pytest

from tests.emulator import Emulator
from tests.estate import Estate, Run
from tests.integration.test_playbooks import CF, add_hosts, successful


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
