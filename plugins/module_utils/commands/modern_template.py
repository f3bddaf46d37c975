# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""create-cf-template of the flavor modern: check the files, ask AWS about what they name, make the template."""

from __future__ import annotations

from typing import Any

from ..aws import launch
from ..aws.client import Aws
from ..errors import DatomicError, Finding, raise_if_errors
from ..properties.file import Properties
from ..steps import base
from ..template import modern, modern_rules
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
        machine, wrong = launch.observe(aws, cf, options, group_may_be_missing=check_mode, before=placed)
    warnings = raise_if_errors([*findings, *wrong])
    if machine is None:
        raise DatomicError("AWS told nothing of the instance type and the image, and no reason.")
    warnings += raise_if_errors(modern_rules.valcache(transactor, options, machine))
    template = modern.template(transactor, cf, options, machine)
    raise_if_errors(modern_rules.too_long(template))
    return template, tuple(warnings)
