# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Properties of properties files, over generated ones: round trips, agreement with Java, no traceback, linear time."""

from __future__ import annotations

import io
import os
import pathlib
import time

import jproperties
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import Finding, InputError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties import file
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import Properties
from hypothesis import example, given, settings
from hypothesis import strategies as st

# Time is shared with other work on the machine; the number of examples is what limits a run.
PROFILE = settings(max_examples=int(os.environ.get("PROPERTIES_EXAMPLES", "80")), deadline=None, database=None)

PIECES = st.sampled_from(
    [
        *("a", "k", "key", "=", "=", ":", " ", "\t", "\f", "\\", "\\\\", "\n", "\n", "\r\n", "\r", "#", "!", "#:"),
        *("ü", "☃", "\xa0", "\u2003", "\x0b", "\x85", "\u2028", "\x1c", '"', "$(id)"),
        *("\\u00fc", "\\t", "\\=", "k1=v1\n", "k2=v2\n"),
    ]
)
HOSTILE = st.lists(PIECES, max_size=25).map("".join)
KEYS = st.from_regex(r"[a-z][a-z0-9#!ü-]{0,8}", fullmatch=True)
VALUES = st.text(st.sampled_from("ab =:#!ü☃😀\\\t\f$`'\"{}"), max_size=12).filter(
    lambda value: not value[:1].isspace() and not value.endswith("\\")
)
LAYOUT = st.sampled_from(
    ["", "   ", "# a comment = not a key", "#: metadata", "! bang", "  # indented", "#", "# end \\"]
)


@st.composite
def valid_files(draw: st.DrawFn) -> bytes:
    """Files of every layout that is accepted."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    lines: list[str] = []
    for key in draw(st.lists(KEYS, unique=True, max_size=6)):
        lines += draw(st.lists(LAYOUT, max_size=2))
        value = draw(VALUES).replace("\\", "\\\\")
        cut = draw(st.integers(1, len(value) - 1)) if len(value) > 1 else 0
        head, tail = value[:cut], value[cut:]
        if cut and not head.endswith("\\") and tail[0] not in " \t\f#":
            value = f"{head}\\{newline}{tail}"
        lines.append(f"{key}={value}")
    return (newline.join(lines) + draw(st.sampled_from(["", newline]))).encode()


@PROFILE
@given(valid_files())
def test_every_layout_that_is_accepted_reads_as_jproperties_does(raw: bytes) -> None:
    file.verify(Properties.parse(raw, "f"))


@PROFILE
@given(valid_files(), st.dictionaries(KEYS, VALUES, max_size=4))
def test_an_edit_gives_the_values_back_and_changes_no_other_byte(raw: bytes, changes: dict[str, str]) -> None:
    before = Properties.parse(raw, "f")
    after = before.edit(changes)
    assert after.as_dict() == {**before.as_dict(), **changes}
    file.verify(after)
    # Cut the changed keys' values out of both: what is left is the same, but for appended lines.
    assert rest(after, changes).startswith(rest(before, changes))
    appended = rest(after, changes)[len(rest(before, changes)) :].replace("\r", "").strip("\n").split("\n")
    assert appended == ([f"{key}=" for key in changes if key not in before] or [""])


def rest(p: Properties, keys: dict[str, str]) -> str:
    pieces, position, text = [], 0, p.raw.decode()
    for key, entry in p.entries.items():
        if key in keys:
            pieces.append(text[position : entry.start])
            position = entry.end
    return "".join([*pieces, text[position:]])


@PROFILE
@given(valid_files(), st.dictionaries(KEYS, VALUES, min_size=1, max_size=4))
def test_editing_back_gives_the_same_values(raw: bytes, changes: dict[str, str]) -> None:
    before = Properties.parse(raw, "f")
    changed = {key: value for key, value in changes.items() if key in before}
    back = before.edit(changed).edit({key: before.get(key) for key in changed})
    assert back.as_dict() == before.as_dict()


@PROFILE
@given(HOSTILE)
@example("! x \\\n")
@example("\\")
@example("=\\\n=")
@example(":=\\\n\r")
def test_what_is_accepted_reads_as_jproperties_does(text: str) -> None:
    p, findings = outcome(text.encode())
    assert all(finding.line > 0 and finding.rule for finding in findings)
    if p:
        file.verify(p)
        assert p.edit({}) is p


def outcome(raw: bytes) -> tuple[Properties | None, tuple[Finding, ...]]:
    """The file, or what it was refused for."""
    try:
        return Properties.parse(raw, "f"), ()
    except InputError as error:
        return None, error.findings


@PROFILE
@given(st.binary(max_size=200) | HOSTILE.map(lambda text: text.encode("utf-16")) | st.text(max_size=60).map(str.encode))
def test_rubbish_is_read_or_refused_never_a_traceback(raw: bytes) -> None:
    p, findings = outcome(raw)
    assert findings if p is None else p.shown(lambda key, value: value) == raw.decode()


@PROFILE
@given(HOSTILE, st.dictionaries(st.text(max_size=4), st.text(max_size=6), max_size=3))
def test_an_edit_with_rubbish_is_made_or_refused(text: str, changes: dict[str, str]) -> None:
    try:
        before = Properties.parse(text.encode(), "f")
        after = before.edit(changes)
    except InputError:
        return
    assert after.as_dict() == {**before.as_dict(), **changes}
    file.verify(after)


def lines(count: int) -> bytes:
    return "".join(f"# comment on {i}\nsome-property-{i}=the value of number {i}\n" for i in range(count // 2)).encode()


def seconds_of_ours(path: pathlib.Path, raw: bytes) -> float:
    path.write_bytes(raw)
    start = time.process_time()
    before = file.read(str(path))
    file.write(before.edit({"some-property-7": "x", "new": "y"}), was=before)
    return time.process_time() - start


def test_ten_thousand_lines_take_at_most_twice_the_time_of_jproperties(tmp_path: pathlib.Path) -> None:
    raw, path = lines(10_000), tmp_path / "x.properties"
    start = time.process_time()
    parser = jproperties.Properties()
    parser.load(raw, "utf-8")
    parser.store(io.BytesIO(), encoding="utf-8")
    theirs = time.process_time() - start
    assert seconds_of_ours(path, raw) <= 2 * theirs


def test_every_shape_of_a_large_file_is_read_in_linear_time() -> None:
    shapes = {
        "continued": b"k=a" + b"\\\nb" * 50_000,
        "continued with blanks": b"k=a" + b"\\\n  b" * 50_000,
        "doubled backslashes": b"k=a\\\\\n" * 50_000,
        "returns between keys": b"k: v\n" + b"".join(b"k%d=v\r" % i for i in range(50_000)),
        "hashes": b"#" * 500_000,
        "one line": b"k=" + b"v" * 500_000,
        "backslashes": b"k=" + b"\\\\" * 300_000 + b"x",
        "returns": b"\r" * 200_000,
        "joined comments": b"! \\\n" * 50_000,
        "equals signs": b"=" * 300_000,
        "blanks": b" " * 500_000 + b"k=v",
        "keys": b"".join(b"k%d=v\n" % i for i in range(50_000)),
        "findings": b"k: v\n" * 20_000,
        "commented": b"# a b\n" * 50_000,
    }
    for name, raw in shapes.items():
        start = time.process_time()
        p, findings = outcome(raw)
        assert findings if p is None else p.shown(lambda key, value: value)
        # Quadratic behaviour takes minutes here; linear takes fractions of a second.
        assert time.process_time() - start < 5, name
