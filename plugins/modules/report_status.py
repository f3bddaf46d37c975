#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of an action plugin."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: report_status
short_description: Show the status of all Datomic systems of a play
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Shows one table of all systems of the play, by the variable C(datomic_status) of each host, which has the result of
    M(datomic_onprem.aws.system_info). Below it, each system's reasons and drift, with the commands that mend it.
  - A host without the variable has the verdict C(unknown).
  - Run it once for all hosts, with C(run_once).
options:
  json:
    description: A file that gets the status of all systems as JSON. It is replaced. A new file has mode C(0600).
    type: path
  html:
    description:
      - A file that gets a page for people. It needs no other file, and has no scripts.
      - It is replaced. A new file has mode C(0600).
    type: path
attributes:
  action:
    description: Runs on the controller only.
    support: full
  check_mode:
    description: Writes the reports also in check mode.
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
extends_documentation_fragment:
  - datomic_onprem.aws.attributes
seealso:
  - module: datomic_onprem.aws.system_info
"""

EXAMPLES = r"""
- name: Read the status
  datomic_onprem.aws.system_info:
    system: "{{ inventory_hostname }}"
    stack_name: "{{ datomic_stack_name }}"
    region: eu-central-1
  register: datomic_status

- name: Report all systems
  datomic_onprem.aws.report_status:
    json: status.json
    html: status.html
  run_once: true
"""

RETURN = r"""
summary:
  description: How many systems have each verdict.
  returned: success
  type: dict
  sample: {broken: 0, unknown: 0, attention: 1, drift: 2, ok: 17}
"""
