# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Alarms and a dashboard on a transactor's metrics, and the alarms' topic, all named after the stack.

Datomic's metrics have one dimension, Transactor, and none for the instance. The number of transactors shows in the
number of heartbeats. https://docs.datomic.com/operation/monitoring.html
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from ..errors import Finding
from ..properties.file import Properties
from ..properties.keys import MIB, parse_memory, table_of
from .options import Options

CALLBACK = "metrics-callback"
REGION, DIMENSION = "aws-cloudwatch-region", "aws-cloudwatch-dimension-value"
LEAST_FREE_PERCENT = 5
"""Of the heap: with less, a transactor spends its time in garbage collection."""

SLOW_PUT_MSEC = 1000
"""The slowest write of a minute: slower ones may fail. https://docs.datomic.com/operation/capacity.html"""


@dataclasses.dataclass(frozen=True)
class Alarm:
    """One alarm. minutes: consecutive bad ones that raise it. missing: how a minute without data counts.

    after_group: created after the first transactors are up, because it would go off before.
    """

    title: str
    why: str
    metric: str
    statistic: str
    comparison: str
    threshold: float
    minutes: int = 1
    missing: str = "notBreaching"
    namespace: str = "Datomic"
    dimension: tuple[str, str] = ("", "")
    condition: str = ""
    after_group: bool = False


def is_wanted(transactor: Properties, options: Options) -> bool:
    """A transactor without these two keys, or with a callback instead, reports no metrics to CloudWatch."""
    reports = transactor.has_value(REGION) and transactor.has_value(DIMENSION) and not transactor.has_value(CALLBACK)
    return options.alarms and reports


def required(transactor: Properties, cf: Properties, options: Options) -> list[Finding]:
    """What keeps requested alarms from working."""
    if not options.alarms:
        return []
    here = cf.get("aws-region")
    if options.alarm_topic or options.alarm_email:
        if transactor.has_value(CALLBACK):
            message = "alarms are requested, but a callback gets the metrics instead of CloudWatch"
            suggestion = (
                f"remove {CALLBACK}, or leave alarm_topic and alarm_email out and watch the callback's receiver"
            )
            return [transactor.finding(CALLBACK, message, suggestion, rule="watching-metrics")]
        message = "alarms are requested, but the transactor reports no metrics without this key"
        missing = [key for key in (REGION, DIMENSION) if not transactor.has_value(key)]
        if missing:
            return [transactor.finding(key, message, rule="watching-metrics") for key in missing]
    if options.alarm_topic and options.alarm_email:
        message = "the stack subscribes an address only to a topic that it creates"
        suggestion = "subscribe the address to that topic, or leave alarm_topic out"
        return [Finding("alarm-email", message, key="modern.alarm_email", suggestion=suggestion)]
    if not is_wanted(transactor, options):
        return []
    topic_region = options.alarm_topic.split(":")[3:4]
    if topic_region and topic_region != [here]:
        message = f"the topic is in {topic_region[0]}, the alarms are in {here}"
        reason = "an alarm notifies topics of its own region"
        source = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"
        return [Finding("alarm-topic-region", message, key="modern.alarm_topic", reason=reason, source=source)]
    if transactor.get(REGION) != here:
        message = f"metrics go to {transactor.get(REGION)}, but alarms are in the stack's region {here}"
        reason = "an alarm sees the metrics of its own region only"
        suggestion = f"write {here}, or turn the alarms off"
        return [transactor.finding(REGION, message, suggestion, rule="watching-region", reason=reason)]
    return []


def topic(options: Options, watched: Mapping[str, Any]) -> Any:
    """The given topic's ARN, a reference to the stack's own topic, or None without alarms."""
    return (options.alarm_topic or {"Ref": "AlarmTopic"}) if watched else None


def resources(transactor: Properties, cf: Properties, options: Options) -> dict[str, Any]:
    """Alarms, dashboard and topic by logical id; empty unless they are wanted."""
    if not is_wanted(transactor, options):
        return {}
    found: dict[str, Any] = {} if options.alarm_topic else {"AlarmTopic": _topic(options)}
    target = options.alarm_topic or {"Ref": "AlarmTopic"}
    for logical_id, alarm in alarms(transactor, cf).items():
        found[logical_id] = _alarm(alarm, target)
    name, body = {"Fn::Sub": "datomic-${AWS::StackName}"}, _dashboard(transactor, cf)
    dashboard = {"DashboardName": name, "DashboardBody": body}
    return {**found, "Dashboard": {"Type": "AWS::CloudWatch::Dashboard", "Properties": dashboard}}


def alarms(transactor: Properties, cf: Properties) -> dict[str, Alarm]:
    """By logical id."""
    here = ("Transactor", transactor.get(DIMENSION))
    beats = 60_000 / int(transactor.get("heartbeat-interval-msec") or 5000)
    standbys = int(cf.get("aws-autoscaling-group-size")) - 1
    free = (parse_memory(cf.get("java-xmx")) or 0) * LEAST_FREE_PERCENT // 100 // MIB
    above, below = "GreaterThanThreshold", "LessThanThreshold"
    found = {
        "AnyAlarm": Alarm("alarm", "A transactor raised an alarm of any kind.", "Alarm", "Sum", above, 0),
        "NoActive": Alarm(
            "no-active-transactor", "No transactor is active: nothing can be written.",
            "HeartbeatMsec", "SampleCount", below, 1, minutes=2, missing="breaching",
            after_group=True,
        ),
        "NoStandby": Alarm(
            "standby-missing", "A standby is missing: the next failure may be an outage.",
            # Half of what one standby reports may be missing before one counts as gone.
            "HeartMonitorMsec", "SampleCount", below, round(beats * (max(standbys, 1) - 0.5), 1), minutes=5,
            missing="breaching", condition="HasStandby", after_group=True,
        ),
        "ReadBackoff": Alarm(
            "storage-read-backoff", "The transactor waits before it reads from storage again: too little capacity.",
            "StorageGetBackoffMsec", "Sum", above, 0, minutes=5,
        ),
        "WriteBackoff": Alarm(
            "storage-write-backoff", "The transactor waits before it writes to storage again: too little capacity.",
            "StoragePutBackoffMsec", "Sum", above, 0, minutes=5,
        ),
        "StorageSlow": Alarm(
            "storage-slow", "A write to storage takes more than a second: one that fails ends the transactor.",
            "StoragePutMsec", "Maximum", above, SLOW_PUT_MSEC, minutes=2,
        ),
        "IndexingFailed": Alarm(
            "indexing-failed", "Indexing failed: without it, memory runs full and writes stop.",
            "AlarmIndexingJobFailed", "Sum", above, 0,
        ),
        "LowMemory": Alarm(
            "low-memory", f"Less than {LEAST_FREE_PERCENT} % of the heap is free.",
            "AvailableMB", "Minimum", below, free, minutes=5,
        ),
    }  # fmt: skip
    found = {name: dataclasses.replace(alarm, dimension=here) for name, alarm in found.items()}
    return found | _table_alarms(transactor, cf)


def _table_alarms(transactor: Properties, cf: Properties) -> dict[str, Alarm]:
    """Empty for a table in another region, whose metrics an alarm here does not see."""
    table = table_of(transactor.as_dict())
    if not table or transactor.get("aws-dynamodb-region") != cf.get("aws-region"):
        return {}
    return {
        f"{kind}Throttled": Alarm(
            f"{kind.lower()}s-throttled", f"DynamoDB throttles {kind.lower()}s of the table {table}.",
            f"{kind}ThrottleEvents", "Sum", "GreaterThanThreshold", 0, minutes=5,
            namespace="AWS/DynamoDB", dimension=("TableName", table),
        )
        for kind in ("Read", "Write")
    }  # fmt: skip


def _alarm(alarm: Alarm, target: Any) -> dict[str, Any]:
    name, value = alarm.dimension
    declared: dict[str, Any] = {"Type": "AWS::CloudWatch::Alarm"}
    if alarm.condition:
        declared["Condition"] = alarm.condition
    if alarm.after_group:
        declared["DependsOn"] = ["LaunchGroup"]
    declared["Properties"] = {
        "AlarmName": {"Fn::Sub": f"${{AWS::StackName}}-{alarm.title}"},
        "AlarmDescription": alarm.why,
        "Namespace": alarm.namespace,
        "MetricName": alarm.metric,
        "Dimensions": [{"Name": name, "Value": value}],
        "Statistic": alarm.statistic,
        "Period": 60,
        "EvaluationPeriods": alarm.minutes,
        "ComparisonOperator": alarm.comparison,
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.missing,
        "AlarmActions": [target],
        "OKActions": [target],
    }
    return declared


def _topic(options: Options) -> dict[str, Any]:
    why = "CloudWatch cannot publish to a topic under the key alias/aws/sns; give a topic of yours to have it encrypted"
    declared: dict[str, Any] = {
        "Type": "AWS::SNS::Topic",
        "Metadata": {"checkov": {"skip": [{"id": "CKV_AWS_26", "comment": why}]}},
        "Properties": {"DisplayName": {"Fn::Sub": "Datomic ${AWS::StackName}"}},
    }
    if options.alarm_email:
        declared["Properties"]["Subscription"] = [{"Protocol": "email", "Endpoint": options.alarm_email}]
    return declared


def _dashboard(transactor: Properties, cf: Properties) -> Any:
    """Without Fn::Sub, which could replace a part of the dimension's value."""
    dimension, region = transactor.get(DIMENSION), cf.get("aws-region")

    def of(metric: str, statistic: str) -> list[Any]:
        return ["Datomic", metric, "Transactor", dimension, {"stat": statistic}]

    table = table_of(transactor.as_dict())

    def used(kind: str) -> list[Any]:
        return ["AWS/DynamoDB", f"Consumed{kind}CapacityUnits", "TableName", table, {"stat": "Sum"}]

    graphs: list[tuple[str, list[list[Any]]]] = [
        ("Heartbeats a minute", [of("HeartbeatMsec", "SampleCount"), of("HeartMonitorMsec", "SampleCount")]),
        ("Alarms", [of("Alarm", "Sum"), of("AlarmIndexingJobFailed", "Sum"), of("AlarmBackPressure", "Sum")]),
        ("Transactions, ms", [of("TransactionMsec", "Average"), of("TransactionMsec", "Maximum")]),
        (
            "Storage, ms",
            [of("StoragePutMsec", s) for s in ("Average", "Maximum")]
            + [of(f"Storage{kind}BackoffMsec", "Sum") for kind in ("Get", "Put")],
        ),
        ("Memory, MB", [of("AvailableMB", "Minimum"), of("MemoryIndexMB", "Maximum")]),
        ("Peers", [of("RemotePeers", "Maximum")]),
    ]
    if table and transactor.get("aws-dynamodb-region") == region:
        graphs.append((f"Units used by {table}", [used("Read"), used("Write")]))
    widgets = [
        {
            "type": "metric",
            "x": 12 * (i % 2),
            "y": 6 * (i // 2),
            "width": 12,
            "height": 6,
            "properties": {"title": title, "region": region, "period": 60, "view": "timeSeries", "metrics": metrics},
        }
        for i, (title, metrics) in enumerate(graphs)
    ]
    return json.dumps({"widgets": widgets}, separators=(",", ":"))
