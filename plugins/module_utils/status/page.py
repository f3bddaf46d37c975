# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The status of all systems as one page of HTML that needs nothing else. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from .system import VERDICTS, Difference, Status, age
from .table import cells
from .timeline import svg

HEADS = {
    "SYSTEM": "System",
    "VERDICT": "Verdict",
    "STACK": "Stack",
    "RELEASE": "Release",
    "TYPE": "Type",
    "SERVING": "Serving",
    "ACTIVE+STANDBY": "Active + standby",
    "ALARMS": "Alarms",
    "BACKUP": "Backup",
    "APPLIED": "Last run",
}
"""The columns of the terminal's table, as the page calls them."""
STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #545b64; --paper: #fff; --line: #d0d7de; --shade: #f3f5f7;
  --broken: #a40e26; --attention: #7a4b00; --drift: #0a4f94; --unknown: #545b64; --ok: #116329; --bar: #2d7d46;
  --second: #8fbc9b; --none: #c9303e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --dim: #9da7b1; --paper: #0d1117; --line: #30363d; --shade: #161b22; --broken: #ff8182;
    --attention: #e3b341; --drift: #79c0ff; --unknown: #9da7b1; --ok: #56d364; --bar: #3fb950; --second: #1f6f33;
    --none: #f85149; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 75rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
p { margin: .25rem 0; } a { color: var(--drift); } .dim, dt, th { color: var(--dim); }
table { border-collapse: collapse; width: 100%; margin: .75rem 0; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
section { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; margin: 1rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0; } dd { margin: 0; }
ul { margin: .5rem 0; padding-left: 1.2rem; }
code { font: .85rem/1.4 ui-monospace, monospace; background: var(--shade); padding: .1rem .3rem; }
pre { background: var(--shade); padding: .5rem; margin: .5rem 0; white-space: pre-wrap; } pre code { padding: 0; }
.verdict { font-weight: 700; } .broken { color: var(--broken); } .attention { color: var(--attention); }
.drift { color: var(--drift); } .unknown { color: var(--unknown); } .ok { color: var(--ok); }
svg { display: block; width: 100%; height: auto; margin: .5rem 0; } svg text { fill: var(--dim); font-size: 12px; }
rect.active { fill: var(--bar); } rect.standby { fill: var(--second); } rect.none { fill: var(--none); }
@media (max-width: 50rem) {
  thead { display: none; } table, tbody, tr, td { display: block; }
  tr { border-bottom: 1px solid var(--line); padding: .4rem 0; }
  td { border: 0; padding: .05rem 0; display: grid; grid-template-columns: 8rem 1fr; gap: .5rem; }
  td::before { content: attr(data-head); color: var(--dim); }
  dl { grid-template-columns: 1fr; } dd { margin-bottom: .3rem; }
  svg text { font-size: 24px; } }
@media print {
  :root { color-scheme: light; --ink: #000; --dim: #444; --paper: #fff; --line: #999; --shade: #fff; --broken: #a40e26;
    --attention: #7a4b00; --drift: #0a4f94; --unknown: #444; --ok: #116329; }
  body { max-width: none; padding: 0; font-size: 10pt; } section, tr { break-inside: avoid; }
  rect { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


def page(systems: Sequence[Status], made_at: str, inventory: str = "") -> str:
    """The page: an overview, worst first, and a section for each system. made_at: when, for people.

    Every value is escaped. inventory: for the commands. No scripts, fonts or pictures from elsewhere.
    """
    ordered = sorted(systems, key=lambda one: (VERDICTS.index(one.verdict), one.system))
    counts = Counter(one.verdict for one in ordered)
    summary = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]) or "none"
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        # Without an icon, a browser asks the server for one.
        '<link rel="icon" href="data:,">',
        f"<title>Datomic systems: {escape(summary)}</title><style>{STYLE}</style></head><body><header>",
        f"<h1>Datomic systems</h1><p>{len(ordered)} systems: {escape(summary)}</p>",
        f'<p class="dim">Read at {escape(made_at)}</p></header><main>',
        *_overview(ordered),
        *(part for number, one in enumerate(ordered) for part in _section(number, one, inventory)),
        "</main></body></html>\n",
    ]
    return "\n".join(parts)


def _overview(systems: Sequence[Status]) -> Iterator[str]:
    yield "<table><thead><tr>"
    yield "".join(f'<th scope="col">{escape(head)}</th>' for head in HEADS.values())
    yield "</tr></thead><tbody>"
    for number, one in enumerate(systems):
        row = {name: escape(text) for name, text in cells(one).items()}
        row["SYSTEM"] = f'<a href="#s{number}">{row["SYSTEM"]}</a>'
        row["VERDICT"] = _verdict(one)
        shown = (f'<td data-head="{HEADS[name]}">{text}</td>' for name, text in row.items())
        yield f"<tr>{''.join(shown)}</tr>"
    yield "</tbody></table>"


def _section(number: int, one: Status, inventory: str) -> Iterator[str]:
    yield f'<section id="s{number}"><h2>{escape(one.system)} {_verdict(one)}</h2>'
    yield from _list(
        f'<span class="{verdict}">{verdict}</span>: {escape(text)}'
        for verdict, text in one.reasons
        if verdict != "drift" or not one.differences
    )
    yield "<dl>"
    yield from (f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in _facts(one) if text)
    yield "</dl>"
    if one.spans:
        hours = (one.spans[-1].ended - one.spans[0].began) / 3600
        yield f'<p class="dim">Heartbeats of the last {hours:.0f} hours, UTC: active below, standbys on top</p>'
        yield svg(one.spans, f"Heartbeats of {one.system}: now {one.active} active, {one.standby} standby")
    yield from _drift(one, inventory)
    if one.warnings:
        yield '<p class="dim">Warnings</p>'
        yield from _list(map(escape, one.warnings))
    yield "</section>"


def _facts(one: Status) -> Iterator[tuple[str, str]]:
    row = cells(one)
    yield "Stack", " ".join(filter(None, (one.stack, one.stack_status)))
    yield "Account", " ".join(filter(None, (one.account, one.region)))
    yield "Release", row["RELEASE"]
    yield "Transactors", ", ".join(filter(None, (one.instance_type, row["SERVING"] if one.size is not None else "")))
    ages = ((backup.database, "none" if backup.age is None else age(backup.age)) for backup in one.backups)
    yield "Backups", ", ".join(f"{database}: {text}" for database, text in ages)
    if one.last:
        yield "Last run", f"{one.last}, {one.last.outcome}" + (f": {one.last.reason}" if one.last.reason else "")


def _drift(one: Status, inventory: str) -> Iterator[str]:
    if not one.differences:
        return
    yield '<p class="dim">Drift: what AWS has, then what the files have</p>'
    yield from _list(map(_difference, one.differences))
    commands = dict.fromkeys(each.command(one.system, inventory) for each in one.differences)
    for command in filter(None, commands):
        yield f"<pre><code>{escape(command)}</code></pre>"


def _difference(each: Difference) -> str:
    place = f' <span class="dim">{escape(each.place)}</span>' if each.place else ""
    return f"<strong>{escape(each.subject)}</strong> {escape(each.text)}{place}"


def _list(items: Iterable[str]) -> Iterator[str]:
    shown = [f"<li>{item}</li>" for item in items]
    if shown:
        yield f"<ul>{''.join(shown)}</ul>"


def _verdict(one: Status) -> str:
    return f'<span class="verdict {one.verdict}">{one.verdict}</span>'
