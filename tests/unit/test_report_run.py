# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the table at the end of a play says of its systems."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.action.report_run import _outcomes
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan import Change, Plan

IDLE = Plan("orders", "orders", "", "us-east-1")
DUE = Plan("orders", "orders", "", "us-east-1", changes=(Change("update", "stack", "orders", "stack", "tags"),))


@pytest.mark.parametrize(
    ("plan", "of", "check", "said"),
    [
        (DUE, DUE, False, "applied"),
        (DUE, DUE, True, "pending"),
        (DUE, IDLE, False, "pending"),
        (IDLE, DUE, False, "nothing to do"),
    ],
)
def test_a_report_of_an_earlier_play_says_nothing_of_this_one(plan: Plan, of: Plan, check: bool, said: str) -> None:
    host: dict[str, Any] = {
        "datomic_plan": {"plan": plan.as_returned()},
        "datomic_report": {"outcome": "applied", "digest": of.digest},
    }
    known = {"ansible_play_hosts_all": ["orders"], "hostvars": {"orders": host}, "ansible_check_mode": check}
    assert [outcome for _host, _plan, outcome in _outcomes(known)] == [said]


def test_a_system_that_did_not_stay_healthy_is_not_simply_applied() -> None:
    host: dict[str, Any] = {
        "datomic_plan": {"plan": DUE.as_returned()},
        "datomic_report": {"outcome": "applied", "digest": DUE.digest},
        "datomic_soaked": {"failed": True},
    }
    known = {"ansible_play_hosts_all": ["orders"], "hostvars": {"orders": host}, "ansible_check_mode": False}
    assert [outcome for _host, _plan, outcome in _outcomes(known)] == ["applied, not healthy"]
