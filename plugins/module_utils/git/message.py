# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The messages of a run's commits: what changed, why, and what a failure left undone. Pure.

The subject comes from the files of the commit, the body from the plan.
"""

from __future__ import annotations

import dataclasses
import itertools
import textwrap
from collections.abc import Sequence

from .. import plan_lines
from ..plan import ACCEPTED, SHORT_COMMIT, Plan
from ..properties import keys
from ..properties.file import MASK, Properties
from ..util import redact

SUBJECT = 72
"""Characters. git log indents it by four on a terminal of 80 columns."""
PHRASE = 40
"""Characters of one change in a subject. A longer one is named without its values."""
NAME = 12
"""Characters of the system's name where a subject would be too long otherwise."""
BODY = 100
EXPLAINED = {
    "aws-autoscaling-group-size": "{} transactors",
    "aws-instance-type": "{}",
    "datomic-version": "Datomic {}",
}
"""Keys whose values explain themselves."""
FAILED = {
    "transactor": "not applied: provisioning failed",
    "security_group": "not applied: security group failed",
    "secrets": "not applied: secrets failed",
    "template": "not applied: template failed",
    "surplus": "not applied: surplus not terminated",
    "stack": "not applied: stack failed",
    "transactors": "transactors not replaced",
}
"""By the failed step. surplus: transactors above the group's size, which end before the stack's update."""
WRITTEN = "what the run wrote"
ROLLED_BACK = "not applied: stack rolled back"


@dataclasses.dataclass(frozen=True)
class File:
    """A file of a commit, in clear text. path: relative to the root. before: None when git does not have it."""

    path: str
    before: bytes | None = dataclasses.field(repr=False)
    after: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Run:
    """What the commits of a run are for.

    written: the commit has what the run wrote; otherwise the files as the user edited them.
    failed_step, failure: the step that failed, and its message; empty when none did. reason: the user's.
    restored: the commit whose files a failed run has restored; empty when it has not.
    """

    plan: Plan
    written: bool = False
    failed_step: str = ""
    failure: str = ""
    reason: str = ""
    restored: str = ""


def message(run: Run, files: Sequence[File]) -> str:
    """The commit's message. No two commits of a run have the same subject."""
    phrases, rest = _written(run, files) if run.written else (_edited(run.plan, files), [])
    failed = _failed(run)
    subject = _subject(_clean(run.plan.system), phrases, [*rest, *filter(None, [failed])])
    if run.restored:
        subject = _restored(run)
    paragraphs = [
        _wrapped(f"Reason: {redact.output(run.reason)}") if run.reason.strip() else [],
        _plan(run.plan),
        [line for subject, text in run.plan.notes if subject == ACCEPTED for line in _wrapped(f"Accepted: {text}")],
        _wrapped(f"{failed.partition(':')[0].capitalize()}: {_first_line(run.failure)}") if run.failure.strip() else [],
    ]
    return "\n\n".join([subject, *("\n".join(lines) for lines in paragraphs if lines)]) + "\n"


def overridden(run: Run, text: str) -> str:
    """The user's own message. In the later commits of a run its subject says so, since no two are the same."""
    subject, *body = text.strip().splitlines(keepends=True)
    what = f"roll back to {run.restored[:SHORT_COMMIT]}" if run.restored else _failed(run) or WRITTEN
    return "".join([f"{subject.rstrip()}; {what}\n" if run.written else subject, *body])


def _restored(run: Run) -> str:
    subject = f"{_clean(run.plan.system)}: roll back to {run.restored[:SHORT_COMMIT]}"
    why = _clean(_first_line(run.failure)).rstrip(".:")
    return textwrap.shorten(f"{subject}: {why}" if why else subject, SUBJECT, placeholder=" …")


def _edited(plan: Plan, files: Sequence[File]) -> list[str]:
    """What the user changed."""
    new = [file.path for file in files if file.before is None]
    if new and not plan.now.stack_status:
        return ["create the system"]
    phrases = []
    for file in files:
        values = [] if file.path in new else _values(file)
        edit = "add" if file.path in new else "edit"
        phrases += [_phrase(*value) for value in values] or [f"{edit} {file.path}"]
    return phrases


def _written(run: Run, files: Sequence[File]) -> tuple[list[str], list[str]]:
    """What the run wrote: the values in the properties files, and then the rest."""
    templates = [file for file in files if file.after.lstrip().startswith(b"{")]
    generated, replaced, other = [], [], []
    for file in files:
        values = _values(file)
        generated += [key for key, before, _after in values if not before]
        replaced += [key for key, before, _after in values if before]
        other += [] if values or file in templates else [file.path]
    phrases = [
        phrase
        for verb, names in (("generated", generated), ("replaced", replaced), ("wrote", other))
        for phrase in [*(f"{verb} {name}" for name in names[:1]), *names[1:]]
    ]
    if phrases or not templates:
        return phrases, ["template"] * bool(templates)
    attributes = [one for change in run.plan.changes if change.kind == "property" for one in change.attributes]
    first, *others = [_phrase(one.name, one.before, one.after) for one in attributes] or [""]
    return [f"template for {first}" if first else "template", *others], []


def _values(file: File) -> list[tuple[str, str, str]]:
    """The properties that differ, with their values before and after; secrets are masked."""
    before, after = (Properties.scan(raw or b"", file.path) for raw in (file.before, file.after))
    if before.findings or after.findings or file.after.lstrip().startswith(b"{"):
        return []
    return [
        (key, keys.mask(key, before.get(key)), keys.mask(key, after.get(key)))
        for key in dict.fromkeys([*after, *before])
        if before.get(key) != after.get(key)
    ]


def _phrase(key: str, before: str, after: str) -> str:
    """The change of a property in a few words. One with a secret, or a long one, is named without its values."""
    if not after:
        return f"{key} removed"
    values = f"{before} -> {after}" if before else after
    phrase = EXPLAINED.get(key, f"{key} {{}}").replace("{}", values)
    return f"{key} changed" if MASK in values or len(phrase) > PHRASE or not phrase.isprintable() else phrase


def _failed(run: Run) -> str:
    if run.failed_step == "stack" and "ROLLBACK_COMPLETE" in run.failure:
        return ROLLED_BACK
    return FAILED.get(run.failed_step, "not applied") if run.failed_step or run.failure else ""


def _subject(system: str, phrases: Sequence[str], rest: Sequence[str]) -> str:
    """As many of the phrases as fit, and then their number. The last of the rest is always there."""
    short = system if len(system) <= NAME else f"{system[: NAME - 1]}…"
    tails = ["".join(f"; {text}" for text in texts) for texts in (rest, rest[-1:])]
    for name, tail, shown in itertools.product((system, short), tails, range(len(phrases), 0, -1)):
        more = f" and {len(phrases) - shown} more" if shown < len(phrases) else ""
        subject = _clean(f"{name}: {', '.join(phrases[:shown])}{more}{tail}")
        if len(subject) <= SUBJECT:
            return subject
    return f"{short}: {len(phrases)} change{'s' if len(phrases) > 1 else ''}{tails[-1]}"


def _plan(plan: Plan) -> list[str]:
    """The plan as on the screen, without its warnings and what it says about commits."""
    shown = dataclasses.replace(plan.reviewed, findings=())
    return plan_lines.render(shown, width=BODY).splitlines() if shown.changed else []


def _first_line(text: str) -> str:
    return next(iter(redact.output(text).strip().splitlines()), "")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(_clean(text), BODY, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _clean(text: str) -> str:
    """On one line, without characters that a terminal or git would act on."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())
