# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resource types and properties of our templates, against cfn-lint's schemas of the CloudFormation registry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.datomic_onprem.aws.plugins.module_utils.template import modern
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template.options import Options
from cfnlint.schema import ResourceNotFoundError
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests import template_combinations as combinations
from tests.estate import ROOT

Schema = Mapping[str, Any]


def templates() -> str:
    """As JSON: every recorded legacy template, and modern ones that have every kind of resource."""
    found = []
    for path in sorted((ROOT / "tests" / "golden" / "cases").glob("template-*.json")):
        found += [run.get("template") or {} for run in json.loads(path.read_text())["runs"]]
    transactor, cf = combinations.transactor(**combinations.METRICS), combinations.cf()
    full: dict[str, Any] = {
        "alarms": True,
        "alarm_email": "oncall@example.com",
        "session_manager": True,
        "secrets": ("sql-password",),
    }
    for options in (Options(), Options(**full, extra_jars=("s3://jars/a.jar",), volume_size=20)):
        found.append(modern.template(transactor, cf, options, combinations.MACHINE))
    return json.dumps(found)


def properties(texts: str) -> dict[str, bool]:
    """Every property of every resource, the nested ones too, as Type.Name.Name: whether the registry knows it."""
    found: dict[str, bool] = {}
    for template in json.loads(texts):
        for resource in template.get("Resources", {}).values():
            kind, given = resource["Type"], resource.get("Properties", {})
            schema = of_type(kind)
            found |= {kind: False} if schema is None else dict(_judged(schema, schema, given, kind))
    return found


def of_type(kind: str) -> Schema | None:
    """The registry's schema; None when it has no such type."""
    try:
        schema: Schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    except ResourceNotFoundError:
        return None
    return schema


def _judged(root: Schema, schema: Schema, value: Any, path: str) -> Iterator[tuple[str, bool]]:
    alternatives = list(_alternatives(root, schema))
    if isinstance(value, list):
        items = {"anyOf": [one["items"] for one in alternatives if "items" in one]}
        for item in value:
            yield from _judged(root, items, item, path)
    elif isinstance(value, dict) and (branches := _branches(value)) is not None:
        for branch in branches:
            yield from _judged(root, schema, branch, path)
    elif isinstance(value, dict):
        known = {name: inner for one in alternatives for name, inner in one.get("properties", {}).items()}
        # Without properties of its own it takes any object, such as a policy.
        for name, inner in value.items() if known else ():
            yield f"{path}.{name}", name in known
            yield from _judged(root, known.get(name, {}), inner, f"{path}.{name}")


def _alternatives(root: Schema, schema: Schema) -> Iterator[Schema]:
    """The schema itself, what it refers to, and what it may be instead or is besides."""
    yield schema
    if "$ref" in schema:
        found = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        yield from _alternatives(root, found)
    for together in ("anyOf", "oneOf", "allOf"):
        for one in schema.get(together, []):
            yield from _alternatives(root, one)


def _branches(value: Mapping[str, Any]) -> list[Any] | None:
    """What an intrinsic function may give, as far as it is written there; None when it is none."""
    if len(value) != 1:
        return None
    ((name, argument),) = value.items()
    if name == "Fn::If":
        return list(argument[1:])
    return [] if name == "Ref" or name.startswith("Fn::") else None
