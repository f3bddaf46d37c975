# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option accept."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  accept:
    description:
      - Accepted rules, each with a reason. Their findings are ignored.
      - Unreadable lines, malformed values and missing required keys cannot be accepted.
    type: list
    elements: dict
    default: []
    suboptions:
      rule:
        description: The id of the rule.
        type: str
        required: true
      reason:
        description: Why the rule does not apply here.
        type: str
        required: true
"""
