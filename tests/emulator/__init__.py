# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An AWS that behaves like AWS where moto does not: moto's server in this process, corrected, logged, and able to fail.

    with Emulator() as aws:
        aws.client("dynamodb").list_tables()
        aws.calls()

By hand: ``python -m tests.emulator --port 5000``. Everything else stands in docs/development/emulator.md.
"""

from __future__ import annotations

from tests.emulator.calls import Call
from tests.emulator.server import Emulator

__all__ = ["Call", "Emulator"]
