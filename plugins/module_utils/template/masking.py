# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A template as it may be shown: without the secrets of the property lines in its user data."""

from __future__ import annotations

import re
from typing import Any

from ..properties import keys

_REFERENCE = re.compile(r'"?\$[{(]')
"""What the instance's shell fills in."""


def masked(part: Any) -> Any:
    """The same JSON value, with ******** for each secret in a string's lines of the form key=value."""
    if isinstance(part, dict):
        return {key: masked(value) for key, value in part.items()}
    if isinstance(part, list):
        return [masked(value) for value in part]
    if isinstance(part, str):
        return "\n".join(_line(line) for line in part.split("\n"))
    return part


def _line(line: str) -> str:
    key, separator, value = line.partition("=")
    if not keys.is_secret(key) or (key not in keys.TRANSACTOR and _REFERENCE.match(value)):
        return keys.mask_options(line)
    return f"{key}{separator}{keys.mask(key, value)}"
