# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts 1 and 2: the table on Amazon's DynamoDB Local, beside the emulator's, and Datomic's peers that open it."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any
from unittest import mock

import boto3
import botocore.exceptions
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import dynamodb as provision
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import state_table
from ansible_collections.datomic_onprem.aws.plugins.module_utils.state.item import Holder, Item, Run
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.transactor import table as table_plan
from botocore.config import Config

from tests.emulator import Emulator
from tests.modules import run_module
from tests.verify.steps import FOREIGN, NAMES, Step, steps
from tests.verify.tally import Tally

SERVICES = ("dynamodb", "application-autoscaling")
DIMENSIONS = {"read": "dynamodb:table:ReadCapacityUnits", "write": "dynamodb:table:WriteCapacityUnits"}
MISTAKE = f"a table with the key {FOREIGN}"
BROKEN = "broken-plain"
"""The table on DynamoDB Local that a build made that takes that key for Datomic's."""
DATOMICS_KEY = [{"AttributeName": "id", "KeyType": "HASH"}]
"""Written down here once more: what the source says of it is not asked."""


def run(local: str, version: str, directory: pathlib.Path) -> Tally:
    """Every step on DynamoDB Local at that URL, and the same on the emulator."""
    tally = Tally(
        "Amazon's DynamoDB Local",
        version,
        "ensure_transactor with ddb and ddb-local: fresh, again, check mode, every table option, another key, refused "
        "names. Result, diff and table are as expected, and the same on the emulator; errors of the API",
    )
    tally.exceptions.append(
        "it lacks `DescribeContinuousBackups`, `UpdateContinuousBackups`, tags and TableIds, so that "
        "`table_point_in_time_recovery` and tags run on the emulators only"
    )
    tally.exceptions.append(
        "not compared, because it accepts what AWS's documentation refuses: CreateTable on demand with provisioned "
        "units, and DeleteTable of a table with deletion protection. An UpdateTable removes its deletion protection"
    )
    with Emulator() as aws:
        _compare(tally, NAMES, aws, local, directory)
        for what, call in _requests().items():
            tally.same(
                f"the API, {what}, on the emulator", _answer(client(aws.url), call), _answer(client(local), call)
            )
        emulated, real = (_shared_state(client(url)) for url in (aws.url, local))
        tally.same("the shared state from the first lock to the second release, on the emulator", emulated, real)
        key = ((FOREIGN, "S", "HASH"),)
        with mock.patch.object(table_plan, "KEY", key), mock.patch.object(provision, "KEY", key):
            tally.mistake(
                MISTAKE,
                lambda broken: _compare(broken, {"ddb": "broken"}, aws, local, directory),
                f"the table's key:\n    is        {[{'AttributeName': FOREIGN, 'KeyType': 'HASH'}]}",
            )
    return tally


def _compare(tally: Tally, names: Mapping[str, str], aws: Emulator, local: str, directory: pathlib.Path) -> None:
    """Every step on DynamoDB Local and on the emulator. names: protocol to prefix."""
    real, ours = (_live(names, aws, url, directory) for url in (local, aws.url))
    for protocol, prefix in names.items():
        for step in steps(protocol, prefix):
            what = f"{protocol}: {step.what}"
            verdict = "failed" if real[what]["failed"] else real[what]["changed"]
            tally.same(what, verdict, "failed" if step.changed is None else step.changed)
            if step.changed is not None and "error" not in real[what]["table"]:
                tally.same(f"{what}, the table's key", real[what]["table"]["key"], DATOMICS_KEY)
            tally.same(f"{what}, on the emulator", ours[what], real[what])
            if step.scaling:
                tally.same(f"{what}, how the table scales", real[what]["scaling"], step.scaling)


def _live(names: Mapping[str, str], aws: Emulator, dynamodb: str, directory: pathlib.Path) -> dict[str, dict[str, Any]]:
    """What came of every step. Roles, policies and auto scaling are the emulator's, whose account is a fresh one."""
    aws.reset()
    played = {}
    for protocol, prefix in names.items():
        _arrange(client(dynamodb), prefix)
        for step in steps(protocol, prefix):
            played[f"{protocol}: {step.what}"] = _play(step, protocol, aws, dynamodb, directory)
            played[f"{protocol}: {step.what}"]["table"].pop(step.forgotten, None)
    return played


def _shared_state(dynamodb: Any) -> list[Any]:
    """What two runs get, each request sent twice: its first answer may be lost."""

    def take(seen: Item, lock: str) -> Item | None:
        holder = Holder(lock, "anna@laptop", "arn", "2026-11-28T12:00:00Z", "m1", 7, "1")
        attempt = Run(lock, "anna@laptop", "arn", "2026-11-28T12:00:00Z", "m1:/x", {})
        return [state_table.take(dynamodb, seen, holder, attempt, f"{lock}-beat", 100.0) for _again in range(2)][1]

    nothing = state_table.read(dynamodb, "orders")
    first = take(nothing, "one")
    assert first
    second = take(first, "two")
    assert second
    names: Any = {"transactor": {"aws-transactor-role": "r"}}
    held = ((first, "one"), (second, "two"))
    answers = [
        *(nothing, first, second, take(first, "three")),
        *(state_table.renew(dynamodb, "orders", lock, "beat", 101.0) for lock in ("one", "two")),
        *(state_table.remember(dynamodb, "orders", lock, names) for lock in ("one", "two")),
        *(state_table.release(dynamodb, item, lock, None, None) for item, lock in held * 2),
    ]
    return [*answers, state_table.read(dynamodb, "orders")]


def client(url: str) -> Any:
    return boto3.client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"total_max_attempts": 1}),
    )


def _arrange(dynamodb: Any, prefix: str) -> None:
    """Tables that are not Datomic's."""
    hashed = {"AttributeName": "id", "KeyType": "HASH"}
    for name, schema, kinds in (
        (FOREIGN, [{"AttributeName": FOREIGN, "KeyType": "HASH"}], {FOREIGN: "S"}),
        ("sorted", [hashed, {"AttributeName": "at", "KeyType": "RANGE"}], {"id": "S", "at": "N"}),
        ("number", [hashed], {"id": "N"}),
    ):
        dynamodb.create_table(
            TableName=f"{prefix}-{name}",
            KeySchema=schema,
            AttributeDefinitions=[{"AttributeName": one, "AttributeType": kind} for one, kind in kinds.items()],
            ProvisionedThroughput={"ReadCapacityUnits": 100, "WriteCapacityUnits": 50},
        )


def _play(step: Step, protocol: str, aws: Emulator, dynamodb: str, directory: pathlib.Path) -> dict[str, Any]:
    """The result, and the table afterwards."""
    file = directory / "transactor.properties"
    host = dynamodb.partition("://")[2]
    where = f"aws-dynamodb-override-endpoint={host}" if protocol == "ddb-local" else "aws-dynamodb-region=us-east-1"
    text = f"protocol={protocol}\nhost=localhost\nport=4334\naws-dynamodb-table={step.table}\n{where}\n"
    if protocol == "ddb":
        text += "aws-transactor-role=the-transactor\naws-peer-role=the-peer\n"
    file.write_text(text)
    environment = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ENDPOINT_URL_DYNAMODB": dynamodb,
    }
    with mock.patch.dict(os.environ, environment):
        params = {"src": str(file), "region": "us-east-1", **step.options}
        result = run_module("ensure_transactor", params, check=step.check)
    return {
        "failed": result["failed"],
        "changed": result.get("changed"),
        "msg": result.get("msg", "").replace(host, "HOST"),
        "warnings": [text for text in map(str, result.get("warnings", [])) if "table" in text.lower()],
        "actions": [one for one in result.get("actions", []) if one["service"] in SERVICES],
        "diff": [_of_the_table(one, host) for one in result.get("diff", []) if one["after_header"] != str(file)],
        "table": described(client(dynamodb), step.table),
        "scaling": _scaling(aws, step.table),
    }


def _of_the_table(diff: Mapping[str, str], host: str) -> list[dict[str, Any]]:
    """What a diff of resources says of the table and its auto scaling."""
    texts = [diff[side].replace(host, "HOST") or "{}" for side in ("before", "after")]
    return [
        {name: state for name, state in json.loads(text).items() if name.partition(" ")[0] in SERVICES}
        for text in texts
    ]


def described(dynamodb: Any, name: str) -> dict[str, Any]:
    """What makes the table what it is; what depends on time and place is left out."""
    try:
        table = dynamodb.describe_table(TableName=name)["Table"]
    except botocore.exceptions.ClientError as error:
        return {"error": error.response["Error"]["Code"]}
    units = table.get("ProvisionedThroughput", {})
    return {
        "status": table["TableStatus"],
        "key": table["KeySchema"],
        "attributes": sorted(table["AttributeDefinitions"], key=str),
        "read": units.get("ReadCapacityUnits"),
        "write": units.get("WriteCapacityUnits"),
        "billing": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
        "protected": table.get("DeletionProtectionEnabled", False),
    }


def _scaling(aws: Emulator, table: str) -> dict[str, tuple[int, int, float]]:
    """Least and most units and the utilization that is aimed at, by kind."""
    client = aws.client("application-autoscaling")
    of = {"ServiceNamespace": "dynamodb"}
    targets = client.describe_scalable_targets(**of, ResourceIds=[f"table/{table}"])["ScalableTargets"]
    policies = client.describe_scaling_policies(**of, ResourceId=f"table/{table}")["ScalingPolicies"]
    aims = {
        one["ScalableDimension"]: one["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] for one in policies
    }
    return {
        kind: (one["MinCapacity"], one["MaxCapacity"], aims[one["ScalableDimension"]])
        for one in targets
        for kind, dimension in DIMENSIONS.items()
        if one["ScalableDimension"] == dimension
    }


def _requests() -> dict[str, tuple[str, dict[str, Any]]]:
    """Requests like ours that DynamoDB refuses, or that change nothing."""
    key = {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    }
    units = {"ProvisionedThroughput": {"ReadCapacityUnits": 120, "WriteCapacityUnits": 60}}
    there = {"TableName": "ddb-plain"}
    return {
        "a table that is there": ("create_table", {**there, **key, **units}),
        "a table that is not there": ("describe_table", {"TableName": "ddb-nothing"}),
        "another table that is not there": ("update_table", {"TableName": "ddb-nothing", **units}),
        "the units that it has": ("update_table", {**there, **units}),
        "no units": ("create_table", {"TableName": "ddb-x", **key, "BillingMode": "PROVISIONED"}),
        "a name of two characters": ("create_table", {"TableName": "ab", **key, **units}),
        "a key without its attribute": (
            "create_table",
            {"TableName": "ddb-x", "KeySchema": key["KeySchema"], "AttributeDefinitions": [], **units},
        ),
    }


def _answer(dynamodb: Any, call: tuple[str, dict[str, Any]]) -> str:
    """The error's code, or that there was none."""
    operation, arguments = call
    try:
        getattr(dynamodb, operation)(**arguments)
    except botocore.exceptions.ClientError as error:
        return str(error.response["Error"]["Code"])
    return "taken"
