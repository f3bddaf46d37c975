#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Provision what a transactor's properties file asks for: table, log bucket, roles or users, and their policies."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ensure_transactor
short_description: Provision what a transactor's properties file asks for
version_added: 1.0.0
author:
  - Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Does what C(bin/datomic ensure-transactor) does. Creates the DynamoDB table, the log bucket, and the roles (or,
    deprecated, the users) of transactor and peer with their policies, when they are missing, and writes generated
    names into the file.
  - Every generated name is in the file, on disk, before anything of that name is created. A run that was interrupted is
    continued by the next one.
  - Blank values, as in C(aws-transactor-role=), are asked to be generated. An access key that is made is written into
    the file before anything else happens.
  - What exists is never deleted, never made smaller, and its tags stay as they are. Policies of other names are left
    alone. On a role they are the warning C(role-policy-unknown), or C(role-policy-all) when they grant everything. A
    trust policy that lets others in is the warning C(role-trust-others).
  - With a C(protocol) that is not C(ddb) or C(ddb-local) the file is checked, and a role that it names gets the
    policies for logs and metrics.
options:
  src:
    description: The transactor's properties file.
    type: path
    required: true
  dest:
    description:
      - Where the completed file is written. By default O(src), in place.
      - Values that an earlier run generated into it are kept while they are blank in O(src). Then it has to be a sound
        properties file; otherwise it is replaced, whatever it holds.
    type: path
  secrets:
    description:
      - Properties whose values are not in the file, because M(datomic_onprem.aws.ensure_secrets) keeps them. A storage
        that needs them, such as C(sql) its C(sql-url), does not lack them.
    type: list
    elements: str
    default: []
  tags:
    description:
      - Tags for everything that is created.
      - Resources that exist keep the tags that they have. Only a log bucket that has none gets them, because S3 tags a
        bucket in a call of its own, which a run that was interrupted may not have made.
    type: dict
    default: {}
  policies:
    description:
      - V(tool) writes the policies that C(bin/datomic) writes, with C(dynamodb:*) on the table in every region.
      - V(least_privilege) grants reading and writing items in the table's region only, logs below the bucket, and
        metrics in the namespace C(Datomic). Restoring a backup into a table that is missing is not possible with it.
      - A policy is written only when it does not mean the same already.
      - By default it is V(tool). With O(defaults=secure) it is the kind that the system's policies have, and
        V(least_privilege) for a system that has none of them yet.
    type: str
    choices: [tool, least_privilege]
  defaults:
    description:
      - What is new gets by V(secure) what is safe, where no other option says it, and by V(tool) what C(bin/datomic)
        gives it. A log bucket that is created blocks all public access, is encrypted (V(AES256)) and takes nothing
        without TLS. A system without policies gets those of O(policies=least_privilege).
      - What exists keeps what it has. A new bucket carries the tag C(datomic-onprem:unfinished) until its settings are
        written, so that they are written by the next run when one was killed in between. With a boto3 before 1.42 this
        tag takes a call of its own, and a run that is killed right before that leaves a bucket that counts as existing.
        So does a run of O(engine=cli) that is killed.
    type: str
    choices: [tool, secure]
    default: tool
  permissions_boundary:
    description:
      - The ARN of the managed policy that is put as permissions boundary on every role and user that is created.
      - One that exists keeps what it has. Without this boundary, or with another one, it is the warning
        C(permissions-boundary) with the command that sets it.
    type: str
  role_prefix:
    description:
      - How the names of roles and users begin that are generated, V(datomic-aws-transactor) or
        V(datomic-aws-dynamodb-peer) by default.
      - Names that the file has stay as they are. At most 48 characters.
    type: str
    default: datomic-aws
  stack_name:
    description:
      - The system's stack. The policy that its modern template puts on the transactor's role is known by that, and is
        none of those that the warning C(role-policy-unknown) names.
    type: str
  table_billing_mode:
    description:
      - A new table is V(PROVISIONED) by default.
      - An existing provisioned table can be put on demand, V(PAY_PER_REQUEST). The other way is an error, as it would
        limit the table.
    type: str
    choices: [PROVISIONED, PAY_PER_REQUEST]
  table_read_capacity:
    description:
      - Read units. A new table has 100 by default.
      - An existing table is only ever raised to it. Tables on demand have none.
    type: int
  table_write_capacity:
    description:
      - Write units. A new table has 50 by default.
      - An existing table is only ever raised to it. Tables on demand have none.
    type: int
  table_max_read_capacity:
    description:
      - Read units up to which Application Auto Scaling raises a provisioned table when it is used more, and from which
        it lowers it again, down to O(table_read_capacity) or what the table has when auto scaling is set up.
      - Bounds that exist are only ever raised. Tables on demand and DynamoDB Local have none. Without this option auto
        scaling is left as it is.
    type: int
  table_max_write_capacity:
    description: The same for write units and O(table_write_capacity).
    type: int
  table_target_utilization:
    description:
      - Percent of the units in use that auto scaling aims at, from 20 to 90.
      - A new scaling policy has 70 by default, an existing one stays as it is.
    type: int
  table_point_in_time_recovery:
    description:
      - Whether DynamoDB keeps a history from which the table can be restored. Without this option it is left as it is.
      - It is no backup of Datomic, which needs a copy that holds every write up to one moment. Use C(bin/datomic
        backup-db) for that.
    type: bool
  table_deletion_protection:
    description: Whether DynamoDB refuses to delete the table. Without this option it is left as it is.
    type: bool
  bucket_block_public_access:
    description: Whether all public access to the log bucket is blocked. Without this option it is left as it is.
    type: bool
  bucket_encryption:
    description: The log bucket's default encryption. Without this option it is left as it is.
    type: str
    choices: [AES256, "aws:kms"]
  bucket_tls_only:
    description:
      - Whether a statement of the bucket policy denies every request to the log bucket that does not come over TLS.
        Other statements stay. V(false) takes that statement out again.
      - Without this option the bucket policy is left as it is.
    type: bool
  bucket_expiration_days:
    description:
      - Days after which logs are deleted, by a lifecycle rule named C(datomic-logs-expiration). Other rules of the
        bucket stay.
      - Without this option it is left as it is.
    type: int
attributes:
  check_mode:
    support: full
    details: A random part of a name that is only made in the real run shows as C(<generated>).
  diff_mode:
    support: full
    details: Values of secret properties are masked.
  idempotent:
    support: full
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datomic_onprem.aws.accept
  - datomic_onprem.aws.account
  - datomic_onprem.aws.engine
  - datomic_onprem.aws.attributes
  - datomic_onprem.aws.attributes.action_group
notes:
  - The table is made in the file's C(aws-dynamodb-region), and a missing log bucket too, whatever O(region) says.
  - IAM takes some seconds to know what was just created. Calls that depend on it are tried again for up to a minute.
    A table is awaited for up to five minutes, the transactor's instance profile and a new bucket for up to one.
  - Users with access keys (C(aws-dynamodb-user) and its like) are deprecated, and give a warning.
seealso:
  - module: datomic_onprem.aws.ensure_cf
  - module: datomic_onprem.aws.create_cf_template
"""

EXAMPLES = r"""
- name: Complete the file in place
  datomic_onprem.aws.ensure_transactor:
    src: aws/orders-transactor.properties

- name: A table on demand that cannot be deleted, private logs for 90 days, and policies of least privilege
  datomic_onprem.aws.ensure_transactor:
    src: aws/orders-transactor.properties
    account_id: "123456789012"
    policies: least_privilege
    table_billing_mode: PAY_PER_REQUEST
    table_deletion_protection: true
    bucket_block_public_access: true
    bucket_expiration_days: 90
    tags:
      team: orders

- name: Keep the file with blank names, and write the completed one beside it
  datomic_onprem.aws.ensure_transactor:
    src: aws/orders-transactor.properties
    dest: build/orders-transactor.properties
"""

RETURN = r"""
engine:
  description: Which engine worked, V(native) or V(cli).
  returned: success
  type: str
  sample: native
engine_reason:
  description: Why it was this engine.
  returned: success
  type: str
  sample: preferred by auto
prediction:
  description:
    - Whether this is the native engine's answer to what the tool would do, as check mode is with O(engine=cli).
  returned: success
  type: bool
  sample: false
actions:
  description: What was done to AWS, or would be done, in this order.
  returned: success
  type: list
  elements: dict
  contains:
    service:
      description: The service's prefix in IAM.
      returned: always
      type: str
      sample: iam
    resource:
      description: The kind of resource.
      returned: always
      type: str
      sample: role
    name:
      description: The resource's name. For an inline policy, the role's or user's name, a slash, and the policy's name.
      returned: always
      type: str
      sample: datomic-aws-transactor
    change:
      description:
        - What happens to it, V(create), V(update) or V(delete). Only access keys whose secret was lost are deleted.
      returned: always
      type: str
      sample: create
  sample:
    - {service: dynamodb, resource: table, name: orders, change: create}
    - {service: iam, resource: role, name: datomic-aws-transactor, change: create}
    - {service: iam, resource: instance_profile, name: datomic-aws-transactor, change: create}
    - {service: iam, resource: role_policy, name: datomic-aws-transactor/orders-transactor, change: create}
generated:
  description:
    - The values that were filled in, by key. Secrets are masked.
    - After a failure half way, those that are in the file already, for the next run to go on with.
  returned: success, or when a change failed half way
  type: dict
  sample: {aws-transactor-role: datomic-aws-transactor, aws-peer-role: datomic-aws-peer}
properties:
  description: All properties of the file afterwards. Secrets are masked.
  returned: success
  type: dict
  sample: {protocol: ddb, host: localhost, port: "4334", aws-dynamodb-table: orders, sql-password: "********"}
findings:
  description: What is wrong with the file or with what it refers to. Nothing was changed.
  returned: when something is
  type: list
  elements: dict
  contains:
    rule:
      description: The name of the rule that found it.
      returned: always
      type: str
      sample: required-key
    message:
      description: What was found.
      returned: always
      type: str
      sample: "Missing property: host"
    severity:
      description: V(error).
      returned: always
      type: str
      sample: error
    file:
      description: The file.
      returned: always
      type: str
      sample: aws/orders-transactor.properties
    line:
      description: The line, 0 for a key that is not there.
      returned: always
      type: int
      sample: 4
    key:
      description: The property.
      returned: always
      type: str
      sample: host
    reason:
      description: The reason of the rule.
      returned: always
      type: str
      sample: the transactor does not start without it
    source:
      description: Where the rule comes from.
      returned: always
      type: str
      sample: https://docs.datomic.com/operation/storage.html
    suggestion:
      description: What to write instead.
      returned: always
      type: str
      sample: write host=… with a value
error_code:
  description: The code of an error of AWS, empty when AWS did not answer.
  returned: when a call of AWS failed
  type: str
  sample: AccessDenied
"""

from ansible_collections.datomic_onprem.aws.plugins.module_utils import rules
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.cli import engine
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.ensure_transactor import ensure
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run
from ansible_collections.datomic_onprem.aws.plugins.module_utils.system import ROLE_PREFIX


def main() -> None:
    spec = {
        "src": {"type": "path", "required": True},
        "dest": {"type": "path"},
        "account_id": {"type": "str"},
        "tags": {"type": "dict", "default": {}},
        "policies": {"type": "str", "choices": ["tool", "least_privilege"]},
        "defaults": {"type": "str", "choices": ["tool", "secure"], "default": "tool"},
        "permissions_boundary": {"type": "str"},
        "role_prefix": {"type": "str", "default": ROLE_PREFIX},
        "stack_name": {"type": "str"},
        "table_billing_mode": {"type": "str", "choices": ["PROVISIONED", "PAY_PER_REQUEST"]},
        "table_read_capacity": {"type": "int"},
        "table_write_capacity": {"type": "int"},
        "table_max_read_capacity": {"type": "int"},
        "table_max_write_capacity": {"type": "int"},
        "table_target_utilization": {"type": "int"},
        "table_point_in_time_recovery": {"type": "bool"},
        "table_deletion_protection": {"type": "bool"},
        "bucket_block_public_access": {"type": "bool"},
        "bucket_encryption": {"type": "str", "choices": ["AES256", "aws:kms"]},
        "bucket_tls_only": {"type": "bool"},
        "bucket_expiration_days": {"type": "int"},
        **rules.SPEC,
        **rules.SECRETS_SPEC,
        **engine.SPEC,
    }
    module = AnsibleAWSModule(argument_spec=spec, supports_check_mode=True)
    run(module, lambda: ensure(Aws(module), module.params, check_mode=module.check_mode))


if __name__ == "__main__":
    main()
