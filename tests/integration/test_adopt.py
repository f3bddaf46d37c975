# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""adopt_system on stacks of the emulated AWS: files that a plan has nothing to change about, and what is in the way."""

from __future__ import annotations

import json
import os
import pathlib
import re
import stat
from typing import Any
from unittest import mock

import pytest
import yaml
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import state_table
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import Properties
from ansible_collections.datomic_onprem.aws.plugins.module_utils.state.item import Holder
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import atomic_write

from tests.emulator import Emulator
from tests.estate import Estate
from tests.integration.operator_policies import filled
from tests.integration.planning import TAGS, System
from tests.modules import CREDENTIALS, run_module

SECRETS = {"memcached-password": "hidden-1"}


def system(aws: Emulator, tmp_path: pathlib.Path, **how: Any) -> System:
    made = System(aws, tmp_path / "work" / "aws", **how)
    made.create()
    return made


def lose(made: System, *names: str) -> dict[str, bytes]:
    """Remove the files; what they said."""
    paths = [made.files[f"{name}_src"] for name in names or ("transactor", "cf")]
    lost = {path: pathlib.Path(path).read_bytes() for path in paths}
    for path in paths:
        os.unlink(path)
    return lost


def adopt(made: System, *, check: bool = False, **params: Any) -> dict[str, Any]:
    options = {**made.files, "stack_name": "wormbase", "directory": str(made.directory.parent)}
    return run_module("adopt_system", {**CREDENTIALS, "endpoint_url": made.aws.url, **options, **params}, check=check)


def values(raw: bytes) -> dict[str, str]:
    return {key: value for key, value in Properties.parse(raw, "x").as_dict().items() if key != "host"}


def plan(made: System, adopted: dict[str, Any], **params: Any) -> dict[str, Any]:
    """The plan with the files and the variables of the adoption."""
    variables = adopted["variables"]
    given = {"modern": variables.get("datomic_modern", {}), "tags": variables.get("datomic_tags", {})}
    planned = made.plan(**given, datomic_version="", **params)
    assert not planned["failed"], planned
    result: dict[str, Any] = planned["plan"]
    return result


@pytest.mark.parametrize(("flavor", "secrets"), [("legacy", {}), ("modern", {}), ("modern", SECRETS)])
def test_an_update_to_adopted_files_changes_nothing(
    aws: Emulator, tmp_path: pathlib.Path, flavor: str, secrets: dict[str, str]
) -> None:
    made = system(aws, tmp_path, flavor=flavor, secrets=secrets)
    lost = lose(made)
    writes = [call for call in aws.calls() if call.kind == "write"]
    checked = adopt(made, check=True)
    assert not any(os.path.exists(path) for path in lost)
    done = adopt(made)
    assert {key: value for key, value in checked.items() if key != "invocation"} == {
        key: value for key, value in done.items() if key != "invocation"
    }
    assert done["changed"]
    assert done["files"] == ["aws/wormbase-transactor.properties", "aws/wormbase-cf.properties"]
    assert (done["differs"], done["compared"]) == ([], True)
    assert [one["key"] for one in done["unknown"]] == list(secrets)
    assert done["secrets"] == list(secrets)
    for path, before in lost.items():
        after = values(pathlib.Path(path).read_bytes())
        assert after == {**values(before), **dict.fromkeys(set(secrets) & set(after), "")}
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert done["last_run"].startswith("anna@laptop")
    assert [call for call in aws.calls() if call.kind == "write"] == writes
    planned = plan(made, done)
    assert planned["changes"] == []
    again = adopt(made)
    assert (again["changed"], again["files"], again["contradictions"]) == (False, [], [])


def test_the_template_that_is_lost_too_is_the_only_change(aws: Emulator, tmp_path: pathlib.Path) -> None:
    made = system(aws, tmp_path, flavor="modern")
    lose(made)
    (made.directory / "wormbase.json").unlink()
    planned = plan(made, adopt(made))
    assert [(one["kind"], one["text"]) for one in planned["changes"]] == [
        ("file", "the template that the stack has already")
    ]


def test_secrets_of_user_data_are_written_on_request_only_and_never_shown(
    aws: Emulator, tmp_path: pathlib.Path
) -> None:
    made = system(aws, tmp_path)
    template = json.loads((made.directory / "wormbase.json").read_text())
    joined = template["Resources"]["LaunchConfig"]["Properties"]["UserData"]["Fn::Base64"]["Fn::Join"][1]
    place = next(i for i, part in enumerate(joined) if str(part).startswith("alt-host=")) + 1
    joined[place] = joined[place].replace("license-key=", "license-key=hidden-2")
    aws.backstage("cloudformation").update_stack(
        StackName="wormbase", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
    )
    lose(made)
    refused = adopt(made)
    path = pathlib.Path(made.files["transactor_src"])
    assert "license-key=\n" in path.read_text()
    assert refused["secrets"] == ["license-key"]
    assert refused["variables"]["datomic_secrets"] == {"license-key": "{{ vault_wormbase_license_key }}"}
    assert [one["key"] for one in refused["unknown"]] == ["license-key"]
    lose(made)
    allowed = adopt(made, commit_secrets="allow")
    assert "license-key=hidden-2\n" in path.read_text()
    assert (allowed["secrets"], allowed["unknown"], allowed["differs"]) == ([], [], [])
    assert "hidden" not in json.dumps([refused, allowed])
    # The test has updated the stack without the template's file and without new transactors.
    assert [one["kind"] for one in plan(made, allowed)["changes"]] == ["file", "transactors"]


@pytest.mark.parametrize("lost", ["transactor", "cf"])
def test_only_the_missing_file_is_written_and_the_other_one_is_compared(
    aws: Emulator, tmp_path: pathlib.Path, lost: str
) -> None:
    made = system(aws, tmp_path)
    kept = "cf" if lost == "transactor" else "transactor"
    path = pathlib.Path(made.files[f"{kept}_src"])
    before = path.read_text()
    key = {"cf": "java-xmx", "transactor": "memory-index-max"}[kept]
    old = values(before.encode())[key]
    path.write_text(before.replace(f"{key}={old}", f"{key}=333m"))
    lose(made, lost)
    done = adopt(made)
    assert done["files"] == [f"aws/wormbase-{lost}.properties"]
    assert path.read_text() == before.replace(f"{key}={old}", f"{key}=333m")
    assert done["contradictions"] == [
        {"file": f"aws/wormbase-{kept}.properties", "key": key, "in_file": "333m", "in_stack": old}
    ]


def test_both_files_are_written_or_none(aws: Emulator, tmp_path: pathlib.Path) -> None:
    made = system(aws, tmp_path)
    lost = lose(made)
    write = atomic_write.replace

    def meanwhile(path: str, content: bytes, *, was: bytes | None) -> None:
        """Somebody writes the second file before the module does."""
        if path == made.files["cf_src"]:
            pathlib.Path(path).write_text("java-xmx=1g\n")
        write(path, content, was=was)

    with mock.patch.object(atomic_write, "replace", meanwhile):
        done = adopt(made)
    assert done["failed"]
    assert "was created since it was read" in done["msg"]
    assert [os.path.exists(path) for path in lost] == [False, True]
    assert pathlib.Path(made.files["cf_src"]).read_text() == "java-xmx=1g\n"


def test_a_file_that_makes_no_sense_and_a_directory_that_is_missing(aws: Emulator, tmp_path: pathlib.Path) -> None:
    made = system(aws, tmp_path)
    lose(made, "transactor")
    pathlib.Path(made.files["cf_src"]).write_text("java-xmx=1g\njava-xmx=2g\n")
    assert "java-xmx" in adopt(made)["msg"]
    elsewhere = str(tmp_path / "nowhere" / "x.properties")
    assert adopt(made, cf_src=elsewhere)["msg"] == (
        f"There is no directory {tmp_path}/nowhere for {elsewhere}. Create it, and run again. Nothing was written."
    )
    assert not os.path.exists(made.files["transactor_src"])


@pytest.mark.parametrize(
    ("service", "operation", "key"),
    [
        ("ec2", "DescribeSecurityGroups", "aws-ingress-groups"),
        ("ec2", "DescribeVpcs", "aws-security-group"),
        ("iam", "GetInstanceProfile", "aws-transactor-role"),
        ("dynamodb", "DescribeTable", "aws-dynamodb-table"),
        ("dynamodb", "GetItem", "datomic_state"),
    ],
)
def test_a_service_that_refuses_is_a_gap(
    aws: Emulator, tmp_path: pathlib.Path, service: str, operation: str, key: str
) -> None:
    made = system(aws, tmp_path)
    lost = lose(made)
    code = {"ec2": "UnauthorizedOperation", "iam": "AccessDenied"}.get(service, "AccessDeniedException")
    aws.fault(f"{service}:{operation}", code=code, status=403 if service != "dynamodb" else 400, times=9)
    done = adopt(made)
    assert not done["failed"], done
    (gap,) = [one for one in done["unknown"] if one["key"] == key]
    assert code in gap["why"]
    assert all(os.path.exists(path) for path in lost)


def test_what_the_stack_names_and_aws_does_not_have(aws: Emulator, tmp_path: pathlib.Path) -> None:
    made = system(aws, tmp_path)
    lose(made)
    aws.backstage("dynamodb").delete_table(TableName="wormbase")
    done = adopt(made, state="local")
    assert [(one["key"], one["why"]) for one in done["unknown"]] == [
        ("aws-dynamodb-table", "AWS does not have the table wormbase")
    ]
    assert done["last_run"] == ""


def test_a_run_that_works_on_the_system_is_named(aws: Emulator, tmp_path: pathlib.Path) -> None:
    made = system(aws, tmp_path)
    lose(made)
    client = aws.backstage("dynamodb")
    item = state_table.read(client, "wormbase")
    assert item.applied
    holder = Holder("9f3a", "bob@desk", "arn:aws:iam::123456789012:user/bob", "2026-11-28T13:00:00Z", "m2", 7, "1")
    assert state_table.take(client, item, holder, item.applied, "beat", 0.0)
    (found,) = adopt(made)["unknown"]
    assert (found["key"], found["why"].startswith("bob@desk")) == ("datomic_state", True)


def test_a_peer_role_is_found_by_its_tag(aws: Emulator, tmp_path: pathlib.Path) -> None:
    made = system(aws, tmp_path)
    body = json.loads((made.directory / "wormbase.json").read_text())
    joined = body["Resources"]["LaunchConfig"]["Properties"]["UserData"]["Fn::Base64"]["Fn::Join"][1]
    place = next(i for i, part in enumerate(joined) if str(part).startswith("alt-host=")) + 1
    joined[place] = joined[place].replace("aws-peer-role=datomic-aws-peer\n", "")
    aws.backstage("cloudformation").update_stack(
        StackName="wormbase", TemplateBody=json.dumps(body), Capabilities=["CAPABILITY_IAM"]
    )
    lose(made)
    (found,) = adopt(made)["unknown"]
    assert found["why"].endswith("; the role datomic-aws-peer has this system's tag")
    assert "aws-peer-role" not in pathlib.Path(made.files["transactor_src"]).read_text()


def refusal(made: System, **params: Any) -> str:
    lost = lose(made)
    done = adopt(made, **params)
    assert done["failed"]
    assert not any(os.path.exists(path) for path in lost)
    return str(done["msg"])


def test_there_is_no_such_stack(aws: Emulator, tmp_path: pathlib.Path) -> None:
    message = refusal(system(aws, tmp_path), stack_name="wormbas")
    assert message.startswith("stack_name: There is no stack wormbas in us-east-1")


def test_credentials_of_another_account(aws: Emulator, tmp_path: pathlib.Path) -> None:
    message = refusal(system(aws, tmp_path), account_id="210987654321")
    assert message.startswith("The credentials belong to account 123456789012, not to 210987654321")


def test_a_stack_in_the_middle_of_an_update(aws: Emulator, tmp_path: pathlib.Path) -> None:
    made = system(aws, tmp_path)
    with mock.patch(
        "ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.stack.existing",
        return_value=mock.Mock(status="UPDATE_IN_PROGRESS", since="2026-11-28T12:00:00Z"),
    ):
        message = refusal(made)
    assert "The stack wormbase is UPDATE_IN_PROGRESS. Another operation on it is in progress" in message


def test_a_stack_without_transactors(aws: Emulator, tmp_path: pathlib.Path) -> None:
    made = system(aws, tmp_path)
    body = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    aws.backstage("cloudformation").create_stack(StackName="topics", TemplateBody=json.dumps(body))
    message = refusal(made, stack_name="topics")
    assert message.startswith("The stack topics runs no transactor that can be recognised")


def test_tags_are_variables(aws: Emulator, tmp_path: pathlib.Path) -> None:
    made = system(aws, tmp_path, flavor="modern")
    lose(made)
    variables = adopt(made)["variables"]
    assert variables["datomic_tags"] == TAGS
    assert variables["datomic_transactor_properties"] == "aws/wormbase-transactor.properties"


def test_the_policies_of_the_operator_allow_every_call(aws: Emulator, tmp_path: pathlib.Path) -> None:
    made = system(aws, tmp_path, flavor="modern")
    lose(made)
    aws.clear_calls()
    adopt(made)
    calls = {f"{call.service}:{call.operation}".replace("HeadBucket", "ListBucket") for call in aws.calls()}
    policies = [filled(name, account="123456789012", region="us-east-1") for name in ("operator", "modern", "state")]
    assert calls - {action for policy in policies for one in policy["Statement"] for action in one["Action"]} == set()


def test_the_playbook_adopts_a_system_and_its_plan_is_empty(aws: Emulator, tmp_path: pathlib.Path) -> None:
    """With an inventory that has the host and the two paths only."""
    aws.configure(scale=600)
    estate = Estate(tmp_path / "estate", aws.url)
    assert estate.play("create.yml").returncode == 0
    lost = [estate.directory / "aws" / f"wormbase-{name}.properties" for name in ("transactor", "cf")]
    before = [values(path.read_bytes()) for path in lost]
    for path in lost:
        path.unlink()
    estate.git("commit", "--quiet", "--all", "--message", "Lose the files")
    playbook = "datomic_onprem.aws.adopt"
    checked = estate.play(playbook, "--check", AWS_REGION="us-east-1")
    assert checked.returncode == 0, checked.output
    assert "Adopted: 2 files to write, 0 unknown; an update would not change the stack." in checked.output
    assert not any(path.exists() for path in lost)
    done = estate.play(playbook, AWS_REGION="us-east-1")
    assert done.returncode == 0, done.output
    assert "Adopted: 2 files written, 0 unknown; an update would not change the stack." in done.output
    assert "Plan: 0 to create, 0 to update, 0 to delete" in done.output
    assert [values(path.read_bytes()) for path in lost] == before
    assert done.writes() == []
    (snippet,) = re.findall(r"(?m)^    wormbase:\n(?:      .*\n)+", done.output)
    assert yaml.safe_load(snippet)["wormbase"]["datomic_template_flavor"] == "legacy"
