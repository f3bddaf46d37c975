# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The arrows of docs/architecture.md: what the code below the commands may import."""

from __future__ import annotations

import ast
import pathlib
from collections.abc import Iterator

import pytest

UTILS = pathlib.Path(__file__).parents[2] / "plugins" / "module_utils"
OURS = "ansible_collections.datomic_onprem.aws.plugins.module_utils"
PURE = (
    *("errors", "plan", "properties", "_readings", "settings", "heap", "releases"),
    *("transactor", "cloudformation", "rules", "stacks", "template"),
)


def imported(path: pathlib.Path) -> Iterator[str]:
    """Every module that the file imports, and every name with the module that it is imported from."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", sorted(UTILS.rglob("*.py")), ids=lambda path: str(path.relative_to(UTILS)))
def test_arrows_point_down(path: pathlib.Path) -> None:
    place = path.relative_to(UTILS).with_suffix("").parts
    names = list(imported(path))
    if place[0] != "commands":
        assert [name for name in names if name.startswith(f"{OURS}.commands")] == []
    if place[0] in PURE:
        above = ("boto", "ansible.", *(f"{OURS}.{name}" for name in ("_aws", "provision", "engine_cli", "ensuring")))
        assert [name for name in names if name.startswith(above)] == []
