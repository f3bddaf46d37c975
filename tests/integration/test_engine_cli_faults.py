# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine cli when something gives way: a home, a directory, time, the module itself. Nothing is lost."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.emulator import Emulator
from tests.integration.ensuring import ROLES, USERS
from tests.integration.wrapped import CF, Site

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def site(tmp_path: pathlib.Path, aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> Site:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return Site(tmp_path, aws)


def _values(file: pathlib.Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def _access_keys(site: Site) -> dict[str, int]:
    iam = site.aws.backstage("iam")
    names = [user["UserName"] for user in iam.list_users()["Users"]]
    return {name: len(iam.list_access_keys(UserName=name)["AccessKeyMetadata"]) for name in names}


def test_a_file_that_cannot_be_replaced_stops_before_the_tool_makes_keys(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = USERS.replace("aws-dynamodb-user=", "aws-dynamodb-user=u1")
    file = site.file(text.replace("aws-dynamodb-peer-user=", "aws-dynamodb-peer-user=u2"))
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != str(site.root) and access(path, mode))
    assert "cannot be written; nothing was changed" in site.run("ensure_transactor", src=str(file))["msg"]
    assert _access_keys(site) == {}


def test_what_the_tool_wrote_before_it_ran_out_of_time_is_kept(site: Site) -> None:
    tool = (site.home / "bin" / "datomic").read_text().removeprefix("#!/bin/sh\n").replace("exec ", "")
    site.tool(tool + "echo waiting for table orders, key $(grep secret $3) >&2\nsleep 60\n")
    file = site.file(USERS)
    result = site.run("ensure_transactor", src=str(file), engine_timeout=8)
    assert "did not end within 8 seconds and was stopped:\nwaiting for table orders, key" in result["msg"]
    written = _values(file)
    assert len(written["aws-dynamodb-secret-key"]) > 10
    assert len(written["aws-dynamodb-peer-secret-key"]) > 10
    assert (result["changed"], result["generated"]["aws-dynamodb-user"]) == (True, "datomic-aws-dynamodb")
    assert written["aws-dynamodb-secret-key"] not in json.dumps(result)
    again = site.run("ensure_transactor", src=str(file), engine="native")
    assert not again["failed"], again
    assert set(_access_keys(site).values()) == {1}


@pytest.mark.parametrize("cut", ["head -c -3", "head -n -1", "head -n 3"])
def test_half_a_file_of_a_tool_that_was_killed_is_not_taken(site: Site, cut: str) -> None:
    site.tool(
        "sed -e 's/key-id=/key-id=AKIA0123456789/' -e 's/secret-key=/secret-key=abcdefghijk/' $3 > all\n"
        f"{cut} all > $3; kill -9 $$\n"
    )
    file = site.file(USERS)
    assert "was killed (SIGKILL)" in site.run("ensure_transactor", src=str(file))["msg"]
    assert [value for key, value in _values(file).items() if "key" in key] == [""] * 4


@pytest.mark.parametrize("moment", ["0", "CreateUser:1", "CreateAccessKey:1", "CreateUser:2", "PutUserPolicy:2"])
def test_a_tool_killed_while_it_makes_users_loses_a_key_at_most(
    site: Site, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    file = site.file(USERS)
    monkeypatch.setenv("STANDIN_DIE", moment)
    assert "was killed (SIGKILL)" in site.run("ensure_transactor", src=str(file))["msg"]
    monkeypatch.delenv("STANDIN_DIE")
    again = site.run("ensure_transactor", src=str(file))
    assert not again["failed"], again
    names = ["datomic-aws-dynamodb", "datomic-aws-dynamodb-peer"]
    lost = {"0": 0, "CreateUser:1": 0, "CreateAccessKey:1": 1, "CreateUser:2": 1, "PutUserPolicy:2": 2}[moment]
    assert sorted(_access_keys(site)) == names
    assert sum(_access_keys(site).values()) == 2 + lost
    assert site.run("ensure_transactor", src=str(file))["changed"] is False


@pytest.mark.parametrize(
    "moment", ["0", "GetUser:1", "CreateSecurityGroup:1", "AuthorizeSecurityGroupIngress:1", "DescribeSecurityGroups:3"]
)
def test_ensure_cf_killed_anywhere_is_finished_by_the_next_run(
    site: Site, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    file = site.file(CF + "aws-ingress-groups=default\naws-ingress-cidrs=10.0.0.0/8\n")
    monkeypatch.setenv("STANDIN_DIE", moment)
    assert "was killed (SIGKILL)" in site.run("ensure_cf", src=str(file))["msg"]
    assert _values(file)["java-xmx"] == "2625m", "what was chosen is on disk"
    monkeypatch.delenv("STANDIN_DIE")
    again = site.run("ensure_cf", src=str(file))
    assert not again["failed"], again
    groups = site.aws.snapshot()["security_groups"]
    assert list(groups) == ["us-east-1/datomic"]
    assert len(groups["us-east-1/datomic"]["ingress"]) == 2
    assert site.run("ensure_cf", src=str(file))["changed"] is False


def test_a_tool_that_removes_its_file(site: Site) -> None:
    site.tool('rm "$3"\n')
    file = site.file(ROLES)
    result = site.run("ensure_transactor", src=str(file))
    assert "bin/datomic ensure-transactor ended well and left no file" in result["msg"]
    assert "running it again goes on with the same names" in result["msg"]
    site.tool('rm "$3"; echo no such table >&2; exit 1\n')
    assert "failed with exit code 1:\nno such table\n" in site.run("ensure_transactor", src=str(file))["msg"]


def test_a_failure_tells_what_was_changed_as_the_native_engine_does(site: Site) -> None:
    site.tool("echo boom >&2; exit 1\n")
    result = site.run("ensure_transactor", src=str(site.file(ROLES)))
    assert result["changed"] is True
    assert result["generated"]["aws-transactor-role"] == "datomic-aws-transactor"
    assert (result["exit_code"], result["messages"]) == (1, ["boom"])


def test_a_template_s_errors_are_in_words_of_the_user_s_files(site: Site) -> None:
    options: dict[str, Any] = site.templates()
    site.tool('echo "cannot read $2 or $3 or $4" >&2; exit 1\n')
    failed = site.run("create_cf_template", **options)
    site.tool('echo "reading $2" >&2; sleep 30\n')
    slow = site.run("create_cf_template", **options, engine_timeout=1)
    names = [options[name] for name in ("transactor_src", "cf_src", "dest")]
    assert "cannot read {} or {} or {}\n".format(*names) in failed["msg"] + "\n"
    assert " ".join(["bin/datomic create-cf-template", *names]) in slow["msg"]
    assert f"reading {names[0]}" in slow["msg"]
    assert not (site.root / "cf.json").exists()
    for result in (failed, slow):
        assert str(site.root / "tmp") not in json.dumps(result)


class Module:
    """ensure_transactor in a process of its own, whose tool, a script, has begun."""

    def __init__(self, site: Site, file: pathlib.Path, script: str) -> None:
        self.pid = site.root / "pid"
        site.tool(f"echo $$ > {self.pid}.new; mv {self.pid}.new {self.pid}\n{script}\n")
        params = {**site.common, "src": str(file)}
        code = "import json, sys; import tests.conftest; from tests.modules import run_module; "
        code += "print(json.dumps(run_module('ensure_transactor', json.loads(sys.argv[1]))))"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, json.dumps(params)],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(site.root / "tmp")},
            stdout=subprocess.PIPE,
        )
        wait_for(self.pid.exists)
        self.tool = int(self.pid.read_text())

    def told(self) -> dict[str, Any]:
        printed = self.process.communicate(timeout=60)[0]
        result: dict[str, Any] = json.loads(printed)
        return result

    @property
    def tool_runs(self) -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.tool, 0)
            return True
        return False


@pytest.fixture
def started(site: Site) -> Iterator[Callable[[pathlib.Path, str], Module]]:
    modules: list[Module] = []

    def start(file: pathlib.Path, script: str) -> Module:
        modules.append(Module(site, file, script))
        return modules[-1]

    yield start
    for module in modules:
        module.process.kill()
        module.process.communicate()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(module.tool, signal.SIGKILL)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_module_that_is_asked_to_end_stops_its_tool_and_cleans_up(
    site: Site, started: Callable[[pathlib.Path, str], Module], number: signal.Signals
) -> None:
    file = site.file(USERS)
    write = "sed -i -e 's/key-id=/key-id=AKIA0123456789/' -e 's/secret-key=/secret-key=abcdefghijk/' $3"
    module = started(file, f"{write}; touch {site.root}/written; sleep 60")
    wait_for((site.root / "written").exists)
    module.process.send_signal(number)
    result = module.told()
    assert f"was stopped, because this run was asked to end ({number.name})" in result["msg"]
    assert result["generated"]["aws-dynamodb-user"] == "datomic-aws-dynamodb"
    assert _values(file)["aws-dynamodb-secret-key"] == "abcdefghijk"
    assert not module.tool_runs
    assert os.listdir(site.root / "tmp") == []


def test_a_module_that_is_killed_leaves_no_secrets_and_no_second_tool(
    site: Site, started: Callable[[pathlib.Path, str], Module]
) -> None:
    file = site.file(ROLES + "sql-password=hunter2hunter2\n")
    module = started(file, "sleep 60")
    module.process.kill()
    module.process.wait()
    assert module.tool_runs
    assert len(os.listdir(site.root / "tmp")) == 1
    site.tool(f"touch {site.root}/second\n")
    refused = site.run("ensure_transactor", src=str(file))
    assert "ensure-transactor of another run still works on" in refused["msg"]
    assert str(file) in refused["msg"]
    assert not (site.root / "second").exists()
    assert not site.run("ensure_cf", src=str(site.file(CF, "other.properties")))["failed"], "another file is free"
    os.killpg(module.tool, signal.SIGKILL)
    wait_for(lambda: not site.run("ensure_transactor", src=str(file))["failed"])
    assert os.listdir(site.root / "tmp") == []
