# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shell steps of examples/ci against the emulator: plan in one clone, apply in another one, push to the remote."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
from collections.abc import Iterable

from jsonschema import Draft202012Validator

from tests.ci_examples import Step, github, gitlab
from tests.emulator import Emulator
from tests.emulator.account import snapshot
from tests.estate import ROOT, Estate

TRANSACTOR = "aws/wormbase-transactor.properties"
SCHEMA = Draft202012Validator(json.loads((ROOT / "docs" / "plan.schema.json").read_text("utf-8")))
PULL_REQUEST = "https://github.com/example/estate/pull/7"
GITLAB = {
    "CI_DEFAULT_BRANCH": "main",
    "CI_JOB_ID": "1",
    "AWS_TOKEN": "token",
    "PLAN_ROLE": "arn:aws:iam::123456789012:role/plan",
    "APPLY_ROLE": "arn:aws:iam::123456789012:role/apply",
}
"""What GitLab and the project's settings define."""


class Forge:
    """A repository on a server, and the machines that run its jobs."""

    def __init__(self, tmp_path: pathlib.Path, aws: Emulator) -> None:
        aws.configure(scale=600)
        self.tmp_path = tmp_path
        self.estate = Estate(tmp_path / "estate", aws.url)
        self.estate.git("clone", "--quiet", "--bare", ".", str(tmp_path / "origin.git"))
        self.estate.git("remote", "add", "origin", str(tmp_path / "origin.git"))
        self.programs = tmp_path / "bin"
        self.programs.mkdir()
        gh = self.programs / "gh"
        gh.write_text('#!/bin/sh\nprintf "%s\\n" "$GH_TOKEN $*" > gh.arguments\n')
        gh.chmod(0o755)

    def push(self, message: str, **values: str) -> None:
        """Commit edits of the transactor's file to main, as a merged pull request does."""
        self.estate.git("pull", "--quiet", "--rebase", "origin", "main")
        self.estate.edit(TRANSACTOR, **values)
        self.estate.git("commit", "--quiet", "--all", "--message", message)
        self.estate.git("push", "--quiet", "origin", "main")

    def clone(self, name: str, plans: pathlib.Path | None = None, *, detached: bool = False) -> pathlib.Path:
        """What a job starts with. The commit's author is in the job's variables only. plans: from another clone."""
        directory = self.tmp_path / name
        self.estate.git("clone", "--quiet", str(self.tmp_path / "origin.git"), str(directory))
        if detached:
            subprocess.run(["git", "checkout", "--quiet", "--detach"], cwd=directory, check=True)
        if plans:
            shutil.copytree(plans / "plans", directory / "plans")
        return directory

    def run(self, steps: Iterable[Step], directory: pathlib.Path) -> tuple[int, str]:
        """Run a job's steps until one fails. Returns: exit status, and what they printed."""
        output = ""
        for step in steps:
            environment = {**self.estate.environment, **step.env}
            environment["PATH"] = f"{self.programs}:{environment['PATH']}"
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.script],
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            output += done.stdout
            if done.returncode:
                return done.returncode, output
        return 0, output

    def subjects(self) -> list[str]:
        return self.estate.git("--git-dir", str(self.tmp_path / "origin.git"), "log", "--format=%s").splitlines()


def plan_of(directory: pathlib.Path) -> dict[str, object]:
    plan: dict[str, object] = json.loads((directory / "plans" / "wormbase.json").read_text())
    SCHEMA.validate(plan)
    return plan


def test_plan_in_one_clone_approved_and_applied_in_another(tmp_path: pathlib.Path, aws: Emulator) -> None:
    forge = Forge(tmp_path, aws)
    created = forge.estate.play("datomic_onprem.aws.create")
    assert created.returncode == 0, created.output

    forge.push("More index", memory_index_max="300m")
    before = snapshot(aws)
    planned = forge.clone("planned")
    steps = github("plan", github__token="token", github__event__pull_request__html_url=PULL_REQUEST)
    status, output = forge.run(steps, planned)
    assert status == 0, output
    assert snapshot(aws) == before
    assert (planned / "gh.arguments").read_text() == (
        f"token pr comment {PULL_REQUEST} --edit-last --create-if-none --body-file comment.md\n"
    )
    assert "-> 300m" in (planned / "comment.md").read_text()
    assert plan_of(planned)["changes"]

    commits = forge.subjects()
    status, output = forge.run(github("apply"), forge.clone("applied", planned))
    assert status == 0, output
    assert forge.subjects()[-len(commits) :] == commits
    assert len(forge.subjects()) > len(commits)

    forge.push("Even more index", memory_index_max="320m")
    again = forge.clone("again", detached=True)
    status, output = forge.run(gitlab("plan", **GITLAB), again)
    assert status == 0, output
    assert "-> 320m" in (again / "plans" / "screen.txt").read_text()

    before, commits = snapshot(aws), forge.subjects()
    status, output = forge.run(gitlab("apply", **GITLAB), forge.clone("refused", planned, detached=True))
    assert status != 0
    assert "-> 300m was approved, this plan has" in output
    assert "Nothing was changed." in output
    assert (snapshot(aws), forge.subjects()) == (before, commits)

    status, output = forge.run(gitlab("apply", **GITLAB), forge.clone("approved", again, detached=True))
    assert status == 0, output
    assert len(forge.subjects()) > len(commits)
