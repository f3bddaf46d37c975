# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""datomic_forbid: what must not happen is an error that names the change; everything else is none."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils import plan_guard
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import Finding
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan import Attribute, Change, Plan, Replacement
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plans import CF, INDEX, PLAN, PLANS, STACK, TABLE

PROFILE = settings(max_examples=60, deadline=None, database=None)
ALL = get_args(plan_guard.Forbidden)
NOTHING = dataclasses.replace(PLAN, changes=(), transactors=Replacement())


def edit(key: str, before: str, after: str, file: str = CF, line: int = 7) -> Change:
    return Change("update", "property", key, "stack", "", (Attribute(key, before, after, file, line),))


def found(
    *changes: Change, forbid: tuple[plan_guard.Forbidden, ...] = ALL, transactors: Replacement = NOTHING.transactors
) -> list[str]:
    plan = dataclasses.replace(NOTHING, changes=changes, transactors=transactors)
    findings = plan_guard.violations(plan, forbid)
    for one in findings:
        name = one.rule.removeprefix("forbidden-")
        assert (one.severity, one.suggestion) == ("error", f"undo the change, or remove {name} from datomic_forbid")
    return [str(dataclasses.replace(one, suggestion="")) for one in findings]


def test_replacement() -> None:
    both = PLAN.transactors
    assert found(INDEX, TABLE, STACK, transactors=both) == [
        "the transactors i-1, i-2 would be replaced, because of memory-index-max"
    ]
    assert found(transactors=dataclasses.replace(both, replace=("i-1",))) == ["the transactor i-1 would be replaced"]
    assert found(INDEX, STACK, transactors=both, forbid=("outage", "shrink", "image", "deletion")) == []


def test_a_group_that_the_stack_replaces_ends_its_transactors() -> None:
    stack = dataclasses.replace(STACK, deletes=("LaunchGroup",))
    assert found(stack) == [
        "all transactors would be replaced at once, because the stack replaces its group LaunchGroup",
        "all transactors would be replaced at once, because the stack replaces its group LaunchGroup",
        "LaunchGroup of the stack orders would be deleted or replaced by another one",
    ]


def test_outage() -> None:
    assert found(INDEX, transactors=Replacement((), 180.0, (), 16.0)) == [
        "nobody could write for up to 180 s, and a failover takes at most 16 s, because of memory-index-max"
    ]
    assert found(INDEX, transactors=Replacement((), 16.0, (), 16.0)) == []


def test_transactors_that_end_without_a_successor() -> None:
    assert found(
        edit("aws-autoscaling-group-size", "3", "2"), transactors=Replacement(end=("i-3",)), forbid=("shrink",)
    ) == [
        "aws/orders-cf.properties:7: aws-autoscaling-group-size: 3 -> 2 is smaller",
        "the transactor i-3 would end without a successor, because of aws-autoscaling-group-size",
    ]


@pytest.mark.parametrize(
    ("key", "larger", "smaller"),
    [
        ("aws-autoscaling-group-size", "10", "9"),
        ("aws-instance-type", "c7g.xlarge", "c7g.large"),
        ("aws-instance-type", "c7g.metal", "c7g.8xlarge"),
        ("aws-instance-type", "m4.large", "c4.large"),
        ("java-xmx", "2625m", "2g"),
        ("memory-index-max", "1g", "512m"),
        ("memory-index-threshold", "64m", "32m"),
        ("object-cache-max", "1g", "900M"),
        ("valcache-max-gb", "100", "20"),
    ],
)
def test_smaller_values(key: str, larger: str, smaller: str) -> None:
    assert found(edit(key, larger, smaller), forbid=("shrink",)) == [
        f"aws/orders-cf.properties:7: {key}: {larger} -> {smaller} is smaller"
    ]
    assert found(edit(key, smaller, larger)) == []


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("java-xmx", "2625m", ""),
        ("memory-index-max", "1g", "1024m"),
        ("aws-instance-type", "c7g.xlarge", "x8g.odd"),
        ("aws-instance-type", "c7g.xlarge", "m7g.large"),
        ("write-concurrency", "8", "4"),
        ("aws-autoscaling-group-size", "two", "1"),
        ("datomic-version", "1.0.7277", "1.0.7260"),
    ],
)
def test_what_is_not_known_to_be_smaller(key: str, before: str, after: str) -> None:
    assert found(edit(key, before, after)) == []


def test_capacity_and_volumes() -> None:
    attributes = (Attribute("read", "100", "50"), Attribute("write", "50", "60"), Attribute("billing_mode", "2", "1"))
    assert found(Change("update", "dynamodb table", "orders", "transactor", "", attributes)) == [
        "dynamodb table orders: read 100 -> 50 is smaller"
    ]
    volume = Attribute("LaunchTemplate LaunchTemplateData.BlockDeviceMappings.0.Ebs.VolumeSize", "100", "20")
    (text,) = found(dataclasses.replace(STACK, attributes=(volume,)))
    assert text.startswith(
        "stack orders: LaunchTemplate LaunchTemplateData.BlockDeviceMappings.0.Ebs.VolumeSize 100 ->"
    )


def test_image() -> None:
    line = Change("update", "property", "image", "stack", "", (Attribute("image", "ami-1", "ami-2"),))
    stack = dataclasses.replace(STACK, attributes=(Attribute("LaunchTemplate ImageId", "ami-1", "ami-2"),))
    text = "the machine image would change: ami-1 -> ami-2"
    assert found(line) == found(stack) == found(line, stack) == [text]
    assert found(dataclasses.replace(stack, action="create")) == []


def test_deletion() -> None:
    revoked = Change("update", "security group", "datomic", "security_group", deletes=("tcp 22 from 10.0.0.0/8",))
    table = Change("delete", "dynamodb table", "old", "transactor")
    anew = Change("replace", "dynamodb table", "orders", "transactor")
    removed = dataclasses.replace(STACK, deletes=("Topic", "Dashboard"))
    assert found(revoked, table, anew, removed) == [
        "tcp 22 from 10.0.0.0/8 of the security group datomic would be deleted",
        "dynamodb table old would be deleted",
        "dynamodb table orders would be deleted and created again",
        "Topic, Dashboard of the stack orders would be deleted or replaced by another one",
    ]
    others = [Change("delete", kind, "x", "stack") for kind in ("property", "file", "transactors")]
    assert found(*others, Change("replace", "transactors", "", "transactors")) == []


def test_each_has_an_id() -> None:
    everything = dataclasses.replace(STACK, deletes=("LaunchGroup",), attributes=(Attribute("ImageId", "a", "b"),))
    plan = dataclasses.replace(PLAN, changes=(everything,), transactors=Replacement((), 99.0, ("i-1",)))
    assert {one.rule for one in plan_guard.violations(plan, ALL)} == {f"forbidden-{name}" for name in ALL}


@PROFILE
@given(PLANS, st.sets(st.sampled_from(ALL)))
def test_only_what_is_forbidden_is_reported(plan: Plan, forbid: set[plan_guard.Forbidden]) -> None:
    findings = plan_guard.violations(plan, forbid)
    assert {one.rule.removeprefix("forbidden-") for one in findings} <= forbid
    every: list[Finding] = plan_guard.violations(plan, ALL)
    assert findings == [one for one in every if one.rule.removeprefix("forbidden-") in forbid]
    assert plan_guard.violations(dataclasses.replace(plan, changes=(), transactors=Replacement()), ALL) == []
