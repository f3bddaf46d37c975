# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""create-cf-template by this collection itself: read, check, make the template, and write it unless in check mode."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping
from typing import Any

from .. import rules
from ..aws import ec2, sts
from ..aws.client import Aws
from ..cli import engine as cli_engine
from ..errors import DatomicError, Finding, InputError, raise_if_errors
from ..properties import file as properties_file
from ..properties import keys
from ..properties.file import Properties
from ..rules.facts import Facts, legible
from ..steps import base, security_group
from ..template import legacy, modern
from ..template.options import Options as ModernOptions
from ..util import atomic_write, redact
from . import modern_template

COMMAND = "create-cf-template"
OWNER_ONLY = 0o600
LONGEST = 51_200
"""Bytes."""
LARGEST_EXISTING = 1 << 20
"""Bytes of what a template may replace: CloudFormation takes no larger one, by whichever way."""


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
    planned_dest: str | None = None


@dataclasses.dataclass(frozen=True)
class Made:
    """A template, what the user has to be told about it, and whether a secret stands in it in clear text.

    plannable: what a change set can be planned with, when that is not the template itself.
    """

    template: dict[str, Any]
    warnings: tuple[str, ...] = ()
    holds_secrets: bool = False
    plannable: dict[str, Any] | None = None


Maker = Callable[[Aws, Properties, Properties, Options, list[Finding], bool, Any], Made]
"""Makes a flavor's template of the transactor's and the CloudFormation file; InputError for what it cannot take.

It is given the findings of every flavor, to tell them together with its own, whether this is check mode, in which
other modules may not have made yet what the files name, and the template that there is.
"""


def create(
    aws: Aws,
    options: Options,
    *,
    check_mode: bool,
    warn: Callable[[str], None],
    engine: cli_engine.Options = cli_engine.NATIVE,
) -> dict[str, Any]:
    """The module's result."""
    why = cli_engine.reason(engine, COMMAND)
    if engine.is_cli and options.flavor != "legacy":
        raise DatomicError(
            f"bin/datomic makes no template of flavor {options.flavor}. Use engine: native (datomic_engine), or flavor:"
            " legacy (datomic_template_flavor), whose launch configuration AWS refuses in accounts since 2024-10-01."
        )
    transactor, cf, findings = _files(options)
    existing = _existing(options)
    made = MAKERS[options.flavor](aws, transactor, cf, options, findings, check_mode, _parsed(existing))
    region = cf.get("aws-region")
    cli = cli_engine.prepare(aws, engine, COMMAND, region) if engine.is_cli else None
    if cli:
        cli_engine.refuse_role(cli, sts.account(aws.client("sts", region=region)).arn)
    if cli and check_mode:
        warn(cli_engine.prediction(cli))
    elif cli:
        made = dataclasses.replace(made, template=_by_the_tool(cli, transactor, cf, options.dest, made.template))
    content = _text(made.template).encode()
    raise_if_errors(_too_long(content))
    for text in made.warnings:
        warn(text)
    too_open = made.holds_secrets and existing is not None and bool(_mode(options.dest) & 0o077)
    changed = content != existing or too_open
    shown = redact.properties(made.template)
    differences = _differences(options.dest, existing, content, shown, too_open)
    path = options.dest
    if check_mode and content != existing and options.planned_dest:
        path = options.planned_dest
        _write(path, content if made.plannable is None else _text(made.plannable).encode())
    elif changed and not check_mode:
        if too_open:
            os.chmod(options.dest, OWNER_ONLY)
        if content != existing:
            atomic_write.replace(options.dest, content, was=existing)
    return {
        "changed": changed,
        "diff": differences,
        "template": shown,
        "path": path,
        "holds_secrets": made.holds_secrets,
        "sha256": hashlib.sha256(content).hexdigest(),
        "engine": "cli" if cli else "native",
        "engine_reason": why,
        "prediction": bool(cli) and check_mode,
    }


def _by_the_tool(
    cli: cli_engine.Engine, transactor: Properties, cf: Properties, dest: str, native: dict[str, Any]
) -> dict[str, Any]:
    """The tool's template, but the native one where both mean the same, so that neither replaces the other."""
    made = cli_engine.template(cli, transactor, cf, dest)
    return native if cli_engine.ordered(native) == made else made


def _files(options: Options) -> tuple[Properties, Properties, list[Finding]]:
    """The transactor's and the CloudFormation file with the values that they are going to get, and what is wrong."""
    findings = base.missing_directory(options.dest)
    transactor = _completed(options.transactor_src, "transactor_values", options.transactor_values, findings)
    cf = _completed(options.cf_src, "cf_values", options.cf_values, findings)
    findings += rules.judge(Facts(legible(transactor), legible(cf)), "create_cf_template")
    if not (transactor.legible and cf.legible):
        raise_if_errors(findings)
    return transactor, cf, findings


def _completed(path: str, option: str, values: Mapping[str, Any], findings: list[Finding]) -> Properties:
    """The file with the values, or as it is when it cannot get them; why goes to the findings."""
    file = properties_file.inspect(path)
    instead = "give a text, a number, true or false"
    wrong = [
        Finding("invalid-option", "is no value of a property", key=f"{option}.{key}", suggestion=instead)
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
    """A value as a properties file has it: YAML makes numbers and booleans of some."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _write(path: str, content: bytes) -> None:
    """The template that dest would get: without it no change set can be planned."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    try:
        with open(path, "rb") as file:
            earlier = file.read(LARGEST_EXISTING + 1)
    except FileNotFoundError:
        earlier = None
    atomic_write.replace(path, content, was=earlier)


def _too_long(content: bytes) -> list[Finding]:
    """CloudFormation's limit of a template that comes with the request.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    """
    if len(content) <= LONGEST:
        return []
    what = f"the template has {len(content)} bytes, CloudFormation takes {LONGEST}"
    return [Finding("template-size", what, suggestion="fewer or shorter properties in the transactor's file")]


def _existing(options: Options) -> bytes | None:
    """The bytes of dest, None when there is no such file."""
    dest = options.dest
    if os.path.realpath(dest) in (os.path.realpath(options.transactor_src), os.path.realpath(options.cf_src)):
        raise DatomicError(f"{dest} is one of the two properties files: give another dest.")
    try:
        if not stat.S_ISREG(os.stat(dest).st_mode):
            raise DatomicError(f"Could not write {dest}: it is not a regular file.")
        with open(dest, "rb") as file:
            existing = file.read(LARGEST_EXISTING + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DatomicError(f"Could not read {dest}: {error.strerror}.") from error
    if len(existing) > LARGEST_EXISTING:
        raise DatomicError(
            f"{dest} has more than {LARGEST_EXISTING} bytes, so that it is no template: give another dest "
            "(datomic_cf_template in the role). It was not changed."
        )
    return existing


def _parsed(existing: bytes | None) -> Any:
    """The template that there is; None without one, or when it is no JSON."""
    try:
        return json.loads(existing) if existing else None
    except ValueError:
        return None


def _mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def _differences(
    dest: str, existing: bytes | None, content: bytes, shown: Mapping[str, Any], too_open: bool
) -> list[dict[str, str]]:
    """One entry for each thing that changes: the content, and the mode of a file that others may read."""
    entries = [_diff(dest, existing, shown)] if content != existing else []
    if too_open:
        before, after = (f"{dest} has mode {mode:04o}\n" for mode in (_mode(dest), OWNER_ONLY))
        header = f"{dest} (mode)"
        entries.append({"before_header": header, "after_header": header, "before": before, "after": after})
    return entries


def _diff(dest: str, existing: bytes | None, after: Mapping[str, Any]) -> dict[str, str]:
    """Ansible's diff of the template, secrets masked; of a file that is no JSON only its size."""
    before = ""
    if existing is not None:
        try:
            before = _text(redact.properties(json.loads(existing)))
        except ValueError:
            before = f"({len(existing)} bytes that are not JSON)\n"
    return {"before_header": dest, "after_header": dest, "before": before, "after": _text(after)}


def _text(template: Any) -> str:
    return json.dumps(template, indent=2, ensure_ascii=False) + "\n"


def _legacy(
    aws: Aws,
    transactor: Properties,
    cf: Properties,
    options: Options,
    findings: list[Finding],
    check_mode: bool,
    before: Any,
) -> Made:
    findings = [*findings, *legacy.required(transactor, cf), *_unread_secrets(options)]
    with base.prefer_input_errors(findings):
        architectures, found = _architectures(aws, cf)
    raise_if_errors([*findings, *found])
    template = legacy.template(transactor, cf, architectures)
    raise_if_errors(legacy.too_long(template, transactor))
    warnings = [str(finding) for finding in [*found, *legacy.old_java(cf)]]
    holders = [file.path for file in (transactor, cf) if keys.masked(file) != file.as_dict()]
    if holders:
        warnings.append(
            f"Secrets stand in {' and '.join(holders)}, and so in the template and the user data, which everyone reads "
            "who may describe the stack or the instance. The flavor modern leaves those of properties out."
        )
    return Made(template, tuple(warnings), bool(holders))


def _unread_secrets(options: Options) -> list[Finding]:
    """A transactor that starts without its password is worse than a template that is not made."""
    names = options.modern.get("secrets")
    if not names:
        return []
    return [
        Finding(
            "secrets-need-modern",
            f"{', '.join(sorted(names))}: the legacy template has transactors read no secrets from the Parameter Store",
            key="modern.secrets",
            suggestion="take the flavor modern (datomic_template_flavor), or leave the secrets out (datomic_secrets)",
        )
    ]


def _architectures(aws: Aws, cf: Properties) -> tuple[dict[str, str], list[Finding]]:
    """What the tool's mapping lacks for the instance type, about which EC2 is asked; and what is wrong with it."""
    key, region = "aws-instance-type", cf.get("aws-region")
    name = cf.get(key)
    if not name or name in legacy.INSTANCE_TYPES or region not in legacy.IMAGES:
        return {}, []
    found = ec2.instance_type(aws.client("ec2", region=region), name)
    if found is None:
        return {}, [security_group.unknown_instance_type(cf)]
    if "x86_64" not in found.architectures:
        what = f"{name} is of architecture {', '.join(found.architectures)}, for which Datomic published no image"
        instead, why = "use flavor modern, or an x86_64 type", "an image starts on its own architecture only"
        source = security_group.TYPES_DOCS
        return {}, [cf.finding(key, what, instead, rule="template-architecture", reason=why, source=source)]
    what = f"{name} is newer than the images of this template, which may lack the drivers to start on it"
    instead = "flavor modern takes a current image"
    why, source = "Datomic does not update its images", security_group.TYPES_DOCS
    warning = cf.finding(key, what, instead, rule="template-old-image", severity="warning", reason=why, source=source)
    return {name: legacy.ARCHITECTURE}, [warning]


def _modern(
    aws: Aws,
    transactor: Properties,
    cf: Properties,
    options: Options,
    findings: list[Finding],
    check_mode: bool,
    before: Any,
) -> Made:
    chosen: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in options.modern.items()
    }
    chosen_options = ModernOptions(**chosen)
    template, warnings = modern_template.make(aws, transactor, cf, chosen_options, findings, check_mode, before)
    return Made(template, warnings, plannable=modern.plannable(template))


MAKERS: Mapping[str, Maker] = {"legacy": _legacy, "modern": _modern}
"""By flavor."""
