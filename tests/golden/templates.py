# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares a template of ours with a recorded one."""

from __future__ import annotations

import copy
import json
import pathlib
import subprocess
from collections.abc import Mapping
from typing import Any

import jproperties

from tests.golden.harness import Played

MAPPINGS: dict[str, Any] = json.loads((pathlib.Path(__file__).parent / "legacy-mappings.json").read_text())
del MAPPINGS["source"]

ADDED = {"template-type-unmapped": "m7i.large"}
"""Case to the instance type that ours adds to the mapping."""

ESCAPED = ("template-special",)
"""The cases in which ours escapes values, so that they are what the file says when shell and Java have read them."""


def same(name: str, recorded: Mapping[str, Any], played: Played) -> None:
    """The same template, but for the order of the property lines in the user data and what ADDED and ESCAPED say."""
    (text,) = played.files.values()
    ours = json.loads(text)
    expected = copy.deepcopy({**recorded, "Mappings": MAPPINGS})
    if name in ADDED:
        expected["Mappings"]["AWSInstanceType2Arch"][ADDED[name]] = {"Arch": "64h"}
    lines, recorded_lines = _take_lines(ours).split("\n"), _take_lines(expected)["lines in any order"]
    assert ours == expected
    if name in ESCAPED:
        assert sorted(lines) != recorded_lines
        lines = [f"{key}={value}" for key, value in _read_on_instance(lines).items()]
    assert sorted(lines) == recorded_lines


def _take_lines(template: Any) -> Any:
    """The element of the user data that holds the properties, taken out of the template."""
    parts = template["Resources"]["LaunchConfig"]["Properties"]["UserData"]["Fn::Base64"]["Fn::Join"][1]
    return parts.pop(next(i for i, part in enumerate(parts) if str(part).startswith("alt-host=")) + 1)


def _read_on_instance(lines: list[str]) -> dict[str, str]:
    """The properties that Java reads of the file that the shell makes of these lines."""
    script = "\n".join(["cat <<EOF", *lines, "EOF", ""])
    written = subprocess.run(["sh", "-eu"], input=script.encode(), capture_output=True, check=True).stdout
    parser = jproperties.Properties()
    parser.load(written, "iso-8859-1")
    return dict(parser.properties)
