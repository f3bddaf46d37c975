# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two readings of a properties file, and every line on which they disagree.

One reading is that of bin/datomic's provisioning commands: line by line, split at the first "=", a value that starts
with white space is no value. The other is java.util.Properties, with which create-cf-template and the transactor read
the same file. Only text that means the same to both is accepted (docs/properties.md). The entries of other text are
those of bin/datomic, so that one message reports everything else that is wrong with the file.
"""

from __future__ import annotations

import bisect
import dataclasses
import functools
import re
from collections.abc import Mapping
from typing import NamedTuple

from ..errors import Finding, FindingId

BLANKS = " \t\f"
"""What java.util.Properties skips before a key and around a separator."""

SOURCE = "https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/util/Properties.html"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LONGEST = 1 << 20
"""Bytes of a file. Datomic's own samples have less than 10,000."""
MOST_KEYS = 10_000
MOST_FINDINGS = 100
_JAVA_KEY = re.compile(r"[^=: \t\f\\]*")


class _Problem(NamedTuple):
    rule: FindingId
    message: str
    suggestion: str
    reason: str


_PAIR = "write key=value"
_TIGHT = "write key=value without blanks around key and ="
_JAVA_SKIPS = "java.util.Properties skips blanks before a key and around the =; bin/datomic does not"
_JAVA_ESCAPE = "java.util.Properties reads an escape there, bin/datomic a backslash"
_SAVE = "save the file as UTF-8 without a byte order mark"
_DECODED = "the file has to be text that every reader decodes alike"
_BOUNDED = "the size of a file is limited, so that a wrong path costs neither memory nor time"

_CARRIAGE_RETURN = _Problem(
    "lone-carriage-return",
    "a carriage return inside the line",
    "end lines with a line feed, or with carriage return and line feed",
    "java.util.Properties begins a new line there; most editors and programs do not",
)
_COMMENT_WITH_EQUALS_SIGN = _Problem(
    "comment-with-equals-sign",
    "a comment for java.util.Properties, but a key and a value for bin/datomic",
    "begin a comment with # in the first column",
    "bin/datomic knows only comments that begin with # in the first column",
)
_COMMENT_AT_END = _Problem(
    "continued-at-end",
    "the last line ends in a backslash, which joins it with a following line",
    "remove the backslash",
    "bin/datomic would take a line that is added later for a part of this comment",
)
_VALUE_AT_END = _COMMENT_AT_END._replace(reason="a line that is added later would become part of this value")
_DUPLICATE_KEY = _Problem(
    "duplicate-key",
    "the key is already in line {}",
    "keep one of the lines",
    "the last line wins when the file is read, and a reader of the file sees two values",
)
_BACKSLASH_AT_LINE_END = _Problem(
    "backslash-at-line-end",
    "a doubled backslash ends the line",
    "end the value with another character",
    "java.util.Properties reads one backslash; bin/datomic joins the line with the next one",
)
_CONTINUED_COMMENT = _Problem(
    "continued-comment",
    "the line before ends in a backslash, so this comment is a part of its value",
    "move the comment above the key",
    "java.util.Properties knows no comments inside a continued line",
)
_CONTINUED_KEY = _Problem(
    "separator", "the line is continued before its =", _PAIR, "bin/datomic keeps the next line's blanks in the key"
)
_OTHER_SEPARATOR = _Problem(
    "separator", "no = between key and value", _PAIR, "java.util.Properties also splits at a colon or a blank"
)
_NO_SEPARATOR = _Problem(
    "separator",
    "a line without =",
    "write key= for a key without a value, or # before a comment",
    "java.util.Properties reads a key there, bin/datomic nothing",
)
_EMPTY_KEY = _Problem("empty-key", "no key before the =", _TIGHT, "neither reading finds a name for the value")
_ESCAPE_IN_KEY = _Problem("escape", "a backslash in the key", _TIGHT, _JAVA_ESCAPE)
_BLANK_BEFORE_KEY = _Problem("blank-before-key", "white space before the key", _TIGHT, _JAVA_SKIPS)
_EARLIER_SEPARATOR = _Problem(
    "separator",
    "a colon or a blank before the first =",
    _TIGHT,
    "java.util.Properties splits there, bin/datomic at the first =",
)
_WHITE_SPACE_IN_KEY = _Problem(
    "white-space-in-key",
    "white space in the key that is neither a blank nor a tab",
    _TIGHT,
    "both readings take it for a letter of the key, which no editor shows",
)
_BLANK_BEFORE_EQUALS_SIGN = _Problem("blank-around-separator", "white space before the =", _TIGHT, _JAVA_SKIPS)
_BLANK_BEFORE_VALUE = _Problem(
    "blank-around-separator",
    "white space between = and the value",
    "let the value begin right after the =",
    "java.util.Properties skips it; bin/datomic then reads no value",
)
_BLANK_IN_CONTINUATION = _Problem(
    "blank-in-continuation",
    "a line that continues this value begins with white space",
    "let it begin in the first column, or write the value in one line",
    "java.util.Properties skips it; bin/datomic reads it as a part of the value",
)
_ESCAPE_IN_VALUE = _Problem(
    "escape",
    "a single backslash in the value",
    "write \\\\ for a backslash, and the character itself instead of an escape",
    _JAVA_ESCAPE,
)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A key with its value as Java reads it. line: 1-based; start, end: the value's span in the text, as written."""

    key: str
    value: str
    line: int
    start: int
    end: int


@dataclasses.dataclass(frozen=True)
class Reading:
    """The result of scan().

    entries: by key in file order, as bin/datomic reads them; without findings, as both readers do.
    legible: false when the bytes are no text of which a key could be missing.
    """

    text: str = ""
    entries: Mapping[str, Entry] = dataclasses.field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    legible: bool = True


class _Reader:
    """One pass over the lines of a text; collects entries and findings."""

    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self.entries: dict[str, Entry] = {}
        self.findings: list[Finding] = []
        # bin/datomic takes the lines before this one that were not read yet for parts of an earlier one.
        self._apart = 0
        # A line's content without its terminator, and its start. A last empty piece is no line.
        self.lines: list[str] = []
        self.offsets: list[int] = []
        offset = 0
        for piece in text.split("\n"):
            self.offsets.append(offset)
            offset += len(piece) + 1
            self.lines.append(piece.removesuffix("\r") if offset <= len(text) else piece)
        if not self.lines[-1]:
            self.lines.pop()
            self.offsets.pop()

    @functools.cached_property
    def _joints(self) -> list[tuple[bool, bool]]:
        """By line, with those that bin/datomic joins it with: is there an equals sign, does the file end in them."""
        found: list[tuple[bool, bool]] = []
        equals, at_end = False, True
        for line in reversed(self.lines):
            joined = line.endswith("\\")
            equals, at_end = "=" in line or (joined and equals), joined and at_end
            found.append((equals, at_end))
        return found[::-1]

    def _join(self, number: int) -> None:
        """bin/datomic takes the lines behind this one, which ends in a backslash, for parts of it; Java does not."""
        if number < self._apart:
            return
        while number + 1 < len(self.lines) and self.lines[number].endswith("\\"):
            number += 1
        self._apart = number + 1

    def found(self, problem: _Problem, number: int, key: str = "", earlier: int = 0) -> None:
        rule, message, suggestion, reason = problem
        message = message.format(earlier)
        self.findings.append(Finding(rule, message, "error", self.path, number + 1, key, reason, SOURCE, suggestion))

    def read(self) -> None:
        number = 0
        while number < len(self.lines):
            line = self.lines[number]
            first = line.lstrip(BLANKS)[:1]
            if "\r" in line:
                self._lone_return(number)
            elif first and first in "#!":
                self._java_comment(number)
            elif first:
                number = self._pair(number)
            number += 1

    def _lone_return(self, number: int) -> None:
        """A carriage return inside a line ends the line for Java; harmless where no half holds a key or continues."""
        line = self.lines[number]
        halves = line.split("\r")
        keyless = all(half.lstrip(BLANKS)[:1] in ("", "#", "!") for half in halves)
        joined = any(half.endswith("\\") and half[:1] != "#" for half in halves)
        if not keyless or joined or (line[:1] != "#" and "=" in line):
            self.found(_CARRIAGE_RETURN, number)

    def _java_comment(self, number: int) -> None:
        """bin/datomic would take a "=" in a comment that begins with "!" or is indented for that of a key."""
        if self.lines[number][0] == "#":
            return
        self._join(number)
        equals, at_end = self._joints[number]
        if equals:
            self.found(_COMMENT_WITH_EQUALS_SIGN, number)
        elif at_end and number + 1 == len(self.lines):
            self.found(_COMMENT_AT_END, number)

    def _pair(self, number: int) -> int:
        """Read the logical line that starts at this line; return the number of its last line."""
        first = self.lines[number]
        key = (_JAVA_KEY.match(first.lstrip(BLANKS)) or [""])[0]
        apart = number >= self._apart
        kept, dropped, last, broken = self._joined(number, key)
        if "=" not in first:
            colon = re.search(r"[: \t\f]", first.strip(BLANKS))
            self.found(_CONTINUED_KEY if last > number else _OTHER_SEPARATOR if colon else _NO_SEPARATOR, number)
            return last
        written, value = kept.split("=", 1)
        problem = _problem_of_key(written)
        if problem:
            self.found(problem, number, key)
            return last
        if not broken and value.strip(BLANKS):
            place = _problem_of_place(value, kept == dropped)
            if place:
                self.found(place, number, key)
            if "\\" in value.replace("\\\\", ""):
                self.found(_ESCAPE_IN_VALUE, number, key)
        if key in self.entries:
            self.found(_DUPLICATE_KEY, number, key, self.entries[key].line)
        if apart:
            read = "" if value[:1].isspace() else value.replace("\\\\", "\\")
            start, end = self.offsets[number] + first.index("=") + 1, self.offsets[last] + len(self.lines[last])
            self.entries[key] = Entry(key, read, number + 1, start, end)
        return last

    def _joined(self, number: int, key: str) -> tuple[str, str, int, bool]:
        """The logical line with the blanks at its joints, which bin/datomic keeps, and without them, as Java has it.

        Then the number of its last line, and whether a finding is about its joints.
        """
        kept: list[str] = []
        dropped: list[str] = []
        blanks, piece, broken, comment = "", self.lines[number], False, False
        while piece.endswith("\\"):
            problem = None
            if (len(piece) - len(piece.rstrip("\\"))) % 2 == 0:
                problem = _BACKSLASH_AT_LINE_END
                self._join(number)
            else:
                piece = piece[:-1]
                if number + 1 == len(self.lines):
                    problem = _VALUE_AT_END
            if problem:
                self.found(problem, number, key)
                broken = True
                break
            if not comment:
                kept += [blanks, piece]
                dropped.append(piece)
            number += 1
            following = self.lines[number]
            comment = following[:1] == "#"
            if comment or "\r" in following:
                self.found(*((_CONTINUED_COMMENT, number, key) if comment else (_CARRIAGE_RETURN, number)))
                broken = True
            piece = following.lstrip(BLANKS)
            blanks = following[: len(following) - len(piece)]
        # A comment is no part of a value that may be shown.
        last = "" if comment else piece
        return "".join([*kept, blanks, last]), "".join([*dropped, last]), number, broken


def _problem_of_key(written: str) -> _Problem | None:
    """written: everything before the =."""
    key = written.rstrip(BLANKS)
    if not key:
        return _EMPTY_KEY
    if "\\" in written:
        return _ESCAPE_IN_KEY
    if written[0] in BLANKS:
        return _BLANK_BEFORE_KEY
    if re.search(r"[: \t\f]", key):
        return _EARLIER_SEPARATOR
    if re.search(r"\s", key):
        return _WHITE_SPACE_IN_KEY
    return _BLANK_BEFORE_EQUALS_SIGN if written[-1] in BLANKS else None


def _problem_of_place(value: str, same: bool) -> _Problem | None:
    """White space where a line of the value begins. value: with the blanks at its joints; same: there are none."""
    if value[0].isspace():
        return _BLANK_BEFORE_VALUE
    return None if same else _BLANK_IN_CONTINUATION


def scan(raw: bytes, path: str) -> Reading:
    """The bytes as the two readers take them."""

    def bounded(rule: FindingId, message: str, suggestion: str) -> Finding:
        return Finding(rule, message, file=path, suggestion=suggestion, reason=_BOUNDED)

    if len(raw) > LONGEST:
        message = f"has more than {LONGEST} bytes, so that it is no properties file of Datomic's"
        too_large = bounded("file-too-large", message, "give the path of the properties file")
        return Reading(findings=(too_large,), legible=False)
    wrong = _not_text(raw, path)
    if raw.startswith(UTF_16):
        return Reading(findings=tuple(wrong), legible=False)
    text = raw.decode("utf-8-sig", errors="replace")
    reader = _Reader(text, path)
    reader.read()
    entries = reader.entries
    if any(finding.rule == "lone-carriage-return" for finding in reader.findings):
        entries = _with_returns_as_line_ends(text, reader.offsets)
    if raw.startswith(BYTE_ORDER_MARK):
        # It is the first character of the first key, so that no reader finds that key.
        entries = {key: entry for key, entry in entries.items() if entry.line > 1}
    if len(entries) > MOST_KEYS:
        message = f"has {len(entries)} keys, at most {MOST_KEYS} are read"
        too_many = bounded("too-many-keys", message, "remove the keys that are not Datomic's")
        return Reading(findings=(too_many,), legible=False)
    # A file with NUL bytes is no properties file, so that every line of it would be wrong.
    findings = wrong if b"\0" in raw else wrong + reader.findings
    if len(findings) > MOST_FINDINGS:
        message = f"{len(findings) - MOST_FINDINGS} more lines are wrong"
        more = bounded("more-wrong-lines", message, "correct the lines before, and run again")
        findings = [*findings[:MOST_FINDINGS], more]
    return Reading(text, entries, tuple(findings))


def _with_returns_as_line_ends(text: str, offsets: list[int]) -> dict[str, Entry]:
    """The entries as both readers have them, with the numbers that editors give to the lines."""
    reader = _Reader(re.sub(r"\r(?!\n)", "\n", text), "")
    reader.read()
    return {
        key: dataclasses.replace(entry, line=bisect.bisect_right(offsets, entry.start))
        for key, entry in reader.entries.items()
    }


def _not_text(raw: bytes, path: str) -> list[Finding]:
    def found(rule: FindingId, line: int, message: str) -> list[Finding]:
        return [Finding(rule, message, "error", path, line, "", _DECODED, SOURCE, _SAVE)]

    if raw.startswith(UTF_16):
        return found("not-utf-8", 1, "the file is UTF-16")
    if raw.startswith(BYTE_ORDER_MARK):
        return found("byte-order-mark", 1, "the file begins with a byte order mark, which joins the first key")
    if b"\0" in raw:
        return found("nul", raw.count(b"\n", 0, raw.index(b"\0")) + 1, "a NUL byte: not a text file")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return found("not-utf-8", line, f"the byte 0x{raw[error.start]:02x} is not UTF-8")
    return []
