# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ensure-transactor by this collection itself: read, check, observe, plan, and do it unless in check mode."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from .. import rules
from ..aws import application_autoscaling, dynamodb, ec2, iam, iam_changes, s3, sts
from ..aws.calls import gather
from ..aws.client import Aws
from ..cli import engine as cli_engine
from ..errors import DatomicError, Finding, raise_if_errors
from ..plan import GENERATED, Decision, Executors, Plan
from ..properties.file import Properties
from ..rules.facts import Facts
from ..steps import base as steps_base
from ..steps import transactor
from ..steps.transactor import TRANSACTOR_ROLE, Options, Wanted, WantedRole, WantedUser, defaults, keys_of, policies
from ..steps.transactor import plan as transactor_plan
from ..steps.transactor import scaling as scaling_plan
from ..steps.transactor import table as table_plan
from ..steps.transactor.resources import DEFAULT_PARTITION, Account, Observed
from ..template.instance_policy import start_policy

COMMAND = "ensure-transactor"
LOCAL_REGION = "us-east-1"
"""DynamoDB Local keeps tables by region; a transactor without a region uses this one."""


def ensure(
    aws: Aws,
    src: str,
    dest: str | None,
    options: Options,
    *,
    account_id: str | None,
    check_mode: bool,
    warn: Callable[[str], None],
    engine: cli_engine.Options = cli_engine.NATIVE,
    accept: Sequence[rules.Acceptance] = (),
    secrets: Collection[str] = (),
) -> dict[str, Any]:
    """The module's result."""
    why = cli_engine.reason(engine, COMMAND)
    file = steps_base.read(src, dest, transactor.adopt, transactor.GENERATED_KEYS)
    wanted, findings = _offline(file, aws, secrets, options.role_prefix)
    findings = [*transactor.unsound(options), *file.findings, *findings]

    def counting() -> list[Finding]:
        return rules.accepted(findings, accept)[0]

    # AWS is asked even when the file has errors, so that one message tells of all of them.
    if not file.src.legible or steps_base.about_options(counting()) or _nowhere(findings):
        raise_if_errors(counting())
    judged = file.now.at(file.src.path)  # dest may not exist yet
    resources = TransactorResources(aws, wanted, options)
    with steps_base.prefer_input_errors(counting()):
        if account_id:
            resources.refuse_other_account(account_id)
        observed = resources.observe(judged)
    findings += rules.learned(Facts(judged), **_learned(wanted, observed, options))
    # What is new is known now alone: the engine cli makes it without the defaults.
    options = defaults.settled(options, wanted, observed)
    unique = (lambda: GENERATED) if check_mode else (lambda: str(uuid.uuid4()))
    decision = transactor_plan.decide(judged, wanted, observed, options, unique)
    findings += decision.findings
    for text in raise_if_errors(counting()):
        warn(text)
    executors = resources.executors(file, observed)
    if not engine.is_cli:
        result = cli_engine.native(steps_base.conclude(file, decision, executors, check_mode=check_mode), why)
        resources.finish(file, observed, decision.plan, check_mode=check_mode)
        return result
    cli = cli_engine.prepare(aws, engine, COMMAND, wanted.region)
    _known_to_the_tool(file.src, observed, decision, options)
    if observed.account:
        cli_engine.refuse_role(cli, observed.account.arn)

    def again(properties: Properties) -> cli_engine.Rest:
        rest = TransactorResources(aws, transactor.wanted(properties, secrets, options.role_prefix), options)
        state = rest.observe(properties)
        decided = transactor_plan.decide(properties, rest.wanted, state, options, unique)
        raise_if_errors(decided.findings)
        return decided.plan, rest.executors(file, state)

    result = cli_engine.conclude(cli, file, decision, executors, again, check_mode=check_mode, warn=warn)
    resources.finish(file, observed, decision.plan, check_mode=check_mode)
    return result


def _offline(
    file: steps_base.File, aws: Aws, secrets: Collection[str], role_prefix: str
) -> tuple[Wanted, list[Finding]]:
    """What the file asks for as far as AWS can be asked about it, and what is wrong with its keys and values."""
    src, wanted = file.src, transactor.wanted(file.now, secrets, role_prefix)
    if not src.legible:
        return wanted, []
    # The region of DynamoDB may be the connection's.
    findings = rules.judge(Facts(src, secrets=secrets, region=aws.region or ""), "ensure_transactor")
    return transactor.observable(wanted, findings), findings


def _learned(wanted: Wanted, observed: Observed, options: Options) -> dict[str, Any]:
    """Facts about table and bucket, as they are going to be."""
    charged = wanted.table and not wanted.endpoint
    absent = not wanted.own_bucket and observed.bucket is not None and observed.bucket.exists is False
    return {
        "table_write_units": table_plan.write_units(observed.table, options) if charged else None,
        # A bucket that nobody makes has to be there.
        "log_bucket_writable": False if absent else None,
    }


def _known_to_the_tool(properties: Properties, observed: Observed, decision: Decision, options: Options) -> None:
    if options.permissions_boundary and any(
        action.resource in ("role", "user") and action.change == "create" for action in decision.plan.actions
    ):
        raise DatomicError(
            f"{properties.path}: bin/datomic {COMMAND} cannot create a role or user with a permissions boundary. "
            "Use engine: native, or leave out permissions_boundary (datomic_permissions_boundary)."
        )
    partition = observed.account.partition if observed.account else DEFAULT_PARTITION
    if partition != DEFAULT_PARTITION:
        raise DatomicError(
            f"{properties.path}: bin/datomic {COMMAND} writes policies for the partition {DEFAULT_PARTITION}, and AWS"
            f" takes none of them in {partition}. Use engine: native."
        )
    protocol = properties.get("protocol")
    if protocol not in ("ddb", "ddb-local"):
        raise DatomicError(
            f"{properties.path}: bin/datomic {COMMAND} fails for protocol {protocol}, which needs nothing of AWS. "
            "Use engine: native."
        )


def _nowhere(findings: Iterable[Finding]) -> bool:
    """Whether they say that nobody knows in which region AWS is to be asked."""
    return any(
        finding.key == transactor.REGION and finding.rule in ("required-key", "region-name") for finding in findings
    )


def _read_of(identity: WantedRole | WantedUser) -> str:
    """What tells the read of a role or user from others: its name, which several properties may share, if any."""
    if isinstance(identity, WantedRole):
        return f"role {identity.name}" if identity.name else identity.key
    return f"user {identity.name}" if identity.name else identity.prefix


class TransactorResources:
    """The clients for what a file asks for, made when they are needed, and its reads and changes."""

    def __init__(self, aws: Aws, wanted: Wanted, options: Options) -> None:
        self.aws = aws
        self.wanted = wanted
        self.options = options
        self.region = wanted.region or aws.region or LOCAL_REGION
        self.account: Account | None = None

    def client(self, service: str) -> Any:
        return self.aws.client(service, region=self.region)

    def table_client(self) -> Any:
        return self.aws.client("dynamodb", region=self.region, endpoint=self.wanted.endpoint or None)

    def refuse_other_account(self, account_id: str) -> None:
        """Raises DatomicError when the credentials are not of that account; nothing else was asked before."""
        self.account = sts.account(self.client("sts"))
        sts.refuse_other_account(self.aws, account_id, self.account.number)

    def observe(self, properties: Properties) -> Observed:
        """Everything, side by side."""
        reads: dict[str, Callable[[], Any]] = {}
        storage = self.client("s3") if self.wanted.bucket else None
        if self.wanted.needs_account and self.account is None:
            identity = self.client("sts")
            reads["account"] = lambda: sts.account(identity)
        if self.wanted.table:
            database = self.table_client()
            backups = self.options.table_point_in_time_recovery is not None

            def table() -> Any:
                name, endpoint = self.wanted.table, self.wanted.endpoint
                if endpoint:
                    return dynamodb.observe_at(database, name, endpoint, properties.path)
                return dynamodb.observe(database, name, backups=backups)

            reads["table"] = table
        if self.scales:
            scaler = self.client(scaling_plan.SERVICE)
            reads["scaling"] = lambda: application_autoscaling.observe(scaler, self.wanted.table)
        if self.wanted.bucket:
            reads["bucket"] = lambda: self.bucket(storage, self.wanted.bucket or "")
        reads |= self.identities(properties)
        found = gather(reads)
        observed = Observed(
            account=self.account or found.get("account") or Account("", self.client("sts").meta.partition),
            region=self.region,
            table=found.get("table"),
            scaling=found.get("scaling", {}),
            bucket=found.get("bucket"),
            roles={role.key: found[_read_of(role)] for role in self.wanted.roles},
            users={user.prefix: found[_read_of(user)] for user in self.wanted.users},
        )
        if self.options.defaults != "secure" or not defaults.may_be_unfinished(self.wanted, observed):
            return observed
        bucket = s3.observe(storage, self.wanted.bucket or "", policy=True, tags=True)
        marked = dataclasses.replace(observed, bucket=bucket)
        # One that is unfinished is this system's alone: its settings need no look, they are written again.
        return marked if defaults.is_unfinished(self.wanted, marked) else observed

    @property
    def scales(self) -> bool:
        """Whether auto scaling is asked for; DynamoDB Local has none."""
        return bool(self.wanted.table and not self.wanted.endpoint and scaling_plan.wanted(self.options))

    def bucket(self, client: Any, name: str) -> Any:
        """Its settings only where they are ours to change."""
        options, own = self.options, self.wanted.own_bucket
        return s3.observe(
            client,
            name,
            public_access=own and options.bucket_block_public_access is not None,
            encryption=own and options.bucket_encryption is not None,
            rules=own and options.bucket_expiration_days is not None,
            policy=own and options.bucket_tls_only is not None,
            tags=own and bool(options.tags),
        )

    def identities(self, properties: Properties) -> Mapping[str, Callable[[], Any]]:
        """The reads of roles and users: one for each, however many properties name it."""
        if not self.wanted.roles and not self.wanted.users:
            return {}
        client = self.client("iam")
        roles = frozenset(role.name for role in self.wanted.roles if role.name)
        users = frozenset(user.name for user in self.wanted.users if user.name)
        known = [start_policy(self.options.stack_name)] if self.options.stack_name else []

        def of_role(role: WantedRole) -> Callable[[], Any]:
            if not role.name:
                return lambda: iam.free_role(client, role.base, roles)
            boundary = self.options.permissions_boundary is not None
            ours = self.policies(role.name, self.wanted.roles)
            return lambda: iam.role(client, role.name, ours, known, boundary=boundary)

        def of_user(user: WantedUser) -> Callable[[], Any]:
            if not user.name:
                return lambda: iam.free_user(client, user.base, users)
            # Its keys matter when none of its triplets has one.
            keys = all(same.blank for same in self.wanted.users if same.name == user.name)
            return lambda: iam.user(client, user.name, self.policies(user.name, self.wanted.users), keys=keys)

        return {
            **{_read_of(role): of_role(role) for role in self.wanted.roles},
            **{_read_of(user): of_user(user) for user in self.wanted.users},
        }

    def policies(self, name: str, identities: tuple[WantedRole, ...] | tuple[WantedUser, ...]) -> list[str]:
        """The inline policies that the identity of that name may have from us already.

        None of a bucket without a name: it cannot be there.
        """
        return [
            policies.name(grant, self.wanted.table, self.wanted.bucket or "")
            for identity in identities
            if identity.name == name
            for grant in identity.grants
            if grant != "logs" or self.wanted.bucket
        ]

    def finish(self, file: steps_base.File, observed: Observed, done: Plan, *, check_mode: bool) -> None:
        """Wait until EC2 knows the transactor's instance profile, if this run made it: the stack is next."""
        role = observed.roles.get(TRANSACTOR_ROLE)
        made = [action.name for action in done.actions if action.resource == "instance_profile"]
        if check_mode or role is None or role.name not in made:
            return
        # The connection's region is the stack's; the table may be in another one.
        client = self.aws.client("ec2", region=self.aws.region or self.region)
        with steps_base.attach_partial_result(file):
            ec2.wait_for_profile(client, self.client("iam"), file.now.get(TRANSACTOR_ROLE))

    def executors(self, file: steps_base.File, observed: Observed) -> Executors:
        chosen = Executors()
        if self.wanted.table:
            chosen.update(dynamodb.executors(self.table_client()))
        if self.scales:
            chosen.update(application_autoscaling.executors(self.client(scaling_plan.SERVICE)))
        if self.wanted.bucket is not None and self.wanted.own_bucket:
            chosen.update(s3.executors(self.client("s3"), self.region))
        if self.wanted.roles or self.wanted.users:
            named = [
                (observed.roles[role.key].name, role.base, role.key) for role in self.wanted.roles if not role.name
            ]
            for user in self.wanted.users:
                if not user.name:
                    named.append((observed.users[user.prefix].name, user.base, keys_of(user.prefix)[0]))
            free = {
                name: iam_changes.Generated(base, [key for other, _base, key in named if other == name])
                for name, base, _key in named
            }
            given = [*(role.name for role in self.wanted.roles), *(user.name for user in self.wanted.users)]
            client = self.client("iam")
            chosen.update(iam_changes.executors(client, file.save, generated=free, given=given))
        return chosen
