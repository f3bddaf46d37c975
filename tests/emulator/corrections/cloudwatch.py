# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CloudWatch as AWS has it."""

from __future__ import annotations

import datetime
from typing import Any

from moto.cloudwatch.exceptions import InvalidParameterValue
from moto.cloudwatch.models import CloudWatchBackend, Dimension, Statistics

from tests.emulator.corrections.cloudwatch_alarms import StackAlarm

__all__ = ["StackAlarm", "apply"]  # moto knows the alarm once it is imported

EPOCH = datetime.datetime(1970, 1, 1)


def apply() -> None:
    _aligned_periods()


def _aligned_periods() -> None:
    """Datapoints start at multiples of the period, and a metric is known by exactly its dimensions.

    moto lets the first datapoint start where the first datum lies, and counts metrics with more dimensions in.
    "Statistics: Periods" and "Dimensions",
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html;
    "GetMetricData", StartTime, https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
    """
    get_metric_data = CloudWatchBackend.get_metric_data

    def get_metric_statistics(
        self: CloudWatchBackend,
        namespace: str,
        metric_name: str,
        start_time: datetime.datetime,
        end_time: datetime.datetime,
        period: int,
        stats: list[str],
        dimensions: list[dict[str, str]],
        unit: str | None = None,
    ) -> list[Statistics]:
        start, end = _floor(start_time, 60), end_time.replace(tzinfo=None)
        if start >= end:
            raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
        wanted = sorted(Dimension(one["Name"], one["Value"]) for one in dimensions or [])
        periods: dict[datetime.datetime, Statistics] = {}
        for datum in sorted(self.get_all_metrics(), key=lambda datum: datum.timestamp.replace(tzinfo=None)):
            moment = datum.timestamp.replace(tzinfo=None)
            known_by = (datum.namespace, datum.name, sorted(datum.dimensions))
            if known_by == (namespace, metric_name, wanted) and start <= moment < end and unit in (None, datum.unit):
                begin = _floor(moment, period)
                statistics = periods.setdefault(begin, Statistics(stats, begin, datum.unit))
                statistics.metric_data.append(datum)
        return list(periods.values())

    def get_metric_data_from_the_minute(
        self: CloudWatchBackend, queries: Any, start_time: datetime.datetime, end_time: Any, scan_by: str = ""
    ) -> list[dict[str, Any]]:
        scan_by = scan_by or "TimestampDescending"
        found: list[dict[str, Any]] = get_metric_data(self, queries, _floor(start_time, 60), end_time, scan_by)
        return found

    CloudWatchBackend.get_metric_statistics = get_metric_statistics
    CloudWatchBackend.get_metric_data = get_metric_data_from_the_minute


def _floor(moment: datetime.datetime, seconds: int) -> datetime.datetime:
    since = int((moment.replace(tzinfo=None) - EPOCH).total_seconds())
    return EPOCH + datetime.timedelta(seconds=since - since % seconds)
