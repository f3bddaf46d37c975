# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which metrics exist, and who says so: what alarms and dashboard may name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

CLASSES = "the classes of the peer library on Maven Central, which make verify reads"
PAGE = "https://docs.datomic.com/operation/monitoring.html"
"""Of metrics that only the transactor has, which is on no public server."""
DYNAMODB = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html"

SOURCES: Mapping[tuple[str, str], str] = {
    ("Datomic", "Alarm"): CLASSES,
    ("Datomic", "AlarmBackPressure"): PAGE,
    ("Datomic", "AlarmIndexingJobFailed"): PAGE,
    ("Datomic", "AvailableMB"): CLASSES,
    ("Datomic", "HeartbeatMsec"): CLASSES,
    ("Datomic", "HeartMonitorMsec"): CLASSES,
    ("Datomic", "MemoryIndexMB"): CLASSES,
    ("Datomic", "RemotePeers"): PAGE,
    ("Datomic", "StorageGetBackoffMsec"): CLASSES,
    ("Datomic", "StoragePutBackoffMsec"): CLASSES,
    ("Datomic", "StoragePutMsec"): CLASSES,
    ("Datomic", "TransactionMsec"): CLASSES,
    ("AWS/DynamoDB", "ConsumedReadCapacityUnits"): DYNAMODB,
    ("AWS/DynamoDB", "ConsumedWriteCapacityUnits"): DYNAMODB,
    ("AWS/DynamoDB", "ReadThrottleEvents"): DYNAMODB,
    ("AWS/DynamoDB", "WriteThrottleEvents"): DYNAMODB,
}
"""By namespace and name."""


def used(template: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Namespace and name of every metric that a template's alarms and dashboards name."""
    for declared in template["Resources"].values():
        properties = declared.get("Properties", {})
        if declared["Type"] == "AWS::CloudWatch::Alarm":
            yield properties["Namespace"], properties["MetricName"]
        elif declared["Type"] == "AWS::CloudWatch::Dashboard":
            for widget in json.loads(properties["DashboardBody"])["widgets"]:
                yield from ((metric[0], metric[1]) for metric in widget["properties"]["metrics"])


def constants(data: bytes) -> set[str]:
    """The texts in the constant pool of a class file.

    https://docs.oracle.com/javase/specs/jvms/se17/html/jvms-4.html#jvms-4.4
    """
    lengths = {3: 5, 4: 5, 5: 9, 6: 9, 7: 3, 8: 3, 9: 5, 10: 5, 11: 5, 12: 5, 15: 4, 16: 3, 17: 5, 18: 5, 19: 3, 20: 3}
    found, at, left = set(), 10, int.from_bytes(data[8:10], "big") - 1
    while left > 0:
        tag = data[at]
        if tag == 1:
            end = at + 3 + int.from_bytes(data[at + 1 : at + 3], "big")
            found.add(data[at + 3 : end].decode(errors="replace"))
            at = end
        else:
            at += lengths[tag]
        left -= 2 if tag in (5, 6) else 1  # long and double take two places
    return found
