# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What check_health does: look at a system again and again, until it has stayed healthy for long enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..aws import cloudwatch
from ..aws.client import Clients
from ..aws.stack import Stack
from ..aws.sts import refuse_other_account
from ..errors import DatomicError
from ..rolling import health
from ..rolling.readiness import Verdict
from ..steps.stack import document
from ..util import clock
from . import replace_transactors, transactor_info
from .replace_transactors import Options

LINE_SECONDS = 55.0
"""After so long without a line one is due: a look takes some seconds more."""


class System:
    """The group, its heartbeats, and the alarms of its stack."""

    def __init__(self, aws: Clients, options: Options) -> None:
        self._aws = aws
        self.name = options.stack_name
        self._cloud = replace_transactors.Cloud(aws, options, replace_transactors.reporting(options))
        self._stack: Stack | None = None
        self._alarms_before: frozenset[str] | None = None
        self.alarms: tuple[str, ...] = ()

    def look(self) -> Verdict:
        """How the system is now. DatomicError when there is none. An alarm that was in ALARM at first counts never."""
        self._stack, group = transactor_info.observe(self._aws, self.name, "", self._stack)
        if self._stack is None or group is None:
            raise DatomicError(f"There is no stack {self.name}, or it has no group of transactors.")
        self.alarms = document.alarm_names(self._stack.template, self.name)
        raised = cloudwatch.raised(self._aws.client("cloudwatch"), self.alarms)
        if self._alarms_before is None:
            self._alarms_before = raised
        return health.look(self._cloud.reported(group), raised - self._alarms_before)


def check(
    aws: Clients, options: Options, seconds: float, *, check_mode: bool, show: Callable[[str], None]
) -> dict[str, Any]:
    """The module's result. seconds: to stay healthy; check mode looks once. show: prints a line of progress."""
    refuse_other_account(aws, options.account_id)
    system = System(aws, options)
    began = clock.now()
    soak = health.Soak(0.0, began, patience=0.0) if check_mode else health.Soak(seconds, began)
    verdict = _soaked(system, soak, options.poll_seconds, show)
    passed = round(clock.now() - began, 1)
    return {"changed": False, "seen": verdict.seen, "alarms": list(system.alarms), "seconds": passed}


def _soaked(system: System, soak: health.Soak, poll_seconds: float, show: Callable[[str], None]) -> Verdict:
    """Look until the soak is over. Returns the last look. DatomicError when the system was not healthy."""
    before: Verdict | None = None
    shown_at = 0.0
    while True:
        verdict = system.look()
        now = clock.now()
        passed = now - soak.began
        soak = soak.after(now, verdict)
        if over := soak.over(now):
            text = f"stayed healthy for {passed:.0f} s"
        elif before is None:
            text = f"has to stay healthy for {soak.lasts:g} s"
        else:
            text = f"{passed / 60:.0f} of {soak.lasts / 60:.0f} min" + ("" if verdict.ready else ", not healthy")
        changed = before is None or verdict.ready != before.ready
        if soak.lasts and (over or changed or now >= shown_at + LINE_SECONDS):
            shown_at = now
            show(f"{clock.local(now)}  {text}: {verdict.seen}")
        if over:
            return verdict
        if soak.failed(now):
            bad = soak.bad_since or now
            raise DatomicError(
                f"{system.name} is not healthy: {verdict.seen}. It was healthy for {bad - soak.began:.0f} s of "
                f"{soak.lasts:.0f} s, and then not for {now - bad:.0f} s. Nothing was rolled back.",
                seen=verdict.seen,
                seconds=round(passed, 1),
            )
        before = verdict
        left = soak.began + soak.lasts - now
        clock.sleep(min(poll_seconds, left) if left > 0 else poll_seconds)
