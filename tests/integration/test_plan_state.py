# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the plan makes of the shared state: names of other machines, stale checkouts, edits since the last run."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import time
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import state_table
from ansible_collections.datomic_onprem.aws.plugins.module_utils.git.history import blob
from ansible_collections.datomic_onprem.aws.plugins.module_utils.state.item import TABLE, Holder
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import machine

from tests.emulator import Emulator
from tests.integration.planning import System

RULE = "git-stale-checkout"
ROLE = "aws-transactor-role"


@pytest.fixture
def system(aws: Emulator, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> System:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    made = System(aws, tmp_path / "work" / "aws")
    made.create()
    return made


def git(directory: pathlib.Path, *arguments: str) -> str:
    named = ("-c", "user.name=Anna", "-c", "user.email=anna@example.com", "-c", "protocol.file.allow=always")
    return subprocess.run(
        ["git", *named, *arguments], cwd=directory, check=True, capture_output=True, text=True
    ).stdout.strip()


def commit(system: System, message: str = "edit") -> str:
    git(system.directory, "init", "--quiet", "--initial-branch", "main")
    git(system.directory, "add", ".")
    git(system.directory, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(system.directory, "rev-parse", "HEAD")


def edit(system: System, key: str, value: str, file: str = "transactor_src") -> str:
    """Set a key; the value that it had."""
    path = pathlib.Path(system.files[file])
    before = re.search(rf"(?m)^{key}=(.*)$", path.read_text())
    assert before
    path.write_text(re.sub(rf"(?m)^{key}=.*$", f"{key}={value}", path.read_text()))
    return before[1]


def name(system: System, **names: str) -> None:
    """Record generated names, as a run on another machine does before it is killed."""
    client = system.aws.backstage("dynamodb")
    recorded = {"transactor": {key.replace("_", "-"): value for key, value in names.items()}}
    client.update_item(
        TableName=TABLE,
        Key={"system": {"S": "wormbase"}},
        UpdateExpression="SET #names = :names",
        ExpressionAttributeNames={"#names": "names"},
        ExpressionAttributeValues={":names": {"S": json.dumps(recorded)}},
    )


def stale(planned: dict[str, Any]) -> list[dict[str, Any]]:
    findings = planned.get("findings") or planned["plan"]["findings"]
    return [one for one in findings if one["rule"] == RULE]


def notes(planned: dict[str, Any]) -> dict[str, str]:
    return {one["subject"]: one["text"] for one in planned["plan"]["notes"]}


def test_a_blank_name_is_the_recorded_one(system: System) -> None:
    role = edit(system, ROLE, "")
    name(system, aws_transactor_role=role)
    planned = system.plan()
    assert [one["kind"] for one in planned["plan"]["changes"]] == ["file"]
    assert ROLE in planned["plan"]["changes"][0]["text"]
    assert notes(planned)["names"] == f"{ROLE} from the record of the last run"


def test_a_name_that_was_removed_on_purpose_stays_removed(system: System) -> None:
    commit(system)
    role = edit(system, ROLE, "")
    name(system, aws_transactor_role=role)
    assert "iam role" in [one["kind"] for one in system.plan()["plan"]["changes"]]


def test_a_name_that_this_clone_never_had_is_the_recorded_one(system: System) -> None:
    role = edit(system, ROLE, "")
    commit(system)
    name(system, aws_transactor_role=role)
    assert [one["kind"] for one in system.plan()["plan"]["changes"]] == ["file"]


def test_local_state_asks_nothing(system: System) -> None:
    role = edit(system, ROLE, "")
    name(system, aws_transactor_role=role)
    system.aws.clear_calls()
    assert "iam role" in [one["kind"] for one in system.plan(state="local")["plan"]["changes"]]
    assert "GetItem" not in {call.operation for call in system.aws.calls()}


def test_a_checkout_without_the_applied_edit_is_stale(system: System) -> None:
    commit(system)
    system.record(commit="0123456789abcdef", files={"transactor": blob(b"newer"), "cf": blob(b"newer")})
    planned = system.plan()
    assert planned["failed"]
    first, second = stale(planned)
    assert first["message"] == (
        "anna@laptop (arn:aws:iam::123456789012:user/anna) applied the commit 0123456789ab at 2026-11-28T12:00:00Z, "
        "which this checkout does not have"
    )
    assert first["suggestion"] == "git pull, and run again"
    assert {pathlib.Path(one["file"]).name for one in (first, second)} == {
        "wormbase-transactor.properties",
        "wormbase-cf.properties",
    }
    accepted = system.plan(accept=[{"rule": RULE, "reason": "her laptop is broken"}])
    assert not accepted["failed"]
    assert accepted["plan"]["changes"] == []


@pytest.mark.parametrize("outcome", ["failed", "running"])
def test_what_another_run_only_tried_counts(system: System, outcome: str) -> None:
    commit(system)
    system.record(outcome=outcome, files={"transactor": blob(b"newer"), "cf": blob(b"newer")})
    assert {"failed": "tried to apply", "running": "began to apply"}[outcome] in stale(system.plan())[0]["message"]


def test_an_edit_on_top_of_the_applied_files_is_not_stale_and_is_shown(system: System) -> None:
    made = commit(system)
    system.record(commit=made)
    edit(system, "memory-index-max", "256m")
    planned = system.plan(directory=str(system.directory))
    assert not stale(planned)
    assert notes(planned)["files"].startswith(f"wormbase-transactor.properties edited since {made[:7]} (anna@laptop)")
    commit(system)
    assert not stale(system.plan())


def test_the_same_edit_by_two_people_is_not_stale(system: System) -> None:
    commit(system)
    edit(system, "memory-index-max", "256m")
    system.record(commit="0123456789abcdef")
    assert not stale(system.plan())


def test_a_branch_without_the_applied_commit_is_stale(system: System) -> None:
    commit(system)
    git(system.directory, "switch", "--quiet", "--create", "other")
    edit(system, "memory-index-max", "256m")
    applied = commit(system)
    system.record(commit=applied, place=machine.place(system.files["cf_src"]))
    git(system.directory, "switch", "--quiet", "main")
    assert stale(system.plan())
    git(system.directory, "merge", "--quiet", "--squash", "other")
    commit(system)
    assert not stale(system.plan())


def test_an_edit_that_this_checkout_has_applied_and_not_committed_is_its_own(system: System) -> None:
    commit(system)
    edit(system, "memory-index-max", "256m")
    system.record(place=machine.place(system.files["cf_src"]))
    edit(system, "memory-index-max", "384m")
    assert not stale(system.plan())
    system.record(place="another-machine:/home/anna", files={"transactor": blob(b"newer"), "cf": blob(b"newer")})
    assert stale(system.plan())


def test_without_git_it_is_a_warning(system: System) -> None:
    system.record(files={"transactor": blob(b"newer"), "cf": blob(b"newer")})
    planned = system.plan()
    assert not planned["failed"]
    assert [one["severity"] for one in stale(planned)] == ["warning"]


def test_a_shallow_clone_is_told_to_fetch_the_rest(system: System, tmp_path: pathlib.Path) -> None:
    commit(system)
    system.record()
    edit(system, "memory-index-max", "256m")
    commit(system)
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{system.directory}", "clone")
    system.directory = tmp_path / "clone"
    (finding,) = stale(system.plan())
    assert finding["suggestion"] == "git fetch --unshallow, then git pull, and run again"
    git(system.directory, "fetch", "--quiet", "--unshallow")
    assert not stale(system.plan())


def test_a_run_under_way_is_shown(system: System) -> None:
    client = system.aws.backstage("dynamodb")
    seen = state_table.read(client, "wormbase")
    assert seen.attempt
    holder = Holder("9f3a", "bob@desk", "arn:aws:iam::123456789012:user/bob", "2026-11-28T13:00:00Z", "m2", 8, "2")
    assert state_table.take(client, seen, holder, seen.attempt, "beat", time.time())
    planned = system.plan()
    assert planned["seen"]["revision"] == seen.revision + 1
    assert notes(planned)["lock"] == (
        "bob@desk (arn:aws:iam::123456789012:user/bob) works on it, since 2026-11-28T13:00:00Z, lock 9f3a"
    )
    assert state_table.renew(client, "wormbase", "9f3a", "beat", 1_800_000_000.0 - 900_000_000)
    assert notes(system.plan())["lock"] == (
        "bob@desk (arn:aws:iam::123456789012:user/bob) left it locked at 1998-07-09T16:00:00Z, lock 9f3a; the next run "
        "with work takes it over"
    )


def test_a_denied_read_is_one_error_with_the_others(system: System) -> None:
    system.aws.fault("dynamodb:GetItem", code="AccessDeniedException", status=400, times=9)
    system.aws.fault("dynamodb:DescribeTable", code="AccessDeniedException", status=400, times=9)
    errors = [one["message"] for one in system.plan()["findings"] if one["severity"] == "error"]
    assert len(errors) == 2
    assert "datomic_state: local" in errors[0]
