# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ensure_transactor and ensure_cf have planned: plan_system reads it, the modules conclude it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

from .. import rules
from ..actions import Decision
from ..errors import Acceptance, Finding, raise_if_errors
from ..properties.file import Properties
from ..screen import warn
from ..steps.base import File, planned
from ..steps.ingress import NOTHING, Current


@dataclasses.dataclass(frozen=True)
class Prepared:
    """file: which the step completes. findings: all, also those that the user accepts.

    decision: empty where an error keeps it from being made. conclude: executes it unless its argument, check_mode, is
    true. Returns the module's result. ingress, security_group_id: what ensure_cf has read.
    """

    file: File
    findings: Sequence[Finding]
    conclude: Callable[[bool], dict[str, Any]]
    decision: Decision
    ingress: Current = NOTHING
    security_group_id: str = ""

    @functools.cached_property
    def after(self) -> Properties:
        """The file's content after the decision. DatomicError when it cannot be written."""
        return planned(self.file, self.decision)

    def run(self, accept: Sequence[Acceptance], *, check_mode: bool) -> dict[str, Any]:
        """The module's result. InputError when an error is not accepted."""
        counting = rules.accepted(self.findings, accept)[0]
        for text in raise_if_errors(counting):
            warn(text)
        return self.conclude(check_mode) | {"findings": [one.as_returned() for one in counting]}
