# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""botocore's waiters look every few seconds, as AWS takes that long; the emulator does not."""

from __future__ import annotations

import time
import types

import botocore.waiter

PAUSE = 0.3


def hurry() -> None:
    """Let them look more often, in this process and those that it forks."""
    pause = types.SimpleNamespace(sleep=lambda seconds: time.sleep(min(seconds, PAUSE)))
    vars(botocore.waiter)["time"] = pause
