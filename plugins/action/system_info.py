# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run system_info in the worker process of ansible-playbook if possible."""

from __future__ import annotations

from ansible_collections.datomic_onprem.aws.plugins.modules import system_info
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.in_process import InProcess


class ActionModule(InProcess):
    module = system_info
    has_lease = False
    services = ("sts", "dynamodb", "iam", "s3", "ec2", "cloudformation", "autoscaling", "cloudwatch", "ssm")
