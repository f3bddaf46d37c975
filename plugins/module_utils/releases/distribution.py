# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A distribution of Datomic on this machine: what makes a directory one, several side by side, and the link to one."""

from __future__ import annotations

import dataclasses
import errno
import os
import pathlib
import re
import shutil
import tempfile

from ..errors import DatomicError
from . import versions as release_versions

PREFIX = "datomic-pro-"
CURRENT = "current"
DOWNLOADING, UNPACKING, REMOVING, SWITCHING = "downloading", "unpacking", "removing", "current"
"""Kinds of temporary directories."""

_NAMED = re.compile(r"datomic-(?:pro|free)-(\d+(?:\.\d+){2,3})")
_JAR = re.compile(r"(?:datomic-transactor-(?:pro|free)|peer|datomic-(?:pro|free))-(\d+(?:\.\d+){2,3})\.jar")


@dataclasses.dataclass(frozen=True)
class Distribution:
    """An unpacked release. home: absolute path of its root, without symbolic links.

    to_come: nothing lies there yet, for this is a check.
    """

    home: str
    version: str
    to_come: bool = False

    @property
    def tool(self) -> str:
        return os.path.join(self.home, "bin", "datomic")

    @property
    def java_minimum(self) -> int:
        return release_versions.java_minimum(self.version)


def inspect(home: str, version: str = "", to_come: str = "") -> Distribution:
    """The distribution whose root is home. version: the release that it is expected to be, if any.

    to_come: for a check, the release that is going to be unpacked there; it counts while there is nothing.
    DatomicError, with all of it, when it is none, is half unpacked, cannot be executed, or names two releases.
    """
    root = pathlib.Path(os.path.realpath(os.path.expanduser(home)))
    if to_come and not os.path.exists(root):
        if version and version != to_come:
            raise DatomicError(f"{home} is going to be release {to_come}, not {version}.")
        return Distribution(home=str(root), version=to_come, to_come=True)
    if not os.path.isdir(root):  # False too for a name that no file can have
        raise DatomicError(f"{home} is no distribution of Datomic: there is no such directory.")
    if not (root / "VERSION").is_file() and not (root / "bin" / "datomic").is_file():
        raise DatomicError(
            f"{home} is no distribution of Datomic: it holds neither VERSION nor bin/datomic. "
            f"Name the directory that they lie in, usually {PREFIX}VERSION."
        )
    told, unreadable = _told(root)
    wrong = [*_missing(home, root), *unreadable]
    if told:
        wrong += _disagreements(home, root, told, version)
    if os.path.isfile(root / "bin" / "datomic") and not (root / "bin" / "datomic").stat().st_mode & 0o111:
        wrong.append(
            f"{root}/bin/datomic has no execute bit. Unpack the archive with a program that keeps permissions, "
            f"or run chmod +x {root}/bin/*."
        )
    if wrong:
        raise DatomicError(" ".join(wrong))
    return Distribution(home=str(root), version=told)


def _missing(home: str, root: pathlib.Path) -> list[str]:
    """lib and the root each hold jars in every release: an archive that was cut off lacks those of one of them."""
    files = ("VERSION", "bin/datomic", "bin/classpath", "bin/transactor")
    missing = [name for name in files if not os.path.isfile(root / name)]
    missing += [jars for jars in ("lib/*.jar", "*.jar") if not any(root.glob(jars))]
    if not missing:
        return []
    return [
        f"{home} is a half unpacked distribution of Datomic: {', '.join(missing)} is missing. "
        "Remove the directory and unpack the archive again."
    ]


def _told(root: pathlib.Path) -> tuple[str, list[str]]:
    """The release that VERSION says, or what is wrong with that file. A missing one is told with the other files."""
    if not os.path.isfile(root / "VERSION"):
        return "", []
    try:
        told = (root / "VERSION").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        return "", [f"{root}/VERSION cannot be read: {error}."]
    try:
        release_versions.number(told)
    except DatomicError as error:
        return "", [f"{root}/VERSION does not hold a release: {error}"]
    return told, []


def _disagreements(home: str, root: pathlib.Path, told: str, expected: str) -> list[str]:
    """A VERSION that lies picks the wrong commands, the wrong Java and the wrong datomic-version of a group."""
    others = {match[1]: f"the file {path.name}" for path in root.glob("*.jar") if (match := _JAR.fullmatch(path.name))}
    if named := _NAMED.fullmatch(root.name):
        others.setdefault(named[1], "the directory's name")
    wrong = [
        f"{home} names two releases: its file VERSION says {told}, {where} says {version}. Unpack the release again."
        for version, where in sorted(others.items())
        if version != told
    ]
    return wrong + ([f"{home} is release {told}, not {expected}."] if expected and told != expected else [])


def home_of(directory: str, version: str) -> str:
    """Where a release lies below the directory of all of them."""
    release_versions.number(version)
    return os.path.join(directory, PREFIX + version)


def installed(directory: str) -> list[str]:
    """The releases that lie in the directory, oldest first. Half unpacked ones are not told apart here."""
    root = pathlib.Path(directory)
    versions = (
        [entry.name.removeprefix(PREFIX) for entry in root.glob(PREFIX + "*") if entry.is_dir()]
        if root.is_dir()
        else []
    )
    return sorted((version for version in versions if _NAMED.fullmatch(PREFIX + version)), key=release_versions.number)


def current(directory: str) -> str:
    """The release that the link `current` names; empty when there is no link."""
    link = os.path.join(directory, CURRENT)
    if not os.path.islink(link):
        if os.path.exists(link):
            raise DatomicError(f"{link} is not a symbolic link, so it cannot be switched to a release. Move it away.")
        return ""
    return os.path.basename(os.readlink(link).rstrip("/")).removeprefix(PREFIX)


def temporary_directory(directory: str, kind: str) -> tempfile.TemporaryDirectory[str]:
    """A new directory next to the releases, for what is then moved in one step; clean removes what a kill left."""
    os.makedirs(directory, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix=f".{kind}-", dir=directory, ignore_cleanup_errors=True)


def clean(directory: str) -> None:
    """Remove the temporary directories that killed runs left behind. Only for who holds the lock of the directory."""
    for kind in (DOWNLOADING, UNPACKING, REMOVING, SWITCHING):
        for left in pathlib.Path(directory).glob(f".{kind}-*"):
            shutil.rmtree(left, ignore_errors=True)


def switch(directory: str, version: str) -> None:
    """Let `current` name this release, in one step: a process that follows it sees the old one or the new one."""
    with temporary_directory(directory, SWITCHING) as temporary:
        link = os.path.join(temporary, CURRENT)
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
    return sorted(set(old) | (set(remove) & set(present)), key=release_versions.number)


def delete(directory: str, version: str) -> None:
    """Remove a release. It vanishes under its name first, so that nobody meets half of one."""
    with temporary_directory(directory, REMOVING) as temporary:
        os.replace(home_of(directory, version), os.path.join(temporary, version))


def unwritten(error: OSError, directory: str, state: str = "") -> DatomicError:
    """What to say when the system does not let us write below the directory. state: a sentence on what holds now."""
    state = f" {state}" if state else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DatomicError(f"The disk of {directory} is full: {error.strerror}.{state} Free some space and run again.")
    return DatomicError(f"{directory} cannot be written: {error}.{state}")
