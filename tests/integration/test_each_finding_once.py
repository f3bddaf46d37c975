# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run shows: each finding once, nothing where no_log is set, and JSON where the callback prints JSON."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess

import pytest

from tests.emulator import Emulator
from tests.estate import Estate

TRANSACTOR = "aws/wormbase-transactor.properties"
CF = "aws/wormbase-cf.properties"
WARNING = "the key is not known"
ERROR = "Invalid value for memory-index-max: 1 g"
ACCEPTED = "0.0.0.0/0 lets the whole Internet connect"
OF_AWS = "there is no security group nosuch"
ACCEPTING = json.dumps({"datomic_accept": [{"rule": "open-to-anyone", "reason": "a test of ours"}]})


@pytest.fixture
def estate(tmp_path: pathlib.Path, aws: Emulator) -> Estate:
    aws.configure(scale=120)
    estate = Estate(tmp_path / "estate", aws.url)
    with (estate.directory / TRANSACTOR).open("a") as file:
        file.write("memory-index-maximum=1g\n")
    return estate


def once(output: str, *texts: str) -> None:
    assert {text: output.count(text) for text in texts} == dict.fromkeys(texts, 1), output


def test_an_error_a_warning_and_an_accepted_finding(estate: Estate, aws: Emulator) -> None:
    estate.edit(TRANSACTOR, memory_index_max="1 g")
    for playbook in ("datomic_onprem.aws.validate", "update.yml"):
        run = estate.play(playbook, "-e", ACCEPTING)
        assert run.returncode
        once(run.output, ERROR, WARNING, ACCEPTED)
        assert "1 error: see the table above" in run.output
    assert aws.calls() == []


def test_what_aws_refuses(estate: Estate, aws: Emulator) -> None:
    estate.edit(CF, aws_ingress_groups="nosuch")
    run = estate.play("create.yml", "--check", "-e", ACCEPTING)
    assert run.returncode
    once(run.output, OF_AWS, WARNING, ACCEPTED)


def test_a_run_with_warnings(estate: Estate, aws: Emulator) -> None:
    run = estate.play("create.yml", "-e", ACCEPTING)
    assert run.returncode == 0, run.output
    once(run.output, WARNING)
    assert ACCEPTED not in run.output, "only a check, or -v, has notes"


def test_json_stays_json(estate: Estate, aws: Emulator) -> None:
    done = subprocess.run(
        ["ansible-playbook", "-i", "inventory", "create.yml", "--check"],
        cwd=estate.directory,
        env=estate.environment | {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (play,) = json.loads(done.stdout)["plays"]
    (checked,) = [task for task in play["tasks"] if task["task"]["name"].endswith("Plan the system")]
    assert WARNING in json.dumps(checked)
    once(done.stderr, WARNING)


def test_no_log_hides_the_table(estate: Estate) -> None:
    estate.edit(TRANSACTOR, memory_index_max="1 g")
    run = estate.play("datomic_onprem.aws.validate", ANSIBLE_NO_LOG="true")
    assert run.returncode
    assert not any(text in run.output for text in (ERROR, WARNING, ACCEPTED)), run.output
    assert os.path.basename(TRANSACTOR) not in run.output
