# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Generated properties files, absurd options of modules and variables of the role: read, or refused in words."""

from __future__ import annotations

import importlib
import json
import random
from collections.abc import Mapping
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties import file
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import Properties
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.chaos import runs
from tests.chaos.system import OURS, ModuleError
from tests.chaos.trials import Tally, Trials
from tests.estate import ROOT
from tests.modules import CREDENTIALS
from tests.unit import test_properties_generated as generated

ARGUMENT_SPECS = ROOT / "roles" / "datomic" / "meta" / "argument_specs.yml"
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if "def main" in path.read_text())
"""The others are action plugins alone."""
EXAMPLES = 10_000

MANY = st.integers(1, 3000)
HUGE = st.one_of(
    MANY.map(lambda n: b"k=a" + b"\\\n  b" * n),
    MANY.map(lambda n: b"k=" + b"v" * 100 * n),
    MANY.map(lambda n: b"k=" + b"\\\\" * n + b"x\n"),
    MANY.map(lambda n: b"".join(b"k%d=v\n" % i for i in range(n // 10))),
)
FILES = st.one_of(
    *[generated.valid_files()] * 5,
    *[generated.HOSTILE.map(str.encode)] * 4,
    st.binary(max_size=200),
    generated.HOSTILE.map(lambda text: text.encode("utf-16")),
    st.text(max_size=60).map(lambda text: text.encode(errors="replace")),
    # Rare, as each takes as long as a hundred others.
    st.integers(0, 19).flatmap(lambda n: HUGE if n == 0 else generated.valid_files()),
)
"""Half of them are accepted, for what is refused proves nothing of how it is read."""
CHANGES = st.dictionaries(generated.KEYS, generated.VALUES, max_size=3)


def files(trials: Trials) -> Tally:
    """No traceback; what is accepted reads as jproperties reads it, and an edit changes no other byte."""
    tally = Tally("rubbish")
    accepted = 0

    @settings(
        max_examples=EXAMPLES // trials.step,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(FILES, CHANGES)
    def one(raw: bytes, changes: Mapping[str, str]) -> None:
        nonlocal accepted
        tally.tried += 1
        try:
            read = Properties.parse(raw, "rubbish.properties")
        except DatomicError:
            return
        except Exception as error:
            tally.crashed += 1
            tally.details.append(f"{raw[:200]!r}: {error!r}")
            return
        accepted += 1
        if problem := _misread(read, changes):
            tally.lost += 1
            tally.details.append(f"{raw[:200]!r} with {dict(changes)}: {problem}")

    one()
    if accepted < tally.tried // 3:
        tally.crash(f"only {accepted} of {tally.tried} files were accepted: how they are read was not tried")
    return tally


def _misread(before: Properties, changes: Mapping[str, str]) -> str:
    """What is wrong with how it is read or edited, or nothing. One of its own keys is edited too."""
    values = {**changes, **dict.fromkeys(list(before.entries)[:1], "another")}
    try:
        file.verify(before)
        after = before.edit(values)
        file.verify(after)
    except DatomicError as error:
        return str(error)
    if after.as_dict() != {**before.as_dict(), **values}:
        return "the edit gives other values"
    if not generated.rest(after, values).startswith(generated.rest(before, values)):
        return "the edit changes other bytes"
    return ""


ABSURD: tuple[Any, ...] = (
    *(None, "", " ", "x", "-1", 0, -1, 2**70, 1.5, True, [], ["x"], {}, {"a": {}}),
    *("\0", "é😀", "a" * 5000, "$(id)", "{{ x }}"),
)


def options(trials: Trials) -> Tally:
    """Absurd values for every option of every module, and for every variable that the role's specs know."""
    tally = Tally("rubbish")
    chance = random.Random(20261124)
    system = trials.fresh("create")
    sound = {"src": str(system.transactor), "transactor_src": str(system.transactor), "cf_src": str(system.cf)}
    for name in MODULES:
        known = yaml.safe_load(importlib.import_module(OURS + name).DOCUMENTATION)["options"]
        for _number in range(400 // trials.step):
            given: dict[str, Any] = {key: sound[key] for key in known if key in sound}
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


def variables(trials: Trials) -> Tally:
    """Every variable of the role absurd once, two at a time, in a check of create.yml: no traceback, no change."""
    tally = Tally("rubbish")
    chance = random.Random(20261125)
    known = yaml.safe_load(ARGUMENT_SPECS.read_text())["argument_specs"]["main"]["options"]
    system = trials.fresh("create")
    before, files = trials.aws.snapshot(), system.state()["files"]
    names = sorted(known)
    # What the command line cannot hold is no variable's value.
    absurd = [value for value in ABSURD if value != "\0"]
    for first in range(0, len(names), 2 * trials.step):
        given = {name: chance.choice(absurd) for name in names[first : first + 2]}
        ended = runs.play(system, "create", "--check", "-e", json.dumps({"datomic_lock_timeout": 1, **given}))
        tally.tried += 1
        if "Traceback" in ended.output or "Unexpected failure" in ended.output or ended.code not in (0, 2, 4):
            tally.crashed += 1
            tally.details.append(f"{given}: {ended.code} {ended.output[-1000:]}")
        if trials.aws.snapshot() != before or system.state()["files"] != files:
            tally.lost += 1
            tally.details.append(f"{given}: a check changed something")
    return tally
