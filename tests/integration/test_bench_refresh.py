# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docs/development/decisions/004-own-replacement.md says of our replacement and an instance refresh."""

from __future__ import annotations

import pytest

from tests.bench.refresh import CASES, measured, ours, refresh
from tests.emulator import Emulator
from tests.integration.test_replace_transactors_rolling import bound

WELL, HANGING = CASES[0], CASES[2]


@pytest.mark.parametrize("warmup", [0, 300])
def test_a_refresh_ends_a_system_whose_new_transactors_hang_and_ours_does_not(aws: Emulator, warmup: float) -> None:
    theirs = measured(aws, HANGING, refresh(warmup))
    assert (theirs.done, theirs.serving) == (True, False)
    kept = measured(aws, HANGING, ours)
    assert (kept.done, kept.serving, kept.outage) == (False, True, 0)


def test_a_refresh_with_a_warmup_that_is_long_enough_costs_a_takeover_as_well(aws: Emulator) -> None:
    assert 0 < measured(aws, WELL, refresh(300)).outage <= bound()
    assert measured(aws, WELL, refresh(0)).outage > bound(), "its warmup is over before the new ones stand by"
