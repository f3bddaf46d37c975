# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a group keeps its size: launches, failed launches, scale-in, replacements, each with its scaling activity."""

from __future__ import annotations

from typing import Any

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import (
    AutoScalingBackend,
    FakeAutoScalingGroup,
    InstanceState,
    TerminateInstanceActivity,
)
from moto.iam.models import iam_backends

from tests.emulator import visibility
from tests.emulator.clock import CLOCK
from tests.emulator.corrections import autoscaling_activities as activities
from tests.emulator.corrections import autoscaling_zones as zones
from tests.emulator.corrections.autoscaling_instances import NEVER, groups
from tests.emulator.settings import SETTINGS


def apply() -> None:
    _sizes()
    _ends()
    FakeAutoScalingGroup.replace_autoscaling_group_instances = lambda self, count, tags: reconcile(self)


_launch_one = FakeAutoScalingGroup.replace_autoscaling_group_instances
"""moto's own launch."""


def suspended(group: FakeAutoScalingGroup, *processes: str) -> bool:
    """Whether one of the processes is.

    "Suspend and resume Amazon EC2 Auto Scaling processes",
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
    """
    return any(entry["ProcessName"] in processes for entry in group.suspended_processes)


def reconcile(group: FakeAutoScalingGroup) -> None:
    """Launch what is missing, terminate what is too much."""
    group.reconcile_at = NEVER
    active = group.active_instances()
    missing = (group.desired_capacity or 0) - len(active)
    if missing > 0 and not suspended(group, "Launch"):
        launched = [_launch(group) for _missing in range(missing)]
        if not all(launched):
            group.reconcile_at = CLOCK.now() + max(SETTINGS.launch_retry, 0.01)
    elif missing < 0 and not suspended(group, "Terminate"):
        # What was launched to balance the zones is there until another one goes for it.
        for _surplus in range(-missing - (_balancing(group) in active)):
            if instance := zones.chosen(group):
                end(instance, "in response to a difference between desired and actual capacity, shrinking the capacity")
    group.asked, group.unhealthy = "", False
    _watch_zones(group)


def _launch(group: FakeAutoScalingGroup, only: str = "") -> bool:
    """In the emptiest zone; where it lacks the instance type, in the next one. only: in this zone, or not at all.

    "Availability Zone distribution" (balanced best effort),
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-availability-zone-balanced.html
    """
    lacking: set[str] = set()
    while zone := only or zones.emptiest(group, lacking):
        # First, because searching the offerings takes long and a group repeats a launch that fails.
        if obstacle := _obstacle(group, zone):
            activities.launch_failed(group, obstacle, zone)
            return False
        if unsupported := _unsupported(group, zone):
            activities.launch_failed(group, unsupported, zone)
            if only:
                return False
            lacking.add(zone)
            continue
        with zones.only(group, zone):
            _launch_one(group, 1, group.get_propagated_tags())
        activities.launching(group, group.instance_states[-1])
        return True
    return False


def _unsupported(group: FakeAutoScalingGroup, zone: str) -> str:
    """What EC2 says when the zone does not offer the instance type; empty when it does.

    https://github.com/hashicorp/terraform-provider-aws/issues/26377
    """
    name = str(group.instance_type)
    offers = group.ec2_backend.describe_instance_type_offerings("availability-zone", {"instance-type": [name]})
    offering = sorted(str(offer["Location"]) for offer in offers)
    if not offering or zone in offering:
        return ""
    return (
        f"Your requested instance type ({name}) is not supported in your requested Availability Zone ({zone}). Please"
        f" retry your request by not specifying an Availability Zone or choosing {', '.join(offering)}."
    )


def _balancing(group: FakeAutoScalingGroup) -> InstanceState | None:
    """The instance that was launched to balance the zones, while another one has not gone for it."""
    found: InstanceState | None = getattr(group, "balancing", None)
    return found


def _watch_zones(group: FakeAutoScalingGroup) -> None:
    """Uneven zones are balanced after a while."""
    if not zones.uneven(group):
        group.balance_at = NEVER
    elif getattr(group, "balance_at", NEVER) == NEVER:
        group.balance_at = CLOCK.now() + SETTINGS.rebalance


def _balance_at(group: FakeAutoScalingGroup) -> float:
    """When AZRebalance has something to do: launch, or terminate what goes for that once it is in service."""
    if launched := _balancing(group):
        return NEVER if suspended(group, "Terminate") else float(launched.in_service)
    if suspended(group, "AZRebalance", "Launch"):
        return NEVER
    return float(getattr(group, "balance_at", NEVER))


def _balance(group: FakeAutoScalingGroup) -> None:
    """AZRebalance launches in the emptiest zone, above the maximum if need be, before it terminates in the fullest.

    "Benefits of Amazon EC2 Auto Scaling", Rebalancing activities,
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-benefits.html
    """
    active = group.active_instances()
    if launched := _balancing(group):
        group.balancing = None
        if launched in active and len(active) > (group.desired_capacity or 0) and (instance := zones.chosen(group)):
            end(instance, "because the zones were not balanced, after another instance was launched")
        reconcile(group)
        return
    group.balance_at = NEVER
    if zones.uneven(group) and len(active) < zones.most_above(group) and _launch(group, zones.emptiest(group)):
        group.balancing = group.instance_states[-1]
    else:
        group.balance_at = CLOCK.now() + max(SETTINGS.rebalance, 1) if zones.uneven(group) else NEVER


def _obstacle(group: FakeAutoScalingGroup, zone: str) -> str:
    """Why nothing can be launched now, in the words of a scaling activity; empty when it can.

    "Troubleshoot issues in Amazon EC2 Auto Scaling: EC2 instance launch failure",
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-instancelaunchfailure.html
    """
    if SETTINGS.launch_failure:
        return SETTINGS.launch_failure
    # A group is not in the list before its first instances are launched.
    every = {id(one): one for one in (*groups(), group)}.values()
    running = sum(len(one.active_instances()) for one in every)
    if SETTINGS.capacity is not None and running >= SETTINGS.capacity:
        return (
            f"We currently do not have sufficient {group.instance_type} capacity in the Availability Zone you"
            f" requested ({zone}). Our system will be working on provisioning additional capacity."
        )
    for name in _group_names(group):
        found = group.ec2_backend.get_security_group_by_name_or_id(name)
        if found is None or visibility.hidden("security_group", found.id):
            return f"The security group '{name}' does not exist"
    profile = _profile_name(group)
    if profile and not profile_exists(group.account_id, profile):
        return f"Value ({profile}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
    return ""


def _group_names(group: FakeAutoScalingGroup) -> list[str]:
    names = list(group.security_groups or [])
    if group.ec2_launch_template:
        data = group.ec2_launch_template.get_version(group.launch_template_version).data
        names += data.get("SecurityGroupIds") or []
    return [str(name) for name in names]


def _profile_name(group: FakeAutoScalingGroup) -> str:
    if group.ec2_launch_template:
        data = group.ec2_launch_template.get_version(group.launch_template_version).data
        profile = data.get("IamInstanceProfile") or {}
        return str(profile.get("Name") or profile.get("Arn", "").rpartition("/")[2])
    return str(group.launch_config.iam_instance_profile or "").rpartition("/")[2]


def profile_exists(account: str, name: str) -> bool:
    """Whether EC2 and Auto Scaling know an instance profile of that name by now, which takes longer than IAM itself.

    "launch_template error when using new iam_instance_profile",
    https://github.com/hashicorp/terraform-provider-aws/issues/5217, and #24910, #29866, #40088 there.
    """
    profiles = [one for backend in iam_backends[account].values() for one in backend.instance_profiles.values()]
    hidden = visibility.hidden("instance_profile", name, longer=SETTINGS.profile_propagation)
    return any(profile.name == name for profile in profiles) and not hidden


def end(instance: InstanceState, cause: str) -> None:
    """The group terminates an instance."""
    group = instance.auto_scaling_group
    group.ec2_backend.terminate_instances([instance.instance_id])
    instance.ended = min(instance.ended, CLOCK.now())
    instance.noticed = NEVER
    instance.lifecycle_state = "Terminating"
    instance.gone = CLOCK.now() + SETTINGS.terminating
    activities.terminating(group, instance, cause)
    _forget_gone(group)
    _watch_zones(group)


def ended_elsewhere(instance: InstanceState) -> None:
    """An instance ended that its group did not terminate: the group notices at its next health check.

    "Health checks for instances in an Auto Scaling group",
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html
    """
    instance.ended = min(instance.ended, CLOCK.now())
    if instance.lifecycle_state != "Terminating":
        instance.noticed = CLOCK.now() + SETTINGS.health_check


def _forget_gone(group: FakeAutoScalingGroup) -> None:
    group.instance_states = [one for one in group.instance_states if CLOCK.now() < one.gone]


def replace_later(group: FakeAutoScalingGroup) -> None:
    """The group looks at its size again after the replacement delay."""
    group.reconcile_at = min(getattr(group, "reconcile_at", NEVER), CLOCK.now() + SETTINGS.replacement)
    if not SETTINGS.replacement:
        reconcile(group)


def next_due() -> float:
    """When something is due in some group."""
    moments = [NEVER]
    for group in groups():
        moments += [getattr(group, "reconcile_at", NEVER), _balance_at(group)]
        for one in group.instance_states:
            moments += [one.gone, _notice_at(one)]
    return min(moments)


def _notice_at(instance: InstanceState) -> float:
    if suspended(instance.auto_scaling_group, "HealthCheck", "ReplaceUnhealthy"):
        return NEVER
    return float(instance.noticed)


def run_due() -> None:
    """What is due by now in every group."""
    now = CLOCK.now()
    for group in groups():
        _forget_gone(group)
        for one in [one for one in group.instance_states if _notice_at(one) <= now]:
            end(one, "in response to an EC2 health check indicating it has been terminated or stopped")
            group.unhealthy = True
            replace_later(group)
        if getattr(group, "reconcile_at", NEVER) <= now:
            reconcile(group)
        if _balance_at(group) <= now:
            _balance(group)


def _sizes() -> None:
    """Sizes are checked, and the desired capacity follows the bounds; moto takes anything.

    "UpdateAutoScalingGroup", https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_UpdateAutoScalingGroup.html
    """
    update, delete = FakeAutoScalingGroup.update, AutoScalingBackend.delete_auto_scaling_group

    def set_desired_capacity(self: FakeAutoScalingGroup, new_capacity: int | None) -> None:
        self.desired_capacity = self.min_size if new_capacity is None else new_capacity
        reconcile(self)

    def update_within_bounds(self: FakeAutoScalingGroup, *args: Any, **kwargs: Any) -> None:
        low = self.min_size if kwargs.get("min_size") is None else kwargs["min_size"]
        high = self.max_size if kwargs.get("max_size") is None else kwargs["max_size"]
        desired = kwargs.get("desired_capacity")
        if low > high:
            raise ValidationError(f"Max bound, {high}, must be greater than or equal to min bound, {low}")
        if desired is None:
            kwargs["desired_capacity"] = min(max(self.desired_capacity or 0, low), high)
        elif not low <= desired <= high:
            told = f"Desired capacity:{desired} must be between the specified min size:{low} and max size:{high}"
            raise ValidationError(told)
        activities.asked(self, low, high, kwargs["desired_capacity"])
        update(self, *args, **kwargs)

    def set_desired_within_bounds(self: AutoScalingBackend, group_name: str, desired_capacity: int) -> None:
        group = found(self, group_name)
        for bound, over, word in (
            (group.max_size, desired_capacity > group.max_size, "above max"),
            (group.min_size, desired_capacity < group.min_size, "below min"),
        ):
            if over:
                raise ValidationError(
                    f"New SetDesiredCapacity value {desired_capacity} is {word} value {bound} for the AutoScalingGroup."
                )
        activities.asked(group, group.min_size, group.max_size, desired_capacity)
        group.set_desired_capacity(desired_capacity)

    def delete_with_instances(self: AutoScalingBackend, group_name: str) -> None:
        group = found(self, group_name)
        group.min_size = 0
        for instance in list(group.instance_states):
            end(instance, "in response to the deletion of its group")
        delete(self, group_name)

    FakeAutoScalingGroup.set_desired_capacity = set_desired_capacity
    FakeAutoScalingGroup.update = update_within_bounds
    AutoScalingBackend.set_desired_capacity = set_desired_within_bounds
    AutoScalingBackend.delete_auto_scaling_group = delete_with_instances


def found(backend: AutoScalingBackend, group_name: str) -> FakeAutoScalingGroup:
    if group_name not in backend.autoscaling_groups:
        raise ValidationError("AutoScalingGroup name not found - null")
    return backend.autoscaling_groups[group_name]


def _ends() -> None:
    """Ways in which an instance ends, and what its group does then.

    "TerminateInstanceInAutoScalingGroup",
    https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html;
    "SetInstanceHealth", https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SetInstanceHealth.html
    """
    set_health, resume = AutoScalingBackend.set_instance_health, AutoScalingBackend.resume_processes

    def notify_terminate_instances(self: AutoScalingBackend, instance_ids: list[str]) -> None:
        for group in self.autoscaling_groups.values():
            for instance in group.instance_states:
                if instance.instance_id in instance_ids:
                    ended_elsewhere(instance)
        run_due()

    def terminate_instance(
        self: AutoScalingBackend, instance_id: str, should_decrement: bool
    ) -> TerminateInstanceActivity:
        instance = _managed(self, instance_id)
        group = instance.auto_scaling_group
        before = group.desired_capacity
        if instance.lifecycle_state == "Terminating":
            return TerminateInstanceActivity(instance.instance, before)
        if should_decrement:
            if before <= group.min_size:
                raise ValidationError(
                    f"Currently, desiredSize equals minSize ({group.min_size}). Terminating instance without"
                    " replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity"
                    " flag to false or lower group's min size."
                )
            group.desired_capacity = before - 1
        end(instance, "in response to a user request")
        replace_later(group)
        return TerminateInstanceActivity(instance.instance, before)

    def set_instance_health(self: AutoScalingBackend, instance_id: str, health_status: str) -> None:
        instance = _managed(self, instance_id)
        set_health(self, instance_id, health_status)
        if health_status == "Unhealthy" and not suspended(instance.auto_scaling_group, "ReplaceUnhealthy"):
            end(instance, "in response to a user health-check")
            replace_later(instance.auto_scaling_group)

    def resume_processes(self: AutoScalingBackend, group_name: str, scaling_processes: list[str]) -> None:
        resume(self, group_name, scaling_processes)
        reconcile(self.autoscaling_groups[group_name])

    AutoScalingBackend.notify_terminate_instances = notify_terminate_instances
    AutoScalingBackend.terminate_instance = terminate_instance
    AutoScalingBackend.set_instance_health = set_instance_health
    AutoScalingBackend.resume_processes = resume_processes


def _managed(backend: AutoScalingBackend, instance_id: str) -> InstanceState:
    for group in backend.autoscaling_groups.values():
        for instance in group.instance_states:
            if instance.instance_id == instance_id:
                return instance
    raise ValidationError(f"Instance Id not found - No managed instance found for instance ID: {instance_id}")
