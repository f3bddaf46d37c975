# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Operations that a service does not have, which moto answers with a page of HTML and the status 500."""

from __future__ import annotations

from typing import Any

from moto.core.responses import BaseResponse

NOT_THERE = "has not been implemented"
"""moto's own words."""
PAGE = b"<!doctype html>"
"""What werkzeug, too, begins its page of an unknown path with."""


def apply() -> None:
    """Such an operation gets the page that a path gets that is not there; refusal() says what AWS answers to both."""
    call = BaseResponse.call_action

    def call_or_not_found(self: BaseResponse) -> Any:
        try:
            return call(self)
        except NotImplementedError as error:
            if NOT_THERE not in str(error):
                raise
        return 404, {"Content-Type": "text/html"}, PAGE.decode()

    BaseResponse.call_action = call_or_not_found


def refusal(protocol: str, operation: str) -> tuple[str, int, str]:
    """Code, status and message of AWS's answer to an operation that the service does not have.

    "Common errors", InvalidAction, https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html
    and https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html; JSON's UnknownOperationException:
    https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
    """
    if protocol in ("query", "ec2"):
        return "InvalidAction", 400, f"The action {operation} is not valid for this web service."
    return "UnknownOperationException", 404 if protocol.startswith("rest") else 400, f"Unknown operation {operation}."
