# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that the role's tasks set and users do not. An action plugin hands them to the module that it runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

_given: dict[str, Any] = {}


@contextlib.contextmanager
def given(options: Mapping[str, Any]) -> Iterator[None]:
    """The module that this process runs meanwhile gets these options."""
    _given.update(options)
    try:
        yield
    finally:
        _given.clear()


def get() -> Mapping[str, Any]:
    return _given
