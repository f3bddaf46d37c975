#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take the lock of a system that all machines share."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: begin_run
short_description: Lock a Datomic system for a run, on all machines
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Takes the lock of a system in the DynamoDB table C(datomic-onprem-state), which it creates if there is none, and
    records who runs what. C(docs/iam-policies/state.json) has the permissions.
  - Waits while another run has the lock, and names that run. It takes over the lock of a dead run with a warning. A run
    is dead if its process has ended on this machine, or if it has not renewed its lock for O(lease) seconds.
  - A process in the background renews the lock until C(ansible-playbook) ends or M(datomic_onprem.aws.end_run) gives
    the lock back.
  - If the lock cannot be renewed, AWS modules with the lease's path in the environment variable
    C(DATOMIC_ONPREM_LEASE) change nothing more. They get it if the result is registered as C(datomic_run).
  - In check mode it neither waits nor locks.
options:
  stack_name:
    description: The name of the system's stack, which is the name of its lock.
    type: str
    required: true
  transactor_src:
    description: The transactor's properties file.
    type: path
    required: true
  cf_src:
    description: The CloudFormation properties file. A restore of a database does without.
    type: path
    default: ""
  plan:
    description: The plan, RV(datomic_onprem.aws.plan_system#module:plan). Its summary goes into the record.
    type: dict
    default: {}
  seen:
    description:
      - What the plan was made from, RV(datomic_onprem.aws.plan_system#module:seen). RV(replan) compares it.
    type: dict
    default: {}
  reason:
    description: Why the run is made, for the record.
    type: str
    default: ""
  timeout:
    description: Seconds to wait for another run.
    type: float
    default: 600
  unlock:
    description:
      - The id of a lock whose run is surely dead, to take it over at once. The error about a lock has the id.
      - If another run has the lock, it is an error. If nobody has it, it is a warning.
    type: str
    default: ""
  lease:
    description:
      - Seconds that the lock lasts without renewal. It is renewed four times as often.
      - All runs of a system need the same number. A shorter one is for tests.
    type: float
    default: 60
attributes:
  action:
    description: Runs on the controller only.
    support: full
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: none
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datomic_onprem.aws.account
  - datomic_onprem.aws.attributes
  - datomic_onprem.aws.attributes.action_group
seealso:
  - module: datomic_onprem.aws.plan_system
  - module: datomic_onprem.aws.end_run
  - module: datomic_onprem.aws.lock_systems
"""

EXAMPLES = r"""
- name: Lock the system
  datomic_onprem.aws.begin_run:
    stack_name: orders
    transactor_src: aws/orders-transactor.properties
    cf_src: aws/orders-cf.properties
    plan: "{{ planned.plan }}"
    seen: "{{ planned.seen }}"
    region: eu-central-1
  register: datomic_run
"""

RETURN = r"""
lease:
  description: The file that lasts as long as the lock. Empty in check mode.
  returned: success
  type: str
  sample: /home/anna/.ansible/datomic_onprem.aws/leases/5f0c9a3b7d21.json
lock:
  description: The id of the lock. Empty in check mode.
  returned: success
  type: str
  sample: 5f0c9a3b7d21
names:
  description: The generated names in the record, by file and key.
  returned: success
  type: dict
  sample: {transactor: {aws-transactor-role: datomic-aws-transactor}}
replan:
  description: Whether another run or somebody else has worked on the system after O(plan) was made.
  returned: success
  type: bool
  sample: false
took_over:
  description: The dead run whose lock this run has, and why it counts as dead. Empty otherwise.
  returned: success
  type: str
  sample: ""
error_code:
  description: AWS's error code; empty if AWS did not answer.
  returned: when an AWS call failed
  type: str
  sample: AccessDeniedException
"""

import os

from ansible_collections.datomic_onprem.aws.plugins.module_utils import internal_options
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.begin_run import NOTHING, begin
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run
from ansible_collections.datomic_onprem.aws.plugins.module_utils.state.item import LEASE_SECONDS


def main() -> None:
    spec = {
        "stack_name": {"type": "str", "required": True},
        "transactor_src": {"type": "path", "required": True},
        "cf_src": {"type": "path", "default": ""},
        "plan": {"type": "dict", "default": {}},
        "seen": {"type": "dict", "default": {}},
        "reason": {"type": "str", "default": ""},
        "account_id": {"type": "str"},
        "timeout": {"type": "float", "default": 600.0},
        "unlock": {"type": "str", "default": ""},
        "lease": {"type": "float", "default": LEASE_SECONDS},
    }
    module = AnsibleAWSModule(argument_spec=spec, supports_check_mode=True)
    pid = internal_options.get().get("_pid", os.getppid())
    run(module, lambda: NOTHING if module.check_mode else begin(Aws(module), module.params, pid))


if __name__ == "__main__":
    main()
