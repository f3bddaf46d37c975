# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of stacks: what CloudFormation takes, and the nearest name that it would take. Pure.

A name that CloudFormation refuses is an error, and never changed in silence: another name is another stack, which may
exist and belong to another system.
"""

from __future__ import annotations

import re
import unicodedata

from ...errors import Finding, InputError

LONGEST = 128
NAME = re.compile(rf"[a-zA-Z][-a-zA-Z0-9]{{0,{LONGEST - 1}}}")
DOCS = "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html"
IDENTIFIER = re.compile(r"arn:[-a-zA-Z0-9:/._+]+")
"""A stack's id, which reads take in place of its name."""


def findings(name: str) -> list[Finding]:
    """The error of a name that no stack can have, with one that it can."""
    if NAME.fullmatch(name):
        return []
    valid = suggested(name)
    what = f"{name!r} is no name of a stack"
    why = f"CloudFormation takes a letter, then letters, digits and hyphens, {LONGEST} characters at most"
    instead = f"write datomic_stack_name: {valid}, or the name that the stack has (stack_name of a module)"
    return [Finding("stack-name", what, key="stack_name", reason=why, source=DOCS, suggestion=instead)]


def refuse(name: str) -> None:
    """InputError for what is neither a name nor an id of a stack. Empty: no stack was given."""
    if name and not IDENTIFIER.fullmatch(name) and (wrong := findings(name)):
        raise InputError(wrong)


def suggested(name: str) -> str:
    """The nearest name that a stack can have; a valid one stays."""
    if NAME.fullmatch(name):
        return name
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub("[^a-zA-Z0-9]+", "-", ascii_only).strip("-")
    if not words[:1].isalpha():
        words = f"datomic-{words}".rstrip("-")
    return words[:LONGEST]
