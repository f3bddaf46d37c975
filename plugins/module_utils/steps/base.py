# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ensure_transactor and ensure_cf share: the file that they work on, and the order in which a decision is done.

Every value that names a resource is on disk before the resource of that name is created, so a run that dies anywhere
is continued by the next one instead of being forgotten.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from ..errors import AwsError, DatomicError, Finding, InputError
from ..plan import GENERATED, Decision, Executors, Plan
from ..properties import file as properties_file
from ..properties import keys
from ..properties.file import Properties

Adopt = Callable[[Properties, Properties], Mapping[str, str]]


class File:
    """The file that is being ensured: what src holds, on its way to dest.

    on_disk: what dest held last, None when there is no such file. now: what dest is to hold; its path is dest's.
    findings: what is wrong with the lines of src and the place of dest, before any key is looked at.
    """

    def __init__(
        self, src: Properties, on_disk: Properties | None, dest: str, findings: Iterable[Finding] = ()
    ) -> None:
        self.src = src
        self.on_disk = on_disk
        self.now = src.at(dest)
        self.findings = (*src.findings, *findings)

    def save(self, changes: Mapping[str, str]) -> None:
        """Put these values, and all that is not on disk yet, into dest; on disk when this returns."""
        self.now = self.now.edit(changes)
        properties_file.write(self.now, was=self.on_disk)
        self.on_disk = self.now


def read(src: str, dest: str | None, adopt: Adopt | None = None, generated: Collection[str] = ()) -> File:
    """Read src, and dest when it is another file, whatever is wrong with them.

    adopt: (src, dest) to the values which dest got in an earlier run for keys that are still blank in src. They are
    kept, or each run would generate another resource. generated: these keys. While none of them is blank in src,
    nothing of dest is used, and it may hold anything.
    """
    source = properties_file.inspect(src)
    if dest is None or os.path.realpath(dest) == os.path.realpath(src):
        return File(source, source, src)
    if not os.path.lexists(dest):
        return File(source, None, dest, missing_directory(dest))
    earlier = properties_file.inspect(dest)
    awaited = any(key in source and not source.has_value(key) for key in generated)
    wrong = [finding for finding in earlier.findings if awaited or finding.rule == "unreadable-file"]
    file = File(source, earlier, dest, wrong)
    if adopt and awaited and not file.findings:
        file.now = file.now.edit(adopt(source, earlier))
    return file


def missing_directory(path: str) -> list[Finding]:
    """The finding that a file at path could not be made."""
    directory = os.path.dirname(os.path.realpath(path))
    if os.path.isdir(directory):
        return []
    what = f"Could not write {path}: there is no directory {directory}. Create it first."
    return [Finding("missing-directory", what)]


def about_options(findings: Iterable[Finding]) -> bool:
    """Whether an option is wrong, which is an error of no file: nothing that AWS could say would help."""
    return any(finding.severity == "error" and not finding.file for finding in findings)


@contextlib.contextmanager
def prefer_input_errors(findings: Iterable[Finding]) -> Iterator[None]:
    """Of what AWS refuses inside, nothing is told when the findings have errors: these are, as they come first."""
    try:
        yield
    except AwsError as error:
        wrong = [finding for finding in findings if finding.severity == "error"]
        if wrong:
            raise InputError(wrong) from error
        raise


def planned(file: File, decision: Decision) -> Properties:
    """What the file is going to hold.

    DatomicError when it could not be replaced: better before anything is done than with a secret in hand.
    """
    after = file.now.edit({**decision.values, **dict.fromkeys(decision.late, GENERATED)})
    if file.on_disk is None or file.on_disk.raw != after.raw:
        directory = os.path.dirname(os.path.realpath(after.path)) or "."
        if not os.access(directory, os.W_OK | os.X_OK):
            raise DatomicError(f"{after.path}: the directory {directory} cannot be written; nothing was changed.")
    return after


def conclude(
    file: File,
    decision: Decision,
    executors: Executors,
    *,
    check_mode: bool,
) -> dict[str, Any]:
    """Do what was decided, unless in check mode; the module's result, the same in both."""
    before = file.on_disk
    after = planned(file, decision)
    if not check_mode:
        file.save(decision.values)
        with attach_partial_result(file):
            decision.plan.apply(executors)
        after = file.now
    return result(file.src, before, after, decision.plan)


@contextlib.contextmanager
def attach_partial_result(file: File) -> Iterator[None]:
    """An error inside tells what was saved before it, for whoever looks at the failed task: the next run goes on."""
    try:
        yield
    except DatomicError as error:
        error.details.update(changed=True, generated=_generated(file.src, file.now))
        raise


def result(src: Properties, before: Properties | None, after: Properties, plan: Plan) -> dict[str, Any]:
    """What the modules return. before, after: the file's content."""
    edited = before is None or before.raw != after.raw
    return {
        "changed": plan.changed or edited,
        "diff": ([keys.masked_diff(before, after)] if edited else []) + plan.diff(),
        "actions": plan.as_returned(),
        "generated": _generated(src, after),
        "properties": keys.masked(after),
    }


def _generated(src: Properties, now: Properties) -> dict[str, str]:
    """The values that src does not have, secrets masked."""
    return {key: value for key, value in keys.masked(now).items() if now.get(key) != src.get(key)}
