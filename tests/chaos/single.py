# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The trials that need one system only: the wrong place, twice at once, preflight. See suites.py for the others."""

from __future__ import annotations

import threading

from tests.chaos.system import OURS, ModuleError, System
from tests.chaos.trials import Tally, Trials
from tests.modules import CREDENTIALS


def refused(tally: Tally, what: str, system: System, name: str, params: dict[str, object]) -> None:
    """Count a try that has to be refused in words, without a change."""
    before = system.aws.snapshot()
    tally.tried += 1
    try:
        system.module(OURS + name, params)
        tally.lost += 1
        tally.details.append(f"{what}: not refused")
    except ModuleError as error:
        if "Traceback" in str(error):
            tally.crash(f"{what}: {error}")
    if system.aws.snapshot() != before:
        tally.orphaned += 1
        tally.details.append(f"{what}: something was made")


def wrong_place(trials: Trials) -> Tally:
    """Credentials of another account, a region that differs from the file's."""
    tally = Tally("wrong place")
    system = trials.fresh("create")
    connection = {**CREDENTIALS, "endpoint_url": trials.aws.url}
    elsewhere = {**connection, "account_id": "999999999999"}
    files: dict[str, object] = {"src": str(system.cf), "transactor_src": str(system.transactor)}
    asked: dict[str, dict[str, object]] = {
        "ensure_transactor": {"src": str(system.transactor)},
        "ensure_cf": {**files, "datomic_version": "1.0.7277"},
        "ensure_secrets": {"path": "/datomic/wormbase", "secrets": {"sql-password": "x"}},
        "transactor_info": {"stack_name": "wormbase"},
        "replace_transactors": {"stack_name": "wormbase"},
    }
    for name, options in asked.items():
        trials.aws.clear_calls()
        refused(tally, f"another account for {name}", system, name, {**elsewhere, **options})
        if any(call.kind != "read" for call in trials.aws.calls()):
            tally.crash(f"another account for {name}: more than reads")
    refused(tally, "another region", system, "ensure_cf", {**connection, **files, "region": "eu-west-1"})
    return tally


def twice(trials: Trials) -> Tally:
    """Someone takes the name, or changes the file, between a run's look and its change."""
    tally = Tally("twice at once")
    system = trials.fresh("create")
    trials.aws.configure(visibility=0.5)
    role = "datomic-aws-transactor"
    trials.aws.backstage("iam").create_role(RoleName=role, AssumeRolePolicyDocument="{}")
    tally.tried += 1
    system.run()
    if f"aws-transactor-role={role}\n" in system.transactor.read_text():
        tally.lost += 1
        tally.details.append("a role is shared")
    tally.tried += 1
    system = trials.fresh("create")
    params = {**CREDENTIALS, "endpoint_url": trials.aws.url, "src": str(system.transactor)}
    trials.aws.fault(match="sts:", mode="timeout", seconds=1.0)
    edit = threading.Timer(0.5, lambda: system.transactor.write_text(system.transactor.read_text() + "# edited\n"))
    edit.start()
    try:
        system.module(OURS + "ensure_transactor", params)
    except ModuleError as error:
        if "since it was read" not in str(error):
            tally.crash(str(error))
    else:
        tally.crash("the edit was not noticed")
    edit.join()
    if "# edited" not in system.transactor.read_text():
        tally.lost += 1
        tally.details.append("an edit was overwritten")
    return tally


BROKEN = {
    "memory-index-max=512m": "memory-index-max=1 g",
    "host=localhost": "host=",
    "port=4334": "port=many",
    "object-cache-max=1g": "object-cache-max=100%",
    "protocol=ddb": "protocol=carrier-pigeon",
}


def preflight(trials: Trials) -> Tally:
    """Files that no run may start with; every rule has its own tests in tests/unit/test_rules.py."""
    tally = Tally("preflight")
    for good, bad in BROKEN.items():
        system = trials.fresh("create")
        text = system.transactor.read_text()
        assert good in text
        system.transactor.write_text(text.replace(good, bad))
        files: dict[str, object] = {"transactor_src": str(system.transactor), "cf_src": str(system.cf)}
        refused(tally, bad, system, "validate_properties", files)
    return tally
