# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What make demo KEEP=1 says about looking around."""

from __future__ import annotations

import pathlib
import subprocess

from tests.demo.__main__ import EXAMPLE, how_to_look_around
from tests.emulator import Emulator
from tests.estate import Estate


def test_the_commands_to_look_around_work_in_a_shell_that_knows_nothing(aws: Emulator, tmp_path: pathlib.Path) -> None:
    Estate(tmp_path / "estate", aws.url, EXAMPLE)
    told = how_to_look_around(aws.url, tmp_path, 1)
    commands = [line for line in told.splitlines() if line.startswith("  ") and "kill" not in line]
    clean = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["bash"], input="\n".join(commands), env=clean, capture_output=True, text=True, check=False)
    assert "The stack orders does not exist in us-east-1." in done.stdout, done.stdout + done.stderr
    assert aws.calls(), "the emulator was asked"
