# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See that nobody else works on the systems of this run, neither another host of it nor another run."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import inspect
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.transactor.desired import desired
from ansible_collections.datomic_onprem.aws.plugins.module_utils.system import System
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils import screen
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.batches import batches, play_id
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.run_lock import Locks, me

FILES = ("transactor_src", "cf_src", "template")
OPTIONS = ("host", "stack_name", *FILES, "plan_file", "region", "account")
HOME = "datomic_onprem.aws/locks"


def has_terminal() -> bool:
    """Whether a person can answer ansible.builtin.pause: standard input is a terminal, and not in the background.

    As Display.prompt_until decides it:
    https://github.com/ansible/ansible/blob/stable-2.19/lib/ansible/utils/display.py
    """
    try:
        return os.isatty(0) and os.getpgrp() == os.tcgetpgrp(0)
    except OSError:
        return False


TERMINAL = has_terminal()
"""Of ansible-playbook, which loads this file before it starts the worker. The worker has no standard input."""


@dataclasses.dataclass(frozen=True)
class Own:
    """What only one system may have. key: the same for all its names. what: its name in messages."""

    host: str
    key: str
    what: str


class ActionModule(ActionBase):
    """All on the controller: what it locks is the controller's run."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        texts = {name: {"type": "str", "default": ""} for name in OPTIONS[1:]}
        _validation, args = self.validate_argument_spec(
            {
                "systems": {
                    "type": "list",
                    "elements": "dict",
                    "required": True,
                    "options": {"host": {"type": "str", "required": True}, **texts},
                },
                "timeout": {"type": "float", "default": 600.0},
            }
        )
        if not args["systems"]:
            raise AnsibleActionFail(
                "There is no system to lock. Start at the first task of the role. Nothing was changed."
            )
        systems = [own for each in args["systems"] for own in owned(each)]
        if shared := shared_by(systems):
            raise AnsibleActionFail(
                "Two systems have the same stack, table or file, so that each would undo what the other does: "
                f"{'; '.join(shared)}. Correct datomic_stack_name or the paths in the inventory (files, template, "
                "datomic_plan_file), or aws-dynamodb-table in the transactor's file of one of them. "
                f"{_untouched(task_vars)}"
            )
        play, known = play_id(self._task), task_vars or {}
        # A check plans all systems.
        if not self._task.check_mode and (why := batches(play, known).stopped(known["inventory_hostname"])):
            raise AnsibleActionFail(why)
        if not self._task.check_mode:
            # Workers are children of the process that lasts as long as the run.
            locks = Locks(
                pathlib.Path(constants.config.get_config_value("ANSIBLE_HOME")) / HOME,
                me(os.getppid()),
                lambda line: screen.show(self._task, line),
            )
            try:
                locks.take(((own.key, own.what) for own in systems), args["timeout"])
            except DatomicError as error:
                raise AnsibleActionFail(str(error)) from error
        return {"changed": False, "play": play, "terminal": TERMINAL}


def owned(system: Mapping[str, str]) -> Iterator[Own]:
    """What the system shares with no other: its files, its stack, its table.

    A file is the same under all its names. A stack or table is the same in one region of one account.
    """
    host, place = system["host"], (system["region"], system["account"])
    for name in (*FILES, "plan_file"):
        if system[name]:
            yield Own(host, os.path.realpath(system[name]), system[name])
    if system["stack_name"]:
        yield Own(host, json.dumps(["stack", system["stack_name"], *place]), f"the stack {system['stack_name']}")
    if not (system["stack_name"] and system["transactor_src"]):
        return
    # A transactor of another system on the same table would become a standby, and take over with other settings.
    storage = desired(System(inspect(system["transactor_src"])))
    if storage.table and not storage.endpoint:
        region = storage.region or system["region"]
        key = json.dumps(["table", storage.table, region, system["account"]])
        yield Own(host, key, f"the table {storage.table} in {region}")


def _untouched(task_vars: Mapping[str, Any] | None) -> str:
    """With serial, the hosts of earlier batches have been worked on, and only now can they be compared with these."""
    batch, play = ((task_vars or {}).get(name, []) for name in ("ansible_play_batch", "ansible_play_hosts_all"))
    if set(batch) == set(play):
        return "Nothing was changed."
    return "Nothing of this batch of hosts was changed."


def shared_by(systems: Iterable[Own]) -> list[str]:
    """What several hosts have, each with the hosts; a file that has several names with all of them."""
    found: dict[str, dict[str, str]] = {}
    for each in systems:
        found.setdefault(each.key, {}).setdefault(each.host, each.what)
    return [_shared(key, names) for key, names in found.items() if len(names) > 1]


def _shared(key: str, names: Mapping[str, str]) -> str:
    """names: what each host calls it. Only files have several names, and their key is the real path."""
    if len(set(names.values())) == 1:
        return f"{' and '.join(names)} have {next(iter(names.values()))}"
    return f"{' and '.join(f'{host} has {name}' for host, name in names.items())}, which are the one file {key}"
