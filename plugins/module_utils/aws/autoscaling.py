# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Auto Scaling: a group with its instances and activities, as it is, and the calls that change it."""

from __future__ import annotations

import dataclasses
import email.utils
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from ..errors import AwsError
from ..rolling.state import Activity, Circumstances, Instance, Sizes
from ..util import clock
from .calls import gather
from .errors import aws_errors

NOTE = "datomic:own-sizes"
"""The tag in which a group that no stack describes keeps its own sizes while a replacement changes them."""
STACK_TAG = "aws:cloudformation:stack-name"
ACTIVITIES = 100
"""How many activities are read: one page."""
REFRESHING = ("Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking")
ALIVE = ("pending", "running")
"""EC2's states of an instance that may serve. Auto Scaling notices minutes later that one has left them."""
INSTANCE_ID = re.compile(r"\bi-[0-9a-f]+")
GROWN = re.compile(r"changing the desired capacity from (\d+) to (\d+)")
UNHEALTHY = re.compile(r"(health|status) checks?\b", re.IGNORECASE)
"""https://docs.aws.amazon.com/autoscaling/ec2/userguide/replace-unhealthy-instance.html. A "user health-check" is none:
somebody has marked the instance."""
UNLIMITED = 1_000_000


@dataclasses.dataclass(frozen=True)
class Group:
    """A group as it is. launches: what it launches now, in the words of Instance.launched_with. now: by AWS's clock."""

    name: str
    now: float
    sizes: Sizes
    launches: tuple[str, ...]
    instances: tuple[Instance, ...] = ()
    activities: tuple[Activity, ...] = ()
    room: int = UNLIMITED
    zones: tuple[str, ...] = ()
    around: Circumstances = dataclasses.field(default_factory=Circumstances)
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def noted(self) -> Sizes | None:
        """The sizes that the tag NOTE keeps."""
        numbers = re.fullmatch(r"(\d+)/(\d+)/(\d+)", self.tags.get(NOTE, ""))
        return Sizes(*(int(number) for number in numbers.groups())) if numbers else None


def observe(client: Any, ec2: Any, name: str) -> Group | None:
    """The group of that name; None when there is none. Everything that belongs to it is read side by side."""
    with aws_errors("read the auto scaling group", name, client):
        answer = client.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    if not answer["AutoScalingGroups"]:
        return None
    group = answer["AutoScalingGroups"][0]
    ids = [entry["InstanceId"] for entry in group.get("Instances", [])]
    subnets = [subnet for subnet in group.get("VPCZoneIdentifier", "").replace(" ", "").split(",") if subnet]
    read = gather(
        {
            "launches": lambda: _launches(ec2, group),
            "instances": lambda: _ec2_instances(ec2, ids),
            "room": lambda: _room(ec2, subnets),
            "activities": lambda: _activities(client, name),
            "refresh": lambda: _refresh(client, name),
        }
    )
    in_service = {
        activity.instance_id: activity.ended_at
        for activity in read["activities"]
        if activity.kind == "launch" and activity.status == "Successful"
    }
    return Group(
        name=group["AutoScalingGroupName"],
        now=_now(answer),
        sizes=Sizes(group["MinSize"], group["MaxSize"], group["DesiredCapacity"]),
        launches=read["launches"],
        instances=tuple(
            _instance(entry, read["launches"], read["instances"].get(entry["InstanceId"], {}), in_service)
            for entry in group.get("Instances", [])
        ),
        activities=read["activities"],
        room=read["room"],
        zones=tuple(group.get("AvailabilityZones", [])),
        around=Circumstances(
            suspended=tuple(process["ProcessName"] for process in group.get("SuspendedProcesses", [])),
            refresh=read["refresh"],
            warm=int(group.get("WarmPoolSize") or 0) if "WarmPoolConfiguration" in group else None,
            protects_new=bool(group.get("NewInstancesProtectedFromScaleIn")),
            deleting=group.get("Status") or "",
        ),
        tags={tag["Key"]: tag.get("Value", "") for tag in group.get("Tags", [])},
    )


def _now(answer: Mapping[str, Any]) -> float:
    """When AWS answered, by its own clock, by which all its timestamps go."""
    date = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
    return email.utils.parsedate_to_datetime(date).timestamp() if date else clock.now()


def _launches(ec2: Any, group: Mapping[str, Any]) -> tuple[str, ...]:
    """What the group launches: its launch configuration, or every template version that its policy allows."""
    if group.get("LaunchConfigurationName"):
        return (_configuration(group["LaunchConfigurationName"]),)
    mixed = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
    specifications = [group.get("LaunchTemplate"), mixed.get("LaunchTemplateSpecification")]
    specifications += [override.get("LaunchTemplateSpecification") for override in mixed.get("Overrides", [])]
    return tuple(_template_version(ec2, found) for found in specifications if found)


def _template_version(ec2: Any, specification: Mapping[str, Any]) -> str:
    version = str(specification.get("Version") or "$Default")
    identity = specification.get("LaunchTemplateId") or ""
    if not version.isdecimal() or not identity:
        key, name = (
            ("LaunchTemplateIds", identity)
            if identity
            else ("LaunchTemplateNames", specification["LaunchTemplateName"])
        )
        with aws_errors("read the launch template", name, ec2):
            found = ec2.describe_launch_templates(**{key: [name]})["LaunchTemplates"][0]
        numbers = {"$Latest": found["LatestVersionNumber"], "$Default": found["DefaultVersionNumber"]}
        identity, version = found["LaunchTemplateId"], str(numbers.get(version, version))
    return _template(identity, version)


def _configuration(name: str) -> str:
    return f"launch configuration {name}"


def _template(identity: str, version: str) -> str:
    return f"launch template {identity} version {version}"


def _ec2_instances(ec2: Any, ids: list[str]) -> dict[str, Mapping[str, Any]]:
    """By id. A filter, because one id that EC2 no longer knows would make the whole call fail."""
    if not ids:
        return {}
    with aws_errors("read the instances", ", ".join(ids), ec2):
        pages = ec2.get_paginator("describe_instances").paginate(Filters=[{"Name": "instance-id", "Values": ids}])
        return {
            instance["InstanceId"]: instance
            for page in pages
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
        }


def _room(ec2: Any, subnets: list[str]) -> int:
    """How many free addresses the group's subnets have."""
    if not subnets:
        return UNLIMITED
    with aws_errors("read the subnets", ", ".join(subnets), ec2):
        found = ec2.describe_subnets(SubnetIds=subnets)["Subnets"]
    return sum(int(subnet["AvailableIpAddressCount"]) for subnet in found)


def _activities(client: Any, name: str) -> tuple[Activity, ...]:
    with aws_errors("read the scaling activities of", name, client):
        answer = client.describe_scaling_activities(AutoScalingGroupName=name, MaxRecords=ACTIVITIES)
    return tuple(_activity(entry) for entry in answer["Activities"])


def never_launched(client: Any, name: str) -> bool:
    """Whether a group, which may be deleted, has tried to launch instances and never got one.

    https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeScalingActivities.html
    """
    with aws_errors("read the scaling activities of", name, client):
        pages = client.get_paginator("describe_scaling_activities").paginate(
            AutoScalingGroupName=name, IncludeDeletedGroups=True
        )
        launches = [one for page in pages for one in map(_activity, page["Activities"]) if one.kind == "launch"]
    return bool(launches) and all(one.status == "Failed" for one in launches)


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
    with aws_errors("read the instance refreshes of", name, client):
        found = client.describe_instance_refreshes(AutoScalingGroupName=name, MaxRecords=1)["InstanceRefreshes"]
    return next((str(refresh["Status"]) for refresh in found if refresh["Status"] in REFRESHING), "")


def _instance(
    entry: Mapping[str, Any], launches: tuple[str, ...], ec2: Mapping[str, Any], in_service: Mapping[str, float]
) -> Instance:
    template = entry.get("LaunchTemplate") or {}
    launched_with = ""  # its launch configuration was deleted: surely not what the group launches now
    if entry.get("LaunchConfigurationName"):
        launched_with = _configuration(entry["LaunchConfigurationName"])
    elif template.get("LaunchTemplateId"):
        launched_with = _template(template["LaunchTemplateId"], str(template.get("Version", "")))
    identity = entry["InstanceId"]
    return Instance(
        instance_id=identity,
        state=entry["LifecycleState"],
        healthy=entry.get("HealthStatus", "").lower() == "healthy" and _alive(ec2),
        stale=launched_with not in launches,
        launched_at=ec2["LaunchTime"].timestamp() if ec2.get("LaunchTime") else 0.0,
        in_service_at=in_service.get(identity, 0.0),
        launched_with=launched_with,
        private_ip=ec2.get("PrivateIpAddress") or "",
        zone=entry.get("AvailabilityZone", ""),
        protected=bool(entry.get("ProtectedFromScaleIn")),
    )


def _alive(ec2: Mapping[str, Any]) -> bool:
    """What EC2 says of it; one that EC2 does not show (yet) is judged by its group alone."""
    return ec2.get("State", {}).get("Name", "running") in ALIVE


def resize(client: Any, group: str, sizes: Sizes) -> None:
    with aws_errors("change the sizes of the auto scaling group", group, client):
        client.update_auto_scaling_group(
            AutoScalingGroupName=group,
            MinSize=sizes.minimum,
            MaxSize=sizes.maximum,
            DesiredCapacity=sizes.desired,
        )


def terminate(client: Any, instance_id: str, *, decrement: bool) -> None:
    """An instance that is gone already is as good as terminated."""
    try:
        with aws_errors("terminate the instance", instance_id, client):
            client.terminate_instance_in_auto_scaling_group(
                InstanceId=instance_id, ShouldDecrementDesiredCapacity=decrement
            )
    except AwsError as error:
        if error.code != "ValidationError" or "not found" not in str(error).lower():
            raise


def note(client: Any, group: str, sizes: Sizes) -> None:
    """Keep a group's own sizes in a tag of it."""
    value = f"{sizes.minimum}/{sizes.maximum}/{sizes.desired}"
    _tagging(client, group, "create_or_update_tags", {"Value": value, "PropagateAtLaunch": False})


def forget(client: Any, group: str) -> None:
    """Drop that tag."""
    _tagging(client, group, "delete_tags", {})


def _tagging(client: Any, group: str, call: str, more: Mapping[str, Any]) -> None:
    tag = {"ResourceId": group, "ResourceType": "auto-scaling-group", "Key": NOTE, **more}
    operation: Callable[..., Any] = getattr(client, call)
    with aws_errors(f"note the sizes in the tag {NOTE} of the auto scaling group", group, client):
        operation(Tags=[tag])
