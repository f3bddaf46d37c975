# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A distribution of Datomic on this machine: an unpacked release that is complete and agrees about its version."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re

from ..errors import DatomicError
from . import versions as release_versions

PREFIX = "datomic-pro-"
NAMED = re.compile(r"datomic-(?:pro|free)-(\d+(?:\.\d+){2,3})")
_JAR = re.compile(r"(?:datomic-transactor-(?:pro|free)|peer|datomic-(?:pro|free))-(\d+(?:\.\d+){2,3})\.jar")


@dataclasses.dataclass(frozen=True)
class Distribution:
    """An unpacked release. home: absolute path of its root, without symbolic links.

    to_come: a check, before the release is unpacked there.
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
    """The distribution whose root is home. version: the expected release, if any.

    to_come: in a check, the release that is going to be unpacked there. It counts while home does not exist.
    DatomicError, with all problems, for a directory that is no distribution, is half unpacked, cannot be executed, or
    names two releases.
    """
    root = pathlib.Path(os.path.realpath(os.path.expanduser(home)))
    if to_come and not os.path.exists(root):
        if version and version != to_come:
            raise DatomicError(f"{home} is going to be release {to_come}, not {version}.")
        return Distribution(home=str(root), version=to_come, to_come=True)
    if not os.path.isdir(root):  # False too for a name that no file can have
        raise DatomicError(f"{home} is no distribution of Datomic: there is no such directory.")
    tool = root / "bin" / "datomic"
    if not (root / "VERSION").is_file() and not tool.is_file():
        raise DatomicError(
            f"{home} is no distribution of Datomic: it holds neither VERSION nor bin/datomic. "
            f"Name the directory that holds them, usually {PREFIX}VERSION."
        )
    found, unreadable = _version(root)
    problems = [*_missing(home, root), *unreadable, *(_disagreements(home, root, found, version) if found else [])]
    if tool.is_file() and not tool.stat().st_mode & 0o111:
        problems.append(
            f"{tool} has no execute bit. Unpack the archive with a program that keeps permissions, "
            f"or run chmod +x {root}/bin/*."
        )
    if problems:
        raise DatomicError(" ".join(problems))
    return Distribution(home=str(root), version=found)


def _missing(home: str, root: pathlib.Path) -> list[str]:
    """Every release has jars in its root and in lib. An archive that was cut off lacks those of one of them."""
    files = ("VERSION", "bin/datomic", "bin/classpath", "bin/transactor")
    missing = [name for name in files if not os.path.isfile(root / name)]
    missing += [jars for jars in ("lib/*.jar", "*.jar") if not any(root.glob(jars))]
    if not missing:
        return []
    return [
        f"{home} is a half unpacked distribution of Datomic: {', '.join(missing)} is missing. "
        "Remove the directory and unpack the archive again."
    ]


def _version(root: pathlib.Path) -> tuple[str, list[str]]:
    """The release in the file VERSION, or what is wrong with that file. _missing reports a missing file."""
    if not os.path.isfile(root / "VERSION"):
        return "", []
    try:
        found = (root / "VERSION").read_text(encoding="utf-8").strip()
        release_versions.number(found)
    except (OSError, UnicodeDecodeError) as error:
        return "", [f"{root}/VERSION cannot be read: {error}."]
    except DatomicError as error:
        return "", [f"{root}/VERSION does not hold a release: {error}"]
    return found, []


def _disagreements(home: str, root: pathlib.Path, found: str, expected: str) -> list[str]:
    """A wrong VERSION picks the wrong commands, the wrong Java and the wrong datomic-version of a group."""
    others = {match[1]: f"the file {path.name}" for path in root.glob("*.jar") if (match := _JAR.fullmatch(path.name))}
    if named := NAMED.fullmatch(root.name):
        others.setdefault(named[1], "the directory's name")
    problems = [
        f"{home} names two releases: its file VERSION says {found}, {where} says {version}. Unpack the release again."
        for version, where in sorted(others.items())
        if version != found
    ]
    return problems + ([f"{home} is release {found}, not {expected}."] if expected and found != expected else [])
