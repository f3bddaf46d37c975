# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which names a stack can have, as CloudFormation itself says, and what is suggested instead of others."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import InputError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.stack import stack_name
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from tests.emulator import Emulator
from tests.modules import CREDENTIALS, run_module

TEMPLATE = '{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}'


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("orders", "orders"),
        ("Orders-EU-2-", "Orders-EU-2-"),
        ("orders_eu", "orders-eu"),
        ("orders.example.com", "orders-example-com"),
        ("2orders", "datomic-2orders"),
        ("-orders", "orders"),
        ("prod: orders", "prod-orders"),
        ("bücher", "bucher"),
        ("数据", "datomic"),
        ("", "datomic"),
        ("a" * 129, "a" * 128),
        ("orders\n", "orders"),
    ],
)
def test_a_valid_name_is_shown_for_others(name: str, valid: str) -> None:
    assert stack_name.suggested(name) == valid
    assert bool(stack_name.findings(name)) == (name != valid)
    for finding in stack_name.findings(name):
        assert f"datomic_stack_name: {valid}" in finding.suggestion


@given(st.text(max_size=300))
def test_what_is_suggested_is_valid_and_stays(name: str) -> None:
    valid = stack_name.suggested(name)
    assert re.fullmatch("[a-zA-Z][-a-zA-Z0-9]*", valid)
    assert len(valid) <= 128
    assert stack_name.suggested(valid) == valid
    assert not stack_name.findings(valid)


def test_an_id_is_taken_for_a_name_where_a_stack_is_read() -> None:
    stack_name.refuse("arn:aws:cloudformation:us-east-1:123456789012:stack/orders/1")
    stack_name.refuse("")
    with pytest.raises(InputError):
        stack_name.refuse("orders_eu")


@pytest.mark.parametrize("name", ["orders_eu", "orders.example.com", "2orders", "a" * 129, "orders"])
def test_the_emulator_refuses_what_cloudformation_refuses(name: str, aws: Emulator) -> None:
    client = aws.client("cloudformation")
    requests: list[Callable[[], object]] = [lambda: client.create_stack(StackName=name, TemplateBody=TEMPLATE)]
    if stack_name.findings(name):
        requests.append(lambda: client.describe_stacks(StackName=name))
        requests.append(lambda: client.create_change_set(StackName=name, ChangeSetName="c", TemplateBody=TEMPLATE))
    for request in requests:
        if stack_name.findings(name):
            with pytest.raises(ClientError, match=f"Value '{name}' at 'stackName' failed to satisfy constraint"):
                request()
        else:
            request()


def test_a_module_refuses_it_before_aws_is_asked(aws: Emulator) -> None:
    result = run_module("transactor_info", {**CREDENTIALS, "endpoint_url": aws.url, "stack_name": "orders_eu"})
    assert "'orders_eu' is not a valid stack name" in result["msg"]
    assert "datomic_stack_name: orders-eu" in result["msg"]
    assert aws.calls() == []
