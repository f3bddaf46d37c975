# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The preflight: every rule about the two files, judged at once. docs/rules.md lists the rules by name."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, get_args

from ..errors import Acceptable, Finding
from ..properties import keys
from ..properties.file import Properties
from ..steps import security_group, transactor
from . import memory, release, service, storage, values
from .facts import EMPTY, Facts

Rule = Callable[[Facts], Iterator[Finding]]

RULES: Mapping[str, Rule] = {
    rule.__name__.replace("_", "-"): rule
    for rule in (*memory.RULES, *release.RULES, *service.RULES, *storage.RULES, *values.RULES)
}
"""Relations between keys, files and releases, by name. Each can be accepted with a reason."""

ACCEPTABLE = (*RULES, *get_args(Acceptable))


def preflight(
    transactor_file: Properties | None,
    cf: Properties | None,
    *,
    datomic_version: str = "",
    running_version: str = "",
    stack_version: str = "",
    new_stack_flavor: str = "",
    instance_memory_mib: int | None = None,
    table_write_units: int | None = None,
    log_bucket_writable: bool | None = None,
    secrets: Collection[str] = (),
    backup_heap: str = "",
    engine: str = "",
    flavor: str = "",
    running_heartbeat_msec: int = 0,
) -> list[Finding]:
    """All findings about the files, in the order of their lines; what is not given is not judged.

    datomic_version: the release for a blank datomic-version. running_version: the one that runs now. stack_version:
    the stack's, where that is not known. new_stack_flavor: of a stack that does not exist yet. The other facts come
    from AWS: MiB of the instance type, the table's provisioned write units (None: on demand), a try at the bucket.
    secrets: keys of the transactor's file whose values are kept elsewhere. backup_heap: empty without backups.
    engine, flavor: the system's, empty when unknown: advice that does not fit them is left out.
    running_heartbeat_msec: of the transactors that run now, 0 when unknown.
    """
    given = [file for file in (transactor_file, cf) if file]
    findings = [finding for file in given for finding in file.findings]
    # A file that cannot be read lacks nothing.
    transactor_file, cf = (file if file and file.legible else None for file in (transactor_file, cf))
    facts = Facts(
        transactor=transactor_file or EMPTY,
        cf=cf or EMPTY,
        datomic_version=datomic_version,
        running_version=running_version,
        stack_version=stack_version,
        new_stack_flavor=new_stack_flavor,
        instance_memory_mib=instance_memory_mib,
        table_write_units=table_write_units,
        log_bucket_writable=log_bucket_writable,
        secrets=secrets,
        backup_heap=backup_heap,
        engine=engine,
        flavor=flavor,
        running_heartbeat_msec=running_heartbeat_msec,
    )
    if transactor_file:
        findings += keys.check(transactor_file, "transactor") + transactor.required(transactor_file, secrets)
    if cf:
        port = keys.parse_integer(facts.transactor.get("port")) or security_group.DEFAULT_PORT
        wanted, unsound = security_group.wanted(cf, port=port, tags={})
        findings += keys.check(cf, "cf") + security_group.required(cf) + unsound
        findings += security_group.version_finding(cf, datomic_version)
        findings += security_group.open_to_anyone(cf, wanted.ingress_cidrs)
    for rule in RULES.values():
        findings += rule(facts)
    files = [file.path for file in given]
    return sorted(findings, key=lambda one: (files.index(one.file) if one.file in files else len(files), one.line))


def judge(names: Iterable[str], facts: Facts) -> list[Finding]:
    """What these rules find: for facts that only AWS knows, after the files were judged without them."""
    return [finding for name in names for finding in RULES[name](facts)]


SPEC: Mapping[str, Any] = {
    "accept": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"rule": {"type": "str", "required": True}, "reason": {"type": "str", "required": True}},
    }
}
"""The option of the modules that judge."""

# The keys, not their values.
SECRETS_SPEC: Mapping[str, Any] = {"secrets": {"type": "list", "elements": "str", "default": [], "no_log": False}}
"""The option of those that judge whether a property of the transactor is missing."""


@dataclasses.dataclass(frozen=True)
class Acceptance:
    """A rule that an inventory accepts, and why."""

    rule: str
    reason: str


def acceptances(params: Mapping[str, Any]) -> tuple[Acceptance, ...]:
    """The option of SPEC."""
    return tuple(Acceptance(**one) for one in params["accept"])


def accepted(
    findings: Iterable[Finding], acceptances: Iterable[Acceptance]
) -> tuple[list[Finding], list[tuple[Finding, str]]]:
    """The findings that still count, and those accepted with their reasons.

    An acceptance of a rule that does not exist or cannot be accepted, or without a reason, counts as well.
    """
    findings, reasons = list(findings), {one.rule: one.reason for one in acceptances}
    wrong = {rule: found for rule, reason in reasons.items() for found in _unsound(rule, reason)}
    reasons = {rule: reason for rule, reason in reasons.items() if rule not in wrong}
    counting = [finding for finding in findings if finding.rule not in reasons]
    accepted = [(finding, reasons[finding.rule]) for finding in findings if finding.rule in reasons]
    return [*wrong.values(), *counting], accepted


def _unsound(rule: str, reason: str) -> Iterator[Finding]:
    if rule not in ACCEPTABLE:
        close = difflib.get_close_matches(rule, ACCEPTABLE, n=1)
        instead = f"did you mean {close[0]}?" if close else "docs/rules.md lists the rules that can be"
        yield Finding("accept", f"accept: the rule {rule!a} cannot be accepted", suggestion=instead)
    elif not reason.strip():
        yield Finding("accept", f"accept: the rule {rule} is accepted without a reason", suggestion="write the reason")
