# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modern template's input besides the two files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

Architecture = Literal["arm64", "x86_64"]

ROOT_DEVICE = "/dev/xvda"
"""Of Amazon Linux 2023."""


@dataclasses.dataclass(frozen=True)
class Options:
    """The option modern of the module create_cf_template, which documents it.

    volume_size: GiB. java_version: feature release of Corretto. sha256: of the archive; empty for the known one or the
    one in the bucket. secrets: keys. secrets_versions: by key; the newest for others. secrets_path: empty for
    /datomic/STACK. secrets_kms_key, alarm_topic: ARNs.
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

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        """From a user's mapping. Values of another type are left out: the module's argument spec refuses them."""
        options: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            value = given.get(field.name)
            value = tuple(value) if isinstance(value, list) else value
            if isinstance(value, type(getattr(cls(), field.name))):
                options[field.name] = value
        return cls(**options)


@dataclasses.dataclass(frozen=True)
class Machine:
    """The instances, as AWS describes them. instance_store: an NVMe one, which the user data looks for.

    zones: those that offer the instance type; empty for all, and with subnets.
    """

    architecture: Architecture
    instance_store: bool
    security_groups: tuple[str, ...]
    root_device: str = ROOT_DEVICE
    zones: tuple[str, ...] = ()


SPEC: dict[str, dict[str, Any]] = {
    "subnets": {"type": "list", "elements": "str", "default": []},
    "image_id": {"type": "str", "default": ""},
    "java_version": {"type": "int", "choices": [17, 21, 25], "default": 17},
    "volume_size": {"type": "int", "default": 20},
    "valcache": {"type": "bool", "default": True},
    "session_manager": {"type": "bool", "default": False},
    "extra_jars": {"type": "list", "elements": "str", "default": []},
    "sha256": {"type": "str", "default": ""},
    "secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "secrets_versions": {"type": "dict", "default": {}, "no_log": False},
    "secrets_path": {"type": "str", "default": "", "no_log": False},
    "secrets_kms_key": {"type": "str", "default": "", "no_log": False},
    "alarms": {"type": "bool", "default": True},
    "alarm_topic": {"type": "str", "default": ""},
    "alarm_email": {"type": "str", "default": ""},
    "tags": {"type": "dict", "default": {}},
}
"""The suboptions of the option modern."""
