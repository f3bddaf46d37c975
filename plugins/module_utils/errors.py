# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Findings about files and options, and errors that end a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Literal, NewType

Severity = Literal["error", "warning", "note"]
# fmt: off
Acceptable = Literal[
    "unknown-key", "open-to-anyone", "access-key-unknown", "git-stale-checkout",
    "ingress-not-in-files", "ingress-open", "ingress-revoked",
    "ingress-shared", "permissions-boundary", "role-of-another-system", "role-policy-all", "role-policy-unknown",
    "role-trust", "role-trust-others", "rollback-deletion", "rollback-release", "table-shrunk", "user-without-policy",
]
"""Findings that are no rule's and that a user may accept."""
Refused = Literal[
    # text
    "unreadable-file", "missing-directory", "file-too-large", "too-many-keys", "more-wrong-lines", "nul", "not-utf-8",
    "byte-order-mark", "separator", "blank-before-key", "white-space-in-key", "blank-around-separator",
    "blank-in-continuation", "empty-key", "escape", "duplicate-key", "comment-with-equals-sign",
    "lone-carriage-return", "backslash-at-line-end", "continued-at-end", "continued-comment", "unwritable-key",
    "unwritable-value",
    # keys and options
    "invalid-value", "required-key", "invalid-option", "accept", "one-identity", "user-keys", "table-name",
    "stack-name", "stack-missing", "stack-status", "stack-flavor", "region", "aws", "stack-update",
    "databases", "parameter-by-hand",
    # AWS
    "table-status", "table-key", "table-indexes", "table-global", "table-on-demand", "bucket-forbidden", "partition",
    "profile-taken", "user-missing", "access-key-limit", "unknown-instance-type", "security-group-missing",
    "security-group-vpc", "vpc-missing", "ingress-group-missing", "replacement-obstacle", "rollback-unknown",
    "transactors-unproved",
    # template
    "template-plain-word", "zone-without-type", "template-secrets", "template-size", "user-data-size",
    "template-region-without-image",
    "template-architecture", "template-old-image", "template-old-java", "template-new-java", "secrets-need-modern",
    "architecture", "image", "volume-size", "subnets", "release-number", "checksum-unknown", "java-option-quotes",
    "java-option-removed", "user-credentials", "secret-in-file", "secret-path", "secret-key", "secret-value",
    "secrets-kms-key", "valcache-volume", "watching-metrics", "watching-region", "alarm-email", "alarm-topic-region",
    "tag-name", "release-unreadable", "jar-unreadable",
    # the plan
    "forbidden-deletion", "forbidden-image", "forbidden-outage", "forbidden-replacement", "forbidden-shrink",
    # git
    "git-assume-unchanged", "git-bare", "git-clear-text-secret", "git-commit", "git-detached", "git-directory",
    "git-identity", "git-ignored", "git-message", "git-no-paths", "git-no-repository", "git-other-repository",
    "git-owner", "git-path", "git-push", "git-skip-worktree", "git-timeout", "git-unfinished", "git-unmerged",
]
"""Findings that always stop a run."""
# fmt: on
RuleName = NewType("RuleName", str)
"""The id of a rule: the name of its function, with hyphens."""
FindingId = Acceptable | Refused | RuleName | Literal[""]  # pylint: disable=unsupported-binary-operation
"""What a finding is about, as docs/rules.md lists it. mypy takes no id that is not here or a rule's."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """One problem of a file or an option.

    rule: the id by which an inventory may accept it. message: never with a secret's value. suggestion: what to write.
    source: the documentation of the reason. line: 1-based, 0 when there is none (a missing key).
    """

    rule: FindingId
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


@dataclasses.dataclass(frozen=True)
class Acceptance:
    """A rule that an inventory accepts, and why."""

    rule: str
    reason: str


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
    """All errors of the input, in one message; nothing was changed. The result has the warnings and notes too."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        lines = [str(finding) for finding in self.findings if finding.severity == "error"]
        message = lines[0] if len(lines) == 1 else f"{len(lines)} errors:\n" + "\n".join(lines)
        super().__init__(message, findings=[finding.as_returned() for finding in self.findings])


def raise_if_errors(findings: Iterable[Finding]) -> list[str]:
    """Raise InputError when there are errors among the findings; otherwise return the warnings' texts."""
    found = list(findings)
    if any(finding.severity == "error" for finding in found):
        raise InputError(found)
    return [str(finding) for finding in found if finding.severity == "warning"]
