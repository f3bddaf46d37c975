# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding clear-text secrets in what is about to be committed, and hiding them in what is shown."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from ansible_collections.datomic_onprem.aws.plugins.module_utils.settings import has_secret

HIDDEN = "********"

_KEY = r"(?P<key>[A-Za-z][\w.-]*)"
_ASSIGNMENT = re.compile(
    r"(?:^|(?<=[\s\"'{,;\ufeff\ufffd]))(?:-D)?" + _KEY + r"[\"']?[ \t]*[=:](?=[ \t]*[\"']?(?P<value>\S.*))"
)
_BLANK_SEPARATED = re.compile(r"^[ \t]*" + _KEY + r"[ \t]+(?P<value>[^\s=:].*)")
_AROUND = " \"',)]}"
"""What may stand around a value in JSON."""
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))")
_ENCRYPTED = re.compile(r"ENC\[|\{\{resolve:|\$\{|\$\(|\*{8}$")
"""SOPS's values, CloudFormation's dynamic references, references in a template or its shell code, masked values."""


@dataclasses.dataclass(frozen=True)
class Secret:
    """A secret value in clear text. line: 1-based."""

    line: int
    key: str
    value: str = dataclasses.field(repr=False)

    @property
    def spellings(self) -> set[str]:
        """The value, and without what may belong to the JSON around it."""
        return {self.value, self.value.strip(_AROUND)}


def secrets(content: bytes) -> list[Secret]:
    """Every secret value in clear text: in a properties file, and in the user data of a template.

    Comments do not count: the files that come with Datomic have examples of passwords there.
    """
    found: list[Secret] = []
    for number, line, inside in _lines(content):
        if inside and found:
            found.append(Secret(number, found[-1].key, line.strip()))
        else:
            found.extend(dict.fromkeys(Secret(number, key, value) for key, value in _in_line(line)))
    return found


def masked(content: bytes) -> str:
    """The text with stars for every secret value."""
    text = _text(content)
    lines = text.splitlines(keepends=True)
    for secret in secrets(content):
        line = lines[secret.line - 1]
        if secret.value in line:
            lines[secret.line - 1] = line.replace(secret.value, HIDDEN)
        else:  # written with escapes: nothing of the line is safe to show
            lines[secret.line - 1] = HIDDEN + "\n"
    return "".join(lines)


def _text(content: bytes) -> str:
    """Without NULs, so that UTF-16 is looked through as well."""
    return content.replace(b"\0", b"").decode(errors="replace")


def _lines(content: bytes) -> Iterator[tuple[int, str, bool]]:
    """Each line's number and text, and whether it continues a line with a secret."""
    continues = False
    for number, line in enumerate(_text(content).splitlines(), 1):
        inside = continues
        yield number, line, inside
        backslashes = len(line) - len(line.rstrip("\\"))
        continues = backslashes % 2 == 1 and (inside or bool(list(_in_line(line))))


def _in_line(line: str) -> Iterator[tuple[str, str]]:
    """The secret keys of a line and their values. A string in JSON holds several lines of a properties file."""
    for part in _ESCAPE.sub(_unescaped, line).split("\n"):
        if part.lstrip().startswith(("#", "!")):
            continue
        for match in (*_ASSIGNMENT.finditer(part), *_BLANK_SEPARATED.finditer(part)):
            key, value = match["key"], match["value"].rstrip()
            if value.strip(_AROUND) and not _ENCRYPTED.match(value) and has_secret(key, value):
                yield key, value


def _unescaped(match: re.Match[str]) -> str:
    code, character = match.groups()
    if code:
        return chr(int(code, 16))
    return {"n": "\n", "r": "\n", "t": "\t"}.get(character, character)
