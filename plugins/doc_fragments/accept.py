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
      - Rules whose findings do not count, each with the reason.
      - What makes a file unreadable, a malformed value and a missing required key cannot be accepted.
    type: list
    elements: dict
    default: []
    suboptions:
      rule:
        description: The rule's name.
        type: str
        required: true
      reason:
        description: Why it does not apply here.
        type: str
        required: true
"""
