# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The heartbeats of a system over time, as SVG. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from html import escape

from .system import Span

WIDTH = 720
HEIGHT = 64
LABELS = 28
"""Height of the times below."""


def svg(spans: Sequence[Span], title: str) -> str:
    """A drawing of how many transactors beat: the active ones below, standbys on top, red where none was active.

    Empty without spans. Times are UTC. Scales with the width of the page.
    """
    if not spans:
        return ""
    began, ended = spans[0].began, spans[-1].ended
    most = max(1, *(one.active + one.standby for one in spans))
    unit = HEIGHT / most

    def x(at: float) -> float:
        return round((at - began) / (ended - began) * WIDTH, 1)

    def bars() -> Iterator[str]:
        for one in spans:
            left, width = x(one.began), round(x(one.ended) - x(one.began), 1)
            words = f"{_time(one.began)} to {_time(one.ended)} UTC: {one.active} active, {one.standby} standby"
            tip = f"<title>{escape(words)}</title>"
            layers = [("active", 0, one.active), ("standby", one.active, one.standby)]
            if not one.active:
                layers = [("none", 0, most)]
            for kind, below, count in layers:
                if count:
                    top, height = round(HEIGHT - (below + count) * unit, 1), round(count * unit, 1)
                    yield (f'<rect class="{kind}" x="{left}" y="{top}" width="{width}" height="{height}">{tip}</rect>')

    marks = [(0, "start", began), (WIDTH / 2, "middle", (began + ended) / 2), (WIDTH, "end", ended)]
    labels = (
        f'<text x="{at:g}" y="{HEIGHT + 4}" dominant-baseline="hanging" text-anchor="{anchor}">{_time(moment)}</text>'
        for at, anchor, moment in marks
    )
    label = escape(title, quote=True)
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT + LABELS}" role="img" aria-label="{label}">'
    return "".join([head, *bars(), *labels, "</svg>"])


def _time(at: float) -> str:
    return time.strftime("%H:%M", time.gmtime(at))
