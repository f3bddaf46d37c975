# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding clear-text secrets in what is about to be committed, and hiding them in what is shown."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from ..properties.file import MASK
from ..properties.keys import has_secret, secrecy

_KEY = r"(?P<key>[A-Za-z][\w.-]*)"
_ASSIGNMENT = re.compile(
    r"(?:^|(?<=[\s\"'{,;\ufeff\ufffd]))(?:-D)?" + _KEY + r"[\"']?[ \t]*[=:](?=[ \t]*[\"']?(?P<value>\S))"
)
_BLANK_SEPARATED = re.compile(r"[ \t]*" + _KEY + r"[ \t]+(?P<value>[^\s=:])")
_AROUND = " \"',)]}"
"""What may stand around a value in JSON."""
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))")
_ENCRYPTED = re.compile(r"ENC\[|\{\{resolve:|\$\{|\$\(|\*{8}$")
"""SOPS's values, CloudFormation's dynamic references, references in a template or its shell code, masked values."""


@dataclasses.dataclass(frozen=True)
class Secret:
    """A secret value in clear text. line: 1-based. values: the value, as far as it may reach."""

    line: int
    key: str
    values: tuple[str, ...] = dataclasses.field(repr=False)

    @property
    def spellings(self) -> set[str]:
        """The values, and without what may belong to the JSON around them."""
        return {text for value in self.values for text in (value, value.strip(_AROUND)) if text}


def secrets(content: bytes) -> list[Secret]:
    """Every secret value in clear text: in a properties file, and in the user data of a template.

    Comments do not count: the files that come with Datomic have examples of passwords there.
    """
    found: list[Secret] = []
    for line in _lines(content):
        if line.inside and found:
            found += [Secret(line.number, found[-1].key, (line.text.strip(),))]
        else:
            found += dict.fromkeys(Secret(line.number, *each) for part in line.parts for each in part.found)
    return found


def masked(content: bytes) -> str:
    """The text with stars for every secret value."""
    return "".join(_masked(line) + line.end for line in _lines(content))


@dataclasses.dataclass(frozen=True)
class _Part:
    """One line of properties, of which a string in JSON holds several. end: the escape that ends it there.

    found: the secret keys and their values. What follows one may all be its value, or the next key with its own: the
    first has both, the others only what reaches to the next, or all values together were longer than any line.
    """

    written: str
    end: str
    found: list[tuple[str, tuple[str, ...]]]

    @property
    def masked(self) -> str:
        if not self.found:
            return self.written
        kept, value = self.written.rstrip(), self.found[0][1][0]
        if "\\" in value or not kept.endswith(value):  # written with escapes: nothing of it is safe to show
            return MASK
        return kept.removesuffix(value) + MASK + self.written[len(kept) :]


@dataclasses.dataclass(frozen=True)
class _Line:
    """A line of the file. inside: it continues a line with a secret."""

    number: int
    text: str
    end: str
    inside: bool
    parts: list[_Part]


def _masked(line: _Line) -> str:
    if line.inside and line.text.strip():
        return line.text.replace(line.text.strip(), MASK)
    return "".join(part.masked + part.end for part in line.parts)


def _lines(content: bytes) -> Iterator[_Line]:
    # Without NULs, so that UTF-16 is looked through as well.
    text = content.replace(b"\0", b"").decode(errors="replace")
    inside = False
    for number, whole in enumerate(text.splitlines(keepends=True), 1):
        line = whole.splitlines()[0]
        parts = list(_parts(line))
        yield _Line(number, line, whole[len(line) :], inside, parts)
        backslashes = len(line) - len(line.rstrip("\\"))
        inside = backslashes % 2 == 1 and (inside or any(part.found for part in parts))


def _parts(line: str) -> Iterator[_Part]:
    start = 0
    for match in _ESCAPE.finditer(line):
        if _unescaped(match) == "\n":
            yield _part(line[start : match.start()], match[0])
            start = match.end()
    yield _part(line[start:], "")


def _part(written: str, end: str) -> _Part:
    text = _ESCAPE.sub(_unescaped, written).rstrip()
    starts = list(_starts(text))
    if not starts:
        return _Part(written, end, [])
    ends = [*(start for _key, start, _value in starts[1:]), len(text)]
    values = [text[value:end].rstrip() for (_key, _start, value), end in zip(starts, ends, strict=True)]
    keys = [key for key, _start, _value in starts]
    whole = tuple(dict.fromkeys((text[starts[0][2] :], values[0])))
    return _Part(written, end, list(zip(keys, [whole, *((value,) for value in values[1:])], strict=True)))


def _starts(text: str) -> Iterator[tuple[str, int, int]]:
    """The secret keys of a line of properties, with where each begins and where its value does."""
    if text.lstrip().startswith(("#", "!")):
        return
    last = len(text.rstrip(_AROUND))
    judged: set[str] = set()
    for match in (*filter(None, [_BLANK_SEPARATED.match(text)]), *_ASSIGNMENT.finditer(text)):
        key, value = match["key"], match.start("value")
        kind = secrecy(key)
        if value >= last or not kind or kind in judged or _ENCRYPTED.match(text, value):
            continue
        if kind != "whole":
            # What follows the first such key has in it what follows the others.
            judged.add(kind)
            if not has_secret(key, text[value:]):
                continue
        yield key, match.start(), value


def _unescaped(match: re.Match[str]) -> str:
    code, character = match.groups()
    if code:
        return chr(int(code, 16))
    return {"n": "\n", "r": "\n", "t": "\t"}.get(character, character)
