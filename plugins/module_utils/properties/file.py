# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The properties file: read as both of its readers do, edited in place, written safely. Knows no key of Datomic."""

from __future__ import annotations

import dataclasses
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping

from ..errors import DatomicError, Finding, FindingId, InputError, Severity
from ..util import atomic_write
from . import parser

try:
    import jproperties
except ImportError:
    jproperties = None

MASK = "********"

_COMMENTED_PAIR = re.compile(
    r"^([ \t\f]*[#!][#! \t\f]*)([^=:#!\s][^=:\s]*)([ \t\f]*[=:][ \t\f]*)(.+?)(\r?)$", re.MULTILINE
)
_METADATA_COMMENT = re.compile(r"((?:^|\r)[ \t\f]*[#!]):", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Properties:
    """A properties file. Immutable.

    parse() and read() accept only a file that both readers understand alike. scan() and inspect() accept every file.
    One with findings has the entries that bin/datomic reads, and is neither edited nor written.
    legible: false when there is no text, in which no key could be missing.
    """

    path: str
    raw: bytes = dataclasses.field(repr=False)  # may hold secrets
    _text: str = dataclasses.field(repr=False, compare=False)
    entries: Mapping[str, parser.Entry] = dataclasses.field(repr=False, compare=False)
    findings: tuple[Finding, ...] = dataclasses.field(default=(), repr=False, compare=False)
    legible: bool = dataclasses.field(default=True, repr=False, compare=False)

    @classmethod
    def scan(cls, raw: bytes, path: str) -> Properties:
        """The file, with a finding for every line on which the two readings disagree."""
        reading = parser.scan(raw, path)
        return cls(path, raw, reading.text, reading.entries, reading.findings, reading.legible)

    @classmethod
    def parse(cls, raw: bytes, path: str) -> Properties:
        """The file. Raises InputError with the findings."""
        return cls.scan(raw, path)._sound()

    def _sound(self) -> Properties:
        if self.findings:
            raise InputError(self.findings)
        return self

    def __contains__(self, key: object) -> bool:
        return key in self.entries

    def __iter__(self) -> Iterator[str]:
        """The keys in file order."""
        return iter(self.entries)

    def get(self, key: str) -> str:
        """The value, empty when the key is missing or its value is blank."""
        entry = self.entries.get(key)
        return entry.value if entry else ""

    def has_value(self, key: str) -> bool:
        return bool(self.get(key))

    def line(self, key: str) -> int:
        """The key's line, 1-based; 0 when it is missing."""
        entry = self.entries.get(key)
        return entry.line if entry else 0

    def finding(
        self,
        key: str,
        message: str,
        suggestion: str = "",
        *,
        rule: FindingId = "",
        severity: Severity = "error",
        reason: str = "",
        source: str = "",
    ) -> Finding:
        """A finding about this key. A function under @rule leaves out what its decorator says."""
        return Finding(rule, message, severity, self.path, self.line(key), key, reason, source, suggestion)

    def as_dict(self) -> dict[str, str]:
        """Key to value, as java.util.Properties reads them."""
        return {key: entry.value for key, entry in self.entries.items()}

    def at(self, path: str) -> Properties:
        """The same bytes for another path."""
        return dataclasses.replace(self, path=path)

    def edit(self, changes: Mapping[str, str]) -> Properties:
        """The file with these values: replaced in place, new keys appended as key=value, every other byte kept.

        Raises InputError for a key or a value that the two readings would not both give back, and for a file with
        findings.
        """
        self._sound()
        findings = [finding for key, value in changes.items() for finding in self._unwritable(key, value)]
        if findings:
            raise InputError(findings)
        changed = {key: value for key, value in changes.items() if key not in self or self.get(key) != value}
        if not changed:
            return self
        pieces: list[str] = []
        position = 0
        for key, entry in self.entries.items():
            if key in changed:
                pieces += [self._text[position : entry.start], _escaped(changed[key])]
                position = entry.end
        pieces.append(self._text[position:])
        pieces += self._appended({key: value for key, value in changed.items() if key not in self})
        edited = Properties.parse("".join(pieces).encode(), self.path)
        if edited.as_dict() != {**self.as_dict(), **changes}:
            raise DatomicError(f"{self.path}: the edited text reads back differently; nothing was written.")
        return edited

    def _appended(self, new: Mapping[str, str]) -> Iterable[str]:
        """The new lines, with the line end of the file's last line; a missing last line end stays missing."""
        newline = "\r\n" if re.search(r"\r\n[^\n]*\Z", self._text) else "\n"
        lines = [f"{key}={_escaped(value)}" for key, value in new.items()]
        if not self._text or self._text.endswith("\n"):
            return [line + newline for line in lines]
        return [newline + line for line in lines]

    def _unwritable(self, key: str, value: str) -> Iterator[Finding]:
        if re.search(r"[\s=:\\\0\ufeff\ud800-\udfff]", key) or key[:1] in ("", "#", "!"):
            yield Finding("unwritable-key", f"the key {key!a} cannot be written", file=self.path)
        problem = ""
        if value[:1].isspace():
            problem = "begins with white space"
        elif re.search(r"[\r\n\0\ud800-\udfff]", value):
            problem = "has a line end, a NUL or half a surrogate pair"
        elif value.endswith("\\"):
            problem = "ends in a backslash"
        if problem:
            message = f"the new value {problem}: the two readings would not both give it back"
            yield self.finding(key, message, rule="unwritable-value")

    def without_metadata(self) -> str:
        """The text for jproperties, which reads "#:" comments as metadata, or fails on them."""
        pieces: list[str] = []
        position = 0
        for entry in self.entries.values():
            pieces += [_METADATA_COMMENT.sub(r"\1 ", self._text[position : entry.start])]
            pieces += [self._text[entry.start : entry.end]]
            position = entry.end
        return "".join([*pieces, _METADATA_COMMENT.sub(r"\1 ", self._text[position:])])

    def shown(self, mask: Callable[[str, str], str]) -> str:
        """The text with mask(key, value) in the place of each value, in commented-out pairs too.

        Of a file with findings only the size: any line of it may hold a secret.
        """
        if self.findings:
            return f"({len(self.raw)} bytes that are no sound properties file)\n"
        pieces: list[str] = []
        position = 0
        for key, entry in self.entries.items():
            masked = mask(key, entry.value)
            if masked != entry.value:
                pieces += [self._text[position : entry.start], masked]
                position = entry.end
        pieces.append(self._text[position:])
        return _COMMENTED_PAIR.sub(lambda found: _masked_comment(found, mask), "".join(pieces))


def read(path: str) -> Properties:
    """The file at path. Raises InputError when it cannot be read, is no file or has findings."""
    return inspect(path)._sound()


def inspect(path: str) -> Properties:
    """The file at path with all findings about its text, or with the one that it cannot be read."""
    try:
        # A pipe or a device would block or never end.
        if not stat.S_ISREG(os.stat(path).st_mode):
            return _unreadable(path, "not a regular file", "give the path of the properties file")
        with open(path, "rb") as file:
            raw = file.read(parser.LONGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        suggestion = "check the path; a relative one starts at the directory of the run"
        return _unreadable(path, f"cannot be read: {reason}", suggestion)
    return Properties.scan(raw, path)


def _unreadable(path: str, message: str, suggestion: str) -> Properties:
    finding = Finding("unreadable-file", message, file=path, suggestion=suggestion)
    return Properties(path, b"", "", {}, (finding,), legible=False)


def write(new: Properties, *, was: Properties | None) -> None:
    """Write the file to its path, atomically, unless its bytes are those that were read.

    was: the file that was read from that path; None: there was none. Raises DatomicError when the file on disk has
    changed since, when jproperties reads the new text differently, or when writing fails.
    """
    if was is not None and was.raw == new.raw and was.path == new.path:
        return
    verify(new)
    atomic_write.replace(new.path, new.raw, was=None if was is None else was.raw)


def diff(before: Properties | None, after: Properties, mask: Callable[[str, str], str]) -> dict[str, str]:
    """Ansible's diff of the file, with mask(key, value) for each value."""
    return {
        "before_header": before.path if before else after.path,
        "after_header": after.path,
        "before": before.shown(mask) if before else "",
        "after": after.shown(mask),
    }


EMPTY = Properties.parse(b"", "")
"""Represents a file that was not given: it has no key."""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\")


def _masked_comment(found: re.Match[str], mask: Callable[[str, str], str]) -> str:
    lead, key, separator, value, line_end = found.groups()
    return lead + key + separator + mask(key, value) + line_end


def verify(properties: Properties) -> None:
    """Compare with an independent parser, before the text replaces a file. InputError for a file with findings."""
    properties._sound()
    if jproperties is None:
        raise DatomicError("The Python library jproperties is missing: pip install jproperties, and run again.")
    independent = jproperties.Properties()
    independent.load(properties.without_metadata())
    if dict(independent.properties) != properties.as_dict():
        raise DatomicError(f"{properties.path}: jproperties reads the new text differently; nothing was written.")
