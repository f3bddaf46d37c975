# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""restore_files in real repositories."""

from __future__ import annotations

import json
import pathlib
from typing import Any
from unittest import mock

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands import restore_files

from tests.integration.repositories import Repository
from tests.modules import run_module

TRANSACTOR, CF, TEMPLATE = "aws/orders-transactor.properties", "aws/orders-cf.properties", "aws/orders-cf.json"
ALL = [TRANSACTOR, CF, TEMPLATE]


def commit(repository: Repository, transactor: str, cf: str, template: str = "{}") -> str:
    for path, text in zip(ALL, (transactor, cf, template), strict=True):
        repository.write(path, text)
    repository.git("add", ".")
    repository.git("commit", "--quiet", "--message=register")
    return repository.head


@pytest.fixture
def repository(tmp_path: pathlib.Path) -> Repository:
    return Repository(tmp_path / "estate")


def restored(repository: Repository, commit: str, *, check: bool = False) -> dict[str, Any]:
    options = {
        "transactor_src": str(repository.root / TRANSACTOR),
        "cf_src": str(repository.root / CF),
        "template": str(repository.root / TEMPLATE),
        "commit": commit,
    }
    result = run_module("restore_files", options, check=check)
    result["files"] = [str(pathlib.Path(one).relative_to(repository.root)) for one in result.get("files", ())]
    return result


def texts(repository: Repository) -> list[str]:
    return [(repository.root / path).read_text() for path in ALL]


def test_the_files_of_the_commit_come_back_and_generated_names_stay(repository: Repository) -> None:
    before = commit(
        repository,
        "# ours\r\nmemory-index-max=256m\naws-transactor-role=\n",
        "java-xmx=\naws-security-group=\n",
        '{"Description": "before"}\n',
    )
    now = [
        "memory-index-max=512m\naws-transactor-role=datomic-aws-transactor\naws-s3-log-bucket-id=logs-1\n",
        "java-xmx=4g\naws-security-group=datomic\n",
        '{"Description": "after"}',
    ]
    commit(repository, *now)
    checked = restored(repository, before[:9], check=True)
    assert texts(repository) == now
    done = restored(repository, before[:9])
    assert (done["changed"], done["files"], done["commit"]) == (True, ALL, before)
    assert checked["diff"] == done["diff"]
    assert (repository.root / TRANSACTOR).read_bytes().startswith(b"# ours\r\n")
    assert [(repository.root / path).read_bytes().decode() for path in ALL] == [
        "# ours\r\nmemory-index-max=256m\naws-transactor-role=datomic-aws-transactor\naws-s3-log-bucket-id=logs-1\n",
        "java-xmx=\naws-security-group=datomic\n",
        '{"Description": "before"}\n',
    ]
    again = restored(repository, before)
    assert (again["changed"], again["files"], again["diff"]) == (False, [], [])


def test_a_name_of_the_commit_wins_over_the_present_one(repository: Repository) -> None:
    before = commit(repository, "aws-transactor-role=mine\n", "aws-security-group=sg-1\n")
    commit(repository, "aws-transactor-role=another\n", "aws-security-group=sg-2\n")
    assert restored(repository, before)["files"] == [TRANSACTOR, CF]
    assert texts(repository)[:2] == ["aws-transactor-role=mine\n", "aws-security-group=sg-1\n"]


def test_a_file_that_is_gone_comes_back_and_one_that_makes_no_sense_is_replaced(repository: Repository) -> None:
    before = commit(repository, "host=localhost\n", "java-xmx=2g\n")
    (repository.root / TEMPLATE).unlink()
    (repository.root / CF).unlink()
    (repository.root / TRANSACTOR).write_text("host=a\nhost=b\n")
    assert restored(repository, before)["files"] == ALL
    assert texts(repository) == ["host=localhost\n", "java-xmx=2g\n", "{}"]


def test_the_filters_of_the_repository_apply(repository: Repository) -> None:
    for command in ("clean", "smudge"):
        repository.git("config", f"filter.turned.{command}", "tr 0-9 5-90-4")
    repository.write(".gitattributes", "*.properties filter=turned\n")
    before = commit(repository, "port=4334\n", "java-xmx=2g\n")
    assert repository.show(TRANSACTOR) == "port=9889\n"
    commit(repository, "port=4335\n", "java-xmx=3g\n")
    restored(repository, before)
    assert texts(repository)[:2] == ["port=4334\n", "java-xmx=2g\n"]


def test_secrets_are_masked(repository: Repository) -> None:
    template = {"Resources": {"LaunchConfig": {"UserData": "license-key=hidden-1\nhost=a"}}}
    before = commit(repository, "license-key=hidden-2\n", "java-xmx=2g\n", json.dumps(template))
    commit(repository, "license-key=hidden-3\n", "java-xmx=3g\n", json.dumps(template).replace("hidden-1", "hidden-4"))
    done = restored(repository, before)
    assert done["files"] == ALL
    assert "hidden" not in json.dumps(done["diff"])


@pytest.mark.parametrize(
    ("revision", "message"),
    [
        ("0123456", "0123456 is no commit of the repository of "),
        ("--all", "--all is no commit of the repository of "),
        ("HEAD~1", f"{TEMPLATE}"),
    ],
)
def test_a_commit_without_the_files_changes_nothing(repository: Repository, revision: str, message: str) -> None:
    commit(repository, "host=a\n", "java-xmx=2g\n")
    repository.git("rm", "--quiet", TEMPLATE)
    repository.git("commit", "--quiet", "--message=without the template")
    now = ["host=b\n", "java-xmx=3g\n"]
    commit(repository, *now)
    done = restored(repository, revision)
    assert done["failed"]
    assert message in done["msg"]
    assert texts(repository)[:2] == now


def test_a_file_in_the_commit_that_makes_no_sense_changes_nothing(repository: Repository) -> None:
    before = commit(repository, "host=a\n", "java-xmx=2g\njava-xmx=3g\n")
    commit(repository, "host=b\n", "java-xmx=3g\n")
    done = restored(repository, before)
    assert done["failed"]
    assert "java-xmx" in done["msg"]
    assert texts(repository)[0] == "host=b\n"


def test_an_edit_meanwhile_is_not_overwritten(repository: Repository) -> None:
    before = commit(repository, "host=a\n", "java-xmx=2g\n")
    commit(repository, "host=b\n", "java-xmx=2g\n")
    content = restore_files._content

    def edited(options: restore_files.Options, commit: str, path: str) -> bytes:
        repository.write(TRANSACTOR, "host=c\n")
        return content(options, commit, path)

    with mock.patch.object(restore_files, "_content", edited):
        done = restored(repository, before)
    assert done["failed"]
    assert "changed by someone else since it was read" in done["msg"]
    assert texts(repository)[0] == "host=c\n"
