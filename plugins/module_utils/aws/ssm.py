# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Systems Manager's Parameter Store: the parameters that hold secrets. boto3's shapes end here."""

from __future__ import annotations

from typing import Any

from ..plan import Executors
from ..steps.secrets import Parameter, PutParameter, Wanted
from .client import Aws
from .errors import aws_errors

AT_ONCE = 10
"""Names that GetParameters takes."""


def observe(aws: Aws, wanted: Wanted) -> dict[str, Parameter]:
    """By name, of those that are there. The values are compared here and shown nowhere."""
    client = aws.client("ssm")
    names = sorted(wanted.name(key) for key in wanted.values)
    keys = _kms_keys(client, names) if wanted.kms_key_id else {}
    found: dict[str, Parameter] = {}
    for start in range(0, len(names), AT_ONCE):
        with aws_errors("read the parameters below", wanted.path, client):
            answer = client.get_parameters(Names=names[start : start + AT_ONCE], WithDecryption=True)
        for entry in answer["Parameters"]:
            name = entry["Name"]
            found[name] = Parameter(entry["Value"], entry["Type"], int(entry["Version"]), keys.get(name, ""))
    return found


def _kms_keys(client: Any, names: list[str]) -> dict[str, str]:
    with aws_errors("look up the keys of", ", ".join(names), client):
        pages = client.get_paginator("describe_parameters").paginate(
            ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": names}]
        )
        return {entry["Name"]: entry.get("KeyId", "") for page in pages for entry in page["Parameters"]}


def executors(aws: Aws) -> Executors:
    client = aws.client("ssm")

    def put(name: str, parameter: PutParameter) -> None:
        tags = [{"Key": tag, "Value": value} for tag, value in parameter.tags.items()]
        given = {"KeyId": parameter.kms_key_id, "Tags": tags, "Overwrite": parameter.overwrite}
        given = {option: value for option, value in given.items() if value}
        with aws_errors(f"{'update' if parameter.overwrite else 'create'} the parameter", name, client):
            client.put_parameter(Name=name, Value=parameter.value, Type="SecureString", **given)

    return Executors().add(PutParameter, put)
