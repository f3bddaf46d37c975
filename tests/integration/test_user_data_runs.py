# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The user data really runs: what the transactor gets, as whom, and what happens when something goes wrong."""

from __future__ import annotations

import dataclasses
import io
import resource
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template.options import Options
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template.user_data import render, user_data
from jproperties import Properties

from tests.template_combinations import MACHINE
from tests.user_data_sandbox import Booted, Instance, boot, standin
from tests.user_data_sandbox.network import ACCESS_KEY

VERSION = "1.0.7277"
ARCHIVE = standin.archive(VERSION)
ZIP = f"s3://deploy-orders/{VERSION}/datomic-pro-{VERSION}.zip"
PUBLIC = f"/{VERSION}/datomic-pro-{VERSION}.zip"
OBJECTS = {ZIP: ARCHIVE, f"{ZIP}.sha256": f"{standin.checksum(ARCHIVE)}  datomic-pro-{VERSION}.zip\n".encode()}

JAR = "s3://jars/it's $(id).jar"

AWKWARD = {
    "command": "$(touch /etc/interpreted) `touch /etc/interpreted` ${HOME} $$",
    "quotes": """it's "quoted" \\ and \\\\ twice""",
    "unicode": "żółw 🐢 \x7f",
    "lines": "one\nEND-OF-PROPERTIES\nEOF\nEND-OF-FILE\ntouch /etc/interpreted\n",
    "marks": "@@ref:Xmx@@ @@value:log_dir@@ ${AWS::StackName}",
    "blanks": "  leading, tab\tand trailing ",
    "signs": "= : # ! % ; & | < > * ? [a]",
}
PROPERTIES = {
    "protocol": "ddb",
    "port": "4334",
    "aws-dynamodb-table": "orders",
    "aws-s3-log-bucket-id": "logs",
    "license-key": "",
    **AWKWARD,
}
OPTIONS = Options(
    secrets=("memcached-password", "sql-password"),
    secrets_versions={"memcached-password": 1},
    extra_jars=(JAR,),
)
START = user_data(PROPERTIES, OPTIONS, MACHINE)
SECRETS = {"memcached-password": "p`id`$(id)\"'\\ =:żółw🐢", "sql-password": "-n two  blanks"}
PARAMETERS = {
    "AWS::Region": "eu-central-1",
    "AWS::StackName": "orders",
    "Xmx": "2625m",
    "JavaOpts": "'-XX:+UseG1GC -Dstar=* -Dname=$(id)'",
    "DatomicDeployBucket": "deploy-orders",
    "DatomicVersion": VERSION,
    "DatomicSha256": "",
}
INSTANCE = Instance(
    user_data="",
    objects={**OBJECTS, JAR: b"PK"},
    instance_store=True,
    secrets={
        "/datomic/orders/memcached-password": (SECRETS["memcached-password"], "a newer one"),
        "/datomic/orders/sql-password": ("an older one", SECRETS["sql-password"]),
    },
)
NOFILE = min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def started(start: Any = None, instance: Instance = INSTANCE, **parameters: str) -> Booted:
    text = render(start or START, PARAMETERS | parameters)
    return boot(dataclasses.replace(instance, user_data=text))


def read(booted: Booted) -> dict[str, str]:
    """The recorded file as Java reads it."""
    properties = Properties()
    properties.load(io.BytesIO(booted.transactor["properties"].encode("latin-1")), "latin-1")
    return {key: value.data for key, value in properties.items()}


@pytest.fixture(scope="module")
def good() -> Booted:
    booted = started()
    assert booted.status == 0, booted.log + booted.journal
    return booted


def test_the_transactor_gets_every_value_unchanged(good: Booted) -> None:
    from_instance = {"host": "10.0.1.23", "alt-host": "203.0.113.7"}
    valcache = {"valcache-path": "/var/lib/datomic-valcache", "valcache-max-gb": "90"}
    assert read(good) == {**PROPERTIES, **SECRETS, **from_instance, **valcache}


def test_the_transactor_gets_heap_and_options_and_no_rights(good: Booted) -> None:
    seen = good.transactor
    options = ["-XX:+UseG1GC", "-Dstar=*", "-Dname=$(id)"]
    assert seen["arguments"] == ["-Xms2625m", "-Xmx2625m", *options, "/etc/datomic/transactor.properties"]
    assert (seen["user"], seen["directory"], seen["nofile"]) == ("datomic", "/opt/datomic", NOFILE)
    assert (seen["mode"], seen["owner"]) == (0o600, "datomic")
    assert "dnf -y -q --setopt=retries=20 install java-17-amazon-corretto-headless unzip" in good.ran


def test_success_is_signalled_once_with_the_roles_credentials(good: Booted) -> None:
    assert [signal["Status"] for signal in good.signals] == ["SUCCESS"]
    assert good.signals[0]["LogicalResourceId"] == "LaunchGroup"
    assert good.signals[0]["UniqueId"] == "i-0123456789abcdef0"
    assert {key for _operation, _params, key in good.calls} == {ACCESS_KEY}


def test_no_secret_is_in_the_script_or_the_log(good: Booted) -> None:
    text = render(START, PARAMETERS)
    for secret in SECRETS.values():
        assert secret not in text
        assert secret not in good.log


def test_at_shutdown_the_last_logs_are_saved(good: Booted) -> None:
    at = "s3://logs/orders/stopped/i-0123456789abcdef0"
    assert good.objects[f"{at}/log/datomic.log"] == b"first line\n"
    assert b"System started" in good.objects[f"{at}/journal.log"]
    assert f"{at}/cloud-init-output.log" in good.objects


def test_public_download_and_an_instance_without_public_address() -> None:
    own = {
        "protocol": "ddb",
        "valcache-path": "/var/lib/val cache",
    }
    machine = dataclasses.replace(MACHINE, instance_store=False)
    start = user_data(own, Options(java_version=21), machine, add_opens=True)
    instance = Instance(user_data="", downloads={PUBLIC: ARCHIVE}, public_address="", transactor="silent")
    booted = started(
        start,
        instance,
        DatomicDeployBucket="datomic-pro-downloads",
        DatomicSha256=standin.checksum(ARCHIVE),
        JavaOpts="",
    )
    assert booted.status == 0, booted.log + booted.journal
    assert read(booted) == {**own, "host": "10.0.1.23"}
    assert booted.transactor["valcache"] == "datomic"
    assert booted.transactor["arguments"][:-1] == ["-Xms2625m", "-Xmx2625m"]
    assert "--add-opens=java.base/java.nio=ALL-UNNAMED" in booted.transactor["environment"]["JDK_JAVA_OPTIONS"]
    assert [signal["Status"] for signal in booted.signals] == ["SUCCESS"]


def test_instance_store_holds_the_valcache_and_extra_jars_are_on_the_class_path(good: Booted) -> None:
    assert read(good)["valcache-path"] == "/var/lib/datomic-valcache"
    assert read(good)["valcache-max-gb"] == "90"
    assert "mkfs.xfs -q -f -L valcache /dev/nvme1n1" in good.ran
    # Datomic takes the times of its segments' last use from the file system.
    line = "LABEL=valcache /var/lib/datomic-valcache xfs defaults,strictatime,lazytime,nofail 0 2"
    assert line in good.transactor["store"].splitlines()
    assert "it's $(id).jar" in good.transactor["lib"]


def test_a_transactor_that_dies_is_reported_and_its_logs_are_saved() -> None:
    booted = started(instance=dataclasses.replace(INSTANCE, transactor="dies"))
    assert booted.status == 1
    assert [signal["Status"] for signal in booted.signals] == ["FAILURE"]
    assert booted.given_up
    at = "s3://logs/orders/stopped/i-0123456789abcdef0"
    assert booted.objects[f"{at}/log/datomic.log"] == b"it could not go on\n"
    assert b"no storage" in booted.objects[f"{at}/journal.log"]


def test_the_stack_hears_of_the_failure_before_the_group_ends_the_instance() -> None:
    booted = started(instance=dataclasses.replace(INSTANCE, transactor="dies"))
    told = [operation for operation, _params, _key in booted.calls]
    assert told.index("SignalResource") < told.index("SetInstanceHealth")


def test_logs_that_cannot_be_saved_keep_no_dead_transactor_in_its_group() -> None:
    booted = started(instance=dataclasses.replace(INSTANCE, transactor="dies", hangs="^s3:(PutObject|CreateMultipart)"))
    assert booted.given_up
    assert [signal["Status"] for signal in booted.signals] == ["FAILURE"]


def test_an_instance_that_cannot_reach_its_group_switches_itself_off() -> None:
    booted = started(instance=dataclasses.replace(INSTANCE, transactor="dies", hangs="^autoscaling:SetInstanceHealth"))
    assert "systemctl --no-block poweroff" in booted.ran


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        ({**OBJECTS, JAR: b"PK", ZIP: ARCHIVE[:-1] + b"!"}, "did NOT match"),
        ({ZIP: ARCHIVE}, "404"),
    ],
    ids=["damaged", "without checksum"],
)
def test_a_download_that_cannot_be_trusted_is_reported_and_not_started(objects: dict[str, bytes], reason: str) -> None:
    booted = started(instance=dataclasses.replace(INSTANCE, objects=objects))
    assert booted.status != 0
    assert not booted.transactor
    assert [signal["Status"] for signal in booted.signals] == ["FAILURE"]
    assert booted.given_up
    assert reason in booted.log
    logs = booted.objects["s3://logs/orders/stopped/i-0123456789abcdef0/cloud-init-output.log"]
    assert reason.encode() in logs


def test_a_missing_secret_is_reported() -> None:
    booted = started(instance=dataclasses.replace(INSTANCE, secrets={}))
    assert booted.status != 0
    assert not booted.transactor
    assert "ParameterNotFound" in booted.log
    assert [signal["Status"] for signal in booted.signals] == ["FAILURE"]
