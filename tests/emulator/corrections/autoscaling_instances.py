# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Instances of a group: what launched them, when, and in which state of their life they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.autoscaling.models import FakeAutoScalingGroup, InstanceState, autoscaling_backends

from tests.emulator.clock import CLOCK
from tests.emulator.settings import SETTINGS

NEVER = float("inf")

HISTORY: list[InstanceState] = []
"""Every instance that a group ever had since the reset, the oldest first: what the transactors run on."""


def apply() -> None:
    _remembered_launch()
    _states()
    _one_launch()


def groups() -> Iterator[FakeAutoScalingGroup]:
    """Every group of every account and region."""
    for account in list(autoscaling_backends.values()):
        for backend in list(account.values()):
            yield from list(backend.autoscaling_groups.values())


def _remembered_launch() -> None:
    """An instance shows the launch configuration or template version that it came from, not the group's current one.

    A launch configuration that was deleted since is not shown.
    "Instance", https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Instance.html
    """
    make = InstanceState.__init__

    def made(self: InstanceState, instance: Any, lifecycle_state: str = "InService", *args: Any, **kwargs: Any) -> None:
        self.launched = CLOCK.now()
        self.in_service = self.launched + SETTINGS.pending
        self.ended = self.noticed = self.gone = NEVER
        make(self, instance, lifecycle_state, *args, **kwargs)
        group = self.auto_scaling_group
        self.launch_name = group.launch_config.name if group.launch_config else None
        self.launch_made = group.launch_config.created_time if group.launch_config else None
        self.launch_version = None
        if template := group.ec2_launch_template:
            self.launch_name = None
            self.launch_version = {
                "LaunchTemplateId": template.id,
                "LaunchTemplateName": template.name,
                "Version": str(template.get_version(group.launch_template_version).number),
            }
        HISTORY.append(self)

    def launch_configuration_name(self: InstanceState) -> str | None:
        known = self.auto_scaling_group.autoscaling_backend.launch_configurations
        return self.launch_name if self.launch_name in known else None

    InstanceState.__init__ = made
    InstanceState.launch_template = property(lambda self: self.launch_version)
    InstanceState.launch_configuration_name = property(launch_configuration_name)


def _one_launch() -> None:
    """A group has a launch configuration or a launch template: setting one takes the other away; moto keeps both.

    "UpdateAutoScalingGroup", LaunchTemplate,
    https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_UpdateAutoScalingGroup.html
    """
    set_launch = FakeAutoScalingGroup._set_launch_configuration

    def set_one(
        self: FakeAutoScalingGroup, launch_config_name: str, launch_template: Any, *args: Any, **kwargs: Any
    ) -> None:
        set_launch(self, launch_config_name, launch_template, *args, **kwargs)
        if launch_config_name:
            self.ec2_launch_template = None
        elif launch_template:
            self.launch_config = self.launch_configuration_name = None

    FakeAutoScalingGroup._set_launch_configuration = set_one


def _states() -> None:
    """Instances are Pending before they are InService, and Terminating before they are gone.

    "Amazon EC2 Auto Scaling instance lifecycle",
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
    """

    def state(self: InstanceState) -> str:
        if self._state == "InService" and CLOCK.now() < self.in_service:
            return "Pending"
        return str(self._state)

    def set_state(self: InstanceState, value: str) -> None:
        self._state = value

    def active_instances(self: FakeAutoScalingGroup) -> list[InstanceState]:
        return [one for one in self.instance_states if one.lifecycle_state in ("InService", "Pending")]

    InstanceState.lifecycle_state = property(state, set_state)
    FakeAutoScalingGroup.active_instances = active_instances
