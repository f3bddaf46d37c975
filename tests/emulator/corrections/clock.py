# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""moto's timestamps go by the emulated clock."""

from __future__ import annotations

import sys

import moto.core.utils

from tests.emulator.clock import CLOCK


def apply() -> None:
    """Put our clock wherever moto imported utcnow; services that are imported later get it from moto.core.utils."""
    original = moto.core.utils.utcnow
    for name, module in list(sys.modules.items()):
        if name.startswith("moto.") and getattr(module, "utcnow", None) is original:
            vars(module)["utcnow"] = CLOCK.utcnow
