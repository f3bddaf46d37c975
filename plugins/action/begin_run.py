# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run begin_run in ansible-playbook's own worker: the lock lasts as long as ansible-playbook, on the controller."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.datomic_onprem.aws.plugins.modules import begin_run
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.in_process import InProcess


class ActionModule(InProcess):
    module = begin_run
    internal = frozenset(("_pid",))
    services = ("sts", "dynamodb", "cloudformation")
    has_lease = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        # Workers are children of the process that lasts as long as the run.
        self._task.args = {**self._task.args, "_pid": os.getppid()}
        return super().run(tmp, task_vars)
