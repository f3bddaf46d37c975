# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Part 3: java.util.Properties itself reads generated files, and every file as we edited it."""

from __future__ import annotations

import io
import os
import pathlib
import re
import struct
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from unittest import mock

import jproperties
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import InputError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties import file
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties import parser as properties_parser
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import Properties
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.unit.test_properties_generated import HOSTILE, KEYS, VALUES, valid_files
from tests.verify import jvm
from tests.verify.tally import Tally

FILES = int(os.environ.get("VERIFY_FILES", "10000"))

Reading = dict[str, str] | None
"""Keys and values; None: refused."""

JPROPERTIES_DIFFERS: dict[str, tuple[str, Reading, Reading]] = {
    "a comment that begins with #:": ("#: key=value\nk=v\n", {"k": "v"}, {"k": "v"}),
    "#: alone": ("#:\nk=v\n", {"k": "v"}, None),
    "#: without a key": ("#:=x\nk=v\n", {"k": "v"}, None),
    "a backslash, then an empty line": ("\\\n\nk=v\n", {"k": "v"}, {"": "", "k": "v"}),
    "a backslash, then a comment": ("\\\n#c\nk=v\n", {"k": "v"}, {"#c": "", "k": "v"}),
    "a backslash, then an exclamation mark": ("\\\n!c\nk=v\n", {"k": "v"}, {"!c": "", "k": "v"}),
}
"""The table of docs/development/decisions/005-jproperties.md: text, what Java reads, what jproperties reads."""


def run() -> Tally:
    tally = Tally(
        "java.util.Properties",
        f"Java {jvm.full_java_version()}",
        f"{FILES:,} generated files, valid and hostile, in several encodings: same keys, values and refusals, also "
        "after an edit; the differences of jproperties",
    )
    files = _generated()
    parsed = [_ours(raw) for raw in files]
    edits = [(one, changes) for one, changes in zip(parsed, files.values(), strict=True) if isinstance(one, Properties)]
    for (raw, one), (utf8, latin1) in zip(zip(files, parsed, strict=True), _java(files), strict=True):
        _compare(tally, raw, one, utf8, latin1)
    _written(tally, edits)
    _jproperties_differs(tally)
    # Our own reading of what we wrote would stop that at once: it makes the same mistake here, and only Java is right.
    single = [
        (one, changes)
        for one, changes in edits
        if any("\\" in value for value in changes.values()) and not any("\\\\" in value for value in changes.values())
    ]
    with (
        mock.patch.object(file, "_escaped", lambda value: value),
        mock.patch.object(properties_parser._Reader, "found", _found_no_escape),
    ):
        tally.mistake("a value written without its escape", lambda broken: _written(broken, single), "as we wrote it")
    return tally


_found = properties_parser._Reader.found


def _found_no_escape(reader: properties_parser._Reader, problem: Any, *rest: Any) -> None:
    if problem.rule != "escape":
        _found(reader, problem, *rest)


def _written(tally: Tally, edits: Sequence[tuple[Properties, Mapping[str, str]]]) -> None:
    """Java reads in an edited file what was there and what was to be changed."""
    texts = [before.edit(changes).raw for before, changes in edits]
    for (before, changes), raw, (utf8, _latin1) in zip(edits, texts, _java(texts), strict=True):
        tally.same(f"{raw!r} as we wrote it", utf8, {**before.as_dict(), **changes})


def _jproperties_differs(tally: Tally) -> None:
    heard = _java(text.encode() for text, _java_reads, _theirs in JPROPERTIES_DIFFERS.values())
    for (what, (text, java, theirs)), (utf8, _latin1) in zip(JPROPERTIES_DIFFERS.items(), heard, strict=True):
        tally.same(f"Java on {what}", utf8, java)
        tally.same(f"jproperties on {what}", _jproperties(text), theirs)


def _generated() -> dict[bytes, dict[str, str]]:
    """Files, and changes to them; the same ones at every run."""
    found: dict[bytes, dict[str, str]] = {}
    encodings = st.sampled_from(["utf-8", "utf-8", "utf-8", "latin-1", "utf-16", "utf-8-sig"])
    hostile = st.builds(lambda text, name: text.encode(name, "replace"), HOSTILE, encodings)
    escapes = st.builds(lambda a, b, c: f"{a}=x{b}y{c}\n".encode(), KEYS, *2 * (st.sampled_from(ESCAPES),))
    files = valid_files() | valid_files() | hostile | escapes | st.binary(max_size=40)
    strategy: Mapping[str, st.SearchStrategy[object]] = {
        "raw": files,
        "changes": st.dictionaries(KEYS, VALUES, max_size=3),
    }

    @settings(
        max_examples=2 * FILES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(**strategy)
    def collect(raw: bytes, changes: dict[str, str]) -> None:
        if len(found) < FILES:
            found.setdefault(raw, changes)

    collect()
    return found


ESCAPES = [
    "\\u00fc",
    "\\u00F",
    "\\uXYZW",
    "\\u",
    "\\t",
    "\\n",
    "\\f",
    "\\\\",
    "\\:",
    "\\=",
    "\\q",
    "\\\n  ",
    "\\\r\n",
    "\f",
    "\r",
    "\\",
    "",
]


COMMENT = re.compile(rb"(?m)^#.*\\(?=\r?$)")
"""Whether bin/datomic joins a comment that ends in a backslash with the next line, nobody has seen."""
ONLY_A_BACKSLASH = re.compile(rb"(?m)^[ \t\f]*\\(?=\r?$)")
"""A line of nothing else begins a key that never comes, or the next line: refused as one without an equals sign."""
BY_CHOICE = frozenset(
    (
        "backslash-at-line-end",  # at the end of a file, where no line follows to be joined
        "byte-order-mark",
        "continued-at-end",
        "continued-comment",
        "empty-key",
        "lone-carriage-return",
        "white-space-in-key",
    )
)
"""Rules that refuse what Java and bin/datomic may read alike (docs/properties.md has the reasons)."""


def _ours(raw: bytes) -> Properties | frozenset[str]:
    """The file, or the rules that refuse it."""
    try:
        return Properties.parse(raw, "f")
    except InputError as error:
        return frozenset(finding.rule for finding in error.findings)


def _compare(tally: Tally, raw: bytes, one: Properties | frozenset[str], utf8: Reading, latin1: Reading) -> None:
    if isinstance(one, frozenset):
        told = f"{raw!r}, refused for {', '.join(sorted(one))}: Java refuses it too, or bin/datomic reads it otherwise"
        otherwise = any(_tool(each) != utf8 for each in (raw, COMMENT.sub(b"#", raw)))
        by_choice = bool(one & BY_CHOICE) or bool(ONLY_A_BACKSLASH.search(raw))
        tally.same(told, utf8 is None or by_choice or otherwise, True)
        return
    tally.same(f"{raw!r}", one.as_dict(), utf8)
    if raw.isascii():
        tally.same(f"{raw!r} as Latin-1", one.as_dict(), latin1)


def _tool(raw: bytes) -> Reading:
    """What bin/datomic's provisioning commands read: lines of one text, split at the first equals sign."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    found: dict[str, str] = {}
    for line in re.split("\r\n|\n|\r", re.sub(r"\\(\r\n|\n|\r)", "", text)):
        key, equals, value = line.partition("=")
        if not line.strip(" \t\f") or line.startswith("#"):
            continue
        if not equals or "\0" in line or key in found:
            return None  # a key for Java only, no text, or two values
        found[key] = "" if value[:1].isspace() else value
    return found


def _java(files: Iterable[bytes]) -> list[tuple[Reading, Reading]]:
    """What Java reads in each file, taken as UTF-8 and as Latin-1. One JVM for all of them."""
    sent = b"".join(struct.pack(">i", len(raw)) + raw for raw in files)
    source = pathlib.Path(__file__).with_name("Props.java")
    done = subprocess.run(["java", str(source)], input=sent, stdout=subprocess.PIPE, check=True, timeout=300)
    answer = io.BytesIO(done.stdout)
    readings: list[tuple[Reading, Reading]] = []
    while answer.tell() < len(done.stdout):
        readings.append((_reading(answer), _reading(answer)))
    return readings


def _reading(answer: io.BytesIO) -> Reading:
    refused, count = struct.unpack(">bi", answer.read(5))
    pairs = [(_text(answer), _text(answer)) for _pair in range(count)]
    return None if refused else dict(pairs)


def _text(answer: io.BytesIO) -> str:
    (length,) = struct.unpack(">i", answer.read(4))
    return answer.read(length).decode("utf-16-be", "surrogatepass")


def _jproperties(text: str) -> Reading:
    parser = jproperties.Properties()
    try:
        parser.load(text)
    except (jproperties.ParseError, jproperties.PropertyError):
        return None
    return dict(parser.properties)
