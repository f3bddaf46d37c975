# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What plan_system knows of a system while it plans."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from ..actions import Actions
from ..aws.client import Aws
from ..aws.stack import Stack
from ..errors import DatomicError, Finding, InputError
from ..properties.file import Properties
from ..rolling.state import Observed
from ..rules.facts import Facts
from ..steps.transactor.current import Account
from ..system import System
from . import validate
from .prepared import Prepared

T = TypeVar("T")


@dataclasses.dataclass
class Planning:
    """What is known of the system so far. findings: of all steps; those of final cannot be accepted.

    stack, account: read once, when one of the steps needs them first.
    """

    aws: Aws
    params: Mapping[str, Any]
    system: System
    facts: Facts
    check_mode: bool
    stack: Callable[[], Stack | None]
    account: Callable[[], Account]
    findings: list[Finding] = dataclasses.field(default_factory=list)
    final: list[Finding] = dataclasses.field(default_factory=list)

    @property
    def transactor(self) -> Properties:
        return self.system.transactor

    @property
    def cf(self) -> Properties:
        return self.system.cf

    def attempt(self, work: Callable[[], T]) -> T | None:
        """The result, or None: then the error is among the findings, so that one message has all of them."""
        try:
            return work()
        except InputError as error:
            self.final += error.findings
        except DatomicError as error:
            self.final.append(Finding("aws", str(error)))
        return None

    def refuse_errors(self, findings: Iterable[Finding]) -> tuple[list[Finding], list[tuple[Finding, str]]]:
        """The findings that count, and the accepted ones. InputError when there is an error."""
        judged = validate.Judged.of(self.files, findings, self.final, self.system.accept)
        judged.refuse_errors()
        return judged.counting, judged.accepted

    def has_step(self, step: str) -> bool:
        """Whether the run takes this step."""
        return not self.params["only"] or step in self.params["only"]

    def expects(self, step: str) -> bool:
        """Whether the next steps get this one's result. A check of entry points in a row has written nothing."""
        return self.check_mode or self.has_step(step)

    @property
    def files(self) -> tuple[str, str]:
        return self.transactor.path, self.cf.path


@dataclasses.dataclass(frozen=True)
class Seen:
    """What AWS has, and what the steps make of it; None where an error kept that from being known."""

    stack: Stack | None
    group: Observed | None
    transactor: Prepared | None
    cf: Prepared | None
    secrets: tuple[Actions, dict[str, int]] | None
