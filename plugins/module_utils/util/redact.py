# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hide secrets in text: known values, and whatever looks like a key or a password. The time is linear in its length.

Which properties are secret, and where in their values, is decided in properties/keys.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "********"

_USER_INFO = re.compile(r"(?<=//)[^/\s]*@")
_PARAMETER = re.compile(
    r"(?i)(?<![\w.-])([\w.-]*(?:password|secret[_-]?(?:access[_-]?)?key|access[_-]key[_-]id|token))=[^&\s\"']+"
)
_ACCESS_KEY = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b")


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
