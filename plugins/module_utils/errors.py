# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection says when something is wrong: findings in files, and errors that end a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that a rule found in a file or in an option.

    rule: the rule's name in kebab-case, by which an inventory may accept it.
    message: what stands there, never a secret's value. suggestion: what to write instead.
    reason: the reason; source: the documentation page or release that it comes from.
    line: 1-based, 0 when the finding belongs to no line (a missing key).
    """

    rule: str
    message: str
    severity: Severity = "error"
    file: str = ""
    line: int = 0
    key: str = ""
    reason: str = ""
    source: str = ""
    suggestion: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.file and self.line else self.file
        head = ": ".join(part for part in (place, self.key, self.message) if part)
        return head + (f" ({self.suggestion})" if self.suggestion else "")

    def as_returned(self) -> dict[str, Any]:
        """The finding as a module returns it."""
        return dataclasses.asdict(self)


class DatomicError(Exception):
    """Ends a run. Its text is for the user: what was being done, to what, and what to do next.

    details: further keys of the module's result.
    """

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


class AwsError(DatomicError):
    """AWS refused or did not answer: what was being done, to what, and what to do next.

    code: AWS's error code, empty when there was no answer.
    """

    def __init__(self, message: str, code: str = "", **details: Any) -> None:
        super().__init__(message, error_code=code, **details)
        self.code = code


class InputError(DatomicError):
    """All that is wrong with an input, in one message; nothing was changed.

    What is no error among the findings is returned beside.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        lines = [str(finding) for finding in self.findings if finding.severity == "error"]
        message = lines[0] if len(lines) == 1 else f"{len(lines)} errors:\n" + "\n".join(lines)
        super().__init__(message, findings=[finding.as_returned() for finding in self.findings])


def refuse(findings: Iterable[Finding]) -> list[str]:
    """Raise InputError when there are errors among the findings; otherwise return the warnings' texts."""
    found = list(findings)
    if any(finding.severity == "error" for finding in found):
        raise InputError(found)
    return [str(finding) for finding in found if finding.severity == "warning"]
