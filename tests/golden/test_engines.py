# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engines native and cli leave the same account and the same files in every recorded case, or it is documented.

The stand-in's bin/datomic is a process of its own in a few cases, and in the others a call in this one.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import subprocesses

from tests import fake_cli
from tests.emulator import Emulator
from tests.emulator.account import prepare, snapshot
from tests.golden import harness
from tests.golden.harness import CASES, RELEASE, ROOT, Case
from tests.golden.in_process import in_process
from tests.modules import CREDENTIALS, run_module

PROCESSES = ("chain-sample", "cf-cidr-added", "transactor-users-all")
"""Cases in which bin/datomic really is started: each command, a tool that fails, keys that only the tool knows."""


def differences() -> set[str]:
    """The cases that docs/development/differences.md lists, as "* `case`: …", under its heading of the engines."""
    page = (ROOT / "docs" / "development" / "differences.md").read_text()
    section = page.partition("## The engine cli")[2].partition("\n## ")[0]
    return set(re.findall(r"^\* `([a-z0-9-]+)`", section, re.MULTILINE))


@dataclasses.dataclass(frozen=True)
class Left:
    """What a case leaves: whether its last run failed, the files, the account."""

    failed: bool
    files: dict[str, str]
    account: Any
    messages: tuple[str, ...] = dataclasses.field(compare=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The options that choose the stand-in's tool."""
    root = tmp_path_factory.mktemp("distribution")
    return {
        "engine": "cli",
        "datomic_home": str(fake_cli.build(root, RELEASE)),
        "java_home": str(fake_cli.java(root / "jdk")),
    }


def _play(case: Case, aws: Emulator, directory: pathlib.Path, options: dict[str, str]) -> Left:
    aws.reset()
    directory.mkdir()
    prepare(aws, case["given"])
    for name, text in case["files"].items():
        (directory / name).write_bytes(harness.localised(text, aws).encode())
    messages = []
    for run in case["runs"]:
        module, params = harness.request(run, directory)
        result = run_module(module, {**CREDENTIALS, "endpoint_url": aws.url, **params, **options})
        messages.append(str(result.get("msg", "")))
    files = {path.name: path.read_bytes().decode() for path in sorted(directory.iterdir())}
    placeholders = harness.placeholders_in(case, list(files.values()))
    shown = json.loads(harness.show(json.dumps([files, harness.without_version(snapshot(aws))]), placeholders, aws))
    return Left(bool(messages[-1]), shown[0], shown[1], tuple(messages))


@pytest.mark.parametrize("name", CASES)
def test_case(
    name: str, aws: Emulator, tmp_path: pathlib.Path, home: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if name not in PROCESSES:
        monkeypatch.setattr(subprocesses, "run", in_process)
    native = _play(CASES[name], aws, tmp_path / "native", {})
    cli = _play(CASES[name], aws, tmp_path / "cli", home)
    if name in differences():
        assert cli != native
        assert cli.failed == any(cli.messages), "a departure fails with a message, or leaves something else"
    else:
        assert cli == native


def test_every_named_case_is_there() -> None:
    assert differences() | set(PROCESSES) <= set(CASES)
