# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A row passes when all of it agrees and its comparison fails on the mistake, because of the mistake."""

from __future__ import annotations

import pytest

from tests.verify.tally import Tally, table


@pytest.mark.parametrize(
    ("actual", "sign", "noticed"),
    [
        ("wrong", "is        'wrong'", True),
        ("right", "is        'wrong'", False),
        ("something else", "is        'wrong'", False),
    ],
)
def test_a_mistake_is_noticed_by_the_comparison_or_the_row_fails(actual: str, sign: str, noticed: bool) -> None:
    tally = Tally("a part", "1", "what it is")
    tally.same("what it is", "right", "right")
    assert not tally.passed
    tally.mistake("a mistake", lambda broken: broken.same("what it is", actual, "right"), sign)
    assert (tally.agreed, tally.total, tally.problems) == (1, 1, [])
    assert (tally.mistakes, tally.passed) == ({"a mistake": noticed}, noticed)


def test_the_table_describes_a_part_once_and_names_a_missed_mistake() -> None:
    oldest = Tally(
        "a part", "1", "every key", python="3.11", agreed=2, total=2, mistakes={"a typo": True, "a gap": False}
    )
    newest = Tally(
        "a part", "1", "every key", python="3.13", agreed=2, total=2, mistakes={"a typo": True, "a gap": True}
    )
    first, second = table([oldest, newest]).splitlines()[2:]
    assert first == "| a part | 1 | 3.11 | every key | 2 of 2 | 1 of 2, MISSED: a gap | 0 |"
    assert second == "| a part | 1 | 3.13 | the same | 2 of 2 | 2 of 2 | 0 |"
