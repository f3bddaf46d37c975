# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules: keys without a value, and values that are not what their author meant, whatever the key."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from ..errors import Finding
from ..properties.file import Properties
from ..properties.keys import CF, EMBEDDED, NO_EMPTY_TEXT, TRANSACTOR, Setting, is_secret, missing
from ..releases import versions
from .facts import AWS_DOCS, EMPTY, PROPERTIES_DOCS, TRANSACTOR_DOCS, Facts
from .registry import rule

FROM_METADATA = ("host", "alt-host")
"""What an instance of the template finds out by itself."""

PATHS = ("data-dir", "log-dir", "pid-file", "valcache-path", "cassandra-config-file")

MEMORY_REQUIRED_SINCE = "0.8.4110"
"""The first release without defaults for memory."""

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
    """Every known key of both files: its file, its name, what it means, its value."""
    for file, known in ((facts.transactor, TRANSACTOR), (facts.cf, CF)):
        for key, value in file.as_dict().items():
            if key in known:
                yield file, key, known[key], value


def missing_keys(facts: Facts, *, to_start: bool) -> Iterator[Finding]:
    """The keys that a transactor of this protocol and release needs and does not find.

    to_start: those too that only a start needs, and provisioning does not.
    """
    if facts.transactor is EMPTY:
        return
    for key, setting in TRANSACTOR.items():
        needed = facts.protocol in setting.required_by and (key in facts.transactor or not setting.default)
        if to_start and setting.required == "to start":
            needed = not facts.version or versions.at_least(facts.version, MEMORY_REQUIRED_SINCE)
        if needed and facts.reads(key) and not facts.has(key):
            yield missing(facts.transactor, key)


@rule("error")
def blank_value(facts: Facts) -> Iterator[Finding]:
    """A key without a value that nothing fills in."""
    for file, key, setting, value in _settings(facts):
        elsewhere = setting.required or setting.required_by or setting.filled_in or setting.deprecated
        if value or elsewhere or (file is facts.transactor and facts.has(key)):
            continue
        applies = setting.blank != NO_EMPTY_TEXT or facts.protocol in EMBEDDED
        blank = setting.blank if applies else ""
        yield file.finding(
            key,
            "no value" + (f": the default {setting.default} applies" if setting.default and not blank else ""),
            f"give {key} a value, or remove the line",
            severity="error" if blank and setting.stops else "warning",
            reason=blank or "a blank value counts as none, and nothing is generated for this key",
            source=TRANSACTOR_DOCS if file is facts.transactor else AWS_DOCS,
        )


@rule("warning", "it is a part of the value for every reader", TRANSACTOR_DOCS)
def trailing_blank(facts: Facts) -> Iterator[Finding]:
    """White space behind a value belongs to the value."""
    for file in (facts.transactor, facts.cf):
        for key in file:
            if file.get(key)[-1:].isspace():
                yield file.finding(key, "white space at the end of the value", "remove it")


@rule("warning", "a comment is a line of its own for both readers of the file", PROPERTIES_DOCS)
def comment_behind_value(facts: Facts) -> Iterator[Finding]:
    """A # behind a value begins no comment."""
    for file, key, setting, value in _settings(facts):
        # A password may hold anything, and what is no text is refused with a comment in it.
        if setting.secret != "whole" and setting.kind == "text" and not setting.choices and _COMMENT.search(value):
            message = "the text from # on is a part of the value, not a comment"
            yield file.finding(key, message, "move the comment into a line above")


@rule(
    "warning",
    "it is a part of the value for every reader, and makes another name, address or key of it",
    PROPERTIES_DOCS,
)
def invisible_character(facts: Facts) -> Iterator[Finding]:
    """Characters that no editor shows come with text that was pasted."""
    for file, key, _setting, value in _settings(facts):
        names = [_name(char) for char in dict.fromkeys(value) if is_invisible(char)]
        # license-key-format reports those of a licence key.
        if names and key != "license-key":
            message = f"the value holds {', '.join(names)}, which no editor shows"
            yield file.finding(key, message, "write the value anew instead of pasting it")


def is_invisible(char: str) -> bool:
    """Whether a reader sees nothing or a blank: format and control characters, other spaces than blank and tab."""
    return char not in " \t" and unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Zs")


def _name(char: str) -> str:
    return f"U+{ord(char):04X} ({unicodedata.name(char, 'a control character').lower()})"


@rule(
    "warning",
    "systems that keep a sample's name share its table, metrics or rights; nothing fills a placeholder in",
)
def sample_value(facts: Facts) -> Iterator[Finding]:
    """A value that was to be replaced."""
    for file, key, setting, value in _settings(facts):
        if len(value) > LONGEST_SAMPLE or (key in FROM_METADATA and facts.cf is not EMPTY):
            continue
        shown = "it" if is_secret(key) else value
        if _SAMPLES.get(key) == value:
            message = f"{shown} is the value of Datomic's sample file, which everybody knows"
        elif facts.cf is EMPTY and _SHELL.fullmatch(value):
            message = f"{shown} has a command that nothing runs"
        elif _is_placeholder(setting, value):
            message = f"{shown} looks like a placeholder"
        else:
            continue
        source = TRANSACTOR_DOCS if file is facts.transactor else AWS_DOCS
        yield file.finding(key, message, "a value of this system's own", source=source)


def _is_placeholder(setting: Setting, value: str) -> bool:
    is_text = setting.kind in ("text", "endpoint", "region", "iam", "bucket") and not setting.choices
    return is_text and bool(_PLACEHOLDER.fullmatch(value.strip("'\" ")))


@rule("warning", "no shell reads the file: Java makes a directory whose name is ~", PROPERTIES_DOCS)
def path_of_home(facts: Facts) -> Iterator[Finding]:
    """Only a shell knows ~."""
    for key in PATHS:
        if facts.transactor.get(key).startswith("~"):
            yield facts.transactor.finding(key, "~ is no home directory here", "the whole path")
