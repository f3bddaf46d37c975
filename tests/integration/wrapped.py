# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the engine cli share: an emulated AWS, a distribution, and the files of a system."""

from __future__ import annotations

import pathlib
from typing import Any

from tests import builders, fake_cli
from tests.emulator import Emulator
from tests.modules import CREDENTIALS, run_module

CF = builders.text(
    builders.CF,
    aws_autoscaling_group_size="1",
    java_xmx=None,
    aws_ingress_groups=None,
    datomic_version=None,
)
TRANSACTOR = "protocol=ddb\nhost=h\nport=4334\naws-dynamodb-table=t\naws-transactor-role=r\n"


class Site:
    def __init__(self, root: pathlib.Path, aws: Emulator) -> None:
        self.root = root
        self.aws = aws
        self.home = fake_cli.build(root)
        self.java = fake_cli.java(root / "jdk")

    def file(self, text: str, name: str = "in.properties") -> pathlib.Path:
        path = self.root / name
        path.write_text(text)
        return path

    @property
    def common(self) -> dict[str, Any]:
        """The options of every module that lets this distribution work."""
        return {
            **CREDENTIALS,
            "endpoint_url": self.aws.url,
            "engine": "cli",
            "datomic_home": str(self.home),
            "java_home": str(self.java),
        }

    def run(self, module: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
        return run_module(module, {**self.common, **options}, check=check)

    def templates(self) -> dict[str, Any]:
        """The options of create_cf_template, with its files in place."""
        transactor = self.file(TRANSACTOR, "tx.properties")
        cf = self.file(CF + "java-xmx=2625m\njava-opts=\ndatomic-version=1.0.7277\n", "cf.properties")
        return {"transactor_src": str(transactor), "cf_src": str(cf), "dest": str(self.root / "cf.json")}

    def tool(self, script: str) -> None:
        """Put a script in the place of bin/datomic."""
        (self.home / "bin" / "datomic").write_text("#!/bin/sh\n" + script)

    def left(self) -> dict[str, Any]:
        iam, s3 = self.aws.backstage("iam"), self.aws.backstage("s3")
        return {
            "roles": sorted(role["RoleName"] for role in iam.list_roles()["Roles"]),
            "profiles": sorted(
                f"{entry['InstanceProfileName']}: {entry['Roles'][0]['RoleName'] if entry['Roles'] else ''}"
                for entry in iam.list_instance_profiles()["InstanceProfiles"]
            ),
            "buckets": [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]],
        }
