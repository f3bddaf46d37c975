# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The moments at which the tests kill a process."""

from __future__ import annotations

import subprocess

import pytest

from tests.chaos.kill_points import die_at, in_a_child


@pytest.mark.parametrize(
    ("command", "killed"),
    [
        (("git", "--version"), True),
        (("sh", "-c", 'git "$@"; exit $?', "sh", "commit", "--dry-run"), True),
        (("sh", "-c", "true"), False),
    ],
)
def test_the_start_of_a_git_command_is_a_kill_point(command: tuple[str, ...], killed: bool) -> None:
    def work() -> None:
        die_at(1)
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    assert in_a_child(work) == killed
