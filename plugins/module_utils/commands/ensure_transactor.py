# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ensure_transactor: read and check the file, read AWS, plan, and execute the plan unless in check mode."""

from __future__ import annotations

import dataclasses
import functools
import uuid
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from .. import rules
from ..actions import GENERATED, Actions, Decision, Executors
from ..aws import application_autoscaling, dynamodb, ec2, iam, iam_changes, s3, sts
from ..aws.calls import run_parallel
from ..aws.client import Aws
from ..cli import engine as cli_engine
from ..errors import DatomicError, Finding, raise_if_errors
from ..properties.file import Properties
from ..rules.facts import Facts
from ..steps import base
from ..steps.transactor import bucket, checks, policies, table
from ..steps.transactor.current import DEFAULT_PARTITION, Account, Bucket, Current, Role, Scaling, Table, Units, User
from ..steps.transactor.desired import (
    GENERATED_KEYS,
    REGION,
    TRANSACTOR_ROLE,
    Desired,
    Identity,
    Options,
    adopt,
    desired,
    recorded,
    without_wrong_keys,
)
from ..steps.transactor.outputs import outputs
from ..steps.transactor.plan import decide, with_defaults
from ..system import ROLE_PREFIX, System
from ..template.modern import start_policy
from ..util import lease
from .names import remembering
from .prepared import Prepared

COMMAND = "ensure-transactor"
RESOURCES: dict[str, dict[str, Any]] = {
    "policies": {"type": "str", "choices": ["tool", "least_privilege"]},
    "permissions_boundary": {"type": "str"},
    "role_prefix": {"type": "str", "default": ROLE_PREFIX},
    "table_billing_mode": {"type": "str", "choices": ["PROVISIONED", "PAY_PER_REQUEST"]},
    "table_read_capacity": {"type": "int"},
    "table_write_capacity": {"type": "int"},
    "table_max_read_capacity": {"type": "int"},
    "table_max_write_capacity": {"type": "int"},
    "table_target_utilization": {"type": "int"},
    "table_point_in_time_recovery": {"type": "bool"},
    "table_deletion_protection": {"type": "bool"},
    "bucket_block_public_access": {"type": "bool"},
    "bucket_encryption": {"type": "str", "choices": ["AES256", "aws:kms"]},
    "bucket_tls_only": {"type": "bool"},
    "bucket_expiration_days": {"type": "int"},
}
"""The options of the table, the log bucket, the roles and the users."""
LOCAL_REGION = "us-east-1"
"""DynamoDB Local keeps tables by region; a transactor without a region uses this one."""
NO_NAMES: Mapping[str, str] = MappingProxyType({})


def ensure(aws: Aws, params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """The module's result. params: its options."""
    held = lease.held()
    prepared = prepare(aws, params, names=held.names if held else NO_NAMES, check_mode=check_mode)
    if held:
        prepared.file.saved = remembering(aws, held)
    return prepared.run(System.of(params).accept, check_mode=check_mode)


def prepare(
    aws: Aws,
    params: Mapping[str, Any],
    account: Callable[[], Account] | None = None,
    names: Mapping[str, str] = NO_NAMES,
    *,
    check_mode: bool,
) -> Prepared:
    """The step as it would be executed. InputError for errors that keep AWS from being asked.

    names: that an earlier run has generated, by key; the file gets them where it is blank.
    account: that of the credentials, where it is known without asking. The engine cli has to know the user or role too.
    """
    options = Options(**{field.name: params[field.name] for field in dataclasses.fields(Options)})
    engine = cli_engine.chosen(params, check_mode=check_mode)
    engine_reason = cli_engine.reason(engine, COMMAND)
    file = base.read(params["src"], params["dest"], adopt, GENERATED_KEYS)
    if known := recorded(file.now, names):
        file.now = file.now.edit(known)
    # dest may not exist yet
    system = System.of(params, transactor=file.now.at(file.src.path))
    wanted, found = _checked(file.src, system, aws)
    findings = [*checks.of_options(system, options), *file.findings, *found]
    counting = rules.accepted(findings, system.accept)[0]
    # AWS is asked even when the file has errors, so that one message reports all of them.
    if not file.src.legible or base.about_options(counting) or _no_region(findings):
        raise_if_errors(counting)
    resources = TransactorResources(aws, system, wanted, options, None if engine.is_cli else account)
    with base.prefer_input_errors(counting):
        current = resources.read()
    findings += rules.learned(Facts(system.transactor), **_learned(wanted, current, options))
    # Only now it is known which resources are new. The engine cli creates them without the defaults.
    options = with_defaults(options, wanted, current)
    decision = decide(system, wanted, current, options, _unique(check_mode))
    decision = dataclasses.replace(decision, values={**known, **decision.values})
    findings += decision.findings

    def conclude(check_mode: bool) -> dict[str, Any]:
        executors = resources.executors(file, current)
        if engine.is_cli:
            result = _by_tool(resources, engine, file, decision, current, executors, check_mode=check_mode)
        else:
            result = cli_engine.native(base.conclude(file, decision, executors, check_mode=check_mode), engine_reason)
        resources.wait_for_profile(file, current, decision.plan, check_mode=check_mode)
        after = base.planned(file, decision) if check_mode else file.now
        return {**result, "outputs": outputs(resources.desired, current, after)}

    return Prepared(file, findings, conclude, decision)


def _unique(check_mode: bool) -> Callable[[], str]:
    return (lambda: GENERATED) if check_mode else (lambda: str(uuid.uuid4()))


def _by_tool(
    resources: TransactorResources,
    engine: cli_engine.Options,
    file: base.File,
    decision: Decision,
    current: Current,
    executors: Executors,
    *,
    check_mode: bool,
) -> dict[str, Any]:
    cli = cli_engine.prepare(resources.aws, engine, COMMAND, resources.desired.region)
    _refuse_unknown_to_tool(resources.system, current, decision)
    cli_engine.refuse_role(cli, current.account.arn)

    def again(properties: Properties) -> cli_engine.Rest:
        system = dataclasses.replace(resources.system, transactor=properties)
        rest = TransactorResources(resources.aws, system, desired(system), resources.options)
        state = rest.read()
        decided = decide(system, rest.desired, state, rest.options, _unique(check_mode))
        raise_if_errors(decided.findings)
        return decided.plan, rest.executors(file, state)

    return cli_engine.conclude(cli, file, decision, executors, again, check_mode=check_mode)


def _checked(src: Properties, system: System, aws: Aws) -> tuple[Desired, list[Finding]]:
    """The desired resources that AWS can be asked about, and what is wrong with keys and values of the file."""
    wanted = desired(system)
    if not src.legible:
        return wanted, []
    facts = Facts(src, secrets=system.secrets, region=aws.region or "")
    findings = rules.judge(facts, "ensure_transactor")
    wrong = (finding.key for finding in findings if finding.severity == "error")
    return without_wrong_keys(wanted, wrong), findings


def _no_region(findings: Iterable[Finding]) -> bool:
    return any(finding.key == REGION and finding.rule in ("required-key", "invalid-value") for finding in findings)


def _learned(wanted: Desired, current: Current, options: Options) -> dict[str, Any]:
    """Facts about table and bucket, as the plan leaves them."""
    is_charged = wanted.table and not wanted.endpoint
    is_missing = bool(wanted.bucket) and not wanted.own_bucket and current.bucket.exists is False
    return {
        "table_write_units": table.write_units(current.table, options) if is_charged else None,
        # Nobody creates such a bucket: it has to exist.
        "log_bucket_writable": False if is_missing else None,
    }


def _refuse_unknown_to_tool(system: System, current: Current, decision: Decision) -> None:
    """DatomicError for what bin/datomic cannot do."""
    path, protocol = system.transactor.path, system.transactor.get("protocol")
    if system.permissions_boundary and any(
        action.resource in ("role", "user") and action.change == "create" for action in decision.plan.actions
    ):
        raise DatomicError(
            f"{path}: bin/datomic {COMMAND} cannot create a role or user with a permissions boundary. "
            "Use engine: native, or leave out permissions_boundary (datomic_permissions_boundary)."
        )
    if current.account.partition != DEFAULT_PARTITION:
        raise DatomicError(
            f"{path}: bin/datomic {COMMAND} writes policies for the partition {DEFAULT_PARTITION}, and AWS"
            f" takes none of them in {current.account.partition}. Use engine: native."
        )
    if protocol not in ("ddb", "ddb-local"):
        raise DatomicError(
            f"{path}: bin/datomic {COMMAND} fails for protocol {protocol}, which needs nothing of AWS. "
            "Use engine: native."
        )


class TransactorResources:
    """The AWS resources of a system: their clients, reads and changes."""

    def __init__(
        self,
        aws: Aws,
        system: System,
        desired: Desired,
        options: Options,
        account: Callable[[], Account] | None = None,
    ) -> None:
        self.aws = aws
        self.system = system
        self.desired = desired
        self.options = options
        self.account = account
        self.region = desired.region or aws.region or LOCAL_REGION

    def client(self, service: str) -> Any:
        endpoint = self.desired.endpoint or None if service == "dynamodb" else None
        return self.aws.client(service, region=self.region, endpoint=endpoint)

    @property
    def scales(self) -> bool:
        """Whether the options ask for auto scaling; DynamoDB Local has none."""
        return bool(self.desired.table and not self.desired.endpoint and table.maximum_units(self.options))

    def read(self) -> Current:
        """The current resources, read in parallel. DatomicError for credentials of another account, before the rest."""
        checked = self._account() if self.system.account_id else None
        if checked:
            sts.refuse_other_account(self.aws, self.system.account_id, checked().number)
        unknown = Account(partition=self.client("sts").meta.partition)
        account, found, targets, log_bucket, identities = run_parallel(
            checked or (self._account() if self.desired.needs_account else lambda: unknown),
            self._table(),
            self._scaling(),
            self._bucket(),
            self._identities(),
        )
        current = Current(
            account=account,
            region=self.region,
            table=found,
            scaling=targets,
            bucket=log_bucket,
            roles={one.key: role for one, role in identities.items() if isinstance(role, Role)},
            users={one.key: user for one, user in identities.items() if isinstance(user, User)},
        )
        if self.options.defaults != "secure" or not bucket.may_be_unfinished(self.desired, current):
            return current
        name = self.desired.bucket or ""
        tagged = dataclasses.replace(current, bucket=s3.observe(self.client("s3"), name, policy=True, tags=True))
        # Only this system writes to an unfinished bucket: its settings are not read, they are written again.
        return tagged if bucket.is_unfinished(self.desired, tagged) else current

    def _account(self) -> Callable[[], Account]:
        client = self.client("sts")
        return self.account or (lambda: sts.account(client))

    def _table(self) -> Callable[[], Table | None]:
        name, endpoint, path = self.desired.table, self.desired.endpoint, self.system.transactor.path
        if not name:
            return lambda: None
        client = self.client("dynamodb")
        if endpoint:
            return lambda: dynamodb.observe_at(client, name, endpoint, path)
        return lambda: dynamodb.observe(client, name, backups=self.options.table_point_in_time_recovery is not None)

    def _scaling(self) -> Callable[[], Mapping[Units, Scaling]]:
        if not self.scales:
            return dict
        client = self.client(table.AUTO_SCALING)
        return lambda: application_autoscaling.observe(client, self.desired.table)

    def _bucket(self) -> Callable[[], Bucket]:
        """The bucket's settings only where the options change them."""
        name, options, own = self.desired.bucket, self.options, self.desired.own_bucket
        if not name:
            return Bucket
        client = self.client("s3")
        return lambda: s3.observe(
            client,
            name,
            public_access=own and options.bucket_block_public_access is not None,
            encryption=own and options.bucket_encryption is not None,
            rules=own and options.bucket_expiration_days is not None,
            policy=own and options.bucket_tls_only is not None,
            tags=own and bool(self.system.tags),
        )

    def _identities(self) -> Callable[[], Mapping[Identity, Role | User]]:
        """The roles and users; those of the same name are read once."""
        identities = self.desired.identities
        if not identities:
            return dict
        client, taken = self.client("iam"), frozenset((one.kind, one.name) for one in identities if one.name)
        stack, boundary = self.system.stack_name, bool(self.system.permissions_boundary)
        known = [start_policy(stack)] if stack else []

        def read(identity: Identity) -> Role | User:
            kind, name = identity.kind, identity.name
            if not name:
                names = frozenset(other for other_kind, other in taken if other_kind == kind)
                free = iam.free_role if kind == "role" else iam.free_user
                return free(client, identity.base, names)
            same = [one for one in identities if (one.kind, one.name) == (kind, name)]
            if kind == "role":
                return iam.role(client, name, self._policies(same), known, boundary=boundary)
            # The user's keys matter when none of its triplets has one.
            return iam.user(client, name, self._policies(same), keys=all(one.blank for one in same))

        unique = {(one.kind, one.name or one.key): one for one in identities}
        calls = [functools.partial(read, one) for one in unique.values()]

        def read_all() -> Mapping[Identity, Role | User]:
            found = dict(zip(unique, run_parallel(*calls), strict=True))
            return {one: found[one.kind, one.name or one.key] for one in identities}

        return read_all

    def _policies(self, identities: Iterable[Identity]) -> list[str]:
        """The inline policies of these that may exist already; none of a bucket without a name."""
        return [
            policies.name(grant, self.desired.table, self.desired.bucket or "")
            for identity in identities
            for grant in identity.grants
            if grant != "logs" or self.desired.bucket
        ]

    def wait_for_profile(self, file: base.File, current: Current, done: Actions, *, check_mode: bool) -> None:
        """Wait until EC2 knows the transactor's instance profile, if this run created it: the stack is next."""
        role = current.roles.get(TRANSACTOR_ROLE)
        created = [action.name for action in done.actions if action.resource == "instance_profile"]
        if check_mode or role is None or role.name not in created:
            return
        # The connection's region is the stack's; the table may be in another one.
        client = self.aws.client("ec2", region=self.aws.region or self.region)
        with base.attach_partial_result(file):
            ec2.wait_for_profile(client, self.client("iam"), file.now.get(TRANSACTOR_ROLE))

    def executors(self, file: base.File, current: Current) -> Executors:
        chosen = Executors()
        if self.desired.table:
            chosen.update(dynamodb.executors(self.client("dynamodb")))
        if self.scales:
            chosen.update(application_autoscaling.executors(self.client(table.AUTO_SCALING)))
        if self.desired.bucket is not None and self.desired.own_bucket:
            chosen.update(s3.executors(self.client("s3"), self.region))
        if self.desired.identities:
            names = {one: current.roles[one.key].name for one in self.desired.roles if not one.name}
            names |= {one: current.users[one.key].name for one in self.desired.users if not one.name}
            generated = {
                name: iam_changes.Generated(one.base, [other.name_key for other in names if names[other] == name])
                for one, name in names.items()
            }
            given = [one.name for one in self.desired.identities]
            chosen.update(iam_changes.Changes(self.client("iam"), file.save, generated, given).executors())
        return chosen
