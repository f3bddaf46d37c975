# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of a plan about git, in real repositories: what a run commits and pushes, and what git would refuse."""

from __future__ import annotations

import os
import pathlib
import subprocess
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils import git

from tests.integration.repositories import FILE, Repository, sample

SENTINEL = "hunter2-sentinel"
TEMPLATE = "aws/cf.json"


@pytest.fixture(autouse=True)
def _own_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def repository(tmp_path: pathlib.Path) -> Repository:
    return sample(tmp_path / "estate")


def previewing(
    repository: Repository,
    *paths: str,
    will_write: tuple[str, ...] = (),
    secrets: tuple[str, ...] = (),
    check: bool = False,
    **options: Any,
) -> git.Preview:
    """The preview; it leaves no trace. Paths start at the root."""

    def absolute(names: tuple[str, ...]) -> list[str]:
        return [str(repository.root / name) for name in names]

    everything = repository.everything()
    preview = git.preview(
        git.Request(absolute(paths or (FILE,)), **options),
        will_write=absolute(will_write),
        will_hold_secrets=absolute(secrets),
        check=check,
    )
    assert repository.everything() == everything
    return preview


def refused(preview: git.Preview) -> str:
    assert any(finding.severity == "error" for finding in preview.findings)
    assert not preview.changed
    assert (preview.files, preview.note) == ((), "")
    return "\n".join(str(finding) for finding in preview.findings)


def test_nothing_to_register(repository: Repository) -> None:
    assert previewing(repository) == git.Preview()


@pytest.mark.parametrize("check", [True, False])
def test_edits_and_files_to_come(repository: Repository, check: bool) -> None:
    written = previewing(repository, will_write=(TEMPLATE, FILE), check=check)
    assert written == git.Preview((), (), (TEMPLATE, FILE), "2 files, 1 commit on main, not pushed", True)
    repository.write(FILE, "host=b\n")
    edited = previewing(repository, check=check)
    assert edited == git.Preview((), (FILE,), (FILE,), "1 file, 1 commit on main, not pushed", True)
    both = previewing(repository, will_write=(TEMPLATE,), check=check)
    assert both == git.Preview((), (FILE,), (TEMPLATE, FILE), "2 files, 2 commits on main, not pushed", True)


def test_pushes(repository: Repository, tmp_path: pathlib.Path) -> None:
    remote = Repository(tmp_path / "remote.git", "--bare")
    repository.git("remote", "add", "origin", str(remote.root))
    repository.git("push", "--quiet", "--set-upstream", "origin", "main")
    assert previewing(repository, push=True) == git.Preview()
    repository.write(FILE, "host=b\n")
    assert previewing(repository, push=True).note == "1 file, 1 commit on main, pushed to main at origin"
    repository.git("commit", "--quiet", "--all", "--message=by hand")
    behind = previewing(repository, push=True)
    assert (behind.changed, behind.files, behind.note) == (True, (), "no commit, pushed to main at origin")
    repository.git("switch", "--quiet", "--detach")
    repository.write(FILE, "host=c\n")
    detached = previewing(repository, push=True, branch="main")
    assert (detached.findings, detached.note) == ((), "1 file, 1 commit, pushed to main at origin")


def test_a_check_warns_of_what_a_clone_in_ci_lacks(repository: Repository) -> None:
    repository.git("switch", "--quiet", "--detach")
    repository.git("config", "--unset", "user.email")
    repository.git("config", "user.useConfigOnly", "true")
    repository.write(FILE, "host=b\n")
    message = refused(previewing(repository, push=True))
    assert all(text in message for text in ("HEAD is detached", "git config user.name", "has no remote origin"))
    checked = previewing(repository, push=True, check=True)
    assert [finding.severity for finding in checked.findings] == ["warning"] * 3
    assert all(finding.message.startswith("a run would be refused: ") for finding in checked.findings)
    assert (checked.files, checked.note) == ((FILE,), "1 file, 1 commit, not pushed")


def test_a_remote_that_does_not_answer(repository: Repository) -> None:
    repository.git("remote", "add", "origin", str(repository.root / "none.git"))
    for check in (True, False):
        message = refused(previewing(repository, push=True, branch="main", check=check))
        assert "Could not push to main at origin" in message
    repository.git("switch", "--quiet", "--detach")
    assert "Could not push" in refused(previewing(repository, push=True, branch="main"))
    (warning,) = previewing(repository, push=True, branch="main", check=True).findings
    assert (warning.rule, warning.severity) == ("git-push", "warning")


def test_wrong_paths_and_timeout_are_findings(repository: Repository) -> None:
    assert "gone: does not exist" in refused(previewing(repository, FILE, "gone", check=True))
    assert "timeout must be more than 0" in refused(previewing(repository, timeout=0))


def test_a_secret_in_clear_text(repository: Repository) -> None:
    repository.write(FILE, f"license-key={SENTINEL}\n")
    for check in (True, False):
        message = refused(previewing(repository, check=check))
        assert f"{FILE}:1: license-key: a secret in clear text" in message
        assert SENTINEL not in message
    assert previewing(repository, allow_secrets=True).files == (FILE,)
    assert not repository.holds(SENTINEL)
    repository.git("commit", "--quiet", "--all", "--message=by mistake")
    (warning,) = previewing(repository).findings
    assert (warning.severity, warning.message[:41]) == ("warning", "the last commit has a secret in clear tex")
    repository.write(FILE, f"license-key={SENTINEL}\nport=1\n")
    assert previewing(repository, check=True, secrets=(FILE,)).files == (FILE,), "a check only warns"
    assert "a secret in clear text would get into git" in refused(previewing(repository))


def test_a_secret_that_the_run_will_write(repository: Repository) -> None:
    options: dict[str, Any] = {"will_write": (TEMPLATE,), "secrets": (TEMPLATE,)}
    for check in (True, False):
        message = refused(previewing(repository, **options, check=check))
        assert message.startswith(f"{TEMPLATE}: this run would put a secret in clear text into it")
    assert previewing(repository, **options, allow_secrets=True).files == (TEMPLATE,)
    repository.write(".gitattributes", "aws/*.json filter=conceal\n")
    assert refused(previewing(repository, **options)), "the filter is not configured"
    repository.git("config", "filter.conceal.clean", "rev")
    assert previewing(repository, **options).files == (TEMPLATE,)


def test_a_place_where_nothing_can_be_registered(repository: Repository, tmp_path: pathlib.Path) -> None:
    repository.write(".gitignore", "*.json\n")
    (tmp_path / "outside").mkdir()
    other = tmp_path / "other"
    subprocess.run(["git", "init", "--quiet", str(other)], check=True)
    (repository.root / "link.json").symlink_to(tmp_path / "outside" / "cf.json")
    for path, text in (
        ("aws/cf.json", "aws/cf.json: is ignored by git (.gitignore:1: *.json)"),
        ("../outside/cf.yml", "is not in a git repository"),
        ("../other/cf.yml", f"is in the repository {other}, the others are in {repository.root}"),
        ("nosuch/cf.yml", "is in a directory that does not exist"),
        ("aws", "is a directory: give the files in it"),
        ("link.json", "is not in a git repository"),
    ):
        assert text in refused(previewing(repository, will_write=(path,)))
