# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock of a system that all machines share, from begin_run to end_run."""

from __future__ import annotations

import functools
import json
import os
import pathlib
import re
import stat
import subprocess
import time
from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils import screen
from ansible_collections.datomic_onprem.aws.plugins.module_utils.actions import Executors
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import iam_changes, state_table
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands import begin_run
from ansible_collections.datomic_onprem.aws.plugins.module_utils.git.history import blob

from tests.emulator import Emulator
from tests.integration.ensuring import USERS, text
from tests.integration.running import LEASE, Machine, Machines, concurrently, item, machines, until
from tests.integration.wrapped import Site
from tests.modules import CREDENTIALS, run_module

__all__ = ["machines"]


def renewing() -> set[int]:
    """The processes that renew locks: they are copies of this one, which work in the root directory."""
    return {int(path.name) for path in pathlib.Path("/proc").glob("[0-9]*") if _renews(path)}


def begin_at_once(directory: pathlib.Path, runs: Sequence[Machine], **options: Any) -> list[dict[str, Any]]:
    """What begin_run of each run returns."""
    files = [directory / f"result-{index}.json" for index in range(len(runs))]

    def begin(one: Machine, file: pathlib.Path) -> None:
        file.write_text(json.dumps(one.begin(**options)))

    for process in concurrently(*map(functools.partial(functools.partial, begin), runs, files)):
        process.join()
        assert process.exitcode == 0
    return [json.loads(file.read_text()) for file in files]


def _renews(path: pathlib.Path) -> bool:
    try:
        same = (path / "cmdline").read_bytes() == pathlib.Path("/proc/self/cmdline").read_bytes()
        return same and os.readlink(path / "cwd") == "/"
    except OSError:
        return False


def committed(directory: pathlib.Path) -> str:
    """The commit of everything in a new repository."""
    git = ["git", "-c", "user.name=Anna", "-c", "user.email=anna@example.com"]
    for arguments in (["init", "--quiet"], ["add", "*.properties"], ["commit", "--quiet", "--message", "edit"]):
        subprocess.run([*git, *arguments], cwd=directory, check=True)
    shown = subprocess.run([*git, "rev-parse", "HEAD"], cwd=directory, check=True, capture_output=True, text=True)
    return shown.stdout.strip()


def test_a_run_from_its_begin_to_its_end(aws: Emulator, machines: Machines) -> None:
    anna = machines("anna")
    begun = anna.begin(reason="more memory")
    assert (begun["failed"], begun["changed"], begun["replan"], begun["took_over"]) == (False, False, False, "")
    held = item(aws)
    assert held.holder
    assert held.attempt
    assert held.holder.lock == begun["lock"]
    assert held.holder.pid == anna.playbook.pid
    assert re.fullmatch(r".+@.+ \(arn:aws:.+\), since 20..-..-..T..:..:..Z, lock [0-9a-f]{12}", str(held.holder))
    assert (held.attempt.outcome, held.attempt.reason) == ("running", "more memory")
    files = {name: pathlib.Path(anna.files[f"{name}_src"]) for name in ("transactor", "cf")}
    assert held.attempt.files == {name: blob(file.read_bytes()) for name, file in files.items()}
    path = pathlib.Path(anna.lease)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    files["cf"].write_text("aws-region=us-east-1\njava-xmx=1g\ndatomic-version=1.0.7277\n")
    commit = committed(anna.directory)
    ended = anna.end()
    assert not ended["failed"], ended
    after = item(aws)
    assert after.holder is None
    assert after.revision == 2
    assert after.applied == after.attempt
    assert after.applied
    assert after.applied.outcome == "applied"
    assert (after.applied.commit, after.applied.release) == (commit, "1.0.7277")
    assert after.applied.files["cf"] == blob(files["cf"].read_bytes())
    assert ended["lease"] == ""
    assert ended["record"]["applied"]["commit"] == commit
    assert not path.exists()


def test_another_machine_waits_and_then_says_who_has_the_lock(aws: Emulator, machines: Machines) -> None:
    anna, bert = machines("anna"), machines("bert")
    lock = anna.begin()["lock"]
    lines: list[str] = []
    with screen.shown_by(lines.append, ()):
        refused = bert.begin(timeout=1)
    assert refused["failed"]
    assert re.fullmatch(
        rf"Another run works on the system orders: .+@.+ \(arn:aws:.*\), since .*, lock {lock}\. It did not end within"
        rf" 1 s\. Wait for it, and run again\. If that run is surely dead, run with -e datomic_unlock={lock}\. Nothing"
        r" was changed\.",
        refused["msg"],
    )
    assert len(lines) == 1
    assert re.fullmatch(rf"waiting for another run that works on the system orders: .*, lock {lock}", lines[0])
    assert not anna.end()["failed"]
    begun = bert.begin(seen={"revision": 0, "stack": ""})
    assert not begun["failed"]
    assert begun["replan"], "anna has worked on it after bert's plan"


def test_two_hosts_of_one_run_do_not_wait_for_each_other(machines: Machines) -> None:
    anna = machines("anna")
    anna.begin()
    assert "Another host of this run works on the stack orders" in anna.begin(timeout=600)["msg"]


def test_a_wait_is_reported_again(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    anna, bert = machines("anna"), machines("bert")
    anna.begin()
    monkeypatch.setattr(begin_run, "LINE_SECONDS", 1.0)
    lines: list[str] = []
    with screen.shown_by(lines.append, ()):
        bert.begin(timeout=3)
    assert len(lines) == 2
    assert lines[1].startswith("waiting 0 of 0 min for another run that works on the system orders")


def test_the_lock_is_over_even_if_the_run_cannot_be_recorded(aws: Emulator, machines: Machines) -> None:
    anna = machines("anna")
    anna.begin()
    pathlib.Path(anna.files["cf_src"]).unlink()
    assert "cf_src.properties" in anna.end()["msg"]
    pathlib.Path(anna.files["cf_src"]).write_text("")
    assert not anna.begin()["failed"], "at once"


def test_a_second_run_of_one_machine_waits_too(machines: Machines) -> None:
    first, second = machines("anna"), machines("anna")
    first.begin()
    assert "Another run works on the system orders" in second.begin()["msg"]


def test_the_lock_is_renewed_while_the_run_lives(aws: Emulator, machines: Machines) -> None:
    anna, bert = machines("anna"), machines("bert")
    anna.begin(lease=LEASE)
    beat = item(aws).beat
    assert bert.begin(lease=LEASE, timeout=1.5 * LEASE)["failed"]
    assert item(aws).beat != beat
    assert not anna.ensure()["failed"], "its lease on the machine is renewed too"


def test_the_run_of_a_dead_process_is_succeeded_at_once(aws: Emulator, machines: Machines) -> None:
    dead, next_run = machines("anna"), machines("anna")
    lock = dead.begin()["lock"]
    dead.die()
    begun = next_run.begin(seen={"revision": 1, "stack": ""})
    assert not begun["failed"], begun
    assert f"lock {lock}: its process {dead.playbook.pid} on this machine has ended" in begun["took_over"]
    assert "This run took over the lock of the system orders from " in text(begun["warnings"])
    assert begun["replan"]
    assert not pathlib.Path(dead.lease).exists()
    refused = dead.ensure()
    assert refused["msg"].startswith("This run has lost its lock")
    assert "aws-transactor-role=\n" in pathlib.Path(dead.files["transactor_src"]).read_text()


def test_the_run_of_a_machine_that_is_gone_is_succeeded_after_its_lease(aws: Emulator, machines: Machines) -> None:
    gone, bert = machines("anna"), machines("bert")
    gone.begin(lease=LEASE)
    gone.die()
    until(lambda: not renewing())
    before = time.monotonic()
    begun = bert.begin(lease=LEASE, timeout=30)
    assert time.monotonic() - before >= LEASE
    assert "it did not renew its lock for " in begun["took_over"]
    assert item(aws).holder
    ended = gone.end()
    assert "Another run has taken over the lock of the system orders" in text(ended["warnings"])
    assert item(aws).holder, "it is bert's still"


def test_a_lock_of_an_hour_ago_is_taken_at_once(aws: Emulator, machines: Machines) -> None:
    anna, bert = machines("anna"), machines("bert")
    anna.begin()
    gone = item(aws)
    assert gone.holder
    assert gone.attempt
    anna.end()
    free = item(aws)
    assert state_table.take(aws.client("dynamodb"), free, gone.holder, gone.attempt, "beat", time.time() - 3600)
    assert "its lease is over" in bert.begin()["took_over"]


def test_unlock_takes_over_from_the_run_that_it_names(aws: Emulator, machines: Machines) -> None:
    anna, bert = machines("anna"), machines("bert")
    lock = anna.begin(lease=LEASE)["lock"]
    refused = bert.begin(lease=LEASE, unlock="abc")
    assert re.search(rf"datomic_unlock is abc, but the system orders is locked by .*, lock {lock}\.", refused["msg"])
    assert "datomic_unlock names its lock" in bert.begin(lease=LEASE, unlock=lock)["took_over"]
    until(lambda: anna.ensure()["failed"])
    assert anna.ensure()["msg"].startswith("This run has lost its lock of the system orders: ")
    assert not bert.end()["failed"]
    assert "nobody has the lock of the system orders" in text(bert.begin(lease=LEASE, unlock=lock)["warnings"])


def test_a_lease_that_is_over_stops_writes_and_lets_reads_go_on(aws: Emulator, machines: Machines) -> None:
    anna = machines("anna")
    anna.begin(lease=LEASE)
    aws.fault("dynamodb:UpdateItem", times=1000, code="ExpiredTokenException", status=400)
    until(lambda: os.stat(anna.lease).st_mtime < time.time())
    aws.clear_calls()
    assert anna.ensure()["msg"].startswith("This run has lost its lock of the system orders")
    aws.clear_faults()
    assert {call.kind for call in aws.calls()} <= {"read"}


def test_a_lease_that_ends_while_a_module_works_stops_its_next_write(
    aws: Emulator, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = machines("anna")
    anna.begin()
    create = iam_changes.Changes.executors

    def ending(changes: iam_changes.Changes) -> Executors:
        os.utime(anna.lease, (0, 0))
        return create(changes)

    monkeypatch.setattr(iam_changes.Changes, "executors", ending)
    aws.clear_calls()
    assert anna.ensure()["msg"].startswith("This run has lost its lock of the system orders")
    assert {call.kind for call in aws.calls()} == {"read"}


def test_no_process_outlasts_the_run(machines: Machines) -> None:
    until(lambda: not renewing())
    anna = machines("anna")
    anna.begin(lease=LEASE)
    assert len(renewing()) == 1
    anna.die()
    until(lambda: not renewing())
    assert anna.begin(lease=LEASE)["msg"] == "ansible-playbook has ended. Nothing was changed."
    bert = machines("bert")
    assert bert.begin(lease=LEASE, timeout=30)["took_over"]
    assert len(renewing()) == 1
    bert.end()
    until(lambda: not renewing())


def test_a_failed_run_that_changed_nothing_leaves_the_record(aws: Emulator, machines: Machines) -> None:
    anna = machines("anna")
    anna.begin()
    anna.end()
    before = item(aws)
    anna.begin()
    anna.end(failed=True, results={"git": {"changed": True}, "transactor": {"failed": True, "changed": False}})
    assert (item(aws).attempt, item(aws).applied) == (before.attempt, before.applied)
    anna.begin()
    anna.end(failed=True, results={"stack": {"failed": True}})
    attempt = item(aws).attempt
    assert attempt
    assert attempt.outcome == "failed"
    assert item(aws).applied == before.applied
    anna.begin()
    anna.end(failed=True, rolled_back=True, results={"stack": {"failed": True}})
    attempt = item(aws).attempt
    assert attempt
    assert attempt.outcome == "rolled back"
    assert item(aws).applied == before.applied


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_write_whose_answer_is_lost_was_done(aws: Emulator, machines: Machines, k: int) -> None:
    """1: taken; 2: remembered; 3: released."""
    anna = machines("anna")
    aws.configure(scale=100)
    anna.begin()
    anna.end()
    aws.fault("dynamodb:UpdateItem", k=k, mode="drop_after")
    begun = anna.begin()
    assert not begun["failed"], begun
    assert not anna.ensure()["failed"]
    ended = anna.end()
    assert not ended["failed"], ended
    assert not ended.get("warnings")
    assert item(aws).holder is None
    assert item(aws).applied


@pytest.mark.parametrize("operation", ["CreateRole", "CreateBucket", "CreateTable"])
def test_a_killed_run_has_recorded_its_names_before_the_first_resource(
    aws: Emulator, machines: Machines, operation: str
) -> None:
    anna, bert = machines("anna"), machines("bert")
    aws.configure(scale=100)
    anna.begin()
    (process,) = concurrently(anna.ensure)
    assert process.pid
    aws.fault(match=f":{operation}:", mode="kill_after", pid=process.pid)
    process.join()
    assert process.exitcode == -9
    names = item(aws).names["transactor"]
    assert set(names) == {"aws-transactor-role", "aws-peer-role", "aws-s3-log-bucket-id"}
    anna.die()
    begun = bert.begin(lease=LEASE, timeout=30)
    assert begun["names"] == {"transactor": names}
    assert not bert.ensure()["failed"]
    assert {key: bert.written()[key] for key in names} == names
    assert len(aws.client("s3").list_buckets()["Buckets"]) == 1
    assert len(aws.client("iam").list_roles()["Roles"]) == 2


def test_bin_datomic_gets_the_recorded_names_and_records_its_own(
    aws: Emulator, machines: Machines, tmp_path: pathlib.Path
) -> None:
    anna, bert = machines("anna"), machines("bert")
    site = Site(tmp_path, aws)
    anna.begin()
    assert not anna.ensure(**site.common)["failed"]
    names = item(aws).names["transactor"]
    assert names == {key: anna.written()[key] for key in names}
    assert len(names) == 3
    anna.end()
    bert.begin()
    done = bert.ensure(**site.common)
    assert not done["failed"], done
    assert (done["engine"], done["actions"]) == ("cli", [])
    assert bert.written() == anna.written()


def test_no_access_key_is_recorded(aws: Emulator, machines: Machines) -> None:
    anna = machines("anna")
    pathlib.Path(anna.files["transactor_src"]).write_text(USERS)
    anna.begin()
    assert not anna.ensure()["failed"]
    names = {"aws-dynamodb-user": "datomic-aws-dynamodb", "aws-dynamodb-peer-user": "datomic-aws-dynamodb-peer"}
    assert item(aws).names == {"transactor": names}
    secret = anna.written()["aws-dynamodb-secret-key"]
    assert secret
    assert secret not in pathlib.Path(anna.lease).read_text()


def test_a_name_that_somebody_took_meanwhile_is_recorded_anew(aws: Emulator, machines: Machines) -> None:
    anna = machines("anna")
    anna.begin()
    aws.configure(scale=20, visibility=2.0)
    aws.backstage("iam").create_role(RoleName="datomic-aws-transactor", AssumeRolePolicyDocument="{}")
    done = anna.ensure()
    assert not done["failed"], done
    assert anna.written()["aws-transactor-role"] == "datomic-aws-transactor-1"
    assert item(aws).names["transactor"]["aws-transactor-role"] == "datomic-aws-transactor-1"


def test_a_name_that_was_removed_on_purpose_stays_removed(aws: Emulator, machines: Machines) -> None:
    anna = machines("anna")
    git = ("git", "-C", str(anna.directory), "-c", "user.name=a", "-c", "user.email=a@example.com")
    anna.begin()
    anna.ensure()
    anna.end()
    bucket = anna.written()["aws-s3-log-bucket-id"]
    file = pathlib.Path(anna.files["transactor_src"])
    for command in (("init", "-q"), ("add", file.name), ("commit", "-qm", "names")):
        subprocess.run([*git, *command], check=True)
    file.write_text(file.read_text().replace(bucket, ""))
    anna.begin()
    assert not anna.ensure()["failed"]
    assert anna.written()["aws-s3-log-bucket-id"] not in ("", bucket)
    assert item(aws).names["transactor"]["aws-s3-log-bucket-id"] == anna.written()["aws-s3-log-bucket-id"]


@pytest.mark.parametrize("number", [1, 6])
def test_of_runs_that_begin_at_once_one_has_the_lock(
    aws: Emulator, machines: Machines, tmp_path: pathlib.Path, number: int
) -> None:
    """number: of machines."""
    runs = [machines(f"machine-{index % number}") for index in range(6)]
    results = begin_at_once(tmp_path, runs)
    (lock,) = [result["lock"] for result in results if not result["failed"]]
    assert item(aws).revision == 1
    assert [f"lock {lock}" in result["msg"] for result in results if result["failed"]] == [True] * 5


def test_a_run_that_is_taking_the_lock_is_alive_to_its_machine(aws: Emulator, machines: Machines) -> None:
    first, second = machines("anna"), machines("anna")
    second.begin()
    second.end()
    aws.fault("dynamodb:UpdateItem:", mode="timeout", seconds=2.0)
    (process,) = concurrently(functools.partial(first.begin))
    until(lambda: item(aws).holder)
    refused = second.begin()
    process.join()
    assert "Another run works on the system orders" in refused["msg"]


def test_the_runs_that_succeed_a_dead_one_are_one_at_a_time(
    aws: Emulator, machines: Machines, tmp_path: pathlib.Path
) -> None:
    dead = machines("dead")
    dead.begin(lease=LEASE)
    dead.die()
    results = begin_at_once(
        tmp_path, [machines(f"machine-{index}") for index in range(3)], lease=LEASE, timeout=LEASE + 3
    )
    assert sorted(result["failed"] for result in results) == [False, True, True]
    assert item(aws).revision == 2


def test_a_check_takes_no_lock(aws: Emulator, machines: Machines) -> None:
    files = machines("anna").files
    result = run_module("begin_run", {**CREDENTIALS, "stack_name": "orders", **files}, check=True)
    assert (result["failed"], result["lease"]) == (False, "")
    assert item(aws).revision == 0
