# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the table, and what stands in them: medians of paired runs with their spread."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table.

    figure, goal: in words. measured, limit: what the goal compares. rest_holds: whether the rest of the goal holds.
    """

    number: str
    work: str
    peer: str
    figure: str
    goal: str
    measured: float
    limit: float
    rest_holds: bool = True
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def met(self) -> bool:
        return self.measured <= self.limit and self.rest_holds


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Seconds of ours and of the peer, run in turns, so that whatever slows the machine down slows both."""

    ours: Sequence[float]
    peer: Sequence[float]

    @property
    def ratios(self) -> list[float]:
        return [ours / peer for ours, peer in zip(self.ours, self.peer, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the pairs' ratios."""
        return statistics.median(self.ratios)

    def shown(self) -> str:
        low, high = min(self.ratios), max(self.ratios)
        return f"{self.ratio:.2f} x ({low:.2f} to {high:.2f}); {spread(self.ours)} vs. {spread(self.peer)}"

    def as_dict(self) -> dict[str, Any]:
        return {"ours_s": list(self.ours), "peer_s": list(self.peer), "ratios": self.ratios, "median": self.ratio}


def paired(ours: Callable[[], float], peer: Callable[[], float], runs: int) -> Pairs:
    """Both in turns, each pair in the other order than the one before."""
    seconds: dict[Callable[[], float], list[float]] = {ours: [], peer: []}
    for run in range(runs):
        for one in (ours, peer) if run % 2 else (peer, ours):
            seconds[one].append(one())
    return Pairs(seconds[ours], seconds[peer])


@contextlib.contextmanager
def others_garbage_aside() -> Iterator[None]:
    """Collections of garbage do not look through what other rows have left in memory: a quarter of a second."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def spread(seconds: Sequence[float], unit: str = "s") -> str:
    """Median and range."""
    return f"{statistics.median(seconds):.2f} {unit} ({min(seconds):.2f} to {max(seconds):.2f})"
