# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes on in the emulated account between calls, each thing at its moment on the emulated clock."""

from __future__ import annotations

from tests.emulator import corrections
from tests.emulator.clock import CLOCK
from tests.emulator.corrections import autoscaling
from tests.emulator.transactors import FLEET


def reset() -> None:
    """Forget everything that is kept beside moto's accounts."""
    corrections.reset()
    FLEET.reset()


def catch_up() -> None:
    """Let happen what is due by now, in order; with the emulator's lock held, before every call."""
    now = CLOCK.now()
    FLEET.watch()
    while (due := min(autoscaling.next_due(), FLEET.next_due())) <= now:
        with CLOCK.at(due):
            FLEET.run_due()
            autoscaling.run_due()
            FLEET.watch()
