# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operator's policy allows every call of create and update."""

from __future__ import annotations

import json
import pathlib

from tests.chaos.trials import Trials
from tests.emulator import Emulator
from tests.estate import ROOT


def test_the_operators_policy_covers_create_and_a_changing_update(aws: Emulator) -> None:
    policy = json.loads(pathlib.Path(ROOT, "docs", "iam-policy.json").read_text())
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    trials = Trials(aws)
    for playbook in ("create", "update"):
        trials.fresh(playbook).run()
        needed = {action for call in aws.calls() for action in call.permissions}
        assert needed <= allowed, needed - allowed
