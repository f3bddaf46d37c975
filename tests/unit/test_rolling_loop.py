# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many old transactors a failed replacement left, which decides on a rollback."""

from __future__ import annotations

from unittest import mock

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling.loop import Loop
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling.state import (
    Goal,
    Instance,
    Observed,
    OldLeft,
    Sizes,
)


def observed(*instances: Instance) -> Observed:
    return Observed("orders", 1000.0, Sizes(2, 2, 2), Sizes(2, 2, 2), instances=instances)


OLD = [Instance(f"i-{number}", outdated=True) for number in (1, 2)]
GOING = [Instance(one.instance_id, outdated=True, state="Terminating") for one in OLD]
NEW = [Instance(f"i-{number}") for number in (3, 4)]
BOOTING = Instance("i-3", state="Pending")


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (OLD, "all"),
        ([*OLD, Instance("i-3", state="Terminating")], "all"),
        ([*OLD, *NEW], "some"),
        ([*OLD, BOOTING], "some"),
        ([GOING[0], OLD[1], *NEW], "some"),
        ([OLD[1]], "some"),
        (GOING, "some"),
        ([*GOING, *NEW], "none"),
        (NEW, "none"),
        ([], "some"),
    ],
)
def test_the_old_ones_that_are_left(now: list[Instance], left: OldLeft) -> None:
    cloud = mock.Mock(observe=lambda _time_left: observed(*now))
    loop = Loop(cloud, observed(*OLD), Goal(), timeout=60, poll_seconds=1, show=lambda _line: None)
    loop._look()
    assert loop.old_left == left
