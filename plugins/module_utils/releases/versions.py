# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Datomic's releases: numbers, the Java and commands of each, and the known checksums of their archives."""

from __future__ import annotations

import re

from ..errors import DatomicError

PUBLIC_URL = "https://datomic-pro-downloads.s3.amazonaws.com/{version}/datomic-pro-{version}.zip"
"""Public download, without login."""

CHECKSUMS = {
    # https://aur.archlinux.org/packages/datomic: sha256sums of its PKGBUILD for this release
    "1.0.7260": "e2f6f891fe3e335927264e709a33365acd2e400fe776f7de5711e531e2ea4e3c",
    "1.0.7277": "68d86d5d156066d8817f85631b29be075899096492a82e251428f768b96dadcf",
    # the same, and https://aur.archlinux.org/packages/datomic-bin
    "1.0.7394": "8e3a6334dfc728c1c431dccc537dc88a9d2baf70f29bad5438df9d7c8c7146ae",
    # https://aur.archlinux.org/packages/datomic-bin
    "1.0.7556": "c4849387ef016d43f951c581950ecd522898b581bcdc0e9ccc12cc4028c06c50",
    # a public Guix package, datomic-pro.scm: base32 1g8s24pnfjpbfhaqz1jdpdm6jssfjgr98773cwqvnzkinpjjxai9 of the archive
    "1.0.7622": "29aa2ee5b5717ebb3167e31c94f2934e6b696abb4d868f1574eb4a672f111abd",
    # two independent projects: a deployment that pins URL, size and digest, and a study of the distribution's artifacts
    "1.0.7705": "a17c2603b893dfb0d998a35a032a7295736d234d32937222c8ec21d81a1b8c7e",
}
"""SHA-256 of each release's archive at PUBLIC_URL, from public projects that pin it.

With a wrong one no instance starts. The hashes of Nix's fetchzip are of the unpacked content, not of the archive.
"""


def checksum_advice(version: str, variable: str) -> str:
    """How to obtain the checksum of a release that is not in CHECKSUMS. variable: the option that takes it."""
    url = PUBLIC_URL.format(version=version)
    return (
        f"download the archive once (curl -sSf -o datomic.zip {url}), run sha256sum datomic.zip, compare the digest"
        " with one from a second source that you trust (a colleague's copy, a package that pins it), and set"
        f" {variable}"
    )


AWS_SDK_V2_SINCE = "1.0.7556"
"""Since this release the tool has no ensure-cf, and uses the AWS SDK for Java 2, which reads AWS_ENDPOINT_URL."""

JAVA = (("1.0.7705", 17), ("1.0.6711", 11))
"""The oldest Java of a release and of all later ones, newest first. Earlier releases need 8."""

_VERSION = re.compile(r"\d+\.\d+\.\d+(\.\d+)?")


def number(version: str) -> tuple[int, ...]:
    """1.0.7705 as (1, 0, 7705), which sorts; a fourth part is a bug fix. DatomicError for another form."""
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
    """Whether bin/datomic of the release has the command; true where that is unknown."""
    if command == "ensure-cf":
        return not at_least(version, AWS_SDK_V2_SINCE)
    return command != "list-backups" or at_least(version, "0.9.4899")
