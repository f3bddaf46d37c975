# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""STS: the account of the credentials."""

from __future__ import annotations

from typing import Any

from ..errors import DatomicError
from ..steps.transactor.current import Account
from .calls import aws_call
from .client import Clients


def account(client: Any) -> Account:
    """The account of the credentials, and the user or role that they belong to."""
    identity = aws_call("find out the account of", "the credentials", client.get_caller_identity)
    return Account(identity["Account"], identity["Arn"].split(":")[1], identity["Arn"])


def of_stack(stack_id: str) -> Account:
    """The account in a stack's ARN, without a call: CloudFormation shows stacks of the credentials' account only.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
    """
    _arn, partition, _service, _region, number, _name = stack_id.split(":", 5)
    return Account(number, partition)


def refuse_other_account(aws: Clients, expected: str | None, found: str = "") -> None:
    """DatomicError when the credentials belong to another account than the expected one, if one is given.

    found: the account's number, where it is known already.
    """
    if not expected:
        return
    refuse(found or account(aws.client("sts")).number, expected)


def refuse(found: str, expected: str) -> None:
    """DatomicError when the credentials' account is not the expected one."""
    if found != expected:
        raise DatomicError(
            f"The credentials belong to account {found}, not to {expected}: nothing was changed. "
            "Use the profile of that account."
        )
