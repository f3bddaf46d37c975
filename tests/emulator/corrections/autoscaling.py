# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Auto Scaling as AWS has it: all its corrections, and what is due next in any group."""

from __future__ import annotations

from tests.emulator.corrections import (
    autoscaling_capacity,
    autoscaling_instances,
    autoscaling_requests,
    autoscaling_warm,
)
from tests.emulator.corrections.autoscaling_capacity import next_due, run_due

__all__ = ["apply", "next_due", "run_due"]


def apply() -> None:
    autoscaling_instances.apply()
    autoscaling_capacity.apply()
    autoscaling_requests.apply()
    autoscaling_warm.apply()
