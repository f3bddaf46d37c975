# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A system on the emulator, created and updated by the modules themselves: what a plan is made for."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import re
import subprocess
from collections.abc import Iterator
from typing import Any

from tests.emulator import Emulator
from tests.integration.stacks import guard_stack
from tests.modules import CREDENTIALS, run_module

TRANSACTOR = """\
# The transactor of {name}.
protocol=ddb
host=localhost
port=4334

# Storage
aws-dynamodb-table={name}
aws-dynamodb-region=us-east-1
aws-transactor-role=
aws-peer-role=

# Memory
memory-index-threshold=32m
memory-index-max=512m
object-cache-max=1g

# Logs and metrics
aws-s3-log-bucket-id=
aws-cloudwatch-region=us-east-1
aws-cloudwatch-dimension-value={name}
"""
CF = """\
# Instances
aws-instance-type={instance_type}
aws-region=us-east-1
aws-instance-monitoring=true
aws-autoscaling-group-size=2
java-xmx=

# Network
aws-security-group={name}
aws-ingress-cidrs=10.0.0.0/8

# Release
datomic-version={release}
datomic-deploy-s3-bucket={bucket}
"""
BUCKETS = {"legacy": "deploy-a0dbc565-faf2-4760-9b7e-29a8e45f428e", "modern": "datomic-pro-downloads"}
BOOT_SECONDS = 300.0


@dataclasses.dataclass
class System:
    """One system: its files in a git repository. secrets: property to value."""

    aws: Emulator
    directory: pathlib.Path
    name: str = "orders"
    flavor: str = "modern"
    release: str = "1.0.7705"
    instance_type: str = "c7g.large"
    secrets: dict[str, str] = dataclasses.field(default_factory=dict)
    tags: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.aws.configure(launch_configurations=True, simulator=True)
        (self.directory / "aws").mkdir(parents=True, exist_ok=True)
        values = {**vars(self), "bucket": BUCKETS[self.flavor]}
        (self.directory / self.transactor).write_text(TRANSACTOR.format_map(values))
        (self.directory / self.cf).write_text(CF.format_map(values))
        if not (self.directory / ".git").exists():
            self.git("init", "--quiet", "--initial-branch", "main")
            self.git("config", "user.name", "Operator")
            self.git("config", "user.email", "operator@example.com")
        self.commit()

    @property
    def transactor(self) -> str:
        return f"aws/{self.name}-transactor.properties"

    @property
    def cf(self) -> str:
        return f"aws/{self.name}-cf.properties"

    @property
    def template(self) -> str:
        return f"aws/{self.name}-cf.json"

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.directory, check=True, capture_output=True)

    def commit(self) -> None:
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "--message", "As it was")

    def edit(self, file: str, commit: bool = True, **values: str) -> None:
        """Set keys that the file has; underscores stand for hyphens."""
        path = self.directory / file
        text = path.read_text()
        for name, value in values.items():
            text, found = re.subn(rf"(?m)^{name.replace('_', '-')}=.*$", f"{name.replace('_', '-')}={value}", text)
            assert found == 1, f"{file} has {found} lines with the key {name}"
        path.write_text(text)
        if commit:
            self.commit()

    def value(self, file: str, key: str) -> str:
        (found,) = re.findall(rf"(?m)^{key}=(.*)$", (self.directory / file).read_text())
        return str(found)

    def module(self, name: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
        result = run_module(name, {**CREDENTIALS, "endpoint_url": self.aws.url, **options}, check=check)
        assert not result["failed"], result["msg"]
        return result

    def plan(self, *, check: bool = True, **options: Any) -> dict[str, Any]:
        """The result of plan_system, or its failure. options: in addition to those that the role always passes."""
        given = {
            "transactor_src": str(self.directory / self.transactor),
            "cf_src": str(self.directory / self.cf),
            "template": str(self.directory / self.template),
            "directory": str(self.directory),
            "stack_name": self.name,
            "engine": "native",
            "secrets": self.secrets,
            "tags": self.tags,
            **options,
        }
        return run_module("plan_system", {**CREDENTIALS, "endpoint_url": self.aws.url, **given}, check=check)

    @contextlib.contextmanager
    def edited(self, file: str, **values: str) -> Iterator[None]:
        """Inside, and committed, the file has these values."""
        before = (self.directory / file).read_text()
        self.edit(file, True, **values)
        yield
        (self.directory / file).write_text(before)
        self.commit()

    def provision(self) -> None:
        """Everything but the stack."""
        transactor, cf = str(self.directory / self.transactor), str(self.directory / self.cf)
        common: dict[str, Any] = {"engine": "native", "stack_name": self.name, "tags": self.tags}
        self.module("ensure_transactor", src=transactor, defaults="secure", secrets=[*self.secrets], **common)
        self.module("ensure_cf", src=cf, transactor_src=transactor, **common)
        versions: dict[str, int] = {}
        if self.secrets:
            kept = self.module("ensure_secrets", path=f"/datomic/{self.name}", secrets=self.secrets, tags=self.tags)
            versions = kept["versions"]
        modern = {"tags": self.tags, "secrets": [*self.secrets], "secrets_versions": versions}
        self.module(
            "create_cf_template",
            transactor_src=transactor,
            cf_src=cf,
            dest=str(self.directory / self.template),
            flavor=self.flavor,
            engine="native",
            modern=modern if self.flavor == "modern" else {},
        )

    def apply(self) -> None:
        """As a run that replaces no transactor, which a new system has no need of."""
        self.provision()
        self.stack((self.directory / self.template).read_text())
        self.commit()
        self.aws.advance(BOOT_SECONDS)

    def stack(self, body: str) -> None:
        """Create or update the stack."""
        cloudformation = self.aws.backstage("cloudformation")
        stacks = [one["StackName"] for one in cloudformation.describe_stacks()["Stacks"]]
        call = cloudformation.update_stack if self.name in stacks else cloudformation.create_stack
        try:
            call(
                StackName=self.name,
                TemplateBody=body,
                Capabilities=["CAPABILITY_IAM"],
                Tags=[{"Key": key, "Value": value} for key, value in self.tags.items()],
            )
        except cloudformation.exceptions.ClientError as error:
            if "No updates" not in str(error):
                raise
        if self.flavor == "modern":
            guard_stack(self.aws, self.name)

    def group(self) -> dict[str, Any]:
        groups = self.aws.backstage("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        (found,) = [one for one in groups if f"{self.name}-" in one["AutoScalingGroupName"]]
        return dict(found)
