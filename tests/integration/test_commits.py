# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commits of create.yml and update.yml: what their subjects and bodies say."""

from __future__ import annotations

import pathlib
import re

from tests.emulator import Emulator
from tests.estate import Estate

TRANSACTOR = "aws/wormbase-transactor.properties"
CF = "aws/wormbase-cf.properties"


def test_each_commit_of_a_run_says_what_changed(tmp_path: pathlib.Path, aws: Emulator) -> None:
    aws.configure(scale=120)
    estate = Estate(tmp_path / "estate", aws.url)

    def commits(playbook: str, *arguments: str) -> list[str]:
        before = estate.git("rev-parse", "HEAD").strip()
        run = estate.play(playbook, *arguments)
        found = estate.git("log", "--reverse", "--format=%s", f"{before}..HEAD").splitlines()
        assert found, run.output
        assert estate.git("status", "--porcelain") == ""
        return found

    # The files are committed already.
    assert commits("create.yml") == ["wormbase: generated aws-transactor-role and 4 more; template"]
    estate.edit(TRANSACTOR, memory_index_max="256m")
    arguments = ("update.yml", "-e", "datomic_replace=never", "-e", "datomic_reason='A large import'")
    assert commits(*arguments) == [
        "wormbase: memory-index-max 512m -> 256m",
        "wormbase: template for memory-index-max 512m -> 256m",
    ]
    body = estate.git("log", "-1", "--format=%b")
    assert "Reason: A large import\n" in body
    assert re.search(rf"~ memory-index-max +512m -> 256m  {TRANSACTOR}:\d+\n", body)
    assert "commit on main" not in body
    estate.edit(CF, aws_instance_type="c4.xlarge")
    aws.fault(match="cloudformation:UpdateStack", times=100, mode="error", code="AccessDenied", status=403)
    subjects = commits(*arguments)
    assert subjects[0].startswith("wormbase: c4.large -> c4.xlarge")
    assert subjects[1].endswith("; not applied: stack failed")
    assert "Not applied: " in estate.git("log", "-1", "--format=%b")
