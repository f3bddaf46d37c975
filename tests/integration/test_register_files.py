# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""register_files in real repositories: what is committed, what stays as it was, what is refused."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan import Now, Plan

from tests.integration.repositories import FILE, Repository, registering, sample

SENTINEL = "hunter2-sentinel"


@pytest.fixture(autouse=True)
def _own_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def repository(tmp_path: pathlib.Path) -> Repository:
    return sample(tmp_path / "estate")


def test_commits_the_file_and_nothing_else_of_a_dirty_work_tree(repository: Repository) -> None:
    repository.write("other.txt", "staged\n")
    repository.git("add", "other.txt")
    repository.write("other.txt", "staged and dirty\n")
    repository.write("dirty.txt", "dirty\n")
    repository.git("mv", "old.txt", "renamed.txt")
    repository.write("untracked.txt", "untracked\n")
    repository.write("intended.txt", "intended\n")
    repository.git("add", "--intent-to-add", "intended.txt")
    repository.git("rm", "--quiet", "--cached", "unregistered.txt")
    before = repository.state(without=FILE)
    repository.write(FILE, "host=b\n")
    result = registering(repository, FILE)
    assert not result["failed"]
    assert result["changed"]
    assert result["files"] == [FILE]
    assert result["commit"] == repository.head
    assert result["branch"] == "main"
    assert repository.committed() == [FILE]
    assert repository.show(FILE) == "host=b\n"
    assert repository.state(without=FILE) == before
    assert repository.git("status", "--porcelain", "--", FILE) == ""
    assert repository.git("log", "-1", "--format=%s") == "register"


@pytest.mark.parametrize("check", [True, False])
def test_each_file_has_at_most_16_mib(repository: Repository, check: bool) -> None:
    with (repository.root / FILE).open("wb") as file:
        file.truncate(1 << 24)
    assert not registering(repository, FILE, check=True)["failed"]
    with (repository.root / FILE).open("ab") as file:
        file.write(b"\n")
    before = repository.head
    refused = registering(repository, FILE, check=check)
    assert refused["failed"]
    assert "has 16777217 bytes, at most 16777216 are registered: commit it with git itself" in refused["msg"]
    assert repository.head == before


def test_second_run_changes_nothing(repository: Repository) -> None:
    repository.write(FILE, "host=b\n")
    registering(repository, FILE)
    everything = repository.everything()
    result = registering(repository, FILE)
    assert (result["changed"], result["commit"], result["files"], result["diff"]) == (False, None, [], [])
    assert repository.everything() == everything


def test_registers_the_work_tree_where_something_else_is_staged(repository: Repository) -> None:
    repository.write(FILE, "host=staged\n")
    repository.git("add", FILE)
    repository.write(FILE, "host=work-tree\n")
    assert registering(repository, FILE)["changed"]
    assert repository.show(FILE) == "host=work-tree\n"
    assert repository.git("status", "--porcelain") == ""


def test_what_is_staged_stays_where_there_is_nothing_to_commit(repository: Repository) -> None:
    repository.write(FILE, "host=staged\n")
    repository.git("add", FILE)
    repository.write(FILE, "host=a\n")
    before = repository.state()
    assert not registering(repository, FILE)["changed"]
    assert repository.state() == before


def test_new_files_and_a_first_commit(tmp_path: pathlib.Path) -> None:
    repository = Repository(tmp_path / "fresh")
    repository.write("aws/new name.properties", "host=b\n")
    repository.write(":(glob)*", "x=1\n")
    repository.write("other.txt", "staged\n")
    repository.git("add", "other.txt")
    result = registering(repository, "aws/new name.properties", ":(glob)*")
    assert not result["failed"], result
    assert result["files"] == [":(glob)*", "aws/new name.properties"]
    assert repository.git("ls-tree", "-r", "--name-only", "HEAD").split("\n") == [":(glob)*", "aws/new name.properties"]
    assert repository.git("status", "--porcelain") == "A  other.txt"


def test_mode_and_link_are_registered(repository: Repository) -> None:
    (repository.root / "link.properties").symlink_to(FILE)
    (repository.root / FILE).chmod(0o755)
    result = registering(repository, "link.properties")
    assert result["files"] == [FILE, "link.properties"]
    assert "(mode 100755)" in result["diff"][0]["after_header"]
    assert repository.git("ls-tree", "HEAD", "link.properties").startswith("120000")


def test_relative_path_starts_in_the_working_directory(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository.root / "aws")
    repository.write(FILE, "host=b\n")
    assert registering(None, pathlib.Path(FILE).name)["files"] == [FILE]


def test_works_inside_a_hook_of_another_repository(
    repository: Repository, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "elsewhere" / "index"))
    repository.write(FILE, "host=b\n")
    assert registering(repository, FILE)["changed"]
    assert not (tmp_path / "elsewhere").exists()


def test_linked_work_tree(repository: Repository, tmp_path: pathlib.Path) -> None:
    repository.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    main = repository.head
    (tmp_path / "side" / FILE).write_text("host=side\n")
    result = registering(None, str(tmp_path / "side" / FILE))
    assert result["branch"] == "side"
    assert repository.head == main


# Check mode


def test_check_mode_tells_the_same_and_changes_nothing(repository: Repository) -> None:
    repository.write(FILE, "host=b\n")
    repository.write("aws/new.properties", "port=4334\n")
    everything = repository.everything()
    told = registering(repository, FILE, "aws/new.properties", check=True)
    assert repository.everything() == everything
    done = registering(repository, FILE, "aws/new.properties")
    assert told["commit"] is None
    assert {**told, "commit": ""} == {**done, "commit": ""}
    assert told["diff"][0]["before_header"] == "aws/new.properties (not in git)"
    assert told["diff"][1]["before"] == "host=a\n"
    assert told["diff"][1]["after"] == "host=b\n"


def test_line_endings_that_git_converts_are_no_change(repository: Repository) -> None:
    repository.write(".gitattributes", "*.properties text eol=crlf\n")
    (repository.root / FILE).write_bytes(b"host=a\r\n")
    assert not registering(repository, FILE, check=True)["changed"]
    assert not registering(repository, FILE)["changed"]


# Refusals: nothing is changed by any of them


def refused(repository: Repository, *paths: str, **options: Any) -> str:
    everything = repository.everything()
    for check in (True, False):
        result = registering(repository, *paths, check=check, **options)
        assert result["failed"]
        assert not result.get("changed")
        assert repository.everything() == everything
    message: str = result["msg"]
    return message


def test_every_wrong_path_in_one_message(repository: Repository, tmp_path: pathlib.Path) -> None:
    other = Repository(repository.root / "other")
    other.write("x", "")
    (tmp_path / "outside").write_text("")
    (repository.root / "broken").symlink_to("nowhere")
    message = refused(repository, FILE, "missing", "gone", "aws", "other/x", "../outside", "broken", ".git/config")
    assert "missing: does not exist" in message
    assert "gone: does not exist" in message
    assert "aws: is a directory" in message
    assert f"other/x: is in the repository {other.root}" in message
    assert "outside: is not in a git repository" in message
    assert "which does not exist" in message
    assert "is in git's own directory" in message


def test_ignored_unless_tracked(repository: Repository) -> None:
    repository.write(".gitignore", "*.properties\n!aws/kept.properties\n")
    repository.write("aws/kept.properties", "x=1\n")
    repository.write("aws/new.properties", "x=1\n")
    repository.write(FILE, "host=b\n")
    assert "aws/new.properties: is ignored by git (.gitignore:1: *.properties)" in refused(
        repository, FILE, "aws/new.properties"
    )
    assert registering(repository, FILE, "aws/kept.properties")["files"] == ["aws/kept.properties", FILE]


def test_no_identity(repository: Repository) -> None:
    repository.git("config", "--unset", "user.email")
    repository.git("config", "user.useConfigOnly", "true")
    repository.write(FILE, "host=b\n")
    assert "git has no name and address for commits" in refused(repository, FILE)


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("merge", "merge"),
        ("rebase", "rebase"),
        ("cherry-pick", "cherry-pick"),
        ("revert", "revert"),
        ("bisect", "bisect"),
    ],
)
def test_in_the_middle_of_something(repository: Repository, command: str, word: str) -> None:
    repository.write("dirty.txt", "main\n")
    repository.git("commit", "--quiet", "--all", "--message=main")
    repository.git("branch", "side", "HEAD~1")
    repository.write("dirty.txt", "again\n")
    repository.git("commit", "--quiet", "--all", "--message=again")
    if command == "bisect":
        repository.git("bisect", "start")
    elif command == "revert":
        repository.git("revert", "--no-edit", "HEAD~1", fails=True)
    else:
        repository.git("switch", "--quiet", "side")
        repository.write("dirty.txt", "side\n")
        repository.git("commit", "--quiet", "--all", "--message=side")
        repository.git(command, "main", fails=True)
    repository.write(FILE, "host=b\n")
    assert f"in the middle of a {word}" in refused(repository, FILE)


def test_unmerged_file_after_a_stash(repository: Repository) -> None:
    repository.write(FILE, "host=stashed\n")
    repository.git("stash", "--quiet")
    repository.write(FILE, "host=committed\n")
    repository.git("commit", "--quiet", "--all", "--message=committed")
    repository.git("stash", "pop", fails=True)
    assert f"{FILE}: has conflicts that are not resolved" in refused(repository, FILE)


def test_unmerged_other_file_stays_unmerged(repository: Repository) -> None:
    repository.write("dirty.txt", "stashed\n")
    repository.git("stash", "--quiet")
    repository.write("dirty.txt", "committed\n")
    repository.git("commit", "--quiet", "--all", "--message=committed")
    repository.git("stash", "pop", fails=True)
    repository.write(FILE, "host=b\n")
    before = repository.state(without=FILE)
    assert registering(repository, FILE)["files"] == [FILE]
    assert repository.state(without=FILE) == before


def test_detached_head(repository: Repository) -> None:
    repository.git("switch", "--quiet", "--detach")
    repository.write(FILE, "host=b\n")
    result = registering(repository, FILE)
    assert result["failed"]
    for name in ("HEAD is detached", "datomic_push_remote", "datomic_push_branch"):
        assert name in result["msg"]
    repository.git("config", "--unset", "user.email")
    checked = registering(repository, FILE, push=True, check=True)
    assert checked["files"] == [FILE]
    warned = str(checked["warnings"])
    assert warned.count("a run would be refused: ") == len(checked["warnings"]) == 3
    assert all(text in warned for text in ("HEAD is detached", "user.email", "has no remote origin"))


def test_files_that_git_was_told_not_to_look_at(repository: Repository) -> None:
    repository.git("update-index", "--assume-unchanged", FILE)
    repository.git("update-index", "--skip-worktree", "dirty.txt")
    repository.write(FILE, "host=b\n")
    message = refused(repository, FILE, "dirty.txt")
    assert "assume-unchanged" in message
    assert "sparse" in message


def test_bare_repository_and_another_owner(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = Repository(tmp_path / "bare.git", "--bare")
    (bare.root / "x").write_text("")
    assert "bare repository" in registering(bare, "x")["msg"]
    repository = Repository(tmp_path / "theirs")
    repository.write(FILE, "")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert "does not trust this repository" in registering(repository, FILE)["msg"]


def test_no_git(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "git program is not on the PATH" in registering(repository, FILE)["msg"]


def test_empty_message(repository: Repository) -> None:
    repository.write(FILE, "host=b\n")
    assert "message is empty" in refused(repository, FILE, commit_message=" \n")


# Secrets


def test_clear_text_secret_is_refused_and_never_shown(repository: Repository) -> None:
    repository.write(FILE, f"host=b\nsql-password={SENTINEL}\naws-s3-log-secret-key = {SENTINEL}\n")
    template = {"UserData": ["", f"host=a\nlicense-key={SENTINEL}\nport=1"]}
    repository.write("aws/cf.json", json.dumps(template, indent=1))
    message = refused(repository, FILE, "aws/cf.json")
    assert f"{FILE}:2: sql-password: a secret in clear text" in message
    assert f"{FILE}:3: aws-s3-log-secret-key" in message
    assert "aws/cf.json:4: license-key" in message
    assert SENTINEL not in message
    assert not repository.holds(SENTINEL)
    result = registering(repository, FILE, "aws/cf.json", secrets="allow")
    assert result["changed"]
    assert SENTINEL not in json.dumps(result)
    assert "sql-password=********" in result["diff"][0]["after"] + result["diff"][1]["after"]


def test_a_check_only_warns_of_a_secret_that_is_in_git_already(repository: Repository) -> None:
    repository.write(FILE, "license-key=hunter2\n")
    repository.git("commit", "--quiet", "--all", "--message=by mistake")
    in_git = "the last commit has a secret in clear text"
    assert in_git in str(registering(repository, FILE)["warnings"])
    repository.write(FILE, "license-key=hunter2\nhost=b\n")
    checked = registering(repository, FILE, check=True)
    assert checked["files"] == [FILE]
    assert in_git in str(checked["warnings"])
    assert registering(repository, FILE)["failed"], "a run commits it only where that is allowed"
    repository.write("new.properties", "license-key=hunter2\n")
    assert registering(repository, FILE, "new.properties", check=True)["failed"]
    allowed = registering(repository, FILE, secrets="allow")
    assert allowed["commit"]
    assert not allowed.get("warnings")


def test_secret_behind_a_filter_is_fine(repository: Repository) -> None:
    repository.git("config", "filter.crypt.clean", "rot=$(tr a-z n-za-m | base64); echo $rot")
    repository.git("config", "filter.crypt.smudge", "base64 -d | tr a-z n-za-m")
    repository.write(".gitattributes", "*.properties filter=crypt\n")
    repository.write(FILE, f"sql-password={SENTINEL}\n")
    result = registering(repository, FILE)
    assert result["changed"]
    assert SENTINEL not in json.dumps(result)
    assert "behind the filter crypt" in result["diff"][0]["after"]
    assert SENTINEL not in repository.show(FILE)


def test_filter_that_does_not_run_protects_nothing(repository: Repository) -> None:
    repository.write(".gitattributes", "*.properties filter=git-crypt\n")
    repository.write(FILE, f"sql-password={SENTINEL}\n")
    assert "sql-password: a secret in clear text" in refused(repository, FILE)
    everything_shown = registering(repository, FILE, check=True, secrets="allow")["diff"][0]["after"]
    assert everything_shown == "sql-password=********\n"
    repository.git("config", "filter.git-crypt.clean", "cat")
    assert "sql-password: a secret in clear text" in refused(repository, FILE)


def test_other_line_endings_hide_no_secret(repository: Repository) -> None:
    repository.write(".gitattributes", "*.properties text eol=crlf\n")
    (repository.root / FILE).write_bytes(f"sql-password={SENTINEL}\r\n".encode())
    assert "sql-password: a secret in clear text" in refused(repository, FILE)


# Hooks and signing


def test_hooks_see_the_commit_and_may_change_it(repository: Repository, tmp_path: pathlib.Path) -> None:
    repository.write("other.txt", "staged\n")
    repository.git("add", "other.txt")
    seen = tmp_path / "seen"
    repository.hook("pre-commit", f"git diff --cached --name-only > {seen}; echo 'x=1' >> {FILE}; git add {FILE}")
    repository.hook("commit-msg", 'echo "Signed-off-by: hook" >> "$1"')
    repository.write(FILE, "host=b\n")
    assert registering(repository, FILE)["changed"]
    assert seen.read_text() == f"{FILE}\n"
    assert repository.show(FILE) == "host=b\nx=1\n"
    assert "Signed-off-by: hook" in repository.git("log", "-1", "--format=%B")
    assert repository.git("status", "--porcelain") == "A  other.txt"


def test_a_hook_that_refuses_is_quoted_without_secrets(repository: Repository) -> None:
    repository.hook("pre-commit", f"echo 'no commits on Fridays'; cat {FILE}; exit 1")
    repository.write(FILE, f"sql-password={SENTINEL}\n")
    repository.git("add", FILE)
    before = repository.state()
    result = registering(repository, FILE, secrets="allow")
    assert "no commits on Fridays" in result["msg"]
    assert SENTINEL not in json.dumps(result)
    assert repository.state() == before


def test_signing_is_the_users(repository: Repository, tmp_path: pathlib.Path) -> None:
    signer = tmp_path / "signer"
    signer.write_text("#!/bin/sh\ncat > /dev/null\necho '[GNUPG:] SIG_CREATED ' >&2\necho SIGNED\n")
    signer.chmod(0o755)
    repository.git("config", "gpg.program", str(signer))
    repository.git("config", "commit.gpgSign", "true")
    repository.write(FILE, "host=b\n")
    assert registering(repository, FILE)["changed"]
    assert "gpgsig SIGNED" in repository.git("cat-file", "commit", "HEAD")
    signer.write_text("#!/bin/sh\nexit 2\n")
    repository.write(FILE, "host=c\n")
    assert "failed to sign" in registering(repository, FILE)["msg"]


def test_environment_of_a_hook_keeps_the_character_set(
    repository: Repository, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    repository.hook("pre-commit", f"locale charmap > {tmp_path}/charmap")
    repository.write(FILE, "host=b\n")
    assert registering(repository, FILE, commit_message="größer")["changed"]
    assert (tmp_path / "charmap").read_text() == "UTF-8\n"
    assert repository.git("log", "-1", "--format=%s") == "größer"
    assert os.environ["LC_ALL"] == "C.UTF-8"


# Messages made from a plan

PLAN = Plan("orders", "orders", "", "us-east-1", now=Now("UPDATE_COMPLETE")).as_returned()
TEMPLATE = "aws/orders-cf.json"


def log(repository: Repository) -> list[str]:
    return repository.git("log", "--reverse", "--format=%s").split("\n")[1:]


def test_the_two_commits_of_a_run(repository: Repository) -> None:
    repository.write(FILE, "host=b\n")
    registering(repository, FILE, plan=PLAN, commit_message=None, reason="The old host is gone")
    repository.write(FILE, "host=b\naws-transactor-role=datomic-aws-3f\n")
    repository.write(TEMPLATE, "{}\n")
    paths = (FILE, TEMPLATE)
    failure = "LaunchGroup is UPDATE_FAILED. The stack is UPDATE_ROLLBACK_COMPLETE.\nmore"
    after: dict[str, Any] = {
        "plan": PLAN,
        "commit_message": None,
        "stage": "after",
        "failed_step": "stack",
        "failure": failure,
    }
    checked = registering(repository, *paths, check=True, **after)
    assert (checked["files"], checked["commit"]) == ([TEMPLATE, FILE], None)
    registering(repository, *paths, **after)
    assert log(repository) == [
        "orders: host a -> b",
        "orders: generated aws-transactor-role; not applied: stack rolled back",
    ]
    assert "Reason: The old host is gone" in repository.git("log", "-1", "--format=%b", "HEAD~1")
    assert repository.git("log", "-1", "--format=%b").strip() == f"Not applied: {failure.splitlines()[0]}"
    assert not registering(repository, *paths, **after)["changed"]


def test_the_users_own_message_of_the_two_commits(repository: Repository) -> None:
    own: dict[str, Any] = {"plan": PLAN, "commit_message": "Ticket 12"}
    repository.write(FILE, "host=b\n")
    registering(repository, FILE, **own)
    repository.write(FILE, "host=c\n")
    registering(repository, FILE, **own, stage="after")
    assert log(repository) == ["Ticket 12", "Ticket 12; what the run wrote"]


def test_a_message_of_files_behind_a_filter(repository: Repository) -> None:
    repository.write(".gitattributes", "*.properties filter=crypt\n")
    repository.git("config", "filter.crypt.clean", "base64")
    repository.git("config", "filter.crypt.smudge", "base64 -d")
    plan: dict[str, Any] = {"plan": PLAN, "commit_message": None}
    for text in ("host=a\n", "host=b\n", f"host=b\nlicense-key={SENTINEL}\n"):
        repository.write(FILE, text)
        registering(repository, FILE, **plan)
    repository.git("config", "filter.crypt.smudge", "exit 1 #")
    repository.write(FILE, f"host=c\nlicense-key={SENTINEL}\n")
    registering(repository, FILE, **plan)
    assert log(repository)[1:] == ["orders: host a -> b", "orders: license-key changed", f"orders: edit {FILE}"]


@pytest.mark.parametrize("plan", [{}, {"system": "orders"}, {**PLAN, "changes": [{}]}, {**PLAN, "transactors": 1}])
def test_what_is_no_plan(repository: Repository, plan: dict[str, Any]) -> None:
    repository.write(FILE, "host=b\n")
    assert "plan" in refused(repository, FILE, commit_message=None, plan=plan)


def test_no_message_at_all(repository: Repository) -> None:
    assert "one of the following is required: commit_message, plan" in refused(repository, FILE, commit_message=None)


def test_warnings_are_no_part_of_the_result(repository: Repository) -> None:
    """ansible-core 2.23 takes none there."""
    repository.write(FILE, "license-key=hunter2\n")
    repository.git("commit", "--quiet", "--all", "--message=by mistake")
    result = registering(repository, FILE)
    assert len(result["warnings"]) == 1
    assert not result.get("deprecations")
