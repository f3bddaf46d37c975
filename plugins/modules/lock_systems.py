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
  - In check mode it neither waits nor locks.
options:
  systems:
    description: The stacks, tables and files that only one host of one run may use at a time.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: The inventory host.
        type: str
        required: true
      key:
        description: The value to compare, such as the real path of a file.
        type: str
        required: true
      what:
        description: Its name in messages.
        type: str
        required: true
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
  - Runs of other users or on other machines are not locked. CloudFormation refuses a second update of a stack, git
    refuses a push over new commits, and the modules write no properties file that has changed since it was read.
"""

EXAMPLES = r"""
- name: Wait for other runs of the orders system
  datomic_onprem.aws.lock_systems:
    systems:
      - host: orders
        key: /srv/estate/aws/orders-transactor.properties
        what: aws/orders-transactor.properties
    timeout: 60
"""

RETURN = r"""
"""
