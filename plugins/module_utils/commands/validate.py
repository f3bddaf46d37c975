# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""validate_properties: check both files, and report every finding at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from .. import rules
from ..errors import Finding, InputError
from ..properties import keys
from ..properties.file import EMPTY, Properties, inspect
from ..releases import distribution
from ..rules.facts import Facts, legible
from ..rules.storage import on_instance
from ..screen import warn_off_screen
from ..steps.stack import stack_name
from ..steps.transactor.desired import desired
from ..system import System
from ..template import modern_rules
from ..template.options import Options as ModernOptions

FACTS = tuple(field.name for field in dataclasses.fields(Facts) if field.name not in ("transactor", "cf", "region"))
"""The options of the module that are facts for the rules."""


def validate(params: Mapping[str, Any], internal: Mapping[str, Any]) -> dict[str, Any]:
    """The module's result. params: its options. internal: those of internal_options.

    Raises InputError with every finding when one of them is an error.
    """
    transactor, cf = (inspect(params[src]) if params[src] else EMPTY for src in ("transactor_src", "cf_src"))
    given = {name: params[name] for name in FACTS}
    if params["datomic_home"] and not params["datomic_version"]:
        home = distribution.inspect(params["datomic_home"], to_come=internal.get("_release_to_come", ""))
        # The file's release counts, which may be another one than that of the distribution.
        given["datomic_version"] = cf.get("datomic-version") or home.version
    facts = Facts(legible(transactor), legible(cf), **given)
    findings = [*transactor.findings, *cf.findings, *rules.judge(facts)]
    if params["cf_src"] and params["modern"]:
        findings += modern_rules.of_options(cf, ModernOptions.of(params["modern"]))
    found = [Finding(**one) for one in internal.get("_found", ())]
    # Other modules apply the same acceptances, or none: their errors would stop them again.
    errors = [one for one in found if one.severity == "error"]
    errors += stack_name.findings(params["stack_name"]) if params["stack_name"] else []
    milder = [one for one in found if one.severity != "error"]
    files = (params["transactor_src"], params["cf_src"])
    counting, accepted = rules.accepted(_merged(files, [*milder, *findings]), System.of(params).accept)
    counting = _merged(files, [*errors, *counting])
    for finding in counting:
        if finding.severity == "warning":
            warn_off_screen(str(finding))
    returned = [{**finding.as_returned(), "accepted_reason": reason} for finding, reason in accepted]
    if any(finding.severity == "error" for finding in counting):
        error = InputError(counting)
        error.details["accepted"] = returned
        raise error
    storage = desired(System(transactor))
    # With an endpoint, the table is not in AWS.
    table = "" if storage.endpoint else storage.table
    return {
        "changed": False,
        "region": cf.get("aws-region"),
        "datomic_version": facts.given_version,
        "table": table,
        "table_region": storage.region if table else "",
        "heartbeat_interval_msec": _heartbeat(transactor),
        "storage_on_instance": bool(on_instance(transactor)),
        "findings": [finding.as_returned() for finding in counting],
        "accepted": returned,
    }


def _heartbeat(transactor: Properties) -> int:
    setting = keys.TRANSACTOR["heartbeat-interval-msec"]
    return keys.parse_integer(transactor.get(setting.name)) or int(setting.default)


def _merged(files: tuple[str, str], findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once, in the order of the files and their lines."""
    by_place = {(one.rule, one.file, one.key, one.message): one for one in findings}
    return sorted(by_place.values(), key=lambda one: (files.index(one.file) if one.file in files else 2, one.line))
