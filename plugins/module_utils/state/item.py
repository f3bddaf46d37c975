# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every machine sees of a system: who works on it, its generated names, and its last runs. Pure.

docs/development/decisions/008-shared-state.md says why it is an item in a DynamoDB table of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from ..util import clock

TABLE = "datomic-onprem-state"
"""One for all systems of a region and account."""
LEASE_SECONDS = 60.0
"""How long a lock lasts without renewal. It is renewed four times as often."""
CLOCKS_APART_SECONDS = 1800.0
"""AWS refuses requests of a clock that is off by more than 15 minutes, so two clocks differ by 30 at most.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
"""

Outcome = Literal["running", "failed", "applied", "rolled back"]
File = Literal["transactor", "cf"]


@dataclasses.dataclass(frozen=True)
class Holder:
    """The run that has a system's lock.

    lock: the lock's id. who: "anna@laptop". caller: the ARN of the credentials. since: ISO 8601.
    machine: where pid means one process: the same for all runs of one user on one machine until it restarts, another
    one in each container. pid, began: the process of ansible-playbook.
    """

    lock: str
    who: str
    caller: str
    since: str
    machine: str
    pid: int
    began: str

    def __str__(self) -> str:
        return f"{self.who} ({self.caller}), since {self.since}, lock {self.lock}"


@dataclasses.dataclass(frozen=True)
class Run:
    """A run that began to change a system.

    lock: the id of its lock. at: ISO 8601, when it began, then when it ended. place: machine and directory.
    commit: the newest that has the files as they were applied; empty without one. files: git's blob ids of both files.
    summary, digest: the plan's. release: of Datomic.
    """

    lock: str
    who: str
    caller: str
    at: str
    place: str
    files: Mapping[File, str]
    commit: str = ""
    reason: str = ""
    summary: str = ""
    release: str = ""
    digest: str = ""
    outcome: Outcome = "running"

    def __str__(self) -> str:
        commit = f", commit {self.commit[:12]}" if self.commit else ", not committed"
        return f"{self.who} ({self.caller}), {self.at}{commit}"


@dataclasses.dataclass(frozen=True)
class Item:
    """The shared state of one system: the item of its stack's name.

    revision: grows with every change but renewals; 0 without an item. beat: a new one at each renewal of the lock.
    renewed: when, by the holder's clock, in seconds since 1970. names: generated names by file and key, never a secret.
    attempt: the newest run that began to change something. applied: the newest that came to its end.
    security_group: the id of the group that aws-security-group names, so that nobody has to ask for the default VPC.
    """

    system: str
    revision: int = 0
    holder: Holder | None = None
    beat: str = ""
    renewed: float = 0.0
    names: Mapping[File, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    attempt: Run | None = None
    applied: Run | None = None
    security_group: str = ""

    def is_surely_over(self) -> bool:
        """Whether the lock's lease is over, however wrong the clocks are."""
        return clock.now() > self.renewed + LEASE_SECONDS + CLOCKS_APART_SECONDS


def run_of(stored: Mapping[str, Any] | None) -> Run | None:
    """A run from its JSON. Fields of later releases of this collection are left out."""
    return Run(**_known(Run, stored)) if stored else None


def holder_of(stored: Mapping[str, Any] | None) -> Holder | None:
    """A holder from its JSON, as run_of."""
    return Holder(**_known(Holder, stored)) if stored else None


def item_of(stored: Mapping[str, Any]) -> Item:
    """An item from the JSON of its fields."""
    parts = {"holder": holder_of(stored["holder"]), "attempt": run_of(stored["attempt"])}
    return Item(**{**stored, **parts, "applied": run_of(stored["applied"])})


def _known(kind: type[Run] | type[Holder], stored: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in stored.items() if name in names}
