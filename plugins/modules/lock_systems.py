# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of the same name does it all.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: lock_systems
short_description: Let one run at a time work on a Datomic system
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Waits until no other run of the same user on the controller works on these systems, and says for whom it waits. From
    then on they are locked until C(ansible-playbook) ends, however it ends.
  - Refuses two hosts of one run that have the same stack, the same table or the same file.
  - In check mode nothing is waited for and nothing is locked.
options:
  systems:
    description: What only one host of one run may work on at a time.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: The host of the inventory.
        type: str
        required: true
      key:
        description: What is compared, such as the real path of a file.
        type: str
        required: true
      what:
        description: What it is, for messages.
        type: str
        required: true
  timeout:
    description: Seconds to wait for another run.
    type: float
    default: 600
attributes:
  action:
    description: Runs on the controller alone.
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
  - Runs of other users or on other machines are kept apart by CloudFormation, which updates a stack once at a time, by
    git, and by the properties files, which are not written when they have changed since they were read.
"""

EXAMPLES = r"""
- name: Wait for another run that works on the orders system
  datomic_onprem.aws.lock_systems:
    systems:
      - host: orders
        key: /srv/estate/aws/orders-transactor.properties
        what: aws/orders-transactor.properties
    timeout: 60
"""

RETURN = r"""
"""
