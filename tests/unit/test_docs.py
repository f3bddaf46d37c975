# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every link of a page leads somewhere."""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[2]
TRACKED = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    if name and not name.startswith("changelogs/") and (ROOT / name).is_file()
]
PAGES = [path for path in TRACKED if path.suffix == ".md"]
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _anchors(page: pathlib.Path) -> set[str]:
    """The anchors that GitHub gives a page's headings, and those that the page sets itself."""
    text = CODE.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return made | set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_of_a_page_exist(page: pathlib.Path) -> None:
    text = CODE.sub("", page.read_text("utf-8"))
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'href="([^"]+)"', text)
    broken = []
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        name, _hash, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or (anchor and anchor not in _anchors(path)):
            broken.append(target)
    assert not broken


def test_the_pages_that_files_name_exist() -> None:
    named = {
        (str(path.relative_to(ROOT)), name)
        for path in TRACKED
        if path.suffix in {".py", ".yml", ".md", ""}
        for name in re.findall(r"(?<![\w/.])docs/[\w/.-]+\.(?:md|json|svg|yml)\b", path.read_text("utf-8", "replace"))
    }
    assert {(file, name) for file, name in named if not (ROOT / name).exists()} == set()


def test_the_architecture_places_every_part_of_the_code() -> None:
    utils = ROOT / "plugins" / "module_utils"
    page = (ROOT / "docs" / "development" / "architecture.md").read_text("utf-8")
    section = page.partition("`plugins/module_utils`:")[2].partition("\nElsewhere")[0]
    named = [
        name for row in re.findall(r"^\| (`.+?) \|", section, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)
    ]
    parts = {path.name for path in utils.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert parts - {"__init__.py"} == {name.partition("/")[0] for name in named}
    assert [name for name in named if not (utils / name).exists()] == []
