# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CloudFormation's drift detection: resources of a stack that somebody has changed since its last update."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import AwsError
from ..status.system import Difference
from ..util import clock
from .calls import aws_call

POLL_SECONDS = 5.0
WAIT_SECONDS = 600.0
CHANGED = ("DELETED", "MODIFIED")
HIDDEN = "UserData"
"""A property that may hold secrets."""


def detect(client: Any, stack: str) -> list[Difference]:
    """Detect the drift of the stack, which takes minutes, and return it. Changes nothing but the stack's drift status.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DetectStackDrift.html
    """
    started = aws_call("detect the drift of the stack", stack, client.detect_stack_drift, StackName=stack)
    detection, deadline = started["StackDriftDetectionId"], clock.now() + WAIT_SECONDS
    operation = client.describe_stack_drift_detection_status
    while True:
        found = aws_call("wait for the drift of the stack", stack, operation, StackDriftDetectionId=detection)
        if found["DetectionStatus"] != "DETECTION_IN_PROGRESS":
            break
        if clock.now() > deadline:
            raise AwsError(f"The detection of the drift of the stack {stack} took longer than {WAIT_SECONDS:.0f} s.")
        clock.sleep(POLL_SECONDS)
    # A detection that failed has results for some of the resources.
    differences = [
        Difference(f"resource {one['LogicalResourceId']}", text)
        for one in _drifts(client, stack)
        for text in _texts(one)
    ]
    if found["DetectionStatus"] == "DETECTION_FAILED":
        reason = found.get("DetectionStatusReason", "no reason is given")
        differences.append(Difference("resources", f"CloudFormation could not detect all drift: {reason}"))
    return differences


def _drifts(client: Any, stack: str) -> Iterator[Any]:
    """botocore has no paginator for it."""
    request: dict[str, Any] = {"StackName": stack, "StackResourceDriftStatusFilters": list(CHANGED)}
    while True:
        page = aws_call("read the drift of the stack", stack, client.describe_stack_resource_drifts, **request)
        yield from page["StackResourceDrifts"]
        if not (token := page.get("NextToken")):
            return
        request["NextToken"] = token


def _texts(drift: Any) -> Iterator[str]:
    if drift["StackResourceDriftStatus"] == "DELETED":
        yield f"{drift.get('PhysicalResourceId', 'it')} was deleted"
        return
    for each in drift.get("PropertyDifferences", []):
        path = each["PropertyPath"]
        yield f"{path} differs" if HIDDEN in path else f"{path} {each['ActualValue']} -> {each['ExpectedValue']}"
