# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private directories: one at a time for each purpose, and what a killed process left is removed by the next."""

from __future__ import annotations

import fcntl
import os
import pathlib
import shutil
import stat
import tempfile

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import private_tempdir


@pytest.fixture(autouse=True)
def root(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def _left_over(root: pathlib.Path, purpose: str) -> pathlib.Path:
    with private_tempdir.directory(purpose) as (path, _lock):
        name = os.path.basename(path).rpartition("-")[0] + "-killed00"
    (root / name).mkdir(mode=0o700)
    (root / name / "in.properties").write_text("secret")
    return root / name


def test_it_is_for_this_user_alone_and_goes(root: pathlib.Path) -> None:
    with private_tempdir.directory("a") as (path, lock):
        (pathlib.Path(path) / "file").write_text("secret")
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
        assert os.path.samestat(os.fstat(lock), os.stat(path))
    assert list(root.iterdir()) == []


def test_one_at_a_time_for_each_purpose(root: pathlib.Path) -> None:
    with private_tempdir.directory("a") as (first, _lock):
        with private_tempdir.directory("b"):
            pass
        with pytest.raises(private_tempdir.HeldError), private_tempdir.directory("a"):
            pass
        assert [str(path) for path in root.iterdir()] == [first]
    with private_tempdir.directory("a"):
        pass


def test_what_a_killed_process_left_is_removed_whatever_it_was_for(root: pathlib.Path) -> None:
    one = _left_over(root, "b")
    left = (one, one.with_name(one.name.replace("killed", "also__")))
    shutil.copytree(*left)
    others = [root / "datomic-unlike", root / "something-else"]
    for path in others:
        path.mkdir()
    with private_tempdir.directory("a") as (own, _lock):
        assert not any(path.exists() for path in left)
        assert set(root.iterdir()) == {*others, pathlib.Path(own)}


def test_a_left_over_is_kept_while_a_program_works_in_it(root: pathlib.Path) -> None:
    left = _left_over(root, "a")
    held = os.open(left, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(private_tempdir.HeldError), private_tempdir.directory("a"):
        pass
    assert (left / "in.properties").exists()
    os.close(held)
    with private_tempdir.directory("a"):
        assert not left.exists()


def test_no_link_is_followed(root: pathlib.Path) -> None:
    left = _left_over(root, "a")
    left.rename(root / "elsewhere")
    left.symlink_to("elsewhere")
    with private_tempdir.directory("a"):
        assert (root / "elsewhere" / "in.properties").exists()


def test_a_directory_that_is_removed_before_it_is_locked_is_made_again(
    root: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = fcntl.flock
    swept: list[pathlib.Path] = []

    def flock(descriptor: int, operation: int) -> None:
        if not swept:
            swept.extend(root.iterdir())
            swept[0].rmdir()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with private_tempdir.directory("a") as (path, _lock):
        assert os.path.isdir(path)
        assert str(swept[0]) != path
