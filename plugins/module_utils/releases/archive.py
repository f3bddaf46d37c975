# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Unpack a release's archive: whole or not at all, and nowhere but where it belongs."""

from __future__ import annotations

import os
import pathlib
import shutil
import stat
import zipfile

from ..errors import DatomicError
from . import distribution

MIB = 1024 * 1024


def unpack(archive: str, directory: str, version: str) -> distribution.Distribution:
    """Unpack the archive into directory/datomic-pro-VERSION by way of a temporary directory beside it.

    DatomicError, with nothing left behind, when the archive is damaged, reaches outside, is another release, or the
    disk is full.
    """
    home = distribution.home_of(directory, version)
    try:
        with (
            distribution.temporary_directory(directory, distribution.UNPACKING) as temporary,
            zipfile.ZipFile(archive) as zipped,
        ):
            members = _checked(archive, zipped, version)
            _room(archive, directory, sum(member.file_size for member in members))
            for member in members:
                _extract(zipped, member, pathlib.Path(temporary))
            unpacked = os.path.join(temporary, distribution.PREFIX + version)
            distribution.inspect(unpacked, version)
            os.rename(unpacked, home)
    except zipfile.BadZipFile as error:
        raise DatomicError(f"{archive} is damaged or no zip archive: {error}. Nothing was unpacked.") from error
    except OSError as error:
        raise distribution.unwritten(error, directory, "Nothing was unpacked.") from error
    return distribution.inspect(home, version)


def _checked(archive: str, zipped: zipfile.ZipFile, version: str) -> list[zipfile.ZipInfo]:
    top = distribution.PREFIX + version
    members = zipped.infolist()
    for member in members:
        parts = pathlib.PurePosixPath(member.filename).parts
        if not parts or parts[0] in ("/", "..") or ".." in parts or "\\" in member.filename:
            raise DatomicError(f"{archive} is refused: its member {member.filename!r} would be written outside.")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise DatomicError(f"{archive} is refused: its member {member.filename!r} is a symbolic link.")
        if parts[0] != top:
            raise DatomicError(f"{archive} is not release {version}: it holds {parts[0]}, where {top} is expected.")
    if not members:
        raise DatomicError(f"{archive} is empty.")
    return members


def _room(archive: str, directory: str, needed: int) -> None:
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise DatomicError(
            f"{directory} has {free // MIB} MiB left and {archive} needs {needed // MIB} MiB unpacked. "
            "Nothing was unpacked."
        )


def _extract(zipped: zipfile.ZipFile, member: zipfile.ZipInfo, into: pathlib.Path) -> None:
    """One member with its permission bits, which zipfile's own extract drops. Set-id bits are dropped here too."""
    path = into.joinpath(*pathlib.PurePosixPath(member.filename).parts)
    mode = (member.external_attr >> 16) & 0o777
    if member.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipped.open(member) as source, open(path, "xb") as target:
        shutil.copyfileobj(source, target, MIB)
    path.chmod(mode or 0o644)
