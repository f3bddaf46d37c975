# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module distribution when two runs meet, when one is killed, and when the disk is full."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import zipfile
from typing import Any

import pytest

from tests import fake_cli
from tests.estate import ROOT
from tests.modules import CREDENTIALS, run_module

VERSION = "1.0.7277"
CODE = (
    "import json, sys; import tests.conftest; from tests.modules import run_module; "
    "print(json.dumps(run_module('distribution', json.loads(sys.argv[1]))))"
)
Params = dict[str, Any]


@pytest.fixture
def params(tmp_path: pathlib.Path) -> Params:
    archive = fake_cli.archive(tmp_path, VERSION)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as zipped:  # so that it takes a while
        zipped.writestr(f"datomic-pro-{VERSION}/lib/big.jar", os.urandom(30_000_000))
    return {
        "version": VERSION,
        "dest": str(tmp_path / "opt"),
        "source": str(archive),
        "checksum": hashlib.sha256(archive.read_bytes()).hexdigest(),
        **CREDENTIALS,
    }


def start(params: Params) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CODE, json.dumps(params)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_two_runs_that_meet(params: Params) -> None:
    runs = [start(params) for _number in range(2)]
    printed = [run.communicate(timeout=60)[0] for run in runs]
    assert "Traceback" not in str(printed)
    results = [json.loads(text.splitlines()[-1]) for text in printed]
    assert [result["failed"] for result in results] == [False, False], results
    assert sorted(result["changed"] for result in results) == [False, True], "the second looked again"
    assert sorted(os.listdir(params["dest"])) == ["current", f"datomic-pro-{VERSION}"]


def test_what_a_killed_run_left_is_removed_by_the_next(params: Params) -> None:
    dest = pathlib.Path(params["dest"])
    run = start(params)
    deadline = time.monotonic() + 30
    while not list(dest.glob(".datomic-*/*/lib/big.jar")):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    run.kill()
    run.communicate()
    for name in (".datomic-a", ".datomic-b"):
        (dest / name).mkdir()
    assert len(list(dest.glob(".*-*"))) == 3
    result = run_module("distribution", params)
    assert not result["failed"], result
    assert list(dest.glob(".*-*")) == []


@pytest.mark.parametrize(
    "broken",
    ["tempfile.TemporaryDirectory", "shutil.copyfileobj", "os.replace", "os.symlink", "os.makedirs", "os.rename"],
)
def test_a_full_disk_is_reported_wherever_it_is_met(
    params: Params, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def full(*_arguments: Any, **_options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(broken, full)
    result = run_module("distribution", params)
    assert result["failed"]
    assert f"The disk of {params['dest']} is full: No space left on device" in result["msg"]


def test_a_removal_that_fails_is_reported(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    run_module("distribution", params)
    dest = pathlib.Path(params["dest"])
    shutil.copytree(dest / f"datomic-pro-{VERSION}", dest / "datomic-pro-1.0.7075")

    def refused(*_arguments: Any, **_options: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.replace", refused)
    result = run_module("distribution", {**params, "remove": ["1.0.7075"]})
    assert f"{params['dest']} cannot be written: " in result["msg"]
    assert "Permission denied" in result["msg"]


@pytest.mark.parametrize("dest", ["file/below", "file"])
def test_a_place_that_cannot_be_one(params: Params, tmp_path: pathlib.Path, dest: str) -> None:
    (tmp_path / "file").write_text("")
    result = run_module("distribution", {**params, "dest": str(tmp_path / dest)})
    assert f"{tmp_path / dest} cannot be" in result["msg"]
