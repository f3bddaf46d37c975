# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an instance's user data says."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

_LINE = re.compile(r"^([a-z][a-z0-9-]*)=(.*)$", re.MULTILINE)


LONGEST_USER_DATA = 16_384
"""Bytes, before they are encoded."""


def raw(user_data: Any) -> bytes:
    """User data's bytes, whether moto keeps them encoded or not."""
    encoded = str(user_data or "")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return encoded.encode()


def text(user_data: Any) -> str:
    return raw(user_data).decode(errors="replace")


def properties(user_data: str) -> dict[str, str]:
    """The lines key=value of a transactor's properties in it, with Java's escapes taken off."""
    return {key: re.sub(r"\\(.)", r"\1", value.strip()) for key, value in _LINE.findall(user_data)}
