# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A system by its stack: both files, the variables, what is not known, and what an update would change. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import DatomicError
from ..properties import keys
from ..steps.ingress import SecurityGroup
from ..steps.stack import compare
from ..template import legacy, modern
from ..template.options import Options
from . import files
from . import options as modern_options
from .reading import Reading, Unknown

UNKNOWN_TO_MODERN = ("secrets", "secrets_versions", "tags")
"""Options that plan_system makes of datomic_secrets and of datomic_tags."""


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """What AWS has in addition to the stack. None: it could not be read.

    groups: the stack's security groups and those that their rules name. default_vpc: empty without one. nvme_store:
    whether the instance type has one. names: of the shared record, by key of the transactor's file. peer_role: with the
    tag of the system.
    """

    groups: Sequence[SecurityGroup] | None = None
    default_vpc: str = ""
    nvme_store: bool | None = None
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    peer_role: str = ""


@dataclasses.dataclass(frozen=True)
class Adopted:
    """transactor, cf: the values of the files, with all secrets. secrets: the keys that have to be blank without them.

    in_store: the keys whose values Systems Manager has. variables: of the inventory. differs: what an update to the
    files would change about the stack, one line for each; None if a missing value keeps it from being known.
    """

    transactor: Mapping[str, str] = dataclasses.field(repr=False)
    cf: Mapping[str, str] = dataclasses.field(repr=False)
    secrets: tuple[str, ...]
    in_store: tuple[str, ...]
    unknown: tuple[Unknown, ...]
    variables: Mapping[str, Any]
    differs: tuple[str, ...] | None
    options: Options

    def values(self, kind: keys.FileKind, *, with_secrets: bool) -> dict[str, str]:
        """The values of a file as they are written. Without secrets, their keys are blank."""
        found = dict(self.transactor if kind == "transactor" else self.cf)
        if not with_secrets:
            found |= {key: "" for key in self.secrets if key in found}
        if kind == "transactor":
            found |= dict.fromkeys(self.in_store, "")
        return found


def adopt(reading: Reading, around: Surroundings) -> Adopted:
    """The system of this stack. Its user data has to have properties."""
    transactor, unknown = files.transactor(reading, around.names, around.peer_role)
    cf, of_cf = files.cf(reading, around.groups, around.default_vpc, transactor.get("port", ""))
    unknown += of_cf
    found = Options()
    if reading.flavor == "modern":
        properties = files.made("transactor", "", transactor)
        found, of_options = modern_options.options(reading, properties, around.nvme_store)
        unknown += of_options
    elif not reading.flavor:
        why = "the template has no group LaunchGroup, so that an update of the stack is refused"
        suggestion = "set the flavor, or create a new stack on the same table"
        unknown.append(Unknown("datomic_template_flavor", why, suggestion))
    secrets = tuple(key for key, value in {**cf, **transactor}.items() if keys.has_secret(key, value))
    return Adopted(
        transactor,
        cf,
        secrets,
        found.secrets,
        tuple(unknown),
        _variables(reading, found, secrets),
        _differs(reading, transactor, cf, found),
        found,
    )


def _variables(reading: Reading, found: Options, secrets: Sequence[str]) -> dict[str, Any]:
    """The variables that the files cannot hold. Values of secrets are references to variables of a vault."""
    default = Options()
    given = {field.name: getattr(found, field.name) for field in dataclasses.fields(Options)}
    options: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if value != getattr(default, name) and name not in UNKNOWN_TO_MODERN
    }
    tags = dict(reading.tags)
    if reading.flavor == "modern":
        # A stack keeps its other tags. Instances get those of datomic_modern, or else all of datomic_tags.
        tags = {key: value for key, value in found.tags.items() if reading.tags.get(key) == value}
        if tags != dict(found.tags):
            options["tags"] = dict(found.tags)
    kept = [*found.secrets, *(key for key in secrets if key in keys.TRANSACTOR and key not in found.secrets)]
    variables: dict[str, Any] = {
        "datomic_stack_name": reading.name,
        "datomic_account_id": reading.account,
        "datomic_template_flavor": reading.flavor,
        "datomic_modern": options,
        "datomic_tags": tags,
        "datomic_secrets": {key: f"{{{{ {vault_name(reading.name, key)} }}}}" for key in kept},
    }
    return {name: value for name, value in variables.items() if value}


def vault_name(stack: str, key: str) -> str:
    """The variable for a secret, such as vault_orders_sql_password."""
    return re.sub(r"\W", "_", f"vault_{stack}_{key}").lower()


def _differs(
    reading: Reading, transactor: Mapping[str, str], cf: Mapping[str, str], found: Options
) -> tuple[str, ...] | None:
    """What an update to these files changes about the stack."""
    needed = [key for key, setting in keys.CF.items() if setting.required and not cf.get(key)]
    if needed or not reading.flavor or not cf.get("java-xmx") or not cf["aws-autoscaling-group-size"].isdecimal():
        return None
    one, other = files.made("transactor", "", transactor), files.made("cf", "", cf)
    try:
        if reading.flavor == "legacy":
            template = legacy.template(one, other, legacy.unmapped_type(other))
        else:
            template = modern.template(one, other, found, modern_options.machine(reading))
    except (DatomicError, ValueError):  # of a release or a number that makes no sense
        return None
    resolved = {given.name: given.value for given in reading.parameters.values() if given.name}
    # datomic_tags are a part of the stack's tags.
    desired = compare.Desired(template, {}, resolved, one, other)
    current = compare.Current(reading.name, reading.status, reading.template, reading.parameters)
    return tuple(_lines(compare.compare(current, desired)))


def _lines(comparison: compare.Comparison) -> Iterator[str]:
    attributes = (*(each for change in comparison.changes for each in change.attributes), *comparison.details)
    yield from (f"{one.name}: {one.before or '(none)'} -> {one.after or '(none)'}" for one in attributes)
    notes = [note for note in comparison.notes if not note.endswith(" unchanged")]
    yield from notes
    if comparison.pending and not attributes and not notes:
        yield "resources of the template, which the plan shows"
