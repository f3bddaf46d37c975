# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One system of the legacy estate, and a run of its modules in the order in which the playbooks run them."""

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
import tempfile
from collections.abc import Mapping
from typing import Any
from unittest import mock

import botocore.exceptions
from ansible.module_utils import _internal
from ansible.module_utils.testing import patch_module_args

from tests.chaos import state
from tests.chaos.launcher import Launcher
from tests.emulator import Emulator
from tests.estate import LEGACY, environment
from tests.integration.ensuring import USERS
from tests.modules import CREDENTIALS

OURS = "ansible_collections.datomic_onprem.aws.plugins.modules."
STACK_MODULE = "ansible_collections.amazon.aws.plugins.modules.cloudformation"
READ_TIMEOUT = 1
"""Seconds, in place of botocore's 60."""
TAGS = {"team": "databases"}
LOCAL = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


class ModuleError(Exception):
    """A module failed; what it said."""


class System:
    """Its files in a git repository of their own, in the directory base with a HOME and a TMPDIR beside it.

    users: with IAM users and access keys in place of roles, the deprecated way. launcher: of another in the same place.
    """

    caller = "testing"
    """The access key."""

    def __init__(
        self, base: pathlib.Path, aws: Emulator, *, users: bool = False, launcher: Launcher | None = None
    ) -> None:
        self.base = base
        self.directory, self.home, self.temporary = base / "estate", base / "home", base / "tmp"
        self.aws = aws
        own = {"TMPDIR": str(self.temporary), "AWS_ACCESS_KEY_ID": self.caller, "LOGNAME": self.caller}
        # Ansible flushes what it prints at its end, but for a terminal. A run that waits has to be seen at once.
        self.environment = environment(aws.url, self.home) | own | {"PYTHONUNBUFFERED": "1"}
        self.launcher = launcher or Launcher(self.directory, self.environment)
        self.transactor = self.directory / "aws" / "wormbase-transactor.properties"
        self.cf = self.directory / "aws" / "wormbase-cf.properties"
        self.template = self.directory / "aws" / "wormbase-cf.json"
        self.said = ""
        for directory in (self.home, self.temporary):
            directory.mkdir(parents=True)
        aws.configure(launch_configurations=True)
        self._check_out(users=users)

    def _check_out(self, *, users: bool) -> None:
        shutil.copytree(LEGACY, self.directory)
        self.git("init", "--quiet", "--initial-branch", "main")
        self._configure("Operator")
        if users:
            self._name_users()
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "The first day")

    def _configure(self, name: str) -> None:
        self.git("config", "user.name", name)
        self.git("config", "user.email", "operator@example.com")
        # Its own tidying up would leave other files from one run to the next.
        self.git("config", "gc.auto", "0")

    def _name_users(self) -> None:
        text = re.sub(r"(?m)^aws-(transactor-role|peer-role)=\n", "", self.transactor.read_text())
        self.transactor.write_text(text + "".join(re.findall(r"(?m)^aws-dynamodb-\S*(?:user|key|id)=\n", USERS)))
        # Keys would get into git in clear text, which no run does.
        self.conceal("base64")

    def conceal(self, command: str) -> None:
        """Let git hold the files as the command gives them, as an encrypting filter would."""
        (self.directory / ".git" / "info" / "attributes").write_text("aws/* filter=conceal\n")
        self.git("config", "filter.conceal.clean", command)

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=self.directory, env=LOCAL, check=True, capture_output=True, text=True
        ).stdout

    def module(
        self, name: str, params: Mapping[str, Any], *, check: bool = False, no_log: bool = False
    ) -> dict[str, Any]:
        """The result of a module; ModuleError with its message. no_log: as of a task, whose result nobody is shown."""
        printed = io.StringIO()
        args = {**params, "_ansible_check_mode": check, "_ansible_diff": True}
        try:
            with contextlib.ExitStack() as stack:
                # Whatever has imported the controller's part before: a module's warnings are in its result.
                stack.enter_context(mock.patch.object(_internal, "is_controller", False))
                stack.enter_context(mock.patch.object(tempfile, "tempdir", str(self.temporary)))
                stack.enter_context(patch_module_args({**args, "_ansible_remote_tmp": str(self.temporary)}))
                stack.enter_context(contextlib.redirect_stdout(printed))
                stack.enter_context(contextlib.suppress(SystemExit))
                importlib.import_module(name).main()
        finally:
            self.said += "" if no_log else printed.getvalue()
        result: dict[str, Any] = json.loads(printed.getvalue().strip().splitlines()[-1])
        if result.get("failed"):
            raise ModuleError(result["msg"])
        return result

    def run(self, secrets: Mapping[str, str] | None = None) -> None:
        """Register, provision, template, stack, register: also after a failure, as the playbooks do.

        secrets: what datomic_secrets holds.
        """
        short = {"read_timeout": READ_TIMEOUT, "connect_timeout": READ_TIMEOUT}
        connection = {**CREDENTIALS, "endpoint_url": self.aws.url, "aws_config": short}
        files = {"cf_src": str(self.cf), "transactor_src": str(self.transactor)}
        self.module(OURS + "validate_properties", {**files, "datomic_version": "1.0.7277"})
        self.module(OURS + "transactor_info", {**connection, "stack_name": "wormbase"})
        self.register()
        try:
            self.module(OURS + "ensure_transactor", {**connection, "src": str(self.transactor), "tags": TAGS})
            options = {"src": str(self.cf), "transactor_src": str(self.transactor), "datomic_version": "1.0.7277"}
            self.module(OURS + "ensure_cf", {**connection, **options})
            if secrets:
                self.module(OURS + "ensure_secrets", {**connection, "path": "/datomic/wormbase", "secrets": secrets})
            made = self.module(OURS + "create_cf_template", {**connection, **files, "dest": str(self.template)})
            stack = {"stack_name": "wormbase", "state": "present", "template_body": self.template.read_text()}
            # update_stack does the same: ansible-core 2.19 shows a module's options, here the template, in its result.
            self.stack({**connection, **stack}, no_log=made["holds_secrets"])
        finally:
            self.register()

    def stack(self, params: Mapping[str, Any], *, no_log: bool) -> None:
        """Once more when the answer to an earlier request was lost. Playbooks try update_stack's own repetition.

        A thread that reads events would make the order of calls, at which runs are killed, a matter of chance.
        """
        try:
            self.module(STACK_MODULE, params, no_log=no_log)
        except ModuleError as error:
            if "AlreadyExistsException" not in str(error):
                raise
            self.module(STACK_MODULE, params, no_log=no_log)
        except botocore.exceptions.ClientError as error:
            # amazon.aws's module handles no refusal of its last call; Ansible makes a failed task of it.
            raise ModuleError(str(error)) from error

    def files(self) -> list[pathlib.Path]:
        """Those of the system that are there."""
        return [path for path in (self.transactor, self.cf, self.template) if path.exists()]

    def register(self) -> None:
        paths = [str(path) for path in self.files()]
        self.module(OURS + "register_files", {"paths": paths, "commit_message": "Register"})

    def edit(self) -> None:
        """The change that an update brings."""
        text = self.transactor.read_text()
        self.transactor.write_text(text.replace("memory-index-max=512m", "memory-index-max=256m"))

    def put(self, values: Mapping[str, str]) -> None:
        """Set keys of the transactor's file, those that are not there at its end."""
        text = self.transactor.read_text()
        for key, value in values.items():
            rest = re.sub(rf"(?m)^{re.escape(key)}=.*\n?", "", text)
            text = f"{rest}{key}={value}\n"
        self.transactor.write_text(text)

    def state(self) -> dict[str, Any]:
        """The end state, random parts aside: account, group, files, what is committed, what is left over."""
        return state.of(self)
