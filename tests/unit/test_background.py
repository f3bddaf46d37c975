# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work in a process that outlasts the one that started it."""

from __future__ import annotations

import os
import pathlib
import time

from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import background


def line(file: pathlib.Path) -> str:
    """The file's line, when it is complete."""
    deadline = time.monotonic() + 5
    while not (file.exists() and file.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return file.read_text().strip()


def test_it_is_no_child_and_has_a_session_of_its_own(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "out"
    background.start(lambda: file.write_text(f"{os.getppid()} {os.getsid(0)} {os.getcwd()}\n"))
    parent, session, directory = line(file).split()
    assert int(parent) != os.getpid()
    assert int(session) != os.getsid(0)
    assert directory == "/"


def test_it_holds_no_file_of_the_other_process() -> None:
    """Ansible waits for the end of a worker's pipe."""
    reading, writing = os.pipe()
    background.start(lambda: time.sleep(3))
    os.close(writing)
    began = time.monotonic()
    assert os.read(reading, 1) == b""
    assert time.monotonic() - began < 2
    os.close(reading)


def test_an_error_ends_it_and_does_not_return(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "out"
    background.start(lambda: 1 / 0)
    with file.open("a") as opened:
        opened.write("once\n")
    time.sleep(0.3)
    assert file.read_text() == "once\n"
