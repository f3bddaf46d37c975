# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""plan_system against the emulated AWS: what it refuses, all in one message, and that it changes nothing.

tests/golden/test_screens.py has what it plans.
"""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from tests.emulator import Emulator
from tests.emulator.account import snapshot
from tests.golden.systems import BOOT_SECONDS, System

SENTINEL = "hunter2hunter2"
Result = dict[str, Any]


@pytest.fixture
def orders(tmp_path: pathlib.Path, aws: Emulator) -> System:
    """A modern system that does not exist yet."""
    return System(aws, tmp_path / "estate")


def refused(system: System, *said: str, check: bool | None = None, **options: Any) -> str:
    """The message of a plan that fails, in a check as in a run, and changes nothing. check: only one of them."""
    message = ""
    for mode in (True, False) if check is None else (check,):
        before = (snapshot(system.aws), contents(system))
        system.aws.clear_calls()
        result = system.plan(check=mode, **options)
        assert result["failed"], result
        message = result["msg"]
        assert [text for text in said if text not in message] == [], message
        assert "Traceback" not in str(result)
        assert [call for call in system.aws.calls() if call.kind == "write"] == []
        assert (snapshot(system.aws), contents(system)) == before
    return message


def planned(system: System, **options: Any) -> Result:
    result = system.plan(**options)
    assert not result["failed"], result["msg"]
    return result


def contents(system: System) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (system.directory / "aws").iterdir() if path.is_file()}


def test_one_message_has_the_errors_of_files_of_aws_of_git_and_of_a_replacement(orders: System, aws: Emulator) -> None:
    orders.apply()
    client, name = aws.backstage("autoscaling"), orders.group()["AutoScalingGroupName"]
    client.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=["Terminate"])
    client.start_instance_refresh(AutoScalingGroupName=name)
    suspended = "processes Terminate are suspended"
    assert suspended in str(planned(orders)["warned"]), "a warning, where nothing is replaced"
    assert planned(orders, replace="never")["warned"] == []
    orders.edit(orders.transactor, memory_index_max="256m")
    refused(orders, "2 errors:", suspended, "an instance refresh is InProgress")
    orders.edit(orders.cf, aws_security_group="sg-0123456789abcdef0")
    refused(orders, "3 errors:", suspended, "an instance refresh is InProgress", "sg-0123456789abcdef0")
    orders.git("switch", "--quiet", "--detach")
    refused(orders, "4 errors:", suspended, "sg-0123456789abcdef0", "HEAD is detached", check=False)


def test_all_that_aws_has_against_the_files(orders: System, aws: Emulator) -> None:
    aws.client("dynamodb").create_table(
        TableName="orders",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "N"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    orders.edit(orders.cf, aws_autoscaling_group_size="1")
    with (orders.directory / orders.cf).open("a") as file:
        file.write("aws-ingress-groups=nosuch\n")
    aws.fault(match="ssm:", times=99, code="AccessDeniedException", status=400)
    said = ("Datomic's has id (S, HASH)", "there is no security group nosuch", "Allow ssm:")
    secrets = {"memcached-password": SENTINEL}
    assert SENTINEL not in refused(orders, *said, create=True, secrets=secrets)
    severities = {one["severity"] for one in orders.plan(create=True, secrets=secrets)["findings"]}
    assert severities == {"error", "note"}, "the same table has the findings of the files"


def test_errors_of_the_files_need_no_aws(orders: System, aws: Emulator) -> None:
    orders.edit(orders.transactor, host="", memory_index_max="1 g")
    orders.edit(orders.cf, aws_autoscaling_group_size="0")
    refused(
        orders,
        "3 errors:",
        f"{orders.transactor}:3: host: Missing property: host",
        "memory-index-max: Invalid value for memory-index-max: 1 g",
        f"{orders.cf}:5: aws-autoscaling-group-size: Invalid value for aws-autoscaling-group-size: 0",
    )
    assert aws.calls() == []


def test_another_region_or_account_than_the_files_name(orders: System, aws: Emulator) -> None:
    refused(orders, "aws-region is us-east-1, but region in datomic_aws is eu-west-1", region="eu-west-1")
    assert aws.calls() == []
    stranger = "The credentials belong to account 123456789012, not to 999999999999: nothing was changed."
    refused(orders, stranger, account_id="999999999999")
    assert {call.service for call in aws.calls()} == {"sts"}, "nothing else was asked"
    orders.edit(orders.cf, aws_region="us-east-9")
    orders.edit(orders.transactor, aws_dynamodb_region="us-east-9")
    nowhere = "There is no such region: correct aws-region in the file"
    refused(orders, "Could not read the stack orders: ", nowhere, region="us-east-9")


def test_what_git_would_not_take_is_refused_first(orders: System, tmp_path: pathlib.Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    refused(orders, "outside/cf.json", "is not in a git repository", create=True, template=str(outside / "cf.json"))
    (orders.directory / ".git/info/exclude").write_text("*.json\n")
    ignored = f"{orders.template}: is ignored by git (.git/info/exclude:1: *.json)"
    refused(orders, ignored, create=True)
    assert planned(orders, create=True, commit=False)["changed"]
    (orders.directory / ".git/info/exclude").unlink()
    # The properties file is encrypted, but the template, with the same secret in its user data, would not be.
    with (orders.directory / orders.transactor).open("a") as file:
        file.write(f"license-key={SENTINEL}\n")
    orders.edit(orders.cf, aws_instance_type="c4.large")
    (orders.directory / ".git/info/attributes").write_text("aws/*.properties filter=conceal\n")
    orders.git("config", "filter.conceal.clean", f"sed s/{SENTINEL}/concealed/")
    orders.commit()
    clear = f"{orders.template}: this run would put a secret in clear text into it"
    assert SENTINEL not in refused(orders, clear, create=True, flavor="legacy")


def test_no_release_is_older_than_the_stack_s_whatever_runs(tmp_path: pathlib.Path, aws: Emulator) -> None:
    orders = System(aws, tmp_path / "estate", flavor="legacy", release="1.0.7364", instance_type="c4.large")
    orders.apply()
    orders.edit(orders.cf, datomic_version="1.0.7277")
    refused(orders, "1.0.7277 is older than 1.0.7364")
    aws.backstage("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=orders.group()["AutoScalingGroupName"], MinSize=0, MaxSize=0, DesiredCapacity=0
    )
    aws.advance(2 * BOOT_SECONDS)
    assert orders.group()["Instances"] == []
    refused(orders, "1.0.7277 is older than 1.0.7364, which the stack names", "accept release-downgrade")
    orders.edit(orders.cf, datomic_version="1.0.7469")
    plan = planned(orders, replace="never")
    assert "not known which release runs: judged as 1.0.7364, which the stack names" in str(plan["plan"]["findings"])


def test_a_secret_that_cannot_be_kept_is_refused_first(orders: System) -> None:
    refused(orders, "memcached-password: has no value", create=True, secrets={"memcached-password": ""})
    legacy = "memcached-password: transactors of the legacy template do not read"
    message = refused(orders, legacy, create=True, flavor="legacy", secrets={"memcached-password": SENTINEL})
    assert SENTINEL not in message


def test_a_storage_whose_url_is_a_secret(orders: System) -> None:
    orders.edit(orders.transactor, protocol="sql", aws_transactor_role="transactor")
    with (orders.directory / orders.transactor).open("a") as file:
        file.write("sql-driver-class=org.postgresql.Driver\n")
    orders.commit()
    refused(orders, "Missing property: sql-url", create=True)
    url = f"jdbc:postgresql://datomic:{SENTINEL}@db/datomic"
    assert SENTINEL not in str(planned(orders, create=True, secrets={"sql-url": url}))


def test_the_update_keeps_the_tags_and_topics_of_the_stack(orders: System, aws: Emulator) -> None:
    orders.tags["team"] = "a"
    orders.apply()
    cloudformation = aws.backstage("cloudformation")
    topic = "arn:aws:sns:us-east-1:123456789012:stacks"
    cloudformation.update_stack(
        StackName="orders",
        TemplateBody=(orders.directory / orders.template).read_text(),
        Tags=[{"Key": "team", "Value": "a"}, {"Key": "by-hand", "Value": "kept"}],
        NotificationARNs=[topic],
        Capabilities=["CAPABILITY_IAM"],
    )
    assert planned(orders)["plan"]["changes"] == []
    orders.tags["team"] = "b"
    step = planned(orders)["steps"]["stack"]
    assert (step["changed"], step["notification_arns"]) == (True, topic)
    assert step["tags"] == {"team": "b", "by-hand": "kept"}


def test_one_message_has_what_cloudformation_backups_and_git_refuse(orders: System, aws: Emulator) -> None:
    orders.apply()
    orders.edit(orders.transactor, memory_index_max="256m")
    orders.git("switch", "--quiet", "--detach")
    aws.configure(change_set_failure="Transform failed.")
    refusal = "CloudFormation refuses the update of the stack orders: Transform failed"
    backups: dict[str, Any] = {"backup": "before_update", "databases": []}
    refused(orders, "4 errors:", refusal, "datomic_databases is empty", "HEAD is detached", check=False, **backups)
    aws.configure(change_set_failure="")
    aws.fault("cloudformation:CreateChangeSet", code="AccessDenied", status=403, times=9)
    refused(orders, "Allow cloudformation:CreateChangeSet", "HEAD is detached", check=False)
    orders.edit(orders.cf, aws_security_group="sg-0123456789abcdef0")
    refused(orders, "sg-0123456789abcdef0", "datomic_databases is empty", **backups)
