# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two runs of one system on one machine: the second waits, or stops when it has waited long enough."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from ansible_collections.datomic_onprem.aws.plugins.action.lock_systems import HOME, OPTIONS, Own, owned, shared_by
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import clock
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util.subprocesses import started
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils import run_lock
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.run_lock import Locks, Owner, me

from tests.emulator import Emulator
from tests.estate import Estate

WANTED = [("/srv/orders.properties", "orders.properties"), ("stack", "the stack orders")]


@pytest.fixture
def another() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lasts as long as it may."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def locks(directory: pathlib.Path, owner: Owner, said: list[str] | None = None) -> Locks:
    return Locks(directory, owner, (said if said is not None else []).append)


def test_another_run_is_waited_for_and_named(tmp_path: pathlib.Path, another: subprocess.Popen[bytes]) -> None:
    locks(tmp_path, me(another.pid)).take(WANTED, 0)
    ours = locks(tmp_path, me(os.getpid()))
    with pytest.raises(
        DatomicError, match=rf"Another run works on .*: process {another.pid} of this machine, since 20"
    ):
        ours.take(WANTED, 0)
    another.kill()
    another.wait()
    ours.take(WANTED, 0)
    ours.take(WANTED, 0)


def test_a_line_says_each_minute_that_another_run_is_waited_for(
    tmp_path: pathlib.Path, another: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(run_lock, "clock", SimpleNamespace(now=lambda: now[0], sleep=lambda _s: pause(), iso=clock.iso))

    def pause() -> None:
        now[0] += 15

    said: list[str] = []
    locks(tmp_path, me(another.pid)).take([("key", "orders.properties")], 0)
    with pytest.raises(DatomicError, match="did not end within 180 s"):
        locks(tmp_path, me(os.getpid()), said).take([("key", "orders.properties")], 180)
    assert [line.partition(" for ")[0] for line in said] == ["waiting", "waiting 1 of 3 min", "waiting 2 of 3 min"]


def test_it_goes_on_as_soon_as_the_other_run_is_killed(
    tmp_path: pathlib.Path, another: subprocess.Popen[bytes]
) -> None:
    said: list[str] = []
    locks(tmp_path, me(another.pid)).take(WANTED, 0)
    threading.Timer(1, another.kill).start()
    start = time.monotonic()
    locks(tmp_path, me(os.getpid()), said).take(WANTED, 60)
    assert 0.9 < time.monotonic() - start < 10
    assert [line.partition(": process ")[0] for line in said] == [
        "waiting for another run that works on orders.properties"
    ]


def test_a_number_that_is_used_again_is_another_process(tmp_path: pathlib.Path) -> None:
    here = me(os.getpid())
    locks(tmp_path, Owner(here.pid, f"{here.began}0", here.since)).take(WANTED, 0)
    locks(tmp_path, here).take(WANTED, 0)


def test_a_damaged_lock_holds_nobody_up(tmp_path: pathlib.Path, another: subprocess.Popen[bytes]) -> None:
    locks(tmp_path, me(another.pid)).take(WANTED, 0)
    for file in tmp_path.glob("*.json"):
        file.write_text("{")
    locks(tmp_path, me(os.getpid())).take(WANTED, 0)


def test_a_process_that_ends_while_it_is_looked_at_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_process(*dummy: object, **also: object) -> str:
        raise ProcessLookupError(3, "No such process")

    monkeypatch.setattr("builtins.open", no_such_process)
    assert started(os.getpid()) == ""


def test_only_what_the_lock_itself_meets_is_told_of_its_directory(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatomicError, match=r"The directory of locks .*file/locks cannot be used: Not a directory"):
        locks(tmp_path / "file" / "locks", me(os.getpid())).take(WANTED, 0)

    def replace(*dummy: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(DatomicError, match=r"The lock .*\.json cannot be written: No space left on device"):
        locks(tmp_path, me(os.getpid())).take(WANTED, 0)


def test_hosts_with_one_file_under_several_names_are_told_all_of_them() -> None:
    """The real path alone is in no inventory."""
    assert shared_by(
        [
            Own("orders", "/srv/one.properties", "/srv/orders.properties"),
            Own("orders", "/srv/one.properties", "/srv/one.properties"),
            Own("billing", "/srv/one.properties", "/srv/billing.properties"),
            Own("orders", "hash", "the stack eu"),
            Own("billing", "hash", "the stack eu"),
            Own("orders", "other", "the table orders"),
        ]
    ) == [
        "orders has /srv/orders.properties and billing has /srv/billing.properties, which are"
        " the one file /srv/one.properties",
        "orders and billing have the stack eu",
    ]


@pytest.mark.parametrize("kind", ["fifo", "directory", "link"])
@pytest.mark.parametrize("name", ["lock", "of the system"])
def test_a_lock_that_is_no_regular_file_is_refused(tmp_path: pathlib.Path, kind: str, name: str) -> None:
    """To open a FIFO would wait for ever, and a link may lead anywhere."""
    locks(tmp_path, me(os.getpid())).take(WANTED[:1], 0)
    (path,) = [tmp_path / "lock"] if name == "lock" else tmp_path.glob("*.json")
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DatomicError, match=rf"The lock {path} is no regular file .*: remove it, and run again"):
        locks(tmp_path, me(os.getpid())).take(WANTED[:1], 0)
    assert not (tmp_path / "elsewhere").exists()


def test_update_waits_for_the_run_that_has_the_system(
    tmp_path: pathlib.Path, aws: Emulator, another: subprocess.Popen[bytes]
) -> None:
    estate = Estate(tmp_path / "estate", aws.url)
    home = pathlib.Path(estate.environment["HOME"]) / ".ansible" / HOME
    file = str((estate.directory / "aws/wormbase-transactor.properties").resolve())
    locks(home, me(another.pid)).take([(file, file)], 0)
    run = estate.play("create.yml", "-e", "datomic_lock_timeout=1")
    assert run.returncode != 0
    assert f"waiting for another run that works on {file}: process {another.pid} of this machine" in run.output
    assert "It did not end within 1 s." in run.output
    assert run.calls == []
    plan = estate.play("create.yml", "--check")
    assert plan.returncode == 0, plan.output
    another.kill()
    another.wait()
    run = estate.play("create.yml")
    assert run.returncode == 0, run.output
    assert "waiting for another run" not in run.output


def test_a_copy_of_the_estate_waits_for_the_run_that_has_the_table(
    tmp_path: pathlib.Path, aws: Emulator, another: subprocess.Popen[bytes]
) -> None:
    """Other files and another stack: only the table is the same."""
    estate = Estate(tmp_path / "estate", aws.url)
    assert estate.play("create.yml", "-e", "datomic_account_id=999999999999").returncode != 0
    home = estate.environment["HOME"]
    owner = json.dumps(dataclasses.asdict(me(another.pid)))
    for lock in (pathlib.Path(home) / ".ansible" / HOME).glob("*.json"):
        lock.write_text(owner)
    copy = Estate(tmp_path / "copy", aws.url)
    run = copy.play("create.yml", "-e", "datomic_stack_name=copy", "-e", "datomic_lock_timeout=1", HOME=home)
    assert run.returncode != 0
    waiting = f"waiting for another run that works on the table wormbase in us-east-1: process {another.pid}"
    assert waiting in run.output, run.output
    assert run.calls == []


def test_two_runs_at_once_go_one_after_the_other(tmp_path: pathlib.Path, aws: Emulator) -> None:
    aws.configure(scale=120)
    estate = Estate(tmp_path / "estate", aws.url)
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _number: estate.play("create.yml"), range(2)))
    assert [run.returncode for run in runs] == [0, 0], [run.output for run in runs]
    waited = ["waiting for another run that works on" in run.output for run in runs]
    assert sorted(waited) == [False, True]
    assert [run.changed["wormbase"] for run in runs if "waiting for another run" in run.output] == [0]
    account = aws.snapshot()
    assert (len(account["roles"]), len(account["buckets"])) == (2, 1), "nothing is doubled"


def system(directory: pathlib.Path, host: str, **given: str) -> dict[str, str]:
    """A system whose transactor's file names the table of the host's name."""
    names = {"transactor_src": "transactor.properties", "cf_src": "cf.properties", "template": "cf.json"}
    paths = {option: str(directory / f"{host}-{name}") for option, name in names.items()}
    found = dict.fromkeys(OPTIONS, "") | {"host": host, "stack_name": host, "region": "us-east-1"} | paths | given
    transactor = pathlib.Path(found["transactor_src"])
    if not transactor.exists():
        transactor.write_text(f"protocol=ddb\naws-dynamodb-table={host}\naws-dynamodb-region=us-east-1\n")
    return found


def locked(directory: pathlib.Path, host: str, **given: str) -> set[str]:
    return {own.key for own in owned(system(directory, host, **given))}


def test_a_file_is_locked_under_its_real_path(tmp_path: pathlib.Path) -> None:
    aws = tmp_path / "aws"
    aws.mkdir()
    orders = locked(aws, "orders")
    (aws / "orders-cf.properties").touch()
    (tmp_path / "link.properties").symlink_to("aws/orders-cf.properties")
    (tmp_path / "link").symlink_to("aws")
    for names in (
        {"cf_src": "./aws/../aws/orders-cf.properties"},
        {"cf_src": "link/orders-cf.properties"},
        {"cf_src": "link.properties"},
        {"template": "aws//orders-cf.json"},
    ):
        given = {option: str(tmp_path / name) for option, name in names.items()}
        assert len(orders & locked(tmp_path, "billing", **given)) == 1, names


def test_a_table_is_locked_in_its_region_and_its_account(tmp_path: pathlib.Path) -> None:
    def shared(lines: str, **given: str) -> int:
        path = tmp_path / "billing-transactor.properties"
        path.write_text(lines)
        return len(locked(tmp_path, "orders") & locked(tmp_path, "billing", **given))

    table = "protocol=ddb\naws-dynamodb-table=orders\n"
    assert shared(f"{table}aws-dynamodb-region=us-east-1\n") == 1
    assert shared(table) == 1, "then the region is the stack's"
    assert shared(table.replace("orders", "Orders")) == 0
    assert shared(f"{table}aws-dynamodb-region=eu-west-1\n") == 0
    assert shared(table, account="another") == 0
    assert shared(table.replace("ddb", "sql")) == 0, "storage that is no table of DynamoDB"


def test_two_systems_with_one_file_for_their_plans_are_refused(tmp_path: pathlib.Path) -> None:
    plan = str(tmp_path / "plan.json")
    systems = [system(tmp_path, host, plan_file=plan) for host in ("orders", "billing")]
    assert shared_by(own for each in systems for own in owned(each)) == [f"orders and billing have {plan}"]
