# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a module inside ansible-playbook's own worker process, where that is the same as a process of its own.

Ansible packs a module into an archive, starts a Python, compiles every file of the archive and imports boto3 again, for
each task of each host: four fifths of what a task costs that asks AWS three questions. With connection local and
ansible-playbook's own interpreter the worker is already that Python, forked from a process that has the imports. In all
other cases the module is run as ever.

ansible.netcommon does so with its import_modules. A module's own process differs in nothing else: it has the worker's
user, directory and environment.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from ansible.module_utils import basic
from ansible.module_utils.common.json import Direction, get_module_decoder, get_module_encoder
from ansible.plugins.action.normal import ActionModule as Normal
from ansible.utils.display import Display
from ansible_collections.datomic_onprem.aws.plugins.module_utils import internal_options
from ansible_collections.datomic_onprem.aws.plugins.module_utils.screen import shown_by
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import clock, lease
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils import screen

# What is read when a process starts has to be there then.
READ_AT_START = ("PYTHON", "LD_", "DYLD_")
# How values are written in JSON: plain, without ansible-core's tags.
PROFILE = "legacy"

display = Display()


class InProcess(Normal):
    """Ansible's own way to run a module, with another process only where one is needed."""

    module: ModuleType
    services: tuple[str, ...] = ()
    """The AWS services whose clients the module always makes."""
    is_step = False
    """Whether a run reports how long the module took."""
    has_lease = True
    """Whether the module stops when the run loses the system's lock, if it has one."""
    internal: frozenset[str] = frozenset()
    """Options that only the role's tasks set, and that are no options of the module. They need the worker's process."""

    def __init_subclass__(cls) -> None:
        # Ansible imports an action plugin once for all hosts, before it forks the workers.
        if cls.services:
            # Not above: a playbook that asks nothing of AWS needs no boto3.
            from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import load_models

            load_models(*cls.services)
        # Or each worker, when it first looks for garbage, walks through all that is here, which takes longer than most
        # tasks: https://docs.python.org/3/library/gc.html#gc.freeze
        gc.freeze()

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        began = clock.now()
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self.is_step:
            result.setdefault("seconds", round(clock.now() - began, 1))
        return result

    def _execute_module(
        self,
        module_name: str | None = None,
        module_args: dict[str, Any] | None = None,
        tmp: str | None = None,
        task_vars: dict[str, Any] | None = None,
        **how: Any,
    ) -> dict[str, Any]:
        environment: dict[str, str] = {}
        self._compute_environment_string(environment)
        args = dict(self._task.args if module_args is None else module_args)
        internal = {name: value for name in self.internal & args.keys() if (value := args.pop(name))}
        if not internal and (reason := self._why_apart(task_vars or {}, environment)):
            display.vvvv(f"{self._task.action} runs in a process of its own: {reason}")
            answer: dict[str, Any] = super()._execute_module(
                module_name=module_name, module_args=args, tmp=tmp, task_vars=task_vars, **how
            )
            return answer
        self._update_module_args(module_name or self._task.action, args, task_vars or {})
        # The worker is this task's alone and ends with it.
        os.environ.update(environment)
        host = screen.host_prefix(task_vars)
        known = (task_vars or {}).get("datomic_plan", {}).get("warned", ())
        with shown_by(lambda line: self._show(f"{host}{line}"), known):
            return _result(self.module, args, internal)

    def _compute_environment_string(self, raw_environment_out: dict[str, Any] | None = None) -> str:
        """With the lease of the registered run, datomic_run."""
        environment: dict[str, str] = {}
        super()._compute_environment_string(environment)
        run = self._templar.available_variables.get("datomic_run")
        path = run.get("lease") if isinstance(run, Mapping) else ""
        # The lease is a file of the controller.
        if path and self.has_lease and self._connection.transport == "local":
            environment[lease.VARIABLE] = os.environ[lease.VARIABLE] = str(path)
        if raw_environment_out is not None:
            raw_environment_out.update(environment)
        prefix: str = self._connection._shell.env_prefix(**environment)
        return prefix

    def _show(self, line: str) -> None:
        screen.show(self._task, line)

    def _why_apart(self, task_vars: Mapping[str, Any], environment: Mapping[str, str]) -> str:
        """Why the module needs a process of its own; empty when it does not."""
        if self._connection.transport != "local":
            return f"the connection is {self._connection.transport}"
        if self._connection.become is not None:
            return "become"
        if self._task.async_val:
            return "async"
        interpreter = self._templar.template(task_vars.get("ansible_python_interpreter"))
        if interpreter != sys.executable:
            return f"ansible_python_interpreter is {interpreter}, not {sys.executable}"
        return next((f"environment: {name}" for name in environment if name.startswith(READ_AT_START)), "")


def give(args: Mapping[str, Any]) -> type[json.JSONEncoder]:
    """The next AnsibleModule of this process gets these arguments. The encoder of values for a module."""
    encoder: type[json.JSONEncoder] = get_module_encoder(PROFILE, Direction.CONTROLLER_TO_MODULE)
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": args}, cls=encoder).encode()
    basic._ANSIBLE_PROFILE = PROFILE
    return encoder


def _result(module: ModuleType, args: Mapping[str, Any], internal: Mapping[str, Any]) -> dict[str, Any]:
    """The result of module.main() with these arguments, Ansible's own (_ansible_...) included.

    Options and result pass through JSON, as with the wrapper that Ansible sends with a module.
    """
    encoder = give(args)
    printed = io.StringIO()
    with (
        internal_options.given(json.loads(json.dumps(internal, cls=encoder))),
        contextlib.redirect_stdout(printed),
        contextlib.suppress(SystemExit),
    ):
        module.main()
    # The result is the last line.
    last = printed.getvalue().strip().rpartition("\n")[2]
    result: dict[str, Any] = json.loads(last, cls=get_module_decoder(PROFILE, Direction.MODULE_TO_CONTROLLER))
    return result
