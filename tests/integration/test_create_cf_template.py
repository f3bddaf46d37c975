# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""create_cf_template, legacy: the file, offline and with EC2's word about an instance type, its secrets, its errors."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import stat
import tempfile
from collections.abc import Mapping
from typing import Any

import pytest

from tests.emulator import Emulator
from tests.modules import CREDENTIALS, run_module

TRANSACTOR = "protocol=ddb\nhost=localhost\nport=4334\naws-dynamodb-table=orders\naws-transactor-role=tx\n"
CF = (
    "aws-instance-type=m3.large\naws-region=us-east-1\naws-instance-monitoring=true\naws-autoscaling-group-size=2\n"
    "java-xmx=2g\njava-opts=\naws-security-group=datomic\ndatomic-version=1.0.7277\ndatomic-deploy-s3-bucket=deploy\n"
)
SECRETS = "license-key=top-secret-1\nsql-password=top-secret-2\naws-dynamodb-secret-key=top$secret-3\n"


@pytest.fixture
def files(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "tx.properties").write_text(TRANSACTOR)
    (tmp_path / "cf.properties").write_text(CF)
    return tmp_path


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """Neither credentials nor a region from the environment; whoever calls AWS all the same fails at once."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def _run(directory: pathlib.Path, options: Mapping[str, Any] | None = None, *, check: bool = False) -> dict[str, Any]:
    paths = {"transactor_src": "tx.properties", "cf_src": "cf.properties", "dest": "cf.json"}
    params = {name: str(directory / path) for name, path in paths.items()} | dict(options or {})
    return run_module("create_cf_template", params, check=check)


def _mode(path: pathlib.Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_without_credentials_or_network(files: pathlib.Path) -> None:
    result = _run(files)
    assert (result["failed"], result["changed"]) == (False, True)
    raw = (files / "cf.json").read_bytes()
    assert json.loads(raw) == result["template"]
    assert hashlib.sha256(raw).hexdigest() == result["sha256"]
    assert result["template"]["Parameters"]["InstanceType"]["Default"] == "m3.large"


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(("size", "refused"), [(1 << 20, False), ((1 << 20) + 1, True)])
def test_what_is_too_large_for_a_template_is_not_replaced(
    files: pathlib.Path, size: int, refused: bool, check: bool
) -> None:
    dest = files / "cf.json"
    dest.write_bytes(b" " * size)
    result = _run(files, check=check)
    assert result["failed"] == refused
    assert dest.stat().st_size == size or not (refused or check)
    if refused:
        assert result["msg"] == (
            f"{dest} has more than 1048576 bytes, so that it is no template: give another dest (datomic_cf_template in"
            " the role). It was not changed."
        )


def test_the_second_run_leaves_the_file_alone(files: pathlib.Path) -> None:
    _run(files)
    before = (files / "cf.json").stat()
    result = _run(files)
    assert (result["changed"], result["diff"]) == (False, [])
    assert (files / "cf.json").stat().st_ino == before.st_ino


def test_check_mode_tells_the_same_and_writes_nothing(files: pathlib.Path) -> None:
    planned = _run(files, check=True)
    assert not (files / "cf.json").exists()
    done = _run(files)
    for key in ("changed", "diff", "template", "sha256"):
        assert planned[key] == done[key]


def test_the_diff_is_of_the_template(files: pathlib.Path) -> None:
    _run(files)
    (files / "cf.properties").write_text(CF.replace("size=2", "size=3"))
    (diff,) = _run(files)["diff"]
    before, after = diff["before"].splitlines(), diff["after"].splitlines()
    changed = [(a.strip(), b.strip()) for a, b in zip(before, after, strict=True) if a != b]
    assert changed == [('"Default": "2"', '"Default": "3"')]


def test_values_that_are_not_in_the_files_yet_count(files: pathlib.Path) -> None:
    (files / "tx.properties").write_text(TRANSACTOR.replace("role=tx", "role="))
    (files / "cf.properties").write_text(CF.replace("java-xmx=2g", "java-xmx="))
    result = _run(
        files,
        {
            "transactor_values": {"aws-transactor-role": "r-1", "port": 5000, "encrypt-channel": False},
            "cf_values": {"java-xmx": "5250m"},
        },
    )
    parameters = result["template"]["Parameters"]
    assert (parameters["InstanceProfile"]["Default"], parameters["Xmx"]["Default"]) == ("r-1", "5250m")
    assert "port=5000\\n" in json.dumps(result["template"])
    assert "encrypt-channel=false" in json.dumps(result["template"])


def test_a_value_that_is_not_generated_yet_has_no_form(files: pathlib.Path) -> None:
    values = {"aws-s3-log-bucket-id": "datomic-logs-<generated>"}
    result = _run(files, {"transactor_values": values}, check=True)
    assert not result["failed"], result
    assert "aws-s3-log-bucket-id=datomic-logs-<generated>" in json.dumps(result["template"])


def test_secrets_are_in_the_file_for_its_owner_and_nowhere_else(files: pathlib.Path) -> None:
    _run(files)
    os.chmod(files / "cf.json", 0o644)
    (files / "tx.properties").write_text(TRANSACTOR + SECRETS)
    result = _run(files)
    written = (files / "cf.json").read_text()
    assert "license-key=top-secret-1\\nsql-password=top-secret-2" in written
    assert "top\\\\$secret-3" in written
    assert _mode(files / "cf.json") == 0o600
    told = json.dumps({**result, "invocation": None})
    assert "top" not in told.replace("stop", "")
    assert "********" in told
    (files / "tx.properties").write_text(TRANSACTOR + SECRETS.replace("top", "new"))
    assert "secret-1" not in json.dumps(_run(files)["diff"])


def test_a_password_among_the_jvm_s_options_is_a_secret_of_the_template_too(files: pathlib.Path) -> None:
    options = "'-Xss1m -Djavax.net.ssl.keyStorePassword=top-secret-1'"
    (files / "cf.properties").write_text(CF.replace("java-opts=", f"java-opts={options}"))
    result = _run(files)
    assert "top-secret-1" in (files / "cf.json").read_text()
    assert result["holds_secrets"]
    assert f"{files / 'cf.properties'}: holds secrets, which the template" in json.dumps(result["warnings"])
    assert "top-secret-1" not in json.dumps({**result, "invocation": None})


def test_a_mode_that_shows_secrets_is_mended(files: pathlib.Path) -> None:
    (files / "tx.properties").write_text(TRANSACTOR + SECRETS)
    _run(files)
    os.chmod(files / "cf.json", 0o640)
    assert _run(files, check=True)["changed"]
    assert _mode(files / "cf.json") == 0o640
    assert _run(files)["changed"]
    assert _mode(files / "cf.json") == 0o600
    assert not _run(files)["changed"]


def test_a_mode_is_kept_when_there_are_no_secrets(files: pathlib.Path) -> None:
    (files / "cf.json").write_text("{}")
    os.chmod(files / "cf.json", 0o644)
    assert _run(files)["changed"]
    assert _mode(files / "cf.json") == 0o644


def test_a_dest_that_is_no_json_is_replaced(files: pathlib.Path) -> None:
    (files / "cf.json").write_text("license-key=abc")
    (diff,) = _run(files)["diff"]
    assert diff["before"] == "(15 bytes that are not JSON)\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dest": "none/cf.json"}, "there is no directory"),
        ({"dest": "directory"}, "is not a regular file"),
        ({"dest": "cf.properties"}, "is one of the two properties files"),
        ({"transactor_src": "absent"}, "absent"),
        ({"cf_src": "directory"}, "directory"),
    ],
)
def test_paths_that_cannot_be_used(files: pathlib.Path, change: dict[str, str], message: str) -> None:
    (files / "directory").mkdir()
    before = sorted(files.iterdir())
    for check in (True, False):
        result = _run(files, {name: str(files / path) for name, path in change.items()}, check=check)
        assert result["failed"]
        assert message in result["msg"]
    assert sorted(files.iterdir()) == before
    assert (files / "cf.properties").read_text() == CF


def test_all_errors_are_in_one_message(files: pathlib.Path) -> None:
    (files / "tx.properties").write_text(TRANSACTOR.replace("role=tx", "role="))
    (files / "cf.properties").write_text(
        CF.replace("java-xmx=2g\n", "")
        .replace("1.0.7277", "")
        .replace("size=2", "size=x")
        .replace("us-east-1", "me-south-1")
    )
    result = _run(files)
    for part in (
        "tx.properties:5: aws-transactor-role: Missing property: aws-transactor-role",
        "cf.properties: java-xmx: Missing property: java-xmx",
        "cf.properties:7: datomic-version: Missing property: datomic-version",
        "cf.properties:4: aws-autoscaling-group-size: Invalid value for aws-autoscaling-group-size: x",
        "cf.properties:2: aws-region: Datomic published no image for me-south-1",
    ):
        assert part in result["msg"]
    assert result["msg"].startswith("5 errors:")
    assert not (files / "cf.json").exists()


def test_secrets_that_this_template_would_not_read_are_refused(files: pathlib.Path) -> None:
    result = _run(files, {"modern": {"secrets": ["sql-password", "memcached-password"], "tags": {"team": "a"}}})
    assert result["failed"]
    assert "memcached-password, sql-password" in result["msg"]
    assert "flavor modern" in result["msg"]
    assert [finding["rule"] for finding in result["findings"]] == ["secrets-need-modern"]
    assert not (files / "cf.json").exists()


def test_user_data_that_ec2_would_refuse(files: pathlib.Path) -> None:
    (files / "tx.properties").write_text(TRANSACTOR + "pid-file=" + "x" * 16384 + "\n")
    result = _run(files)
    assert "and 16384 are allowed" in result["msg"]
    assert not (files / "cf.json").exists()


@pytest.mark.parametrize(
    ("instance_type", "failure"),
    [
        ("m7i.large", ""),
        ("m7g.large", "is of architecture arm64, for which Datomic published no image (use flavor modern"),
        ("z9.huge", "unknown instance type z9.huge"),
    ],
)
def test_ec2_is_asked_about_a_type_that_is_not_mapped(
    aws: Emulator, files: pathlib.Path, instance_type: str, failure: str
) -> None:
    (files / "cf.properties").write_text(CF.replace("m3.large", instance_type))
    result = _run(files, {"endpoint_url": aws.url, **CREDENTIALS})
    asked = {call.operation for call in aws.calls()}
    if failure:
        assert asked == {"DescribeInstanceTypes"}
        assert failure in result["msg"]
        assert not (files / "cf.json").exists()
    else:
        assert asked == {"DescribeInstanceTypes"}
        aws.clear_calls()
        again = _run(files, {"endpoint_url": aws.url, **CREDENTIALS})
        assert not again["changed"]
        assert [call.operation for call in aws.calls()] == ["DescribeInstanceTypes"]
        assert result["template"]["Mappings"]["AWSInstanceType2Arch"][instance_type] == {"Arch": "64h"}
        assert f"{instance_type} is newer than the images" in json.dumps(result["warnings"])
