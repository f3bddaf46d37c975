# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hide secrets in what is shown: known values, secret properties, and whatever looks like a key or a password.

properties/keys.py decides which properties are secret. The time is linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..properties import keys
from ..properties.file import MASK

_USER_INFO = re.compile(r"(?<=//)[^/\s]*@")
_PARAMETER = re.compile(
    r"(?i)(?<![\w.-])([\w.-]*(?:password|secret[_-]?(?:access[_-]?)?key|access[_-]key[_-]id|token))=[^&\s\"']+"
)
_ACCESS_KEY = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b")
_SHELL_VARIABLE = re.compile(r'"?\$[{(]')
"""A value that the shell of an instance fills in."""


def values(text: str, secrets: Iterable[str]) -> str:
    """The text without these values."""
    # The longest first: masking one must not leave a part of another.
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def urls(text: str) -> str:
    """The text without the user and password in URLs. The user may be a token."""
    return _USER_INFO.sub(f"{MASK}@", text)


def output(text: str, secrets: Iterable[str] = ()) -> str:
    """The output of a program without these values, and without the keys and passwords in it."""
    return _ACCESS_KEY.sub(MASK, _PARAMETER.sub(rf"\1={MASK}", urls(values(text, secrets))))


def properties(part: Any) -> Any:
    """A JSON value, such as a template, with a mask for each secret in a line key=value of its strings."""
    if isinstance(part, dict):
        return {key: properties(value) for key, value in part.items()}
    if isinstance(part, list):
        return [properties(value) for value in part]
    if isinstance(part, str):
        return "\n".join(_property(line) for line in part.split("\n"))
    return part


def _property(line: str) -> str:
    key, separator, value = line.partition("=")
    if not keys.is_secret(key) or (key not in keys.TRANSACTOR and _SHELL_VARIABLE.match(value)):
        return keys.mask_options(line)
    return f"{key}{separator}{keys.mask(key, value)}"
