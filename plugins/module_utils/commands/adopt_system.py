# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""adopt_system: write the properties files that describe a running stack. Files that exist stay as they are."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ..adopt import files
from ..adopt.reading import Reading, Unknown
from ..adopt.system import Adopted, Surroundings, adopt
from ..aws import dynamodb, ec2, iam, s3, security_groups, stack, state_table, sts
from ..aws.calls import run_parallel
from ..aws.client import Aws
from ..aws.stack import Stack
from ..errors import AwsError, DatomicError, Finding, InputError
from ..properties import file as properties_file
from ..properties import keys
from ..properties.file import Properties
from ..properties.keys import FileKind
from ..state.item import Item
from ..steps.ingress import SecurityGroup
from ..steps.stack import status
from ..steps.transactor.current import OWNER_TAG, owner
from ..steps.transactor.desired import BUCKET, PEER_ROLE, REGION, ROLE_ENDINGS, TABLE, TRANSACTOR_ROLE

T = TypeVar("T")
KINDS: tuple[FileKind, ...] = ("transactor", "cf")


@dataclasses.dataclass(frozen=True)
class Options:
    """The module's options, by their names."""

    stack_name: str
    transactor_src: str
    cf_src: str
    directory: str = "."
    account_id: str | None = None
    commit_secrets: str = "refuse"
    state: str = "shared"

    def path(self, kind: FileKind) -> str:
        return self.transactor_src if kind == "transactor" else self.cf_src

    def shown(self, kind: FileKind) -> str:
        """The path from the directory of the system, if it is below that."""
        relative = os.path.relpath(self.path(kind), self.directory)
        return self.path(kind) if relative.startswith("..") else relative


def adopt_system(aws: Aws, options: Options, *, check_mode: bool) -> dict[str, Any]:
    """The module's result. InputError or DatomicError when no file can be written: then none is."""
    existing = {kind: _existing(options.path(kind)) for kind in KINDS}
    sts.refuse_other_account(aws, options.account_id)
    found = _stack(aws, options)
    reading = _reading(found)
    gaps: list[Unknown] = []
    around, item = _surroundings(aws, reading, options, gaps)
    adopted = adopt(reading, around)
    missing = _missing_resources(aws, reading, adopted, gaps)
    # A gap says more about its key: AWS's error.
    unknown = [one for one in adopted.unknown if one.key not in {gap.key for gap in gaps}]
    unknown += [*_secrets(options, adopted), *gaps, *missing]
    made = {kind: _made(options, found, adopted, kind) for kind in KINDS if existing[kind] is None}
    for file in made.values():
        properties_file.verify(file)
    if not check_mode:
        _write(made.values())
    return {
        "changed": bool(made),
        "files": [options.shown(kind) for kind in made],
        "diff": [keys.masked_diff(None, file) for file in made.values()],
        "unknown": [dataclasses.asdict(one) for one in unknown],
        "contradictions": [
            {"file": options.shown(kind), **one}
            for kind, file in existing.items()
            if file is not None
            for one in files.contradictions(kind, file, adopted.values(kind, with_secrets=True))
        ],
        "differs": list(adopted.differs or ()),
        "compared": adopted.differs is not None,
        "variables": {
            "datomic_transactor_properties": options.shown("transactor"),
            "datomic_cf_properties": options.shown("cf"),
            **adopted.variables,
        },
        "secrets": sorted({*adopted.in_store, *_left_out(options, adopted)}),
        "last_run": str(item.applied) if item and item.applied else "",
        "stack": {"name": found.name, "id": found.stack_id, "status": found.status, "region": reading.region},
    }


def _existing(path: str) -> Properties | None:
    """The file; None without one. InputError if it cannot be read, or if it could not be written."""
    if os.path.lexists(path):
        return properties_file.read(path)
    directory = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(directory):
        raise DatomicError(
            f"There is no directory {directory} for {path}. Create it, and run again. Nothing was written."
        )
    return None


def _stack(aws: Aws, options: Options) -> Stack:
    """The stack with its template. InputError if there is none, or if it is not what its template says."""
    client = aws.client("cloudformation")
    found = stack.existing(client, options.stack_name)
    region = client.meta.region_name
    refusals = list(
        status.refusals(
            options.stack_name,
            found.status if found else "",
            region,
            since=found.since if found else "",
            may_create=False,
            data_on_instance=False,
        )
    )
    if found is None:
        message = f"There is no stack {options.stack_name} in {region}"
        suggestion = "correct stack_name, region or the credentials"
        refusals = [Finding("stack-missing", message, key="stack_name", suggestion=suggestion)]
    if refusals or found is None:
        raise InputError(refusals)
    return stack.with_template(client, found)


def _reading(found: Stack) -> Reading:
    """DatomicError for a stack without transactors."""
    region, number = found.stack_id.split(":")[3:5]
    reading = Reading.of(
        found.name, found.status, found.template, found.parameters, found.tags, region=region, account=number
    )
    if not reading.data.properties.get("protocol"):
        raise DatomicError(
            f"The stack {found.name} runs no transactor that can be recognised: the user data of its instances writes "
            "no properties file with protocol. If the name is correct, write the files by hand. Nothing was written."
        )
    return reading


def _attempt(gaps: list[Unknown], key: str, call: Callable[[], T]) -> T | None:
    """The result; None, with a gap, if AWS refuses it."""
    try:
        return call()
    except AwsError as error:
        gaps.append(Unknown(key, str(error), "allow it and run again without the files, or correct the files by hand"))
        return None


def _surroundings(
    aws: Aws, reading: Reading, options: Options, gaps: list[Unknown]
) -> tuple[Surroundings, Item | None]:
    client = aws.client("ec2", region=reading.region)
    kind = (reading.flavor == "modern" and reading.cf_value("aws-instance-type")) or ""
    shares = options.state == "shared"
    groups, default_vpc, described, item = run_parallel(
        lambda: _attempt(gaps, files.INGRESS_GROUPS, lambda: _groups(client, reading)),
        lambda: _attempt(gaps, files.GROUP, lambda: ec2.vpc(client)),
        lambda: _attempt(gaps, "datomic_modern.valcache", lambda: ec2.instance_type(client, kind)) if kind else None,
        lambda: _attempt(gaps, "datomic_state", lambda: _item(aws, reading)) if shares else None,
    )
    names = item.names.get("transactor", {}) if item else {}
    if item and item.holder:
        gaps.append(Unknown("datomic_state", f"{item.holder} works on it", "run again without the files after its end"))
    peer = "" if reading.data.properties.get(PEER_ROLE) else _attempt(gaps, PEER_ROLE, lambda: _peer_role(aws, reading))
    nvme_store = described.nvme_store if described else None
    return Surroundings(groups, default_vpc or "", nvme_store, names, peer or ""), item


def _peer_role(aws: Aws, reading: Reading) -> str:
    """The role with the name that goes with the transactor's, if it has the tag of this system; empty without one."""
    values, ending = reading.data.properties, ROLE_ENDINGS[TRANSACTOR_ROLE]
    start, _ending, number = (reading.profile or "").rpartition(ending)
    if not start or not values.get(TABLE):
        return ""
    name = f"{start}{ROLE_ENDINGS[PEER_ROLE]}{number}"
    found = iam.read(aws.client("iam"), "role", name)
    wanted = owner(values.get(REGION, ""), values[TABLE], PEER_ROLE)
    return name if found and iam.tag(found, OWNER_TAG) == wanted else ""


def _item(aws: Aws, reading: Reading) -> Item:
    return state_table.read(aws.client("dynamodb", region=reading.region), reading.name)


def _groups(client: Any, reading: Reading) -> tuple[SecurityGroup, ...]:
    """The stack's security groups, and those that their rules name."""
    ids, names = files.group_ids(reading)
    by_id, by_name = run_parallel(
        lambda: security_groups.groups(client, {"group-id": ids}) if ids else (),
        lambda: security_groups.groups(client, {"group-name": names}) if names else (),
    )
    found = (*by_id, *by_name)
    known = {one.group_id for one in found}
    peers = sorted({rule.group_id for one in found for rule in one.ingress if rule.group_id} - known)
    return (*found, *(security_groups.groups(client, {"group-id": peers}) if peers else ()))


def _missing_resources(aws: Aws, reading: Reading, adopted: Adopted, gaps: list[Unknown]) -> list[Unknown]:
    """What the stack names and AWS does not have: the next run would create it."""
    values = adopted.transactor
    table, bucket, role = values.get(TABLE, ""), values.get(BUCKET, ""), reading.profile or ""
    checks: dict[str, tuple[str, Callable[[], bool]]] = {}
    if values.get("protocol") == "ddb" and table:
        dynamodb_client = aws.client("dynamodb", region=values.get(REGION) or reading.region)
        checks[TABLE] = (
            f"the table {table}",
            lambda: dynamodb.observe(dynamodb_client, table, backups=False) is not None,
        )
    if bucket:
        s3_client = aws.client("s3", region=reading.region)
        checks[BUCKET] = (f"the log bucket {bucket}", lambda: s3.find(s3_client, bucket)[0] is not False)
    if role:
        iam_client = aws.client("iam")
        checks[TRANSACTOR_ROLE] = (
            f"the role {role} in an instance profile of the same name",
            lambda: role in (iam.profile_roles(iam_client, role) or ()),
        )
    calls = (functools.partial(_attempt, gaps, key, exists) for key, (_what, exists) in checks.items())
    return [
        Unknown(key, f"AWS does not have {what}", "look for it before the next run, which creates it")
        for (key, (what, _exists)), found in zip(checks.items(), run_parallel(*calls), strict=True)
        if found is False
    ]


def _left_out(options: Options, adopted: Adopted) -> tuple[str, ...]:
    """The secrets that the user data has in clear text, and that the files do not get."""
    return () if options.commit_secrets == "allow" else adopted.secrets


def _secrets(options: Options, adopted: Adopted) -> list[Unknown]:
    """What to do about each secret."""
    path = adopted.options.secrets_path or f"/datomic/{options.stack_name}"
    kept = [
        Unknown(
            key,
            f"Systems Manager has the value ({path}/{key}), and the file must not have it",
            "put the value into a vault, for datomic_secrets: "
            f"aws ssm get-parameter --with-decryption --name {path}/{key}",
        )
        for key in adopted.in_store
    ]
    return kept + [
        Unknown(
            key,
            "the user data has the secret in clear text, and the key stays blank in the file",
            "write it into the file, or take flavor modern and datomic_secrets. "
            "Or remove the files, and run again with datomic_commit_secrets: allow",
        )
        for key in _left_out(options, adopted)
    ]


def _made(options: Options, found: Stack, adopted: Adopted, kind: FileKind) -> Properties:
    title = f"The stack {found.name}, as it ran when its files were made from it ({found.stack_id})"
    with_secrets = options.commit_secrets == "allow"
    return files.made(options.path(kind), title, adopted.values(kind, with_secrets=with_secrets))


def _write(made: Iterable[Properties]) -> None:
    """All of the files, or none."""
    written: list[str] = []
    try:
        for file in made:
            properties_file.write(file, was=None)
            written.append(file.path)
    except BaseException:
        for path in written:
            with contextlib.suppress(OSError):
                os.unlink(path)
        raise
