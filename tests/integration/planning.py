# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A system that exists, made by the modules, for tests of its plan and for the bench."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import shutil
from collections import Counter
from typing import Any

from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import state_table
from ansible_collections.datomic_onprem.aws.plugins.module_utils.git.history import blob
from ansible_collections.datomic_onprem.aws.plugins.module_utils.state.item import Holder, Run

from tests.emulator import Emulator
from tests.estate import LEGACY
from tests.integration.stacks import guard_stack
from tests.modules import CREDENTIALS, run_module

TAGS = {"team": "databases"}
RELEASE = "1.0.7705"


@dataclasses.dataclass
class System:
    """The example estate as it is after its first run. flavor, secrets: of its template.

    guarded: with guard rails, if modern. watched: with metrics, thus with alarms, if modern.
    """

    aws: Emulator
    directory: pathlib.Path
    flavor: str = "legacy"
    secrets: dict[str, str] = dataclasses.field(default_factory=dict)
    cf: dict[str, str] = dataclasses.field(default_factory=dict)
    guarded: bool = True
    watched: bool = False

    @property
    def files(self) -> dict[str, str]:
        return {
            "transactor_src": str(self.directory / "wormbase-transactor.properties"),
            "cf_src": str(self.directory / "wormbase-cf.properties"),
        }

    def create(self) -> None:
        shutil.copytree(LEGACY / "aws", self.directory)
        self.aws.configure(launch_configurations=True, scale=120)
        file = pathlib.Path(self.files["cf_src"])
        for key, value in self.cf.items():
            file.write_text(re.sub(rf"(?m)^{key}=.*$", f"{key}={value}", file.read_text()))
        if self.watched:
            with open(self.files["transactor_src"], "a") as transactor:
                transactor.write("aws-cloudwatch-region=us-east-1\naws-cloudwatch-dimension-value=wormbase\n")
        self.run("ensure_transactor", src=self.files["transactor_src"], defaults="secure", tags=TAGS)
        group = self.run("ensure_cf", src=self.files["cf_src"], tags=TAGS, datomic_version=RELEASE)["security_group_id"]
        modern: dict[str, Any] = {"tags": TAGS, "secrets": list(self.secrets)} if self.flavor == "modern" else {}
        if self.secrets:
            kept = self.run("ensure_secrets", path="/datomic/wormbase", secrets=self.secrets, tags=TAGS)
            modern["secrets_versions"] = kept["versions"]
        dest = self.directory / "wormbase.json"
        self.run("create_cf_template", **self.files, dest=str(dest), flavor=self.flavor, modern=modern)
        self.aws.backstage("cloudformation").create_stack(
            StackName="wormbase",
            TemplateBody=dest.read_text(),
            Tags=[{"Key": key, "Value": value} for key, value in TAGS.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        if self.flavor == "modern" and self.guarded:
            guard_stack(self.aws, "wormbase")
        self.record(group)

    def record(self, security_group: str = "", **differs: Any) -> None:
        """Record a run that has applied the files, as another machine does. differs: fields of the run."""
        client = self.aws.backstage("dynamodb")
        files = {name: blob(pathlib.Path(self.files[f"{name}_src"]).read_bytes()) for name in ("transactor", "cf")}
        at = "2026-11-28T12:00:00Z"
        caller = "arn:aws:iam::123456789012:user/anna"
        run = Run(
            **{"lock": "1a2b", "who": "anna@laptop", "caller": caller, "at": at, "place": "m1:/home/anna"}
            | {"files": files, "outcome": "applied"}
            | differs
        )
        holder = Holder(run.lock, run.who, run.caller, at, "m1", 7, "1")
        taken = state_table.take(client, state_table.read(client, "wormbase"), holder, run, "beat", 0.0)
        assert taken
        assert state_table.release(client, taken, run.lock, run, run, security_group or taken.security_group)

    def run(self, module: str, **params: Any) -> dict[str, Any]:
        done = run_module(module, {**CREDENTIALS, "endpoint_url": self.aws.url, **params})
        assert not done["failed"], done
        return done

    def plan(self, **params: Any) -> dict[str, Any]:
        """The result of plan_system, which may be a failure."""
        options: dict[str, Any] = {
            **self.files,
            "template": str(self.directory / "wormbase.json"),
            "stack_name": "wormbase",
            "secrets": self.secrets,
            "tags": TAGS,
            "datomic_version": RELEASE,
            "commit": False,
        }
        return run_module("plan_system", {**CREDENTIALS, "endpoint_url": self.aws.url, **options, **params})

    def calls_of_nothing_to_do(self, **params: Any) -> Counter[str]:
        """The calls of a plan without changes."""
        self.aws.clear_calls()
        planned = self.plan(**params)
        assert not planned["failed"], planned
        assert planned["plan"]["changes"] == []
        return Counter(f"{call.service}:{call.operation}" for call in self.aws.calls())
