# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""end_run: record what the run did, and give the system's lock back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..aws import state_table
from ..aws.client import Aws
from ..git.history import History
from ..properties.file import inspect
from ..screen import warn
from ..state.item import Item, Outcome, Run
from ..util import clock, lease
from ..util.lease import Lease
from .begin_run import GIT_SECONDS, blobs

ONLY_HERE = ("git", "template")
"""Steps that change this machine and nothing in AWS."""
MAY_HAVE_BEGUN = ("surplus", "stack", "transactors")
"""Steps that may have changed something when they fail, whatever their result says."""


def end(aws: Aws, params: Mapping[str, Any]) -> dict[str, Any]:
    """The module's result. params: its options."""
    path = params["lease"]
    held = lease.read(path)
    if held is None:
        warn(f"The lease {path} is gone: another run has taken over the system's lock. This run is not recorded.")
        return _result(None, None)
    group = params["results"].get("security_group", {}).get("security_group_id") or held.security_group
    try:
        attempt, applied = _runs(held, params)
        kept = state_table.release(aws.client("dynamodb"), held.item, held.lock, attempt, applied, group)
    finally:
        # Whatever happens: without it, the lock is over.
        lease.remove(path)
    if not kept:
        warn(f"Another run has taken over the lock of the system {held.item.system}. This run is not recorded.")
        return _result(None, None)
    return _result(attempt, applied)


def _runs(held: Lease, params: Mapping[str, Any]) -> tuple[Run | None, Run | None]:
    """The newest run that began to change something, and the newest that was applied."""
    item: Item = held.item
    outcome: Outcome = "rolled back" if params["rolled_back"] else "failed" if params["failed"] else "applied"
    # A restore of a database has no steps.
    idle = not params["results"] or (outcome == "failed" and not _has_changed(params["results"]))
    if idle or item.attempt is None:
        return held.previous, item.applied
    files = (params["transactor_src"], params["cf_src"])
    commit = History(files[0], GIT_SECONDS).commit_of(*files)
    run = dataclasses.replace(
        item.attempt,
        at=clock.iso(clock.now()),
        files=blobs(params),
        commit=commit,
        release=inspect(files[1]).get("datomic-version"),
        outcome=outcome,
    )
    return run, run if outcome == "applied" else item.applied


def _has_changed(results: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a step has, or may have, changed something in AWS."""
    return any(
        result.get("changed") or (result.get("failed") and step in MAY_HAVE_BEGUN)
        for step, result in results.items()
        if step not in ONLY_HERE
    )


def _result(attempt: Run | None, applied: Run | None) -> dict[str, Any]:
    """lease: empty, so that what is registered as the run's lease is none any more."""
    record = {"attempt": attempt and dataclasses.asdict(attempt), "applied": applied and dataclasses.asdict(applied)}
    return {"changed": False, "lease": "", "record": record}
