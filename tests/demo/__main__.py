# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""make demo: a new system and an old one on an emulated AWS. KEEP=1 leaves everything running."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from typing import Any

import boto3

from tests.estate import ROOT, Estate, Run, configure

EXAMPLE = ROOT / "examples" / "estate"


def say(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def expect(condition: bool, what: str) -> None:
    """The demo is checked too: it ends with an error when it does not show what it says."""
    if not condition:
        raise SystemExit(f"The demo did not do what it shows: {what}")


class Demo:
    def __init__(self, directory: pathlib.Path, url: str) -> None:
        self.estate = Estate(directory / "estate", url, EXAMPLE)
        self.runs: list[tuple[str, Run, float]] = []
        # A minute of AWS lasts a second. The transactors on the instances beat, and CloudWatch shows it a little later.
        configure(url, scale=60, pending=20, terminating=30, replacement=60, simulator=True, boot=40, metrics_delay=30)

    def play(self, playbook: str, *arguments: str) -> Run:
        command = " ".join(("ansible-playbook -i inventory", playbook, *arguments))
        print(f"\n$ {command}", flush=True)
        start = time.monotonic()
        run = self.estate.play(playbook, *arguments, echo=True)
        self.runs.append((" ".join((playbook, *arguments)), run, time.monotonic() - start))
        expect(run.returncode == 0, f"{command} failed")
        return run

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=self.estate.url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def instances(self, system: str) -> dict[str, str]:
        """What a system's instances in service were launched with, by id."""
        groups = self.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        return {
            each["InstanceId"]: "launch template" if "LaunchTemplate" in each else "launch configuration"
            for group in groups
            if group["AutoScalingGroupName"].startswith(f"{system}-")
            for each in group["Instances"]
            if each["LifecycleState"] == "InService"
        }

    def outage(self) -> float:
        """The longest time without an active transactor since it was last asked, in seconds of AWS."""
        with urllib.request.urlopen(f"{self.estate.url}/emulator/outages") as answer:
            longest: float = max((each["milliseconds"] for each in json.load(answer)), default=0.0) / 1000
        urllib.request.urlopen(urllib.request.Request(f"{self.estate.url}/emulator/measure", b"{}")).close()
        return longest

    def show(self) -> None:
        """The story, step by step."""
        say("Before: wormbase, an old stack with the template of bin/datomic")
        made = self.estate.play("create.yml", "--limit", "wormbase", "-e", "datomic_template_flavor=legacy")
        expect(made.returncode == 0, f"the legacy stack was not created:\n{made.output}")
        legacy = self.instances("wormbase")
        expect(list(legacy.values()) == ["launch configuration"], f"wormbase has one transactor, not {legacy}")

        say("1. Create a new system, orders, from two properties files with blank names")
        self.play("create.yml", "--limit", "orders")
        first = self.instances("orders")
        expect(list(first.values()) == ["launch template"] * 2, f"orders has two modern transactors, not {first}")

        say("2. Update both systems: nothing changes, and each stack keeps its template")
        again = self.play("update.yml")
        expect(set(again.changed.values()) == {0}, "the second run reports changed=0")

        say("3. Edit both systems: less memory for the index")
        for system in ("orders", "wormbase"):
            self.estate.edit(f"aws/{system}-transactor.properties", memory_index_max="256m")
        print("\n$ git diff --unified=0", flush=True)
        print(self.estate.git("diff", "--unified=0"), end="")

        say("4. Show the plan of an update of orders")
        plan = self.play("update.yml", "--limit", "orders", "--check", "--diff")
        expect(not plan.writes(), f"the check makes no mutating call, but it made {plan.writes()}")

        say("5. Update orders: a new pair starts and stands by, then the old pair is terminated")
        self.outage()
        rolled = self.play("update.yml", "--limit", "orders")
        second = self.instances("orders")
        expect(len(second) == 2 and not set(first) & set(second), f"{first} were replaced, now {second} run")
        outage = self.outage()
        print(f"\nThe longest time without an active transactor: {outage:.1f} s of AWS")
        expect(outage < 30, f"a standby took over at once, but nobody was active for {outage} s")
        expect("is beating" in rolled.output, "the timeline shows the heartbeats of the standbys")

        say("6. Update wormbase: without metrics, the new transactor only has to run for five minutes of AWS")
        self.play("update.yml", "--limit", "wormbase")
        updated = self.instances("wormbase")
        expect(list(updated.values()) == ["launch configuration"], f"wormbase keeps its template, not {updated}")
        expect(not set(legacy) & set(updated), f"{legacy} was replaced, now {updated} runs")

        self.summary([*legacy, *first], [*updated, *second])

    def summary(self, first: list[str], second: list[str]) -> None:
        """What exists now, and what each run cost."""
        say("What exists now")
        table = self.client("dynamodb").list_tables()["TableNames"]
        buckets = [bucket["Name"] for bucket in self.client("s3").list_buckets()["Buckets"]]
        roles = [role["RoleName"] for role in self.client("iam").list_roles()["Roles"]]
        groups = [group["GroupName"] for group in self.client("ec2").describe_security_groups()["SecurityGroups"]]
        stacks = self.client("cloudformation").describe_stacks()["Stacks"]
        for name, values in (
            ("tables", table),
            ("log buckets", buckets),
            ("roles", roles),
            ("security groups", groups),
            ("stacks", [f"{stack['StackName']} ({stack['StackStatus']})" for stack in stacks]),
            ("old instances", first),
            ("new instances", second),
        ):
            print(f"  {name:16} {', '.join(values)}")

        say("The commits")
        print(self.estate.git("log", "--oneline", "--stat", "--reverse"), end="")

        say("Calls to AWS")
        print(f"  {'run':40} {'read':>5} {'plan':>5} {'write':>5} {'seconds':>8}")
        for name, run, seconds in self.runs:
            kinds = run.kinds()
            print(f"  {name:40} {kinds['read']:5} {kinds['plan']:5} {kinds['write']:5} {seconds:8.1f}")
        print("  plan: change sets that are created and deleted. A run without changes makes no write.")


def main() -> int:
    directory = pathlib.Path(tempfile.mkdtemp(prefix="datomic-demo-"))
    keep = bool(os.environ.get("KEEP"))
    ready = directory / "emulator"
    with (directory / "emulator.log").open("w") as log:
        emulator = subprocess.Popen(
            [sys.executable, "-m", "tests.emulator", "--ready-file", str(ready)],
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=keep,
        )
    try:
        url = wait_for(ready, emulator)
        print(f"The emulated AWS listens on {url}; the repository is {directory / 'estate'}")
        Demo(directory, url).show()
        return 0
    finally:
        # A failed demo is kept too.
        if keep and emulator.poll() is None and ready.exists():
            print(how_to_look_around(ready.read_text().strip(), directory, emulator.pid))
        else:
            emulator.terminate()
            emulator.wait()
            shutil.rmtree(directory)


def wait_for(ready: pathlib.Path, emulator: subprocess.Popen[bytes]) -> str:
    """The emulator's URL, once it listens."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if ready.exists() and (url := ready.read_text().strip()):
            return url
        expect(emulator.poll() is None, "the emulator did not start")
        time.sleep(0.05)
    raise SystemExit("The emulator did not start within a minute.")


def how_to_look_around(url: str, directory: pathlib.Path, pid: int) -> str:
    """Commands for a shell."""
    programs = pathlib.Path(sys.executable).parent
    return f"""
Everything is left running. To look around:
  export AWS_ENDPOINT_URL={url} AWS_ACCESS_KEY_ID=testing AWS_SECRET_ACCESS_KEY=testing AWS_DEFAULT_REGION=us-east-1
  export PATH={shlex.quote(str(programs))}:$PATH ANSIBLE_COLLECTIONS_PATH={shlex.quote(str(ROOT / ".tree"))}
  cd {directory / "estate"}  # the repository
  curl -s {url}/emulator/log  # every call
  ansible-playbook -i inventory update.yml --check --diff
and any AWS client. To stop it:
  kill {pid}; rm -r {directory}
"""


if __name__ == "__main__":
    sys.exit(main())
