# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The arrows of docs/development/architecture.md: which module of plugins/module_utils may import what."""

from __future__ import annotations

import ast
import pathlib
from collections.abc import Iterator

import pytest

UTILS = pathlib.Path(__file__).parents[2] / "plugins" / "module_utils"
FILES = {path.relative_to(UTILS).with_suffix("").parts: path for path in sorted(UTILS.rglob("*.py"))}
MODULES = {parts[:-1] if parts[-1] == "__init__" else parts: path for parts, path in FILES.items()}

PURE = {
    "actions",
    "adopt",
    "errors",
    "instance_memory",
    "plan",
    "plan_file",
    "plan_guard",
    "plan_lines",
    "properties",
    "rolling",
    "rules",
    "state",
    "status",
    "steps",
    "system",
    "template",
}
"""Neither boto3 nor Ansible, and nothing that asks AWS. Of what has effects they import PLAIN alone."""
PURE_FILES = {("git", "message")}
"""Pure files next to others with effects."""
PLAIN = {
    ("releases", "versions"),
    *(("util", name) for name in ("atomic_write", "clock", "lock", "redact", "subprocesses")),
}
EFFECTS = {"aws", "backup", "cli", "git", "internal_options", "releases", "screen", "util"}
"""Files, programs, git and AWS."""
TOP = {"commands", "module_main"}
"""What the modules call."""


def imported(name: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every module that this one imports; ours as a path below module_utils that begins with "."."""
    path = MODULES[name]
    package = name if path.name == "__init__.py" else name[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = tuple(node.module.split(".")) if node.module else ()
            if not node.level:
                yield module
                continue
            base = (*package[: len(package) - node.level + 1], *module)
            for alias in node.names:
                yield (".", *((*base, alias.name) if (*base, alias.name) in MODULES else base))


def ours(name: tuple[str, ...]) -> set[tuple[str, ...]]:
    return {other[1:] for other in imported(name) if other[0] == "."}


def test_every_part_is_placed() -> None:
    assert {name[0] for name in MODULES if name} == PURE | EFFECTS | TOP


def test_imports_inside_are_relative() -> None:
    absolute = {
        name for name in MODULES for other in imported(name) if other[:2] == ("ansible_collections", "datomic_onprem")
    }
    assert absolute == set()


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name), ids="/".join)
def test_arrows_point_down(name: tuple[str, ...]) -> None:
    others = {other for other in imported(name) if other[0] != "."}
    if name[0] not in TOP:
        assert [other for other in ours(name) if other and other[0] in TOP] == []
    if name[0] != "aws":
        assert [
            other for other in others if other[0].startswith("boto") or other[:2] == ("ansible_collections", "amazon")
        ] == []
    if name[0] in PURE or name in PURE_FILES:
        assert [other for other in others if other[0] == "ansible"] == []
        assert [other for other in ours(name) if other[0] in EFFECTS and other not in PLAIN] == []


def test_no_circles() -> None:
    """A module never imports, by way of others, itself."""
    done: set[tuple[str, ...]] = set()

    def walk(name: tuple[str, ...], path: tuple[tuple[str, ...], ...]) -> None:
        assert name not in path, " -> ".join("/".join(each) for each in (*path[path.index(name) :], name))
        if name in done:
            return
        for other in sorted(ours(name)):
            if other:
                walk(other, (*path, name))
        done.add(name)

    for name in MODULES:
        walk(name, ())
