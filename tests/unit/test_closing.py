# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a signal finds a worker doing when it comes: waiting, or showing a line."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.signals import Signals


@pytest.fixture
def ends() -> Iterator[list[int]]:
    """The signals that got through to the handler which was there before."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda n, _: came.append(n)) for number in (signal.SIGINT, signal.SIGTERM)}
    yield came
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_shows_the_last_words_and_then_does_what_it_did(ends: list[int], number: signal.Signals) -> None:
    lines: list[str] = []
    with Signals(lambda: lines.append("two instances")):
        signal.raise_signal(number)
        assert lines == ["two instances"]
    assert ends == [number]


def test_the_next_signal_comes_after_the_words(ends: list[int]) -> None:
    """ansible-playbook sends SIGTERM after SIGINT at once."""
    lines: list[str] = []

    def say() -> None:
        signal.raise_signal(signal.SIGTERM)
        lines.append(f"{len(ends)} came through")

    with Signals(say):
        signal.raise_signal(signal.SIGINT)
        assert (lines, ends) == (["0 came through"], [signal.SIGINT])
        signal.raise_signal(signal.SIGTERM)
    assert ends == [signal.SIGINT, signal.SIGTERM]


def test_a_signal_waits_for_the_line_that_is_under_way(ends: list[int]) -> None:
    lines: list[str] = []

    signals = Signals(lambda: lines.append("two instances"))
    with signals:
        with signals.delayed():
            signal.raise_signal(signal.SIGINT)
            assert (lines, ends) == ([], [])
            lines.append("a standby beats")
        assert lines == ["a standby beats", "two instances"]
    assert ends == [signal.SIGINT]


def test_a_signal_waits_for_the_line_of_a_thread(ends: list[int]) -> None:
    lines: list[str] = []
    begun, goes_on = threading.Event(), threading.Event()
    signals = Signals(lambda: lines.append("CloudFormation goes on"))

    def show() -> None:
        with signals.delayed():
            begun.set()
            goes_on.wait(9)
            lines.append("0/2 orders UPDATE_IN_PROGRESS")

    with signals:
        thread = threading.Thread(target=show)
        thread.start()
        assert begun.wait(9)
        threading.Timer(0.1, goes_on.set).start()
        signal.raise_signal(signal.SIGTERM)
        assert lines == ["0/2 orders UPDATE_IN_PROGRESS", "CloudFormation goes on"]
        thread.join(9)
    assert ends == [signal.SIGTERM]


def test_afterwards_a_signal_does_what_it_did(ends: list[int]) -> None:
    lines: list[str] = []
    with Signals(lambda: lines.append("two instances")):
        pass
    signal.raise_signal(signal.SIGTERM)
    assert (ends, lines) == ([signal.SIGTERM], [])
