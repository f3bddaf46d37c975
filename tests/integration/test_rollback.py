# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The automatic rollback of a failed update: old transactors serve on, and stack and files are as before."""

from __future__ import annotations

import concurrent.futures
import json
import pathlib
import re
import subprocess
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.emulator import Emulator
from tests.estate import Estate, Run

TRANSACTOR, CF = "aws/orders-transactor.properties", "aws/orders-cf.properties"
EXAMPLE = ROOT / "examples" / "estate"
SYSTEM = "orders"
EDIT = {"memory_index_max": "256m"}
BROKEN = "memory-index-max=256m"
"""What the emulator knows the broken version by."""
SLOWER = 20
"""Time for a version that crashes: at 120 a busy machine sees a dozen instances come and go between two looks."""
PATIENT = ("-e", "datomic_replace_timeout=120")


class Rolling:
    """A system whose update fails. before: what is to come back."""

    def __init__(self, aws: Emulator, directory: pathlib.Path, flavor: str = "modern") -> None:
        self.aws = aws
        self.estate = Estate(directory / "estate", aws.url, EXAMPLE)
        aws.configure(scale=120, pending=20, terminating=20, replacement=10, simulator=True, boot=40, metrics_delay=30)
        if flavor == "legacy":
            self.estate.edit(CF, aws_instance_type="m5.large")
        made = self.play("create.yml", "-e", f"datomic_template_flavor={flavor}")
        assert made.returncode == 0, made.output
        aws.advance(420)
        self.commit = self.head()
        self.before = self.now()
        aws.measure()

    def play(self, playbook: str = "update.yml", *arguments: str) -> Run:
        return self.estate.play(playbook, "--limit", SYSTEM, "-e", "datomic_replace_timeout=20", *arguments)

    def head(self) -> str:
        return self.estate.git("rev-parse", "HEAD").strip()

    def subjects(self, since: str) -> list[str]:
        """Of the commits, the newest first."""
        return self.estate.git("log", "--format=%s", f"{since}..").splitlines()

    def now(self) -> dict[str, Any]:
        stack, group = self.aws.backstage("cloudformation"), self.group()
        return {
            "template": json.loads(json.dumps(stack.get_template(StackName=SYSTEM)["TemplateBody"])),
            "instances": sorted(
                one["InstanceId"] for one in group["Instances"] if not one["LifecycleState"].startswith("Terminat")
            ),
            "sizes": [group[name] for name in ("MinSize", "DesiredCapacity", "MaxSize")],
            "files": {path.name: path.read_text() for path in (self.estate.directory / "aws").iterdir()},
        }

    def group(self) -> dict[str, Any]:
        found: list[dict[str, Any]] = self.aws.backstage("autoscaling").describe_auto_scaling_groups()[
            "AutoScalingGroups"
        ]
        (group,) = [one for one in found if one["AutoScalingGroupName"].startswith(f"{SYSTEM}-")]
        return group

    def require_rolled_back(self, failed: Run) -> None:
        items = self.aws.backstage("dynamodb").scan(TableName="datomic-onprem-state")["Items"]
        assert [json.loads(one["attempt"]["S"])["outcome"] for one in items] == ["rolled back"]
        assert self.aws.outage() == 0, "old transactors never stopped serving"
        assert self.estate.git("status", "--porcelain") == ""
        again = self.play()
        assert (again.returncode, again.writes(), again.changed[SYSTEM]) == (0, [], 0), again.output
        assert self.now() == self.before

    def require_finished_by_the_next_run(self) -> None:
        """The files are as before, the stack is not yet."""
        left = self.now()
        for part in ("files", "instances"):
            assert left[part] == self.before[part]
        assert left["template"] != self.before["template"]
        assert self.estate.git("status", "--porcelain") == ""
        self.aws.clear_faults()
        self.aws.configure(scale=120)
        finished = self.play()
        assert finished.returncode == 0, finished.output
        now = self.now()
        for part in ("files", "template", "sizes"):
            assert now[part] == self.before[part]
        assert self.aws.outage() <= 16_000, "one takeover"
        assert self.play().writes() == []


@pytest.mark.parametrize(
    ("flavor", "mode", "why"),
    [
        ("modern", "crash", "new instances ended by themselves"),
        ("legacy", "unhealthy", "the run has not finished after 20 s"),
    ],
)
def test_a_version_that_never_serves_goes_and_what_ran_is_as_before(
    aws: Emulator, tmp_path: pathlib.Path, flavor: str, mode: str, why: str
) -> None:
    system = Rolling(aws, tmp_path, flavor)
    aws.configure(modes={BROKEN: mode}, scale=SLOWER if mode == "crash" else 120)
    system.estate.edit(TRANSACTOR, **EDIT)
    planned = system.play("update.yml", "--check")
    screen = re.sub(r"\s+", " ", planned.output)
    assert re.search(rf"edited since {system.commit[:7]} \(.*\), to which a failed run returns", screen), planned.output
    failed = system.play("update.yml", *(PATIENT if mode == "crash" else ()))
    subject, *_others = system.subjects(system.commit)
    assert subject.startswith(f"{SYSTEM}: roll back to {system.commit[:7]}: The transactors were not replaced")
    system.require_rolled_back(failed)


def test_an_error_of_aws_before_the_takeover_ends_the_new_transactors_and_no_other(
    aws: Emulator, tmp_path: pathlib.Path
) -> None:
    """An update of the stack would choose itself which instances end."""
    system = Rolling(aws, tmp_path)
    system.estate.edit(TRANSACTOR, **EDIT)
    aws.fault("autoscaling:TerminateInstanceInAutoScalingGroup", code="ValidationError", status=400)
    failed = system.play("update.yml", "-e", "datomic_replace_timeout=120")
    system.require_rolled_back(failed)


def test_a_hook_that_refuses_commits_does_not_keep_the_stack_from_its_template(
    aws: Emulator, tmp_path: pathlib.Path
) -> None:
    system = Rolling(aws, tmp_path)
    aws.configure(modes={BROKEN: "crash"}, scale=SLOWER)
    hook = system.estate.directory / ".git" / "hooks" / "commit-msg"
    hook.write_text("#!/bin/sh\n! grep -q -e 'not replaced' -e 'roll back' \"$1\"\n")
    hook.chmod(0o755)
    system.estate.edit(TRANSACTOR, **EDIT)
    failed = system.play("update.yml", *PATIENT)
    assert failed.returncode != 0


def test_an_update_that_cloudformation_rolls_back_restores_the_files(aws: Emulator, tmp_path: pathlib.Path) -> None:
    """Somebody deletes the instance profile just before the update."""
    system = Rolling(aws, tmp_path, "legacy")
    system.estate.edit(TRANSACTOR, aws_transactor_role="another", **EDIT)
    fault = aws.fault("cloudformation:UpdateStack", mode="hold", seconds=300)
    iam = aws.backstage("iam")

    def delete() -> None:
        assert fault.held.wait(300)
        iam.remove_role_from_instance_profile(InstanceProfileName="another", RoleName="another")
        iam.delete_instance_profile(InstanceProfileName="another")
        aws.release()

    with concurrent.futures.ThreadPoolExecutor() as pool:
        deleted = pool.submit(delete)
        failed = system.play()
        deleted.result()
    assert system.subjects(system.commit)[0].startswith(f"{SYSTEM}: roll back to {system.commit[:7]}: Could not update")
    system.require_rolled_back(failed)


def test_credentials_that_expire_leave_the_rest_of_the_rollback_to_the_next_run(
    aws: Emulator, tmp_path: pathlib.Path
) -> None:
    system = Rolling(aws, tmp_path)
    system.estate.edit(TRANSACTOR, **EDIT)
    expired = {"code": "ExpiredToken", "message": "The security token included in the request is expired"}
    aws.fault("autoscaling:UpdateAutoScalingGroup", times=10**6, **expired)
    aws.fault("cloudformation:UpdateStack", k=2, times=10**6, **expired)
    failed = system.play()
    assert failed.returncode != 0
    system.require_finished_by_the_next_run()


def test_a_run_that_is_killed_while_it_rolls_back_is_finished_by_the_next_run(
    aws: Emulator, tmp_path: pathlib.Path
) -> None:
    system = Rolling(aws, tmp_path)
    aws.configure(modes={BROKEN: "crash"}, scale=SLOWER)
    system.estate.edit(TRANSACTOR, **EDIT)
    command = ["ansible-playbook", "-i", "inventory", "update.yml", "--limit", SYSTEM]
    with subprocess.Popen(command, cwd=system.estate.directory, env=system.estate.environment) as process:
        aws.fault("cloudformation:UpdateStack", k=2, mode="kill", pid=process.pid)
        assert process.wait() != 0
    system.require_finished_by_the_next_run()
