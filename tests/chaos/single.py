# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The trials that need one system only: the wrong place, twice at once, preflight, secrets, rubbish."""

from __future__ import annotations

import importlib
import random
import re
import threading

import jproperties
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties import Properties

from tests.chaos.system import OURS, ModuleError, System
from tests.chaos.trials import Tally, Trials
from tests.estate import ROOT
from tests.modules import CREDENTIALS

ARGUMENT_SPECS = ROOT / "roles" / "datomic" / "meta" / "argument_specs.yml"
MODULES = (
    "backup_db",
    "create_cf_template",
    "distribution",
    "ensure_cf",
    "ensure_secrets",
    "ensure_transactor",
    "list_backups",
    "register_files",
    "replace_transactors",
    "restore_db",
    "transactor_info",
    "validate_properties",
    "verify_backup",
)

SENTINEL = "S3nt1nelValue"
SECRETS = {
    **dict.fromkeys(
        (
            "cassandra-password",
            "license-key",
            "memcached-password",
            "my-own-password",
            "sql-password",
            "storage-admin-password",
            "storage-datomic-password",
        ),
        SENTINEL,
    ),
    "sql-url": f"jdbc:postgresql://db/datomic?user=u&password={SENTINEL}",
}
"""Every kind of secret that a file may hold beside the keys of AWS users."""
HOSTILE = ("\0", "\\", "=", ":", "#", "\r", "\n", "\r\n", " ", "\t", "\xa0", "\u2028", "é", "😀", "\\u00", "key", "a=b")


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
    ensure = {**connection, "src": str(system.transactor), "account_id": "999999999999"}
    refused(tally, "another account", system, "ensure_transactor", ensure)
    cf = {**connection, "src": str(system.cf), "transactor_src": str(system.transactor), "region": "eu-west-1"}
    refused(tally, "another region", system, "ensure_cf", cf)
    return tally


def twice(trials: Trials) -> Tally:
    """Someone takes the name, or changes the file, between a run's look and its change."""
    tally = Tally("twice at once")
    system = trials.fresh("create")
    trials.aws.configure(visibility=2.0)
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
        files = {"transactor_src": str(system.transactor), "cf_src": str(system.cf)}
        refused(tally, bad, system, "validate_properties", files)
    return tally


def secrets(trials: Trials) -> Tally:
    """A secret's value in no output and in no commit, whatever fails."""
    tally = Tally("secrets")
    calls = trials.undisturbed("create")[1]
    for k in range(0, calls + 1, trials.step):
        system = trials.fresh("create")
        system.put(SECRETS)
        if k:
            trials.aws.fault(k=k, times=100, mode="error", code="AccessDenied")
        tally.tried += 1
        said = ""
        for step in (system.run, system.register):
            try:
                step()
            except ModuleError as error:
                said += str(error)
        if SENTINEL in said + system.said + system.git("log", "--patch"):
            tally.leaked += 1
            tally.details.append(f"shown with a failure from call {k} on")
    return tally


ABSURD = (
    *(None, "", " ", "x", "-1", 0, -1, 2**70, 1.5, True, [], ["x"], {}, {"a": {}}),
    *("\0", "é😀", "a" * 5000, "$(id)", "{{ x }}"),
)


def options(trials: Trials) -> Tally:
    """Absurd values for every option of every module, and for every variable of the role: refused in words."""
    tally = Tally("rubbish")
    chance = random.Random(20261124)
    system = trials.fresh("create")
    sound = {"src": str(system.transactor), "transactor_src": str(system.transactor), "cf_src": str(system.cf)}
    for name in MODULES:
        known = yaml.safe_load(importlib.import_module(OURS + name).DOCUMENTATION)["options"]
        for _number in range(400 // trials.step):
            given = {key: sound[key] for key in known if key in sound}
            # ansible-core 2.21 itself ends in a TypeError for a number in place of a dict with suboptions.
            asked = [key for key in known if "suboptions" not in known[key] and chance.random() < 0.3]
            given |= {key: chance.choice(ABSURD) for key in asked}
            tally.tried += 1
            try:
                # Check mode: a sound combination would make something.
                system.module(OURS + name, {**CREDENTIALS, "endpoint_url": trials.aws.url, **given}, check=True)
            except ModuleError as error:
                if "Traceback" in str(error):
                    tally.crashed += 1
                    tally.details.append(f"{name} {given}: {error}")
            except Exception as error:
                tally.crashed += 1
                tally.details.append(f"{name} {given}: {error!r}")
    for point, spec in yaml.safe_load(ARGUMENT_SPECS.read_text())["argument_specs"].items():
        validator = ArgumentSpecValidator(spec.get("options", {}))
        for _number in range(400 // trials.step):
            known = spec.get("options", {})
            asked = [key for key in known if "options" not in known[key] and chance.random() < 0.5]
            given = {key: chance.choice(ABSURD) for key in asked}
            tally.tried += 1
            try:
                validator.validate(given)
            except Exception as error:
                tally.crashed += 1
                tally.details.append(f"{point} {given}: {error!r}")
    return tally


def _jproperties(raw: bytes) -> dict[str, str]:
    """What jproperties reads, for which "#:" begins no comment (docs/properties.md)."""
    parser = jproperties.Properties()
    parser.load(re.sub(r"(?m)^#:", "#", raw.decode()))
    return dict(parser.properties)


def rubbish(trials: Trials) -> Tally:
    """Generated files: read or refused in words, as jproperties reads them; an edit changes no other byte."""
    tally = Tally("rubbish")
    chance = random.Random(20260131)
    for number in range(10_000 // trials.step):
        raw = "".join(chance.choice(HOSTILE) for dummy in range(chance.randrange(40))).encode()
        if number % 7 == 0:
            raw += bytes(chance.randrange(256) for dummy in range(8))
        tally.tried += 1
        try:
            read = Properties.parse(raw, "rubbish.properties")
            if not read.edit({"added": "value"}).raw.startswith(raw) or read.as_dict() != _jproperties(raw):
                tally.lost += 1
                tally.details.append(f"{raw!r}")
        except DatomicError:
            pass
        except Exception as error:
            tally.crashed += 1
            tally.details.append(f"{raw!r}: {error!r}")
    return tally
