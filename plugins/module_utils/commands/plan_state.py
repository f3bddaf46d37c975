# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of a system's plan that is about the shared state: generated names, and the runs of other machines."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence

from ..aws import state_table
from ..errors import Finding
from ..git.history import History, blob
from ..plan import SHORT_COMMIT
from ..properties.file import Properties
from ..state.item import LEASE_SECONDS, File, Item, Run
from ..steps.transactor.desired import recorded
from ..util import clock, machine
from .plan_rollback import Rollback
from .planning import Planning, Seen
from .prepared import Prepared

Notes = tuple[tuple[str, str], ...]
DOING = {"applied": "applied", "failed": "tried to apply", "running": "began to apply", "rolled back": "left"}
"""What a run did with the files that its record has."""


def missing_names(file: Properties, item: Item, history: Callable[[], History]) -> dict[str, str]:
    """The generated names that the transactor's file lacks, by key. A name that it once had was removed on purpose."""
    known = recorded(file, item.names.get("transactor", {}))
    if not known or not (past := history()).exists:
        return known
    return {key: name for key, name in known.items() if not past.mentions(file.path, name)}


class Shared:
    """The shared state of a system, and this checkout's files."""

    def __init__(self, planning: Planning, item: Item) -> None:
        self.item = item
        self._files: Mapping[File, Properties] = {"transactor": planning.transactor, "cf": planning.cf}
        self._timeout = planning.params["git_timeout"]

    @classmethod
    def read(cls, planning: Planning) -> Shared:
        """AwsError when the state cannot be read."""
        stack_name = planning.params["stack_name"]
        if planning.params["state"] == "local":
            return cls(planning, Item(stack_name))
        return cls(planning, state_table.read(planning.aws.client("dynamodb"), stack_name))

    @functools.cached_property
    def _history(self) -> History:
        return History(self._files["transactor"].path, self._timeout)

    @functools.cached_property
    def names(self) -> dict[str, str]:
        """As missing_names."""
        return missing_names(self._files["transactor"], self.item, lambda: self._history)

    def findings(self, seen: Seen) -> list[Finding]:
        """That somebody applied files which this checkout does not have."""
        run = self.item.attempt
        if run is None or (run.place == machine.place(self._files["transactor"].path) and not self._proves(run)):
            return []
        missing = [file.path for file in self._missing(run, seen)]
        if not missing:
            return []
        files = f"the commit {run.commit[:12]}" if run.commit else "files that are not committed"
        who = f"{run.who} ({run.caller})"
        what = f"{who} {DOING[run.outcome]} {files} at {run.at}, which this checkout does not have"
        if not self._history.exists:
            instead = "make sure that the files here are not older"
            return [Finding("git-stale-checkout", what, "warning", file=missing[0], suggestion=instead)]
        unshallow = "git fetch --unshallow, then " if self._history.shallow else ""
        instead = f"{unshallow}git pull, and run again"
        reason = "the run would undo it"
        return [Finding("git-stale-checkout", what, file=one, suggestion=instead, reason=reason) for one in missing]

    def _proves(self, run: Run) -> bool:
        """Whether git shows what this checkout has. Without a commit it may be this checkout's own edit."""
        return bool(run.commit) and self._history.exists

    def _missing(self, run: Run, seen: Seen) -> Iterator[Properties]:
        """The files that differ from the run's, and never were as the run has left them."""
        prepared: Mapping[File, Prepared | None] = {"transactor": seen.transactor, "cf": seen.cf}
        for name, file in self._files.items():
            blob_id, step = run.files.get(name), prepared[name]
            # A first run that made its names at the same time leaves the same file.
            contents = [file.raw, *([step.after.raw] if step else [])]
            if blob_id is None or blob_id in map(blob, contents):
                continue
            if not (self._history.exists and self._history.had(file.path, blob_id)):
                yield file

    def notes(self, directory: str, rollback: Rollback) -> Notes:
        """Who works on the system, and what differs from the files of the last applied run."""
        found: list[tuple[str, str]] = []
        if other := self.item.holder:
            who = f"{other.who} ({other.caller})"
            if clock.now() < self.item.renewed + LEASE_SECONDS:
                text = f"{who} works on it, since {other.since}, lock {other.lock}"
            else:
                last = clock.iso(self.item.renewed)
                text = f"{who} left it locked at {last}, lock {other.lock}; the next run with work takes it over"
            found.append(("lock", text))
        if self.names:
            found.append(("names", f"{', '.join(self.names)} from the record of the last run"))
        applied = self.item.applied
        if applied and (edited := self._edited(applied)):
            which = "both" if len(edited) > 1 else os.path.relpath(self._files[edited[0]].path, directory)
            since = f"{which} edited since {applied.commit[:SHORT_COMMIT] or applied.at} ({applied.who})"
            if rollback.possible and applied.commit.startswith(rollback.commit):
                return (*found, ("files", f"{since}, to which a failed run returns"))
            found.append(("files", since))
        return (*found, *rollback.notes)

    def _edited(self, run: Run) -> Sequence[File]:
        return [name for name, file in self._files.items() if run.files.get(name) != blob(file.raw)]
