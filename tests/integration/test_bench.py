# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""make bench measures, tells what it missed, and keeps the page about it."""

from __future__ import annotations

import pytest

from tests.bench import calls, chart, files
from tests.bench.__main__ import measured
from tests.bench.figures import Pairs, Row, paired
from tests.conftest import ROOT
from tests.emulator import Emulator

REACHED = Row("1", "ours", "the peer's", "1.00 x", "at most 1.15 x", 1.0, 1.15)
MISSED = Row("2", "ours", "the peer's", "0.60 x", "at most 0.5 x", 0.6, 0.5)


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (REACHED, True),
        (MISSED, False),
        (Row("3", "", "", "", "0 writes", 0, 0), True),
        (Row("3", "", "", "", "0 writes", 1, 0), False),
        (Row("7", "", "", "", "and the layout is kept", 1.0, 2.0, rest_holds=False), False),
    ],
)
def test_a_goal_is_reached_or_missed(row: Row, met: bool) -> None:
    assert row.met == met


def test_pairs_are_run_in_turns_and_compared_one_by_one() -> None:
    order = []

    def once(name: str, seconds: float) -> float:
        order.append(name)
        return seconds

    pairs = paired(lambda: once("ours", 1.0), lambda: once("peer", 2.0), 3)
    assert order == ["peer", "ours", "ours", "peer", "peer", "ours"]
    assert pairs.ratio == 0.5
    assert Pairs([1.0, 9.0, 1.0], [1.0, 1.0, 2.0]).ratio == 1.0, "one disturbed pair does not count"


def test_the_page_gets_the_table() -> None:
    page = (ROOT / "docs" / "development" / "performance.md").read_text()
    once = measured(page, [REACHED, MISSED])
    assert "| 1 | ours | 1.00 x | at most 1.15 x | yes |\n| 2 | ours | 0.60 x | at most 0.5 x | no |\n\n" in once
    assert once.count("\n## ") == page.count("\n## ")
    assert measured(once, [REACHED, MISSED]) == once


def test_the_chart_shows_what_is_missed() -> None:
    shown = chart.svg([REACHED, MISSED])
    assert "at most 1.15 x: reached" in shown
    assert "at most 0.5 x: missed" in shown


def test_calls_are_compared_with_those_of_bin_datomic(aws: Emulator) -> None:
    fresh, again = calls.counts(aws)
    assert fresh.met, fresh.figure
    assert again.met, again.figure
    assert len(again.details["tool_calls"]) > len(again.details["calls"]) > 0
    assert all(row.met for row in calls.plans(aws))
    (chain,) = calls.chain(aws, 1)
    assert 1 <= chain.measured <= chain.limit, chain.figure


def test_a_file_is_measured() -> None:
    (row,) = files.large(1, lines=100)
    assert "layout kept" in row.figure
    assert row.measured > 0
