# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How AWS is called, and what the error says when AWS refuses or does not answer."""

from __future__ import annotations

import functools
import threading
import time
from unittest import mock

import botocore.exceptions
import botocore.parsers
import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import sts
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.calls import (
    aws_call,
    aws_pages,
    once,
    run_parallel,
)
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.errors import aws_errors
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import AwsError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.transactor.current import Account

PAGE = "Unable to parse response (syntax error), invalid XML received: b'<!doctype html><title>Sign in</title>'"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            botocore.parsers.ResponseParserError(PAGE),
            "the answer cannot be read, so it is not from AWS. Check region, endpoint_url and proxy",
        ),
        (
            botocore.exceptions.EndpointConnectionError(endpoint_url="https://ec2.nowhere-1.amazonaws.com/"),
            'endpoint URL: "https://ec2.nowhere-1.amazonaws.com/". Check region, endpoint_url and proxy',
        ),
        (
            botocore.exceptions.ClientError(
                {
                    "Error": {
                        "Code": "SignatureDoesNotMatch",
                        "Message": "Credential should be scoped to a valid region, not 'us-east-9'.",
                    }
                },
                "DescribeStacks",
            ),
            "not 'us-east-9'. There is no such region",
        ),
    ],
)
def test_what_was_done_to_what_and_what_to_do_next(error: Exception, said: str) -> None:
    with pytest.raises(AwsError) as told, aws_errors("read the stack", "orders"):
        raise error
    assert str(told.value).startswith("Could not read the stack orders: ")
    assert said in str(told.value)
    assert "<" not in str(told.value)


def refusal(code: str) -> botocore.exceptions.ClientError:
    return botocore.exceptions.ClientError({"Error": {"Code": code, "Message": "no"}}, "GetRole")


@pytest.mark.parametrize("expected", [("NoSuchEntity",), ("AccessDenied", "NoSuch")])
def test_an_expected_error_is_an_answer(expected: tuple[str, ...]) -> None:
    operation = mock.Mock(side_effect=refusal("NoSuchEntity"))
    assert aws_call("read the role", "orders", operation, expected=expected, RoleName="orders") is None
    operation.assert_called_once_with(RoleName="orders")


@pytest.mark.parametrize("expected", [(), ("AccessDenied",)])
def test_another_error_is_none(expected: tuple[str, ...]) -> None:
    operation = mock.Mock(side_effect=refusal("NoSuchEntity"))
    with pytest.raises(AwsError, match="Could not read the role orders: NoSuchEntity") as raised:
        aws_call("read the role", "orders", operation, expected=expected)
    assert raised.value.code == "NoSuchEntity"


def test_a_list_has_the_entries_of_all_pages() -> None:
    client = mock.Mock()
    client.get_paginator("list_roles").paginate.return_value = [{"Roles": [1, 2]}, {}, {"Roles": [3]}]
    assert aws_pages("list", "roles", client, "list_roles", "Roles") == [1, 2, 3]
    client.get_paginator("list_roles").paginate.side_effect = refusal("NoSuchEntity")
    assert aws_pages("list", "roles", client, "list_roles", "Roles", expected=("NoSuchEntity",)) == []


def test_parallel_calls_meet_and_keep_their_order() -> None:
    meeting = threading.Barrier(3, timeout=10)
    assert run_parallel(*(functools.partial(lambda one: meeting.wait() < 3 and one, one) for one in "abc")) == (*"abc",)


def test_the_first_of_several_errors_is_raised_when_all_calls_are_over() -> None:
    over: list[str] = []

    def fail(name: str, seconds: float) -> None:
        time.sleep(seconds)
        over.append(name)
        raise ValueError(name)

    with pytest.raises(ValueError, match="slow"):
        run_parallel(lambda: fail("slow", 0.05), lambda: fail("quick", 0), lambda: over.append("none"))
    assert sorted(over) == ["none", "quick", "slow"]


@pytest.mark.parametrize(("left", "seconds"), [(1800, 60), (320, 40), (0, 20)])
def test_the_less_time_is_left_the_shorter_an_answer_is_waited_for(left: float, seconds: float) -> None:
    class Quick(Aws):
        _connection = ("us-east-1", None, {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"})

    aws = Quick(None)
    aws.client("sts")
    aws.limit_time(left)
    assert aws.client("sts").meta.config.read_timeout == seconds


def test_what_several_threads_need_is_called_once() -> None:
    calls: list[int] = []

    def slow() -> str:
        calls.append(len(calls))
        time.sleep(0.05)
        if len(calls) == 1:
            raise AwsError("lost")
        return "answer"

    shared = once(slow)
    with pytest.raises(AwsError, match="lost"):
        shared()
    assert run_parallel(shared, shared, shared) == ("answer",) * 3
    assert calls == [0, 1], "an error is not kept"


def test_the_account_of_a_stack_is_in_its_arn() -> None:
    arn = "arn:aws-cn:cloudformation:cn-north-1:123456789012:stack/orders/5b918d10-cd98-11ea-90d5-0a9cd3354c10"
    assert sts.of_stack(arn) == Account("123456789012", "aws-cn")
