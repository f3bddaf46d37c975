#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Record a run and give the lock of its system back."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: end_run
short_description: Record a run of a Datomic system and unlock the system
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Records what a run did, in the table that all machines share, and gives the lock of
    M(datomic_onprem.aws.begin_run) back.
  - A failed run that has changed nothing in AWS is not recorded.
  - If the run has lost its lock, the module warns, and records nothing.
options:
  lease:
    description: The lease, RV(datomic_onprem.aws.begin_run#module:lease).
    type: path
    required: true
  transactor_src:
    description: The transactor's properties file.
    type: path
    required: true
  cf_src:
    description: The CloudFormation properties file. A restore of a database does without.
    type: path
    default: ""
  results:
    description: The results of the steps, by the names that the plan has for them.
    type: dict
    default: {}
  failed:
    description: Whether a step failed.
    type: bool
    default: false
  rolled_back:
    description: Whether the run has restored the files and the stack after a failure.
    type: bool
    default: false
attributes:
  action:
    description: Runs on the controller only.
    support: full
  check_mode:
    support: none
  diff_mode:
    support: none
  idempotent:
    support: none
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datomic_onprem.aws.attributes
  - datomic_onprem.aws.attributes.action_group
seealso:
  - module: datomic_onprem.aws.begin_run
"""

EXAMPLES = r"""
- name: Record the run and unlock the system
  datomic_onprem.aws.end_run:
    lease: "{{ datomic_run.lease }}"
    transactor_src: aws/orders-transactor.properties
    cf_src: aws/orders-cf.properties
    results:
      stack: "{{ updated }}"
    failed: "{{ updated is failed }}"
    region: eu-central-1
  register: datomic_run
"""

RETURN = r"""
lease:
  description: Empty. Registered as C(datomic_run), it ends the lease for later tasks.
  returned: success
  type: str
  sample: ""
record:
  description: The record of the system's runs.
  returned: success
  type: dict
  contains:
    attempt:
      description: The newest run that began to change something. Null without one, and if the lock was lost.
      returned: success
      type: dict
      sample: {who: anna@laptop, at: "2026-11-28T12:00:00Z", outcome: applied}
    applied:
      description: The newest run that was applied. Null without one, and if the lock was lost.
      returned: success
      type: dict
      sample: {who: anna@laptop, at: "2026-11-28T12:00:00Z", outcome: applied}
  sample: {attempt: {outcome: applied}, applied: {outcome: applied}}
error_code:
  description: AWS's error code; empty if AWS did not answer.
  returned: when an AWS call failed
  type: str
  sample: AccessDeniedException
"""

from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.end_run import end
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run


def main() -> None:
    spec = {
        "lease": {"type": "path", "required": True},
        "transactor_src": {"type": "path", "required": True},
        "cf_src": {"type": "path", "default": ""},
        "results": {"type": "dict", "default": {}},
        "failed": {"type": "bool", "default": False},
        "rolled_back": {"type": "bool", "default": False},
    }
    module = AnsibleAWSModule(argument_spec=spec)
    run(module, lambda: end(Aws(module), module.params))


if __name__ == "__main__":
    main()
