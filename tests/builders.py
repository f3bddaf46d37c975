# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two properties files of a sound system, and changes to them, as text or parsed."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import Properties

Changes = Mapping[str, str | None]

STORAGE = {
    "protocol": "ddb",
    "host": "localhost",
    "port": "4334",
    "aws-dynamodb-table": "orders",
    "aws-dynamodb-region": "us-east-1",
}
TRANSACTOR = STORAGE | {
    "aws-transactor-role": "",
    "aws-peer-role": "",
    "aws-cloudwatch-region": "us-east-1",
    "aws-cloudwatch-dimension-value": "orders",
    "memory-index-threshold": "32m",
    "memory-index-max": "512m",
    "object-cache-max": "1g",
}
CF = {
    "aws-instance-type": "c4.large",
    "aws-region": "us-east-1",
    "aws-instance-monitoring": "true",
    "aws-autoscaling-group-size": "2",
    "java-xmx": "",
    "aws-security-group": "datomic",
    "aws-ingress-groups": "datomic",
    "datomic-version": "1.0.7277",
    "datomic-deploy-s3-bucket": "deploy",
}


def text(values: Changes, changes: Changes | None = None, /, **more: str | None) -> str:
    """The file with these values. more: keys with _ for -. A value of None leaves its key out."""
    merged = {**values, **(changes or {}), **{key.replace("_", "-"): value for key, value in more.items()}}
    return "".join(f"{key}={value}\n" for key, value in merged.items() if value is not None)


def parse(values: Changes, path: str = "x.properties", /, **more: str | None) -> Properties:
    """The same, read as the product reads it."""
    return Properties.parse(text(values, **more).encode(), path)
