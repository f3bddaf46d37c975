# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""replace_transactors when an update changes what the transactors report and where, in emulated time."""

from __future__ import annotations

import pytest

from tests.emulator import Emulator
from tests.integration import groups
from tests.integration.test_replace_transactors_rolling import METRICS, PROPERTIES, bound

BEFORE = PROPERTIES.format(interval=5000)
CHANGES = {
    "dimension": ("value=orders", "value=before"),
    "region": ("cloudwatch-region=us-east-1", "cloudwatch-region=eu-west-1"),
    "none": ("aws-cloudwatch-dimension-value=orders", ""),
    "interval": ("msec=5000", "msec=1000"),
}


def changed(aws: Emulator, size: int, what: str) -> list[str]:
    """A system whose update changes that; the instances that run."""
    aws.configure(simulator=True, boot=0)
    after, before = CHANGES[what]
    groups.create(aws, size, properties=BEFORE.replace(after, before))
    aws.advance(420)
    running = groups.ids(aws)
    groups.update(aws, size, properties=BEFORE)
    aws.configure(boot=45, pending=20, terminating=20, replacement=10, metrics_delay=40)
    return running


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("size", [1, 2])
def test_old_and_new_ones_report_differently(aws: Emulator, what: str, size: int) -> None:
    old = changed(aws, size, what)
    result = groups.replace(aws, **METRICS, timeout=1800)
    assert not result.get("failed"), result
    assert sorted(result["replaced"]) == old
    assert groups.sizes(aws) == (size, size, size)
    assert aws.outage() <= bound()


@pytest.mark.parametrize("what", CHANGES)
def test_one_after_the_other(aws: Emulator, what: str) -> None:
    old = changed(aws, 2, what)
    aws.configure(capacity=3)
    result = groups.replace(aws, **METRICS, timeout=1800)
    assert not result.get("failed"), result
    assert sorted(result["replaced"]) == old
    assert aws.outage() <= bound()


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("role", ["active", "standby"])
def test_one_was_replaced_by_its_group_before(aws: Emulator, what: str, role: str) -> None:
    old = changed(aws, 2, what)
    (ended,) = [one["instance_id"] for one in aws.transactors() if one["role"] == role]
    aws.backstage("ec2").terminate_instances(InstanceIds=[ended])
    aws.advance(600)
    aws.measure()
    result = groups.replace(aws, **METRICS, timeout=1800)
    assert not result.get("failed"), result
    assert result["replaced"] == [each for each in old if each != ended]
    assert aws.outage() <= bound()


@pytest.mark.parametrize("what", CHANGES)
def test_new_ones_that_do_not_come_up_are_removed(aws: Emulator, what: str) -> None:
    old = changed(aws, 1, what)
    aws.configure(modes={"second": "unhealthy"})
    result = groups.replace(aws, **METRICS, timeout=600)
    assert result["failed"]
    assert (groups.ids(aws), groups.sizes(aws)) == (old, (1, 1, 1))
    assert aws.outage() == 0
