# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policies in docs/iam-policies, filled in as fill.yml fills them in, and what their conditions say."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Mapping
from typing import Any

import jinja2
import yaml

from tests.estate import ROOT

POLICIES = ROOT / "docs" / "iam-policies"
_JINJA = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
_JINJA.tests["match"] = lambda value, pattern: bool(re.match(pattern, value))


def filled(name: str, **given: str) -> dict[str, Any]:
    """The policy of that name with the names of names.yml, or those given instead."""
    names = {**yaml.safe_load((POLICIES / "names.yml").read_text()), **given}
    names = {key: _JINJA.from_string(value).render(names) for key, value in names.items()}
    text = (POLICIES / f"{name}.json").read_text()
    policy: dict[str, Any] = json.loads(_JINJA.from_string(text).render(names))
    return policy


def holds(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str | None]) -> bool:
    """Whether the condition holds. context: by key; None where the request has none. Other keys are taken to match.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    return all(
        _matches(operator, context[key], wanted if isinstance(wanted, list) else [wanted])
        for operator, tests in condition.items()
        for key, wanted in tests.items()
        if key in context
    )


def _matches(operator: str, value: str | None, wanted: list[str]) -> bool:
    if value is None:
        return operator.endswith("IfExists")
    if operator.removesuffix("IfExists") == "StringEquals":
        return value in wanted
    return any(fnmatch.fnmatchcase(value, pattern) for pattern in wanted)
