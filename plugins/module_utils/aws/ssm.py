# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Systems Manager's Parameter Store: the parameters that hold secrets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..actions import Executors
from ..steps.secrets import Desired, Parameter, PutParameter
from .calls import aws_call, aws_pages, tag_list
from .client import Aws

MOST_NAMES = 10
"""Names that GetParameters takes."""


def observe(aws: Aws, desired: Desired) -> dict[str, Parameter]:
    """The existing parameters, by name. Their values are compared, and never shown."""
    client = aws.client("ssm")
    names = sorted(desired.name(key) for key in desired.values)
    keys = _kms_keys(client, names) if desired.kms_key_id else {}
    found: dict[str, Parameter] = {}
    for start in range(0, len(names), MOST_NAMES):
        some, doing = names[start : start + MOST_NAMES], "read the parameters below"
        answer = aws_call(doing, desired.path, client.get_parameters, Names=some, WithDecryption=True)
        for entry in answer["Parameters"]:
            name = entry["Name"]
            found[name] = Parameter(entry["Value"], entry["Type"], int(entry["Version"]), keys.get(name, ""))
    return found


def values(aws: Aws, names: Iterable[str]) -> dict[str, str]:
    """The values of parameters that are no secrets, by name; without those that do not exist."""
    names, client = sorted(set(names)), aws.client("ssm")
    answer = aws_call("read the parameters", ", ".join(names), client.get_parameters, Names=names[:MOST_NAMES])
    return {entry["Name"]: entry["Value"] for entry in answer["Parameters"]}


def _kms_keys(client: Any, names: list[str]) -> dict[str, str]:
    filters = [{"Key": "Name", "Option": "Equals", "Values": names}]
    resource = ", ".join(names)
    found = aws_pages(
        "look up the keys of", resource, client, "describe_parameters", "Parameters", ParameterFilters=filters
    )
    return {entry["Name"]: entry.get("KeyId", "") for entry in found}


def executors(aws: Aws) -> Executors:
    client = aws.client("ssm")

    def put(name: str, parameter: PutParameter) -> None:
        options = {"KeyId": parameter.kms_key_id, "Tags": tag_list(parameter.tags), "Overwrite": parameter.overwrite}
        request: dict[str, Any] = {option: value for option, value in options.items() if value}
        doing = f"{'update' if parameter.overwrite else 'create'} the parameter"
        aws_call(doing, name, client.put_parameter, Name=name, Value=parameter.value, Type="SecureString", **request)

    return Executors().add(PutParameter, put)
