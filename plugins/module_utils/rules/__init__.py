# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which rules run in which module, and which of their findings a user accepts. See docs/rules.md."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from ..errors import Acceptable, Acceptance, Finding
from ..properties import keys
from ..steps import security_group
from ..steps.transactor import checks
from ..system import System
from . import memory, metrics, network, release, storage, values  # each registers its rules
from .facts import EMPTY, Facts
from .registry import RULES, Module

__all__ = ["RULES", "memory", "metrics", "network", "release", "storage", "values"]

ACCEPTABLE = (*RULES, *get_args(Acceptable))


def judge(facts: Facts, module: Module = "validate_properties") -> list[Finding]:
    """All findings of this module about the files, in the order of their lines. What is not given is not judged."""
    findings: list[Finding] = []
    if facts.transactor is not EMPTY:
        findings += _of_transactor(facts, module)
    if facts.cf is not EMPTY and module != "ensure_transactor":
        version = ("datomic-version",) if facts.datomic_version else ()
        findings += keys.check(facts.cf, "cf", version)
        if module != "create_cf_template":
            wanted, unsound = security_group.desired(System(cf=facts.cf))
            findings += [*unsound, *security_group.open_to_anyone(facts.cf, wanted.ingress_cidrs)]
    for rule in RULES.values():
        if module == "validate_properties" or module in rule.also:
            findings += rule.check(facts)
    files = [facts.transactor.path, facts.cf.path]
    return sorted(findings, key=lambda one: (files.index(one.file) if one.file in files else len(files), one.line))


def _of_transactor(facts: Facts, module: Module) -> list[Finding]:
    file = facts.transactor
    if module == "ensure_cf":  # reads nothing else of this file
        return [finding for finding in keys.check(file, "transactor") if finding.key == "port"]
    if module == "create_cf_template":  # the host is the instance's own
        return keys.check(file, "transactor", ("host",))
    missing = values.missing_keys(facts, to_start=module == "validate_properties")
    return [*keys.check(file, "transactor"), *missing, *checks.of_file(file, facts.secrets)]


def learned(facts: Facts, **known: Any) -> list[Finding]:
    """What all rules find with these facts, which only AWS knows, and do not find without them."""

    def run(facts: Facts) -> list[Finding]:
        return [finding for rule in RULES.values() for finding in rule.check(facts)]

    before = run(facts)
    return [finding for finding in run(dataclasses.replace(facts, **known)) if finding not in before]


SPEC: Mapping[str, Any] = {
    "accept": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"rule": {"type": "str", "required": True}, "reason": {"type": "str", "required": True}},
    }
}
"""The option `accept`."""

# The keys, not their values.
SECRETS_SPEC: Mapping[str, Any] = {"secrets": {"type": "list", "elements": "str", "default": [], "no_log": False}}
"""The option `secrets`."""


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
        instead = f"did you mean {close[0]}?" if close else "docs/rules.md lists the rules that can be accepted"
        yield Finding("accept", f"accept: the rule {rule!a} cannot be accepted", suggestion=instead)
    elif not reason.strip():
        yield Finding("accept", f"accept: the rule {rule} is accepted without a reason", suggestion="write the reason")
