# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What other tools need of a transactor's resources: ARNs, and the URI that peers connect to. Pure."""

from __future__ import annotations

from ...actions import GENERATED
from ...properties.file import Properties
from .current import Current
from .desired import BUCKET, PEER_ROLE, TRANSACTOR_ROLE, Desired

OUTPUTS = {TRANSACTOR_ROLE: "transactor_role_arn", PEER_ROLE: "peer_role_arn"}


def outputs(desired: Desired, current: Current, after: Properties) -> dict[str, str]:
    """By name; without those that are not known before the run. after: the completed file.

    peer_uri: with {db} in the place of the database's name.
    """
    account, bucket, found = current.account, after.get(BUCKET), {}
    if desired.table and not desired.endpoint:
        found["peer_uri"] = f"datomic:ddb://{current.region}/{desired.table}/{{db}}"
        place = f"{account.partition}:dynamodb:{current.region}:{account.number}"
        found["table_arn"] = f"arn:{place}:table/{desired.table}" if account.number else ""
    if bucket and desired.own_bucket and GENERATED not in bucket:
        found["log_bucket_arn"] = f"arn:{account.partition}:s3:::{bucket}"
    for key, name in OUTPUTS.items():
        role, role_name = current.roles.get(key), after.get(key)
        new = f"arn:{account.partition}:iam::{account.number}:role/{role_name}" if account.number else ""
        if role and role_name:
            found[name] = role.arn or new
    return {name: value for name, value in found.items() if value}
