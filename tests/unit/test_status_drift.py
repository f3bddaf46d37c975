# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CloudFormation's drift detection, against recorded answers: moto does not know it."""

from __future__ import annotations

from unittest import mock

import boto3
import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import drift
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import AwsError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.status.system import Difference
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import clock
from botocore.stub import Stubber

DETECTION = "b78ac9b0-dec1-11e7-a451-503a3example"
AT = "2026-11-28T12:00:00Z"
STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/orders/51af3dc0"


def differs(path: str) -> dict[str, str]:
    return {"PropertyPath": path, "ExpectedValue": "2", "ActualValue": "3", "DifferenceType": "NOT_EQUAL"}


def resource(name: str, status: str, *paths: str) -> dict[str, object]:
    known = {"StackId": STACK, "ResourceType": "AWS::EC2::LaunchTemplate", "Timestamp": AT}
    more = {"PhysicalResourceId": f"orders-{name}", "PropertyDifferences": [differs(path) for path in paths]}
    return {**known, **more, "LogicalResourceId": name, "StackResourceDriftStatus": status}


@pytest.fixture
def stubbed() -> Stubber:
    client = boto3.client("cloudformation", "us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
    stubber = Stubber(client)
    stubber.add_response("detect_stack_drift", {"StackDriftDetectionId": DETECTION}, {"StackName": "orders"})
    return stubber


def answers(stubber: Stubber, *states: str) -> None:
    for state in states:
        answer = {"StackId": STACK, "StackDriftDetectionId": DETECTION, "DetectionStatus": state, "Timestamp": AT}
        reason = {"DetectionStatusReason": "no rights"} if state == "DETECTION_FAILED" else {}
        operation = "describe_stack_drift_detection_status"
        stubber.add_response(operation, {**answer, **reason}, {"StackDriftDetectionId": DETECTION})


@pytest.mark.parametrize("end", ["DETECTION_COMPLETE", "DETECTION_FAILED"])
def test_it_waits_and_returns_what_differs_without_user_data(stubbed: Stubber, end: str) -> None:
    answers(stubbed, "DETECTION_IN_PROGRESS", end)
    drifts = [
        resource("LaunchGroup", "MODIFIED", "/MaxSize", "/Tags/0"),
        resource("LaunchTemplate", "MODIFIED", "/LaunchTemplateData/UserData"),
        resource("AlarmTopic", "DELETED"),
    ]
    asked = {"StackName": "orders", "StackResourceDriftStatusFilters": ["DELETED", "MODIFIED"]}
    operation = "describe_stack_resource_drifts"
    stubbed.add_response(operation, {"StackResourceDrifts": drifts[:2], "NextToken": "more"}, asked)
    stubbed.add_response(operation, {"StackResourceDrifts": drifts[2:]}, {**asked, "NextToken": "more"})
    with stubbed, mock.patch.object(clock, "sleep") as sleep:
        found = drift.detect(stubbed.client, "orders")
    stubbed.assert_no_pending_responses()
    sleep.assert_called_once_with(drift.POLL_SECONDS)
    failed = [Difference("resources", "CloudFormation could not detect all drift: no rights")]
    assert found == [
        Difference("resource LaunchGroup", "/MaxSize 3 -> 2"),
        Difference("resource LaunchGroup", "/Tags/0 3 -> 2"),
        Difference("resource LaunchTemplate", "/LaunchTemplateData/UserData differs"),
        Difference("resource AlarmTopic", "orders-AlarmTopic was deleted"),
        *(failed if end == "DETECTION_FAILED" else []),
    ]


def test_it_does_not_wait_for_ever(stubbed: Stubber) -> None:
    answers(stubbed, "DETECTION_IN_PROGRESS")
    times = mock.patch.object(clock, "now", side_effect=[0.0, 2 * drift.WAIT_SECONDS])
    with stubbed, times, pytest.raises(AwsError, match="took longer than 600 s"):
        drift.detect(stubbed.client, "orders")
