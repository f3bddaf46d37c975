# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module distribution: downloads that break off, mirrors, files, the link, removals, the deploy bucket."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import json
import pathlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests import fake_cli
from tests.emulator import Emulator
from tests.modules import CREDENTIALS, run_module

VERSION = "1.0.7277"


@dataclasses.dataclass
class Mirror:
    """A web server of one file. cut: the bytes after which each of the next answers breaks off."""

    url: str
    body: bytes
    cut: list[int] = dataclasses.field(default_factory=list)
    asked: int = 0


@pytest.fixture
def archive(tmp_path: pathlib.Path) -> pathlib.Path:
    return fake_cli.archive(tmp_path, VERSION)


@pytest.fixture
def mirror(archive: pathlib.Path) -> Iterator[Mirror]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the base class's name
            mirrored.asked += 1
            if "absent" in self.path:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(mirrored.body)))
            self.end_headers()
            self.wfile.write(mirrored.body[: mirrored.cut.pop(0) if mirrored.cut else None])

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    mirrored = Mirror(f"http://127.0.0.1:{server.server_port}/datomic-pro-{{version}}.zip", archive.read_bytes())
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield mirrored
    server.shutdown()
    server.server_close()


def _run(dest: pathlib.Path, archive: pathlib.Path, *, check: bool = False, **options: Any) -> dict[str, Any]:
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    params = {
        "version": VERSION,
        "dest": str(dest),
        "source": str(archive),
        "checksum": checksum,
        **CREDENTIALS,
        **options,
    }
    return run_module("distribution", params, check=check)


def _names(directory: pathlib.Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_from_a_file_then_again(tmp_path: pathlib.Path, archive: pathlib.Path) -> None:
    dest = tmp_path / "opt"
    predicted = _run(dest, archive, check=True)
    assert not dest.exists()
    first = _run(dest, archive)
    assert first["changed"]
    assert {key: first[key] for key in ("home", "version", "java_minimum", "current", "installed", "removed")} == {
        "home": str(dest / f"datomic-pro-{VERSION}"),
        "version": VERSION,
        "java_minimum": 11,
        "current": VERSION,
        "installed": [VERSION],
        "removed": [],
    }
    assert predicted["diff"] == first["diff"]
    assert (dest / "current" / "VERSION").read_text().strip() == VERSION
    assert _names(dest) == {f"datomic-pro-{VERSION}", "current"}
    second = _run(dest, archive)
    assert not second["changed"]


def test_a_download_that_breaks_off_is_tried_again(
    tmp_path: pathlib.Path, archive: pathlib.Path, mirror: Mirror
) -> None:
    mirror.cut = [500, 300]
    assert _run(tmp_path / "opt", archive, source=mirror.url)["changed"]
    assert mirror.asked == 3


def test_a_download_that_keeps_breaking_off_leaves_nothing(
    tmp_path: pathlib.Path, archive: pathlib.Path, mirror: Mirror
) -> None:
    mirror.cut = [700, 0, 0]
    failed = _run(tmp_path / "opt", archive, source=mirror.url)
    assert failed["failed"]
    assert "in 3 attempts: the connection ended" in failed["msg"]
    assert "run again" in failed["msg"]
    assert list((tmp_path / "opt").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"checksum": "0" * 64}, "has the SHA-256"),
        ({"checksum": "abc"}, "64 hexadecimal digits"),
        ({"checksum": None, "version": "1.0.7075"}, "The checksum of release 1.0.7075 is not known"),
        ({"version": "newest"}, "is no release of Datomic"),
        ({"source": "/absent/datomic.zip"}, "/absent/datomic.zip cannot be read"),
        ({"remove": [VERSION]}, "is in use and is not removed"),
        ({"keep": -1}, "keep has to be 0 or more"),
        ({"version": "1.0.7705"}, "is not release 1.0.7705"),
    ],
)
def test_refusals_leave_nothing_behind(
    tmp_path: pathlib.Path, archive: pathlib.Path, options: dict[str, Any], message: str
) -> None:
    result = _run(tmp_path / "opt", archive, **options)
    assert result["failed"]
    assert message in result["msg"]
    assert not (tmp_path / "opt").exists() or _names(tmp_path / "opt") == set()


def test_a_wrong_download_is_thrown_away(tmp_path: pathlib.Path, archive: pathlib.Path, mirror: Mirror) -> None:
    result = _run(tmp_path / "opt", archive, source=mirror.url, checksum="0" * 64)
    assert "Nothing was unpacked" in result["msg"]
    assert list((tmp_path / "opt").iterdir()) == []


def test_a_mirror_without_it(tmp_path: pathlib.Path, archive: pathlib.Path, mirror: Mirror) -> None:
    result = _run(tmp_path / "opt", archive, source=mirror.url.replace("datomic-pro", "absent"))
    assert "404" in result["msg"]


def test_a_file_that_is_no_archive(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "page.zip"
    path.write_text("<html>Not found</html>")
    result = _run(tmp_path / "opt", path)
    assert "is damaged or no zip archive" in result["msg"]
    assert _names(tmp_path / "opt") == set()


def test_a_half_unpacked_home_is_told(tmp_path: pathlib.Path, archive: pathlib.Path) -> None:
    _run(tmp_path / "opt", archive)
    (tmp_path / "opt" / f"datomic-pro-{VERSION}" / "bin" / "datomic").unlink()
    assert "half unpacked" in _run(tmp_path / "opt", archive)["msg"]


def test_several_side_by_side_and_old_ones_removed_when_asked(tmp_path: pathlib.Path) -> None:
    dest = tmp_path / "opt"
    versions = ["1.0.6735", "1.0.7075", "1.0.7277"]
    for version in versions:
        result = _run(dest, fake_cli.archive(tmp_path, version), version=version)
    assert result["installed"] == versions
    assert result["current"] == "1.0.7277"
    aside = _run(dest, fake_cli.archive(tmp_path, "1.0.7705"), version="1.0.7705", current=False)
    assert aside["current"] == "1.0.7277"
    kept = _run(dest, tmp_path / "datomic-pro-1.0.7277.zip", keep=1)
    assert kept["removed"] == ["1.0.6735", "1.0.7075"]
    assert _names(dest) == {"datomic-pro-1.0.7277", "datomic-pro-1.0.7705", "current"}
    assert not _run(dest, tmp_path / "datomic-pro-1.0.7277.zip", keep=1)["changed"]


def test_from_a_mirror_in_s3_into_the_deploy_bucket(
    tmp_path: pathlib.Path, archive: pathlib.Path, aws: Emulator
) -> None:
    s3 = aws.backstage("s3")
    for bucket in ("mirror", "deploy"):
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket="mirror", Key=f"releases/{archive.name}", Body=archive.read_bytes())
    options: dict[str, Any] = {
        "source": "s3://mirror/releases/datomic-pro-{version}.zip",
        "deploy_bucket": "deploy",
        "endpoint_url": aws.url,
    }
    predicted = _run(tmp_path / "opt", archive, check=True, **options)
    assert all(call.kind == "read" for call in aws.calls())
    result = _run(tmp_path / "opt", archive, **options)
    assert result["changed"], result
    assert predicted["diff"] == result["diff"]
    assert result["deploy_key"] == f"{VERSION}/{archive.name}"
    assert s3.get_object(Bucket="deploy", Key=result["deploy_key"])["Body"].read() == archive.read_bytes()
    beside = s3.get_object(Bucket="deploy", Key=result["deploy_key"] + ".sha256")["Body"].read().decode()
    assert beside == f"{result['sha256']}  {archive.name}\n"
    aws.clear_calls()
    assert not _run(tmp_path / "opt", archive, **options)["changed"]
    assert all(call.kind == "read" for call in aws.calls())


def test_a_deploy_bucket_that_is_not_there(tmp_path: pathlib.Path, archive: pathlib.Path, aws: Emulator) -> None:
    result = _run(tmp_path / "opt", archive, deploy_bucket="absent", endpoint_url=aws.url)
    assert "NoSuchBucket" in result["msg"]
    assert not (tmp_path / "opt").exists()


def test_the_deploy_bucket_holds_what_its_checksum_says(
    tmp_path: pathlib.Path, archive: pathlib.Path, aws: Emulator
) -> None:
    s3 = aws.backstage("s3")
    s3.create_bucket(Bucket="deploy")
    options: dict[str, Any] = {"deploy_bucket": "deploy", "endpoint_url": aws.url}
    key = _run(tmp_path / "opt", archive, **options)["deploy_key"]
    s3.delete_object(Bucket="deploy", Key=key)
    assert _run(tmp_path / "opt", archive, check=True, **options)["changed"]
    assert _run(tmp_path / "opt", archive, **options)["changed"]
    s3.put_object(Bucket="deploy", Key=key, Body=b"another file")
    assert _run(tmp_path / "opt", archive, **options)["changed"]
    assert s3.get_object(Bucket="deploy", Key=key)["Body"].read() == archive.read_bytes()
    assert not _run(tmp_path / "opt", archive, **options)["changed"]


def test_a_deploy_bucket_that_may_not_be_listed(tmp_path: pathlib.Path, archive: pathlib.Path, aws: Emulator) -> None:
    aws.backstage("s3").create_bucket(Bucket="deploy")
    aws.fault("s3:GetObject", code="AccessDenied", status=403, times=9)
    refused = _run(tmp_path / "opt", archive, deploy_bucket="deploy", endpoint_url=aws.url)
    assert "Without s3:ListBucket on the bucket S3 says so of a missing key too" in refused["msg"]


def test_credentials_of_another_account(tmp_path: pathlib.Path, archive: pathlib.Path, aws: Emulator) -> None:
    other: dict[str, Any] = {"account_id": "999999999999", "endpoint_url": aws.url}
    buckets: list[dict[str, Any]] = [{"deploy_bucket": "deploy"}, {"source": "s3://mirror/datomic.zip"}]
    for more in buckets:
        refused = _run(tmp_path / "opt", archive, **other, **more)
        assert "The credentials belong to account 123456789012, not to 999999999999" in refused["msg"]
    assert {call.service for call in aws.calls()} == {"sts"}
    aws.clear_calls()
    assert not _run(tmp_path / "opt", archive, **other)["failed"], "a file needs no credentials"
    assert aws.calls() == []


@pytest.mark.parametrize(
    ("options", "message"), [({"source": "/absent.zip"}, "cannot be read"), ({"checksum": "0" * 64}, "has the SHA-256")]
)
def test_a_check_looks_at_the_file(
    tmp_path: pathlib.Path, archive: pathlib.Path, options: dict[str, Any], message: str
) -> None:
    assert message in _run(tmp_path / "opt", archive, check=True, **options)["msg"]


def test_a_source_in_the_home_directory(
    tmp_path: pathlib.Path, archive: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert not _run(tmp_path / "opt", archive, source=f"~/{archive.name}")["failed"]


@pytest.mark.parametrize("absent", [False, True])
def test_credentials_in_a_url_are_not_shown(
    tmp_path: pathlib.Path, archive: pathlib.Path, mirror: Mirror, absent: bool
) -> None:
    url = mirror.url.replace("http://", "http://joe:hunter2%21x@") + "?X-Amz-Signature=deadbeefsecret"
    result = _run(tmp_path / "opt", archive, source=url.replace("datomic-pro", "absent") if absent else url)
    assert result["failed"] == absent
    assert not absent or "404" in result["msg"]
    assert "hunter2" not in json.dumps(result)
    assert "deadbeef" not in json.dumps(result)
