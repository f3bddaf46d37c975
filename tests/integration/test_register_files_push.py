# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""register_files with a remote: what is pushed where, and what a refusal says."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

import pytest

from tests.integration.repositories import FILE, Repository, registering, sample


@pytest.fixture(autouse=True)
def _own_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def remote(tmp_path: pathlib.Path) -> Repository:
    return Repository(tmp_path / "remote.git", "--bare")


@pytest.fixture
def repository(tmp_path: pathlib.Path, remote: Repository) -> Repository:
    repository = sample(tmp_path / "estate")
    repository.git("remote", "add", "origin", str(remote.root))
    repository.git("push", "--quiet", "--set-upstream", "origin", "main")
    return repository


def someone_pushes(remote: Repository, where: pathlib.Path) -> None:
    remote.git("clone", "--quiet", str(remote.root), str(where))
    other = Repository.at(where)
    other.write("theirs.txt", "theirs\n")
    other.git("add", "theirs.txt")
    other.git("-c", "user.name=x", "-c", "user.email=x@x", "commit", "--quiet", "--message=theirs", "--", "theirs.txt")
    other.git("push", "--quiet")


def test_pushes_the_branch_alone_and_only_once(repository: Repository, remote: Repository) -> None:
    repository.git("branch", "side")
    repository.write(FILE, "host=b\n")
    told = registering(repository, FILE, push=True, check=True)
    assert (told["changed"], told["pushed"], told["commit"]) == (True, True, None)
    assert remote.head != repository.head or repository.show(FILE) == "host=a\n"
    result = registering(repository, FILE, push=True)
    assert (result["changed"], result["pushed"], result["commit"]) == (True, True, repository.head)
    assert remote.head == repository.head
    assert remote.git("branch", "--format=%(refname:short)") == "main"
    everything = repository.everything()
    for check in (True, False):
        again = registering(repository, FILE, push=True, check=check)
        assert (again["changed"], again["pushed"]) == (False, False)
    assert repository.everything() == everything


def test_without_push_nothing_is_pushed_and_a_later_push_catches_up(repository: Repository, remote: Repository) -> None:
    first = remote.head
    repository.write(FILE, "host=b\n")
    assert not registering(repository, FILE)["pushed"]
    assert remote.head == first
    assert registering(repository, FILE, push=True, check=True)["pushed"]
    assert remote.head == first
    result = registering(repository, FILE, push=True)
    assert (result["changed"], result["pushed"], result["commit"], result["files"]) == (True, True, None, [])
    assert remote.head == repository.head


def test_the_remote_has_moved(repository: Repository, remote: Repository, tmp_path: pathlib.Path) -> None:
    someone_pushes(remote, tmp_path / "other")
    moved = remote.head
    for check in (True, False):
        nothing_to_commit = registering(repository, FILE, push=True, check=check)
        assert "it has commits that are not here" in nothing_to_commit["msg"], "said before the work, not after it"
    repository.write(FILE, "host=b\n")
    assert "it has commits that are not here" in registering(repository, FILE, push=True, check=True)["msg"]
    result = registering(repository, FILE, push=True)
    assert result["failed"]
    assert "main at origin: it has commits that are not here" in result["msg"]
    assert "git pull --rebase origin main" in result["msg"]
    assert (result["changed"], result["commit"], result["pushed"]) == (True, repository.head, False)
    assert repository.show(FILE) == "host=b\n"
    assert repository.git("status", "--porcelain") == ""
    assert remote.head == moved
    repository.git("pull", "--quiet", "--rebase")
    assert registering(repository, FILE, push=True)["pushed"]
    assert remote.head == repository.head


def test_the_remote_refuses(repository: Repository, remote: Repository) -> None:
    remote.hook("pre-receive", "echo 'closed for today'; exit 1")
    repository.write(FILE, "host=b\n")
    assert "closed for today" in registering(repository, FILE, push=True)["msg"]


def test_hook_before_the_push(repository: Repository, remote: Repository) -> None:
    repository.hook("pre-push", "echo 'not from here' >&2; exit 1")
    repository.write(FILE, "host=b\n")
    assert "not from here" in registering(repository, FILE, push=True)["msg"]


def test_no_remote_is_said_before_anything_is_committed(tmp_path: pathlib.Path) -> None:
    repository = sample(tmp_path / "alone")
    repository.write(FILE, "host=b\n")
    everything = repository.everything()
    assert (
        "the repository has no remote origin (git remote add origin URL)"
        in registering(repository, FILE, push=True)["msg"]
    )
    repository.git("remote", "add", "origin", "/nowhere")
    everything = repository.everything()
    assert "the branch main has no upstream branch" in registering(repository, FILE, push=True)["msg"]
    assert "no remote fork, only origin" in registering(repository, FILE, push=True, push_remote="fork")["msg"]
    assert "is no name of a branch" in registering(repository, FILE, push=True, push_branch="a..b")["msg"]
    assert repository.everything() == everything


def test_remote_and_branch_given(repository: Repository, tmp_path: pathlib.Path) -> None:
    fork = Repository(tmp_path / "fork.git", "--bare")
    repository.git("remote", "add", "fork", str(fork.root))
    assert registering(repository, FILE, push=True, push_remote="fork", check=True)["pushed"]
    assert registering(repository, FILE, push=True, push_remote="fork")["pushed"]
    assert not registering(repository, FILE, push=True, push_remote="fork")["changed"]
    assert registering(repository, FILE, push=True, push_remote=str(fork.root), push_branch="review")["pushed"]
    assert not registering(repository, FILE, push=True, push_remote=str(fork.root), push_branch="review")["changed"]
    assert fork.git("branch", "--format=%(refname:short)") == "main\nreview"


def test_detached_head_with_a_branch_to_push_to(repository: Repository, remote: Repository) -> None:
    repository.git("switch", "--quiet", "--detach")
    repository.write(FILE, "host=b\n")
    result = registering(repository, FILE, push=True, push_branch="main")
    assert result["branch"] is None
    assert remote.head == repository.head == result["commit"]
    assert repository.git("rev-parse", "main") != remote.head


def test_shallow_clone_of_a_ci_job(repository: Repository, remote: Repository, tmp_path: pathlib.Path) -> None:
    repository.write(FILE, "host=b\n")
    assert registering(repository, FILE, push=True, push_remote="origin")["pushed"]
    repository.git("clone", "--quiet", "--depth=1", f"file://{remote.root}", str(tmp_path / "ci"))
    clone = Repository.at(tmp_path / "ci")
    clone.git("switch", "--quiet", "--detach")
    clone.git("branch", "--quiet", "--delete", "main")
    clone.git("config", "user.name", "CI")
    clone.git("config", "user.email", "ci@example.com")
    clone.write(FILE, "host=c\n")
    given: dict[str, Any] = {"push": True, "push_remote": "origin", "push_branch": "main"}
    assert registering(clone, FILE, check=True, **given)["pushed"]
    assert registering(clone, FILE, **given)["commit"] == remote.head
    assert not registering(clone, FILE, **given)["changed"]


def test_password_of_a_remote_is_never_shown(repository: Repository) -> None:
    repository.git("remote", "set-url", "origin", "http://operator:hunter2@127.0.0.1:9/estate.git")
    repository.write(FILE, "host=b\n")
    result = registering(repository, FILE, push=True)
    assert "Could not push to main at origin" in result["msg"]
    assert "127.0.0.1" in result["msg"]
    assert "hunter2" not in json.dumps(result)
    repository.hook("pre-commit", 'echo "not to $(git remote get-url origin)"; exit 1')
    repository.write(FILE, "host=c\n")
    told = registering(repository, FILE, push=True)["msg"]
    assert "not to http://********@127.0.0.1:9/estate.git" in told
    refused = registering(
        repository, FILE, push=True, push_remote="https://operator:hunter2@127.0.0.1/x.git", push_branch="main"
    )
    assert "a URL with a password in it" in refused["msg"]
    assert "hunter2" not in refused["msg"]


def test_a_remote_that_asks_for_a_password(
    repository: Repository, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/told\necho "git@host: Permission denied (publickey)." >&2; exit 255\n'
    )
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    repository.git("remote", "set-url", "origin", "ssh://git@host/estate.git")
    repository.write(FILE, "host=b\n")
    assert "git cannot ask for a password" in registering(repository, FILE, push=True)["msg"]
    assert "BatchMode=yes" in (tmp_path / "told").read_text()
    repository.git("config", "core.sshCommand", f"{ssh} -v")
    registering(repository, FILE, push=True)
    assert "BatchMode=yes" not in (tmp_path / "told").read_text()
