# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a line on the screen begins with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def whose(task_vars: Mapping[str, Any]) -> str:
    """The host that a line is about, where it could be another's too."""
    many = len(task_vars.get("ansible_play_hosts_all", ())) > 1
    return f"{task_vars['inventory_hostname']}: " if many else ""
