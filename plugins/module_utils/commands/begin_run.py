# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""begin_run: wait until nobody living has the system's lock, take it, and keep it while ansible-playbook lives."""

from __future__ import annotations

import dataclasses
import getpass
import os
import socket
import uuid
from collections.abc import Mapping
from typing import Any

from ..aws import stack, state_table, sts
from ..aws.client import Aws
from ..errors import DatomicError
from ..git.history import History, blob
from ..plan import Plan
from ..properties.file import inspect
from ..screen import show, warn
from ..state.item import File, Holder, Item, Run
from ..util import background, clock, lease, machine
from ..util.subprocesses import lives, started
from . import plan_state, renewal

READ_SECONDS = 2.0
"""How often the holder is looked at, at least."""
LINE_SECONDS = 60.0
"""How often a wait for another run is reported."""
GIT_SECONDS = 300.0
NOTHING = {"changed": False, "lease": "", "lock": "", "names": {}, "replan": False, "took_over": ""}


def begin(aws: Aws, params: Mapping[str, Any], pid: int) -> dict[str, Any]:
    """The module's result. params: its options. pid: ansible-playbook's."""
    client = aws.client("dynamodb")
    machine.identify()
    account = sts.account(aws.client("sts"))
    sts.refuse_other_account(aws, params["account_id"], account.number)
    item = state_table.read(client, params["stack_name"])
    taking = Taking(aws, params, pid, account.arn)
    while True:
        item, took_over = taking.wait(item)
        outdated = bool(took_over) or _is_outdated(aws, params, item)
        if path := taking.take(item):
            break
        item = state_table.read(client, params["stack_name"])
    if took_over:
        warn(f"This run took over the lock of the system {item.system} from {took_over}.")
    held = lease.read(path)
    if held is None:
        raise lease.lost(None)
    return {
        **NOTHING,
        "lease": path,
        "lock": held.lock,
        "names": held.item.names,
        "replan": outdated,
        "took_over": took_over,
    }


def _is_outdated(aws: Aws, params: Mapping[str, Any], item: Item) -> bool:
    """Whether somebody has worked on the system after the plan was made."""
    seen = params["seen"]
    if not seen:
        return False
    found = stack.describe(aws.client("cloudformation"), item.system)
    return (item.revision, found.moment if found else "") != (seen.get("revision"), seen.get("stack"))


class Taking:
    """What a run has to know to take the lock of its system."""

    def __init__(self, aws: Aws, params: Mapping[str, Any], pid: int, caller: str) -> None:
        self._aws = aws
        self._client = aws.client("dynamodb")
        self._params = params
        self._playbook = pid, started(pid)
        self._caller = caller
        self._who = f"{_user()}@{socket.gethostname()}"
        self._seconds: float = params["lease"]
        self._began = clock.now()
        self._line_due = self._began

    def wait(self, item: Item) -> tuple[Item, str]:
        """The item when nobody living has the lock, and the dead holder with the reason, empty without one.

        DatomicError that names the holder when the time is over.
        """
        since = clock.now()
        while True:
            if item.holder is None:
                self._refuse_unlock(None)
                return item, ""
            if reason := self._death(item, item.holder, clock.now() - since):
                return item, f"{item.holder}: {reason}"
            self._report(item.holder)
            clock.sleep(min(READ_SECONDS, self._seconds / 4))
            beat, item = item.beat, state_table.read(self._client, item.system)
            if item.beat != beat:
                since = clock.now()

    def _death(self, item: Item, holder: Holder, watched: float) -> str:
        """Why the item's holder counts as dead; empty when it may live. watched: seconds without a renewal."""
        here = holder.machine == machine.processes()
        if self._params["unlock"]:
            self._refuse_unlock(holder)
            return "datomic_unlock names its lock"
        if here and not lives(holder.pid, holder.began):
            return f"its process {holder.pid} on this machine has ended"
        if here and lease.is_over(lease.path_of(holder.lock)):
            return "its lease on this machine is over"
        if watched >= self._seconds:
            return f"it did not renew its lock for {watched:.0f} s"
        return "its lease is over" if item.is_surely_over() else ""

    def _refuse_unlock(self, holder: Holder | None) -> None:
        unlock = self._params["unlock"]
        if not unlock or (holder and holder.lock == unlock):
            return
        system = self._params["stack_name"]
        if holder:
            raise DatomicError(
                f"datomic_unlock is {unlock}, but the system {system} is locked by {holder}. Nothing was changed."
            )
        warn(f"datomic_unlock is {unlock}, but nobody has the lock of the system {system}.")

    def _report(self, holder: Holder) -> None:
        """A line at once and then each minute; DatomicError when the time is over."""
        system, timeout, now = self._params["stack_name"], self._params["timeout"], clock.now()
        if (holder.machine, holder.pid, holder.began) == (machine.processes(), *self._playbook):
            # It would wait for this one.
            raise DatomicError(
                f"Another host of this run works on the stack {system} in the same account and region. Correct"
                " datomic_stack_name of one of them. Nothing was changed."
            )
        if now >= self._began + timeout:
            raise DatomicError(
                f"Another run works on the system {system}: {holder}. It did not end within {timeout:.0f} s. Wait for"
                f" it, and run again. If that run is surely dead, run with -e datomic_unlock={holder.lock}. Nothing"
                " was changed."
            )
        if now >= self._line_due:
            passed = now - self._began
            since = f" {passed / 60:.0f} of {timeout / 60:.0f} min" if passed >= 1 else ""
            show(f"waiting{since} for another run that works on the system {system}: {holder}")
            self._line_due = now + LINE_SECONDS

    def take(self, item: Item) -> str:
        """Take the lock, and begin to renew it; the path of the lease. Empty when another run was faster."""
        if not lives(*self._playbook):
            raise DatomicError("ansible-playbook has ended. Nothing was changed.")
        if item.holder:
            # What is left of a run of this machine stops before its next write.
            lease.remove(lease.path_of(item.holder.lock))
        now, lock = clock.now(), uuid.uuid4().hex[:12]
        holder = Holder(lock, self._who, self._caller, clock.iso(now), machine.processes(), *self._playbook)
        security_group = self._params["seen"].get("security_group") or item.security_group
        names = plan_state.missing_names(inspect(self._params["transactor_src"]), item, self._history)
        held = lease.Lease(item, lock, item.attempt, names, security_group)
        # Before the lock is taken: without a lease on its machine, its holder counts as dead.
        path = lease.write(held, now + self._seconds)
        try:
            taken = state_table.take(self._client, item, holder, self._attempt(lock, now), uuid.uuid4().hex, now)
            if taken:
                lease.write(dataclasses.replace(held, item=taken), now + self._seconds)
                self._keep(path, taken.system, lock)
                return path
        except BaseException:
            lease.remove(path)
            raise
        lease.remove(path)
        return ""

    def _history(self) -> History:
        return History(self._params["transactor_src"], GIT_SECONDS)

    def _attempt(self, lock: str, now: float) -> Run:
        params = self._params
        plan = Plan.of(params["plan"]) if params["plan"] else None
        return Run(
            lock,
            self._who,
            self._caller,
            clock.iso(now),
            machine.place(params["transactor_src"]),
            blobs(params),
            reason=params["reason"],
            summary=", ".join(f"{count} to {action}" for action, count in plan.summary.items()) if plan else "",
            digest=plan.digest if plan else "",
        )

    def _keep(self, path: str, system: str, lock: str) -> None:
        aws = self._aws.fresh()
        aws.limit_time(self._seconds)
        client = aws.client("dynamodb")
        try:
            background.start(lambda: renewal.keep(client, path, system, lock, self._seconds, self._playbook))
        except OSError as error:
            raise DatomicError(f"The process that renews the lock cannot be started: {error.strerror}.") from error


def _user() -> str:
    """The user's name, or the number of one without a name, as in containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # before Python 3.13, and since
        return str(os.getuid())


def blobs(params: Mapping[str, Any]) -> dict[File, str]:
    """Git's ids of the files as they are. params: with transactor_src and cf_src, which may be empty."""
    files: list[tuple[File, str]] = [("transactor", params["transactor_src"]), ("cf", params["cf_src"])]
    return {name: blob(_content(path)) for name, path in files if path}


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise DatomicError(f"Could not read {os.path.relpath(path)}: {error.strerror}.") from error
