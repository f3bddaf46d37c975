# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading and writing files: what cannot be read, and that a write is whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import pathlib
import stat
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError, InputError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties import file as properties_file
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import Properties


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "x.properties"
    path.write_bytes(b"# c\na=1\n")
    return path


def names(directory: pathlib.Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


def edited(path: pathlib.Path) -> tuple[Properties, Properties]:
    before = properties_file.read(str(path))
    return before, before.edit({"a": "2"})


def test_what_cannot_be_read_names_the_file(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path, told in (
        (str(tmp_path / "none"), "No such file"),
        (str(tmp_path), "not a regular file"),
        (str(tmp_path / "pipe"), "not a regular file"),
        ("/dev/null", "not a regular file"),
        (str(tmp_path / "loop"), "symbolic links"),
        (str(tmp_path / ("n" * 300)), "too long"),
        ("nul\0byte", "null"),
        ("", "No such file"),
    ):
        with pytest.raises(InputError, match=told) as caught:
            properties_file.read(path)
        assert [one.file for one in caught.value.findings] == [path]


def test_a_file_without_permission_names_the_file(file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # root may read anything, so the refusal has to be made
    def refuse(*args: Any, **more: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(InputError, match=f"{file}: cannot be read: Permission denied"):
        properties_file.read(str(file))


def test_a_write_replaces_the_file_and_leaves_nothing_else(file: pathlib.Path) -> None:
    before, after = edited(file)
    properties_file.write(after, was=before)
    assert file.read_bytes() == b"# c\na=2\n"
    assert names(file.parent) == ["x.properties"]


def test_a_new_file_is_for_its_owner_alone(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "new.properties"
    properties_file.write(Properties.parse(b"a=1\n", str(path)), was=None)
    assert path.read_bytes() == b"a=1\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444])
def test_the_mode_is_kept(file: pathlib.Path, mode: int) -> None:
    file.chmod(mode)
    before, after = edited(file)
    properties_file.write(after, was=before)
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_the_owner_is_kept(file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, given = os.stat, []

    def owned_by_another(path: Any, **more: Any) -> os.stat_result:
        fields = list(real(path, **more))
        fields[4:6] = [4321, 1234]
        return os.stat_result(fields)

    before, after = edited(file)
    monkeypatch.setattr(os, "stat", owned_by_another)
    monkeypatch.setattr(os, "fchown", lambda descriptor, uid, gid: given.append((uid, gid)))
    properties_file.write(after, was=before)
    assert given == [(4321, 1234)]


def test_a_symlink_stays_one(file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = elsewhere / "link.properties"
    link.symlink_to("../x.properties")
    before, after = edited(link)
    properties_file.write(after, was=before)
    assert link.is_symlink()
    assert file.read_bytes() == b"# c\na=2\n"
    assert names(elsewhere) == ["link.properties"]


def test_a_dangling_symlink_s_target_is_made(tmp_path: pathlib.Path) -> None:
    link = tmp_path / "link.properties"
    link.symlink_to("target.properties")
    properties_file.write(Properties.parse(b"a=1\n", str(link)), was=None)
    assert link.is_symlink()
    assert (tmp_path / "target.properties").read_bytes() == b"a=1\n"


@pytest.mark.parametrize(("now", "told"), [(b"# c\na=3\n", "was changed"), (None, "is gone"), (b"", "was changed")])
def test_a_file_that_changed_since_it_was_read_is_not_written(file: pathlib.Path, now: bytes | None, told: str) -> None:
    before, after = edited(file)
    if now is None:
        file.unlink()
    else:
        file.write_bytes(now)
    with pytest.raises(DatomicError, match=f"{file} {told}"):
        properties_file.write(after, was=before)
    assert (file.read_bytes() if file.exists() else None) == now
    assert names(file.parent) == ([] if now is None else ["x.properties"])


def test_a_file_that_came_into_being_is_not_written(file: pathlib.Path) -> None:
    with pytest.raises(DatomicError, match="was created"):
        properties_file.write(Properties.parse(b"b=1\n", str(file)), was=None)
    assert file.read_bytes() == b"# c\na=1\n"


def test_the_same_bytes_are_not_written(file: pathlib.Path) -> None:
    before = properties_file.read(str(file))
    inode = file.stat().st_ino
    properties_file.write(before.edit({"a": "1"}), was=before)
    assert file.stat().st_ino == inode


@pytest.mark.parametrize("step", ["fsync", "replace", "fchmod"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_refuses_leaves_the_file_as_it_was(
    file: pathlib.Path, monkeypatch: pytest.MonkeyPatch, step: str, code: int
) -> None:
    def refuse(*args: Any) -> None:
        raise OSError(code, os.strerror(code))

    before, after = edited(file)
    monkeypatch.setattr(os, step, refuse)
    with pytest.raises(DatomicError, match=f"Could not write {file}: {os.strerror(code)}"):
        properties_file.write(after, was=before)
    assert file.read_bytes() == b"# c\na=1\n"
    assert names(file.parent) == ["x.properties"]


def test_a_disk_that_is_full_in_the_middle_leaves_the_file_as_it_was(file: pathlib.Path) -> None:
    """The kernel's own limit on a file's size, in a child: the write fails after some bytes."""
    before, after = edited(file)
    after = after.edit({"long": "x" * 100_000})
    child = os.fork()
    if not child:
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
        try:
            properties_file.write(after, was=before)
        except DatomicError:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert file.read_bytes() == b"# c\na=1\n"
    assert names(file.parent) == ["x.properties"]


def test_a_directory_that_is_not_there_is_named(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "none" / "x.properties"
    with pytest.raises(DatomicError, match=f"Could not write {path}: No such file or directory"):
        properties_file.write(Properties.parse(b"a=1\n", str(path)), was=None)


def test_an_interrupt_removes_the_temporary_file(file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: Any) -> None:
        raise KeyboardInterrupt

    before, after = edited(file)
    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        properties_file.write(after, was=before)
    assert names(file.parent) == ["x.properties"]


def test_the_file_and_then_its_directory_reach_the_disk(file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    sync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        steps.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def replaced(source: str, target: str) -> None:
        steps.append("replace")
        replace(source, target)

    before, after = edited(file)
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    properties_file.write(after, was=before)
    assert steps == ["file", "replace", "directory"]


def test_what_a_killed_run_left_behind_is_removed_and_nothing_else(file: pathlib.Path) -> None:
    others = [".x.properties.swp", ".x.properties.abc.tmp", ".y.properties.abcd1234.tmp", "x.properties.abcd1234.tmp"]
    for name in [".x.properties.abcd_123.tmp", *others]:
        (file.parent / name).write_bytes(b"half")
    before, after = edited(file)
    properties_file.write(after, was=before)
    assert names(file.parent) == sorted(["x.properties", *others])


def test_the_temporary_file_of_a_living_run_stays(file: pathlib.Path) -> None:
    living = file.parent / ".x.properties.abcd_123.tmp"
    with living.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        before, after = edited(file)
        properties_file.write(after, was=before)
        assert names(file.parent) == [living.name, "x.properties"]


def test_a_text_that_jproperties_reads_differently_is_not_written(file: pathlib.Path) -> None:
    before, after = edited(file)
    wrong = Properties(after.path, b"# c\na=3\n", "# c\na=3\n", dict(after.entries))
    with pytest.raises(DatomicError, match="jproperties reads the new text differently"):
        properties_file.write(wrong, was=before)
    assert file.read_bytes() == b"# c\na=1\n"


@pytest.mark.parametrize(
    ("raw", "rules"),
    [
        (b"#" * (1 << 20), []),
        (b"#" * (1 << 20) + b"\n", ["file-too-large"]),
        (b"".join(b"k%d=v\n" % number for number in range(10_000)), []),
        (b"".join(b"k%d=v\n" % number for number in range(10_001)), ["too-many-keys"]),
        (b"rubbish\n" * 100_000, ["separator"] * 100 + ["more-wrong-lines"]),
    ],
    ids=["large", "too large", "many keys", "too many keys", "many errors"],
)
def test_what_a_file_may_hold_is_bounded(tmp_path: pathlib.Path, raw: bytes, rules: list[str]) -> None:
    path = tmp_path / "x.properties"
    path.write_bytes(raw)
    found = properties_file.inspect(str(path)).findings
    assert [finding.rule for finding in found] == rules
    assert all(str(path) in str(finding) for finding in found)
