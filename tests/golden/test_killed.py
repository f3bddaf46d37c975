# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tool was killed right after its k-th call, and then run again whole: it left things, which killed.json has.

Ours leaves nothing after the same kills with either engine, except the access keys in docs/development/differences.md.
A kill right after a read leaves what the one after the last change left, so those after a change are played.

No recording has users that are there already and get another access key: these are played beside.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import subprocesses

from tests import fake_cli
from tests.chaos.kill_points import in_a_child
from tests.emulator import Emulator
from tests.fake_cli import provisioning
from tests.golden.harness import HERE, RELEASE
from tests.golden.in_process import KilledError, in_process
from tests.integration.ensuring import ROLES, USERS, warned
from tests.modules import CREDENTIALS, run_module

NAMED = USERS.replace("-dynamodb-user=", "-dynamodb-user=bob").replace("-peer-user=", "-peer-user=eve")
"""Users that are there, without an access key in the file."""

FILES = {"roles, blank bucket, metrics": ROLES, "users with blank names": USERS}


@dataclasses.dataclass(frozen=True)
class Kill:
    """after: the call that it comes right after, the nth of its name. left: what the tool left, by kind."""

    file: str
    k: int
    after: str
    nth: int
    left: dict[str, int]


def _kills() -> list[Kill]:
    recorded = json.loads((HERE / "killed.json").read_text())
    kills = []
    for scenario, file in FILES.items():
        seen: Counter[str] = Counter()
        for entry in recorded[scenario]:
            seen[entry["after"]] += 1
            if not entry["after"].partition(":")[2].startswith(("Get", "List")):
                kills.append(Kill(file, entry["k"], entry["after"], seen[entry["after"]], entry["left"]))
    return kills


KILLS = pytest.mark.parametrize("kill", _kills(), ids=lambda kill: f"{kill.k}-{kill.after}")


def _left(aws: Emulator) -> Counter[str]:
    """How many of each kind there are."""
    found = aws.snapshot()
    kinds = Counter({kind: len(found[kind]) for kind in ("tables", "buckets", "roles", "instance_profiles", "users")})
    kinds["keys"] = sum(user["access_keys"] for user in found["users"].values())
    return kinds


def _undisturbed(aws: Emulator, run: Callable[[], Any], file: pathlib.Path, text: str) -> Counter[str]:
    file.write_text(text)
    run()
    complete = _left(aws)
    aws.reset()
    file.write_text(text)
    return complete


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "orders.properties"


@KILLS
def test_the_tool_alone(aws: Emulator, file: pathlib.Path, monkeypatch: pytest.MonkeyPatch, kill: Kill) -> None:
    environment = {"AWS_ENDPOINT_URL": aws.url, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    environment |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run() -> None:
        assert provisioning.run("ensure-transactor", [str(file), str(file)], RELEASE) == 0

    complete = _undisturbed(aws, run, file, kill.file)
    monkeypatch.setenv("STANDIN_DIE", str(kill.k))
    monkeypatch.setattr(provisioning, "die", KilledError.throw)
    with pytest.raises(KilledError):
        run()
    last = aws.calls()[-1]
    assert f"{last.service}:{last.operation}" == kill.after
    monkeypatch.delenv("STANDIN_DIE")
    run()
    assert _left(aws) - complete == Counter(kill.left)


@KILLS
def test_engine_cli(
    aws: Emulator, file: pathlib.Path, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, kill: Kill
) -> None:
    monkeypatch.setattr(subprocesses, "run", in_process)
    options = {
        "engine": "cli",
        "datomic_home": str(fake_cli.build(tmp_path)),
        "java_home": str(fake_cli.java(tmp_path / "jdk")),
    }

    def run() -> dict[str, Any]:
        return run_module("ensure_transactor", {**CREDENTIALS, "endpoint_url": aws.url, "src": str(file), **options})

    complete = _undisturbed(aws, run, file, kill.file)
    # With names that are given it lists nothing, so its k-th call is another one.
    monkeypatch.setenv("STANDIN_DIE", f"{kill.after.partition(':')[2]}:{kill.nth}")
    assert "was killed (SIGKILL)" in run()["msg"]
    monkeypatch.delenv("STANDIN_DIE")
    again = run()
    assert not again["failed"], again
    lost = {kind: number for kind, number in kill.left.items() if kind == "keys"}
    assert _left(aws) - complete == Counter(lost), "the secret of an access key was in the tool alone"


@KILLS
def test_engine_native(aws: Emulator, file: pathlib.Path, kill: Kill) -> None:
    def run() -> dict[str, Any]:
        return run_module("ensure_transactor", {**CREDENTIALS, "endpoint_url": aws.url, "src": str(file)})

    complete = _undisturbed(aws, run, file, kill.file)

    def prepare(pid: int) -> None:
        aws.fault(match=f"^{kill.after}:", k=kill.nth, mode="kill_after", pid=pid)

    assert in_a_child(run, prepare), "it makes this call too"
    aws.clear_faults()
    again = run()
    assert not again["failed"], again
    assert _left(aws) - complete == Counter()


def _keys(aws: Emulator) -> set[str]:
    iam = aws.client("iam")
    return {
        key["AccessKeyId"]
        for user in iam.list_users()["Users"]
        for key in iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"]
    }


def _written(file: pathlib.Path) -> set[str]:
    lines = [line.split("=", 1) for line in file.read_text().splitlines()]
    return {value for key, value in lines if key.endswith("-access-key-id")}


def _run(aws: Emulator, file: pathlib.Path) -> dict[str, Any]:
    return run_module("ensure_transactor", {**CREDENTIALS, "endpoint_url": aws.url, "src": str(file)})


def _killed(aws: Emulator, file: pathlib.Path, match: str, k: int) -> None:
    def prepare(pid: int) -> None:
        aws.fault(match=match, k=k, mode="kill_after", pid=pid)

    assert in_a_child(lambda: _run(aws, file), prepare), "it makes this call too"
    aws.clear_faults()


CALLS = pytest.mark.parametrize(
    ("match", "k"), [(f"^iam:{call}:", k) for call in ("TagUser", "CreateAccessKey", "UntagUser") for k in (1, 2)]
)


@CALLS
def test_another_key_of_our_own_users(aws: Emulator, file: pathlib.Path, match: str, k: int) -> None:
    """The run that made them is long over. A key that they have from then may be in use, and stays."""
    file.write_text(NAMED)
    assert not _run(aws, file)["failed"]
    first = _written(file)
    assert len(first) == 2
    file.write_text(NAMED)
    _killed(aws, file, match, k)
    again = _run(aws, file)
    assert not again["failed"], again
    assert _keys(aws) == first | _written(file)
    assert len(_keys(aws)) == 4
    assert not _run(aws, file)["changed"]
    tags = [tag["Key"] for user in ("bob", "eve") for tag in aws.client("iam").list_user_tags(UserName=user)["Tags"]]
    assert set(tags) == {"datomic-onprem:system"}


@pytest.mark.parametrize("k", [1, 2])
def test_another_key_of_users_that_are_not_ours(aws: Emulator, file: pathlib.Path, k: int) -> None:
    """Nobody but their owner can tell whether the key is in use: the next run names it, and the command."""
    for user in ("bob", "eve"):
        aws.client("iam").create_user(UserName=user)
    file.write_text(NAMED)
    _killed(aws, file, "^iam:CreateAccessKey:", k)
    (lost,) = _keys(aws) - _written(file)
    again = _run(aws, file)
    assert not again["failed"], again
    told = warned(again)
    user = ("bob", "eve")[k - 1]
    assert (
        f"the user {user} has access keys that this file does not know: ****{lost[-4:]}; a run that was killed" in told
    )
    assert f"aws iam delete-access-key --user-name {user} --access-key-id" in told
    assert lost not in told
    assert _keys(aws) == {lost} | _written(file)


def test_a_second_kill_of_a_user_that_is_not_ours(aws: Emulator, file: pathlib.Path) -> None:
    """It has as many keys as AWS allows: the run says which, and what to do, before it changes anything."""
    for user in ("bob", "eve"):
        aws.client("iam").create_user(UserName=user)
    file.write_text(NAMED)
    for _kill in range(2):
        _killed(aws, file, "^iam:CreateAccessKey:", 1)
    lost = _keys(aws)
    message = _run(aws, file)["msg"]
    assert all(f"****{key[-4:]}" in message for key in lost)
    assert "aws iam delete-access-key --user-name bob --access-key-id" in message
    assert _keys(aws) == lost
