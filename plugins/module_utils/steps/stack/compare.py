# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stack compared by meaning with the template that is sent next: what CloudFormation would change, and why. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import Finding
from ...plan import Attribute, Change
from ...properties.file import EMPTY, Properties
from . import changes
from .changes import Parameter


@dataclasses.dataclass(frozen=True)
class Current:
    """What a stack has. template: parsed JSON, or the text of another one. tags: without those that AWS sets."""

    name: str
    status: str
    template: Any
    parameters: Mapping[str, Parameter] = dataclasses.field(default_factory=dict)
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Desired:
    """What an update sends, and the files that it is made from.

    tags: of the options; a stack keeps its others. resolved: the values of the parameters of Systems Manager that
    system_parameters() names, by their names. directory: of the system; files in changes are relative to it.
    """

    template: Mapping[str, Any]
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    resolved: Mapping[str, str] = dataclasses.field(default_factory=dict)
    transactor: Properties = EMPTY
    cf: Properties = EMPTY
    directory: str = "."


@dataclasses.dataclass(frozen=True)
class Comparison:
    """pending: whether an update may change anything; without it there are no changes, and no change set is needed.

    form_only: not pending, but the texts differ. changes: of kind "property", one for each property, and at most one
    named "image". findings: parameters that were set by hand. outdates: whether instances that run become outdated.
    details: what else of the template changes, for stack_change().
    """

    pending: bool
    form_only: bool = False
    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    outdates: bool = False
    details: tuple[Attribute, ...] = ()


def system_parameters(template: Mapping[str, Any]) -> dict[str, str]:
    """The template's parameters that are parameters of Systems Manager: to the names there."""
    raise NotImplementedError


def compare(current: Current, desired: Desired) -> Comparison:
    """What an update of the stack to this template changes."""
    raise NotImplementedError


def stack_change(comparison: Comparison, planned: Sequence[changes.Change]) -> Change:
    """The line of the stack. planned: the resources of the change set of the pending update."""
    raise NotImplementedError


def created(name: str, template: Mapping[str, Any]) -> Change:
    """The line of a stack that does not exist. name: the stack's."""
    raise NotImplementedError
