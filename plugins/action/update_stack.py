# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run amazon.aws.cloudformation, and show the stack's events meanwhile."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import sys
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.amazon.aws.plugins.module_utils.modules import aws_argument_spec
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.follow_stack import Show
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.update_stack import Options, update
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import clock, lease
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils import screen
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.in_process import InProcess, give
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.signals import Signals, say

display = Display()

OPTIONS: dict[str, Any] = {
    "stack_name": {"type": "str", "required": True},
    "template": {"type": "path", "required": True},
    "tags": {"type": "dict"},
    "notification_arns": {"type": "str", "default": ""},
    "resources": {"type": "list", "elements": "str", "default": []},
    "account_id": {"type": "str"},
    "guard": {
        "type": "dict",
        "default": {},
        "options": {
            **{name: {"type": "bool", "default": False} for name in ("protection", "policy", "policy_lifted")},
            "triggers": {"type": "list", "elements": "str"},
            "lift": {"type": "bool", "default": True},
        },
    },
    "send": {"type": "bool", "default": True},
}


class ActionModule(InProcess):
    """amazon.aws.cloudformation runs in a process of its own. This one reads events, where it is the same Python."""

    services = ("cloudformation",)
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        ActionBase.run(self, tmp, task_vars)
        _validation, given = self.validate_argument_spec({**aws_argument_spec(), **OPTIONS})
        options = Options(**{name: given[name] for name in OPTIONS})
        host = screen.host_prefix(task_vars)
        if self._task.check_mode:
            message = f"The stack {options.stack_name} was not changed: this is a check."
            self._show(f"{host}{message}")
            return {"changed": False, "msg": message}
        connection = {name: value for name, value in self._task.args.items() if name not in OPTIONS}
        began = clock.now()
        words = f"CloudFormation goes on with the stack {options.stack_name}. Run again when it has finished."

        def run_module(name: str, args: Mapping[str, Any]) -> dict[str, Any]:
            lease.refuse_lost()
            args = {**connection, **args}
            result: dict[str, Any] = ActionBase._execute_module(self, name, args, task_vars=task_vars)
            return result

        def show(line: str) -> None:
            with signals.delayed():
                self._show(f"{host}{line}")

        def note(line: str) -> None:
            with signals.delayed():
                display.v(f"{host}{line}")

        with (signals := Signals(lambda: say(self._task, f"{host}{words}"))):
            try:
                return update(options, run_module, self._aws(connection, task_vars or {}, note), show, note)
            except DatomicError as error:
                seconds = round(clock.now() - began, 1)
                return {"failed": True, "msg": str(error), "seconds": seconds, **error.details}

    def _aws(self, connection: Mapping[str, Any], task_vars: dict[str, Any], note: Show) -> Aws | None:
        """The clients of this process; None where it cannot or must not ask AWS itself."""
        environment: dict[str, str] = {}
        self._compute_environment_string(environment)
        here = {**task_vars, "ansible_python_interpreter": sys.executable}
        reason = self._why_apart(here, environment)
        if not importlib.util.find_spec("boto3"):
            reason = f"{sys.executable}, which runs ansible-playbook, has no boto3"
        os.environ.update(environment)  # also with the lease
        if not reason:
            args = dict(connection)
            self._update_module_args(self._task.action, args, task_vars)
            give(args)
            with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
                return Aws(AnsibleAWSModule(argument_spec={}, supports_check_mode=True))
            reason = printed.getvalue()
        note(f"The events of the stack are not shown: {reason}")
        return None
