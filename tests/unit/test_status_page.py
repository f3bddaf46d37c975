# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of all systems: whole, harmless, readable."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.status import page, timeline
from ansible_collections.datomic_onprem.aws.plugins.module_utils.status.system import Difference, Span, Status
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_status_verdict import GOOD, STATUSES

VOID = {"meta", "link"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;"


class Reader(HTMLParser):
    """Tags, attributes and text; every element has to be closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile(**differs: Any) -> Status:
    texts = {one.name: HOSTILE for one in dataclasses.fields(Status) if one.type == "str"}
    lists = dict.fromkeys(("alarms", "warnings", "errors", "gaps", "outdated"), (HOSTILE,))
    return dataclasses.replace(
        GOOD, **{**texts, **lists, "differences": (Difference(HOSTILE, HOSTILE, HOSTILE, "update"),), **differs}
    )


def test_it_shows_every_system_with_its_drift_and_the_command() -> None:
    difference = Difference("memory-index-max", "256m -> 512m", "aws/t.properties:54", "update")
    systems = [
        GOOD,
        dataclasses.replace(GOOD, system="billing", differences=(difference,), spans=(Span(0.0, 3600.0, 1, 1),)),
        dataclasses.replace(GOOD, system="old", active=0, alarms=("old-low-memory",)),
    ]
    text = Reader(page.page(systems, "2026-11-28 12:00 UTC", "hosts.yml")).text
    assert "3 systems: 1 broken, 1 drift, 1 ok" in text
    assert text.index("old-low-memory") > text.index("no active transactor")
    assert "memory-index-max 256m -> 512m aws/t.properties:54" in text
    assert "ansible-playbook -i hosts.yml datomic_onprem.aws.update --limit billing" in text
    assert "00:00 to 01:00 UTC: 1 active, 1 standby" in text


@given(st.lists(STATUSES, max_size=3))
def test_it_is_well_formed(systems: list[Status]) -> None:
    Reader(page.page(systems, "now"))


def test_names_of_others_are_harmless() -> None:
    html = page.page([hostile(spans=(Span(0.0, 60.0, 1, 0),))], HOSTILE, HOSTILE)
    read = Reader(html)
    assert not {"script", "img"} & set(read.tags)
    assert not [name for name, _value in read.attributes if name.startswith("on")]
    assert HOSTILE in read.text


def test_nothing_comes_from_elsewhere() -> None:
    read = Reader(page.page([GOOD], "now"))
    assert all(value.startswith(("#", "data:")) for name, value in read.attributes if name in ("href", "src"))
    assert "url(" not in page.STYLE
    assert "@import" not in page.STYLE
    assert any("default-src 'none'" in value for _name, value in read.attributes)


def luminance(colour: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    digits = colour.lstrip("#")
    digits = "".join(letter * 2 for letter in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize("ink", ["ink", "dim", "broken", "attention", "drift", "unknown", "ok"])
@pytest.mark.parametrize("paper", ["paper", "shade"])
def test_text_has_enough_contrast(scheme: int, ink: str, paper: str) -> None:
    schemes = [dict(re.findall(r"--(\w+): (#\w+)", block)) for block in re.findall(r":root {(.*?)}", page.STYLE, re.S)]
    assert contrast(schemes[scheme][ink], schemes[scheme][paper]) >= 4.5


def test_the_timeline_marks_an_outage() -> None:
    drawn = timeline.svg([Span(0, 600, 1, 2), Span(600, 720, 0, 0), Span(720, 1200, 1, 1)], "orders")
    classes = re.findall(r'class="(\w+)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', drawn)
    assert classes == [
        ("active", "0.0", "42.7", "360.0", "21.3"),
        ("standby", "0.0", "0.0", "360.0", "42.7"),
        ("none", "360.0", "0.0", "72.0", "64.0"),
        ("active", "432.0", "42.7", "288.0", "21.3"),
        ("standby", "432.0", "21.3", "288.0", "21.3"),
    ]
    assert timeline.svg([], "orders") == ""
