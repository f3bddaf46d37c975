# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Part 5: ansible-runner runs update.yml of the example estate as AWX does, and its events are looked through."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from importlib.metadata import version
from typing import Any

import ansible_runner
import yaml

from tests.emulator import Emulator
from tests.estate import Estate
from tests.verify.tally import Tally

PASSWORD = "the-vault-password-of-the-estate"
AWS_SECRET = "aws-secret-out-of-the-vault"
MEMCACHED = "memcached-password-in-the-file"
SECRETS = (PASSWORD, AWS_SECRET, MEMCACHED)
TRANSACTOR = "aws/wormbase-transactor.properties"


class Project:
    """A private data directory as AWX lays it out: project, inventory, env with a vault password."""

    def __init__(self, directory: pathlib.Path, aws: Emulator) -> None:
        self.directory = directory
        self.estate = Estate(directory / "project", aws.url)
        (directory / "inventory").symlink_to(directory / "project" / "inventory")
        env = directory / "env"
        env.mkdir()
        environment = self.estate.environment | {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
        environment = {key: value for key, value in environment.items() if value}
        (env / "envvars").write_text(yaml.safe_dump(environment))
        (env / "passwords").write_text(yaml.safe_dump({r"Vault password:\s*?$": PASSWORD}))
        connection = {"access_key": "testing", "secret_key": AWS_SECRET, "region": "us-east-1"}
        # One password and memory settings that ask for nothing else; nothing of it is to be seen in an event.
        self.variables = {"datomic_aws": connection, "datomic_replace_settle": 0, "datomic_commit_secrets": "allow"}
        (directory / "project" / "vaulted.yml").write_text(self._vaulted(yaml.safe_dump(self.variables)))
        file = directory / "project" / TRANSACTOR
        file.write_text(
            f"{file.read_text()}\nmemcached-username=datomic\nmemcached-password={MEMCACHED}\nmemcached=h:1\n"
        )

    def _vaulted(self, text: str) -> str:
        password = self.directory / "password"
        password.write_text(PASSWORD)
        vault = str(pathlib.Path(sys.executable).with_name("ansible-vault"))
        command = [vault, "encrypt", "--vault-password-file", str(password), "--output", "-"]
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, check=True, env=self.estate.environment
        )
        password.unlink()
        return done.stdout

    def run(self, playbook: str, *arguments: str) -> tuple[str, list[dict[str, Any]]]:
        """The run's status and its events."""
        ran = ansible_runner.run(
            private_data_dir=str(self.directory),
            playbook=playbook,
            extravars={"datomic_replace": "stale"},
            cmdline=" ".join(("--ask-vault-pass", "-e", "@vaulted.yml", *arguments)),
            quiet=True,
        )
        return ran.status, list(ran.events)


def run(directory: pathlib.Path) -> Tally:
    tally = Tally(
        "ansible-runner",
        version("ansible-runner"),
        "create.yml, then update.yml as a check, a run and a failed run, with extra variables and a vault password: "
        "status, name of the failed task, no secret in any event",
    )
    with Emulator() as aws:
        aws.configure(scale=60, pending=1, terminating=1, replacement=1)
        project = Project(directory / "private", aws)
        status, events = project.run("create.yml")
        tally.same("create.yml", (status, leaked(events)), ("successful", []))

        project.estate.edit(TRANSACTOR, memory_index_max="256m")
        aws.clear_calls()
        status, events = project.run("update.yml", "--check", "--diff")
        writes = [call.name for call in aws.calls() if call.kind == "write"]
        tally.same("the check run", (status, leaked(events), writes), ("successful", [], []))
        shown = "".join(one.get("stdout", "") for one in events)
        tally.same("the check run shows the edit", "512m -> 256m" in shown, True)

        status, events = project.run("update.yml", "--diff")
        tally.same("the real run", (status, leaked(events), _changed(events)), ("successful", [], True))
        status, events = project.run("update.yml")
        tally.same("the same again", (status, leaked(events), _changed(events)), ("successful", [], False))

        project.estate.edit(TRANSACTOR, memory_index_max="128m")
        aws.fault("cloudformation:UpdateStack", code="AccessDenied", status=403, times=1000)
        aws.fault("cloudformation:CreateChangeSet", code="AccessDenied", status=403, times=1000)
        status, events = project.run("update.yml", "--diff")
        tally.same("the failed run", (status, leaked(events)), ("failed", []))
        failed = [one["event_data"]["task"] for one in events if one["event"] == "runner_on_failed"]
        tally.same("the failed task's name", failed, ["Plan the system"])
        tally.same("a task failed", bool(failed), True)

        play = [{"hosts": "all", "gather_facts": False, "tasks": [{"debug": {"msg": "{{ datomic_aws.secret_key }}"}}]}]
        (project.directory / "project" / "leak.yml").write_text(yaml.safe_dump(play))
        _status, events = project.run("leak.yml")
        what = "a task that prints a secret"
        tally.mistake(what, lambda broken: broken.same(what, leaked(events), []), AWS_SECRET)
    return tally


def leaked(events: list[dict[str, Any]]) -> list[str]:
    """The secrets that stand in the events, and in what is printed."""
    text = json.dumps(events)
    return [secret for secret in SECRETS if secret in text]


def _changed(events: list[dict[str, Any]]) -> bool:
    """Whether the recap tells of a change."""
    stats = [one["event_data"] for one in events if one["event"] == "playbook_on_stats"]
    return any(count for one in stats for count in one["changed"].values())
