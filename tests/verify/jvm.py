# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Java and Maven: looked for, never installed. Jars are fetched by Maven into .cache/verify.

As a program it only looks, with any Python: before make verify spends minutes on environments.
"""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

from tests.verify.servers import CACHE

HERE = pathlib.Path(__file__).parent
OLDEST = 17


def missing() -> list[str]:
    """What of Java and Maven is not there, in words."""
    found = []
    java = shutil.which("java")
    if java is None:
        found.append(f"java (a JDK, {OLDEST} or newer)")
    elif java_version() < OLDEST:
        found.append(f"java {OLDEST} or newer (found {java_version()} at {java})")
    elif "jdk.compiler" not in _printed(java, "--list-modules"):
        found.append(f"a JDK ({java} is a run-time environment, which cannot run Props.java)")
    if shutil.which("mvn") is None:
        found.append("mvn (Apache Maven)")
    return found


def refusal() -> str:
    """What make verify says when something is missing, empty when nothing is."""
    if not (found := missing()):
        return ""
    return (
        f"make verify needs what is not here: {'; '.join(found)}.\n"
        "It installs nothing by itself. On Debian: apt-get install default-jdk-headless maven"
    )


def java_version() -> int:
    """The feature release of the java on PATH; 0 when it does not tell."""
    told = re.search(r'version "(?:1\.)?(\d+)', _printed("java", "-version"))
    return int(told[1]) if told else 0


def full_java_version() -> str:
    told = re.search(r'version "([^"]+)"', _printed("java", "-version"))
    return told[1] if told else "?"


def _printed(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def pom_of(project: str) -> pathlib.Path:
    return HERE / "maven" / project / "pom.xml"


def release(project: str, artifact: str) -> str:
    """The release of the artifact that maven/<project>/pom.xml asks for."""
    for dependency in ElementTree.parse(pom_of(project)).iterfind(".//{*}dependency"):
        if dependency.findtext("{*}artifactId") == artifact:
            return dependency.findtext("{*}version", "")
    raise LookupError(f"{pom_of(project)} does not name {artifact}")


def classpath(project: str) -> str:
    """The jars of maven/<project>/pom.xml as a class path, fetched when the file has changed."""
    pom = pom_of(project)
    library = CACHE / project
    stamp = library / "pom.xml"
    if not stamp.exists() or stamp.read_bytes() != pom.read_bytes():
        shutil.rmtree(library, ignore_errors=True)
        library.mkdir(parents=True)
        command = ["mvn", "--batch-mode", "--quiet", "--file", str(pom), "dependency:copy-dependencies"]
        # Java finds the user's directory in the system's database, not in HOME: keep Maven's store with ours.
        command += [f"-Dmaven.repo.local={CACHE / 'maven'}", f"-DoutputDirectory={library}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"Maven could not fetch the jars of {project}:\n{(done.stdout + done.stderr)[-3000:]}")
        shutil.copyfile(pom, stamp)
    return str(library / "*")


if __name__ == "__main__":
    sys.exit(refusal() or 0)
