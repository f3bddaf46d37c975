# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end state of a system, random parts aside: what two runs are compared by."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import state_table
from ansible_collections.datomic_onprem.aws.plugins.module_utils.state.item import TABLE
from botocore.exceptions import ClientError

from tests.emulator import Emulator

if TYPE_CHECKING:
    from tests.chaos.system import System

RANDOM = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # of a bucket, of a stack's id
    r"|\b(?:sg|vpc|subnet|lt|r|sgr)-[0-9a-f]{8,17}\b"
    r"|(?<=wormbase-LaunchGroup-)[0-9A-Za-z]+|(?<=wormbase-LaunchConfig-)[0-9A-Za-z]+"
    r"|(?<=/leases/)[0-9a-f]{12}|(?<=current-instances\", \")[0-9a-f]{12}|\bi-[0-9a-f]{17}\b"
)
"""The same name everywhere is what counts, not which."""
MADE_UP = re.compile(r"((?:access-key-id|secret-key)=)[A-Za-z0-9+/]{16,}")
ACCOUNT = (
    *("account", "groups", "launches", "stacks", "iam", "parameters", "tables", "buckets", "security", "alarms"),
    "records",
)
"""The parts that are AWS's; the others are the system's files and git."""
LEFT_ASIDE = re.compile(
    r"^home/\.ansible/tmp(/|$)|^tmp/(ansible|pymp-)|_payload_|^output$"
    r"|(^|/)objects/([0-9a-f]{2}|pack)(/[0-9a-f]{38}|/pack-.*)?$"
)
"""What Ansible itself leaves when it is killed, and git's objects: what nothing refers to any more stays."""
FOR_THE_NEXT = re.compile(r"/\.git/datomic-register(/|$)|/leases/")
"""What a killed run leaves behind for the next one with something to do, which removes it."""


def of(system: System) -> dict[str, Any]:
    """Each part in a form that JSON holds."""
    aws = system.aws
    files = files_of(system)
    found = {
        **account(aws, files),
        "files": files,
        "modes": {path.name: oct(path.stat().st_mode) for path in system.files()},
        "status": status(system),
        "commits": commits(system),
        "left": left(system),
    }
    return normalised(found)


def normalised(found: dict[str, Any]) -> dict[str, Any]:
    settled: dict[str, Any] = json.loads(_without_random_parts(found))
    return settled


def files_of(system: System) -> dict[str, str]:
    return {path.name: path.read_text() for path in system.files()}


def status(system: System) -> str:
    return system.git("--no-optional-locks", "status", "--porcelain")


def account(aws: Emulator, files: dict[str, str]) -> dict[str, Any]:
    """The parts that are AWS's. files: that hold access keys."""
    return {
        "account": aws.snapshot(),
        "groups": groups(aws),
        "launches": launches(aws),
        "stacks": stacks(aws),
        "iam": iam(aws, files),
        "parameters": parameters(aws),
        "tables": tables(aws),
        "buckets": buckets(aws),
        "security": [
            group.get("Tags", []) for group in _described(aws, "ec2", "SecurityGroups", "describe_security_groups")
        ],
        "alarms": sorted(
            alarm["AlarmName"] for alarm in _described(aws, "cloudwatch", "MetricAlarms", "describe_alarms")
        ),
        "records": records(aws),
    }


def as_of_nothing_to_do(found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The state after a run with nothing to do that followed a killed one.

    It writes nothing, so the lock of the killed run stays until the next run with something to do, which gets it.
    """
    more = [name for name in found.get("left", []) if name not in wanted["left"] and FOR_THE_NEXT.search(name)]
    left = {"left": [name for name in found["left"] if name not in more]} if more else {}
    return {**found, **left, "records": wanted["records"]}


def left_behind(system: System) -> str:
    """The state, with the size of every file: half of one is another state than the whole of it."""
    sizes = [[name, (system.base / name).lstat().st_size] for name in left(system)]
    return _without_random_parts([of(system), sizes])


def _without_random_parts(found: object) -> str:
    names: dict[str, str] = {}
    text = MADE_UP.sub(r"\1made", json.dumps(found, sort_keys=True, default=str))
    return RANDOM.sub(lambda match: names.setdefault(match[0], f"random-{len(names)}"), text)


def _described(aws: Emulator, service: str, key: str, call: str, **options: Any) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = getattr(aws.backstage(service), call)(**options)[key]
    return answer


def groups(aws: Emulator) -> list[dict[str, Any]]:
    """Sizes, what is suspended, and of each instance whether it runs what the group says."""
    return [
        {
            "sizes": [group["MinSize"], group["DesiredCapacity"], group["MaxSize"]],
            "suspended": sorted(process["ProcessName"] for process in group["SuspendedProcesses"]),
            "instances": sorted(
                [each["LifecycleState"], each["HealthStatus"], "fresh" if _launch(each) == _launch(group) else "stale"]
                for each in group["Instances"]
            ),
            "tags": sorted((tag["Key"], tag["Value"]) for tag in group["Tags"]),
        }
        for group in _described(aws, "autoscaling", "AutoScalingGroups", "describe_auto_scaling_groups")
    ]


def _launch(of: dict[str, Any]) -> tuple[Any, Any]:
    return of.get("LaunchConfigurationName"), of.get("LaunchTemplate")


def launches(aws: Emulator) -> list[Any]:
    """Launch configurations and templates, by what they say."""
    named = ("LaunchConfigurationARN", "CreatedTime")
    configurations = _described(aws, "autoscaling", "LaunchConfigurations", "describe_launch_configurations")
    templates = _described(aws, "ec2", "LaunchTemplates", "describe_launch_templates")
    return [
        *(
            {key: value for key, value in each.items() if key not in named}
            | {"UserData": base64.b64decode(each.get("UserData", "")).decode()}
            for each in configurations
        ),
        *((each["LaunchTemplateName"], each["LatestVersionNumber"]) for each in templates),
    ]


def stacks(aws: Emulator) -> list[dict[str, Any]]:
    client = aws.backstage("cloudformation")
    return [
        {
            "status": [stack["StackName"], stack["StackStatus"]],
            "template": client.get_template(StackName=stack["StackName"])["TemplateBody"],
            "parameters": stack.get("Parameters", []),
            "tags": stack["Tags"],
            "change sets": len(client.list_change_sets(StackName=stack["StackName"])["Summaries"]),
        }
        for stack in client.describe_stacks()["Stacks"]
    ]


def iam(aws: Emulator, files: dict[str, str]) -> dict[str, Any]:
    """Managed policies, tags, and whether each access key is the one that a file holds."""
    client = aws.backstage("iam")
    held = "\n".join(files.values())
    return {
        "policies": sorted(policy["PolicyName"] for policy in client.list_policies(Scope="Local")["Policies"]),
        "roles": {
            role["RoleName"]: [
                client.list_role_tags(RoleName=role["RoleName"])["Tags"],
                client.list_attached_role_policies(RoleName=role["RoleName"])["AttachedPolicies"],
            ]
            for role in client.list_roles()["Roles"]
        },
        "users": {
            user["UserName"]: [
                client.list_user_tags(UserName=user["UserName"])["Tags"],
                [
                    [key["Status"], f"={key['AccessKeyId']}\n" in held]
                    for key in client.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"]
                ],
            ]
            for user in client.list_users()["Users"]
        },
    }


def parameters(aws: Emulator) -> list[list[Any]]:
    """Of Systems Manager: name, type, value, version."""
    pages = aws.backstage("ssm").get_paginator("get_parameters_by_path")
    found = [
        one for page in pages.paginate(Path="/", Recursive=True, WithDecryption=True) for one in page["Parameters"]
    ]
    return [
        [one["Name"], one["Type"], one["Value"], one["Version"]] for one in found if not one["Name"].startswith("/aws/")
    ]


def tables(aws: Emulator) -> dict[str, Any]:
    client = aws.backstage("dynamodb")
    found = {}
    for name in client.list_tables()["TableNames"]:
        table = client.describe_table(TableName=name)["Table"]
        backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        found[name] = [
            table.get("BillingModeSummary", {}).get("BillingMode"),
            table.get("DeletionProtectionEnabled"),
            backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
            client.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"],
        ]
    return found


def records(aws: Emulator) -> list[Any]:
    """The shared state of each system: who has its lock, the generated names, and how the last runs have ended."""
    client = aws.backstage("dynamodb")
    if TABLE not in client.list_tables()["TableNames"]:
        return []
    systems = sorted(item["system"]["S"] for item in client.scan(TableName=TABLE)["Items"])
    found = [state_table.read(client, system) for system in systems]
    return [
        [
            one.system,
            one.holder and one.holder.who,
            one.names,
            *(run and run.outcome for run in (one.attempt, one.applied)),
        ]
        for one in found
    ]


def buckets(aws: Emulator) -> dict[str, Any]:
    client = aws.backstage("s3")
    asked = (
        "get_bucket_tagging",
        "get_bucket_encryption",
        "get_public_access_block",
        "get_bucket_lifecycle_configuration",
    )
    return {
        bucket["Name"]: [_answer(client, call, bucket["Name"]) for call in asked]
        for bucket in client.list_buckets()["Buckets"]
    }


def _answer(client: Any, call: str, name: str) -> Any:
    """What is set, or what the service says when nothing is."""
    try:
        answer = getattr(client, call)(Bucket=name)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def commits(system: System) -> list[str]:
    """Oldest first: each commit's subject and files."""
    log = system.git("log", "--reverse", "--format=%x00%s", "--name-only")
    return [" ".join(commit.split("\n")).strip() for commit in log.split("\0")[1:]]


def left(system: System) -> list[str]:
    """Every file and directory beside and below the estate, git's own included."""
    names = (str(path.relative_to(system.base)) for path in system.base.rglob("*"))
    return sorted(name for name in names if not LEFT_ASIDE.search(name))
