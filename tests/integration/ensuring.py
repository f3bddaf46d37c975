# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of ensure_transactor share."""

from __future__ import annotations

import json
import pathlib
from typing import Any

from tests.emulator import Call, Emulator
from tests.modules import CREDENTIALS, run_module

ROLES = """\
protocol=ddb
host=localhost
port=4334
aws-dynamodb-table=orders
aws-dynamodb-region=us-east-1
aws-transactor-role=
aws-peer-role=
aws-s3-log-bucket-id=
aws-cloudwatch-region=us-east-1
"""

USERS = """\
protocol=ddb
host=localhost
port=4334
aws-dynamodb-table=orders
aws-dynamodb-region=us-east-1
aws-dynamodb-user=
aws-dynamodb-access-key-id=
aws-dynamodb-secret-key=
aws-dynamodb-peer-user=
aws-dynamodb-peer-access-key-id=
aws-dynamodb-peer-secret-key=
"""


def ensure(aws: Emulator, src: pathlib.Path, *, check: bool = False, **options: Any) -> dict[str, Any]:
    """The module's result."""
    params = {**CREDENTIALS, "endpoint_url": aws.url, "src": str(src), **options}
    return run_module("ensure_transactor", params, check=check)


def writes(aws: Emulator) -> list[Call]:
    return [call for call in aws.calls() if call.kind != "read"]


def warned(result: dict[str, Any]) -> str:
    """The warnings as one text; what they consist of differs from one ansible-core to the next."""
    return json.dumps(result.get("warnings", []))


def text(told: Any) -> str:
    """The strings in it, whatever ansible-core made of a warning."""
    if isinstance(told, str):
        return told
    return " ".join(map(text, told.values() if isinstance(told, dict) else told if isinstance(told, list) else ()))


def kinds(result: dict[str, Any]) -> list[str]:
    """The actions without their names."""
    return [" ".join((action["service"], action["resource"], action["change"])) for action in result["actions"]]
