# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A distribution of Datomic for tests: bin/datomic behaves as the real tool does on AWS, and needs no Java."""

from __future__ import annotations

import pathlib
import shutil
import stat
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent

SDK_2 = "lib/sdk-core-2.29.0.jar"
"""What tells that the tool reads AWS_ENDPOINT_URL, as the stand-in does in every release."""

WRAPPER = """#!/bin/sh
# The tool finds its class path only from the distribution's root.
if [ ! -f bin/classpath ]; then
  echo "bin/classpath: not found" >&2
  exit 127
fi
exec '{python}' '{tool}' "$@"
"""


def build(directory: pathlib.Path, version: str = "1.0.7277") -> pathlib.Path:
    """An unpacked distribution, directory/datomic-pro-VERSION; its root."""
    root = directory / f"datomic-pro-{version}"
    for name in ("bin", "lib", "config"):
        (root / name).mkdir(parents=True)
    (root / "VERSION").write_text(version + "\n")
    (root / f"datomic-transactor-pro-{version}.jar").write_bytes(b"PK")
    (root / f"peer-{version}.jar").write_bytes(b"PK")
    (root / "lib" / "clojure.jar").write_bytes(b"PK")
    (root / SDK_2).write_bytes(b"PK")
    (root / "bin" / "classpath").write_text("#!/bin/sh\necho lib/clojure.jar\n")
    (root / "bin" / "transactor").write_text("#!/bin/sh\nexit 1\n")
    (root / "bin" / "datomic").write_text(WRAPPER.format(python=sys.executable, tool=HERE / "tool.py"))
    for program in (root / "bin").iterdir():
        program.chmod(0o755)
    return root


def of_sdk_1(root: pathlib.Path) -> None:
    """Let the distribution look like one on the AWS SDK for Java 1, as the real ones before 1.0.7556 are."""
    (root / SDK_2).unlink()


def archive(directory: pathlib.Path, version: str = "1.0.7277") -> pathlib.Path:
    """The same as the zip archive that is downloaded; its path."""
    root = build(directory / f"unpacked-{version}", version)
    path = directory / f"datomic-pro-{version}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for file in sorted(root.rglob("*")):
            zipped.write(file, file.relative_to(root.parent))
    shutil.rmtree(root.parent)
    return path


def java(directory: pathlib.Path, told: str = 'openjdk version "17.0.9" 2023-10-17') -> pathlib.Path:
    """A JAVA_HOME whose java says this when it is asked for its version."""
    program = directory / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\ncat >&2 <<'EOF'\n{told}\nEOF\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return directory
