# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The argument specs that the backup modules share; the documentation fragment `tool` says what each means."""

from __future__ import annotations

from typing import Any

TOOL: dict[str, dict[str, Any]] = {
    "datomic_home": {"type": "path", "required": True},
    "backup_uri": {"type": "str", "required": True},
    "account_id": {"type": "str"},
    "backup_region": {"type": "str"},
    "java_home": {"type": "path"},
    "heap": {"type": "str"},
    "timeout": {"type": "int", "default": 14400},
    "log": {"type": "path"},
}
DATABASE: dict[str, dict[str, Any]] = {
    # It may hold credentials.
    "database_uri": {"type": "str", "no_log": True},
    "database": {"type": "str"},
    "transactor_src": {"type": "path"},
}
ONE_DATABASE: dict[str, Any] = {
    "required_one_of": [("database_uri", "database")],
    "mutually_exclusive": [("database_uri", "database")],
    "required_by": {"database": ("transactor_src",)},
}
