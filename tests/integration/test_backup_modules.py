# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""backup_db, restore_db, backup_info and verify_backup with the stand-in's bin/datomic, to directories and to S3."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests import fake_cli
from tests.emulator import Emulator
from tests.integration import groups
from tests.modules import CREDENTIALS, run_module

ROOT = pathlib.Path(__file__).resolve().parents[2]
URI = "datomic:ddb://us-east-1/orders/main?aws_secret_key=hunter2hunter2"
CODE = (
    "import json, sys; import tests.conftest; from tests.modules import run_module; "
    "run_module('backup_db', json.loads(sys.argv[1]))"
)
"""A process that takes a backup with the options that it is given."""


class Site:
    """A machine with a distribution, a Java and one database in storage; its modules."""

    def __init__(self, root: pathlib.Path, aws: Emulator) -> None:
        self.root = root
        self.aws = aws
        # Not another test's: a machine takes one backup of a URI at a time.
        self.s3 = f"s3://backups{root}"
        self.storage = root / "storage"
        self.storage.mkdir()
        self.home = fake_cli.build(root)
        self.common: dict[str, Any] = {
            "datomic_home": str(self.home),
            "java_home": str(fake_cli.java(root / "jdk")),
            "endpoint_url": aws.url,
            **CREDENTIALS,
        }
        self.transact("main", 1001)

    def transact(self, name: str, t: int) -> None:
        (self.storage / f"{name}.json").write_text(json.dumps({"id": f"{name}-1", "t": t}))

    def holds(self, name: str) -> int:
        held: int = json.loads((self.storage / f"{name}.json").read_text())["t"]
        return held

    def run(self, module: str, backup: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
        return run_module(module, {**self.common, "backup_uri": backup, **options}, check=check)

    def take(self, backup: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
        return self.run("backup_db", backup, check=check, **{"database_uri": URI, **options})

    def restore(self, backup: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
        chosen: dict[str, Any] = {"database_uri": URI, "confirm": "main", "transactors_stopped": True, **options}
        return self.run("restore_db", backup, check=check, **chosen)


@pytest.fixture
def site(tmp_path: pathlib.Path, aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> Site:
    site = Site(tmp_path, aws)
    monkeypatch.setenv("STANDIN_STORAGE", str(site.storage))
    aws.backstage("s3").create_bucket(Bucket="backups")
    return site


@pytest.mark.parametrize("place", ["directory", "s3"])
def test_a_backup_s_whole_life(site: Site, place: str) -> None:
    uri = site.s3 if place == "s3" else f"file:{site.root}/backup/main"
    predicted = site.take(uri, check=True, heap="1g")
    assert predicted["changed"]
    assert predicted["t"] is None
    first = site.take(uri, heap="1g")
    assert not first["failed"], first
    assert (first["t"], first["copied_segments"], first["skipped_segments"]) == (1001, 2, 0)
    assert first["command"] == predicted["command"]
    assert first["command"].startswith("bin/datomic -Xmx1g -Xms1g backup-db datomic:ddb://us-east-1/orders/main?")
    site.transact("main", 2500)
    second = site.take(uri)
    assert (second["copied_segments"], second["skipped_segments"]) == (1, 2)
    listed = site.run("backup_info", uri)
    assert [item["t"] for item in listed["backups"]] == [2500, 1001]
    assert listed["newest"] == 2500
    assert 0 <= listed["age"] < 60
    assert site.run("verify_backup", uri, read_all=True)["t"] == 2500
    site.transact("main", 9000)
    assert site.restore(uri, t=1001)["t"] == 1001
    assert site.holds("main") == 1001


def test_no_secret_leaves(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANDIN_PRINT", "connecting with hunter2hunter2 and password=abcdefgh")
    log = site.root / "backup.log"
    done = site.take(f"file:{site.root}/b", log=str(log))
    failed = site.take(f"file:{site.root}/b", database_uri=URI.replace("main", "absent"))
    for shown in (json.dumps(done), json.dumps(failed), log.read_text()):
        assert "connecting with" in shown
        assert "hunter2" not in shown
        assert "abcdefgh" not in shown
    assert log.stat().st_mode & 0o777 == 0o600
    assert "Copying segment 1" in log.read_text()


def test_the_connection_reaches_the_tool_by_the_environment_alone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECURITY_TOKEN", "of-another-account")
    script = '#!/bin/sh\necho "$@" > seen\nenv | grep ^AWS_ | grep -v DISABLED | sort >> seen\n'
    (site.home / "bin" / "datomic").write_text(script)
    site.take(
        f"file:{site.root}/b", access_key="AKTEST", secret_key="s3cr3t-key", session_token="t", region="eu-west-1"
    )
    arguments, *environment = (site.home / "seen").read_text().splitlines()
    assert "AKTEST" not in arguments
    assert "s3cr3t-key" not in arguments
    assert {
        "AWS_ACCESS_KEY_ID=AKTEST",
        "AWS_SECRET_ACCESS_KEY=s3cr3t-key",
        "AWS_SESSION_TOKEN=t",
        "AWS_REGION=eu-west-1",
        f"AWS_ENDPOINT_URL={site.aws.url}",
    } < set(environment)
    assert "of-another-account" not in str(environment)


def test_only_when_the_newest_is_too_old(site: Site) -> None:
    uri = f"file:{site.root}/b"
    assert site.take(uri, max_age="1h")["changed"]
    assert not site.take(uri, max_age="1h")["changed"]
    old = time.time() - 7200
    os.utime(site.root / "b" / "roots" / "1001", (old, old))
    assert site.take(uri, max_age="1h", check=True)["changed"]
    refused = site.run("backup_info", uri, max_age="1h")
    assert refused["failed"]
    assert "is 2h old, and at most 1h is allowed" in refused["msg"]
    assert refused["newest"] == 1001
    assert not site.run("backup_info", uri, max_age="1d")["failed"]
    assert "holds no backup" in site.run("backup_info", f"file:{site.root}/none", max_age="1d")["msg"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"database_uri": "datomic:ddb://us-east-1/orders/absent"}, "The database does not exist in this storage"),
        ({"backup": "s3://absent/main"}, "The bucket absent of s3://absent/main does not exist"),
        ({"backup": "file:/proc/1/backup"}, "/proc/1"),
        ({"datomic_home": "/absent"}, "no distribution of Datomic"),
        ({"heap": "lots"}, "heap must be digits"),
        ({"encryption": "sse"}, "a backup in a directory has none"),
        ({"max_age": "soon"}, "is no age"),
        ({"log": "/absent/backup.log"}, "The log /absent/backup.log cannot be written"),
    ],
)
def test_bad_input_is_one_clear_error(site: Site, options: dict[str, Any], message: str) -> None:
    result = site.take(options.pop("backup", f"file:{site.root}/b"), **options)
    assert result["failed"]
    assert message in result["msg"]
    assert "at datomic.backup" not in result["msg"]


def test_a_second_database_does_not_go_to_the_same_uri(site: Site) -> None:
    uri = f"file:{site.root}/b"
    site.take(uri)
    site.transact("other", 1)
    result = site.take(uri, database_uri=URI.replace("main", "other"))
    assert result["exit_code"] == 1
    assert "Each database needs its own URI" in result["msg"]


def test_a_bucket_in_another_region(site: Site) -> None:
    site.aws.backstage("s3", "eu-west-1").create_bucket(
        Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    far = site.s3.replace("backups", "far", 1)
    assert "set backup_region to eu-west-1" in site.take(far)["msg"]
    assert not site.take(far, backup_region="eu-west-1")["failed"]
    assert "set backup_region to eu-west-1" in site.run("backup_info", far)["msg"]


def test_a_bucket_without_rights(site: Site) -> None:
    site.aws.fault("s3:HeadBucket", code="403", status=403, times=9)
    assert "The credentials have no rights on the bucket backups" in site.take(site.s3)["msg"]


def test_rights_that_end_at_reading(site: Site) -> None:
    site.aws.fault("s3:PutObject", code="AccessDenied", status=403, times=9)
    result = site.take(site.s3)
    assert "The credentials lack permissions" in result["msg"]


def test_a_rule_that_expires_objects(site: Site) -> None:
    rule = {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 30}}
    site.aws.backstage("s3").put_bucket_lifecycle_configuration(
        Bucket="backups", LifecycleConfiguration={"Rules": [rule]}
    )
    refused = site.take(site.s3)
    assert "tidy (expires objects below the whole bucket)" in refused["msg"]
    assert site.aws.backstage("s3").list_objects_v2(Bucket="backups")["KeyCount"] == 0
    assert not site.take(site.s3, accept_lifecycle=True)["failed"]


def test_sse_is_passed_on(site: Site) -> None:
    site.take(site.s3, encryption="sse")
    head = site.aws.backstage("s3").head_object(Bucket="backups", Key=f"{str(site.root)[1:]}/roots/1001")
    assert head["ServerSideEncryption"] == "AES256"


def test_a_tool_that_hangs_is_stopped(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANDIN_SLEEP", "60")
    began = time.monotonic()
    result = site.take(f"file:{site.root}/b", timeout=1)
    assert "did not end within 1 seconds and was stopped" in result["msg"]
    assert time.monotonic() - began < 10


def test_what_a_tool_printed_before_it_failed_is_a_list_that_ends(site: Site) -> None:
    script = "#!/bin/sh\ni=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; exit 1\n"
    (site.home / "bin" / "datomic").write_text(script)
    calls: dict[str, dict[str, Any]] = {
        "backup_db": {"database_uri": URI},
        "backup_info": {},
        "verify_backup": {"t": 1},
    }
    for module, options in calls.items():
        output = site.run(module, f"file:{site.root}/b", **options)["output"]
        assert output[-1] == "line 2999"
        assert len(output) == 40


def test_a_tool_that_is_killed(site: Site) -> None:
    (site.home / "bin" / "datomic").write_text("#!/bin/sh\nkill -9 $$\n")
    assert "was killed (SIGKILL)" in site.take(f"file:{site.root}/b")["msg"]


def test_java_that_is_too_old(site: Site) -> None:
    old = fake_cli.java(site.root / "old", 'openjdk version "1.8.0_392"')
    assert "needs Java 11 or newer, and java here is 8" in site.take(f"file:{site.root}/b", java_home=str(old))["msg"]


def test_one_at_a_time_also_when_the_first_module_dies(site: Site) -> None:
    uri = f"file:{site.root}/b"
    started = site.root / "started"
    environment = {
        **os.environ,
        "STANDIN_STORAGE": str(site.storage),
        "STANDIN_STARTED": str(started),
        "STANDIN_SLEEP": "3",
    }
    params = json.dumps({**site.common, "backup_uri": uri, "database_uri": URI})
    with subprocess.Popen([sys.executable, "-c", CODE, params], env=environment, cwd=ROOT) as first:
        _wait_for(started.exists)
        assert "Another backup or restore" in site.restore(uri, check=True)["msg"]
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert "Another backup or restore" in site.take(uri + "/")["msg"]  # the tool itself goes on
    _wait_for(lambda: not site.take(uri, check=True)["failed"])


def test_the_lock_does_not_follow_the_directory_for_temporary_files(site: Site) -> None:
    uri = f"file:{site.root}/b"
    started = site.root / "started"
    (site.root / "tmp").mkdir()
    environment = {
        **os.environ,
        "STANDIN_STORAGE": str(site.storage),
        "STANDIN_STARTED": str(started),
        "STANDIN_SLEEP": "60",
        "TMPDIR": str(site.root / "tmp"),
    }
    params = json.dumps({**site.common, "backup_uri": uri, "database_uri": URI, "timeout": 3})
    with subprocess.Popen([sys.executable, "-c", CODE, params], env=environment, cwd=ROOT):
        _wait_for(started.exists)
        assert "Another backup or restore" in site.take(uri)["msg"]


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confirm": None}, "confirm has to be its name, main"),
        ({"confirm": "orders"}, "confirm has to be its name, main"),
        ({"transactors_stopped": False}, "give stack_name or auto_scaling_group_name"),
        ({"t": 5}, "has no point in time 5. It has 1001"),
        ({"backup": "s3://backups/empty"}, "holds no backup"),
    ],
)
def test_restores_that_are_refused(site: Site, options: dict[str, Any], message: str) -> None:
    site.take(f"file:{site.root}/b")
    site.transact("main", 9000)
    result = site.restore(options.pop("backup", f"file:{site.root}/b"), **options)
    assert message in result["msg"]
    assert site.holds("main") == 9000


def test_a_restore_looks_whether_transactors_run(site: Site) -> None:
    site.take(f"file:{site.root}/b")
    site.aws.configure(launch_configurations=True)
    ec2, scaling = site.aws.backstage("ec2"), site.aws.backstage("autoscaling")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    scaling.create_launch_configuration(LaunchConfigurationName="lc", ImageId=image, InstanceType="m5.large")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="group",
        LaunchConfigurationName="lc",
        MinSize=1,
        MaxSize=1,
        AvailabilityZones=["us-east-1a"],
    )
    options: dict[str, Any] = {"transactors_stopped": False, "auto_scaling_group_name": "group"}
    refused = site.restore(f"file:{site.root}/b", **options)
    assert "a restore needs all of them stopped" in refused["msg"] or "about to start transactors" in refused["msg"]
    scaling.update_auto_scaling_group(AutoScalingGroupName="group", MinSize=0, DesiredCapacity=0)
    deadline = time.monotonic() + 20
    while (result := site.restore(f"file:{site.root}/b", **options))["failed"]:
        assert "stopped" in result["msg"], result
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert result["t"] == 1001
    absent = site.restore(f"file:{site.root}/b", transactors_stopped=False, auto_scaling_group_name="absent")
    assert "There is no auto scaling group absent" in absent["msg"]


def test_a_restore_looks_at_the_groups_of_a_stack(site: Site) -> None:
    site.take(f"file:{site.root}/b")
    groups.create(site.aws)
    site.aws.clear_calls()
    refused = site.restore(f"file:{site.root}/b", transactors_stopped=False, stack_name="orders")
    assert groups.group_name(site.aws) in refused["msg"]
    assert "restore" in refused["msg"]
    asked = {f"{call.service}:{call.operation}" for call in site.aws.calls()}
    assert asked == {"cloudformation:ListStackResources", "autoscaling:DescribeAutoScalingGroups"}
    absent = site.restore(f"file:{site.root}/b", transactors_stopped=False, stack_name="absent")
    assert "Could not read the resources of the stack absent" in absent["msg"]


@pytest.mark.parametrize("module", ["backup_db", "restore_db", "backup_info", "verify_backup"])
def test_credentials_of_another_account(site: Site, module: str) -> None:
    site.take(site.s3)
    database: dict[str, Any] = {"database_uri": URI} if module in ("backup_db", "restore_db") else {}
    confirmed: dict[str, Any] = {"confirm": "main", "transactors_stopped": True} if module == "restore_db" else {}
    site.aws.clear_calls()
    refused = site.run(module, site.s3, account_id="999999999999", **database, **confirmed)
    assert "The credentials belong to account 123456789012, not to 999999999999" in refused["msg"]
    assert {call.service for call in site.aws.calls()} == {"sts"}, "nothing else was asked"
    assert not site.run(module, site.s3, account_id="123456789012", **database, **confirmed)["failed"]


def test_an_exit_code_of_0_is_no_backup_by_itself(site: Site) -> None:
    uri = f"file:{site.root}/b"
    tool = site.home / "bin" / "datomic"
    honest = tool.read_text()
    tool.write_text("#!/bin/sh\necho nothing to see\nexit 0\n")
    refused = site.take(uri)
    assert "ended with exit code 0, but" in refused["msg"]
    assert "nothing to see" in refused["msg"]
    tool.write_text(honest)
    assert site.take(uri)["t"] == 1001
    assert not site.take(uri)["failed"], "the database has not changed, and the tool says so"
    tool.write_text("#!/bin/sh\nexit 0\n")
    assert "ended with exit code 0, but" in site.take(uri)["msg"], "what is there came from another run"
    assert not site.take(uri, max_age="1h")["failed"]


@pytest.mark.parametrize(("module", "command"), [("backup_info", "list-backups"), ("verify_backup", "verify-backup")])
def test_a_release_without_the_command(site: Site, module: str, command: str) -> None:
    site.take(f"file:{site.root}/b")
    old = fake_cli.build(site.root, "0.9.4880")
    known = "#!/bin/sh\nprintf 'Available commands:\\n  backup-db\\n  restore-db\\n' >&2\nexit 1\n"
    (old / "bin" / "datomic").write_text(known)
    options: dict[str, Any] = {"t": 1001} if module == "verify_backup" else {}
    result = site.run(module, f"file:{site.root}/b", datomic_home=str(old), **options)
    assert f"Release 0.9.4880 has no {command}" in result["msg"]


def test_dev_storage_needs_its_transactor(site: Site) -> None:
    uri = "datomic:dev://localhost:4334/main"
    site.take(f"file:{site.root}/b", database_uri=uri)
    assert not site.restore(f"file:{site.root}/b", database_uri=uri, transactors_stopped=False)["failed"]


def test_the_database_by_name(site: Site) -> None:
    file = site.root / "transactor.properties"
    file.write_text("protocol=ddb\nhost=h\nport=4334\naws-dynamodb-table=orders\naws-dynamodb-region=eu-west-1\n")
    result = site.take(f"file:{site.root}/b", database_uri=None, database="main", transactor_src=str(file))
    assert "datomic:ddb://eu-west-1/orders/main" in result["command"]


def test_a_backup_that_lacks_a_segment_does_not_verify(site: Site) -> None:
    uri = f"file:{site.root}/b"
    site.take(uri)
    (site.root / "b" / "values" / "0").write_text("bit rot")
    assert not site.run("verify_backup", uri)["failed"]
    assert "unreadable segment" in site.run("verify_backup", uri, read_all=True)["msg"]
    (site.root / "b" / "values" / "0").unlink()
    assert "missing segment 0" in site.run("verify_backup", uri)["msg"]
