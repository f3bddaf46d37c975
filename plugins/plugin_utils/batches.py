# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The batches of a play with serial: which systems failed, which are done, and which are untouched.

No variable of Ansible names the batches before the current one, and without hosts left Ansible ends the play by itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ansible.playbook.task import Task

LOCKS = "datomic_locks"
"""The variable in which the role registers the result of lock_systems: a system that has it has begun."""


@dataclasses.dataclass(frozen=True)
class Batches:
    """The systems of a play. failed, done: of batches that have begun. untouched: all others."""

    failed: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    untouched: tuple[str, ...] = ()

    def stopped(self, host: str) -> str:
        """What the failed systems stop before the batch of this host begins, and how to continue; else empty."""
        if not self.failed or host not in self.untouched:
            return ""
        done = f"Done: {', '.join(self.done)}. " if self.done else ""
        left = ",".join((*self.failed, *self.untouched))
        return (
            f"{', '.join(self.failed)} failed, and the first failure stops the batches after it. {done}Untouched: "
            f"{', '.join(self.untouched)}. Correct the failure, then run again with --limit {left}"
        )


def play_id(task: Task) -> str:
    """The same for all batches of a play, and another one for another play of the same ansible-playbook."""
    return str(task.get_play()._uuid)


def batches(play: str, task_vars: Mapping[str, Any]) -> Batches:
    """The batches so far. play: its play_id."""
    known = {host: task_vars["hostvars"][host] for host in task_vars.get("ansible_play_hosts_all", ())}
    begun = [host for host, variables in known.items() if variables.get(LOCKS, {}).get("play") == play]
    left = task_vars.get("ansible_play_hosts", ())
    return Batches(
        failed=tuple(host for host in begun if host not in left),
        done=tuple(host for host in begun if host in left),
        untouched=tuple(host for host in known if host not in begun),
    )


def stops(task: Task, task_vars: Mapping[str, Any] | None) -> str:
    """What the failure of this task's system stops, as a sentence to append. Empty in the last batch."""
    known = task_vars or {}
    found = batches(play_id(task), known)
    # Without the locks of this play nobody knows its batches.
    if not found.untouched or known.get("inventory_hostname") in found.untouched:
        return ""
    return f" The first failure stops the batches after it. Untouched: {', '.join(found.untouched)}."
