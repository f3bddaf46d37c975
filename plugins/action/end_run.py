# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run end_run in ansible-playbook's own worker: the lease is a file on the controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.datomic_onprem.aws.plugins.modules import end_run
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.in_process import InProcess


class ActionModule(InProcess):
    module = end_run
    services = ("dynamodb",)
    has_lease = False

    def _why_apart(self, task_vars: Mapping[str, Any], environment: Mapping[str, str]) -> str:
        return ""
