# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modern template is made from, apart from the two files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

Architecture = Literal["arm64", "x86_64"]

ROOT_DEVICE = "/dev/xvda"
"""Of Amazon Linux 2023."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What a user may choose: the module create_cf_template documents each under the option modern.

    volume_size: GiB. java_version: feature release of Corretto. sha256: of the archive; empty: the release's known one,
    or the one beside the archive in the bucket. secrets: keys. secrets_versions: by key; without one, the newest is
    read. secrets_path: empty for /datomic/STACK. kms_key, alarm_topic: ARNs.
    """

    subnets: tuple[str, ...] = ()
    image_id: str = ""
    java_version: int = 17
    volume_size: int = 20
    valcache: bool = True
    session_manager: bool = False
    extra_jars: tuple[str, ...] = ()
    sha256: str = ""
    secrets: tuple[str, ...] = ()
    secrets_versions: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    secrets_path: str = ""
    secrets_kms_key: str = ""
    alarms: bool = True
    alarm_topic: str = ""
    alarm_email: str = ""
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Machine:
    """What AWS says of what the files and options name. instance_store: one that is NVMe, as the start looks for.

    zones: those that offer the instance type, where it is not all of them and no subnets are given.
    """

    architecture: Architecture
    instance_store: bool
    security_groups: tuple[str, ...]
    root_device: str = ROOT_DEVICE
    zones: tuple[str, ...] = ()
