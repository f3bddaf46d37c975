# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of stacks.

An invalid name is an error and never corrected, because another stack may have the corrected name.
"""

from __future__ import annotations

import re
import unicodedata

from ...errors import Finding, InputError

LONGEST = 128
NAME = re.compile(rf"[a-zA-Z][-a-zA-Z0-9]{{0,{LONGEST - 1}}}")
RULE = f"CloudFormation requires a letter, then letters, digits and hyphens, {LONGEST} characters at most"
DOCS = "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html"
STACK_ID = re.compile(r"arn:[-a-zA-Z0-9:/._+]+")


def findings(name: str) -> list[Finding]:
    """The error of an invalid name, with a valid one."""
    if NAME.fullmatch(name):
        return []
    message = f"{name!r} is not a valid stack name"
    suggestion = f"write datomic_stack_name: {suggested(name)}, or the name of the stack (stack_name of a module)"
    return [Finding("stack-name", message, key="stack_name", reason=RULE, source=DOCS, suggestion=suggestion)]


def refuse(name: str) -> None:
    """InputError unless this is a valid name, a stack's id, or empty, which means that no stack was given."""
    if name and not STACK_ID.fullmatch(name) and (wrong := findings(name)):
        raise InputError(wrong)


def suggested(name: str) -> str:
    """The most similar valid name."""
    if NAME.fullmatch(name):
        return name
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub("[^a-zA-Z0-9]+", "-", ascii_only).strip("-")
    if not words[:1].isalpha():
        words = f"datomic-{words}".rstrip("-")
    return words[:LONGEST]
