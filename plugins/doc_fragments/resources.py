# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the table, the log bucket, the roles and the users."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  policies:
    description:
      - V(tool) writes the policies that C(bin/datomic) writes, with C(dynamodb:*) on the table in every region.
      - V(least_privilege) grants reading and writing items in the table's region, logs in the bucket, and metrics in
        the namespace C(Datomic). With it, a backup cannot be restored into a missing table.
      - A policy is written only if its meaning changes.
      - The default is V(tool). With secure defaults it is the kind of the existing policies, and V(least_privilege)
        for a system without policies.
    type: str
    choices: [tool, least_privilege]
  permissions_boundary:
    description:
      - The ARN of a managed policy, which becomes the permissions boundary of every role and user that is created.
      - An existing role or user without it is the warning C(permissions-boundary), with the command that sets it.
    type: str
  role_prefix:
    description:
      - The start of generated names of roles and users, such as V(datomic-aws-transactor). At most 48 characters.
      - Names in the file stay.
    type: str
    default: datomic-aws
  table_billing_mode:
    description:
      - The default for a new table is V(PROVISIONED).
      - V(PAY_PER_REQUEST) also changes an existing table. The change to V(PROVISIONED) is an error, because it would
        limit the table.
    type: str
    choices: [PROVISIONED, PAY_PER_REQUEST]
  table_read_capacity:
    description:
      - Read units, 100 by default for a new table.
      - Raises an existing table, and never lowers it. Tables on demand have none.
    type: int
  table_write_capacity:
    description:
      - Write units, 50 by default for a new table.
      - Raises an existing table, and never lowers it. Tables on demand have none.
    type: int
  table_max_read_capacity:
    description:
      - The most read units that Application Auto Scaling sets. The least is O(table_read_capacity), or else what the
        table has when auto scaling is set up.
      - Existing bounds are raised, and never lowered. Without this option auto scaling stays as it is. Tables on demand
        and DynamoDB Local have none.
    type: int
  table_max_write_capacity:
    description: The same for write units and O(table_write_capacity).
    type: int
  table_target_utilization:
    description:
      - The target of auto scaling, in percent of the units in use, from 20 to 90.
      - The default for a new scaling policy is 70. An existing one stays as it is.
    type: int
  table_point_in_time_recovery:
    description:
      - Whether DynamoDB keeps a history for point-in-time recovery. Without this option it stays as it is.
      - This does not replace M(datomic_onprem.aws.backup_db), whose copy holds every write up to one moment.
    type: bool
  table_deletion_protection:
    description: Whether DynamoDB refuses to delete the table. Without this option it stays as it is.
    type: bool
  bucket_block_public_access:
    description: Whether the log bucket blocks all public access. Without this option it stays as it is.
    type: bool
  bucket_encryption:
    description: The log bucket's default encryption. Without this option it stays as it is.
    type: str
    choices: [AES256, "aws:kms"]
  bucket_tls_only:
    description:
      - Whether a statement of the bucket policy denies requests without TLS. V(false) removes that statement. Other
        statements stay.
      - Without this option the bucket policy stays as it is.
    type: bool
  bucket_expiration_days:
    description:
      - Days until logs are deleted, by the lifecycle rule C(datomic-logs-expiration). Other rules stay.
      - Without this option the rule stays as it is.
    type: int
"""
