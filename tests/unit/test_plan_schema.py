# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The published schema says exactly what a plan's JSON is."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any, get_args

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils import plan as plans
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import Finding, Severity
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from tests.plans import PLAN, PLANS

ROOT = pathlib.Path(__file__).parents[2]
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "plan.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
PROFILE = settings(max_examples=80, deadline=None, database=None)
SCREENS = (ROOT / "tests" / "golden" / "screens").glob("*.json")
GOLDEN = sorted(path for path in SCREENS if "digest" in json.loads(path.read_text("utf-8")))
"""The plans among the golden results. Their digests are masked."""


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["version"]["const"] == plans.VERSION


@PROFILE
@given(PLANS)
def test_every_plan_is_valid(plan: plans.Plan) -> None:
    VALIDATOR.validate(json.loads(json.dumps(plan.as_returned())))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_golden_plan_is_valid(path: pathlib.Path) -> None:
    VALIDATOR.validate({**json.loads(path.read_text("utf-8")), "digest": PLAN.digest})


def test_there_are_golden_plans() -> None:
    assert len(GOLDEN) > 25


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("now", plans.Now),
        ("finding", Finding),
        ("change", plans.Change),
        ("attribute", plans.Attribute),
        ("transactors", plans.Replacement),
    ],
)
def test_the_schema_has_the_fields_of_the_code(name: str, kind: type) -> None:
    assert set(SCHEMA["$defs"][name]["properties"]) == {one.name for one in dataclasses.fields(kind)}


def test_the_schema_has_the_values_of_the_code() -> None:
    change, finding = SCHEMA["$defs"]["change"]["properties"], SCHEMA["$defs"]["finding"]["properties"]
    assert change["action"]["enum"] == [*get_args(plans.ChangeAction)]
    assert change["step"]["enum"] == [*plans.STEPS] == [*get_args(plans.Step)]
    assert finding["severity"]["enum"] == [*get_args(Severity)]
    assert list(SCHEMA["properties"]) == list(PLAN.as_returned())
    assert list(SCHEMA["$defs"]["summary"]["properties"]) == list(PLAN.summary)


@pytest.mark.parametrize("part", [SCHEMA, *SCHEMA["$defs"].values()], ids=["plan", *SCHEMA["$defs"]])
def test_the_schema_is_exact(part: dict[str, Any]) -> None:
    """A reader may rely on every field, and no other occurs."""
    assert sorted(part["required"]) == sorted(part["properties"])
    assert part["additionalProperties"] is False
