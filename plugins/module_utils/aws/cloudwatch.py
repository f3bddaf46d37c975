# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CloudWatch: the heartbeats of a system's transactors, and its alarms."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Sequence
from typing import Any

from ..rolling.state import MINUTE, Beats, Metrics
from .calls import aws_call, run_parallel
from .errors import aws_errors

NAMESPACE = "Datomic"
DIMENSION = "Transactor"
ACTIVE = "HeartbeatMsec"
STANDBY = "HeartMonitorMsec"
HISTORY = 90 * MINUTE
"""How far back is read: longer than a replacement takes."""
LONG_HISTORY = 1380 * MINUTE
"""Almost as far as one call can: 1440 minutes."""


def observe(client: Any, dimension_value: str, interval_msec: float, now: float, history: float = HISTORY) -> Metrics:
    """Both heartbeat metrics per minute under that dimension value. now: by AWS's clock. history: seconds."""
    since = now - history
    active, standby = run_parallel(
        *(functools.partial(_beats, client, name, dimension_value, since, now) for name in (ACTIVE, STANDBY))
    )
    return Metrics(interval_msec, active=active, standby=standby, since=since)


def raised(client: Any, names: Sequence[str]) -> frozenset[str]:
    """Which of these metric alarms, at most 100, are in ALARM. Names of alarms that do not exist are ignored.

    Only composite alarms need the permission on all alarms:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
    """
    found = _alarms(client, names, "MetricAlarm")
    return frozenset(alarm["AlarmName"] for alarm in found if alarm["StateValue"] == "ALARM")


def states(client: Any, arns: Sequence[str]) -> dict[str, str]:
    """The states of alarms, such as OK, by ARN; without those that do not exist. No call without alarms."""
    names = [arn.partition(":alarm:")[2] for arn in arns]
    return {one["AlarmArn"]: one["StateValue"] for one in _alarms(client, names, "MetricAlarm", "CompositeAlarm")}


def _alarms(client: Any, names: Sequence[str], *kinds: str) -> list[Any]:
    """These alarms, if they are of these kinds. No call without names."""
    if not names:
        return []
    with aws_errors("read the alarms", ", ".join(names), client):
        pages = client.get_paginator("describe_alarms").paginate(AlarmNames=list(names), AlarmTypes=list(kinds))
        return [alarm for page in pages for kind in kinds for alarm in page.get(f"{kind}s", [])]


def _beats(client: Any, metric: str, dimension_value: str, since: float, now: float) -> tuple[Beats, ...]:
    answer = aws_call(
        f"read the metric {metric} of the dimension",
        f"{DIMENSION}={dimension_value}",
        client.get_metric_statistics,
        Namespace=NAMESPACE,
        MetricName=metric,
        Dimensions=[{"Name": DIMENSION, "Value": dimension_value}],
        StartTime=_moment(since),
        EndTime=_moment(now + MINUTE),
        Period=int(MINUTE),
        Statistics=["SampleCount", "Sum"],
    )
    points = [
        Beats(point["Timestamp"].timestamp(), point["SampleCount"], point["Sum"]) for point in answer["Datapoints"]
    ]
    return tuple(sorted(points, key=lambda beats: beats.started_at))


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
