# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""validate_properties: check both files, and report every finding at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .. import internal_options, rules
from ..errors import Acceptance, Finding, InputError
from ..properties.file import EMPTY, Properties, inspect
from ..releases import distribution
from ..rules.facts import Facts, legible
from ..screen import warn_off_screen
from ..steps.stack import stack_name
from ..system import System
from ..template import modern_rules
from ..template.options import Options as ModernOptions

FACTS = ("datomic_version", "backup_heap", "engine", "flavor", "secrets")
"""The options of a module that are facts for the rules."""

DATABASES: Mapping[str, Any] = {
    "type": "list",
    "elements": "dict",
    "options": {
        "name": {"type": "str", "required": True},
        "backup_uri": {"type": "str", "required": True},
        "uri": {"type": "str", "no_log": True},
        "backup_region": {"type": "str"},
        "encryption": {"type": "str", "choices": ["none", "sse"], "default": "sse"},
    },
}
"""The option databases."""


@dataclasses.dataclass(frozen=True)
class Read:
    """Both files, what is known of the system without AWS, and findings about their text. EMPTY: not given."""

    transactor: Properties
    cf: Properties
    facts: Facts
    findings: tuple[Finding, ...]


@dataclasses.dataclass(frozen=True)
class Judged:
    """counting: the findings that nobody accepts, each once, in the order of the files. accepted: with the reasons."""

    counting: list[Finding]
    accepted: list[tuple[Finding, str]]

    @classmethod
    def of(
        cls,
        paths: tuple[str, str],
        findings: Iterable[Finding],
        final: Iterable[Finding],
        accept: Iterable[Acceptance],
    ) -> Judged:
        """paths: of the files. final: findings that cannot be accepted."""
        counting, accepted = rules.accepted(merged(paths, findings), accept)
        return cls(merged(paths, [*final, *counting]), accepted)

    def accepted_as_returned(self) -> list[dict[str, Any]]:
        return [{**finding.as_returned(), "accepted_reason": reason} for finding, reason in self.accepted]

    def refuse_errors(self) -> None:
        """InputError, with the accepted findings, when there is an error."""
        if any(finding.severity == "error" for finding in self.counting):
            error = InputError(self.counting)
            error.details["accepted"] = self.accepted_as_returned()
            raise error


def files(params: Mapping[str, Any]) -> Read:
    """Read the files that a module's options name, whatever is wrong with them."""
    transactor, cf = (inspect(params[src]) if params[src] else EMPTY for src in ("transactor_src", "cf_src"))
    given = {name: params[name] for name in FACTS}
    if params["datomic_home"] and not params["datomic_version"]:
        to_come = internal_options.get().get("_release_to_come", "")
        home = distribution.inspect(params["datomic_home"], to_come=to_come)
        # The file's release counts, which may be another one than that of the distribution.
        given["datomic_version"] = cf.get("datomic-version") or home.version
    facts = Facts(legible(transactor), legible(cf), **given)
    findings = [*transactor.findings, *cf.findings]
    if params["cf_src"] and params["modern"]:
        findings += modern_rules.of_options(cf, ModernOptions.of(params["modern"]))
    return Read(transactor, cf, facts, tuple(findings))


def validate(params: Mapping[str, Any]) -> dict[str, Any]:
    """The module's result. params: its options.

    Raises InputError with every finding when one of them is an error.
    """
    read = files(params)
    findings = [*read.findings, *rules.judge(read.facts)]
    wrong = stack_name.findings(params["stack_name"]) if params["stack_name"] else []
    if params["databases"] is not None:
        wrong += backup_findings(params["databases"], params["datomic_home"])
    judged = Judged.of((params["transactor_src"], params["cf_src"]), findings, wrong, System.of(params).accept)
    for finding in judged.counting:
        if finding.severity == "warning":
            warn_off_screen(str(finding))
    judged.refuse_errors()
    return {
        "changed": False,
        "region": read.cf.get("aws-region"),
        "datomic_version": read.facts.given_version,
        "findings": [finding.as_returned() for finding in judged.counting],
        "accepted": judged.accepted_as_returned(),
    }


def backup_findings(databases: Sequence[Mapping[str, Any]], home: str | None) -> list[Finding]:
    """What keeps databases from being backed up or restored, whichever they are."""

    def repeated(option: str, advice: str) -> Iterator[Finding]:
        values = [one[option].rstrip("/") for one in databases]
        if len(set(values)) < len(values):
            message = f"two of datomic_databases have the same {option} ({', '.join(values)})"
            yield Finding("databases", message, suggestion=advice)

    found = [*repeated("name", "give each database once"), *repeated("backup_uri", "each database needs its own")]
    if not databases:
        found.append(
            Finding("databases", "datomic_databases is empty", suggestion="give the name and the backup_uri of each")
        )
    if not home:
        advice = "give the root of a distribution, or run the entry point distribution first"
        found.append(Finding("databases", "datomic_home is not set", suggestion=advice))
    return found


def merged(files: tuple[str, str], findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once, in the order of the files and their lines."""
    by_place = {(one.rule, one.file, one.key, one.message): one for one in findings}
    return sorted(by_place.values(), key=lambda one: (files.index(one.file) if one.file in files else 2, one.line))
