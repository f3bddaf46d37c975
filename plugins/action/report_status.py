# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show the status of all systems of the play, and write it as JSON and as a page of HTML."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.status import page, table
from ansible_collections.datomic_onprem.aws.plugins.module_utils.status.system import VERDICTS, VERSION, Status, unread
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import atomic_write, clock
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.plan_screen import COLUMNS, show_lines

# The variable in which the role registers the result of system_info.
STATUS = "datomic_status"


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validation, args = self.validate_argument_spec({"json": {"type": "path"}, "html": {"type": "path"}})
        known = task_vars or {}
        systems = list(_systems(known))
        inventory = _inventory(known)
        show_lines(self._task, lambda paint: table.render(systems, inventory, width=COLUMNS, paint=paint))
        counts = Counter(one.verdict for one in systems)
        summary = {verdict: counts[verdict] for verdict in VERDICTS}
        now = clock.now()
        try:
            if args["json"]:
                report = {"version": VERSION, "made_at": clock.iso(now), "summary": summary}
                report["systems"] = [one.as_returned() for one in systems]
                _write(args["json"], json.dumps(report, indent=2) + "\n")
            if args["html"]:
                made_at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now))
                _write(args["html"], page.page(systems, made_at, inventory))
        except DatomicError as error:
            return {"changed": False, "failed": True, "msg": str(error)}
        return {"changed": False, "summary": summary}


def _systems(known: Mapping[str, Any]) -> Iterator[Status]:
    """Of each host of the play. One whose status was not read is unknown."""
    for host in known["ansible_play_hosts_all"]:
        read = known["hostvars"][host].get(STATUS, {})
        if "status" in read:
            yield Status.of(read["status"])
        else:
            yield unread(host, read.get("msg", "its status was not read: see the error above"))


def _inventory(known: Mapping[str, Any]) -> str:
    """The inventory of this run, if it is one file or directory, from the working directory."""
    sources: Sequence[str] = known.get("ansible_inventory_sources") or []
    if len(sources) != 1 or "," in sources[0]:
        return ""
    return min(sources[0], os.path.relpath(sources[0]), key=len)


def _write(path: str, text: str) -> None:
    """Write the file, mode 0600 if it is new, all or nothing. Raises DatomicError."""
    directory = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(directory):
        raise DatomicError(f"Could not write {path}: the directory {directory} does not exist. Create it.")
    try:
        before = None
        if os.path.lexists(path):
            with open(path, "rb") as file:
                before = file.read()
    except OSError as error:
        raise DatomicError(f"Could not write {path}: {error.strerror}.") from error
    atomic_write.replace(path, text.encode(), was=before)
