# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""register_files killed at every git command and every change of a file, held up by locks, and run side by side."""

from __future__ import annotations

import fcntl
import os
import pathlib
import shutil
import threading
import time
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils import screen
from ansible_collections.datomic_onprem.aws.plugins.module_utils.git import index_update
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import subprocesses

from tests.chaos.kill_points import die_at, in_a_child
from tests.integration.repositories import FILE, Repository, registering, sample

OPTIONS: dict[str, Any] = {"push": True, "push_remote": "origin"}


@pytest.fixture(autouse=True)
def _own_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def repository(tmp_path: pathlib.Path) -> Repository:
    """With a file to register, another one staged, and a remote."""
    repository = sample(tmp_path / "estate")
    repository.write("other.txt", "staged\n")
    repository.git("add", "other.txt")
    repository.write("dirty.txt", "dirty\n")
    repository.write(FILE, "host=staged\n")
    repository.git("add", FILE)
    repository.write(FILE, "host=b\n")
    remote = Repository(tmp_path / "remote.git", "--bare")
    repository.git("remote", "add", "origin", str(remote.root))
    return repository


def end_state(repository: Repository) -> dict[str, Any]:
    names = {str(path.relative_to(repository.directory)) for path in repository.directory.rglob("*")}
    return {
        "index": repository.git("ls-files", "--stage"),
        "status": repository.git("status", "--porcelain"),
        "commits": repository.git("log", "--format=%s"),
        "remote": Repository.at(repository.root.parent / "remote.git").head == repository.head,
        "files": sorted(name for name in names if not name.startswith("objects/")),
    }


def uninterrupted(repository: Repository) -> dict[str, Any]:
    """The end state of a run in a copy of the repository."""
    top = repository.root.parent
    shutil.copytree(top, top.with_name(top.name + "-copy"), symlinks=True)
    copy = Repository.at(top.with_name(top.name + "-copy") / "estate")
    copy.git("remote", "set-url", "origin", str(copy.root.parent / "remote.git"))
    assert registering(copy, FILE, **OPTIONS)["changed"]
    return end_state(copy)


def fresh(repository: Repository) -> Repository:
    """The repository as the test got it, in place of what a run made of it."""
    top = repository.root.parent
    kept = top.with_name(top.name + "-kept")
    if not kept.exists():
        shutil.copytree(top, kept, symlinks=True)
    shutil.rmtree(top)
    shutil.copytree(kept, top, symlinks=True)
    return repository


WRAPPER = """#!/bin/sh
case " $* " in *" add "*|*" commit "*|*" reset "*|*" push "*) ;; *) exec {git} "$@";; esac
echo >> {count}
if [ "$(wc -l < {count})" -ne {number} ]; then exec {git} "$@"; fi
{before}
{git} "$@"
{kill}
"""
KILL = "kill -9 $MODULE 0"


def of_a_known_process(repository: Repository) -> None:
    os.environ["MODULE"] = str(os.getpid())
    registering(repository, FILE, **OPTIONS)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_every_git_command_that_changes_something(
    repository: Repository, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    expected = uninterrupted(repository)
    tools = tmp_path_factory.mktemp("bin")
    count, git, path = tools / "count", shutil.which("git"), os.environ["PATH"]
    number = 0
    while True:
        number += 1
        fresh(repository)
        count.write_text("")
        before = KILL if moment == "before" else ""
        (tools / "git").write_text(WRAPPER.format(count=count, number=number, git=git, before=before, kill=KILL))
        (tools / "git").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{path}")
        killed = in_a_child(lambda: of_a_known_process(repository))
        monkeypatch.setenv("PATH", path)
        if not killed:
            break
        result = registering(repository, FILE, **OPTIONS)
        assert not result["failed"], (number, result["msg"])
        assert end_state(repository) == expected, number
    assert number == 6


def test_killed_at_every_change_of_a_file(repository: Repository) -> None:
    expected = uninterrupted(repository)
    directory = str(repository.directory)
    number = 0

    def killed() -> None:
        die_at(number, directory)
        registering(repository, FILE, **OPTIONS)

    while True:
        number += 1
        fresh(repository)
        if not in_a_child(killed):
            break
        result = registering(repository, FILE, **OPTIONS)
        assert not result["failed"], (number, result["msg"])
        assert end_state(repository) == expected, number
    assert number > 10


def test_killed_inside_a_hook(repository: Repository) -> None:
    once = repository.root.parent / "once"
    repository.hook("pre-commit", f"test -e {once} || {{ touch {once}; {KILL}; }}")
    once.touch()
    expected = uninterrupted(repository)
    once.unlink()
    assert in_a_child(lambda: of_a_known_process(repository))
    assert [name for name in os.listdir(repository.directory) if name.startswith("next-index")]
    assert registering(repository, FILE, **OPTIONS)["changed"]
    assert end_state(repository) == expected


def test_index_held_by_another_git(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_update, "INDEX_SECONDS", 0.2)
    lock = repository.directory / "index.lock"
    lock.write_text("")
    everything = repository.everything()
    result = registering(repository, FILE)
    assert f"Another git process holds {lock}" in result["msg"]
    assert repository.everything() == everything
    threading.Timer(0.1, lock.unlink).start()
    monkeypatch.setattr(index_update, "INDEX_SECONDS", 5)
    assert registering(repository, FILE)["changed"]


def test_index_held_just_after_the_commit_follows_with_the_next_run(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = uninterrupted(repository)
    monkeypatch.setattr(index_update, "INDEX_SECONDS", 0.2)
    lock = repository.directory / "index.lock"
    repository.hook("post-commit", f"touch {lock}")
    assert "The commit is made" in registering(repository, FILE, **OPTIONS)["msg"]
    lock.unlink()
    (repository.directory / "hooks" / "post-commit").unlink()
    assert registering(repository, FILE, **OPTIONS)["pushed"]
    assert end_state(repository) == expected


def test_what_someone_stages_meanwhile_stays(repository: Repository) -> None:
    repository.hook("pre-commit", "echo late > late.txt; env -u GIT_INDEX_FILE git add late.txt")
    assert registering(repository, FILE)["changed"]
    assert repository.committed() == [FILE]
    assert repository.git("status", "--porcelain") == " M dirty.txt\nA  late.txt\nA  other.txt"


def test_the_file_staged_anew_meanwhile_stays_staged(repository: Repository) -> None:
    repository.hook("post-commit", f"unset GIT_INDEX_FILE; echo host=c > {FILE}; git add {FILE}")
    assert registering(repository, FILE)["changed"]
    assert repository.show(FILE) == "host=b\n"
    assert repository.git("diff", "--cached", "--name-only").split("\n") == [FILE, "other.txt"]


def test_a_commit_of_someone_else_meanwhile_is_not_undone(repository: Repository) -> None:
    script = "test -e theirs.txt && exit; echo x > theirs.txt; unset GIT_INDEX_FILE; git add theirs.txt"
    repository.hook("pre-commit", f"{script}; git commit -qm theirs -- theirs.txt")
    assert "expected" in registering(repository, FILE)["msg"]
    assert registering(repository, FILE)["changed"]
    assert repository.git("log", "--format=%s") == "register\ntheirs\nfirst"
    assert repository.show("theirs.txt") == "x\n"
    assert repository.git("status", "--porcelain") == " M dirty.txt\nA  other.txt"


def test_hosts_side_by_side_in_one_repository(repository: Repository) -> None:
    files = [f"aws/{number}.properties" for number in range(6)]
    children = []
    for file in files:
        repository.write(file, f"# {file}\n")
    for file in files:
        child = os.fork()
        if not child:
            try:
                result = registering(repository, file, **OPTIONS)
                os._exit(1 if result["failed"] else 0)
            finally:
                os._exit(2)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6
    assert repository.git("log", "--format=%s").split("\n") == ["register"] * 6 + ["first"]
    assert repository.git("status", "--porcelain") == "MM aws/orders.properties\n M dirty.txt\nA  other.txt"
    assert Repository.at(repository.root.parent / "remote.git").head == repository.head


def test_another_run_that_does_not_end(repository: Repository) -> None:
    with open(repository.directory / "datomic-register.lock", "w", encoding="utf-8") as lock:
        lock.write("4711\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "Process 4711 holds the lock" in registering(repository, FILE, timeout=1)["msg"]


@pytest.mark.parametrize("kind", ["FIFO", "directory", "link"])
@pytest.mark.parametrize("name", ["datomic-register.lock", "index.lock"])
def test_a_lock_that_is_no_regular_file_is_refused(repository: Repository, name: str, kind: str) -> None:
    path = repository.directory / name
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    else:
        os.mkfifo(repository.directory / "elsewhere")
        path.symlink_to("elsewhere")
    before = time.monotonic()
    result = registering(repository, FILE)
    assert f"The lock {path} is no regular file" in result["msg"]
    assert time.monotonic() - before < 5
    assert repository.git("log", "--format=%s") == "first"


def test_a_hook_that_hangs_is_stopped_and_nothing_is_left(repository: Repository, tmp_path: pathlib.Path) -> None:
    repository.hook("pre-commit", f"sleep 300 & echo $! > {tmp_path}/pid; trap '' TERM; wait; sleep 300")
    before = end_state(repository)
    result = registering(repository, FILE, timeout=1, **OPTIONS)
    assert result["failed"]
    for told in ("git commit in", "did not end within 1 s", "a hook", "Nothing was committed", "datomic_git_timeout"):
        assert told in result["msg"]
    assert not subprocesses.started(int((tmp_path / "pid").read_text()))
    after = end_state(repository)
    assert after == {**before, "files": sorted([*before["files"], "datomic-register.lock"])}
    (repository.directory / "hooks" / "pre-commit").unlink()
    assert registering(repository, FILE, **OPTIONS)["pushed"]


def test_a_hook_that_hangs_after_the_commit(repository: Repository) -> None:
    expected = uninterrupted(repository)
    repository.hook("post-commit", "exec sleep 300")
    result = registering(repository, FILE, timeout=1, **OPTIONS)
    assert "did not end within 1 s" in result["msg"]
    assert "The commit is made." in result["msg"]
    (repository.directory / "hooks" / "post-commit").unlink()
    assert registering(repository, FILE, **OPTIONS)["pushed"]
    assert end_state(repository) == expected


def test_a_remote_that_hangs(repository: Repository, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ssh").write_text("#!/bin/sh\nexec sleep 300\n")
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("GIT_SSH", str(tmp_path / "ssh"))
    monkeypatch.setattr(subprocesses, "FIRST_LINE_SECONDS", 0.3)
    monkeypatch.setattr(subprocesses, "LINE_SECONDS", 0.3)
    repository.git("remote", "set-url", "origin", "host:estate.git")
    lines: list[str] = []
    with screen.shown_by(lines.append, ()):
        result = registering(repository, FILE, timeout=1, **OPTIONS)
    assert "git ls-remote in" in result["msg"]
    assert "ssh" in result["msg"]
    assert lines[0] == f"waiting for git ls-remote in {repository.root}: 0 of 1 s"
    assert 2 <= len(lines) <= 4


def test_a_hook_that_leaves_a_program_behind_is_not_waited_for(repository: Repository) -> None:
    repository.hook("post-commit", "sleep 20 &")
    before = time.monotonic()
    assert registering(repository, FILE)["changed"]
    assert time.monotonic() - before < 10


@pytest.mark.parametrize("ends", [True, False])
def test_a_commit_that_outlives_its_run(
    repository: Repository, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    expected = uninterrupted(repository)
    repository.hook("pre-commit", f"kill -9 $MODULE; while test ! -e {tmp_path}/go; do sleep 0.1; done")
    assert in_a_child(lambda: of_a_known_process(repository))
    (repository.directory / "hooks" / "pre-commit").unlink()
    lines: list[str] = []

    def show(line: str) -> None:
        lines.append(line)
        if ends:
            (tmp_path / "go").touch()

    with screen.shown_by(show, ()):
        result = registering(repository, FILE, timeout=60 if ends else 1, **OPTIONS)
    process = (repository.directory / "datomic-register.lock").read_text().strip()
    assert lines[0].startswith("waiting for process ")
    if not ends:
        assert f"Process {process} holds the lock" in result["msg"]
        assert subprocesses.started(int(process))
        (tmp_path / "go").touch()
        result = registering(repository, FILE, **OPTIONS)
    assert result["pushed"]
    assert result["commit"] is None, "it was the earlier run's"
    assert end_state(repository) == expected
