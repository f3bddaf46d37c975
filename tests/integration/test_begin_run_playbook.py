# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lease of a run in ansible-playbook: renewed between its tasks, in its modules' environment, gone with it."""

from __future__ import annotations

import json
import pathlib

from tests.emulator import Emulator
from tests.estate import Estate
from tests.integration.running import until

PLAY = """
- hosts: wormbase
  gather_facts: false
  module_defaults:
    group/datomic_onprem.aws.aws:
      region: us-east-1
  vars:
    files: &files
      transactor_src: aws/wormbase-transactor.properties
      cf_src: aws/wormbase-cf.properties
  tasks:
    - name: Take the lock
      datomic_onprem.aws.begin_run:
        <<: *files
        stack_name: wormbase
        lease: 2
      register: datomic_run
    - name: Take longer than the lease lasts
      ansible.builtin.command: sleep 3
    - name: Change something
      datomic_onprem.aws.ensure_transactor:
        src: aws/wormbase-transactor.properties
    - name: End the lease
      ansible.builtin.file:
        path: "{{ datomic_run.lease }}"
        state: absent
    - name: In the worker
      datomic_onprem.aws.ensure_transactor:
        src: aws/wormbase-transactor.properties
      ignore_errors: true
      register: in_process
    - name: In a process of its own
      datomic_onprem.aws.ensure_transactor:
        src: aws/wormbase-transactor.properties
      environment:
        PYTHONDONTWRITEBYTECODE: "1"
      ignore_errors: true
      register: apart
    - name: The stack
      datomic_onprem.aws.update_stack:
        stack_name: wormbase
        template: template.json
      ignore_errors: true
      register: stack
    - name: End the run
      datomic_onprem.aws.end_run:
        <<: *files
        lease: "{{ datomic_run.lease }}"
      register: datomic_run
    - name: After the run
      datomic_onprem.aws.ensure_transactor:
        src: aws/wormbase-transactor.properties
      register: after
    - name: What came out
      ansible.builtin.copy:
        content: "{{ [in_process, apart, stack, after] }}"
        dest: out.json
        mode: "0600"
    - name: Take the lock again, and leave it
      datomic_onprem.aws.begin_run:
        <<: *files
        stack_name: wormbase
"""


def test_the_lease_of_a_playbook(aws: Emulator, tmp_path: pathlib.Path) -> None:
    aws.configure(scale=120)
    estate = Estate(tmp_path / "estate", aws.url)
    (estate.directory / "play.yml").write_text(PLAY)
    (estate.directory / "template.json").write_text("{}")
    run = estate.play("play.yml")
    assert run.returncode == 0, run.output
    assert not [call for call in run.writes() if call.startswith("cloudformation:")]
    *lost, after = json.loads((estate.directory / "out.json").read_text())
    for result in lost:
        assert result["msg"].startswith("This run has lost its lock"), result
    assert not after["failed"]
    assert "is gone: another run has taken over" in run.output
    # The lease was lost without another run, and the process of this run still lived.
    assert "took over the lock of the system wormbase from" in run.output
    mark = f"HOME={estate.environment['HOME']}\0".encode()
    until(lambda: not [one for one in pathlib.Path("/proc").glob("[0-9]*") if mark in environ(one)], 2.0)


def environ(process: pathlib.Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""
