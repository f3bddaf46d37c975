# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table as a picture: one line a row, green where the goal is reached. The figures stand in it as text."""

from __future__ import annotations

import html
from collections.abc import Sequence

from tests.bench.figures import Row

WIDTH, LINE, TOP = 1180, 44, 30
COLOURS = {True: "#1a7f37", False: "#cf222e", None: "#57606a"}


def svg(rows: Sequence[Row]) -> str:
    """An SVG document; text keeps its meaning without colours."""
    height = TOP + LINE * len(rows) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="sans-serif" font-size="13" role="img" aria-label="Figures of make bench">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for index, row in enumerate(rows):
        parts += _row(row, TOP + LINE * index)
    return "\n".join([*parts, "</svg>\n"])


def _row(row: Row, y: int) -> list[str]:
    mark = {True: "reached", False: "missed", None: ""}[row.met]
    beside = f" (beside: {row.beside})" if row.beside else ""
    return [
        f'<circle cx="18" cy="{y}" r="7" fill="{COLOURS[row.met]}"><title>{mark}</title></circle>',
        _text(36, y + 4, f"{row.number}  {row.work}{beside}", "#1f2328", "bold"),
        _text(36, y + 22, f"{row.figure}; goal: {row.goal}{', ' + mark if mark else ''}", COLOURS[row.met]),
    ]


def _text(x: int, y: int, text: str, colour: str, weight: str = "normal") -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}" font-weight="{weight}">{html.escape(text)}</text>'
