# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan as lines for people: on the screen and in a commit. Pure."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from .errors import Finding
from .plan import STEPS, Attribute, Change, Plan, Replacement
from .util.clock import duration

WIDTH = 120
"""Without a terminal: a change and its place fit on one line of a CI log and of a comment in a pull request."""
SYMBOLS = {"create": "+", "update": "~", "delete": "-", "replace": "±", "warning": "!", "note": "·"}
OUTCOME_WIDTH = 16
"""Below this, the closing table shows outcomes below the numbers."""

Paint = Callable[[str, str], str]
"""(text, style) to coloured text. Styles: SYMBOLS's keys, "ok", "failed"."""


def plain(text: str, _style: str) -> str:
    """Without colour."""
    return text


@dataclasses.dataclass(frozen=True)
class Row:
    """One line, or several where it does not fit. style: chooses symbol and colour. place: file and line."""

    subject: str
    text: str
    style: str = ""
    place: str = ""
    details: tuple[Row, ...] = ()


def render(plan: Plan, *, width: int = WIDTH, paint: Paint = plain, diff: bool = False, notes: bool = False) -> str:
    """The plan's block, without a line feed at its end.

    width: columns; only a word that is longer goes beyond. diff: with the details of changes and findings. notes: with
    information that needs no decision.
    """
    nothing = "nothing to do"
    lines = _hanging(
        f"{_printable(plan.system)}   ", [*([] if plan.changed else [nothing]), *_facts(plan)], width, " · "
    )
    rows = [*_rows(plan, notes)]
    for row, block in zip(rows, _blocks(rows, width, "  "), strict=True):
        symbol = SYMBOLS[row.style]
        lines += [block[0].replace(symbol, paint(symbol, row.style), 1), *block[1:]]
        lines += [line for each in _blocks(row.details, width, " " * 6) for line in each] if diff else []
    if not plan.changed:
        return "\n".join(lines).replace(nothing, paint(nothing, "ok"), 1)
    count = plan.summary
    counts = ", ".join(f"{count[action]} to {action}" for action in ("create", "update", "delete"))
    end = f", {_transactors(len(plan.transactors.end))} to terminate" if plan.transactors.end else ""
    last = f"Plan: {counts}, {_transactors(count['replace'])} to replace{end}."
    return "\n".join([*lines, *_wrapped(last.split(" "), width)])


def applied(
    plan: Plan, seconds: Mapping[str, float], *, failed: str = "", width: int = WIDTH, paint: Paint = plain
) -> str:
    """What a run did: the last block of a system. Empty when there was nothing to do.

    seconds: of each step that the run reached, in order. failed: the step that failed.
    """
    if not plan.changed:
        return ""
    steps = ", ".join(f"{_step(name)} {duration(each)}" for name, each in seconds.items())
    times = duration(sum(seconds.values())) + (f" ({steps})" if steps else "")
    head = f"Failed: step {_step(failed)} after" if failed else f"Applied: {_done(plan, STEPS)} in"
    text = f"{head} {times}."
    if failed:
        text += f" Applied before: {_done(plan, [name for name in seconds if name != failed])}."
        steps_with_changes = {change.step for change in plan.changes} - {failed}
        missed = ", ".join(_step(name) for name in STEPS if name in steps_with_changes and name not in seconds)
        text += f" Not reached: {missed}." if missed else ""
    lines = _hanging(f"{_printable(plan.system)}   ", re.split(r"(?<!\d) ", text), width)
    if not failed and not plan.now.stack_status:
        outputs = [Row(_printable(name), _printable(value)) for name, value in plan.outputs.items()]
        lines += [line for block in _blocks(outputs, width, "  ") for line in block]
    word, style = ("Failed:", "failed") if failed else ("Applied:", "update")
    return "\n".join(lines).replace(word, paint(word, style), 1)


def closing(outcomes: Sequence[tuple[str, Plan | None, str]], *, width: int = WIDTH) -> str:
    """One table for several systems: (system, its plan, outcome). Empty for a single one.

    A narrow screen has no column for the stack, and the outcomes below the numbers.
    """
    if len(outcomes) < 2:
        return ""
    head = ["SYSTEM", "STACK", "CREATE", "UPDATE", "DELETE", "REPLACE", "WARNINGS"]
    rows = [head, *(_numbers(system, plan) for system, plan, _outcome in outcomes)]
    if _width(rows) + OUTCOME_WIDTH > width:
        rows = [[system, *numbers] for system, _stack, *numbers in rows]
    below = _width(rows) + OUTCOME_WIDTH > width
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    lines: list[str] = []
    for row, outcome in zip(rows, ["OUTCOME", *(_printable(outcome) for *_row, outcome in outcomes)], strict=True):
        cells = [
            cell.rjust(size) if name.endswith(("E", "S")) else _padded(cell, size)
            for name, cell, size in zip(rows[0], row, widths, strict=True)
        ]
        start = "".join(f"{cell}  " for cell in cells)
        if below:
            lines.append(start.rstrip())
            start = "    "
        if not below or row is not rows[0]:
            lines += _hanging(start, outcome.split(" "), width, indent=columns(start))
    return "\n".join(lines)


def listed(findings: Iterable[tuple[str, Finding, Sequence[str]]], *, width: int = WIDTH) -> str:
    """Findings without a plan: (severity, finding, reasons), the reasons below it. Empty without findings."""
    rows = [
        Row(
            f"{severity:<8} {_printable(finding.key)}".rstrip(),
            _said(finding),
            place=_place(finding.file, finding.line),
            details=tuple(Row("", _printable(reason)) for reason in reasons),
        )
        for severity, finding, reasons in findings
    ]
    return "\n".join(
        line
        for row, block in zip(rows, _blocks(rows, width, ""), strict=True)
        for line in [*block, *(line for each in _blocks(row.details, width, "    ") for line in each)]
    )


def columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def _facts(plan: Plan) -> Iterator[str]:
    """What identifies the system, and what runs."""
    now = plan.now
    if plan.account:
        yield f"account {_printable(plan.account)}"
    yield _printable(plan.region)
    yield f"stack {_printable(plan.stack)} ({_printable(now.stack_status) or 'new'})"
    if now.stack_status:
        beats = f"{now.active} active + {now.standby} standby" if now.active is not None else ""
        parts = (_printable(now.release), _transactors(now.transactors), beats)
        yield ", ".join(part for part in parts if part)


def _rows(plan: Plan, notes: bool) -> Iterator[Row]:
    """Edits of files first, with the warnings about them; then what follows in AWS and git."""
    yield from (_changed(change) for change in plan.changes if change.kind == "property")
    yield from (_found(finding) for finding in plan.findings if finding.severity != "note")
    yield from (_changed(change) for change in plan.changes if change.kind != "property")
    if notes:
        yield from (_found(finding) for finding in plan.findings if finding.severity == "note")
        yield from (Row(_printable(subject), _printable(text), "note") for subject, text in plan.notes)


def _changed(change: Change) -> Row:
    details = tuple(
        Row(_printable(each.name), _values(each, change), place=_place(each.file, each.line))
        for each in change.attributes
        # A generated value may be blank.
        if each.before != each.after or not change.text
    )
    name, text = _printable(change.name), _printable(change.text)
    subject = {"property": name, "file": "file", "stack": "stack", "transactors": "transactors"}.get(
        change.kind, f"{_printable(change.kind)} {name}".strip()
    )
    if change.kind == "file":
        text = f"{name} ({text})" if text else name
    if text:
        return Row(subject, text, "note" if change.kind == "git" else change.action, details=details)
    text = ", ".join(each.text if each.subject == name else f"{each.subject} {each.text}" for each in details)
    places = ", ".join(dict.fromkeys(each.place for each in details if each.place))
    return Row(subject, text, change.action, places)


def _found(finding: Finding) -> Row:
    """The id is shown because an inventory accepts a finding by it."""
    style = "note" if finding.severity == "note" else "warning"
    rule = f" [{finding.rule}]" if finding.rule and style == "warning" else ""
    reason = ": ".join(_printable(part) for part in (finding.reason, finding.source) if part)
    details = (Row("", reason),) if reason else ()
    place = _place(finding.file, finding.line)
    return Row(_printable(finding.key), _said(finding) + rule, style, place, details)


def _said(finding: Finding) -> str:
    separator = " " if finding.message.endswith((".", ":")) else "; "
    return _printable(separator.join(part for part in (finding.message, finding.suggestion) if part))


def _values(attribute: Attribute, change: Change) -> str:
    before, after = _value(attribute.before), _value(attribute.after)
    # The steps of a replacement are no values.
    if change.action == "create" or change.kind == "transactors":
        return after
    return before if change.action == "delete" else f"{before} -> {after}"


def _value(text: str) -> str:
    """Blanks at the ends would be invisible."""
    shown = _printable(text)
    return (shown if shown == shown.strip() else f'"{shown}"') if text else "(not set)"


def _place(file: str, line: int) -> str:
    return _printable(f"{file}:{line}" if file and line else file)


def _printable(text: str) -> str:
    """Nothing that moves the cursor, changes colours or hides: AWS has names that others chose."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def _done(plan: Plan, steps: Collection[str]) -> str:
    count = dataclasses.replace(plan, changes=tuple(each for each in plan.changes if each.step in steps)).summary
    going = plan.transactors if "transactors" in steps else Replacement()
    counts = ", ".join(f"{count[action]} {action}d" for action in ("create", "update", "delete"))
    end = f", {_transactors(len(going.end))} terminated" if going.end else ""
    return f"{counts}, {_transactors(len(going.replace))} replaced{end}"


def _transactors(number: int) -> str:
    return f"{number} transactor{'' if number == 1 else 's'}"


def _step(name: str) -> str:
    return name.replace("_", " ")


def _numbers(system: str, plan: Plan | None) -> list[str]:
    if plan is None:
        return [_printable(system), *[""] * 6]
    warnings = sum(finding.severity == "warning" for finding in plan.findings)
    return [_printable(system), _printable(plan.stack), *map(str, plan.summary.values()), str(warnings)]


def _width(rows: Sequence[Sequence[str]]) -> int:
    return sum(max(map(columns, column)) + 2 for column in zip(*rows, strict=True))


def _blocks(rows: Sequence[Row], width: int, margin: str) -> list[list[str]]:
    """The lines of each row: subjects, texts and places in columns, as far as the width allows."""
    starts = [margin + (f"{SYMBOLS[row.style]} " if row.style else "") + row.subject for row in rows]
    sizes = [columns(start) for start, row in zip(starts, rows, strict=True) if row.subject]
    indent = 2 + max((size for size in sizes if size <= width // 2), default=len(margin) + 2)
    blocks = [
        _hanging(f"{_padded(start, indent - 2)}  ", row.text.split(" "), width, indent=indent)
        if row.subject
        else _hanging(start, row.text.split(" "), width, indent=columns(start))
        for start, row in zip(starts, rows, strict=True)
    ]
    longest = max((columns(row.place) for row in rows), default=0)
    ends = [columns(block[-1]) for block, row in zip(blocks, rows, strict=True) if row.place and len(block) == 1]
    # A long text does not push all the others' places away.
    edge = 2 + max((end for end in ends if end <= min(indent + 40, width - longest - 2)), default=0)
    for row, block in zip(rows, blocks, strict=True):
        if row.place:
            _append(block, row.place, edge, indent, width)
    return blocks


def _append(block: list[str], place: str, edge: int, indent: int, width: int) -> None:
    """Place on the block's last line, in its column, if it fits there; otherwise on a line of its own."""
    last = _padded(block[-1], edge - 2 if len(block) == 1 else 0) + "  "
    if columns(last + place) <= width:
        block[-1] = last + place
    else:
        indent = min(indent, max(6, width - columns(place)))
        block += _hanging(" " * indent, place.split(" "), width, indent=indent)


def _hanging(start: str, units: Sequence[str], width: int, separator: str = " ", indent: int = 0) -> list[str]:
    """Start and units, from indent on in all lines but the first. A start that is too long has a line of its own.

    indent: as long as the start, but at most a third of the width, if it is 0. Less where a word needs the room.
    """
    text = separator.join(units)
    if columns(start + text) <= width:
        return [(start + text).rstrip()]
    longest = max(map(columns, text.split(" ")))
    indent = indent or min(columns(start), width // 3)
    indent = max(min(indent, 6), min(indent, width - longest))
    blanks = " " * indent
    lines = [blanks + line for line in _wrapped(units, width - indent, separator)]
    if columns(start) > indent:
        first, *more = _wrapped(re.findall(r"^\W*\S+|\S+", start), width - 4)
        return [first, *(f"    {line}" for line in more), *(lines if text else [])]
    return [_padded(start, indent) + lines[0][indent:], *lines[1:]]


def _wrapped(units: Sequence[str], width: int, separator: str = " ") -> list[str]:
    """Lines of at most this width, broken between units, and inside a unit at its blanks if it does not fit."""
    lines: list[str] = []
    for unit in units:
        if lines and columns(lines[-1] + separator + unit) <= width:
            lines[-1] += separator + unit
        elif columns(unit) <= width or separator == " ":
            lines.append(unit)
        else:
            lines += _wrapped(unit.split(" "), width)
    return lines


def _padded(text: str, size: int) -> str:
    return text + " " * (size - columns(text))
