# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ensure_cf: read and check the files, read AWS, plan, and execute the plan unless in check mode."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from .. import rules
from ..actions import Decision
from ..aws import ec2, security_groups, sts
from ..aws.client import Aws
from ..cli import engine as cli_engine
from ..errors import DatomicError, Finding, raise_if_errors
from ..properties import file as properties_file
from ..properties.file import EMPTY, Properties
from ..rules.facts import Facts, legible
from ..steps import base, security_group
from ..steps.ingress import Current
from ..steps.security_group import Desired
from ..system import DEFAULT_PORT, System
from .prepared import Prepared

COMMAND = "ensure-cf"
INGRESS: dict[str, dict[str, Any]] = {
    "vpc_id": {"type": "str"},
    "ingress": {"type": "str", "choices": ["report", "exact"], "default": "report"},
}
"""The options of the security group."""


def ensure(aws: Aws, params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """The module's result. params: its options."""
    return prepare(aws, params, check_mode=check_mode).run(System.of(params).accept, check_mode=check_mode)


def prepare(aws: Aws, params: Mapping[str, Any], known_group: str = "", *, check_mode: bool) -> Prepared:
    """The step as it would be executed. InputError for errors that keep AWS from being asked.

    known_group: the id of the system's security group, if an earlier run has recorded it.
    """
    engine = cli_engine.chosen(params, check_mode=check_mode)
    engine_reason = cli_engine.reason(engine, COMMAND)
    file = base.read(params["src"], params["dest"])
    cf, transactor_src = file.src, params["transactor_src"]
    system = System.of(params, properties_file.inspect(transactor_src) if transactor_src else EMPTY, cf)
    home = engine.distribution(system.datomic_version)
    version = home.version if home else system.datomic_version
    facts = Facts(legible(system.transactor), legible(cf), datomic_version=version, backup_heap=system.backup_heap)
    findings = [*file.findings, *system.transactor.findings, *rules.judge(facts, "ensure_cf")]
    if not cf.legible:
        raise_if_errors(rules.accepted(findings, system.accept)[0])
    desired, _wrong = security_group.desired(system, exact=params["ingress"] == "exact")
    current = _read(aws, system, desired, rules.accepted(findings, system.accept)[0], known_group)
    comparison = security_group.Comparison(desired, current)
    findings += comparison.missing(cf)
    # With an error in these keys, the file names fewer rules than it means.
    if not any(one.severity == "error" and one.key in security_group.INGRESS_KEYS for one in findings):
        findings += comparison.unnamed_findings(cf)
    memory = current.instance_type.memory_mib if current.instance_type else None
    findings += rules.learned(facts, instance_memory_mib=memory)
    decision = Decision()
    if not any(one.severity == "error" for one in rules.accepted(findings, system.accept)[0]):
        decision = Decision(security_group.defaults(cf, current, version), comparison.plan())
    group_id, created = comparison.group.group_id if comparison.group else "", dict[str, str]()
    executors = security_groups.executors(aws, desired.region, created)

    def conclude(check_mode: bool) -> dict[str, Any]:
        if not engine.is_cli:
            done = cli_engine.native(base.conclude(file, decision, executors, check_mode=check_mode), engine_reason)
            return {**done, "security_group_id": group_id or created.get(desired.group.name, "")}
        _refuse_unknown_to_tool(cf, desired)
        cli = cli_engine.prepare(aws, engine, COMMAND, desired.region)
        cli_engine.refuse_role(cli, sts.account(aws.client("sts", region=desired.region)).arn)

        def again(_new: Properties) -> cli_engine.Rest:
            return security_group.Comparison(desired, security_groups.observe(aws, desired)).plan(), executors

        return cli_engine.conclude(cli, file, decision, executors, again, check_mode=check_mode)

    return Prepared(file, findings, conclude, decision, current, group_id)


def _refuse_unknown_to_tool(cf: Properties, desired: Desired) -> None:
    """DatomicError for what bin/datomic would do in another place than the desired one."""
    reasons = []
    if desired.port != DEFAULT_PORT:
        reasons.append(f"it opens port {DEFAULT_PORT} only, and the transactor's is {desired.port}")
    if desired.vpc_id:
        reasons.append("it makes groups in the default VPC only")
    if cf.get("aws-security-group").startswith("sg-"):
        reasons.append("it takes the id of a group for a name")
    if reasons:
        raise DatomicError(
            f"{cf.path}: bin/datomic {COMMAND} cannot do this: {'; '.join(reasons)}. Use engine: native."
        )


def _read(aws: Aws, system: System, desired: Desired, findings: list[Finding], known_group: str) -> Current:
    """AWS is asked even when the files have errors, so that one message reports all of them."""
    if not desired.region or base.about_options(findings):
        raise_if_errors(findings)
    sts.refuse_other_account(aws, system.account_id)
    with base.prefer_input_errors(findings):
        current = security_groups.observe(aws, desired, known_group)
        comparison = security_group.Comparison(desired, current)
        if not comparison.group or not comparison.revoked:
            return current
        users = ec2.users(aws.client("ec2", region=desired.region), comparison.group.group_id)
        # Without the stack's name, the only stack that uses the group counts as this system's.
        stack = f"the stack {system.stack_name}"
        own = {stack} if system.stack_name else users if len(users) == 1 else frozenset()
        return dataclasses.replace(current, others=tuple(sorted(users - own)))
