# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""create_cf_template: check files and options, ask AWS, make the template, and write it unless in check mode."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from typing import Any

from .. import rules
from ..aws import ec2, launch, sts
from ..aws.client import Aws
from ..cli import engine as cli_engine
from ..errors import DatomicError, Finding, InputError, raise_if_errors
from ..properties import file as properties_file
from ..properties import keys
from ..properties.file import Properties
from ..rules.facts import Facts, legible
from ..screen import warn
from ..steps import base
from ..steps.ingress import NOTHING, Current
from ..template import legacy, machine, modern, modern_rules, user_data
from ..template.options import Options as ModernOptions
from ..util import atomic_write, redact

COMMAND = "create-cf-template"
OWNER_ONLY = 0o600
LONGEST = 51_200
"""Bytes of a template that is sent with the request.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""
LONGEST_IN_S3 = 1 << 20
"""Bytes of the longest template that CloudFormation takes."""


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of the module create_cf_template, which documents them."""

    transactor_src: str
    cf_src: str
    dest: str
    flavor: str
    transactor_values: Mapping[str, Any]
    cf_values: Mapping[str, Any]
    modern: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Made:
    """A template, and its warnings. holds_secrets: in clear text. plannable: the template for a change set."""

    template: dict[str, Any]
    plannable: dict[str, Any]
    warnings: list[Finding]
    holds_secrets: bool = False

    @property
    def content(self) -> bytes:
        """The bytes of the file."""
        return _text(self.template).encode()


def create(aws: Aws, options: Options, engine: cli_engine.Options, *, check_mode: bool) -> dict[str, Any]:
    """Returns: changed, diff, template (masked), path, holds_secrets, sha256, engine, engine_reason, prediction."""
    existing = read(options)
    made = make(aws, options, engine, parsed(existing), check_mode=check_mode)
    for finding in made.warnings:
        warn(str(finding))
    content = made.content
    shown = redact.properties(made.template)
    diff = []
    if content != existing:
        diff.append(_diff(options.dest, _shown(existing), _text(shown)))
    too_open = is_too_open(options, made, existing)
    if too_open:
        modes = (f"{options.dest} has mode {mode:04o}\n" for mode in (_mode(options.dest), OWNER_ONLY))
        diff.append(_diff(f"{options.dest} (mode)", *modes))
    if not check_mode:
        _write(options, content, existing, too_open=too_open)
    return {
        "changed": bool(diff),
        "diff": diff,
        "template": shown,
        "path": options.dest,
        "holds_secrets": made.holds_secrets,
        "sha256": hashlib.sha256(content).hexdigest(),
        "engine": "cli" if engine.is_cli else "native",
        "engine_reason": cli_engine.reason(engine, COMMAND),
        "prediction": engine.is_cli and check_mode,
    }


def make(
    aws: Aws,
    options: Options,
    engine: cli_engine.Options,
    before: Any,
    known: Current = NOTHING,
    *,
    check_mode: bool,
) -> Made:
    """The template. before: the parsed template in dest, None without one. Raises InputError with all errors.

    known: what ensure_cf has read for the same file.
    """
    cli_engine.reason(engine, COMMAND)
    if engine.is_cli and options.flavor != "legacy":
        raise DatomicError(
            f"bin/datomic makes no template of flavor {options.flavor}. Use engine: native (datomic_engine), or flavor:"
            " legacy (datomic_template_flavor), whose launch configuration AWS refuses in accounts since 2024-10-01."
        )
    transactor, cf, findings = _files(options)
    chosen = ModernOptions.of(options.modern)
    if options.flavor == "legacy":
        made = _legacy(aws, transactor, cf, chosen, findings)
    else:
        made = _modern(aws, transactor, cf, chosen, findings, before, known, check_mode=check_mode)
    raise_if_errors(user_data.too_long(made.template, transactor.path))
    if engine.is_cli:
        made = _by_cli(aws, engine, transactor, cf, options, made, check_mode=check_mode)
    raise_if_errors(_too_long(made.content))
    return made


def is_too_open(options: Options, made: Made, existing: bytes | None) -> bool:
    """Whether others may read the secrets in the file."""
    return made.holds_secrets and existing is not None and bool(_mode(options.dest) & 0o077)


def _write(options: Options, content: bytes, existing: bytes | None, *, too_open: bool) -> None:
    if too_open:
        os.chmod(options.dest, OWNER_ONLY)
    if content != existing:
        atomic_write.replace(options.dest, content, was=existing)


def _files(options: Options) -> tuple[Properties, Properties, list[Finding]]:
    """The transactor's and the CloudFormation file, both with the options' values, and what is wrong with them."""
    findings = base.missing_directory(options.dest)
    transactor = _completed(options.transactor_src, "transactor_values", options.transactor_values, findings)
    cf = _completed(options.cf_src, "cf_values", options.cf_values, findings)
    findings += rules.judge(Facts(legible(transactor), legible(cf)), "create_cf_template")
    if not (transactor.legible and cf.legible):
        raise_if_errors(findings)
    return transactor, cf, findings


def _completed(path: str, option: str, values: Mapping[str, Any], findings: list[Finding]) -> Properties:
    """The file with the values, or without them when that is impossible. Adds to the findings."""
    file = properties_file.inspect(path)
    suggestion = "give a text, a number, true or false"
    wrong = [
        Finding("invalid-option", "is no value of a property", key=f"{option}.{key}", suggestion=suggestion)
        for key, value in values.items()
        if not isinstance(value, (str, int, float))
    ]
    findings += [*file.findings, *wrong]
    if file.findings or wrong:
        return file
    try:
        return file.edit({key: _text_of(value) for key, value in values.items()})
    except InputError as error:
        findings += error.findings
        return file


def _text_of(value: str | int | float) -> str:
    """The value as text: YAML makes numbers and booleans of some."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def read(options: Options) -> bytes | None:
    """The content of dest, None when there is no such file."""
    dest = options.dest
    if os.path.realpath(dest) in (os.path.realpath(options.transactor_src), os.path.realpath(options.cf_src)):
        raise DatomicError(f"{dest} is one of the two properties files: give another dest.")
    if os.path.exists(dest) and not os.path.isfile(dest):
        raise DatomicError(f"Could not write {dest}: it is not a regular file.")
    try:
        existing = _read(dest)
    except OSError as error:
        raise DatomicError(f"Could not read {dest}: {error.strerror}.") from error
    if existing is not None and len(existing) > LONGEST_IN_S3:
        raise DatomicError(
            f"{dest} has more than {LONGEST_IN_S3} bytes, so that it is no template: give another dest "
            "(datomic_cf_template in the role). It was not changed."
        )
    return existing


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read(LONGEST_IN_S3 + 1)
    except FileNotFoundError:
        return None


def parsed(existing: bytes | None) -> Any:
    """The existing template; None without one, or when it is no JSON."""
    try:
        return json.loads(existing) if existing else None
    except ValueError:
        return None


def _shown(existing: bytes | None) -> str:
    """The existing template, secrets masked; of a file that is no JSON only its size."""
    if existing is None:
        return ""
    before = parsed(existing)
    return f"({len(existing)} bytes that are not JSON)\n" if before is None else _text(redact.properties(before))


def _diff(header: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": header, "after_header": header, "before": before, "after": after}


def _text(template: Any) -> str:
    return json.dumps(template, indent=2, ensure_ascii=False) + "\n"


def _mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def _too_long(content: bytes) -> list[Finding]:
    if len(content) <= LONGEST:
        return []
    message = f"the template has {len(content)} bytes, CloudFormation takes {LONGEST}"
    return [Finding("template-size", message, suggestion="fewer or shorter properties in the transactor's file")]


def _legacy(aws: Aws, transactor: Properties, cf: Properties, options: ModernOptions, findings: list[Finding]) -> Made:
    findings = [*findings, *legacy.required(transactor, cf, options)]
    judged: list[Finding] = []
    if unmapped := legacy.unmapped_type(cf):
        with base.prefer_input_errors(findings):
            kind = ec2.instance_type(aws.client("ec2", region=cf.get("aws-region")), unmapped)
        judged = legacy.judge_type(cf, kind)
    raise_if_errors([*findings, *judged])
    template = legacy.template(transactor, cf, unmapped)
    warnings = [*judged, *legacy.old_java(cf)]
    holders = [file.path for file in (transactor, cf) if keys.masked(file) != file.as_dict()]
    message = "holds secrets, which the template and the user data show to everyone who may describe the stack or the "
    suggestion = "the flavor modern leaves the secrets of properties out"
    warnings += [
        Finding("template-secrets", f"{message}instance", "warning", path, suggestion=suggestion) for path in holders
    ]
    return Made(template, template, warnings, bool(holders))


def _modern(
    aws: Aws,
    transactor: Properties,
    cf: Properties,
    options: ModernOptions,
    findings: list[Finding],
    before: Any,
    known: Current,
    *,
    check_mode: bool,
) -> Made:
    """before: the existing template. The zones of the instance type are read only if type or subnets change.

    In check mode the security group may be missing: ensure_cf is going to create it.
    """
    findings = [*findings, *modern_rules.required(transactor, cf, options)]
    if not modern_rules.askable(findings):
        raise_if_errors(findings)
    placed = modern.placement(before)
    moved = placed is None or (placed.instance_type, placed.subnets) != (cf.get(machine.TYPE), options.subnets)
    with base.prefer_input_errors(findings):
        facts = launch.observe(aws, cf, options, zones=moved, known=known)
    found, wrong = machine.judge(cf, options, facts, group_may_be_missing=check_mode)
    findings += wrong
    raise_if_errors(findings)
    if found is None:  # a machine that cannot be judged has an error
        raise InputError(wrong)
    if placed and not moved:
        found = dataclasses.replace(found, zones=placed.zones)
    findings += modern_rules.valcache(transactor, options, found)
    raise_if_errors(findings)
    template = modern.template(transactor, cf, options, found)
    return Made(template, modern.plannable(template), [one for one in findings if one.severity == "warning"])


def _by_cli(
    aws: Aws,
    engine: cli_engine.Options,
    transactor: Properties,
    cf: Properties,
    options: Options,
    native: Made,
    *,
    check_mode: bool,
) -> Made:
    """The tool's template; the native one in check mode, and where both mean the same, so that neither replaces it."""
    region = cf.get("aws-region")
    cli = cli_engine.prepare(aws, engine, COMMAND, region)
    cli_engine.refuse_role(cli, sts.account(aws.client("sts", region=region)).arn)
    if check_mode:
        warn(cli_engine.prediction(cli))
        return native
    template = cli_engine.template(cli, transactor, cf, options.dest)
    return native if cli_engine.ordered(native.template) == template else dataclasses.replace(native, template=template)
