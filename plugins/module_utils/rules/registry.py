# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a function becomes a rule."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from ..errors import Finding, RuleName, Severity
from .facts import Facts

Module = Literal["validate_properties", "ensure_transactor", "ensure_cf", "create_cf_template"]
Check = Callable[[Facts], Iterable[Finding]]


@dataclasses.dataclass(frozen=True)
class Rule:
    """check: the findings of one rule, with its id. also: the modules that judge it besides validate_properties."""

    check: Check
    also: tuple[Module, ...] = ()


RULES: dict[str, Rule] = {}
"""Every rule about keys, files and releases, by its id. Each can be accepted with a reason."""


def rule(
    severity: Severity, reason: str = "", source: str = "", *, also: tuple[Module, ...] = ()
) -> Callable[[Check], Check]:
    """Make the function a rule, whose id is the function's name with hyphens.

    severity: of all findings that do not say a milder one. reason, source: of all that do not say their own.
    """

    def register(function: Check) -> Check:
        name = RuleName(function.__name__.replace("_", "-"))

        def check(facts: Facts) -> Iterator[Finding]:
            for found in function(facts):
                yield dataclasses.replace(
                    found,
                    rule=name,
                    severity=severity if found.severity == "error" else found.severity,
                    reason=found.reason or reason,
                    source=found.source or source,
                )

        RULES[name] = Rule(check, also)
        return function

    return register
