# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A distribution of Datomic on this machine: what makes a directory one, several side by side, and the link to one."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import tempfile

from ansible_collections.datomic_onprem.aws.plugins.module_utils import releases
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError

PREFIX = "datomic-pro-"
CURRENT = "current"

_NAMED = re.compile(r"datomic-(?:pro|free)-(\d+(?:\.\d+){2,3})")
_JAR = re.compile(r"(?:datomic-transactor-(?:pro|free)|peer|datomic-(?:pro|free))-(\d+(?:\.\d+){2,3})\.jar")


@dataclasses.dataclass(frozen=True)
class Distribution:
    """An unpacked release. home: absolute path of its root, without symbolic links."""

    home: str
    version: str

    @property
    def tool(self) -> str:
        return os.path.join(self.home, "bin", "datomic")

    @property
    def java_minimum(self) -> int:
        return releases.java_minimum(self.version)


def inspect(home: str, version: str = "") -> Distribution:
    """The distribution whose root is home. version: the release that it is expected to be, if any.

    DatomicError when it is none, is half unpacked, cannot be executed, or names two releases.
    """
    root = pathlib.Path(os.path.realpath(os.path.expanduser(home)))
    if not os.path.isdir(root):  # False too for a name that no file can have
        raise DatomicError(f"{home} is no distribution of Datomic: there is no such directory.")
    if not (root / "VERSION").is_file() and not (root / "bin" / "datomic").is_file():
        raise DatomicError(
            f"{home} is no distribution of Datomic: it holds neither VERSION nor bin/datomic. "
            f"Name the directory that they lie in, usually {PREFIX}VERSION."
        )
    missing = [
        part
        for part in ("VERSION", "bin/datomic", "bin/classpath", "bin/transactor", "lib")
        if not (root / part).exists()
    ]
    if not missing and not any((root / "lib").iterdir()):
        missing = ["lib/*.jar"]
    if missing:
        raise DatomicError(
            f"{home} is a half unpacked distribution of Datomic: {', '.join(missing)} is missing. "
            "Remove the directory and unpack the archive again."
        )
    told = _told(root)
    _agree(home, root, told, version)
    if not (root / "bin" / "datomic").stat().st_mode & 0o111:
        raise DatomicError(
            f"{root}/bin/datomic has no execute bit. Unpack the archive with a program that keeps permissions, "
            f"or run chmod +x {root}/bin/*."
        )
    return Distribution(home=str(root), version=told)


def _told(root: pathlib.Path) -> str:
    try:
        told = (root / "VERSION").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DatomicError(f"{root}/VERSION cannot be read: {error}.") from error
    try:
        releases.number(told)
    except DatomicError as error:
        raise DatomicError(f"{root}/VERSION does not hold a release: {error}") from error
    return told


def _agree(home: str, root: pathlib.Path, told: str, expected: str) -> None:
    """A VERSION that lies picks the wrong commands, the wrong Java and the wrong datomic-version of a group."""
    others = {match[1]: f"the file {path.name}" for path in root.glob("*.jar") if (match := _JAR.fullmatch(path.name))}
    if named := _NAMED.fullmatch(root.name):
        others.setdefault(named[1], "the directory's name")
    for version, where in sorted(others.items()):
        if version != told:
            raise DatomicError(
                f"{home} names two releases: its file VERSION says {told}, {where} says {version}. "
                "Unpack the release again."
            )
    if expected and told != expected:
        raise DatomicError(f"{home} is release {told}, not {expected}.")


def home_of(directory: str, version: str) -> str:
    """Where a release lies below the directory of all of them."""
    releases.number(version)
    return os.path.join(directory, PREFIX + version)


def installed(directory: str) -> list[str]:
    """The releases that lie in the directory, oldest first. Half unpacked ones are not told apart here."""
    root = pathlib.Path(directory)
    versions = (
        [entry.name.removeprefix(PREFIX) for entry in root.glob(PREFIX + "*") if entry.is_dir()]
        if root.is_dir()
        else []
    )
    return sorted((version for version in versions if _NAMED.fullmatch(PREFIX + version)), key=releases.number)


def current(directory: str) -> str:
    """The release that the link `current` names; empty when there is no link."""
    link = os.path.join(directory, CURRENT)
    if not os.path.islink(link):
        if os.path.exists(link):
            raise DatomicError(f"{link} is not a symbolic link, so it cannot be switched to a release. Move it away.")
        return ""
    return os.path.basename(os.readlink(link).rstrip("/")).removeprefix(PREFIX)


def switch(directory: str, version: str) -> None:
    """Let `current` name this release, in one step: a process that follows it sees the old one or the new one."""
    with tempfile.TemporaryDirectory(prefix=".current-", dir=directory) as waiting:
        link = os.path.join(waiting, CURRENT)
        os.symlink(PREFIX + version, link)
        os.replace(link, os.path.join(directory, CURRENT))


def superfluous(present: list[str], *, in_use: set[str], keep: int | None, remove: list[str]) -> list[str]:
    """The releases to be removed: those named in remove, and all but the newest `keep` of those not in use.

    DatomicError when one of them is in use. keep None: none but the named ones.
    """
    if used := sorted(in_use & set(remove)):
        raise DatomicError(f"Release {', '.join(used)} is in use and is not removed. Switch to another one first.")
    spare = [version for version in present if version not in in_use and version not in remove]
    old = [] if keep is None else spare[: max(0, len(spare) - keep)]
    return sorted(set(old) | (set(remove) & set(present)), key=releases.number)


def delete(directory: str, version: str) -> None:
    """Remove a release. It vanishes under its name first, so that nobody meets half of one."""
    doomed = tempfile.mkdtemp(prefix=".removing-", dir=directory)
    os.replace(home_of(directory, version), os.path.join(doomed, version))
    with contextlib.suppress(OSError):
        shutil.rmtree(doomed)
