# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Java that bin/datomic uses: whether it exists and is new enough for the release."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping

from ..errors import DatomicError
from ..releases.distribution import Distribution
from ..util import subprocesses

_VERSION = re.compile(r'version "(\d+)(?:\.(\d+))?')
VERSION_SECONDS = 30


def with_home(environment: Mapping[str, str], java_home: str) -> dict[str, str]:
    """The environment in which `java` is that of java_home, or of JAVA_HOME if java_home is empty.

    bin/datomic uses PATH alone. DatomicError if java_home has no java; such a JAVA_HOME is ignored.
    """
    home = java_home or environment.get("JAVA_HOME", "")
    if not home or not shutil.which("java", path=os.path.join(home, "bin")):
        if java_home:
            raise DatomicError(f"java_home: {java_home}/bin/java does not exist.")
        return dict(environment)
    path = os.path.join(home, "bin") + os.pathsep + environment.get("PATH", os.defpath)
    return {**environment, "JAVA_HOME": home, "PATH": path}


def version(environment: Mapping[str, str]) -> int:
    """The feature release (8, 11, 17 …) of the Java that bin/datomic would use; 0 if there is none."""
    environment = with_home(environment, "")
    program = shutil.which("java", path=environment.get("PATH", os.defpath))
    if not program:
        return 0
    try:
        done = subprocesses.run([program, "-version"], environment=environment, timeout=VERSION_SECONDS)
    except OSError:
        return 0
    match = _VERSION.search(done.stderr + done.stdout)
    if not match:
        return 0
    return int(match[2] or 0) if match[1] == "1" else int(match[1])


def require(distribution: Distribution, environment: Mapping[str, str]) -> int:
    """The feature release of Java. DatomicError if there is no Java, or an older one than the release needs."""
    found = version(environment)
    needed = distribution.java_minimum
    if found < needed:
        raise DatomicError(
            f"Datomic {distribution.version} needs Java {needed} or newer, and "
            + (f"java here is {found}: install a newer one" if found else "no java runs here: install a JRE")
            + ", or give its directory with java_home."
        )
    return found
