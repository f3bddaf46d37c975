# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ensure-cf by this collection itself: read, check, observe, plan, and do it unless in check mode."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import rules
from ..aws import ec2, security_groups, sts
from ..aws.client import Aws
from ..cli import engine as cli_engine
from ..errors import DatomicError, Finding, raise_if_errors
from ..plan import Decision
from ..properties import file as properties_file
from ..properties import keys
from ..properties.file import Properties
from ..rules.facts import EMPTY, Facts, legible
from ..steps import base, security_group
from ..steps.ingress import Observed
from ..steps.security_group import Wanted

COMMAND = "ensure-cf"


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of the module ensure_cf, which documents them; what was not given is None."""

    src: str
    dest: str | None = None
    transactor_src: str | None = None
    vpc_id: str | None = None
    datomic_version: str | None = None
    account_id: str | None = None
    stack_name: str | None = None
    ingress: str = "report"
    backup_heap: str = ""
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)


def ensure(
    aws: Aws,
    options: Options,
    *,
    check_mode: bool,
    warn: Callable[[str], None],
    engine: cli_engine.Options = cli_engine.NATIVE,
    accept: Sequence[rules.Acceptance] = (),
) -> dict[str, Any]:
    """The module's result."""
    why = cli_engine.reason(engine, COMMAND)
    file = base.read(options.src, options.dest)
    cf = file.src
    home = engine.distribution(options.datomic_version or "")
    version = home.version if home else options.datomic_version or ""
    transactor = properties_file.inspect(options.transactor_src) if options.transactor_src else EMPTY
    facts = Facts(legible(transactor), legible(cf), datomic_version=version, backup_heap=options.backup_heap)
    findings = [*file.findings, *transactor.findings, *rules.judge(facts, "ensure_cf")]
    if not cf.legible:
        raise_if_errors(rules.accepted(findings, accept)[0])
    port = _port(transactor)
    exact = options.ingress == "exact"
    wanted, _unsound = security_group.wanted(cf, port=port, vpc_id=options.vpc_id or "", tags=options.tags, exact=exact)
    observed = _observed(aws, wanted, options, rules.accepted(findings, accept)[0])
    findings += security_group.missing(cf, wanted, observed)
    # What is wrong there names fewer rules than are meant.
    if not any(one.severity == "error" and one.key in security_group.INGRESS_KEYS for one in findings):
        findings += security_group.unnamed_findings(cf, wanted, observed)
    memory = observed.instance_type.memory_mib if observed.instance_type else None
    findings += rules.learned(facts, instance_memory_mib=memory)
    counting = rules.accepted(findings, accept)[0]
    for text in raise_if_errors(counting):
        warn(text)
    told = {"findings": [one.as_returned() for one in counting]}
    decision = Decision(
        values=security_group.defaults(cf, observed, version), plan=security_group.plan(wanted, observed)
    )
    executors = security_groups.executors(aws, wanted.region)
    if not engine.is_cli:
        return cli_engine.native(base.conclude(file, decision, executors, check_mode=check_mode), why) | told
    _known_to_the_tool(cf, wanted)
    cli = cli_engine.prepare(aws, engine, COMMAND, wanted.region)
    cli_engine.refuse_role(cli, sts.account(aws.client("sts", region=wanted.region)).arn)

    def again(_new: Properties) -> cli_engine.Rest:
        return security_group.plan(wanted, security_groups.observe(aws, wanted)), executors

    return cli_engine.conclude(cli, file, decision, executors, again, check_mode=check_mode, warn=warn) | told


def _known_to_the_tool(cf: Properties, wanted: Wanted) -> None:
    """DatomicError for what the tool would do in another place than the one that is meant."""
    reasons = []
    if wanted.port != cli_engine.PORT:
        reasons.append(f"it opens port {cli_engine.PORT} only, and the transactor's is {wanted.port}")
    if wanted.vpc_id:
        reasons.append("it makes groups in the default VPC only")
    if cf.get("aws-security-group").startswith("sg-"):
        reasons.append("it takes the id of a group for a name")
    if reasons:
        raise DatomicError(
            f"{cf.path}: bin/datomic {COMMAND} cannot do this: {'; '.join(reasons)}. Use engine: native."
        )


def _port(transactor: Properties) -> int:
    """The transactor's, where its file has a sound one."""
    port = keys.parse_integer(transactor.get("port"))
    return port if port is not None and 1 <= port <= 65535 else security_group.DEFAULT_PORT


def _observed(aws: Aws, wanted: Wanted, options: Options, findings: list[Finding]) -> Observed:
    """What AWS has. It is asked even when the file has errors, so that one message tells of all of them."""
    if not wanted.region or base.about_options(findings):
        raise_if_errors(findings)
    sts.refuse_other_account(aws, options.account_id)
    with base.prefer_input_errors(findings):
        observed = security_groups.observe(aws, wanted)
        found = security_group.unnamed(wanted, observed) if wanted.exact else None
        if not found or not found.revoked:
            return observed
        users = ec2.users(aws.client("ec2", region=wanted.region), found.group.group_id)
        # Without the stack's name, what is of one stack alone is taken for this system's.
        own = {f"the stack {options.stack_name}"} if options.stack_name else users if len(users) == 1 else frozenset()
        return dataclasses.replace(observed, others=tuple(sorted(users - own)))
