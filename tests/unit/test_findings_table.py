# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of findings."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import Finding
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.findings import table


def test_a_row_for_each_finding_with_its_reasons_below(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = str(tmp_path / "aws" / "orders-cf.properties")
    findings = [
        Finding(
            "required-key",
            "no value",
            file=file,
            line=7,
            key="java-xmx",
            reason="it is needed",
            source="docs",
            suggestion="2g",
        ),
        Finding("accept", "accept: no such rule", "warning"),
        Finding("table-key", "is missing", "note", file="other", key="host", reason="of course"),
    ]
    accepted = [{**findings[1].as_returned(), "accepted_reason": "it comes with the next release"}]
    assert table([finding.as_returned() for finding in findings], accepted, width=60).splitlines() == [
        "error    java-xmx  no value; 2g  aws/orders-cf.properties:7",
        "    required-key: it is needed (docs)",
        "warning            accept: no such rule",
        "    accept",
        "note     host      is missing    other",
        "    table-key: of course",
        "accepted           accept: no such rule",
        "    accept",
        "    accepted: it comes with the next release",
    ]


def test_nothing_found_is_no_table() -> None:
    assert table([]) == ""
