# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an instance takes, and how a user who is not root gets it: as root of a user namespace with ids of its own.

The instance has two users, root and datomic, so one id is not enough: newuidmap and newgidmap map a range that
/etc/subuid and /etc/subgid give. user_namespaces(7), subuid(5).
"""

from __future__ import annotations

import ctypes
import os
import pathlib
import pwd
import shutil
import subprocess

PROGRAMS = ("curl", "iconv", "mount", "openssl", "sha256sum", "timeout", "unzip", "useradd")
MAPPERS = ("newuidmap", "newgidmap")
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
LEAST_IDS = 1000
"""As many as system users may have."""

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER = 0x10000000


def missing() -> str:
    """What this machine lacks, as one sentence; empty when it lacks nothing."""
    path = f"{os.environ.get('PATH', '')}:{SBIN}"
    wanted = PROGRAMS if os.geteuid() == 0 else PROGRAMS + MAPPERS
    lacking = [name for name in wanted if not shutil.which(name, path=path)]
    if os.geteuid():
        lacking += [f"a range for this user in {file}" for file in ("/etc/subuid", "/etc/subgid") if not ids(file)]
    if not lacking:
        return ""
    return f"The tests that run an instance's user data need {', '.join(lacking)}: see CONTRIBUTING.md."


def become_root() -> None:
    """Let this process, which must have no threads, be root in a user namespace with a range of ids behind it."""
    process, user, group = os.getpid(), os.getuid(), os.getgid()
    waiting, told = os.pipe()
    if (mapper := os.fork()) == 0:  # it stays outside: only from there can ids be mapped
        os.read(waiting, 1)
        code = 1
        try:
            for program, own, file in (("newuidmap", user, "/etc/subuid"), ("newgidmap", group, "/etc/subgid")):
                start, count = ids(file) or (0, 0)
                subprocess.run([program, *map(str, (process, 0, own, 1, 1, start, count))], check=True)
            code = 0
        finally:
            os._exit(code)
    if LIBC.unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "The kernel lets this user make no user namespace")
    os.write(told, b".")
    if os.waitpid(mapper, 0)[1]:
        raise RuntimeError("The range of ids could not be mapped.")
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def writable(stage: pathlib.Path) -> None:
    """Let the instance write where it does, without an overlay: what others own could not be copied up into one."""
    copied, empty, extended = ("/etc",), ("/var/log", "/var/tmp"), ("/opt", "/usr/local/sbin", "/var/lib")
    for directory in (*copied, *empty, *extended):
        old = stage / "old" / directory.strip("/").replace("/", "-")
        old.mkdir(parents=True)
        _mount("--rbind", directory, str(old))
        _mount("-t", "tmpfs", "-o", "mode=1777" if directory == "/var/tmp" else "mode=755", "tmpfs", directory)
        for entry in old.iterdir() if directory not in empty else ():
            if directory in copied:
                _copy(entry, pathlib.Path(directory, entry.name))
            else:
                _bind(entry, pathlib.Path(directory, entry.name))


def ids(file: str) -> tuple[int, int] | None:
    """First id and number of ids that the file gives this user."""
    try:
        lines = pathlib.Path(file).read_text().splitlines()
        names = {str(os.getuid()), pwd.getpwuid(os.getuid()).pw_name}
    except (OSError, KeyError):
        return None
    ranges = [(int(start), int(count)) for name, start, count in (line.split(":") for line in lines) if name in names]
    return next((found for found in ranges if found[1] >= LEAST_IDS), None)


def _copy(source: pathlib.Path, target: pathlib.Path) -> None:
    """As far as it can be read."""
    try:
        if source.is_symlink():
            target.symlink_to(source.readlink())
        elif source.is_dir():
            target.mkdir()
            for entry in source.iterdir():
                _copy(entry, target / entry.name)
        elif source.is_file():
            shutil.copy(source, target)
    except PermissionError:
        return


def _bind(source: pathlib.Path, target: pathlib.Path) -> None:
    if source.is_symlink():
        target.symlink_to(source.readlink())
        return
    if source.is_dir():
        target.mkdir()
    else:
        target.touch()
    _mount("--rbind", str(source), str(target))


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)
