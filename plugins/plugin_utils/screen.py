# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines that a task shows while it runs: none with no_log, and none between a callback's JSON."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from ansible import constants
from ansible.playbook.task import Task
from ansible.plugins.loader import callback_loader
from ansible.utils.display import Display

display = Display()


def show(task: Task, line: str, logged: str = "") -> None:
    """Show the line on standard output, or on standard error if the callback prints something else than lines.

    logged: what Ansible's log file gets instead, for a line with colours.
    """
    if not task.no_log:
        display.display(line, stderr=not _is_for_people(), screen_only=bool(logged))
        if logged:
            display.display(logged, log_only=True)


def host_prefix(task_vars: Mapping[str, Any] | None) -> str:
    """The start of a line that names its host, when the play has several."""
    known = task_vars or {}
    many = len(known.get("ansible_play_hosts_all", ())) > 1
    return f"{known['inventory_hostname']}: " if many else ""


@functools.cache
def _is_for_people() -> bool:
    """Whether the stdout callback is Ansible's default one or derives from it."""
    callback = callback_loader.get(constants.config.get_config_value("DEFAULT_STDOUT_CALLBACK"), class_only=True)
    return any(base.__module__.endswith("callback.default") for base in getattr(callback, "__mro__", ()))
