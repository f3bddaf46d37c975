# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said when AWS does not answer, or somebody else does."""

from __future__ import annotations

import botocore.exceptions
import botocore.parsers
import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.errors import aws_errors
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import AwsError

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


@pytest.mark.parametrize(("left", "seconds"), [(None, 60), (1800, 60), (400, 50), (0, 20)])
def test_the_less_time_is_left_the_shorter_an_answer_is_waited_for(left: float | None, seconds: float) -> None:
    class Quick(Aws):
        _connection = ("us-east-1", None, {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"})

    assert Quick(None, left).client("sts").meta.config.read_timeout == seconds
