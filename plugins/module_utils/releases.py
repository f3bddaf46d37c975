# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Datomic's releases: how they are numbered, what each needs, and the checksums of the archives that we know."""

from __future__ import annotations

import re

from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError

PUBLIC_URL = "https://datomic-pro-downloads.s3.amazonaws.com/{version}/datomic-pro-{version}.zip"
"""Public download, without login."""

CHECKSUMS = {"1.0.7705": "a17c2603b893dfb0d998a35a032a7295736d234d32937222c8ec21d81a1b8c7e"}
"""SHA-256 of each release's archive that two independent public sources agree on. Others have to be given."""

AWS_SDK_V2_SINCE = "1.0.7556"
"""From here on the tool has no ensure-cf, and it is built on the AWS SDK for Java 2, which reads AWS_ENDPOINT_URL."""

JAVA = (("1.0.7705", 17), ("1.0.6711", 11))
"""The oldest Java of a release and of all after it, newest first; before them all it is 8."""

_VERSION = re.compile(r"\d+\.\d+\.\d+(\.\d+)?")


def number(version: str) -> tuple[int, ...]:
    """1.0.7705 as (1, 0, 7705), which sorts; a fourth part is a bug fix. DatomicError when it is none."""
    if not _VERSION.fullmatch(version):
        raise DatomicError(
            f"{version!r} is no release of Datomic: three or four numbers are expected, such as 1.0.7705."
        )
    return tuple(int(part) for part in version.split("."))


def at_least(version: str, since: str) -> bool:
    return number(version) >= number(since)


def java_minimum(version: str) -> int:
    """The oldest feature release of Java that runs this release of Datomic."""
    return next((java for since, java in JAVA if at_least(version, since)), 8)


def has_command(version: str, command: str) -> bool:
    """False when the release is known not to have a command of bin/datomic."""
    gone = {"ensure-cf": AWS_SDK_V2_SINCE}
    came = {"list-backups": "0.9.4899"}
    return not (command in gone and at_least(version, gone[command])) and at_least(version, came.get(command, "0.0.0"))
