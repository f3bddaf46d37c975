# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What validate_properties does: read both files, judge them, tell everything at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import rules
from ..errors import Acceptance, Finding, InputError
from ..properties import keys
from ..properties.file import EMPTY, Properties, inspect
from ..releases import distribution
from ..rules.facts import Facts, legible
from ..rules.storage import on_instance
from ..steps.stack import stack_name
from ..steps.transactor.desired import desired
from ..system import System
from ..template import modern_rules


@dataclasses.dataclass(frozen=True)
class Options:
    """The module's options.

    facts: without the files. datomic_version: empty for that of datomic_home.
    """

    transactor_src: str | None
    cf_src: str | None
    accept: Sequence[Acceptance]
    facts: Facts
    found: Sequence[Finding] = ()
    datomic_home: str | None = None
    release_to_come: str = ""
    stack_name: str = ""
    modern: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def validate(options: Options, warn: Callable[[str], None]) -> dict[str, Any]:
    """The module's result. Raises InputError with every finding when there is an error among them."""
    transactor = inspect(options.transactor_src) if options.transactor_src else None
    cf = inspect(options.cf_src) if options.cf_src else None
    version = options.facts.datomic_version
    if options.datomic_home and not version:
        version = distribution.inspect(options.datomic_home, to_come=options.release_to_come).version
        # Its release may be another one than the file's, which counts.
        version = (cf.get("datomic-version") if cf else "") or version
    facts = dataclasses.replace(options.facts, transactor=legible(transactor), cf=legible(cf), datomic_version=version)
    files = [file for file in (transactor, cf) if file]
    offline = [*(finding for file in files for finding in file.findings), *rules.judge(facts)]
    if cf and options.modern:
        offline += modern_rules.of_options(cf, modern_rules.options_of(options.modern))
    # A module that refuses has judged with the same acceptances, or takes none: its errors would stop it again.
    named = stack_name.findings(options.stack_name) if options.stack_name else []
    refusals = [*named, *(one for one in options.found if one.severity == "error")]
    told = [one for one in options.found if one.severity != "error"]
    counting, accepted = rules.accepted(_merged(options, told, offline), options.accept)
    findings = _merged(options, refusals, counting)
    for finding in findings:
        if finding.severity == "warning":
            warn(str(finding))
    returned = [finding.as_returned() for finding in findings]
    told_accepted = [{**finding.as_returned(), "accepted_reason": reason} for finding, reason in accepted]
    if any(finding.severity == "error" for finding in findings):
        refusal = InputError(findings)
        refusal.details["accepted"] = told_accepted
        raise refusal
    storage = desired(System(transactor or EMPTY))
    # With an endpoint it is a table of another DynamoDB than AWS's.
    table = "" if storage.endpoint else storage.table
    return {
        "changed": False,
        "region": cf.get("aws-region") if cf else "",
        "datomic_version": (cf.get("datomic-version") if cf else "") or version,
        "table": table,
        "table_region": storage.region if table else "",
        "heartbeat_interval_msec": _heartbeat(transactor),
        "storage_on_instance": bool(transactor and on_instance(transactor)),
        "findings": returned,
        "accepted": told_accepted,
    }


def _heartbeat(transactor: Properties | None) -> int:
    """What the file says, or Datomic's default."""
    setting = keys.TRANSACTOR["heartbeat-interval-msec"]
    given = keys.parse_integer(transactor.get(setting.name)) if transactor else None
    return given or int(setting.default)


def _merged(options: Options, first: Sequence[Finding], then: Sequence[Finding]) -> list[Finding]:
    """All findings, each once, in the order of the files."""
    by_place = {(one.rule, one.file, one.key, one.message): one for one in (*first, *then)}
    files = [options.transactor_src, options.cf_src]
    return sorted(by_place.values(), key=lambda one: (files.index(one.file) if one.file in files else 2, one.line))
