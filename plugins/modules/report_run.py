#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of an action plugin."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: report_run
short_description: Show what a run did to a Datomic system
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - With O(results), shows the plan in the past tense, with the duration of each step.
  - Without O(results), shows one table of all systems of the play. If the variable C(datomic_plan) is missing, shows
    that C(--tags) or C(--skip-tags) exclude the system.
options:
  plan:
    description: The plan, RV(datomic_onprem.aws.plan_system#module:plan).
    type: dict
  results:
    description:
      - The results of the steps, by the names that the plan has for them. Those that were skipped have no C(seconds).
    type: dict
  failure:
    description: The error of the step that failed. The task fails too.
    type: str
    default: ""
  rolled_back:
    description: Whether the system has returned to what ran before O(failure).
    type: bool
    default: false
  fail_on_changes:
    description: In check mode, without O(results), fail if the plan of the host, C(datomic_plan), has changes.
    type: bool
    default: false
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
seealso:
  - module: datomic_onprem.aws.plan_system
"""

EXAMPLES = r"""
- name: Report what was applied
  datomic_onprem.aws.report_run:
    plan: "{{ datomic_plan.plan }}"
    results:
      template: "{{ written }}"
      stack: "{{ updated }}"
"""

RETURN = r"""
outcome:
  description: V(applied), V(rolled back), or which step failed.
  returned: with O(results)
  type: str
  sample: applied
"""
