# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""plan_system: read the files, AWS and git once, and make the plan of a system. Changes nothing."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from .. import git, plan_file, plan_guard, rules
from ..actions import Actions
from ..aws import change_set, launch, ssm, stack, sts
from ..aws.calls import once, run_parallel
from ..aws.client import Aws
from ..aws.stack import Stack
from ..cli import engine as cli_engine
from ..errors import DatomicError, Finding, InputError
from ..plan import ACCEPTED, Change, ChangeAction, Now, Plan, Step
from ..properties import keys
from ..properties.file import MASK, Properties
from ..rolling.state import Observed
from ..rules import storage
from ..rules.facts import Facts
from ..state.item import Item
from ..steps import plan_changes, secrets
from ..steps.ingress import NOTHING as UNREAD
from ..steps.stack import compare, document, guard, stack_name, status
from ..steps.transactor.current import DEFAULT_PARTITION, Account
from ..system import System
from ..template.options import SPEC as MODERN
from . import create_cf_template, ensure_cf, ensure_transactor, guard_rails, transactor_info, validate
from .create_cf_template import Made
from .plan_replacement import Replacing, beating, group_size, plan_replacement, refuse_replacement
from .plan_rollback import Rollback, plan_rollback
from .plan_state import Shared
from .planning import Planning, Seen
from .prepared import Prepared

T = TypeVar("T")
CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
"""Hosts of the AWS console. https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html"""


SYSTEM: dict[str, Mapping[str, Any]] = {
    "directory": {"type": "path", "default": "."},
    "stack_name": {"type": "str", "required": True},
    "system": {"type": "str"},
    "flavor": {"type": "str", "choices": ["auto", "legacy", "modern"], "default": "auto"},
    "modern": {"type": "dict", "default": {}, "options": MODERN},
    "guard": {"type": "bool", "default": True},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "datomic_version": {"type": "str", "default": ""},
    "account_id": {"type": "str"},
    "tags": {"type": "dict", "default": {}},
    "state": {"type": "str", "choices": ["shared", "local"], "default": "shared"},
    "git_timeout": {"type": "float", "default": 300},
    "databases": validate.DATABASES,
    "backup_max_age": {"type": "str"},
    **ensure_transactor.RESOURCES,
    **ensure_cf.INGRESS,
    **rules.SPEC,
    **cli_engine.SPEC,
}
"""The options that describe a system, of the modules that plan it."""
Watch = Callable[[Planning, Shared, Seen], None]


def plan(
    aws: Aws, params: Mapping[str, Any], *, check_mode: bool, watch: Watch = lambda *_read: None
) -> dict[str, Any]:
    """The module's result. params: its options. Raises InputError with all errors of the files, of AWS and of git.

    watch: gets what was read, also if there are errors. params["change_set"]: False makes no change set.
    """
    planning = _files(aws, params, check_mode)
    shared = planning.attempt(lambda: Shared.read(planning)) or Shared(planning, Item(params["stack_name"]))
    seen = _observe(planning, shared)
    watch(planning, shared, seen)
    planning.findings += shared.findings(seen)
    flavor = _flavor(planning, seen.stack)
    results = [_concluded(planning, prepared) for prepared in (seen.transactor, seen.cf)]
    template = create_cf_template.Options(
        transactor_src=planning.transactor.path,
        cf_src=planning.cf.path,
        dest=params["template"],
        flavor=flavor,
        transactor_values=results[0].get("generated", {}) if planning.expects("transactor") else {},
        cf_values=results[1].get("generated", {}) if planning.expects("security_group") else {},
        modern=_modern(planning, seen),
    )
    existing = planning.attempt(lambda: create_cf_template.read(template))
    has_flavor = flavor or not planning.expects("template")
    made = planning.attempt(lambda: _template(planning, template, existing, seen.cf)) if has_flavor else None
    if made:
        planning.findings += made.warnings
    planning.facts = _with_what_runs(planning.facts, seen, flavor)
    planning.findings += rules.judge(planning.facts)
    backs_up = planning.has_step("backup") and _backs_up(params) and seen.stack is not None
    backup_findings = validate.backup_findings(params["databases"] or (), params["datomic_home"]) if backs_up else []
    try:
        planning.refuse_errors(planning.findings)
    except InputError:
        # One message has all errors, also of what this run may not reach.
        planning.final += backup_findings
        planning.attempt(lambda: refuse_replacement(planning, seen))
        _git(planning, template, *(_files_to_write(planning, seen, template, made, existing) if made else ([], [])))
        planning.refuse_errors(planning.findings)
    if made is None or seen.transactor is None or seen.cf is None:  # each has an error
        raise InputError(planning.final)
    work = _work(planning, seen, template, made, existing)
    changes = _changes(planning, seen, work)
    applied = shared.item.applied
    outside = [one for one in changes if one not in work.rails.changes]
    rollback = plan_rollback(planning, seen, outside, applied.commit if applied else "")
    planning.findings += rollback.findings
    registered = _git(planning, template, work.written, work.holding)
    notes: list[tuple[str, str]] = [*shared.notes(params["directory"], rollback)]
    notes += [*work.rails.notes, *work.replacement.notes]
    if registered.changed:
        changes.append(Change("update", "git", "", "git", registered.note))
    planning.final += backup_findings
    backs_up = backs_up and any(change.kind != "git" for change in changes)
    if backs_up:
        notes.append(("backup", _backup_note(params)))
    counting, accepted = planning.refuse_errors(planning.findings)
    notes += [(ACCEPTED, f"{_relative(one, params['directory'])}: {reason}") for one, reason in accepted]
    made_plan = Plan(
        params["system"] or params["stack_name"],
        params["stack_name"],
        planning.account().number,
        planning.cf.get("aws-region"),
        now=_now(seen, work.replacement),
        findings=tuple(_relative(finding, params["directory"]) for finding in counting),
        changes=tuple(changes),
        transactors=work.replacement.transactors,
        notes=tuple(notes),
        outputs={**results[0].get("outputs", {}), **_outputs(planning, seen, made)},
    )
    _guard(planning, made_plan)
    found = planning.stack()
    return {
        "changed": check_mode and made_plan.changed,
        "pending": made_plan.changed,
        "files": {one.path: hashlib.sha256(one.raw).hexdigest() for one in (planning.transactor, planning.cf)},
        "plan": made_plan.as_returned(),
        "warned": [str(finding) for finding in counting if finding.severity == "warning"],
        "seen": {
            "revision": shared.item.revision,
            "stack": found.moment if found else "",
            "security_group": seen.cf.security_group_id,
        },
        "steps": {
            **_steps(planning, seen, work, rollback),
            "backup": {"changed": backs_up},
            "git": {"changed": registered.changed, "edited": bool(registered.edited)},
            "rollback": rollback.as_step(),
        },
    }


@dataclasses.dataclass(frozen=True)
class Work:
    """What the run does with stack and template. made: the template. stack_changes: without the guard rails' own.

    resources: logical ids of those that the stack's update changes. written: paths of the files that the run writes;
    holding: of those that get a secret.
    """

    template: create_cf_template.Options
    made: Made
    comparison: compare.Comparison
    stack_changes: Sequence[Change]
    resources: Sequence[str]
    rails: guard.Guard
    replacement: Replacing
    written: Sequence[str]
    holding: Sequence[str]


def _work(
    planning: Planning, seen: Seen, template: create_cf_template.Options, made: Made, existing: bytes | None
) -> Work:
    unknown = compare.Comparison(pending=False)
    comparison, changes, resources = planning.attempt(lambda: _stack(planning, seen, made)) or (unknown, [], [])
    planning.findings += comparison.findings
    rails = guard.Guard()
    if planning.params["guard"] and template.flavor == "modern" and planning.has_step("stack"):
        rails = planning.attempt(lambda: guard_rails.plan(planning, made.template, changes)) or rails
    replacement = plan_replacement(planning, seen, comparison)
    files = _files_to_write(planning, seen, template, made, existing)
    changes = [rails.said_by(change) for change in changes]
    return Work(template, made, comparison, changes, resources, rails, replacement, *files)


def _changes(planning: Planning, seen: Seen, work: Work) -> list[Change]:
    """All but the commits."""
    pending = bool(work.stack_changes)
    changes = [
        *_prepared_changes(planning, seen.transactor, "transactor"),
        *_prepared_changes(planning, seen.cf, "security_group"),
        *(plan_changes.of_actions(seen.secrets[0].actions, "secrets") if seen.secrets else ()),
        *work.comparison.changes,
        *work.stack_changes,
        *work.rails.changes,
        *_template_change(planning, work.template, work.written, pending=pending),
    ]
    return [*(change for change in changes if planning.has_step(change.step)), *work.replacement.changes]


def _steps(planning: Planning, seen: Seen, work: Work, rollback: Rollback) -> dict[str, dict[str, Any]]:
    """Whether the run takes each step, and what the step needs."""
    updates = bool(work.stack_changes)
    steps: dict[str, dict[str, Any]] = {
        "transactor": {"changed": _has_work(seen.transactor)},
        "security_group": {"changed": _has_work(seen.cf)},
        "secrets": {"changed": bool(seen.secrets and seen.secrets[0].changed)},
        "template": {
            "changed": work.template.dest in work.written,
            "flavor": work.template.flavor,
            "modern": dict(work.template.modern),
            "holds_secrets": work.made.holds_secrets,
        },
        "surplus": {"changed": work.replacement.ends_surplus, "size": group_size(planning)},
        "stack": _stack_step(planning, seen, work.stack_changes, rollback)
        | {"changed": bool(updates or work.rails.changes), "resources": work.resources}
        | {"guard": dict(work.rails.step), "send": updates},
        # A run waits for the transactors of an updated stack.
        "transactors": {"changed": work.replacement.due or (updates and planning.params["replace"] != "never")},
    }
    for name, step in steps.items():
        step["changed"] = step["changed"] and planning.has_step(name)
    return steps


def _files(aws: Aws, params: Mapping[str, Any], check_mode: bool) -> Planning:
    """Read and judge the files. InputError with all errors, before AWS is asked."""
    read = validate.files(params)
    system = System.of(
        {**params, "secrets": list(params["secrets"]), "datomic_version": read.facts.datomic_version},
        read.transactor,
        read.cf,
    )
    found = once(lambda: stack.describe(aws.client("cloudformation"), params["stack_name"]))
    asked = once(lambda: sts.account(aws.client("sts")))
    planning = Planning(aws, params, system, read.facts, check_mode, found, once(lambda: _account(found, asked)))
    planning.final += stack_name.findings(params["stack_name"])
    connection, region = aws.region or "", read.cf.get("aws-region")
    if region and connection and connection != region:
        message = f"aws-region is {region}, but region in datomic_aws is {connection}"
        planning.final.append(read.cf.finding("aws-region", message, "correct one of them", rule="region"))
    planning.findings += read.findings
    planning.refuse_errors([*planning.findings, *rules.judge(planning.facts)])
    if system.account_id:
        sts.refuse_other_account(aws, system.account_id, asked().number)
    return planning


def _account(found: Callable[[], Stack | None], asked: Callable[[], Account]) -> Account:
    """The account of the credentials: that of the stack, and asked without one."""
    try:
        described = found()
    except DatomicError:
        described = None  # reported where the stack is observed
    return sts.of_stack(described.stack_id) if described else asked()


def _observe(planning: Planning, shared: Shared) -> Seen:
    aws, params = planning.aws, planning.params
    name = params["stack_name"]
    given = {**params, "account_id": None, "dest": None, "secrets": list(params["secrets"])}
    version = planning.facts.datomic_version

    def attempt(work: Callable[[], T]) -> Callable[[], T | None]:
        return lambda: planning.attempt(work)

    observed, transactor, cf, kept = run_parallel(
        attempt(lambda: _running(planning)),
        attempt(
            lambda: ensure_transactor.prepare(
                aws,
                {**given, "src": planning.transactor.path, "defaults": "secure"},
                planning.account,
                shared.names,
                check_mode=True,
            )
        ),
        attempt(
            lambda: ensure_cf.prepare(
                aws,
                {**given, "src": planning.cf.path, "transactor_src": planning.transactor.path}
                | {"datomic_version": params["datomic_version"] or version},
                shared.item.security_group,
                check_mode=True,
            )
        ),
        attempt(lambda: _secrets(planning)),
    )
    found, group = observed or (None, None)
    for prepared in (transactor, cf):
        planning.findings += prepared.findings if prepared else ()
    creates = planning.has_step("stack")
    if observed and (creates or (planning.has_step("transactors") and found is None)):
        described = planning.stack()
        known = described.status if described else ""
        on_instance = bool(storage.on_instance(planning.transactor))
        region = planning.cf.get("aws-region")
        planning.final += status.refusals(
            name,
            known,
            region,
            since=described.since if described else "",
            may_create=planning.expects("stack") and params["create"],
            data_on_instance=on_instance,
        )
    return Seen(found, group, transactor, cf, kept)


def _running(planning: Planning) -> tuple[Stack | None, Observed | None]:
    """The stack and its group, None for what does not exist."""
    found = planning.stack()
    if found is None or not found.was_created:
        return None, None
    return transactor_info.observe(planning.aws, found.name, "", found, detailed=False)


def _secrets(planning: Planning) -> tuple[Actions, dict[str, int]] | None:
    """The actions for the secrets, and the versions that they have afterwards; None without secrets."""
    params, given = planning.params, planning.params["modern"]
    if not params["secrets"]:
        return None
    values = {key: str(value) for key, value in params["secrets"].items()}
    path = given.get("secrets_path") or f"/datomic/{params['stack_name']}"
    desired = secrets.Desired(path, values, given.get("secrets_kms_key") or "", planning.system.tags)
    if wrong := list(secrets.check(desired)):
        raise InputError(wrong)
    current = ssm.observe(planning.aws, desired)
    actions = secrets.plan(desired, current)
    return actions, secrets.versions(desired, current, actions)


def _flavor(planning: Planning, found: Stack | None) -> str:
    """The template's flavor; empty, with a finding, when the stack's is to be kept and is not known."""
    asked: str = planning.params["flavor"]
    flavor = asked if asked != "auto" else found.flavor if found else "modern"
    if not flavor and planning.expects("template"):
        planning.final.append(
            Finding(
                "stack-flavor",
                f"The template of the stack {planning.params['stack_name']} has no auto scaling group LaunchGroup with "
                "a launch configuration or a launch template: it may not be a stack of transactors. If "
                "datomic_stack_name is correct, set datomic_template_flavor to legacy or modern",
            )
        )
    return flavor


def _concluded(planning: Planning, prepared: Prepared | None) -> dict[str, Any]:
    """The result of the step's check, whose values are masked; empty where an error keeps it from being made."""
    if prepared is None or any(one.severity == "error" for one in prepared.findings):
        return {}
    return planning.attempt(lambda: prepared.conclude(True)) or {}


def _modern(planning: Planning, seen: Seen) -> dict[str, Any]:
    """The option modern of create_cf_template: what the inventory gives for it alone wins."""
    params = planning.params
    versions = seen.secrets[1] if seen.secrets else {}
    shared = {"tags": dict(planning.system.tags), "secrets": list(params["secrets"]), "secrets_versions": versions}
    return {**params["modern"], **{name: params["modern"].get(name) or value for name, value in shared.items()}}


def _template(
    planning: Planning, options: create_cf_template.Options, existing: bytes | None, cf: Prepared | None
) -> Made:
    """The template. An error is left out if its value has one, or if a step with errors would have generated it.

    Without the step that makes it, the one on disk: the next step sends that one.
    """
    if not planning.expects("template"):
        return _on_disk(planning, options.dest, existing)
    engine = cli_engine.chosen(planning.params, check_mode=True)
    before, known = create_cf_template.parsed(existing), cf.ingress if cf else UNREAD
    try:
        return create_cf_template.make(planning.aws, options, engine, before, known, check_mode=True)
    except InputError as error:
        errors = [one for one in (*planning.final, *planning.findings) if one.severity == "error"]
        known_wrong = {(one.file, one.key) for one in errors if one.key}
        found = [one for one in error.findings if (one.file, one.key) not in known_wrong]
        raise InputError([one for one in found if not errors or one.rule != "required-key"]) from error


def _on_disk(planning: Planning, path: str, existing: bytes | None) -> Made:
    template = dict(document.parsed((existing or b"").decode(errors="replace")))
    if planning.has_step("stack") and "Resources" not in template:
        raise DatomicError(f"There is no template in {path}. Run the entry point template first.")
    return Made(template, template, [])


def _with_what_runs(facts: Facts, seen: Seen, flavor: str) -> Facts:
    found, known = seen.stack, bool(seen.group and seen.group.is_current)
    return dataclasses.replace(
        facts,
        running_version=found.datomic_version if found and known else "",
        stack_version=found.datomic_version if found else "",
        running_heartbeat_msec=found.heartbeat_msec if found and known else 0,
        new_stack_flavor="" if found else flavor,
        flavor=flavor or facts.flavor,
    )


def _stack(planning: Planning, seen: Seen, made: Made) -> tuple[compare.Comparison, list[Change], list[str]]:
    """What the update of the stack changes: by our comparison, in CloudFormation's words, and which resources."""
    params, found = planning.params, seen.stack
    name, client = params["stack_name"], planning.aws.client("cloudformation")
    if not planning.has_step("stack"):
        return compare.Comparison(pending=False), [], []
    runs = found.parameters.get("InstanceType") if found else None
    planning.findings += launch.zone_findings(planning.aws, made.template, runs)
    if found is None:
        line = compare.created(name, made.template)
        started = f"starts {group_size(planning)} x {planning.cf.get('aws-instance-type')}"
        line = dataclasses.replace(line, text=f"{line.text}; {started}")
        return compare.Comparison(pending=True), [line], list(made.template["Resources"])
    names = compare.system_parameters(made.template)
    resolved = ssm.values(planning.aws, names.values()) if names else {}
    current = compare.Current(name, found.status, found.template, found.parameters, found.tags)
    desired = compare.Desired(
        made.template,
        planning.system.tags,
        resolved,
        _completed(planning.transactor, seen.transactor),
        _completed(planning.cf, seen.cf),
        params["directory"],
    )
    comparison = compare.compare(current, desired)
    if not comparison.pending:
        return comparison, [], []
    if not params.get("change_set", True):
        return comparison, [compare.stack_change(comparison, ())], []
    tags = _tags(planning, found)
    body = json.dumps(made.plannable, ensure_ascii=False)

    def warn(text: str) -> None:
        planning.findings.append(Finding("stack-update", text, "warning"))

    planned = change_set.plan(client, name, body, tags if tags != found.tags else None, warn)
    if planned.refusal:
        message = f"CloudFormation refuses the update of the stack {name}: {planned.refusal.rstrip('.')}"
        planning.final.append(Finding("stack-update", message))
        return comparison, [], []
    if not planned.changed:
        return dataclasses.replace(comparison, pending=False, form_only=True, changes=(), outdates=False), [], []
    # GetTemplate returns letters outside of ASCII as question marks.
    # https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1220
    launches = any(change.type in document.LAUNCH_TYPES for change in planned.changes)
    comparison = dataclasses.replace(comparison, outdates=comparison.outdates and launches)
    resources = [change.logical_id for change in planned.changes]
    return comparison, [compare.stack_change(comparison, planned.changes)], resources


def _completed(file: Properties, prepared: Prepared | None) -> Properties:
    """The file with the values that its step writes into it."""
    return prepared.after.at(file.path) if prepared else file


def _tags(planning: Planning, found: Stack | None) -> dict[str, str]:
    """The tags of the stack after the update: it keeps those that the options do not name."""
    return {**(found.tags if found else {}), **planning.system.tags}


def _has_work(prepared: Prepared | None) -> bool:
    return bool(prepared and (prepared.decision.plan.changed or prepared.decision.values))


def _prepared_changes(planning: Planning, prepared: Prepared | None, step: Step) -> tuple[Change, ...]:
    """In AWS and in the file."""
    if prepared is None:
        return ()
    decision, directory = prepared.decision, planning.params["directory"]
    in_file = plan_changes.of_file(prepared.file.src, prepared.after, decision, step, directory)
    return (*plan_changes.of_actions(decision.plan.actions, step), *in_file)


def _files_to_write(
    planning: Planning, seen: Seen, options: create_cf_template.Options, made: Made, existing: bytes | None
) -> tuple[list[str], list[str]]:
    """The files that the run writes, and those of them that get a secret."""
    written: list[str] = []
    holding: list[str] = []
    for prepared in filter(None, (seen.transactor, seen.cf)):
        path, values = prepared.file.src.path, keys.masked(prepared.after)
        if prepared.decision.keys:
            written.append(path)
        if any(values[key] == MASK for key in prepared.decision.keys):
            holding.append(path)
    if planning.has_step("template") and (
        made.content != existing or create_cf_template.is_too_open(options, made, existing)
    ):
        written.append(options.dest)
    if made.holds_secrets:
        holding.append(options.dest)
    return written, holding


def _template_change(
    planning: Planning, options: create_cf_template.Options, written: Sequence[str], *, pending: bool
) -> list[Change]:
    """The template's file, where no change of the stack shows it."""
    if pending or options.dest not in written:
        return []
    name = os.path.relpath(options.dest, planning.params["directory"])
    if not planning.has_step("stack"):
        action: ChangeAction = "update" if os.path.exists(options.dest) else "create"
        return [Change(action, "file", name, "template", "made from the files; the stack is not compared")]
    if os.path.exists(options.dest):
        return [Change("update", "file", name, "template", "only its form changes: the stack needs no update")]
    return [Change("create", "file", name, "template", "the template that the stack has already")]


def _git(
    planning: Planning, options: create_cf_template.Options, written: Sequence[str], holding: Sequence[str]
) -> git.Preview:
    params = planning.params
    if not params["commit"] or not planning.has_step("git"):
        return git.Preview()
    paths = [planning.transactor.path, planning.cf.path]
    request = git.Request(
        [*paths, options.dest] if os.path.isfile(options.dest) else paths,
        push=params["push"],
        remote=params["push_remote"],
        branch=params["push_branch"],
        allow_secrets=params["commit_secrets"] == "allow",
        timeout=params["git_timeout"],
    )
    found = planning.attempt(
        lambda: git.preview(request, will_write=written, will_hold_secrets=holding, check=planning.check_mode)
    )
    if found is None:
        return git.Preview()
    planning.final += found.findings
    return found


def _backs_up(params: Mapping[str, Any]) -> bool:
    return params["backup"] == "before_update" or bool(params["backup_max_age"])


def _backup_note(params: Mapping[str, Any]) -> str:
    names = ", ".join(one["name"] for one in params["databases"] or ())
    if params["backup"] == "before_update":
        return f"{names} backed up before anything changes"
    return f"{names}: a backup younger than {params['backup_max_age']} is required"


def _now(seen: Seen, replacement: Replacing) -> Now:
    if seen.stack is None:
        return Now()
    active, standby = beating(replacement)
    members = len(seen.group.members) if seen.group else 0
    return Now(seen.stack.status, seen.stack.datomic_version, members, active, standby)


def _outputs(planning: Planning, seen: Seen, made: Made) -> dict[str, str]:
    """What other tools need of the stack."""
    region, name, found = planning.cf.get("aws-region"), planning.params["stack_name"], {}
    if seen.stack:
        found["stack_arn"] = seen.stack.stack_id
    if "Dashboard" in made.template.get("Resources", {}):
        console = CONSOLES.get(planning.account().partition, CONSOLES[DEFAULT_PARTITION])
        where = f"cloudwatch/home?region={region}#dashboards/dashboard/datomic-{name}"
        found["dashboard_url"] = f"https://{region}.{console}/{where}"
    return found


def _relative(finding: Finding, directory: str) -> Finding:
    """The finding with its file as the plan names files: the same on every machine."""
    if not os.path.isabs(finding.file):
        return finding
    relative = os.path.relpath(finding.file, directory)
    return dataclasses.replace(finding, file="" if relative == "." else relative)


def _guard(planning: Planning, made: Plan) -> None:
    """Write the plan's file. InputError or DatomicError when the plan is forbidden, or not the approved one."""
    if path := planning.params["plan_file"]:
        plan_file.write(path, made)
    planning.final += plan_guard.violations(made, planning.params["forbid"])
    planning.refuse_errors(planning.findings)
    if approved := planning.params["approved_plan"]:
        plan_file.require_approval(approved, made)


def _stack_step(planning: Planning, seen: Seen, changes: Sequence[Change], rollback: Rollback) -> dict[str, Any]:
    found = seen.stack
    return {
        "changed": bool(changes),
        "exists": found is not None,
        "tags": _tags(planning, found),
        "notification_arns": ",".join(found.topics) if found else "",
        "commit_before": rollback.commit,
    }
