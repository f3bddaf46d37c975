# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modern template, pure: the same bytes, what it holds, and what is refused offline."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template import alarms as alarm_resources
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template import legacy, modern, modern_rules, user_data
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template.options import Options
from hypothesis import given, settings

from tests.template_combinations import FILES, MACHINE, MACHINES, OPTIONS, cf, rendered, transactor

TOPIC = "arn:aws:sns:us-east-1:123456789012:pagers"
METRICS: dict[str, Any] = {"aws_cloudwatch_region": "us-east-1", "aws_cloudwatch_dimension_value": "orders"}


def made(options: Options | None = None, /, **tx: str) -> dict[str, Any]:
    return modern.template(transactor(**tx), cf(), options or Options(), MACHINE)


@settings(max_examples=25, deadline=None)
@given(files=FILES, options=OPTIONS, machine=MACHINES)
def test_deterministic_small_and_without_a_hook_for_the_shell(files: Any, options: Any, machine: Any) -> None:
    template = modern.template(files[0], files[1], options, machine)
    assert json.dumps(template) == json.dumps(modern.template(files[0], files[1], options, machine))
    assert modern_rules.required(files[0], files[1], options) == [] or options.alarm_topic or options.alarm_email
    assert user_data.too_long(template, "tx") == []
    assert len(rendered(template).encode()) < 8000


def test_every_parameter_of_the_legacy_template_is_one_here() -> None:
    names = {"InstanceType", "InstanceProfile", "Xmx", "GroupSize", "InstanceMonitoring", "JavaOpts", "SecurityGroups"}
    assert names | {"DatomicDeployBucket", "DatomicVersion"} <= set(made()["Parameters"])


def test_cloudformation_never_ends_an_instance_and_waits_for_all() -> None:
    group = made()["Resources"]["LaunchGroup"]
    assert group["UpdatePolicy"]["AutoScalingReplacingUpdate"] == {"WillReplace": False}
    assert "AutoScalingRollingUpdate" not in group["UpdatePolicy"]
    assert group["CreationPolicy"]["ResourceSignal"]["Count"] == {"Ref": "GroupSize"}
    assert group["DependsOn"] == ["TransactorPolicy"]


def test_a_change_of_a_property_changes_the_launch_template_only() -> None:
    before, after = made(), made(write_concurrency="8")
    changed = [name for name in before["Resources"] if before["Resources"][name] != after["Resources"][name]]
    assert changed == ["LaunchTemplate"]


def test_the_known_checksum_stands_in_the_template() -> None:
    assert made()["Parameters"]["DatomicSha256"]["Default"].startswith("a17c2603")
    assert made(Options(sha256="AB" * 32))["Parameters"]["DatomicSha256"]["Default"] == "ab" * 32


def test_alarms_need_metrics_and_are_named_after_the_stack() -> None:
    assert "AlarmTopic" not in made()["Resources"]
    resources = made(**METRICS)["Resources"]
    alarms = {name: declared for name, declared in resources.items() if declared["Type"] == "AWS::CloudWatch::Alarm"}
    of_datomic = {
        "AnyAlarm",
        "NoActive",
        "NoStandby",
        "ReadBackoff",
        "WriteBackoff",
        "StorageSlow",
        "IndexingFailed",
        "LowMemory",
    }
    assert set(alarms) == of_datomic | {"ReadThrottled", "WriteThrottled"}
    for declared in alarms.values():
        assert declared["Properties"]["AlarmName"]["Fn::Sub"].startswith("${AWS::StackName}-")
        assert declared["Properties"]["AlarmActions"] == [{"Ref": "AlarmTopic"}]
    given_topic = made(Options(alarm_topic="arn:aws:sns:us-east-1:123456789012:t"), **METRICS)["Resources"]
    assert "AlarmTopic" not in given_topic
    assert given_topic["NoActive"]["Properties"]["AlarmActions"] == ["arn:aws:sns:us-east-1:123456789012:t"]


@pytest.mark.parametrize(
    ("size", "interval", "threshold"),
    [("2", "5000", 6.0), ("3", "5000", 18.0), ("2", "1000", 30.0), ("1", "5000", 6.0)],
)
def test_a_missing_standby_is_told_by_the_number_of_heartbeats(size: str, interval: str, threshold: float) -> None:
    """A standby reports 60000 / interval times a minute: all of them together less half of one is still all of them."""
    files = transactor(heartbeat_interval_msec=interval, **METRICS), cf(aws_autoscaling_group_size=size)
    assert alarm_resources.alarms(*files)["NoStandby"].threshold == threshold


def test_a_write_to_storage_that_takes_more_than_a_second_is_told() -> None:
    alarm = made(**METRICS)["Resources"]["StorageSlow"]["Properties"]
    assert (alarm["MetricName"], alarm["Statistic"]) == ("StoragePutMsec", "Maximum")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 1000)
    assert alarm["TreatMissingData"] == "notBreaching", "a transactor that writes nothing is not slow"


def test_low_memory_is_a_share_of_the_heap() -> None:
    assert alarm_resources.alarms(transactor(**METRICS), cf(java_xmx="4g"))["LowMemory"].threshold == 204


@pytest.mark.parametrize(
    ("tx", "group", "options", "rule"),
    [
        ({"sql_password": "x"}, {}, {}, "secret-in-file"),
        ({"sql_url": "jdbc:x://u:secret@h/d"}, {}, {}, "secret-in-file"),
        ({}, {"java_opts": "-Djavax.net.ssl.keyStorePassword=hidden"}, {}, "secret-in-file"),
        ({"sql_user": "me"}, {}, {"secrets": ("sql-user",)}, "secret-in-file"),
        ({"aws_transactor_role": ""}, {}, {}, "required-key"),
        ({}, {"java_xmx": ""}, {}, "required-key"),
        ({}, {"datomic_version": "0.9.5561"}, {}, "template-new-java"),
        ({}, {"datomic_version": "newest"}, {}, "release-number"),
        ({}, {"datomic_version": "../1.0.7705"}, {}, "template-plain-word"),
        ({}, {"java_opts": "'-XX:+UseG1GC -XX:+UseConcMarkSweepGC'"}, {}, "java-option-removed"),
        ({}, {"java_opts": "-d32"}, {}, "java-option-removed"),
        (
            {},
            {"datomic_version": "1.0.7075", "datomic_deploy_s3_bucket": "datomic-pro-downloads"},
            {},
            "checksum-unknown",
        ),
        ({}, {}, {"volume_size": 4}, "invalid-option"),
        ({}, {}, {"sha256": "abc"}, "invalid-option"),
        ({}, {}, {"extra_jars": ("/tmp/a.jar",)}, "invalid-option"),
        ({}, {}, {"secrets": ("SQL_PASSWORD",)}, "invalid-option"),
        ({}, {}, {"secrets_path": "/aws/x"}, "invalid-option"),
        ({}, {}, {"secrets": ("sql-password",), "secrets_versions": {"sql-password": "$(id)"}}, "invalid-option"),
        ({}, {}, {"subnets": ("orders-a",)}, "invalid-option"),
        ({}, {"java_opts": "-Dname='a b'"}, {}, "java-option-quotes"),
        ({"aws_dynamodb_user": "me"}, {}, {}, "user-credentials"),
        ({"aws_cloudwatch_secret_key": "x"}, {}, {}, "user-credentials"),
        ({}, {}, {"secrets_path": "/dätomic"}, "invalid-option"),
        ({}, {}, {"secrets_kms_key": "arn:aws:kms:us-east-1:123456789012:alias/orders"}, "invalid-option"),
        ({}, {}, {"secrets_kms_key": "arn:aws:kms:eu-west-1:123456789012:key/1"}, "secrets-kms-key"),
        ({}, {}, {"tags": {"aws:team": "orders"}}, "invalid-option"),
        ({}, {}, {"tags": {"cost-center": 42}}, "invalid-option"),
        ({}, {}, {"tags": {"team": "x" * 257}}, "invalid-option"),
        (METRICS, {}, {"alarm_topic": "arn:aws:sns:eu-west-1:123456789012:pagers"}, "alarm-topic-region"),
        (METRICS, {}, {"alarm_topic": TOPIC, "alarm_email": "oncall@example.com"}, "alarm-email"),
        ({}, {}, {"alarm_email": "oncall@example.com"}, "watching-metrics"),
        ({**METRICS, "metrics_callback": "a.b/c"}, {}, {"alarm_email": "oncall@example.com"}, "watching-metrics"),
        ({**METRICS, "aws_cloudwatch_region": "eu-west-1"}, {}, {}, "watching-region"),
    ],
)
def test_bad_input_is_told(tx: dict[str, str], group: dict[str, str], options: dict[str, Any], rule: str) -> None:
    findings = modern_rules.required(transactor(**tx), cf(**group), Options(**options))
    assert findings[0].rule == rule
    assert all("secret@" not in str(finding) for finding in findings)


def test_a_callback_leaves_nothing_to_watch() -> None:
    watched = made(Options(), **METRICS)["Resources"]
    assert "Dashboard" in watched
    assert not {"Dashboard", "AlarmTopic"} & set(made(Options(), **METRICS, metrics_callback="a.b/c")["Resources"])


def test_release_and_flavor_change_together() -> None:
    """The legacy images have Java 8 only, the modern ones none that old: neither can come first."""
    (finding,) = modern_rules.required(transactor(), cf(datomic_version="1.0.6610"), Options())
    assert (finding.rule, "together with this flavor" in finding.suggestion) == ("template-new-java", True)
    (warning,) = legacy.old_java(cf(datomic_version="1.0.7277"))
    assert (warning.rule, warning.severity) == ("template-old-java", "warning")
    assert "together with this release" in warning.suggestion
    for version in ("1.0.6610", "no-number"):
        assert legacy.old_java(cf(datomic_version=version)) == []


def test_what_to_write_instead_of_a_user_and_once_for_each() -> None:
    user = {f"aws_dynamodb_peer_{part}": "x" for part in ("user", "access_key_id", "secret_key")}
    (finding,) = modern_rules.required(transactor(**user), cf(), Options())
    assert "remove aws-dynamodb-peer-user, aws-dynamodb-peer-access-key-id" in finding.suggestion
    assert "write aws-peer-role=" in finding.suggestion


@pytest.mark.parametrize("opts", ["", "-Xss1m", "'-XX:+UseG1GC -Dname=$(id)'", '"-XX:+UseG1GC"'])
def test_one_pair_of_quotes_may_stand_around_the_options_of_java(opts: str) -> None:
    assert modern_rules.required(transactor(), cf(java_opts=opts), Options()) == []


def test_a_name_for_instances_is_left_out_and_said() -> None:
    options = Options(tags={"Name": "mine", "team": "orders"})
    (finding,) = modern_rules.required(transactor(), cf(), options)
    assert (finding.rule, finding.severity) == ("tag-name", "warning")
    assert made(options)["Resources"]["LaunchGroup"]["Properties"]["Tags"][0]["Value"] == {"Ref": "AWS::StackName"}


def test_a_valcache_on_the_root_volume_is_said() -> None:
    with_path, without = transactor(valcache_path="/cache"), Options(valcache=False)
    no_store = dataclasses.replace(MACHINE, instance_store=False)
    for options, machine in ((Options(), no_store), (without, MACHINE)):
        (finding,) = modern_rules.valcache(with_path, options, machine)
        assert (finding.rule, finding.severity, finding.key) == ("valcache-volume", "warning", "valcache-path")
    assert modern_rules.valcache(with_path, Options(), MACHINE) == []
    assert modern_rules.valcache(transactor(), without, no_store) == []


def test_alarms_on_missing_heartbeats_wait_for_the_transactors() -> None:
    resources = made(**METRICS)["Resources"]
    waiting = {name for name, declared in resources.items() if declared.get("DependsOn") == ["LaunchGroup"]}
    assert waiting == {"NoActive", "NoStandby"}


def test_the_root_volume_is_the_image_s_own() -> None:
    machine = dataclasses.replace(MACHINE, root_device="/dev/sda1")
    data = modern.template(transactor(), cf(), Options(), machine)["Resources"]["LaunchTemplate"]["Properties"]
    assert data["LaunchTemplateData"]["BlockDeviceMappings"][0]["DeviceName"] == "/dev/sda1"


def test_user_data_over_the_limit_is_an_error() -> None:
    (finding,) = user_data.too_long(made(metrics_callback="x" * 9000), "tx")
    assert finding.rule == "user-data-size"
