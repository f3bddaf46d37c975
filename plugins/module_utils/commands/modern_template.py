# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""create-cf-template of the flavor modern: check the files, ask AWS about what they name, make the template."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..aws import launch
from ..aws.client import Aws
from ..errors import Finding, raise_if_errors
from ..properties.file import Properties
from ..steps import base
from ..template import machine, modern, modern_rules
from ..template.options import Options


def make(
    aws: Aws,
    transactor: Properties,
    cf: Properties,
    options: Options,
    findings: list[Finding],
    check_mode: bool,
    before: Any = None,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The template and the warnings. InputError with everything that is wrong, in files, options and AWS.

    findings: of the files, whatever the flavor. In check mode the security group may be missing, for ensure_cf to make.
    before: the template that there is. Which zones offer the instance type is asked when type or subnets are others.
    """
    findings = [*findings, *modern_rules.required(transactor, cf, options)]
    if not modern_rules.askable(findings):
        raise_if_errors(findings)
    with base.prefer_input_errors(findings):
        placed = modern.placement(before)
        moved = placed is None or (placed.instance_type, placed.subnets) != (cf.get(machine.TYPE), options.subnets)
        facts = launch.observe(aws, cf, options, zones=moved)
    found, wrong = machine.judge(cf, options, facts, group_may_be_missing=check_mode)
    if found and placed and not moved:
        found = dataclasses.replace(found, zones=placed.zones)
    warnings = raise_if_errors([*findings, *wrong])
    assert found is not None
    warnings += raise_if_errors(modern_rules.valcache(transactor, options, found))
    template = modern.template(transactor, cf, options, found)
    raise_if_errors(modern_rules.too_long(template))
    return template, tuple(warnings)
