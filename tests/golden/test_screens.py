# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What plan_system says in each situation: the screen and the JSON, as tests/golden/screens has them.

REGENERATE=1 in the environment writes the files anew. Read their diff as an operator who has never seen the code: does
the screen say what will happen, and what it costs?
"""

from __future__ import annotations

import copy
import json
import os
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils import plan_file
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan import Plan
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan_lines import WIDTH, applied, closing, render
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.findings import table

from tests import fake_cli
from tests.emulator import Emulator
from tests.golden.systems import BOOT_SECONDS, System
from tests.integration import groups

SCREENS = pathlib.Path(__file__).parent / "screens"
RANDOM = re.compile(
    r"(?<=datomic-logs-)[0-9a-f-]{36}|(?<=/)[0-9a-f-]{36}|(?<=\b(?:sg|lt)-)[0-9a-f]{17}|(?<=\bi-)[0-9a-f]{17}"
    r"|(?<=\bvpc-)[0-9a-f]{17}|(?<=-)[0-9A-Z]{12}\b|(?<=since )20[0-9T:-]{17}(?=Z)"
    r"|(?<=to commit )[0-9a-f]{7}"
)
SECONDS = {"transactor": 9.2, "security_group": 1.4, "template": 2.0, "stack": 48.0, "transactors": 200.0, "git": 1.1}

Start = Callable[..., System]
Result = dict[str, Any]
Shots = Iterator[tuple[str, Result | list[tuple[str, Result, str]]]]
FLOWS: list[Callable[[Start], Shots]] = []


def flow(function: Callable[[Start], Shots]) -> Callable[[Start], Shots]:
    """Mark what goes through situations, and yields the name and the plan of each."""
    FLOWS.append(function)
    return function


@flow
def modern(start: Start) -> Shots:
    orders = start()
    yield "create", orders.plan(create=True)
    yield "create-diff", orders.plan(create=True)
    yield "applied-create-80-columns", orders.plan(create=True)
    yield "create-not-asked-for", orders.plan()
    orders.apply()
    yield "nothing-to-do", orders.plan()
    with orders.edited(orders.transactor, memory_index_max="256m"):
        yield "edit-value", orders.plan()
        yield "forbidden", orders.plan(forbid=["replacement"])
        approved = orders.directory.parent / "approved.json"
        plan_file.write(str(approved), Plan.of(orders.plan()["plan"]))
        orders.edit(orders.transactor, memory_index_max="384m")
        yield "approved-plan-differs", orders.plan(approved_plan=str(approved))
    with orders.edited(orders.cf, aws_instance_type="c7g.xlarge"):
        yield "edit-instance-type", orders.plan()
    with orders.edited(orders.cf, aws_autoscaling_group_size="3"):
        yield "size-up", orders.plan()
    with orders.edited(orders.cf, aws_autoscaling_group_size="1"):
        yield "size-down", orders.plan()
    with orders.edited(orders.cf, aws_autoscaling_group_size="1", aws_instance_type="c7g.xlarge", java_xmx=""):
        yield "size-down-type-up", orders.plan()
    with (
        orders.edited(orders.transactor, memory_index_max="256m"),
        orders.edited(orders.cf, aws_instance_type="c7g.xlarge", aws_autoscaling_group_size="3", java_xmx=""),
    ):
        several = orders.plan()
        yield "edit-several", several
        yield "edit-several-80-columns", several
        yield "edit-several-60-columns", several
        yield "edit-several-diff", several
        yield "applied-edit-several-80-columns", several
        yield "failed-edit-several-80-columns", several
    yield "table-settings", orders.plan(table_billing_mode="PAY_PER_REQUEST", table_point_in_time_recovery=True)
    orders.tags["team"] = "databases"
    yield "tags-added", orders.plan()


@flow
def what_others_changed(start: Start) -> Shots:
    orders = start()
    orders.apply()
    ec2 = orders.aws.backstage("ec2")
    (group,) = ec2.describe_security_groups(GroupNames=["orders"])["SecurityGroups"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "203.0.113.0/24"}]}
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[rule])
    yield "security-group-drifted", orders.plan()
    yield "security-group-exact", orders.plan(ingress="exact")
    ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[rule])
    orders.aws.backstage("s3").delete_bucket(Bucket=orders.value(orders.transactor, "aws-s3-log-bucket-id"))
    yield "bucket-lost", orders.plan()
    orders.apply()
    for status in ("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED", "ROLLBACK_COMPLETE"):
        orders.aws.set_stack_status("orders", status)
        yield f"stack-{status.lower().replace('_', '-')}", orders.plan()
    orders.aws.set_stack_status("orders", "UPDATE_ROLLBACK_COMPLETE")
    yield "stack-update-rollback-complete", orders.plan()


@flow
def stopped_runs(start: Start) -> Shots:
    orders = start()
    orders.apply()
    orders.edit(orders.transactor, memory_index_max="256m")
    orders.provision()
    yield "stopped-before-the-stack", orders.plan()
    orders.stack((orders.directory / orders.template).read_text())
    orders.commit()
    yield "stopped-before-the-replacement", orders.plan()
    yield "stopped-before-the-replacement-never", orders.plan(replace="never")
    groups.one_step(orders.aws, stack_name="orders", cloudwatch_region="us-east-1", cloudwatch_dimension_value="orders")
    orders.aws.advance(BOOT_SECONDS)
    yield "stopped-in-the-replacement", orders.plan()


@flow
def releases(start: Start) -> Shots:
    orders = start(release="1.0.7277")
    orders.apply()
    with orders.edited(orders.cf, datomic_version="1.0.7705"):
        yield "release-up", orders.plan()
    orders.edit(orders.cf, datomic_version="1.0.7187")
    older: dict[str, Any] = {"modern": {"sha256": "0" * 64}}
    yield "release-down", orders.plan(**older)
    accept = [{"rule": "release-downgrade", "reason": "1.0.7277 leaks memory, support case 4711"}]
    yield "release-down-accepted", orders.plan(**older, accept=accept)


@flow
def legacy(start: Start) -> Shots:
    orders = start(flavor="legacy", release="1.0.7277", instance_type="c4.large")
    yield "create-legacy", orders.plan(create=True, flavor="legacy")
    orders.apply()
    yield "nothing-to-do-legacy", orders.plan()
    with orders.edited(orders.transactor, memory_index_max="256m"):
        yield "edit-value-legacy", orders.plan()
    yield "legacy-to-modern", orders.plan(flavor="modern")


@flow
def first_look(start: Start) -> Shots:
    """Stacks that bin/datomic made, and whose templates are in no repository."""
    orders = start(flavor="legacy", release="1.0.7277", instance_type="c4.large")
    orders.provision()
    template = json.loads((orders.directory / orders.template).read_text())
    (orders.directory / orders.template).unlink()
    orders.commit()
    orders.stack(as_the_tool_wrote_it(template))
    orders.aws.advance(BOOT_SECONDS)
    yield "first-look", orders.plan()
    template["Mappings"]["AWSRegionArch2AMI"]["us-east-1"].update({"64p": "ami-00000001", "64h": "ami-00000002"})
    orders.stack(as_the_tool_wrote_it(template))
    yield "first-look-old-image", orders.plan()
    yield "first-look-old-image-diff", orders.plan()
    yield "first-look-to-modern", orders.plan(flavor="modern")


@flow
def tools(start: Start) -> Shots:
    """bin/datomic does the work, or only the backups."""
    orders = start(flavor="legacy", release="1.0.7277", instance_type="c4.large")
    home, java = orders.directory.parent / "distribution", orders.directory.parent / "jdk"
    tool: dict[str, Any] = {
        "datomic_home": str(fake_cli.build(home, orders.release)),
        "java_home": str(fake_cli.java(java)),
    }
    yield "create-cli", orders.plan(create=True, engine="cli", flavor="legacy", **tool)
    orders.apply()
    orders.edit(orders.transactor, memory_index_max="256m")
    databases = [{"name": name, "backup_uri": f"s3://backups/{name}"} for name in ("orders", "customers")]
    yield "backup-first", orders.plan(backup="before_update", databases=databases, **tool)
    orders.edit(orders.transactor, port="43345", memory_index_max="lots")
    orders.edit(orders.cf, aws_instance_type="c7g.gigantic", aws_autoscaling_group_size="two")
    yield "errors", orders.plan()


def as_the_tool_wrote_it(template: dict[str, Any]) -> str:
    """bin/datomic's order of keys and of the properties in the user data is another one, and so are its blanks."""
    parsed = copy.deepcopy(template)
    parts = parsed["Resources"]["LaunchConfig"]["Properties"]["UserData"]["Fn::Base64"]["Fn::Join"][1]
    place = next(number for number, part in enumerate(parts) if str(part).startswith("alt-host=")) + 1
    parts[place] = "\n".join(reversed(parts[place].split("\n")))
    return json.dumps(dict(reversed(parsed.items())), separators=(",", ":"))


@flow
def secrets(start: Start) -> Shots:
    orders = start(secrets={"memcached-password": "hunter2-c0ffee"})
    yield "create-with-secrets", orders.plan(create=True)
    orders.apply()
    orders.secrets["memcached-password"] = "hunter3-c0ffee"
    yield "secret-changed", orders.plan()
    orders.secrets["sql-password"] = "hunter4-c0ffee"
    yield "secret-added", orders.plan()


@flow
def git(start: Start) -> Shots:
    orders = start()
    orders.apply()
    orders.edit(orders.transactor, memory_index_max="256m", commit=False)
    yield "git-uncommitted", orders.plan()
    yield "git-not-used", orders.plan(commit=False)
    orders.commit()
    orders.git("checkout", "--quiet", "--detach")
    yield "git-detached", orders.plan()
    yield "git-detached-push", orders.plan(push=True)
    orders.git("checkout", "--quiet", "main")
    (orders.directory / ".git" / "MERGE_HEAD").write_text(f"{'0' * 40}\n")
    yield "git-unfinished", orders.plan(check=False)


@flow
def several_systems(start: Start) -> Shots:
    orders, invoices, users = start(), start(name="invoices"), start(name="users")
    for each in (orders, invoices):
        each.apply()
    orders.edit(orders.transactor, memory_index_max="256m")
    plans = [("orders", orders.plan(), "planned"), ("invoices", invoices.plan(), "nothing to do")]
    yield "several-systems", [*plans, ("users", users.plan(), "failed: the stack users does not exist")]
    yield "several-systems-60-columns", plans


@pytest.mark.parametrize("situations", FLOWS, ids=lambda flow: flow.__name__)
def test_screens(
    situations: Callable[[Start], Shots], tmp_path: pathlib.Path, aws: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "estate").mkdir()
    monkeypatch.chdir(tmp_path / "estate")

    def start(**options: Any) -> System:
        return System(aws, tmp_path / "estate", **options)

    for name, result in situations(start):
        shown = {"txt": text(name, result)}
        if not re.search("-columns|-diff", name):
            shown["json"] = json.dumps(content(result), indent=2, ensure_ascii=False)
        for kind, made in shown.items():
            made = without_chance(made.replace(str(tmp_path), "DIRECTORY").replace(aws.url, "ENDPOINT")) + "\n"
            file = SCREENS / f"{name}.{kind}"
            if os.environ.get("REGENERATE"):
                file.write_text(made)
            assert made == file.read_text(), name


def without_chance(text: str) -> str:
    """Random parts are numbered, and as long as they were, so that lines break at the same places."""
    found: dict[str, str] = {}
    return RANDOM.sub(lambda part: found.setdefault(part[0], f"{len(found) + 1:0{len(part[0])}}"), text)


def text(name: str, result: Result | list[tuple[str, Result, str]]) -> str:
    columns = re.search(r"(\d+)-columns", name)
    width = int(columns[1]) if columns else WIDTH
    if isinstance(result, list):
        plans = [(system, Plan.of(one["plan"]) if "plan" in one else None, end) for system, one, end in result]
        blocks = [render(plan, width=width) for _system, plan, _end in plans if plan]
        return "\n".join([*blocks, closing(plans, width=width)])
    if result["failed"]:
        if "findings" not in result:
            return str(result["msg"])
        return table(result["findings"], result.get("accepted", ()), width)
    plan = Plan.of(result["plan"])
    if name.startswith("applied"):
        return applied(plan, SECONDS, width=width)
    if name.startswith("failed"):
        return applied(
            plan, {step: SECONDS[step] for step in ("security_group", "template", "stack")}, failed="stack", width=width
        )
    return render(plan, width=width, diff="diff" in name, notes=True)


def content(result: Result | list[tuple[str, Result, str]]) -> Any:
    """The digest covers random names, so it is masked."""
    if isinstance(result, list):
        return [content(one) for _system, one, _end in result]
    return {**result["plan"], "digest": "<sha256>"} if "plan" in result else {"msg": result["msg"]}
