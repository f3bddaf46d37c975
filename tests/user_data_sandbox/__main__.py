# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Boots one instance after the other: each line of standard input names files for what is given, seen and told.

Each is a fork of this process, in namespaces of its own: it prepares the instance, runs its user data, and writes down
what was seen. What it has to say besides, such as an error, is told.
"""

from __future__ import annotations

import base64
import ctypes
import importlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import traceback
from typing import Any

import boto3

from tests.emulator import Emulator
from tests.user_data_sandbox import cli, network, rootless, stubs

STAGE = pathlib.Path("/run/instance")
LOG = pathlib.Path("/var/log/cloud-init-output.log")
REGION = "eu-central-1"

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, PR_SET_PDEATHSIG = 0x20000, 0x20000000, 0x40000000, 1


def main() -> None:
    for service in ("s3", "ssm"):
        boto3.client(service, REGION, aws_access_key_id="-", aws_secret_access_key="-")  # reads the service's model
    for service in ("autoscaling", "cloudformation", "s3", "ssm", "sts"):
        importlib.import_module(f"moto.{service}.responses")
    for line in sys.stdin:
        given, seen, told = map(pathlib.Path, line.rstrip("\n").split("\t"))
        if (child := os.fork()) == 0:
            apart(given, seen, told)
        os.waitpid(child, 0)
        print(flush=True)


def apart(given: pathlib.Path, seen: pathlib.Path, told: pathlib.Path) -> None:
    """In a fork: the namespaces, and in them a fork that is their first process, with which everything else ends."""
    code = 1
    try:
        with told.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        if user := os.geteuid():
            rootless.become_root()
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if LIBC.unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        if first := os.fork():
            os.waitpid(first, 0)
        else:
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            mounts(overlays=not user)
            instance(json.loads(given.read_text()), seen)
        code = 0
    except BaseException:
        traceback.print_exc()
    os._exit(code)


def instance(given: dict[str, Any], seen: pathlib.Path) -> None:
    network.up()
    stubs.install(STAGE / "bin", given)
    cli.install(STAGE)
    with (
        Emulator() as aws,
        network.metadata(given["public_address"]),
        network.downloads(STAGE, decoded(given["downloads"])),
    ):
        arrange(aws, given)
        aws.clear_calls()
        if given["hangs"]:
            aws.fault(match=given["hangs"], times=1000, mode="timeout", seconds=60)
        status = run(given["user_data"], aws.url)
        stubs.stop(STAGE)
        found = {
            "status": status,
            "log": LOG.read_text(),
            "journal": (STAGE / "journal").read_text() if (STAGE / "journal").exists() else "",
            "transactor": recorded(),
            "calls": [[call.operation, call.params, call.access_key] for call in aws.calls()],
            "objects": stored(aws),
            "ran": (STAGE / "ran").read_text().splitlines() if (STAGE / "ran").exists() else [],
        }
        seen.write_text(json.dumps(found, default=str))
        os._exit(0)  # the servers' threads would be waited for


def mounts(*, overlays: bool) -> None:
    """Nothing that is written from here on reaches the machine."""
    call("mount", "--make-rprivate", "/")
    call("mount", "-t", "proc", "proc", "/proc")
    call("mount", "-t", "tmpfs", "tmpfs", "/run")
    STAGE.mkdir()
    if not overlays:
        rootless.writable(STAGE)
        return
    for directory in ("/etc", "/opt", "/usr/local", "/var"):
        upper, work = (STAGE / kind / directory.strip("/").replace("/", "-") for kind in ("upper", "work"))
        upper.mkdir(parents=True)
        work.mkdir(parents=True)
        call(
            "mount",
            "-t",
            "overlay",
            "overlay",
            "-o",
            f"lowerdir={directory},upperdir={upper},workdir={work}",
            directory,
        )
    shutil.rmtree("/opt/datomic", ignore_errors=True)


def call(*command: str) -> None:
    subprocess.run(command, check=True)


def decoded(objects: dict[str, str]) -> dict[str, bytes]:
    return {name: base64.b64decode(content) for name, content in objects.items()}


def arrange(aws: Emulator, given: dict[str, Any]) -> None:
    """The account: objects in buckets, and the secrets."""
    s3, ssm = aws.backstage("s3", REGION), aws.backstage("ssm", REGION)
    objects = decoded(given["objects"])
    for bucket in sorted({name.split("/")[2] for name in objects} | {"logs"}):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    for name, content in objects.items():
        bucket, key = name.removeprefix("s3://").split("/", 1)
        s3.put_object(Bucket=bucket, Key=key, Body=content)
    for name, versions in given["secrets"].items():
        for value in versions:
            ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)


def run(user_data: str, endpoint: str) -> int:
    """As cloud-init does: the script is a file of root's, its output goes into a log."""
    script = STAGE / "user-data"
    script.write_text(user_data)
    script.chmod(0o700)
    environment = {
        "PATH": f"{STAGE}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_MAX_ATTEMPTS": "1",
        "CURL_CA_BUNDLE": str(STAGE / "ca.pem"),
    }
    with LOG.open("wb") as log:
        try:
            ran = subprocess.run([script], env=environment, stdout=log, stderr=log, cwd="/", check=False, timeout=60)
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"The user data does not end:\n{LOG.read_text()}") from error
        return ran.returncode


def recorded() -> Any:
    path = pathlib.Path("/opt/datomic/recorded.json")
    return json.loads(path.read_text()) if path.exists() else {}


def stored(aws: Emulator) -> dict[str, str]:
    s3 = aws.backstage("s3", REGION)
    return {
        f"s3://{bucket['Name']}/{entry['Key']}": base64.b64encode(
            s3.get_object(Bucket=bucket["Name"], Key=entry["Key"])["Body"].read()
        ).decode()
        for bucket in s3.list_buckets()["Buckets"]
        for entry in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", [])
    }


if __name__ == "__main__":
    main()
