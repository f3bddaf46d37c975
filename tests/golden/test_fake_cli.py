# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in does what the real tool did, in every recorded case."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from tests.emulator import Emulator
from tests.emulator.account import prepare, snapshot
from tests.fake_cli import provisioning
from tests.golden import harness
from tests.golden.harness import CASES, RELEASE, Case
from tests.modules import CREDENTIALS

ANY_ORDER = "lines in any order"


@pytest.fixture
def environment(aws: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    monkeypatch.setenv("AWS_REGION", CREDENTIALS["region"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", CREDENTIALS["region"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", CREDENTIALS["access_key"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CREDENTIALS["secret_key"])


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("name", CASES)
def test_case(name: str, aws: Emulator, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = CASES[name]
    prepare(aws, case["given"])
    for file, text in case["files"].items():
        (tmp_path / file).write_bytes(harness.localised(text, aws).encode())
    before = snapshot(aws)
    for run in case["runs"]:
        code = provisioning.run(run["command"], run["args"], RELEASE)
        assert (code == 0) == (run["verdict"] == "ok")
        _messages(run, capsys.readouterr().err)
        _files(case, run, aws, tmp_path)
    account = harness.without_version(snapshot(aws))
    expected = before if case["after"] == "as before" else case["after"]
    texts = [path.read_text() for path in sorted(tmp_path.iterdir())]
    shown = json.loads(harness.show(json.dumps(account), harness.placeholders_in(case, texts), aws))
    assert shown == harness.without_version(expected)


def _messages(run: dict[str, Any], printed: str) -> None:
    lines = [line for line in printed.splitlines() if not line.startswith("\t")]
    if run["verdict"] == "crash" and "com.amazonaws" in run["messages"][0]:
        assert "com.amazonaws" in lines[0]
        assert run["messages"][0].rpartition("Error Code: ")[2] in lines[0]
    else:
        assert lines == run["messages"]


def _files(case: Case, run: dict[str, Any], aws: Emulator, directory: pathlib.Path) -> None:
    for file, text in run["files"].items():
        if file.endswith(".json"):
            continue
        found = (directory / file).read_bytes().decode()
        assert harness.show(found, harness.placeholders_in(case, [found]), aws) == text
    if run["verdict"] == "crash":
        assert not (directory / run["args"][-1]).exists() or run["args"][-1] in case["files"]
    if "template" in run:
        assert _comparable(json.loads((directory / run["args"][-1]).read_text())) == _comparable(run["template"])


def _comparable(template: dict[str, Any]) -> Any:
    """Without the mappings, which are data of both, and with the lines of properties sorted."""
    script = template["Resources"]["LaunchConfig"]["Properties"]["UserData"]["Fn::Base64"]["Fn::Join"][1]
    flat = [line for item in script for line in (item.get(ANY_ORDER, [item]) if isinstance(item, dict) else [item])]
    return {**template, "Mappings": None, "Resources": None}, sorted(json.dumps(line) for line in flat)
