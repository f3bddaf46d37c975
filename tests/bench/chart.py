# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows as a bar chart: how much of what its goal allows each row takes, with its figures as text."""

from __future__ import annotations

import html
from collections.abc import Sequence

from tests.bench.figures import Row

WIDTH, LINE, TOP, LEFT = 1080, 66, 44, 18
FULL = 500
"""Width of a bar that takes all that the goal allows; longer ones end at the edge."""
COLOURS = {True: "#1a7f37", False: "#cf222e"}
TEXT, LINES = "#1f2328", "#57606a"


def svg(rows: Sequence[Row]) -> str:
    """An SVG document."""
    height = TOP + LINE * len(rows) + 10
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
            ' font-family="sans-serif" font-size="13" role="img" aria-label="Figures of make bench">',
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
            *(line for index, row in enumerate(rows) for line in _row(row, TOP + LINE * index)),
            f'<path d="M{LEFT + FULL} 26 V{height - 10}" stroke="{LINES}" stroke-dasharray="4 3"/>',
            _text(LEFT + FULL - 26, 18, "the goal", LINES),
            "</svg>\n",
        ]
    )


def _row(row: Row, y: int) -> list[str]:
    peer = f" (peer: {row.peer})" if row.peer else ""
    width = min(FULL * row.measured / row.limit if row.limit else FULL * row.measured, FULL + 200)
    return [
        _text(LEFT, y, f"{row.number}  {row.work}{peer}", TEXT, "bold"),
        _text(LEFT, y + 18, row.figure, LINES),
        f'<rect x="{LEFT}" y="{y + 25}" width="{max(width, 1):.0f}" height="14" fill="{COLOURS[row.met]}"/>',
        _text(LEFT + FULL + 220, y + 37, f"{row.goal}: {'reached' if row.met else 'missed'}", COLOURS[row.met]),
    ]


def _text(x: int, y: int, text: str, colour: str, weight: str = "normal") -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}" font-weight="{weight}">{html.escape(text)}</text>'
