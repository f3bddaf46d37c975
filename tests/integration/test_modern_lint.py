# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""cfn-lint with all of its rules, checkov and shellcheck find nothing on whatever combination of options."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import Properties
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template import modern, scripts, user_data
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template.options import Machine, Options
from cfnlint.api import ManualArgs, lint
from hypothesis import HealthCheck, given, settings

from tests import tools
from tests.template_combinations import FILES, MACHINE, MACHINES, OPTIONS, cf, rendered, transactor

SAMPLES = int(os.environ.get("MODERN_SAMPLES", "10"))
"""How many templates; more of them by hand when the template changes."""


def combinations() -> list[str]:
    """Templates as text, the same ones at every run."""
    texts: list[str] = []

    @settings(
        max_examples=SAMPLES, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(files=FILES, options=OPTIONS, machine=MACHINES)
    def collect(files: tuple[Properties, Properties], options: Options, machine: Machine) -> None:
        texts.append(json.dumps(modern.template(*files, options, machine), indent=2))

    collect()
    return sorted(set(texts))


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    directory = tmp_path_factory.mktemp("templates")
    for n, text in enumerate(combinations()):
        (directory / f"{n}.json").write_text(text)
    return directory


def test_cfn_lint_finds_nothing(templates: pathlib.Path) -> None:
    config = ManualArgs(regions=["us-east-1"], include_checks=["I", "W", "E"], include_experimental=True)
    for path in templates.iterdir():
        found = lint(path.read_text(), config=config)
        assert [f"{match.rule.id} {match.message} {match.path}" for match in found] == []


def test_checkov_finds_nothing(templates: pathlib.Path) -> None:
    command = [tools.program("checkov"), "--framework", "cloudformation", "--directory", templates, "--output", "json"]
    ran = subprocess.run(
        [*map(str, command), "--quiet", "--skip-download"], capture_output=True, text=True, check=False, timeout=300
    )
    report = json.loads(ran.stdout)
    assert report["summary"]["passed"] >= 3 * len(list(templates.iterdir())), "it looked at less than that"
    failed = report["results"]["failed_checks"]
    assert [(check["check_id"], check["resource"], check["file_path"]) for check in failed] == []


def shellcheck(text: str) -> str:
    command = [str(tools.program("shellcheck")), "--shell=sh", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False).stdout


def test_shellcheck_finds_nothing() -> None:
    every = Options(
        secrets=("sql-password",), secrets_path="/a/b", extra_jars=("s3://jars/it's one.jar",), session_manager=True
    )
    files = transactor(aws_s3_log_bucket_id="logs"), cf()
    values = {"log_dir": "/opt/datomic/log", "log_bucket": "logs", "log_prefix": "orders/stopped"}
    stopped = user_data.filled(user_data.stopped(files[0].as_dict()), values)
    for text in (rendered(modern.template(*files, every, MACHINE)), stopped, scripts.START):
        assert shellcheck(text.strip() + "\n") == ""
