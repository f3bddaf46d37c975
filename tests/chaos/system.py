# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One system of the example estate, and a run of its modules in the order in which the playbooks run them."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.testing import patch_module_args

from tests.emulator import Emulator
from tests.estate import EXAMPLE
from tests.modules import CREDENTIALS

OURS = "ansible_collections.datomic_onprem.aws.plugins.modules."
STACK_MODULE = "ansible_collections.amazon.aws.plugins.modules.cloudformation"
READ_TIMEOUT = 2
"""Seconds, in place of botocore's 60."""
UNIQUE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""The random part of a bucket's name: the same name in every file is what counts, not which."""


class ModuleError(Exception):
    """A module failed; what it said."""


class System:
    """The example's files in a git repository of their own."""

    def __init__(self, directory: pathlib.Path, aws: Emulator) -> None:
        self.directory = directory
        self.aws = aws
        self.transactor = directory / "aws" / "wormbase-transactor.properties"
        self.cf = directory / "aws" / "wormbase-cf.properties"
        self.template = directory / "aws" / "wormbase-cf.json"
        self.said = ""
        shutil.copytree(EXAMPLE, directory)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("config", "user.name", "Operator")
        self.git("config", "user.email", "operator@example.com")
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "The first day")

    def git(self, *arguments: str) -> str:
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        return subprocess.run(
            ["git", *arguments], cwd=self.directory, env=environment, check=True, capture_output=True, text=True
        ).stdout

    def module(self, name: str, params: Mapping[str, Any], *, check: bool = False) -> dict[str, Any]:
        """The result of a module; ModuleError with its message."""
        printed = io.StringIO()
        args = {**params, "_ansible_check_mode": check, "_ansible_diff": True, "_ansible_remote_tmp": "/tmp"}
        try:
            with patch_module_args(args), contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
                importlib.import_module(name).main()
        finally:
            self.said += printed.getvalue()
        result: dict[str, Any] = json.loads(printed.getvalue().strip().splitlines()[-1])
        if result.get("failed"):
            raise ModuleError(result["msg"])
        return result

    def run(self) -> None:
        """Register, provision, template, stack, register: also after a failure, as the playbooks do."""
        short = {"read_timeout": READ_TIMEOUT, "connect_timeout": READ_TIMEOUT}
        connection = {**CREDENTIALS, "endpoint_url": self.aws.url, "aws_config": short}
        files = {"cf_src": str(self.cf), "transactor_src": str(self.transactor)}
        self.module(OURS + "validate_properties", {**files, "datomic_version": "1.0.7277"})
        self.register()
        try:
            self.module(OURS + "ensure_transactor", {**connection, "src": str(self.transactor)})
            options = {"src": str(self.cf), "transactor_src": str(self.transactor), "datomic_version": "1.0.7277"}
            self.module(OURS + "ensure_cf", {**connection, **options})
            self.module(OURS + "create_cf_template", {**connection, **files, "dest": str(self.template)})
            stack = {"stack_name": "wormbase", "state": "present", "template_body": self.template.read_text()}
            self.stack({**connection, **stack})
        finally:
            self.register()

    def stack(self, params: Mapping[str, Any]) -> None:
        """As the role does: once more when the answer to an earlier request was lost."""
        try:
            self.module(STACK_MODULE, params)
        except ModuleError as error:
            if "AlreadyExistsException" not in str(error):
                raise
            self.module(STACK_MODULE, params)

    def register(self) -> None:
        paths = [str(path) for path in (self.transactor, self.cf, self.template) if path.exists()]
        self.module(OURS + "register_files", {"paths": paths, "commit_message": "Register"})

    def edit(self) -> None:
        """The change that an update brings."""
        text = self.transactor.read_text()
        self.transactor.write_text(text.replace("memory-index-max=512m", "memory-index-max=256m"))

    def put(self, values: Mapping[str, str]) -> None:
        """Set keys of the transactor's file, those that are not there at its end."""
        text = self.transactor.read_text()
        for key, value in values.items():
            line = f"{key}={value}"
            text, found = re.subn(rf"(?m)^{re.escape(key)}=.*$", lambda _match, line=line: line, text)
            text += "" if found else f"{line}\n"
        self.transactor.write_text(text)

    def state(self) -> dict[str, Any]:
        """The end state, random parts aside: account, group, files, what is committed, what is left over."""
        groups = self.aws.backstage("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        stacks = self.aws.backstage("cloudformation").describe_stacks()["Stacks"]
        inside = [path for path in self.directory.rglob("*") if ".git/objects" not in str(path)]
        known = {"hooks", "info", "refs", "logs", "branches"}
        state = {
            "account": self.aws.snapshot(),
            "groups": [len(group["Instances"]) for group in groups],
            "stacks": [(stack["StackName"], stack["StackStatus"]) for stack in stacks],
            "files": {path.name: path.read_text() for path in (self.transactor, self.cf, self.template)},
            "status": self.git("status", "--porcelain"),
            "left": sorted(str(path.relative_to(self.directory)) for path in inside if known.isdisjoint(path.parts)),
        }
        names: dict[str, str] = {}
        text = json.dumps(state, sort_keys=True, default=str)
        text = UNIQUE.sub(lambda match: names.setdefault(match[0], f"unique-{len(names)}"), text)
        settled: dict[str, Any] = json.loads(text)
        return settled


def in_a_child(work: Callable[[], object], prepare: Callable[[int], object] = lambda pid: None) -> bool:
    """Run it in another process; whether that was killed. prepare: gets its process id before it starts."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.read(reader, 1)
            work()
        finally:
            os._exit(0)
    prepare(child)
    os.write(writer, b"x")
    os.close(reader)
    os.close(writer)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


MOMENTS = {"os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "subprocess.Popen"}


def die_at(number: int, directory: str) -> None:
    """Let this process be killed at its number-th change of a file below directory, fsync, or start of git."""
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        if done == number:
            os.kill(os.getpid(), 9)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in MOMENTS and directory in str(arguments):
            count()

    fsync = os.fsync

    def counted(descriptor: int) -> None:
        count()
        fsync(descriptor)

    os.fsync = counted
    sys.addaudithook(hook)
