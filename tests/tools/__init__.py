# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs that the tests run and that are no part of the project."""

from __future__ import annotations

import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def program(name: str) -> pathlib.Path:
    """The program's path: from .venv-tools, from beside this Python, or from PATH. RuntimeError when there is none."""
    for directory in (ROOT / ".venv-tools" / "bin", pathlib.Path(sys.executable).parent):
        if (directory / name).exists():
            return directory / name
    found = shutil.which(name)
    if found:
        return pathlib.Path(found)
    make = "tests/tools/environment.sh .venv-tools tests/requirements/tools.txt"
    raise RuntimeError(f"{name} is not installed: run {make} (make test does).")
