# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two readings of a properties file, and every line on which they disagree.

One reading is that of bin/datomic's provisioning commands: line by line, split at the first "=", a value that starts
with white space is no value. The other is java.util.Properties, with which create-cf-template and the transactor read
the same file. Only text that means the same to both is accepted; docs/properties.md says what that is. Of other text
the entries are those of bin/datomic, so that whatever else is wrong with the file can be told in the same message.
"""

from __future__ import annotations

import bisect
import dataclasses
import functools
import re
from collections.abc import Mapping

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
WHY_BOUNDED = "what is read has a bound, so that a wrong path costs neither memory nor time"
_JAVA_KEY = re.compile(r"[^=: \t\f\\]*")


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
    """What scan() made of a file's bytes.

    entries: by key in file order, as bin/datomic reads them; both readers do when there are no findings.
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
        # The lines before this one that were not read yet are parts of an earlier one for bin/datomic.
        self._apart = 0
        # A line's content without its terminator, and where it starts. A last empty piece is no line.
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

    def found(self, rule: FindingId, line: int, message: str, suggestion: str, reason: str, key: str = "") -> None:
        self.findings.append(
            Finding(
                rule=rule,
                message=message,
                file=self.path,
                line=line + 1,
                key=key,
                suggestion=suggestion,
                reason=reason,
                source=SOURCE,
            )
        )

    def read(self) -> None:
        number = 0
        while number < len(self.lines):
            line = self.lines[number]
            if "\r" in line:
                self._lone_return(number)
                number += 1
            elif not line or line[0] == "#":
                number += 1
            else:
                first = line.lstrip(BLANKS)[:1]
                if not first:
                    number += 1
                elif first in "#!":
                    self._java_comment(number)
                    number += 1
                else:
                    number = self._pair(number)

    def _lone_return(self, number: int) -> None:
        """A carriage return inside a line ends the line for Java; harmless where no half holds a key or goes on."""
        line = self.lines[number]
        halves = line.split("\r")
        keyless = all(half.lstrip(BLANKS)[:1] in ("", "#", "!") for half in halves)
        joined = any(half.endswith("\\") and half[:1] != "#" for half in halves)
        if not keyless or joined or (line[:1] != "#" and "=" in line):
            self._found_return(number)

    def _found_return(self, number: int) -> None:
        self.found(
            "lone-carriage-return",
            number,
            "a carriage return inside the line",
            "end lines with a line feed, or with carriage return and line feed",
            "java.util.Properties begins a new line there; most editors and programs do not",
        )

    def _java_comment(self, number: int) -> None:
        """A comment for Java only ("!", or indented): bin/datomic would take a "=" in it as a key's."""
        self._join(number)
        equals, at_end = self._joints[number]
        if equals:
            self.found(
                "comment-with-equals-sign",
                number,
                "a comment for java.util.Properties, but a key and a value for bin/datomic",
                "begin a comment with # in the first column",
                "bin/datomic knows only comments that begin with # in the first column",
            )
        elif at_end and number + 1 == len(self.lines):
            self._found_at_end(number, "bin/datomic would take a line that is added later for a part of this comment")

    def _found_at_end(self, number: int, why: str, key: str = "") -> None:
        what = "the last line ends in a backslash, which joins it with a line that is not there"
        self.found("continued-at-end", number, what, "remove the backslash", why, key)

    def _pair(self, number: int) -> int:
        """Read the logical line that starts at this line; return the number of the line behind it."""
        first = self.lines[number]
        key = (_JAVA_KEY.match(first.lstrip(BLANKS)) or [""])[0]
        apart = number >= self._apart
        kept, dropped, last, broken = self._joined(number, key)
        if "=" not in first:
            self._without_equals(number, first, last > number)
            return last + 1
        written, value = kept.split("=", 1)
        if not self._key_is_sound(number, written, key):
            return last + 1
        if not broken:
            self._judge_value(number, key, value, kept == dropped)
        if key in self.entries:
            self.found(
                "duplicate-key",
                number,
                f"the key stands in line {self.entries[key].line} already",
                "keep one of the lines",
                "the last line wins when the file is read, and a reader of the file sees two values",
                key,
            )
        if apart:
            self.entries[key] = Entry(
                key=key,
                value="" if value[:1].isspace() else value.replace("\\\\", "\\"),
                line=number + 1,
                start=self.offsets[number] + first.index("=") + 1,
                end=self.offsets[last] + len(self.lines[last]),
            )
        return last + 1

    def _joined(self, number: int, key: str) -> tuple[str, str, int, bool]:
        """The logical line with the blanks at its joints, which bin/datomic keeps, and without them, as Java has it.

        Then the number of its last line, and whether a finding was made about its joints.
        """
        kept: list[str] = []
        dropped: list[str] = []
        blanks, piece, broken, comment = "", self.lines[number], False, False
        while piece.endswith("\\"):
            if (len(piece) - len(piece.rstrip("\\"))) % 2 == 0:
                self.found(
                    "backslash-at-line-end",
                    number,
                    "a doubled backslash ends the line",
                    "end the value with another character",
                    "java.util.Properties reads one backslash; bin/datomic joins the line with the next one",
                    key,
                )
                self._join(number)
                broken = True
                break
            piece = piece[:-1]
            if number + 1 == len(self.lines):
                self._found_at_end(number, "a line that is added later would become part of this value", key)
                broken = True
                break
            if not comment:
                kept += [blanks, piece]
                dropped.append(piece)
            number += 1
            following = self.lines[number]
            comment = following[:1] == "#"
            if comment:
                self.found(
                    "continued-comment",
                    number,
                    "the line before ends in a backslash, so this comment is a part of its value",
                    "move the comment above the key",
                    "java.util.Properties knows no comments inside a continued line",
                    key,
                )
                broken = True
            elif "\r" in following:
                self._found_return(number)
                broken = True
            piece = following.lstrip(BLANKS)
            blanks = following[: len(following) - len(piece)]
        # A comment is no part of a value that may be shown.
        last = "" if comment else piece
        return "".join([*kept, blanks, last]), "".join([*dropped, last]), number, broken

    def _without_equals(self, number: int, first: str, continued: bool) -> None:
        instead = "write key=value"
        if continued:
            what, why = "the line is continued before its =", "bin/datomic keeps the next line's blanks in the key"
        elif re.search(r"[: \t\f]", first.strip(BLANKS)):
            what, why = "no = between key and value", "java.util.Properties also splits at a colon or a blank"
        else:
            what, why = "a line without =", "java.util.Properties reads a key there, bin/datomic nothing"
            instead = "write key= for a key without a value, or # before a comment"
        self.found("separator", number, what, instead, why)

    def _key_is_sound(self, number: int, written: str, key: str) -> bool:
        rule: FindingId = ""
        what = ""
        why = "java.util.Properties skips blanks before a key and around the =; bin/datomic does not"
        if not written.strip(BLANKS):
            rule, what, why = "empty-key", "no key before the =", "neither reading finds a name for the value"
        elif "\\" in written:
            rule, what = "escape", "a backslash in the key"
            why = "java.util.Properties reads an escape there, bin/datomic a backslash"
        elif written[0] in BLANKS:
            rule, what = "blank-before-key", "white space before the key"
        elif any(char in written.rstrip(BLANKS) for char in ":" + BLANKS):
            rule, what = "separator", "a colon or a blank before the first ="
            why = "java.util.Properties splits there, bin/datomic at the first ="
        elif any(char.isspace() for char in written.rstrip(BLANKS)):
            rule, what = "white-space-in-key", "white space in the key that is neither a blank nor a tab"
            why = "both readings take it for a letter of the key, which nobody sees in an editor"
        elif written[-1] in BLANKS:
            rule, what = "blank-around-separator", "white space before the ="
        if not rule:
            return True
        self.found(rule, number, what, "write key=value without blanks around key and =", why, key)
        return False

    def _judge_value(self, number: int, key: str, value: str, same: bool) -> None:
        """value: with the blanks at its joints; same: there are none."""
        if not value.strip(BLANKS):
            return
        if value[0].isspace():
            self.found(
                "blank-around-separator",
                number,
                "white space between = and the value",
                "let the value begin right after the =",
                "java.util.Properties skips it; bin/datomic then reads no value",
                key,
            )
        elif not same:
            self.found(
                "blank-in-continuation",
                number,
                "a line that goes on with this value begins with white space",
                "let it begin in the first column, or write the value in one line",
                "java.util.Properties skips it; bin/datomic reads it as a part of the value",
                key,
            )
        if "\\" in value.replace("\\\\", ""):
            self.found(
                "escape",
                number,
                "a single backslash in the value",
                "write \\\\ for a backslash, and the character itself instead of an escape",
                "java.util.Properties reads an escape there, bin/datomic a backslash",
                key,
            )


def scan(raw: bytes, path: str) -> Reading:
    """The bytes as the two readers take them."""

    def found(rule: FindingId, message: str, suggestion: str) -> Finding:
        return Finding(rule, message, file=path, suggestion=suggestion, reason=WHY_BOUNDED)

    if len(raw) > LONGEST:
        what = f"has more than {LONGEST} bytes, so that it is no properties file of Datomic's"
        return Reading(findings=(found("file-too-large", what, "give the path of the properties file"),), legible=False)
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
        # It is the first character of the first key, for which nobody will ask.
        entries = {key: entry for key, entry in entries.items() if entry.line > 1}
    if len(entries) > MOST_KEYS:
        what = f"has {len(entries)} keys, at most {MOST_KEYS} are read"
        too_many = found("too-many-keys", what, "remove the keys that are not Datomic's")
        return Reading(findings=(too_many,), legible=False)
    # A file with NUL bytes was meant to be something else, of which every line would be told.
    findings = wrong if b"\0" in raw else wrong + reader.findings
    if len(findings) > MOST_FINDINGS:
        what = f"{len(findings) - MOST_FINDINGS} more lines are wrong"
        more = found("more-wrong-lines", what, "correct the lines before, and run again")
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
    def found(rule: FindingId, line: int, message: str, suggestion: str) -> list[Finding]:
        why = "the file has to be text that every reader decodes alike"
        return [
            Finding(rule=rule, message=message, file=path, line=line, suggestion=suggestion, reason=why, source=SOURCE)
        ]

    save = "save the file as UTF-8 without a byte order mark"
    if raw.startswith(UTF_16):
        return found("not-utf-8", 1, "the file is UTF-16", save)
    if raw.startswith(BYTE_ORDER_MARK):
        return found("byte-order-mark", 1, "the file begins with a byte order mark, which joins the first key", save)
    if b"\0" in raw:
        return found("nul", raw.count(b"\n", 0, raw.index(b"\0")) + 1, "a NUL byte: not a text file", save)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        bad = raw[error.start]
        return found("not-utf-8", raw.count(b"\n", 0, error.start) + 1, f"the byte 0x{bad:02x} is not UTF-8", save)
    return []
