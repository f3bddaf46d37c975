# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task shows while it runs: nothing where no_log is set, and nothing among what a callback prints as JSON."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from ansible import constants
from ansible.playbook.task import Task
from ansible.plugins.loader import callback_loader
from ansible.utils.display import Display

display = Display()


def show(task: Task, line: str) -> None:
    """Show the line: on standard output where Ansible's results are lines for people, else on standard error."""
    if not task.no_log:
        display.display(line, stderr=not _is_for_people())


def whose(task_vars: Mapping[str, Any] | None) -> str:
    """The host that a line is about, where it could be another's too."""
    known = task_vars or {}
    many = len(known.get("ansible_play_hosts_all", ())) > 1
    return f"{known['inventory_hostname']}: " if many else ""


@functools.cache
def _is_for_people() -> bool:
    """Whether the stdout callback is Ansible's default one or made from it, as those for people are."""
    callback = callback_loader.get(constants.config.get_config_value("DEFAULT_STDOUT_CALLBACK"), class_only=True)
    return any(base.__module__.endswith("callback.default") for base in getattr(callback, "__mro__", ()))
