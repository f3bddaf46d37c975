# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The passwords inside a value: among the parameters of a URL, or among the options of a JVM.

The time is linear in the length of the value. For that each pattern begins only where a word or a region begins, so
that no part of the value is read again from each of its characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

Place = Literal["parameters", "options"]
"""Where the passwords are: among a URL's parameters, or among options of a JVM."""
Span = tuple[int, int]
"""Where a password begins and ends in the value."""

CREDENTIAL = r"(?:passw|pwd|secret(?!s)|token(?!s)|access[-_.]?key|licen[cs]e[-_.]?key)"
"""What the name of a credential has in it. The plurals are about credentials: secretsmanager, HttpTokens."""
_NAME = rf"(?<![\w.-]) (?=[\w.-]* {CREDENTIAL}) [\w.-]+"
"""A whole word that has it, from the first character of the word."""
# password=… among parameters, however they are separated. A brace that is not closed hides all behind it.
_PARAMETER = re.compile(rf"""(?ix) {_NAME} \s* = \s* ( "[^"]*" | \{{[^}}]*\}}? | [^&;,\s)]+ )""")
# The same among the options of a JVM, which blanks separate; what a shell fills in is none.
_OPTION = re.compile(rf"""(?ix) {_NAME} = (?!"?\$[{{(]) ( "[^"]*" | '[^']*' | \S+? (?=["']?(?:\s|$)) )""")
# user:PASSWORD@host of a URL, user/PASSWORD@host of Oracle's. Both are looked for up to the last @ of their region.
_URL_USER = re.compile(r"(?<=://)[^:?]*:(.+)")
_ORACLE_USER = re.compile(r"(?im)(?:^|(?<=[/?]))(?=[^/?]*/.)[^/?]*?:(?:thin|oci8?):[^/?]*/(.+)")
# Up to the parameters, as some drivers take a password as it is, with @ and / in it.
_BEFORE_PARAMETERS = re.compile(r"(?:(?!\?\w+=).)+")
_WORD = re.compile(r"\S+")
_LINE = re.compile(r".+")

Finder = Callable[[str], Iterator[Span]]


def _named(pattern: re.Pattern[str]) -> Finder:
    return lambda value: (match.span(1) for match in pattern.finditer(value))


def _before_at(user: re.Pattern[str], region: re.Pattern[str]) -> Finder:
    def find(value: str) -> Iterator[Span]:
        for part in region.finditer(value):
            at = value.rfind("@", part.start(), part.end())
            found = user.search(value, part.start(), at) if at >= 0 else None
            if found:
                yield found.span(1)

    return find


_FINDERS: Mapping[Place, tuple[Finder, ...]] = {
    "parameters": (
        _named(_PARAMETER),
        _before_at(_URL_USER, _BEFORE_PARAMETERS),
        _before_at(_ORACLE_USER, _LINE),
    ),
    "options": (_named(_OPTION), _before_at(_URL_USER, _WORD)),
}


def masked(value: str, place: Place, mask: str) -> str:
    """The value with the mask for each password."""
    for find in _FINDERS[place]:
        pieces: list[str] = []
        position = 0
        for start, end in find(value):
            pieces += [value[position:start], mask]
            position = end
        value = "".join([*pieces, value[position:]])
    return value


def passwords(value: str, place: Place) -> list[str]:
    """The passwords in the value, as written."""
    return [value[start:end] for find in _FINDERS[place] for start, end in find(value)]
