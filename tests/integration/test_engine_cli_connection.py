# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine cli's way to AWS: credentials, region, endpoint and Java are those of the module, or it says so."""

from __future__ import annotations

import functools
import http.server
import json
import os
import pathlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests import fake_cli
from tests.emulator import Emulator
from tests.integration.ensuring import ROLES, warned, writes
from tests.integration.wrapped import CF, Site

SHOW = "env | grep -E '^(AWS|JAVA)_' >&2; echo java: $(command -v java) >&2; exit 1\n"
OF_A_ROLE = "works for users only"


@pytest.fixture
def site(tmp_path: pathlib.Path, aws: Emulator) -> Site:
    return Site(tmp_path, aws)


@pytest.mark.parametrize("given", ["option", "environment"])
@pytest.mark.parametrize(("module", "text"), [("ensure_transactor", ROLES), ("ensure_cf", CF)])
def test_an_endpoint_that_the_release_does_not_read_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch, module: str, text: str, given: str
) -> None:
    fake_cli.of_sdk_1(site.home)
    site.tool(f"touch {site.root}/ran\n")
    file = site.file(text)
    endpoint = site.aws.url if given == "option" else None
    if given == "environment":
        monkeypatch.setenv("AWS_ENDPOINT_URL", site.aws.url)
    for check in (True, False):
        result = site.run(module, check=check, src=str(file), endpoint_url=endpoint)
        assert "reads no endpoint" in result["msg"]
        assert "release 1.0.7277" in result["msg"]
    assert file.read_text() == text
    assert writes(site.aws) == []
    assert not (site.root / "ran").exists()


def test_a_command_that_changes_nothing_warns_of_the_endpoint(site: Site) -> None:
    fake_cli.of_sdk_1(site.home)
    result = site.run("create_cf_template", **site.templates())
    assert not result["failed"], result
    assert "reads no endpoint" in warned(result)


@pytest.mark.parametrize("module", ["ensure_transactor", "ensure_cf", "create_cf_template"])
def test_a_role_s_credentials_are_refused_where_the_tool_cannot_use_them(site: Site, module: str) -> None:
    found = site.aws.client("sts").assume_role(RoleArn="arn:aws:iam::123456789012:role/ci", RoleSessionName="ci")
    keys = found["Credentials"]
    role = {"access_key": keys["AccessKeyId"], "secret_key": keys["SecretAccessKey"]}
    role["session_token"] = keys["SessionToken"]
    text = CF if module == "ensure_cf" else ROLES
    file = site.file(text)
    options: dict[str, Any] = site.templates() if module == "create_cf_template" else {"src": str(file)}
    site.tool(f"touch {site.root}/ran; exit 1\n")
    for check in (True, False):
        assert OF_A_ROLE in site.run(module, check=check, **options, **role)["msg"]
    assert file.read_text() == text
    assert writes(site.aws)[1:] == [], "the role was assumed, and that is all"
    assert not (site.root / "ran").exists()


def test_a_local_database_asks_for_no_account(site: Site) -> None:
    local = f"protocol=ddb-local\nhost=h\nport=4334\naws-dynamodb-override-endpoint={site.aws.url.partition('//')[2]}\n"
    assert not site.run("ensure_transactor", src=str(site.file(local)))["failed"]
    assert {call.service for call in site.aws.calls()} == {"dynamodb"}


def test_the_file_s_region_is_the_tool_s(site: Site) -> None:
    file = site.file(ROLES.replace("us-east-1", "eu-west-1"))
    result = site.run("ensure_transactor", src=str(file))
    assert not result["failed"], result
    place = site.aws.backstage("s3").get_bucket_location(Bucket=site.left()["buckets"][0])
    assert place["LocationConstraint"] == "eu-west-1"
    assert site.run("ensure_transactor", src=str(file), engine="native")["changed"] is False


@pytest.fixture
def container(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A container whose role has credentials, and a profile that has none of its own."""
    told = {
        "AccessKeyId": "AKIAROLE",
        "SecretAccessKey": "of-the-role",
        "Token": "t",
        "Expiration": "2999-01-01T00:00:00Z",
    }
    (tmp_path / "credentials.json").write_text(json.dumps(told))
    (tmp_path / "config").write_text("[profile prod]\nregion=eu-west-1\n")
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id=AKOTHER\naws_secret_access_key=other\n")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        uri = f"http://127.0.0.1:{server.server_port}/credentials.json"
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
        yield
        server.shutdown()


@pytest.mark.usefixtures("container")
def test_a_profile_whose_credentials_the_tool_finds_itself_is_named_to_it(site: Site) -> None:
    site.tool(SHOW)
    options: dict[str, Any] = {"access_key": None, "secret_key": None, "profile": "prod"}
    told = site.run("ensure_transactor", src=str(site.file(ROLES)), **options)["msg"].splitlines()
    assert "AWS_PROFILE=prod" in told
    assert "AWS_REGION=us-east-1" in told
    assert not any(line.startswith("AWS_ACCESS_KEY_ID") for line in told)


def test_options_that_do_not_reach_the_tool_are_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    file = site.file(ROLES)
    assert "bin/datomic does not get" not in warned(site.run("ensure_transactor", check=True, src=str(file)))
    bundle = site.file("", "ca.pem")
    options: dict[str, Any] = {"validate_certs": False, "aws_config": {"connect_timeout": 5}}
    result = site.run("ensure_transactor", check=True, src=str(file), **options)
    assert "bin/datomic does not get aws_config, validate_certs: " in warned(result)
    result = site.run("create_cf_template", **site.templates(), aws_ca_bundle=str(bundle))
    assert "bin/datomic does not get aws_ca_bundle: " in warned(result)


def test_a_java_home_without_java_is_an_error(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    other = fake_cli.java(site.root / "other")
    monkeypatch.setenv("PATH", f"{other}/bin{os.pathsep}{os.environ['PATH']}")
    file = site.file(ROLES)
    result = site.run("ensure_transactor", src=str(file), java_home="/no/such/jdk")
    assert "java_home: /no/such/jdk/bin/java does not exist" in result["msg"]
    assert file.read_text() == ROLES


def test_the_java_that_was_looked_at_is_the_one_that_runs(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    old = fake_cli.java(site.root / "old", 'openjdk version "1.8.0_392"')
    monkeypatch.setenv("PATH", f"{old}/bin{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("JAVA_HOME", str(site.java))
    site.tool(SHOW)
    told = site.run("ensure_transactor", src=str(site.file(ROLES)), java_home=None)["msg"].splitlines()
    assert f"java: {site.java}/bin/java" in told


def test_a_prediction_says_that_it_is_one(site: Site) -> None:
    result = site.run("ensure_transactor", check=True, src=str(site.file(ROLES)))
    assert "what the native engine expects of bin/datomic" in warned(result)
    result = site.run("create_cf_template", check=True, **site.templates())
    assert "what the native engine expects of bin/datomic" in warned(result)
    assert "expects of" not in warned(site.run("create_cf_template", **site.templates()))
