# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The changelog names every module, under the release that its documentation says it came with."""

from __future__ import annotations

import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).parents[2]


def test_every_module_stands_in_the_changelog() -> None:
    releases = yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text("utf-8"))["releases"]
    listed = {module["name"]: version for version, release in releases.items() for module in release.get("modules", [])}
    documented = {}
    for path in (ROOT / "plugins" / "modules").glob("*.py"):
        (documented[path.stem],) = re.findall(r"^version_added: (\S+)$", path.read_text("utf-8"), re.MULTILINE)
    assert listed == {name: version for name, version in documented.items() if version in releases}
