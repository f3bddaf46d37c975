# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lines of a plan with Ansible's colours, in the width of the terminal."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from ansible import constants
from ansible.playbook.task import Task
from ansible.utils.color import stringc
from ansible_collections.datomic_onprem.aws.plugins.module_utils import plan_lines
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.screen import show


def terminal_width() -> int:
    """COLUMNS, or the terminal's, or plan_lines.WIDTH without a terminal."""
    return max(40, shutil.get_terminal_size((plan_lines.WIDTH, 0)).columns)


COLUMNS = terminal_width()
"""Read at the import, in ansible-playbook's own process: a worker has no terminal."""
COLOURS = {
    "create": "COLOR_DIFF_ADD",
    "update": "COLOR_CHANGED",
    "delete": "COLOR_DIFF_REMOVE",
    "replace": "COLOR_CHANGED",
    "warning": "COLOR_WARN",
    "note": "COLOR_VERBOSE",
    "ok": "COLOR_OK",
    "failed": "COLOR_ERROR",
}


def show_lines(task: Task, lines: Callable[[plan_lines.Paint], str]) -> None:
    """Show what lines makes: in colour as ANSIBLE_NOCOLOR, ANSIBLE_FORCE_COLOR and COLOR_... say; plain in a log file.

    lines: gets how to colour a text, for example lambda paint: render(plan, width=COLUMNS, paint=paint).
    """
    text = lines(plan_lines.plain)
    if text:
        show(task, lines(_paint), logged=text)


def _paint(text: str, style: str) -> str:
    coloured: str = stringc(text, constants.config.get_config_value(COLOURS[style]))
    return coloured
