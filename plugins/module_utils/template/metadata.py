# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why each resource of the modern template is there, in the metadata that CloudFormation documents for it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-metadata.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KEY = "com.aws.cloudformation.Context"

ARCHITECTURE = {
    "arch": (
        "A group keeps one active Datomic transactor and its standbys running; each instance gets the release from S3, "
        "reads its secrets from Systems Manager, and stores in DynamoDB; alarms on its metrics go to a topic."
    ),
    "must": [
        "LaunchGroup keeps its logical id, or CloudFormation ends every transactor at once",
        "CloudFormation replaces no instance: that is done with a standby at hand",
    ],
}

WHY = {
    "LaunchGroup": "Keeps the transactors running: a damaged one is replaced together with its instance",
    "LaunchTemplate": "What an instance is, and the user data that starts its transactor",
    "TransactorPolicy": "What an instance needs at its start beside its table: release, secrets, signal",
    "AlarmTopic": "Where the alarms go, for people or a pager to subscribe to",
    "Dashboard": "What to look at first when an alarm goes off",
}
ALARM = "Tells of a state in which the system cannot write, or soon may not"


def explained(resources: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The same resources, each with its reason."""
    return {name: _explained(declared, WHY.get(name, ALARM)) for name, declared in resources.items()}


def _explained(declared: Mapping[str, Any], why: str) -> dict[str, Any]:
    metadata = {**declared.get("Metadata", {}), KEY: {"why": why}}
    return {
        "Type": declared["Type"],
        "Metadata": metadata,
        **{k: v for k, v in declared.items() if k not in ("Type", "Metadata")},
    }
