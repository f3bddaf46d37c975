# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ensure_secrets at the wire: create, no-op, update, check, diff, errors, and no value anywhere."""

from __future__ import annotations

import json
from typing import Any

from tests.emulator import Emulator
from tests.modules import CREDENTIALS, run_module

SECRETS = {"memcached-password": "pa$(id)ss-wörd", "sql-password": "another secret"}


def run(aws: Emulator, check: bool = False, **params: Any) -> dict[str, Any]:
    given = {**CREDENTIALS, "endpoint_url": aws.url, "path": "/datomic/orders", "secrets": SECRETS, **params}
    result = run_module("ensure_secrets", given, check=check)
    shown = json.dumps({key: value for key, value in result.items() if key != "invocation"}, ensure_ascii=False)
    for value in SECRETS.values():
        assert value not in shown
    return result


def stored(aws: Emulator) -> dict[str, tuple[str, str]]:
    answer = aws.backstage("ssm").get_parameters_by_path(Path="/datomic", Recursive=True, WithDecryption=True)
    return {entry["Name"]: (entry["Type"], entry["Value"]) for entry in answer["Parameters"]}


def writes(aws: Emulator) -> list[str]:
    return [call.operation for call in aws.calls() if call.kind == "write"]


def test_values_are_written_once_encrypted(aws: Emulator) -> None:
    result = run(aws, tags={"team": "orders"})
    assert result["changed"]
    assert [action["name"] for action in result["actions"]] == [f"/datomic/orders/{key}" for key in sorted(SECRETS)]
    assert stored(aws) == {f"/datomic/orders/{key}": ("SecureString", value) for key, value in SECRETS.items()}
    aws.clear_calls()
    assert not run(aws, tags={"team": "orders"})["changed"]
    assert writes(aws) == []


def test_only_what_differs_is_updated(aws: Emulator) -> None:
    run(aws)
    aws.clear_calls()
    result = run(aws, secrets={**SECRETS, "sql-password": "rotated"})
    assert [(action["name"], action["change"]) for action in result["actions"]] == [
        ("/datomic/orders/sql-password", "update")
    ]
    assert stored(aws)["/datomic/orders/sql-password"] == ("SecureString", "rotated")
    assert writes(aws) == ["PutParameter"]


def test_a_readable_parameter_becomes_encrypted(aws: Emulator) -> None:
    value = SECRETS["sql-password"]
    aws.backstage("ssm").put_parameter(Name="/datomic/orders/sql-password", Value=value, Type="String")
    assert run(aws)["actions"][1]["change"] == "update"
    assert stored(aws)["/datomic/orders/sql-password"] == ("SecureString", value)


def test_check_mode_says_the_same_and_writes_nothing(aws: Emulator) -> None:
    planned = run(aws, check=True)
    assert writes(aws) == []
    assert stored(aws) == {}
    done = run(aws)
    assert {key: planned[key] for key in ("changed", "diff", "actions", "versions")} == {
        key: done[key] for key in ("changed", "diff", "actions", "versions")
    }


def test_versions_follow_the_values(aws: Emulator) -> None:
    assert run(aws)["versions"] == {"memcached-password": 1, "sql-password": 1}
    rotated = {**SECRETS, "sql-password": "rotated"}
    for check in (True, False, False):
        assert run(aws, check, secrets=rotated)["versions"] == {"memcached-password": 1, "sql-password": 2}


def test_another_key_encrypts_again(aws: Emulator) -> None:
    run(aws)
    assert len(run(aws, kms_key_id="alias/orders")["actions"]) == 2
    assert not run(aws, kms_key_id="alias/orders")["changed"]


def test_every_bad_input_in_one_message(aws: Emulator) -> None:
    bad = {"Sql Password": "x", "empty": "", "line": "ends\n", "long": "y" * 5000}
    result = run(aws, path="datomic", secrets=bad)
    assert result["failed"]
    assert [finding["key"] for finding in result["findings"]] == ["path", "Sql Password", "empty", "line", "long"]
    assert aws.calls() == []


def test_a_refusal_of_aws_names_the_permission(aws: Emulator) -> None:
    aws.fault("ssm:PutParameter", code="AccessDeniedException", status=400, times=99)
    result = run(aws)
    assert result["failed"]
    assert "ssm:PutParameter" in result["msg"]


def test_more_than_one_request_of_names(aws: Emulator) -> None:
    many = {f"key-{n}": f"value {n}" for n in range(23)}
    run(aws, secrets=many)
    assert len(stored(aws)) >= 10
    assert not run(aws, secrets=many)["changed"]
