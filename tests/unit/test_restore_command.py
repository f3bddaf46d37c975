# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way back after a failed replacement, in real repositories: the commit that made what ran, where it is proved."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rolling import restore_command

from tests.integration.repositories import Repository

TRANSACTOR, CF = "aws/orders-transactor.properties", "aws/orders-cf.properties"
TEMPLATE = "aws/orders-cf.json"
FILES = (TRANSACTOR, CF)
CF_FILE = "aws-instance-type=m5.large\njava-opts=\njava-xmx=4g\ndatomic-version=1.0.7277\n"
RUNS = "protocol=ddb\naws-transactor-role=datomic-aws-transactor\n"
EDITED = RUNS + "write-concurrency=8\naws-s3-log-bucket-id=\n"
FILLED = RUNS + "write-concurrency=8\naws-s3-log-bucket-id=datomic-logs-1\n"


@pytest.fixture
def repository(tmp_path: pathlib.Path) -> Repository:
    return Repository(tmp_path / "estate")


def template(transactor: str, xmx: str = "4g", **inventory: str) -> dict[str, Any]:
    """What a run makes of the files and the inventory, as much as matters here."""
    script = ["cat <<EOF", transactor.strip(), "EOF"]
    return {
        "Parameters": {"Xmx": {"Type": "String", "Default": xmx}},
        "Resources": {"LaunchConfig": {"Properties": {"UserData": {"Fn::Join": ["\n", script]}}}},
        "Metadata": inventory,
    }


def commit(repository: Repository, transactor: str, made: dict[str, Any] | None = None, cf: str = CF_FILE) -> str:
    """The files as they are to be, committed; the commit. made: what a run makes of them; else as it was."""
    repository.write(TRANSACTOR, transactor)
    repository.write(CF, cf)
    if made is not None:
        repository.write(TEMPLATE, json.dumps(made, indent=2))
    repository.git("add", ".")
    repository.git("commit", "--quiet", "--message=register")
    return repository.git("rev-parse", "--short", "HEAD")


def proved(repository: Repository, running: Any) -> str:
    paths = [str(repository.root / name) for name in FILES]
    return restore_command.commit_of(running, str(repository.root / TEMPLATE), paths)


def advice(repository: Repository, commit: str) -> str:
    return restore_command.advice([str(repository.root / name) for name in FILES], commit)


def test_an_earlier_failed_edit_is_not_the_way_back(repository: Repository) -> None:
    """Its stack's update failed, so that it never ran: the next edit's files differ from it, and it is newer."""
    runs = commit(repository, RUNS, template(RUNS))
    failed = RUNS + "memory-index-max=1m\n"
    commit(repository, failed)
    commit(repository, failed, template(failed))
    commit(repository, EDITED)
    commit(repository, FILLED, template(FILLED))
    assert proved(repository, template(RUNS)) == runs
    root = repository.root
    told = f"git -C {root}/aws checkout {runs} -- {root / TRANSACTOR} {root / CF}, then run the update again."
    assert told in advice(repository, runs)
    assert "inventory" in advice(repository, runs)
    assert "not committed" not in advice(repository, runs)


def test_half_an_edit_is_not_the_way_back(repository: Repository) -> None:
    """An edit is committed before its template is made, in two commits here: both have the template that runs."""
    runs = commit(repository, RUNS, template(RUNS))
    commit(repository, RUNS + "write-concurrency=8\n")
    commit(repository, EDITED)
    assert proved(repository, template(RUNS)) == runs


@pytest.mark.parametrize(
    ("transactor", "cf"),
    [(RUNS.replace("datomic-aws-transactor", "mine"), CF_FILE), (RUNS, CF_FILE.replace("4g", "8g"))],
)
def test_a_template_committed_with_an_edit_of_other_files_proves_nothing(
    repository: Repository, transactor: str, cf: str
) -> None:
    """Committed by hand: the template of the last run, and what was edited since."""
    commit(repository, transactor, template(RUNS), cf)
    assert proved(repository, template(RUNS)) == ""


def test_the_modern_template_has_the_id_of_a_group_that_the_file_names(repository: Repository) -> None:
    made = template(RUNS)
    made["Parameters"]["SecurityGroups"] = {"Default": "sg-811389022abf851c0"}
    runs = commit(repository, RUNS, made, CF_FILE + "aws-security-group=datomic-orders\n")
    assert proved(repository, made) == runs


def test_the_commit_of_the_last_applied_run_counts_if_it_has_the_template(repository: Repository) -> None:
    """Only a run knows that it was applied, and that nobody has edited the files since."""
    commit(repository, RUNS, template(RUNS))
    repository.write("README.md", "Our systems\n")
    applied = commit(repository, RUNS + "# as applied\n")
    other = commit(repository, EDITED, template(EDITED))
    paths, place = [str(repository.root / name) for name in FILES], str(repository.root / TEMPLATE)
    found = [restore_command.commit_of(template(RUNS), place, paths, one) for one in (applied, other, "0" * 40)]
    assert found == [applied, proved(repository, template(RUNS)), proved(repository, template(RUNS))]


def test_an_encrypted_template_is_compared_in_clear_text(repository: Repository) -> None:
    for command in ("clean", "smudge"):
        repository.git("config", f"filter.turned.{command}", "tr a-z n-za-m")
    repository.write(".gitattributes", "aws/* filter=turned\n")
    runs = commit(repository, RUNS, template(RUNS))
    assert "protocol" not in repository.show(TEMPLATE)
    assert proved(repository, template(RUNS)) == runs


def test_uncommitted_edits_are_not_lost(repository: Repository) -> None:
    runs = commit(repository, RUNS, template(RUNS))
    repository.write(TRANSACTOR, EDITED)
    assert proved(repository, template(RUNS)) == runs
    assert f"checkout {runs} -- " in advice(repository, runs)
    assert "overwrites changes that are not committed: commit them first" in advice(repository, runs)


@pytest.mark.parametrize("after", [RUNS, "# why\n" + RUNS])
def test_an_inventory_change_alone_names_no_command(repository: Repository, after: str) -> None:
    runs = commit(repository, RUNS, template(RUNS))
    commit(repository, after, template(RUNS, volume="40"))
    assert proved(repository, template(RUNS)) == runs
    assert "checkout" not in advice(repository, runs)
    assert f"the same as in the commit {runs}" in advice(repository, runs)
    assert "an inventory variable" in advice(repository, runs)


def test_a_value_set_back_by_hand_leads_to_the_commit_that_made_it_again(repository: Repository) -> None:
    commit(repository, RUNS, template(RUNS))
    commit(repository, EDITED, template(EDITED))
    again = commit(repository, RUNS, template(RUNS))
    commit(repository, FILLED, template(FILLED))
    assert proved(repository, template(RUNS)) == again


def test_what_is_not_proved_is_said_so(repository: Repository) -> None:
    commit(repository, RUNS, template(RUNS))
    commit(repository, EDITED)
    assert proved(repository, template(RUNS, volume="40")) == "", "no template in git is that"
    root = repository.root
    said = advice(repository, "")
    assert "Nothing proves which commit that is" in said
    assert f"git -C {root}/aws log -p -- {root / TRANSACTOR} {root / CF}" in said
    assert "inventory variables" in said
    assert "checkout" not in said


def test_a_commit_that_lacks_a_file_proves_nothing(repository: Repository) -> None:
    repository.write(TRANSACTOR, RUNS)
    repository.write(TEMPLATE, json.dumps(template(RUNS)))
    repository.git("add", ".")
    repository.git("commit", "--quiet", "--message=register")
    assert proved(repository, template(RUNS)) == ""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("memcached=\n", "memcached=cache:11211\n"),  # blank, but nothing that a run fills in
        ("", "memcached=cache:11211\n"),
        ("memcached=cache:11211\n", ""),
        ("memcached=cache:11211\n", "memcached=\n"),
        ("aws-s3-log-bucket-id=mine\n", "aws-s3-log-bucket-id=\n"),
        ("", "aws-s3-log-bucket-id=mine\n"),  # a log bucket that was not asked for before
        ("a=1\\\n", "a=2\\\n"),  # unreadable: any difference counts
    ],
)
def test_whatever_else_differs_is_an_edit(repository: Repository, before: str, after: str) -> None:
    runs = commit(repository, RUNS + before)
    commit(repository, RUNS + after)
    assert f"checkout {runs} -- " in advice(repository, runs)


def test_no_repository_no_file(tmp_path: pathlib.Path) -> None:
    assert restore_command.advice([], "") == ""
    assert restore_command.advice([str(tmp_path / "missing")], "") == ""
    (tmp_path / "file").write_text(RUNS)
    assert restore_command.advice([str(tmp_path / "file")], "") == ""
    assert restore_command.commit_of({}, str(tmp_path / "file"), [str(tmp_path / "file")]) == ""
