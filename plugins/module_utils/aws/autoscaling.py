# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Auto Scaling: the current group with its instances and activities, and the calls that change it."""

from __future__ import annotations

import dataclasses
import email.utils
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from ..errors import AwsError
from ..rolling.state import UNLIMITED, Activity, Instance, Observed, Sizes
from ..util import clock
from . import ec2
from .calls import aws_call, aws_pages, run_parallel
from .errors import aws_errors

SIZES_TAG = "datomic:configured-sizes"
"""Keeps the configured sizes of a group without a stack while a replacement changes its sizes."""
CURRENT_TAG = "datomic-onprem:current-instances"
"""Ids of instances that run what the group launches, though something else launched them: the launch configuration or
template version before a rollback. They count as long as the group launches what the value begins with: a hash of it.
"""
CURRENT_ROOM = 12
"""Ids in that tag, whose value has 256 characters: a hash of 12, ids of 19.

https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Tag.html
"""
ACTIVITIES = 100
"""Activities that are read: one page."""
REFRESHING = ("Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking")
ALIVE = ("pending", "running")
"""EC2's states of an instance that may serve. Auto Scaling notices minutes later that one has left them."""
INSTANCE_ID = re.compile(r"\bi-[0-9a-f]+")
GROWN = re.compile(r"changing the desired capacity from (\d+) to (\d+)")
UNHEALTHY = re.compile(r"(health|status) checks?\b", re.IGNORECASE)
"""https://docs.aws.amazon.com/autoscaling/ec2/userguide/replace-unhealthy-instance.html. A "user health-check" is none:
somebody has marked the instance."""


def find(client: Any, ec2_client: Any, name: str) -> Observed | None:
    """The group of that name, as far as one call shows it; None when there is none. complete adds the rest."""
    operation = client.describe_auto_scaling_groups
    answer = aws_call("read the auto scaling group", name, operation, AutoScalingGroupNames=[name])
    return next((_observed(ec2_client, one, _now(answer)) for one in answer["AutoScalingGroups"]), None)


def of_stack(client: Any, ec2_client: Any, stack_id: str, logical_id: str) -> Observed | None:
    """As find, by the tags that CloudFormation sets on a stack's group, which nobody else can set.

    None also when the tags do not say which group it is: an imported group has none, and a group that is being replaced
    or that its stack left behind has them too. A deleted stack of the same name had another id.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-resource-tags.html
    https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Filter.html
    """
    tags = {"tag:aws:cloudformation:stack-id": [stack_id], "tag:aws:cloudformation:logical-id": [logical_id]}
    with aws_errors("read the auto scaling group of the stack", stack_id, client):
        pages = list(client.get_paginator("describe_auto_scaling_groups").paginate(Filters=ec2.filters(tags)))
    groups = [group for page in pages for group in page["AutoScalingGroups"]]
    return _observed(ec2_client, groups[0], _now(pages[0])) if len(groups) == 1 else None


def _observed(ec2_client: Any, group: Mapping[str, Any], now: float) -> Observed:
    launches = _launches(ec2_client, group)
    sizes = Sizes(group["MinSize"], group["MaxSize"], group["DesiredCapacity"])
    tags = {tag["Key"]: tag.get("Value", "") for tag in group.get("Tags", [])}
    saved = re.fullmatch(r"(\d+)/(\d+)/(\d+)", tags.get(SIZES_TAG, ""))
    hashed, *marked = tags.get(CURRENT_TAG, "").split(" ")
    current = marked if hashed == _hash(launches) else []
    subnets = group.get("VPCZoneIdentifier", "").replace(" ", "").split(",")
    return Observed(
        group=group["AutoScalingGroupName"],
        now=now,
        sizes=sizes,
        configured_sizes=sizes,
        configured_sizes_known=False,
        saved_sizes=Sizes(*map(int, saved.groups())) if saved else None,
        launches=launches,
        instances=tuple(_instance(entry, launches, current) for entry in group.get("Instances", [])),
        subnets=tuple(subnet for subnet in subnets if subnet),
        zones=tuple(group.get("AvailabilityZones", [])),
        suspended=tuple(process["ProcessName"] for process in group.get("SuspendedProcesses", [])),
        warm_pool=int(group.get("WarmPoolSize") or 0) if "WarmPoolConfiguration" in group else None,
        protects_new=bool(group.get("NewInstancesProtectedFromScaleIn")),
        stack_name=tags.get(ec2.STACK_TAG, ""),
        deleting=group.get("Status") or "",
    )


def complete(client: Any, ec2_client: Any, group: Observed) -> Observed:
    """The group with what EC2 says of its instances and subnets, its activities and its instance refresh."""
    described, room, activities, refresh = run_parallel(
        lambda: ec2.instances(ec2_client, [instance.instance_id for instance in group.instances]),
        lambda: _room(ec2_client, group.subnets),
        lambda: _activities(client, group.group),
        lambda: _refresh(client, group.group),
    )
    in_service = {
        activity.instance_id: activity.ended_at
        for activity in activities
        if activity.kind == "launch" and activity.status == "Successful"
    }
    instances = (_completed(one, described.get(one.instance_id, {}), in_service) for one in group.instances)
    return dataclasses.replace(group, instances=tuple(instances), room=room, activities=activities, refresh=refresh)


def _now(answer: Mapping[str, Any]) -> float:
    """When AWS answered, by AWS's clock, as all its timestamps."""
    date = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
    return email.utils.parsedate_to_datetime(date).timestamp() if date else clock.now()


def _launches(ec2_client: Any, group: Mapping[str, Any]) -> tuple[str, ...]:
    """What the group launches: its launch configuration, or every template version that its policy allows."""
    if group.get("LaunchConfigurationName"):
        return (_configuration(group["LaunchConfigurationName"]),)
    mixed = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
    specifications = [group.get("LaunchTemplate"), mixed.get("LaunchTemplateSpecification")]
    specifications += [override.get("LaunchTemplateSpecification") for override in mixed.get("Overrides", [])]
    return tuple(_template(*ec2.launch_template(ec2_client, one)) for one in specifications if one)


def _configuration(name: str) -> str:
    return f"launch configuration {name}"


def _template(identity: str, version: str) -> str:
    return f"launch template {identity} version {version}"


def _room(ec2_client: Any, subnets: Sequence[str]) -> int:
    """The free addresses of the group's subnets."""
    return sum(subnet.free_addresses for subnet in ec2.subnets(ec2_client, subnets)) if subnets else UNLIMITED


def _activities(client: Any, name: str) -> tuple[Activity, ...]:
    doing, operation = "read the scaling activities of", client.describe_scaling_activities
    answer = aws_call(doing, name, operation, AutoScalingGroupName=name, MaxRecords=ACTIVITIES)
    return tuple(map(_activity, answer["Activities"]))


def all_activities(client: Any, name: str) -> tuple[Activity, ...]:
    """Every activity of a group, which may be deleted, the newest first.

    https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeScalingActivities.html
    """
    request: dict[str, Any] = {"AutoScalingGroupName": name, "IncludeDeletedGroups": True}
    doing = "read the scaling activities of"
    return tuple(map(_activity, aws_pages(doing, name, client, "describe_scaling_activities", "Activities", **request)))


def _activity(entry: Mapping[str, Any]) -> Activity:
    description = entry.get("Description", "")
    named = INSTANCE_ID.search(description)
    launch, terminate = description.startswith("Launching"), description.startswith("Terminating")
    return Activity(
        activity_id=entry["ActivityId"],
        kind="launch" if launch else "terminate" if terminate else "other",
        status=entry["StatusCode"],
        started_at=entry["StartTime"].timestamp(),
        ended_at=entry["EndTime"].timestamp() if entry.get("EndTime") else 0.0,
        instance_id=named.group() if named else "",
        message=entry.get("StatusMessage", ""),
        reason=_reason(entry.get("Cause", ""), launch=launch),
    )


def _reason(cause: str, *, launch: bool) -> Literal["grown", "unhealthy", ""]:
    if launch:
        sizes = GROWN.search(cause)
        return "grown" if sizes and int(sizes[1]) < int(sizes[2]) else ""
    return "unhealthy" if UNHEALTHY.search(cause) else ""


def _refresh(client: Any, name: str) -> str:
    """The status of an instance refresh in progress, else empty."""
    doing, operation = "read the instance refreshes of", client.describe_instance_refreshes
    found = aws_call(doing, name, operation, AutoScalingGroupName=name, MaxRecords=1)["InstanceRefreshes"]
    return next((str(refresh["Status"]) for refresh in found if refresh["Status"] in REFRESHING), "")


def _hash(launches: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(launches).encode()).hexdigest()[:12]


def _instance(entry: Mapping[str, Any], launches: Sequence[str], current: Collection[str]) -> Instance:
    template = entry.get("LaunchTemplate") or {}
    launched_with = ""  # its launch configuration was deleted: surely not what the group launches now
    if entry.get("LaunchConfigurationName"):
        launched_with = _configuration(entry["LaunchConfigurationName"])
    elif template.get("LaunchTemplateId"):
        launched_with = _template(template["LaunchTemplateId"], str(template.get("Version", "")))
    return Instance(
        instance_id=entry["InstanceId"],
        state=entry["LifecycleState"],
        healthy=entry.get("HealthStatus", "").lower() == "healthy",
        outdated=launched_with not in launches and entry["InstanceId"] not in current,
        launched_with=launched_with,
        zone=entry.get("AvailabilityZone", ""),
        protected=bool(entry.get("ProtectedFromScaleIn")),
    )


def _completed(instance: Instance, described: Mapping[str, Any], in_service: Mapping[str, float]) -> Instance:
    return dataclasses.replace(
        instance,
        healthy=instance.healthy and _alive(described),
        launched_at=described["LaunchTime"].timestamp() if described.get("LaunchTime") else 0.0,
        in_service_at=in_service.get(instance.instance_id, 0.0),
        private_ip=described.get("PrivateIpAddress") or "",
    )


def _alive(described: Mapping[str, Any]) -> bool:
    """Whether EC2 has the instance running. One that EC2 does not show (yet) is judged by its group alone."""
    return described.get("State", {}).get("Name", "running") in ALIVE


def running(client: Any, names: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """The desired capacities of those groups that exist, by name, and the ids of all their instances."""
    doing, operation = "read the auto scaling groups", client.describe_auto_scaling_groups
    groups = aws_call(doing, ", ".join(names), operation, AutoScalingGroupNames=names)["AutoScalingGroups"]
    desired = {group["AutoScalingGroupName"]: int(group.get("DesiredCapacity") or 0) for group in groups}
    return desired, [instance["InstanceId"] for group in groups for instance in group.get("Instances", [])]


def resize(client: Any, group: str, sizes: Sizes) -> None:
    aws_call(
        "change the sizes of the auto scaling group",
        group,
        client.update_auto_scaling_group,
        AutoScalingGroupName=group,
        MinSize=sizes.minimum,
        MaxSize=sizes.maximum,
        DesiredCapacity=sizes.desired,
    )


def terminate(client: Any, instance_id: str, *, decrement: bool) -> None:
    """Terminate the instance, unless it is already gone."""
    operation = client.terminate_instance_in_auto_scaling_group
    request: dict[str, Any] = {"InstanceId": instance_id, "ShouldDecrementDesiredCapacity": decrement}
    try:
        aws_call("terminate the instance", instance_id, operation, **request)
    except AwsError as error:
        if error.code != "ValidationError" or "not found" not in str(error).lower():
            raise


def save_sizes_tag(client: Any, group: str, sizes: Sizes) -> None:
    """Keep the group's configured sizes in a tag."""
    value = f"{sizes.minimum}/{sizes.maximum}/{sizes.desired}"
    tags = [{**_tag(group, SIZES_TAG), "Value": value, "PropagateAtLaunch": False}]
    aws_call("save the sizes in a tag of the auto scaling group", group, client.create_or_update_tags, Tags=tags)


def delete_sizes_tag(client: Any, group: str) -> None:
    doing = "delete the tag with the sizes of the auto scaling group"
    aws_call(doing, group, client.delete_tags, Tags=[_tag(group, SIZES_TAG)])


def save_current_tag(client: Any, group: Observed, instance_ids: Sequence[str]) -> None:
    """Let these instances, at most CURRENT_ROOM, count as current while the group launches what it launches now."""
    value = " ".join([_hash(group.launches), *instance_ids])
    tags = [{**_tag(group.group, CURRENT_TAG), "Value": value, "PropagateAtLaunch": False}]
    doing = "save the current instances in a tag of the auto scaling group"
    aws_call(doing, group.group, client.create_or_update_tags, Tags=tags)


def _tag(group: str, key: str) -> dict[str, Any]:
    return {"ResourceId": group, "ResourceType": "auto-scaling-group", "Key": key}
