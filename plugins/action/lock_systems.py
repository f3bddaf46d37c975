# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See that nobody else works on the systems of this run, neither another host of it nor another run."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils import screen
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.run_lock import Locks, me


class ActionModule(ActionBase):
    """All on the controller: what it locks is the controller's run."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validation, args = self.validate_argument_spec(
            {
                "systems": {
                    "type": "list",
                    "elements": "dict",
                    "required": True,
                    "options": {name: {"type": "str", "required": True, "no_log": False} for name in PARTS},
                },
                "timeout": {"type": "float", "default": 600.0},
            }
        )
        if shared := shared_by(args["systems"]):
            raise AnsibleActionFail(
                "Two systems have the same stack, table or file, so that each would undo what the other does: "
                f"{'; '.join(shared)}. Correct datomic_stack_name or the paths in the inventory, or aws-dynamodb-table "
                "in the transactor's file of one of them. "
                f"{_untouched(task_vars)}"
            )
        if not self._task.check_mode:
            # Workers are children of the process that lasts as long as the run.
            locks = Locks(
                pathlib.Path(constants.config.get_config_value("ANSIBLE_HOME")) / HOME,
                me(os.getppid()),
                lambda line: screen.show(self._task, line),
            )
            try:
                locks.take(((each["key"], each["what"]) for each in args["systems"]), args["timeout"])
            except DatomicError as error:
                raise AnsibleActionFail(str(error)) from error
        return {"changed": False}


PARTS = ("host", "key", "what")
HOME = "datomic_onprem.aws/locks"


def _untouched(task_vars: Mapping[str, Any] | None) -> str:
    """With serial, the hosts of earlier batches have been worked on, and only now can they be compared with these."""
    batch, play = ((task_vars or {}).get(name, []) for name in ("ansible_play_batch", "ansible_play_hosts_all"))
    if set(batch) == set(play):
        return "Nothing was changed."
    return "Nothing of this batch of hosts was changed."


def shared_by(systems: Iterable[Mapping[str, str]]) -> list[str]:
    """What several hosts have, each with the hosts; a file that has several names with all of them."""
    found: dict[str, dict[str, str]] = {}
    for each in systems:
        found.setdefault(each["key"], {}).setdefault(each["host"], each["what"])
    return [_shared(key, names) for key, names in found.items() if len(names) > 1]


def _shared(key: str, names: Mapping[str, str]) -> str:
    """names: what each host calls it. Only files have several names, and their key is the real path."""
    if len(set(names.values())) == 1:
        return f"{' and '.join(names)} have {next(iter(names.values()))}"
    return f"{' and '.join(f'{host} has {name}' for host, name in names.items())}, which are the one file {key}"
