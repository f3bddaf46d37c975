# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The properties file that ensure_transactor and ensure_cf complete, and the order in which they execute a plan.

Generated names are written to disk, and to the state that all machines share, before the resources are created, so the
next run continues a killed one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from ..actions import GENERATED, Actions, Decision, Executors
from ..errors import AwsError, DatomicError, Finding, InputError
from ..properties import file as properties_file
from ..properties import keys
from ..properties.file import Properties

Adopt = Callable[[Properties, Properties], Mapping[str, str]]


class File:
    """The content of src on its way to dest.

    on_disk: the content of dest, None without such a file. now: the next content of dest, with dest's path.
    findings: about the lines of src and the place of dest, not about keys. saved: gets the values after each save.
    """

    def __init__(
        self, src: Properties, on_disk: Properties | None, dest: str, findings: Iterable[Finding] = ()
    ) -> None:
        self.src = src
        self.on_disk = on_disk
        self.now = src.at(dest)
        self.findings = (*src.findings, *findings)
        self.saved: Callable[[Mapping[str, str]], None] = lambda changes: None

    def save(self, changes: Mapping[str, str]) -> None:
        """Write these values, and all that is not on disk yet, into dest."""
        self.now = self.now.edit(changes)
        properties_file.write(self.now, was=self.on_disk)
        self.on_disk = self.now
        self.saved(changes)


def read(src: str, dest: str | None, adopt: Adopt | None = None, generated: Collection[str] = ()) -> File:
    """Read src, and dest when it is another file, whatever is wrong with them.

    adopt: (src, dest) to the values that an earlier run generated into dest for keys that are still blank in src.
    Without them, each run would generate another resource. generated: the keys that may get such values. While none of
    them is blank in src, dest is not used and may hold anything.
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
    """The finding that there is no directory for the file."""
    directory = os.path.dirname(os.path.realpath(path))
    if os.path.isdir(directory):
        return []
    what = f"Could not write {path}: there is no directory {directory}. Create it first."
    return [Finding("missing-directory", what)]


def about_options(findings: Iterable[Finding]) -> bool:
    """Whether an error is about an option, thus about no file. Then AWS need not be asked."""
    return any(finding.severity == "error" and not finding.file for finding in findings)


@contextlib.contextmanager
def prefer_input_errors(findings: Iterable[Finding]) -> Iterator[None]:
    """Raise the errors among the findings, if any, instead of an AwsError: they are the likely cause."""
    try:
        yield
    except AwsError as error:
        wrong = [finding for finding in findings if finding.severity == "error"]
        if wrong:
            raise InputError(wrong) from error
        raise


def planned(file: File, decision: Decision) -> Properties:
    """The file's content after the decision. DatomicError, before anything is changed, when it cannot be written."""
    after = file.now.edit({**decision.values, **dict.fromkeys(decision.late, GENERATED)})
    if file.on_disk is None or file.on_disk.raw != after.raw:
        directory = os.path.dirname(os.path.realpath(after.path)) or "."
        if not os.access(directory, os.W_OK | os.X_OK):
            raise DatomicError(f"{after.path}: the directory {directory} cannot be written; nothing was changed.")
    return after


def conclude(file: File, decision: Decision, executors: Executors, *, check_mode: bool) -> dict[str, Any]:
    """Execute the decision unless in check mode. Returns the module's result, which is the same in both modes."""
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
    """Add to an error the values that are in the file by then."""
    try:
        yield
    except DatomicError as error:
        error.details.update(changed=True, generated=_generated(file.src, file.now))
        raise


def result(src: Properties, before: Properties | None, after: Properties, plan: Actions) -> dict[str, Any]:
    """The module's result. before, after: the file's content."""
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
