# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One Datomic system: its two properties files, and the options that mean the same in every module."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from .errors import Acceptance
from .properties.file import EMPTY, Properties
from .properties.keys import parse_integer, table_of

ROLE_PREFIX = "datomic-aws"
DEFAULT_PORT = 4334
"""Datomic's own."""


@dataclasses.dataclass(frozen=True)
class System:
    """transactor, cf: EMPTY when not given, as texts are empty.

    secrets: keys of the transactor's file whose values are kept elsewhere. role_prefix: the start of generated names of
    roles and users. datomic_version: the release for a blank datomic-version. backup_heap: of bin/datomic backup-db.
    permissions_boundary: None when not given; an empty one is an error.
    """

    transactor: Properties = EMPTY
    cf: Properties = EMPTY
    secrets: frozenset[str] = frozenset()
    accept: tuple[Acceptance, ...] = ()
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    account_id: str = ""
    backup_heap: str = ""
    datomic_version: str = ""
    permissions_boundary: str | None = None
    role_prefix: str = ROLE_PREFIX
    stack_name: str = ""
    vpc_id: str = ""

    @classmethod
    def of(cls, params: Mapping[str, Any], transactor: Properties = EMPTY, cf: Properties = EMPTY) -> System:
        """params: of any module. Options that the module does not have, or that are not given, get their defaults."""
        texts = ("account_id", "backup_heap", "datomic_version", "permissions_boundary", "role_prefix", "stack_name")
        return cls(
            transactor,
            cf,
            secrets=frozenset(params.get("secrets") or ()),
            accept=tuple(Acceptance(**one) for one in params.get("accept") or ()),
            # YAML makes numbers and booleans of such values; AWS takes text.
            tags={str(key): str(value) for key, value in (params.get("tags") or {}).items()},
            **{name: params[name] for name in (*texts, "vpc_id") if params.get(name) is not None},
        )

    @property
    def table(self) -> str:
        """The DynamoDB table; empty without DynamoDB."""
        return table_of(self.transactor.as_dict())

    @property
    def port(self) -> int:
        """The transactor's port, Datomic's default where the file has no valid one."""
        return parse_integer(self.transactor.get("port")) or DEFAULT_PORT
