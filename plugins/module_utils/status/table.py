# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The status of all systems as lines for a terminal. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..errors import Finding
from ..plan_lines import WIDTH, Paint, columns, listed, plain
from .system import VERDICTS, Status, age

STYLES: dict[str, str] = {
    "broken": "failed",
    "unknown": "warning",
    "attention": "warning",
    "drift": "update",
    "ok": "ok",
}
"""The style of each verdict, for Paint."""
EXPENDABLE = ("TYPE", "APPLIED", "BACKUP", "STACK", "RELEASE", "ALARMS", "SERVING")
"""Columns that a narrow screen does not show, in the order in which they go."""


def render(systems: Sequence[Status], inventory: str = "", *, width: int = WIDTH, paint: Paint = plain) -> str:
    """One table of all systems, worst first, below it the reasons and the drift of each, and a last line with counts.

    inventory: for the commands. width: columns; only a word that is longer goes beyond.
    """
    ordered = sorted(systems, key=lambda one: (VERDICTS.index(one.verdict), one.system))
    lines = _table(ordered, width, paint)
    for one in ordered:
        if one.verdict != "ok":
            lines += ["", *_details(one, inventory, width, paint)]
    counts = Counter(one.verdict for one in systems)
    summary = ", ".join(f"{counts[verdict]} {verdict}" for verdict in reversed(VERDICTS) if counts[verdict])
    count = len(systems)
    return "\n".join([*lines, "", f"Status: {count} system{'' if count == 1 else 's'}, {summary or 'none'}."])


def cells(one: Status) -> dict[str, str]:
    """The system's cells by the heads of their columns. A dash where there is none or it is not known."""
    release = one.release
    if one.configured_release and one.release and one.configured_release != one.release:
        release = f"{one.release} -> {one.configured_release}"
    found = {
        "SYSTEM": one.system,
        "VERDICT": one.verdict,
        "STACK": one.stack_status or ("does not exist" if one.exists is False else ""),
        "RELEASE": release,
        "TYPE": one.instance_type,
        "SERVING": "" if one.size is None else f"{one.serving} of {one.size}",
        "ACTIVE+STANDBY": "" if one.active is None else f"{one.active}+{one.standby}",
        "ALARMS": str(len(one.alarms)) if one.watched else "",
        "BACKUP": _oldest(one),
        "APPLIED": one.last.short if one.last else "",
    }
    return {name: _printable(text) or "-" for name, text in found.items()}


def _oldest(one: Status) -> str:
    """The age of the newest backup of the database that has the oldest one."""
    ages = [backup.age for backup in one.backups]
    if not ages:
        return ""
    return "none" if None in ages else age(max(filter(None, ages), default=0.0))


def _table(systems: Sequence[Status], width: int, paint: Paint) -> list[str]:
    heads = {name: name for name in cells(Status("", ""))}
    rows = [heads, *map(cells, systems)]
    sizes = {name: max(columns(row[name]) for row in rows) for name in heads}
    for name in EXPENDABLE:
        if sum(size + 2 for size in sizes.values()) - 2 > width:
            del sizes[name]
    lines = []
    for row in rows:
        texts = {name: row[name] + " " * (size - columns(row[name])) for name, size in sizes.items()}
        if row is not heads:
            verdict = row["VERDICT"]
            texts["VERDICT"] = texts["VERDICT"].replace(verdict, paint(verdict, STYLES[verdict]), 1)
        lines.append("  ".join(texts.values()).rstrip())
    return lines


def _details(one: Status, inventory: str, width: int, paint: Paint) -> list[str]:
    """Why the verdict is not ok, and each difference, with the command that mends it below the last line it mends."""
    found: list[tuple[str, Finding, list[str]]] = [
        (verdict, Finding("", text), []) for verdict, text in one.reasons if verdict != "drift" or one.exists is False
    ]
    outdated = f"{', '.join(one.outdated)}: launched before the last update of the stack"
    if one.outdated and not any(each.subject == "transactors" for each in one.differences):
        found.append(("drift", Finding("", outdated, key="transactors"), []))
    for index, each in enumerate(one.differences):
        command = each.command(one.system, inventory)
        later = {other.command(one.system, inventory) for other in one.differences[index + 1 :]}
        reasons = [f"$ {command}"] if command and command not in later else []
        found.append(("drift", Finding("", each.text, key=each.subject, file=each.place), reasons))
    text = listed(found, width=width - 2)
    head = f"{_printable(one.system)}: {paint(one.verdict, STYLES[one.verdict])}"
    return [head, *(f"  {line}" for line in text.splitlines())]


def _printable(text: str) -> str:
    """Nothing that moves the cursor, changes colours or hides: AWS has names that others chose."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
