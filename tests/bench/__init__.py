# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""make bench: how fast, how many calls, how it grows, always compared with something that does the same work."""

from __future__ import annotations

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
if str(ROOT / ".tree") not in sys.path:
    sys.path.insert(0, str(ROOT / ".tree"))  # where this checkout is a collection
