#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The status of one system."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: system_info
short_description: Get the status of a Datomic system
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Returns what runs, by the stack, its group, heartbeats, alarms and backups; what differs from the files, which is
    the plan of an update; and the last run. C(docs/status.md) explains it.
  - Changes nothing, and makes no change set.
  - What cannot be read is returned in C(gaps), and is no error.
options:
  stack_name:
    description: The name of the stack.
    type: str
    required: true
  system:
    description: The system's name in the status, such as the inventory host. By default the name of the stack.
    type: str
  transactor_src:
    description: The transactor's properties file. Without the files, the status has only what AWS has.
    type: path
  cf_src:
    description: The CloudFormation properties file.
    type: path
  template:
    description: The file of the template. It may not exist.
    type: path
  directory:
    description: The directory of the system. The status has the paths of files relative to it.
    type: path
    default: .
  flavor:
    description: The template's flavor. V(auto) keeps the flavor of the stack, and is V(modern) for a new stack.
    type: str
    choices: [auto, legacy, modern]
    default: auto
  guard:
    description: Whether a modern stack has guard rails, as O(datomic_onprem.aws.plan_system#module:guard).
    type: bool
    default: true
  secrets:
    description: Secret properties and their values. The status never has the values.
    type: dict
    default: {}
  datomic_version:
    description: The release for a blank C(datomic-version).
    type: str
    default: ""
  tags:
    description: Tags of all resources. The stack keeps its other tags.
    type: dict
    default: {}
  state:
    description:
      - V(shared) reads the state that all machines share, a table in DynamoDB, with the last run and who works on it.
      - V(local) does not.
    type: str
    choices: [shared, local]
    default: shared
  git_timeout:
    description: Seconds for each git command.
    type: float
    default: 300
  backup_max_age:
    description: The age that the newest backups of O(databases) may have at most, such as V(24h). By default any age.
    type: str
  history:
    description: How many hours of heartbeats are read, at most 23.
    type: int
    default: 3
  detect_drift:
    description:
      - Let CloudFormation detect the drift of the stack's resources. This takes minutes, and sets the drift status
        of the stack.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datomic_onprem.aws.accept
  - datomic_onprem.aws.account
  - datomic_onprem.aws.databases
  - datomic_onprem.aws.engine
  - datomic_onprem.aws.ingress
  - datomic_onprem.aws.modern
  - datomic_onprem.aws.resources
  - datomic_onprem.aws.attributes
  - datomic_onprem.aws.attributes.action_group
seealso:
  - module: datomic_onprem.aws.plan_system
  - module: datomic_onprem.aws.report_status
  - module: datomic_onprem.aws.transactor_info
"""

EXAMPLES = r"""
- name: Read the status
  datomic_onprem.aws.system_info:
    stack_name: orders
    transactor_src: aws/orders-transactor.properties
    cf_src: aws/orders-cf.properties
    template: aws/orders-cf.json
    region: eu-central-1
  register: orders

- name: Show the drift
  ansible.builtin.debug:
    msg: "{{ orders.status.differences }}"

- name: Read a system that has no files here
  datomic_onprem.aws.system_info:
    stack_name: billing
    region: eu-central-1
"""

RETURN = r"""
status:
  description: The status. Secrets are masked. What is not known is null, an empty text or an empty list.
  returned: success
  type: dict
  contains:
    system:
      description: The system's name.
      returned: always
      type: str
      sample: orders
    verdict:
      description:
        - V(broken), no transactor is active, or the stack failed.
        - V(unknown), something could not be read.
        - V(attention), an alarm, a missing standby, a missing or old backup, a failed run, or a run under way.
        - V(drift), AWS differs from the files.
        - V(ok). Of several verdicts the first of this list.
      returned: always
      type: str
      sample: drift
    reasons:
      description: Why the verdict is not V(ok), each with its own C(verdict) and C(text).
      returned: always
      type: list
      elements: dict
      sample: [{verdict: drift, text: 1 difference between the files and AWS}]
    stack:
      description: The name of the stack.
      returned: always
      type: str
      sample: orders
    account:
      description: The number of the account.
      returned: always
      type: str
      sample: "123456789012"
    region:
      description: The region.
      returned: always
      type: str
      sample: eu-central-1
    read_at:
      description: When the status was read, in UTC.
      returned: always
      type: str
      sample: "2026-11-28T12:00:00Z"
    exists:
      description: Whether the stack exists.
      returned: always
      type: bool
      sample: true
    stack_status:
      description: The status of the stack.
      returned: always
      type: str
      sample: UPDATE_COMPLETE
    release:
      description: The release of Datomic in the stack.
      returned: always
      type: str
      sample: 1.0.7277
    configured_release:
      description: The release in the file.
      returned: always
      type: str
      sample: 1.0.7705
    instance_type:
      description: The instance type in the stack.
      returned: always
      type: str
      sample: c7g.large
    size:
      description: How many transactors the stack's group is configured for.
      returned: always
      type: int
      sample: 2
    serving:
      description: How many are healthy and in service.
      returned: always
      type: int
      sample: 2
    outdated:
      description: The instances that run something else than the group would launch now.
      returned: always
      type: list
      elements: str
      sample: []
    reports:
      description: Whether the transactors report heartbeats to CloudWatch.
      returned: always
      type: bool
      sample: true
    active:
      description: How many active transactors reported heartbeats in the newest two minutes.
      returned: always
      type: int
      sample: 1
    standby:
      description: How many standbys did.
      returned: always
      type: int
      sample: 1
    conflict:
      description: What shows that two systems report heartbeats under one name.
      returned: always
      type: str
      sample: ""
    alarms:
      description: The stack's alarms that are in ALARM.
      returned: always
      type: list
      elements: str
      sample: [orders-low-memory]
    watched:
      description: How many alarms the stack has.
      returned: always
      type: int
      sample: 10
    backups:
      description: The newest backup of each database. C(age) is in seconds, null without a backup.
      returned: always
      type: list
      elements: dict
      sample: [{database: main, age: 7200.0, late: false}]
    last:
      description: The last run that changed the system, or tried to.
      returned: always
      type: dict
      sample: {who: anna@laptop, at: "2026-11-27T09:30:00Z", commit: ab12cd34, reason: "", outcome: applied}
    holder:
      description: Who works on the system now.
      returned: always
      type: str
      sample: ""
    differences:
      description:
        - The drift. C(text) is what AWS has, then what the files have. C(place) is the file and line.
        - C(mend) is the playbook that mends it, or V(git pull). Empty if a person has to decide.
      returned: always
      type: list
      elements: dict
      sample:
        - {subject: memory-index-max, text: 256m -> 512m, place: "aws/orders-transactor.properties:54", mend: update}
    warnings:
      description: The warnings of the plan.
      returned: always
      type: list
      elements: str
      sample: []
    errors:
      description: The errors of the files, without which there is no plan.
      returned: always
      type: list
      elements: str
      sample: []
    gaps:
      description: What could not be read, and why.
      returned: always
      type: list
      elements: str
      sample: []
    spans:
      description: How many transactors reported heartbeats between two moments, in seconds since 1970.
      returned: always
      type: list
      elements: dict
      sample: [{began: 1795860000.0, ended: 1795870800.0, active: 1, standby: 1}]
"""

from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.plan_system import SYSTEM
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.system_info import info
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run


def main() -> None:
    spec = {
        **SYSTEM,
        "transactor_src": {"type": "path"},
        "cf_src": {"type": "path"},
        "template": {"type": "path"},
        "history": {"type": "int", "default": 3},
        "detect_drift": {"type": "bool", "default": False},
    }
    module = AnsibleAWSModule(
        argument_spec=spec,
        required_together=[("transactor_src", "cf_src", "template")],
        supports_check_mode=True,
    )
    run(module, lambda: info(Aws(module), module.params))


if __name__ == "__main__":
    main()
