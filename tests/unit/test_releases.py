# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is a distribution, what is not, and what each release needs."""

from __future__ import annotations

import os
import pathlib
import re
import zipfile
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.cli import java
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.releases import archive as archives
from ansible_collections.datomic_onprem.aws.plugins.module_utils.releases import distribution, install, versions

from tests import fake_cli


@pytest.mark.parametrize(
    ("version", "minimum"),
    [("0.9.6045", 8), ("1.0.6711", 11), ("1.0.7622", 11), ("1.0.7622.1", 11), ("1.0.7705", 17), ("1.1.1", 17)],
)
def test_java_a_release_needs(version: str, minimum: int) -> None:
    assert versions.java_minimum(version) == minimum


def test_ensure_cf_is_gone_from_the_releases_on_sdk_2() -> None:
    assert versions.has_command("1.0.7277", "ensure-cf")
    assert not versions.has_command("1.0.7556", "ensure-cf")
    assert versions.has_command("1.0.7705", "ensure-transactor")


@pytest.mark.parametrize("version", ["", "latest", "1.0", "1.0.7705-beta", "../1.0.7705"])
def test_what_is_no_release(version: str) -> None:
    with pytest.raises(DatomicError, match="is no release of Datomic"):
        versions.number(version)


def test_a_distribution_is_found_through_a_link(tmp_path: pathlib.Path) -> None:
    root = fake_cli.build(tmp_path)
    (tmp_path / "current").symlink_to(root.name)
    assert distribution.inspect(str(tmp_path / "current")) == distribution.Distribution(str(root), "1.0.7277")


def _without(root: pathlib.Path, name: str) -> None:
    (root / name).unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: _without(root, "VERSION"), r"half unpacked distribution of Datomic: VERSION is missing"),
        (lambda root: _without(root, "bin/datomic"), "half unpacked .*bin/datomic is missing"),
        (lambda root: [jar.unlink() for jar in root.glob("lib/*.jar")], r"half unpacked .*lib/\*\.jar is missing"),
        (lambda root: (root / "bin/datomic").chmod(0o644), "bin/datomic has no execute bit"),
        (lambda root: (root / "VERSION").write_text("1.0.7705"), "VERSION says 1.0.7705, .* says 1.0.7277"),
        (lambda root: (root / "VERSION").write_text("soon"), "VERSION does not hold a release: 'soon'"),
        (lambda root: (root / "VERSION").write_bytes(b"\xff\xfe"), "VERSION cannot be read"),
    ],
)
def test_a_home_that_is_not_sound(tmp_path: pathlib.Path, spoil: object, message: str) -> None:
    root = fake_cli.build(tmp_path)
    assert callable(spoil)
    spoil(root)
    with pytest.raises(DatomicError, match=message):
        distribution.inspect(str(root))


def test_all_that_is_wrong_with_a_home_is_one_message(tmp_path: pathlib.Path) -> None:
    root = fake_cli.build(tmp_path)
    for jar in root.rglob("*.jar"):
        jar.unlink()
    (root / "lib" / "README.txt").write_text("jars go here")
    with pytest.raises(DatomicError, match=r"half unpacked .*: lib/\*\.jar, \*\.jar is missing"):
        distribution.inspect(str(root))
    (root / "lib" / "README.txt").unlink()
    (root / "lib").rmdir()
    (root / "lib").write_text("a file")
    (root / "VERSION").write_text("1.0.7705")
    (root / "bin" / "datomic").chmod(0o644)
    with pytest.raises(DatomicError) as caught:
        distribution.inspect(str(root), "1.0.7075")
    for text in ("lib/*.jar", "VERSION says 1.0.7705", "no execute bit", "is release 1.0.7705, not 1.0.7075"):
        assert text in str(caught.value)


def test_a_home_that_is_something_else(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DatomicError, match="holds neither VERSION nor bin/datomic"):
        distribution.inspect(str(tmp_path))
    for absent in ("absent", "a" * 5000):
        with pytest.raises(DatomicError, match="there is no such directory"):
            distribution.inspect(str(tmp_path / absent))


def test_another_release_than_the_one_expected(tmp_path: pathlib.Path) -> None:
    root = fake_cli.build(tmp_path).rename(tmp_path / "datomic")
    with pytest.raises(DatomicError, match=r"is release 1\.0\.7277, not 1\.0\.7705"):
        distribution.inspect(str(root), "1.0.7705")


def test_releases_to_remove_are_never_those_in_use() -> None:
    present = ["1.0.6711", "1.0.7075", "1.0.7277", "1.0.7705"]
    chosen: dict[str, Any] = {"in_use": {"1.0.7277"}, "keep": 1, "remove": []}
    assert install.superfluous(present, **chosen) == ["1.0.6711", "1.0.7075"]
    assert install.superfluous(present, in_use={"1.0.7277"}, keep=None, remove=[]) == []
    assert install.superfluous(present, in_use={"1.0.7277"}, keep=9, remove=["1.0.7075"]) == ["1.0.7075"]
    with pytest.raises(DatomicError, match=r"1\.0\.7277 is in use"):
        install.superfluous(present, in_use={"1.0.7277"}, keep=None, remove=["1.0.7277"])


@pytest.mark.parametrize(
    ("name", "mode", "message"),
    [
        ("../evil", 0o644, "would be written outside"),
        ("/etc/evil", 0o644, "would be written outside"),
        ("datomic-pro-1.0.7277/../../evil", 0o644, "would be written outside"),
        ("datomic-pro-1.0.7277/link", 0o120777, "is a symbolic link"),
        ("elsewhere/file", 0o644, "it holds elsewhere"),
    ],
)
def test_an_archive_that_reaches_outside(tmp_path: pathlib.Path, name: str, mode: int, message: str) -> None:
    archive = fake_cli.archive(tmp_path)
    with zipfile.ZipFile(archive, "a") as zipped:
        member = zipfile.ZipInfo(name)
        member.external_attr = mode << 16
        zipped.writestr(member, "x")
    (tmp_path / "into").mkdir()
    with pytest.raises(DatomicError, match=message):
        archives.unpack(str(archive), "1.0.7277", str(tmp_path / "into"))
    assert list((tmp_path / "into").iterdir()) == []
    assert not (tmp_path / "evil").exists()


def test_permission_bits_come_out_of_the_archive(tmp_path: pathlib.Path) -> None:
    (tmp_path / "opt").mkdir()
    archives.unpack(str(fake_cli.archive(tmp_path)), "1.0.7277", str(tmp_path / "opt"))
    found = distribution.inspect(str(tmp_path / "opt" / "datomic-pro-1.0.7277"))
    assert os.access(found.tool, os.X_OK)
    assert not os.access(pathlib.Path(found.home) / "VERSION", os.X_OK)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ('openjdk version "17.0.9" 2023-10-17', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "21" 2023-09-19', 21),
        ("command not understood", 0),
    ],
)
def test_the_java_that_would_run(tmp_path: pathlib.Path, told: str, expected: int) -> None:
    home = fake_cli.java(tmp_path / "jdk", told)
    assert java.version(java.with_home({"PATH": "/usr/bin:/bin"}, str(home))) == expected


def test_java_that_is_missing_or_too_old(tmp_path: pathlib.Path) -> None:
    newest = distribution.Distribution(str(tmp_path), "1.0.7705")
    with pytest.raises(DatomicError, match=r"Datomic 1\.0\.7705 needs Java 17 or newer, and no java runs here"):
        java.require(newest, {"PATH": str(tmp_path)})
    old = java.with_home({"PATH": "/usr/bin:/bin"}, str(fake_cli.java(tmp_path / "old", 'openjdk version "11.0.2"')))
    with pytest.raises(DatomicError, match="java here is 11"):
        java.require(newest, old)


def test_checksums_are_digests_and_another_release_says_how_to_get_one() -> None:
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in versions.CHECKSUMS.values())
    assert all(versions.at_least(version, "1.0.6711") for version in versions.CHECKSUMS)
    advice = versions.checksum_advice("1.0.7075", "checksum")
    assert "1.0.7075/datomic-pro-1.0.7075.zip" in advice
    assert "sha256sum" in advice
