# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module that runs inside ansible-playbook's worker answers what it answers from a process of its own."""

from __future__ import annotations

import json
import pathlib
import re
import sys

import pytest

from tests.emulator import Emulator
from tests.estate import Estate

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: A warning, in check mode with a diff
      datomic_onprem.aws.ensure_transactor:
        src: aws/wormbase-transactor.properties
      check_mode: true
      diff: true
      register: warned
    - name: An error
      datomic_onprem.aws.validate_properties:
        transactor_src: aws/none.properties
      ignore_errors: true
      register: failed
    - name: An option that is not there
      datomic_onprem.aws.transactor_info:
        stack_name: wormbase
        stack: wormbase
      ignore_errors: true
      register: unknown
    - name: Another account's credentials
      datomic_onprem.aws.transactor_info:
        stack_name: wormbase
      environment:
        AWS_ENDPOINT_URL: http://127.0.0.1:9
        AWS_MAX_ATTEMPTS: "1"
      ignore_errors: true
      register: environment_of_task
    - name: What came out
      ansible.builtin.copy:
        content: "{{ [warned, failed, unknown, environment_of_task] }}"
        dest: "{{ dest }}"
        mode: "0600"
    - name: The environment that a Python reads at its start
      datomic_onprem.aws.transactor_info:
        stack_name: wormbase
      environment:
        PYTHONDONTWRITEBYTECODE: "1"
    - name: Later
      datomic_onprem.aws.transactor_info:
        stack_name: wormbase
      async: 60
      poll: 1
"""


def told(text: str) -> list[str]:
    return re.findall(r"runs in a process of its own: (.*)", text)


@pytest.fixture
def estate(tmp_path: pathlib.Path, aws: Emulator) -> Estate:
    estate = Estate(tmp_path / "estate", aws.url)
    (estate.directory / "play.yml").write_text(PLAY)
    estate.edit("aws/wormbase-transactor.properties", aws_transactor_role="")
    with (estate.directory / "aws/wormbase-transactor.properties").open("a") as file:
        file.write("memory-index-maximum=1g\n")
    return estate


def test_the_same_answers_from_both_places(estate: Estate, tmp_path: pathlib.Path) -> None:
    outcomes = []
    twin = tmp_path / "python"  # the same Python by another name is another interpreter to Ansible
    twin.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    twin.chmod(0o755)
    for interpreter, expected in (
        (sys.executable, ["environment: PYTHONDONTWRITEBYTECODE", "async"]),
        (str(twin), [*[f"ansible_python_interpreter is {twin}, not {sys.executable}"] * 5, "async"]),
    ):
        dest = tmp_path / "out.json"
        options = ("-vvvv", "-e", f"ansible_python_interpreter={interpreter}", "-e", f"dest={dest}")
        run = estate.play("play.yml", *options, AWS_REGION="us-east-1", ANSIBLE_ASYNC_DIR=str(tmp_path / "async"))
        assert run.returncode == 0, run.output
        assert told(run.output) == expected
        assert "none.properties" in run.output, "the table has the place"
        outcomes.append(json.loads(dest.read_text()))
    here, apart = outcomes
    for one, other in zip(here, apart, strict=True):
        for result in (one, other):
            result.pop("invocation", None)
            result.pop("seconds", None)
        assert one == other
    warned, failed, unknown, unreachable = here
    assert any("memory-index-max" in warning for warning in warned["warnings"])
    assert warned["changed"]
    assert warned["diff"]
    assert failed["msg"].startswith("1 error: see the table above")
    assert "Unsupported parameters" in unknown["msg"]
    assert "127.0.0.1:9" in unreachable["msg"]
