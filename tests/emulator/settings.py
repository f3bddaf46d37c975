# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be configured: delays in seconds of the emulated clock, all zero by default."""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.emulator.clock import CLOCK


@dataclasses.dataclass
class Settings:
    """One a process, as moto's accounts are; configure() sets these by name, reset() brings the defaults back."""

    latency: float = 0.0
    """Real milliseconds that every answer takes; answers wait side by side."""
    scale: float = 1.0
    """Emulated seconds that pass in a real one."""
    pending: float = 0.0
    """How long a launched instance is Pending before it is InService."""
    terminating: float = 0.0
    """How long an instance is Terminating before its group forgets it."""
    replacement: float = 0.0
    """How long a group takes to launch another instance for one that it terminated."""
    health_check: float = 0.0
    """How long a group takes to notice that an instance ended by itself."""
    launch_retry: float = 1.0
    """How long a group waits after a failed launch before it tries again."""
    rebalance: float = 60.0
    """How long a group's zones are uneven before AZRebalance launches in the emptiest one."""
    random_choice: str = "first"
    """What AWS chooses at random of equals, zones by their names and instances by their age: "first" or "last"."""
    capacity: int | None = None
    """How many instances the account's groups can have in all; None: any number."""
    launch_configurations: bool = False
    """Whether the account may create launch configurations: those created before 2024-10-01 may."""
    launch_failure: str = ""
    """When set, groups cannot launch: the StatusMessage of their failed scaling activities."""
    table_creating: float = 0.0
    """How long a new table is CREATING."""
    stack_in_progress: float = 0.0
    """How long a stack stays …_IN_PROGRESS."""
    change_set_creating: float = 0.0
    """How long a change set is CREATE_IN_PROGRESS."""
    change_set_failure: str = ""
    """When set, change sets that would change something are FAILED, with this StatusReason."""
    change_set_page: int = 100
    """How many changes DescribeChangeSet tells in one answer."""
    visibility: float = 0.0
    """How long a new role, profile, security group or bucket is unknown to reads and to the services that use it."""
    profile_propagation: float = 0.0
    """How much longer EC2 and Auto Scaling do not know a new instance profile that IAM shows already."""
    simulator: bool = False
    """Whether the instances of groups run transactors."""
    boot: float = 0.0
    """From an instance's launch until its transactor runs."""
    slow_boot: float = 900.0
    """The same for instances of mode "slow"."""
    metrics_delay: float = 0.0
    """From a transactor's report until CloudWatch shows it."""
    dimension: str = ""
    """Dimension value of transactors whose user data has no aws-cloudwatch-dimension-value."""
    transactor_properties: dict[str, str] = dataclasses.field(default_factory=dict)
    """What transactors are taken to be configured with besides the lines of their user data, which win."""
    modes: dict[str, str] = dataclasses.field(default_factory=dict)
    """What is wrong with a transactor, by a text in its instance id, launch configuration's name, launch template's
    "name:version" or user data: "unhealthy" (never beats), "crash" (ends at its start; "crash: why" says why in its
    log), "slow", "mute" (no metrics), "hang" (stops beating, its instance stays). The last two begin in the middle when
    they are set then."""

    def update(self, values: dict[str, Any]) -> None:
        """Set by name; an unknown name is a TypeError."""
        known = {field.name for field in dataclasses.fields(self)}
        if unknown := sorted(set(values) - known):
            raise TypeError(f"unknown settings {', '.join(unknown)}; known are {', '.join(sorted(known))}")
        for name, value in values.items():
            setattr(self, name, value)
        if "scale" in values:
            CLOCK.set_scale(self.scale)

    def reset(self) -> None:
        self.update(dataclasses.asdict(Settings()))
        CLOCK.catch_up()


SETTINGS = Settings()
