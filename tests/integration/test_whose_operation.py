# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""update_stack when somebody else changes the stack at the same time: another's operation is refused, never adopted."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.update_stack import RunModule

from tests.emulator import Emulator
from tests.integration import groups
from tests.integration.stacks import follow, module

AGAIN = "Wait for its end, then run again: the plan is made anew."


@pytest.fixture
def file(tmp_path: pathlib.Path, aws: Emulator) -> pathlib.Path:
    """The template of this run."""
    aws.configure(launch_configurations=True)
    path = tmp_path / "orders.json"
    path.write_text(groups.template("ours"))
    return path


def requests(aws: Emulator, operation: str = "UpdateStack") -> list[int]:
    """The statuses of this run's requests. Those of the others come from backstage, which is not logged."""
    return [call.status for call in aws.calls() if call.operation == operation]


def template(aws: Emulator) -> Any:
    return aws.backstage("cloudformation").get_template(StackName="orders")["TemplateBody"]


def before(aws: Emulator, other: Callable[[], object]) -> RunModule:
    """Runs amazon.aws.cloudformation after another's request."""

    def run(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        other()
        return module(aws)(name, options)

    return run


def test_an_operation_that_is_under_way_is_refused_before_any_request(aws: Emulator, file: pathlib.Path) -> None:
    groups.create(aws)
    aws.configure(stack_in_progress=600)
    groups.update(aws, note="theirs")
    refused = follow(aws, file)
    first, *events = refused.failure.splitlines()
    assert first.startswith("Another operation on the stack orders, which this run did not begin, is under way: ")
    assert "UPDATE_IN_PROGRESS since 20" in first
    assert first.endswith(f"Nothing was changed. {AGAIN}")
    assert events[0] == "Its events:"
    assert events[1].endswith("Z orders UPDATE_IN_PROGRESS: User Initiated")
    assert requests(aws) == []
    assert refused.lines == []
    assert refused.result == {"roll_back": False}, "nothing of this run's"
    aws.advance(600)
    assert follow(aws, file).result["changed"]


def test_another_s_operation_in_the_same_moment_is_not_adopted(aws: Emulator, file: pathlib.Path) -> None:
    groups.create(aws)
    aws.configure(stack_in_progress=60)
    refused = follow(aws, file, run=before(aws, lambda: groups.update(aws, note="theirs")))
    assert refused.failure.startswith("Another operation changed the stack orders: it began at 20")
    assert "The stack does not have this run's template" in refused.failure
    assert refused.failure.splitlines()[0].endswith("Run again: the plan is made anew.")
    assert "  20" in refused.failure.splitlines()[2]
    assert requests(aws) == [400], "no request follows the end of another's operation"
    assert template(aws) == json.loads(groups.template("theirs"))


@pytest.mark.parametrize("tags", [{"team": "a"}, {"team": "b"}])
def test_the_same_template_with_other_tags_is_another_s(
    aws: Emulator, file: pathlib.Path, tags: dict[str, str]
) -> None:
    groups.create(aws)
    aws.configure(stack_in_progress=60)

    def other() -> None:
        given = [{"Key": key, "Value": value} for key, value in tags.items()]
        client = aws.backstage("cloudformation")
        client.update_stack(StackName="orders", TemplateBody=groups.template("ours"), Tags=given)

    done = follow(aws, file, run=before(aws, other), tags={"team": "a"})
    assert requests(aws) == [400]
    if tags == {"team": "a"}:
        assert (done.failure, done.result["changed"]) == ("", True)
    else:
        assert "The stack does not have this run's tags" in done.failure


def test_letters_that_get_template_does_not_return_are_no_difference(aws: Emulator, file: pathlib.Path) -> None:
    """The answer of a request was lost."""
    groups.create(aws)
    aws.configure(stack_in_progress=60)
    file.write_text(groups.template("ours: grün 🙂"))

    def other() -> None:
        client = aws.backstage("cloudformation")
        client.update_stack(StackName="orders", TemplateBody=groups.template("ours: gr?n ?"))

    assert follow(aws, file, run=before(aws, other)).result["changed"]


def test_two_first_runs_create_one_stack(aws: Emulator, file: pathlib.Path) -> None:
    aws.configure(stack_in_progress=60)

    def other() -> None:
        groups.create(aws, note="theirs")

    refused = follow(aws, file, run=before(aws, other))
    assert refused.failure.startswith("Another operation changed the stack orders: it began at 20")
    assert template(aws) == json.loads(groups.template("theirs"))
    assert requests(aws, "DeleteStack") == []


def test_an_operation_that_follows_ours_at_once_is_no_success_of_ours(aws: Emulator, file: pathlib.Path) -> None:
    groups.create(aws)

    def run(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        done = module(aws)(name, options)
        aws.advance(1)
        groups.update(aws, note="theirs")
        return done

    refused = follow(aws, file, run=run)
    assert refused.failure.startswith("Another operation changed the stack orders: it began at 20")
    assert len(requests(aws)) == 1


def test_what_cannot_be_proved_is_refused(aws: Emulator, file: pathlib.Path) -> None:
    """The answer was lost. Events cannot be read, or this process has no boto3."""
    groups.create(aws)
    aws.configure(stack_in_progress=60)
    aws.fault("cloudformation:DescribeStackEvents", code="AccessDenied", status=403, times=99)
    aws.fault("cloudformation:UpdateStack", mode="drop_after")
    failure = follow(aws, file).failure
    aws.advance(60)
    file.write_text(groups.template("ours, too"))
    aws.fault("cloudformation:UpdateStack", mode="drop_after")
    for one in (failure, follow(aws, file, apart=True).failure):
        assert one.startswith("CloudFormation has an operation of the stack orders, and nothing proves that this run")
        assert one.endswith(AGAIN)
    assert requests(aws) == [0, 400, 0, 400], "botocore has sent each twice"
    aws.advance(60)
    assert not follow(aws, file, apart=True).result["changed"], "it was this run's: the next one has nothing to do"
