# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way back after a failed replacement, in real repositories: the commit before those of the failed update."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.replacement import retrace

from tests.integration.repositories import Repository

TRANSACTOR, CF = "aws/orders-transactor.properties", "aws/orders-cf.properties"
FILES = (TRANSACTOR, CF)
CF_FILE = "aws-instance-type=m5.large\njava-opts=\njava-xmx=4g\ndatomic-version=1.0.7277\n"
RUNS = "protocol=ddb\naws-transactor-role=datomic-aws-transactor\n"
EDITED = RUNS + "write-concurrency=8\naws-s3-log-bucket-id=\n"
FILLED = RUNS + "write-concurrency=8\naws-s3-log-bucket-id=datomic-logs-1\n"


@pytest.fixture
def repository(tmp_path: pathlib.Path) -> Repository:
    return Repository(tmp_path / "estate")


def commit(repository: Repository, transactor: str, cf: str = CF_FILE) -> str:
    """The files as they are to be, committed; the commit."""
    repository.write(TRANSACTOR, transactor)
    repository.write(CF, cf)
    repository.git("add", ".")
    repository.git("commit", "--quiet", "--message=register")
    return repository.git("rev-parse", "--short", "HEAD")


def way_back(repository: Repository) -> str:
    return retrace.command([str(repository.root / name) for name in FILES])


def told(repository: Repository, wanted: str) -> str:
    root = repository.root
    return f"git -C {root}/aws checkout {wanted} -- {root / TRANSACTOR} {root / CF}, then run the update again"


def test_the_commit_before_the_edit(repository: Repository) -> None:
    runs = commit(repository, RUNS)
    commit(repository, EDITED)
    assert way_back(repository) == told(repository, runs)


@pytest.mark.parametrize("second_run", [False, True])
def test_what_the_failed_run_filled_in_belongs_to_the_edit(repository: Repository, second_run: bool) -> None:
    """The error of the run itself comes before its second registration, that of the next one after it."""
    runs = commit(repository, RUNS)
    commit(repository, EDITED)
    repository.write(TRANSACTOR, FILLED)
    if second_run:
        commit(repository, FILLED)
    assert way_back(repository) == told(repository, runs)


def test_defaults_of_the_second_file_are_filled_in_too(repository: Repository) -> None:
    runs = commit(repository, RUNS)
    lacking = "aws-instance-type=m7g.large\ndatomic-version=\n"
    commit(repository, RUNS, lacking)
    commit(repository, RUNS, lacking.strip() + "1.0.7277\njava-opts=\njava-xmx=4g\n")
    assert way_back(repository) == told(repository, runs)


def test_names_that_an_earlier_run_filled_in_are_kept(repository: Repository) -> None:
    """Else going back would make other resources under other names."""
    commit(repository, RUNS.replace("datomic-aws-transactor", ""))
    named = commit(repository, RUNS)
    commit(repository, EDITED)
    assert way_back(repository) == told(repository, named)


def test_an_edit_that_is_not_committed_leads_back_to_the_last_commit(repository: Repository) -> None:
    runs = commit(repository, RUNS)
    repository.write(TRANSACTOR, EDITED)
    assert way_back(repository) == told(repository, runs)


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
    assert way_back(repository) == told(repository, runs)


def test_a_commit_of_comments_or_of_other_files_is_no_way_back(repository: Repository) -> None:
    runs = commit(repository, RUNS)
    commit(repository, EDITED)
    commit(repository, "# why\n" + EDITED)
    repository.write("other", "file")
    repository.git("add", ".")
    repository.git("commit", "--quiet", "--message=other")
    assert way_back(repository) == told(repository, runs)


def edited_once(repository: Repository) -> None:
    commit(repository, EDITED)


def one_file_newer(repository: Repository) -> None:
    repository.write(TRANSACTOR, RUNS)
    repository.git("add", ".")
    repository.git("commit", "--quiet", "--message=register")
    commit(repository, EDITED)


def never_committed(repository: Repository) -> None:
    repository.write(TRANSACTOR, RUNS)
    repository.write(CF, CF_FILE)


@pytest.mark.parametrize("arrange", [edited_once, one_file_newer, never_committed])
def test_nothing_to_go_back_to(repository: Repository, arrange: Callable[[Repository], None]) -> None:
    arrange(repository)
    assert way_back(repository) == ""


def test_no_repository_no_file(tmp_path: pathlib.Path) -> None:
    assert retrace.command([]) == ""
    assert retrace.command([str(tmp_path / "missing")]) == ""
    (tmp_path / "file").write_text(RUNS)
    assert retrace.command([str(tmp_path / "file")]) == ""
