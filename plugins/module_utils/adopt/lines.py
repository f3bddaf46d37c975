# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module adopt_system has found, as lines for people. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Paint = Callable[[str, str], str]
"""Colours a text, by the style of a plan's lines."""


def render(result: Mapping[str, Any], system: str, inventory: str, *, width: int, check: bool, paint: Paint) -> str:
    """result: of the module. inventory: the snippet. check: nothing was written."""
    return "\n".join(_lines(result, system, inventory, width, check, paint))


def _lines(
    result: Mapping[str, Any], system: str, inventory: str, width: int, check: bool, paint: Paint
) -> Iterator[str]:
    stack = result["stack"]
    account = result["variables"]["datomic_account_id"]
    yield f"{system}   account {account} · {stack['region']} · stack {stack['name']} ({stack['status']})"
    for file in result["files"]:
        yield paint(f"  + {file}", "create")
    if not result["files"]:
        yield "  · both files exist: none was written"
    for one in result["contradictions"]:
        text = f"{one['key']} is {_value(one['in_file'])} in {one['file']}, but {_value(one['in_stack'])} in the stack"
        yield from _wrapped(paint, "warning", "! ", text, width)
    for one in result["unknown"]:
        yield from _wrapped(paint, "warning", "! ", f"{one['key']}: {one['why']}", width)
        yield from _wrapped(paint, "note", "    ", one["suggestion"], width)
    for text in result["differs"]:
        yield from _wrapped(paint, "update", "~ ", text, width)
    if result["last_run"]:
        text = f"last applied run: {result['last_run']}. Its commit has the files with their comments"
        yield from _wrapped(paint, "note", "· ", text, width)
    yield _summary(result, check=check)
    yield "Host of the inventory:"
    yield ""
    yield textwrap.indent(inventory.rstrip("\n"), "    ")


def _value(text: str) -> str:
    return text or "blank"


def _wrapped(paint: Paint, style: str, symbol: str, text: str, width: int) -> Iterator[str]:
    lines = textwrap.wrap(text, max(width - 2 - len(symbol), 20), break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(lines):
        yield paint(f"  {symbol if number == 0 else ' ' * len(symbol)}{line}", style)


def _summary(result: Mapping[str, Any], *, check: bool) -> str:
    count = len(result["files"])
    files = "1 file" if count == 1 else f"{count} files"
    written = f"{files} to write" if check else f"{files} written"
    if not result["compared"]:
        effect = "what an update would change is not known yet"
    elif result["differs"]:
        effect = "an update would change the stack as shown"
    else:
        effect = "an update would not change the stack"
    return f"Adopted: {written}, {len(result['unknown'])} unknown; {effect}."
