# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs that stand in for those which need a whole machine: each writes its command line down."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import textwrap
from typing import Any

SIMPLE = {
    "dnf": "",
    "journalctl": 'cat "$stage/journal" 2>/dev/null || :',
    "mkfs.xfs": "",
    "mount": "",
    "sleep": "exec /bin/sleep 0.05",
}

HURRIED = 'shift 3; exec /usr/bin/timeout -k 1 3 "$@"'
"""A `timeout -k 5 25`, for calls that hang."""

LSBLK = r"""
case $* in
  *SIZE*) echo 100000000000 ;;
  *) echo '/dev/nvme0n1 Amazon Elastic Block Store'; echo '/dev/nvme1n1 Amazon EC2 NVMe Instance Storage' ;;
esac
"""

SYSTEMCTL = '''
"""systemd as far as the user data uses it: one unit, run as its user, and what follows when it ends."""

import os, pathlib, pwd, resource, signal, subprocess, sys, time

stage = pathlib.Path("STAGE")
arguments = [argument for argument in sys.argv[1:] if not argument.startswith("-")]


def unit():
    settings = {}
    for line in pathlib.Path("/etc/systemd/system/datomic.service").read_text().splitlines():
        name, is_setting, value = line.partition("=")
        if is_setting and not line.startswith("#"):
            settings.setdefault(name, []).append(value)
    return settings


def supervise(settings):
    user = pwd.getpwnam(settings["User"][0])
    clean = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "AWS_MAX_ATTEMPTS": "1"}
    clean["AWS_ENDPOINT_URL"] = os.environ["AWS_ENDPOINT_URL"]
    own = dict(value.strip('"').split("=", 1) for value in settings.get("Environment", []))

    # A container may not raise the limit as far as systemd can.
    limit = min(int(settings["LimitNOFILE"][0]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with (stage / "journal").open("ab") as journal:
        process = subprocess.Popen(
            settings["ExecStart"][0].split(), cwd=settings["WorkingDirectory"][0], env=clean | own,
            user=user.pw_uid, group=user.pw_gid, extra_groups=[], umask=0o022,
            stdout=journal, stderr=journal, stdin=subprocess.DEVNULL,
        )
        (stage / "active").write_text(str(process.pid))
        process.wait()
        (stage / "active").unlink()
        for command in settings.get("ExecStopPost", []):
            subprocess.run(command.lstrip("+").split(), env=clean, stdout=journal, stderr=journal)


if arguments[0] == "start":
    settings = unit()
    (stage / "started").touch()
    if os.fork() == 0:
        os.setsid()
        for descriptor in (0, 1, 2):
            os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
        try:
            supervise(settings)
        except BaseException as error:
            (stage / "journal").open("a").write(f"the stand-in of systemd failed: {error!r}\\n")
        (stage / "ended").touch()
        os._exit(0)
    while not ((stage / "active").exists() or (stage / "ended").exists()):
        time.sleep(0.01)
elif arguments[0] == "stop":
    if not (stage / "started").exists():
        sys.exit("Failed to stop datomic.service: Unit datomic.service not loaded.")
    # Returns when all that follows the end is done.
    if (stage / "active").exists():
        os.kill(int((stage / "active").read_text()), signal.SIGTERM)
    for _look in range(3000):
        if (stage / "ended").exists():
            sys.exit(0)
        time.sleep(0.01)
    sys.exit("The transactor, or what follows its end, does not end.")
elif arguments[0] == "is-active":
    sys.exit(0 if (stage / "active").exists() else 3)
'''


def install(directory: pathlib.Path, given: dict[str, Any]) -> None:
    """Put them into the directory, which comes first on the path."""
    directory.mkdir()
    stage = directory.parent
    note = f'stage={stage}\necho "${{0##*/}} $*" >>"$stage/ran"\n'
    programs = SIMPLE | {"lsblk": LSBLK if given["instance_store"] else ""}
    if given["hangs"]:
        programs["timeout"] = HURRIED
    for name, body in programs.items():
        _write(directory / name, f"#!/bin/sh\n{note}{body}\n")
    head = f"#!{sys.executable}\n"
    noted = textwrap.dedent(f"""
        import sys
        with open("{stage}/ran", "a") as ran:
            ran.write("systemctl " + " ".join(sys.argv[1:]) + "\\n")
    """)
    _write(directory / "systemctl", head + noted + SYSTEMCTL.replace("STAGE", str(stage)))
    (stage / "transactor").write_text(given["transactor"])
    (stage / "transactor").chmod(0o644)


def stop(stage: pathlib.Path) -> None:
    """What a shutdown does to a transactor that runs; returns when all that follows its end is done."""
    if (stage / "started").exists():
        subprocess.run([stage / "bin" / "systemctl", "stop", "datomic"], check=True)


def _write(path: pathlib.Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
