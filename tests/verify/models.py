# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Part 6: what we use of botocore and CloudFormation, against botocore's own models and cfn-lint's own schemas.

Everything is read from our source and our templates, so that nothing has to be listed here a second time.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import botocore.exceptions
import botocore.session
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template import modern
from botocore import xform_name
from botocore.config import Config
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests import template_combinations as combinations
from tests.estate import ROOT
from tests.verify.tally import Tally

SOURCES = ROOT / "plugins" / "module_utils"
SERVICES = (
    "autoscaling",
    "cloudformation",
    "cloudwatch",
    "dynamodb",
    "ec2",
    "iam",
    "s3",
    "secretsmanager",
    "ssm",
    "sts",
)
_CALLS = re.compile(r"get_(waiter|paginator)\(\s*\"([a-z_0-9]+)\"")


def used() -> dict[str, list[str]]:
    """Waiters and paginators by kind, as the source names them."""
    found: dict[str, set[str]] = {"waiter": set(), "paginator": set()}
    for path in sorted(SOURCES.rglob("*.py")):
        for kind, name in _CALLS.findall(path.read_text()):
            found[kind].add(name)
    return {kind: sorted(names) for kind, names in found.items()}


def known() -> dict[str, set[str]]:
    """What botocore has in the services that we use."""
    session = botocore.session.get_session()
    found: dict[str, set[str]] = {"waiter": set(), "paginator": set(), "operation": set()}
    for service in SERVICES:
        client = session.create_client(
            service, region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
        )
        found["waiter"] |= set(client.waiter_names)
        operations = {xform_name(name) for name in client.meta.service_model.operation_names}
        found["operation"] |= operations
        found["paginator"] |= {name for name in operations if client.can_paginate(name)}
    return found


def templates() -> Iterator[Any]:
    """Every recorded legacy template, and modern ones that have every kind of resource."""
    for path in sorted((ROOT / "tests" / "golden" / "cases").glob("template-*.json")):
        for run in json.loads(path.read_text())["runs"]:
            yield run.get("template") or {}
    transactor, cf = combinations.transactor(**combinations.METRICS), combinations.cf()
    full = {"alarms": True, "alarm_email": "oncall@example.com", "session_manager": True, "secrets": ("sql-password",)}
    for options in (modern.Options(), modern.Options(**full, extra_jars=("s3://jars/a.jar",), volume_size=20)):
        yield modern.template(transactor, cf, options, combinations.MACHINE)


def resources() -> Iterator[tuple[str, list[str]]]:
    """Type and property names of every resource of the templates."""
    for template in templates():
        for resource in template.get("Resources", {}).values():
            yield resource["Type"], sorted(resource.get("Properties", {}))


def literal_types() -> list[str]:
    """The resource types that our own templates name, from the source."""
    found: set[str] = set()
    for path in sorted((SOURCES / "template").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(re.findall(r"^AWS::[A-Za-z0-9]+::[A-Za-z0-9]+$", node.value))
    return sorted(found)


def has_property(kind: str, name: str) -> bool:
    """Whether CloudFormation's registry knows the property of the type."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return name in schema["properties"]


def checks() -> dict[str, Callable[[], bool]]:
    """What is checked, by what it is about."""
    botocore_has, wanted = known(), used()
    found: dict[str, Callable[[], bool]] = {}
    for kind, names in wanted.items():
        for name in names:
            found[f"botocore has the {kind} {name}"] = lambda kind=kind, name=name: name in botocore_has[kind]
    found["botocore takes the retry mode standard"] = lambda: takes("standard")
    for kind in literal_types():
        found[f"the registry has {kind}"] = lambda kind=kind: has_type(kind)
    for kind, names in resources():
        for name in names:
            found[f"{kind} has {name}"] = lambda kind=kind, name=name: has_property(kind, name)
    return found


def has_type(kind: str) -> bool:
    try:
        PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind)
    except Exception:
        return False
    return True


def takes(mode: str) -> bool:
    """Whether botocore makes a client with this retry mode."""
    try:
        Config(retries={"mode": mode, "total_max_attempts": 8})
    except botocore.exceptions.InvalidRetryModeError:
        return False
    return True


def run() -> Tally:
    tally = Tally(
        "botocore's and cfn-lint's models",
        f"botocore {version('botocore')}, cfn-lint {version('cfn-lint')}",
        "every waiter, paginator and retry mode that the source names, every resource type and property of the "
        "templates",
    )
    for what, check in checks().items():
        tally.same(what, check(), True)
    tally.mistake(
        "a waiter, a retry mode, a type and a property renamed",
        "table_is_there" not in known()["waiter"]
        and not takes("usual")
        and not has_type("AWS::AutoScaling::Group")
        and not has_property("AWS::AutoScaling::AutoScalingGroup", "MinimalSize"),
    )
    return tally
