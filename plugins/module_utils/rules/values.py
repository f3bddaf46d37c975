# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of the preflight: values that are not what their author meant, whatever the key."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from ..errors import Finding
from ..properties.file import Properties
from ..properties.keys import CF, TRANSACTOR, Setting, is_secret
from .facts import AWS_DOCS, EMPTY, PROPERTIES_DOCS, TRANSACTOR_DOCS, Facts, found

FROM_METADATA = ("host", "alt-host")
"""What an instance of the template finds out by itself."""

PATHS = ("data-dir", "log-dir", "pid-file", "valcache-path", "cassandra-config-file")

_COMMENT = re.compile(r"\s#")
_PLACEHOLDER = re.compile(
    r"""(?ix) .*\$\{[^}]*\}.* | .*\{\{.*\}\}.* | \$[a-z_]\w* | %[a-z_]\w*% | <[^<>]+>
    | \[[a-z][^\[\]:]*\] | (x|\.|\*){3,} | your[-_ .].*
    | (.*[-_ .])?(change|replace)[-_ ]?(me|this) | todo | fixme | tbd"""
)
_SHELL = re.compile(r".*(`.+`|\$\(.+\)).*")
LONGEST_SAMPLE = 500
"""Characters of a value that may be a placeholder; the patterns take the square of a value's length."""
_SAMPLES = {
    "sql-password": "datomic",
    "memcached-password": "datomic",
    "local-memcached-password": "datomic",
}
"""Values of the distribution's sample files that everybody knows."""


def _settings(facts: Facts) -> Iterator[tuple[Properties, str, Setting, str]]:
    """Every known key that has a value: its file, its name, what it means, its value."""
    for file, known in ((facts.transactor, TRANSACTOR), (facts.cf, CF)):
        for key, value in file.as_dict().items():
            if value and key in known:
                yield file, key, known[key], value


def comment_behind_value(facts: Facts) -> Iterator[Finding]:
    """A # behind a value begins no comment."""
    for file, key, setting, value in _settings(facts):
        # A password may hold anything, and what is no text is refused with a comment in it.
        if setting.secret or setting.kind != "text" or setting.choices or not _COMMENT.search(value):
            continue
        yield found(
            file,
            key,
            "comment-behind-value",
            "warning",
            "what begins with # is a part of the value, not a comment",
            reason="a comment is a line of its own for both readers of the file",
            source=PROPERTIES_DOCS,
            suggestion="move the comment into a line above",
        )


def invisible_character(facts: Facts) -> Iterator[Finding]:
    """Characters that no editor shows come with text that was pasted."""
    for file, key, _setting, value in _settings(facts):
        names = [_name(char) for char in dict.fromkeys(value) if is_invisible(char)]
        # A rule of its own tells what is wrong with a licence key.
        if names and key != "license-key":
            yield found(
                file,
                key,
                "invisible-character",
                "warning",
                f"the value holds {', '.join(names)}, which no editor shows",
                reason="it is a part of the value for every reader, and makes another name, address or key of it",
                source=PROPERTIES_DOCS,
                suggestion="write the value anew instead of pasting it",
            )


def is_invisible(char: str) -> bool:
    """Whether a reader takes it for nothing or for a blank: format and control characters, other spaces than ours."""
    return char not in " \t" and unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Zs")


def _name(char: str) -> str:
    return f"U+{ord(char):04X} ({unicodedata.name(char, 'a control character').lower()})"


def sample_value(facts: Facts) -> Iterator[Finding]:
    """A value that was to be replaced."""
    for file, key, setting, value in _settings(facts):
        sample = _SAMPLES.get(key) == value
        if key in FROM_METADATA and facts.cf is not EMPTY:
            continue
        if len(value) > LONGEST_SAMPLE:
            continue
        command = facts.cf is EMPTY and _SHELL.fullmatch(value)
        if not sample and not command and not _is_placeholder(setting, value):
            continue
        shown = "it" if is_secret(key) else value
        yield found(
            file,
            key,
            "sample-value",
            "warning",
            f"{shown} is the value of Datomic's sample file, which everybody knows"
            if sample
            else f"{shown} {'has a command that nothing runs' if command else 'looks like a placeholder'}",
            reason="systems that keep a sample's name share its table, metrics or rights; "
            "nothing fills a placeholder in",
            source=TRANSACTOR_DOCS if file is facts.transactor else AWS_DOCS,
            suggestion="a value of this system's own",
        )


def _is_placeholder(setting: Setting, value: str) -> bool:
    return setting.kind == "text" and not setting.choices and bool(_PLACEHOLDER.fullmatch(value.strip("'\" ")))


def path_of_home(facts: Facts) -> Iterator[Finding]:
    """~ is a shell's."""
    for key in PATHS:
        if facts.transactor.get(key).startswith("~"):
            yield found(
                facts.transactor,
                key,
                "path-of-home",
                "warning",
                "~ is no home directory here",
                reason="no shell reads the file: Java makes a directory whose name is ~",
                source=PROPERTIES_DOCS,
                suggestion="the whole path",
            )


RULES = (path_of_home, comment_behind_value, invisible_character, sample_value)
