# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What moto does otherwise than AWS, put right: a few files a service, each correction naming the documentation."""

from __future__ import annotations

from tests.emulator import visibility
from tests.emulator.corrections import (
    autoscaling,
    autoscaling_instances,
    clock,
    cloudformation,
    cloudformation_change_sets,
    cloudformation_changes,
    cloudformation_checks,
    cloudformation_guard,
    cloudformation_names,
    cloudformation_status,
    cloudformation_tags,
    cloudwatch,
    dynamodb,
    ec2,
    iam,
    operations,
    s3,
)

_SERVICES = (
    operations,
    autoscaling,
    cloudformation,
    cloudformation_changes,
    cloudformation_change_sets,
    cloudformation_status,
    cloudformation_guard,
    cloudformation_tags,
    cloudformation_checks,
    cloudformation_names,
    cloudwatch,
    dynamodb,
    ec2,
    iam,
    s3,
    clock,
)
"""Some build on what those before them did."""
_applied: list[bool] = []


def apply() -> None:
    """Correct moto in this process, once."""
    if not _applied:
        for service in _SERVICES:
            service.apply()
        _applied.append(True)


def reset() -> None:
    """Forget what the corrections remember beside moto's accounts."""
    visibility.reset()
    autoscaling_instances.HISTORY.clear()
