# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of the same name does it all.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: lock_systems
short_description: Allow one run at a time for each Datomic system
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Waits until no other run of the same user on the controller works on these systems, and names that run. Then it
    locks the systems until C(ansible-playbook) ends.
  - Refuses two hosts of one run with the same stack, table or file.
  - With C(serial), fails if a system of an earlier batch has failed, so that the first failure stops the rest of the
    play. The error names the systems that failed, those that are done, and those that are untouched. For this the role
    registers the result as C(datomic_locks).
  - In check mode it neither waits nor locks, and a failure stops no batch.
options:
  systems:
    description: The systems that only one host of one run may work on at a time.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: The inventory host.
        type: str
        required: true
      stack_name:
        description: The stack. With it, the table that O(systems[].transactor_src) names is locked too.
        type: str
        default: ""
      transactor_src:
        description: The transactor's properties file.
        type: str
        default: ""
      cf_src:
        description: The CloudFormation properties file.
        type: str
        default: ""
      template:
        description: The template.
        type: str
        default: ""
      plan_file:
        description: The file that gets the plan.
        type: str
        default: ""
      region:
        description: The stack's region.
        type: str
        default: ""
      account:
        description:
          - Anything that differs between accounts. In one account and region, a stack of one name is one stack.
        type: str
        default: ""
  timeout:
    description: Seconds to wait for another run.
    type: float
    default: 600
attributes:
  action:
    description: Runs on the controller only.
    support: full
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
extends_documentation_fragment:
  - datomic_onprem.aws.attributes
notes:
  - M(datomic_onprem.aws.begin_run) locks out runs of other users and on other machines.
"""

EXAMPLES = r"""
- name: Wait for other runs of the orders system
  datomic_onprem.aws.lock_systems:
    systems:
      - host: orders
        stack_name: orders
        transactor_src: aws/orders-transactor.properties
        cf_src: aws/orders-cf.properties
        template: aws/orders-cf.json
        region: eu-central-1
    timeout: 60
"""

RETURN = r"""
play:
  description: The play, the same in each of its batches.
  returned: success
  type: str
  sample: 5f2b9c1e-0000-0000-0000-000000000007
terminal:
  description: Whether a person can answer a question, because C(ansible-playbook) runs in the foreground of a terminal.
  returned: success
  type: bool
  sample: true
"""
