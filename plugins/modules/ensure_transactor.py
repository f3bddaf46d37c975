#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Provision what a transactor's properties file asks for: table, log bucket, roles or users, and their policies."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ensure_transactor
short_description: Create table, log bucket and roles of a Datomic system
version_added: 1.0.0
author:
  - Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Does what C(bin/datomic ensure-transactor) does. Creates the missing DynamoDB table, log bucket, and roles (or,
    deprecated, users) of transactor and peer with their policies.
  - A blank value, as in C(aws-transactor-role=), requests a generated one. Every generated name is in the file, on
    disk, before its resource is created, and every new access key before anything else happens. After an interruption,
    run the module again.
  - Existing resources are never deleted or made smaller, and keep their tags. Policies of other programs stay. On a
    role they are the warning C(role-policy-unknown), or C(role-policy-all) if they grant everything. A trust policy
    that admits others is the warning C(role-trust-others).
  - With a C(protocol) other than C(ddb) and C(ddb-local), the file is checked, and its roles get the policies for logs
    and metrics.
options:
  src:
    description: The transactor's properties file.
    type: path
    required: true
  dest:
    description:
      - The completed file. The default is O(src), in place.
      - Values that an earlier run generated into it stay while they are blank in O(src). Then it has to be a valid
        properties file. Otherwise it is replaced.
    type: path
  secrets:
    description:
      - Properties whose values M(datomic_onprem.aws.ensure_secrets) keeps, such as C(sql-url). They count as present.
    type: list
    elements: str
    default: []
  tags:
    description:
      - Tags of everything that is created.
      - Existing resources keep their tags. Only a log bucket without any tag gets them, because an interrupted run may
        have created it.
    type: dict
    default: {}
  defaults:
    description:
      - The settings of new resources that no other option sets. V(tool) is what C(bin/datomic) sets.
      - With V(secure) a new log bucket blocks public access, is encrypted (V(AES256)) and requires TLS, and a system
        without policies gets those of O(policies=least_privilege). Existing resources keep their settings.
      - A new bucket has the tag C(datomic-onprem:unfinished) until all settings are written, so that the next run
        completes it. A run that is killed before the tag is written leaves a bucket that counts as existing. This can
        happen with boto3 before 1.42 and with O(engine=cli).
    type: str
    choices: [tool, secure]
    default: tool
  stack_name:
    description:
      - The system's stack. The warning C(role-policy-unknown) ignores the policy that its modern template adds to the
        transactor's role.
    type: str
attributes:
  check_mode:
    support: full
    details: The random part of a name is shown as C(<generated>).
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
  - datomic_onprem.aws.resources
  - datomic_onprem.aws.attributes
  - datomic_onprem.aws.attributes.action_group
notes:
  - The region of table and log bucket is the file's C(aws-dynamodb-region), whatever O(region) says.
  - The module waits up to five minutes for a table, and up to one minute for a bucket, the transactor's instance
    profile and other resources of IAM.
  - Users with access keys (C(aws-dynamodb-user) and similar keys) are deprecated.
seealso:
  - module: datomic_onprem.aws.ensure_cf
  - module: datomic_onprem.aws.create_cf_template
"""

EXAMPLES = r"""
- name: Complete the file in place
  datomic_onprem.aws.ensure_transactor:
    src: aws/orders-transactor.properties

- name: Table on demand that cannot be deleted, private logs for 90 days, policies of least privilege
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

- name: Keep the file with blank names, and write the completed one to another file
  datomic_onprem.aws.ensure_transactor:
    src: aws/orders-transactor.properties
    dest: build/orders-transactor.properties
"""

RETURN = r"""
seconds:
  description: How long the task took.
  returned: always
  type: float
  sample: 2.4
engine:
  description: The engine that did the work, V(native) or V(cli).
  returned: success
  type: str
  sample: native
engine_reason:
  description: Why this engine did the work.
  returned: success
  type: str
  sample: preferred by auto
prediction:
  description: Whether the result is the native engine's plan, as in check mode with O(engine=cli).
  returned: success
  type: bool
  sample: false
actions:
  description: The changes in AWS, in order. In check mode, the planned ones.
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
        - V(create), V(update) or V(delete). Only access keys whose secret was lost are deleted.
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
    - The generated values, by key. Secrets are masked.
    - After a partial failure, the values that the file already has. The next run continues with them.
  returned: success, or after a partial failure
  type: dict
  sample: {aws-transactor-role: datomic-aws-transactor, aws-peer-role: datomic-aws-peer}
outputs:
  description:
    - What other tools need. C(peer_uri), in which C({db}) is the name of a database, C(table_arn), C(log_bucket_arn),
      C(transactor_role_arn) and C(peer_role_arn), as far as the system has them.
    - In check mode without those that only the run generates.
  returned: success
  type: dict
  sample:
    peer_uri: datomic:ddb://eu-central-1/orders/{db}
    table_arn: arn:aws:dynamodb:eu-central-1:123456789012:table/orders
properties:
  description: All properties of the completed file. Secrets are masked.
  returned: success
  type: dict
  sample: {protocol: ddb, host: localhost, port: "4334", aws-dynamodb-table: orders, sql-password: "********"}
findings:
  description: All findings about the file and AWS. After an error, nothing was changed.
  returned: success, or on errors
  type: list
  elements: dict
  contains:
    rule:
      description: The id of the rule.
      returned: always
      type: str
      sample: required-key
    message:
      description: What is wrong.
      returned: always
      type: str
      sample: "Missing property: host"
    severity:
      description: V(error), V(warning) or V(note).
      returned: always
      type: str
      sample: error
    file:
      description: The file.
      returned: always
      type: str
      sample: aws/orders-transactor.properties
    line:
      description: The line, or 0 for a missing key.
      returned: always
      type: int
      sample: 4
    key:
      description: The property.
      returned: always
      type: str
      sample: host
    reason:
      description: Why it is wrong.
      returned: always
      type: str
      sample: the transactor does not start without it
    source:
      description: The source of the rule.
      returned: always
      type: str
      sample: https://docs.datomic.com/operation/storage.html
    suggestion:
      description: What to do.
      returned: always
      type: str
      sample: write host=… with a value
error_code:
  description: AWS's error code; empty if AWS did not answer.
  returned: when an AWS call failed
  type: str
  sample: AccessDenied
"""

from ansible_collections.datomic_onprem.aws.plugins.module_utils import rules
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.cli import engine
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.ensure_transactor import RESOURCES, ensure
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run


def main() -> None:
    spec = {
        "src": {"type": "path", "required": True},
        "dest": {"type": "path"},
        "account_id": {"type": "str"},
        "tags": {"type": "dict", "default": {}},
        "defaults": {"type": "str", "choices": ["tool", "secure"], "default": "tool"},
        "stack_name": {"type": "str"},
        **RESOURCES,
        **rules.SPEC,
        **rules.SECRETS_SPEC,
        **engine.SPEC,
    }
    module = AnsibleAWSModule(argument_spec=spec, supports_check_mode=True)
    run(module, lambda: ensure(Aws(module), module.params, check_mode=module.check_mode))


if __name__ == "__main__":
    main()
