# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine cli at its edges: check mode, crashes, hangs, releases without the command, secrets, files that lie."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import clock

from tests import fake_cli
from tests.emulator import Emulator
from tests.integration.ensuring import ROLES, USERS
from tests.integration.wrapped import CF, Site


@pytest.fixture
def site(tmp_path: pathlib.Path, aws: Emulator) -> Site:
    return Site(tmp_path, aws)


def test_check_then_run_then_again(site: Site) -> None:
    file = site.file(ROLES.replace("\n", "\r\n").removesuffix("\r\n"))
    predicted = site.run("ensure_transactor", check=True, src=str(file))
    assert (predicted["engine"], predicted["prediction"]) == ("cli", True)
    assert all(call.kind == "read" for call in site.aws.calls())
    done = site.run("ensure_transactor", src=str(file))
    assert not done["failed"], done
    assert done["changed"]
    assert [action["resource"] for action in done["actions"]] == [action["resource"] for action in predicted["actions"]]
    assert file.read_bytes().count(b"\r\n") == 8
    assert not file.read_bytes().endswith(b"\n")
    again = site.run("ensure_transactor", src=str(file))
    assert (again["changed"], again["actions"], again["diff"]) == (False, [], [])
    assert site.run("ensure_transactor", src=str(file), engine="native")["changed"] is False


def test_the_run_ends_only_when_ec2_knows_the_new_instance_profile(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.aws.configure(profile_propagation=9000.0)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        site.aws.advance(5000.0)

    monkeypatch.setattr(clock, "sleep", sleep)
    file = site.file(ROLES)
    assert not site.run("ensure_transactor", check=True, src=str(file))["failed"]
    assert slept == []
    done = site.run("ensure_transactor", src=str(file))
    assert not done["failed"], done
    assert len(slept) == 2
    assert [call.operation for call in site.aws.calls()].count("RunInstances") == 4, "dry runs"


@pytest.mark.parametrize("k", [0, 3, 5, 8, 9, 10, 17, 23])
def test_a_tool_killed_anywhere_leaves_nothing_behind(site: Site, monkeypatch: pytest.MonkeyPatch, k: int) -> None:
    file = site.file(ROLES)
    monkeypatch.setenv("STANDIN_DIE", str(k))
    killed = site.run("ensure_transactor", src=str(file))
    assert "was killed (SIGKILL)" in killed["msg"]
    assert "running it again goes on with the same names" in killed["msg"]
    names = dict(line.split("=") for line in file.read_text().splitlines())
    monkeypatch.delenv("STANDIN_DIE")
    again = site.run("ensure_transactor", src=str(file))
    assert not again["failed"], again
    assert site.left() == {
        "roles": ["datomic-aws-peer", "datomic-aws-transactor"],
        "profiles": ["datomic-aws-peer: datomic-aws-peer", "datomic-aws-transactor: datomic-aws-transactor"],
        "buckets": [names["aws-s3-log-bucket-id"]],
    }


def test_keys_reach_the_file_and_nothing_else(site: Site) -> None:
    file = site.file(USERS)
    result = site.run("ensure_transactor", src=str(file))
    assert not result["failed"], result
    written = dict(line.split("=", 1) for line in file.read_text().splitlines())
    assert len(written["aws-dynamodb-secret-key"]) > 10
    assert written["aws-dynamodb-secret-key"] not in json.dumps(result)
    assert written["aws-dynamodb-access-key-id"] not in json.dumps(result)


def test_ensure_cf_and_the_template(site: Site) -> None:
    transactor = site.file(
        "protocol=ddb\nhost=h\nport=4334\naws-dynamodb-table=t\naws-transactor-role=r\n", "tx.properties"
    )
    cf = site.file(CF)
    done = site.run("ensure_cf", src=str(cf))
    assert done["generated"] == {"java-xmx": "2625m", "datomic-version": "1.0.7277"}
    assert site.run("ensure_cf", src=str(cf))["changed"] is False
    template: dict[str, Any] = {
        "transactor_src": str(transactor),
        "cf_src": str(cf),
        "dest": str(site.root / "cf.json"),
    }
    first = site.run("create_cf_template", **template)
    assert not first["failed"], first
    assert (first["changed"], first["engine"]) == (True, "cli")
    assert (
        site.run("create_cf_template", **template)["changed"] is False
    )  # though the tool's lines come in another order
    assert "makes no template of flavor modern" in site.run("create_cf_template", **template, flavor="modern")["msg"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"datomic_home": None}, "engine: cli needs datomic_home"),
        ({"datomic_home": "/absent"}, "is no distribution of Datomic"),
        ({"java_home": "/absent", "PATH": "/absent"}, "/absent/bin/java does not exist"),
        ({"transactor_src": "tx.properties"}, "it opens port 4334 only, and the transactor's is 5555"),
        ({"vpc_id": "the default"}, "it makes groups in the default VPC only"),
    ],
)
def test_what_cannot_be_done_is_told_before_the_tool_starts(
    site: Site, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(site.root)
    if "PATH" in options:
        monkeypatch.setenv("PATH", options.pop("PATH"))
        monkeypatch.delenv("JAVA_HOME", raising=False)
    site.file("protocol=ddb\nhost=h\nport=5555\n", "tx.properties")
    if "vpc_id" in options:
        options["vpc_id"] = site.aws.backstage("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    file = site.file(CF + "datomic-version=1.0.7277\n")
    site.tool("touch ran\n")
    assert message in site.run("ensure_cf", src=str(file), **options)["msg"]
    assert file.read_text() == CF + "datomic-version=1.0.7277\n"
    assert not (site.home / "ran").exists()


@pytest.mark.parametrize("module", ["ensure_transactor", "ensure_cf", "create_cf_template"])
def test_an_unsound_home_stops_auto_before_anything_is_done(site: Site, module: str) -> None:
    file = site.file(ROLES if module == "ensure_transactor" else CF)
    options: dict[str, Any] = site.templates() if module == "create_cf_template" else {"src": str(file)}
    before = {path: path.read_bytes() for path in site.root.glob("*.properties")}
    result = site.run(module, **options, engine="auto", datomic_home="/absent")
    assert "/absent is no distribution of Datomic" in result["msg"]
    assert site.aws.calls() == []
    assert {path: path.read_bytes() for path in site.root.glob("*.properties")} == before
    assert not (site.root / "cf.json").exists()


def test_a_release_without_the_command(site: Site) -> None:
    site.home = fake_cli.build(site.root, "1.0.7622")
    file = site.file(CF)
    assert "Release 1.0.7622 has no ensure-cf" in site.run("ensure_cf", src=str(file))["msg"]
    auto = site.run("ensure_cf", src=str(file), engine="auto")
    assert (auto["engine"], auto["engine_reason"]) == ("native", "release 1.0.7622 has no ensure-cf")


TO_COME = "/absent/datomic-pro-1.0.7622"


def test_a_check_before_the_distribution_is_there(site: Site) -> None:
    """What the module distribution predicts: the release that is going to lie in datomic_home."""
    fresh: dict[str, Any] = {"datomic_home": TO_COME, "_release_to_come": "1.0.7622"}
    file = site.file(ROLES)
    predicted = site.run("ensure_transactor", check=True, src=str(file), **fresh)
    assert (predicted["engine"], predicted["prediction"]) == ("cli", True), predicted
    assert f"{TO_COME} is still to come, and is taken for a sound release 1.0.7622." in str(predicted["warnings"])
    assert "is no distribution of Datomic" in site.run("ensure_transactor", src=str(file), **fresh)["msg"]
    templates = site.templates()
    assert site.run("create_cf_template", check=True, **templates, **fresh)["prediction"] is True
    cf = site.file(CF)
    assert "Release 1.0.7622 has no ensure-cf" in site.run("ensure_cf", check=True, src=str(cf), **fresh)["msg"]
    auto = site.run("ensure_cf", check=True, src=str(cf), engine="auto", **fresh)
    assert auto["generated"] == {"java-xmx": "2625m", "datomic-version": "1.0.7622"}
    assert auto["engine_reason"] == "release 1.0.7622 has no ensure-cf"
    other = site.run("ensure_cf", check=True, src=str(cf), engine="auto", datomic_version="1.0.7277", **fresh)
    assert f"{TO_COME} is going to be release 1.0.7622, not 1.0.7277." in other["msg"]
    there = site.run("ensure_cf", check=True, src=str(cf), _release_to_come="1.0.7622")
    assert there["generated"]["datomic-version"] == "1.0.7277", "the home that is there counts"
    fresh = {"datomic_home": "/absent", "_release_to_come": "1.0.7277"}
    old = site.run("ensure_transactor", check=True, src=str(site.file(ROLES)), **fresh)
    assert "reads no endpoint" in old["msg"]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("sleep 60", "did not end within 1 seconds and was stopped"),
        ("kill -9 $$", "was killed (SIGKILL)"),
        ("echo 'Available commands:' backup-db restore-db >&2; exit 1", "does not know ensure-transactor"),
        ("sed -i s/host=localhost/host=elsewhere/ $3", "changed host, which was set already"),
        ("echo 'key=\\u12' > $3", "wrote a file that is not sound"),
        (
            "echo 'java.lang.X: no' >&2; echo '\tat clojure.main' >&2; exit 1",
            "failed with exit code 1:\njava.lang.X: no\n",
        ),
    ],
)
def test_a_tool_that_misbehaves(site: Site, script: str, message: str) -> None:
    site.tool(script + "\n")
    file = site.file(ROLES)
    result = site.run("ensure_transactor", src=str(file), engine_timeout=1 if "sleep" in script else 60)
    assert message in result["msg"]
    assert "host=localhost\n" in file.read_text()
    assert "aws-transactor-role=datomic-aws-transactor\n" in file.read_text()
    assert "clojure.main" not in json.dumps(result)


def test_what_the_tool_leaves_undone_is_done_and_told(site: Site) -> None:
    site.tool("exit 0\n")
    result = site.run("ensure_transactor", src=str(site.file(ROLES)))
    assert "left undone" in json.dumps(result["warnings"])
    assert site.left()["profiles"] == [
        "datomic-aws-peer: datomic-aws-peer",
        "datomic-aws-transactor: datomic-aws-transactor",
    ]


def test_a_tool_that_prints_secrets(site: Site) -> None:
    site.tool('cat "$2" >&2; echo "$AWS_SECRET_ACCESS_KEY" >&2; echo "$@" >&2; exit 1\n')
    file = site.file(ROLES + "sql-password=hunter2hunter2\n")
    result = site.run("ensure_transactor", src=str(file), secret_key="0123456789abcdef")
    assert "hunter2" not in json.dumps(result)
    assert "0123456789abcdef" not in json.dumps(result)
    assert str(file) in result["msg"]
