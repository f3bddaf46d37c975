#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What C(bin/datomic ensure-cf) does."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ensure_cf
short_description: Complete a Datomic CloudFormation properties file and create its security group
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Does what C(bin/datomic ensure-cf) does. Writes defaults for missing values, creates the security group if it is
    missing, and adds missing ingress rules. Only O(ingress=exact) revokes rules.
  - Reports every error of the file, and every missing security group, in one message before anything changes.
options:
  src:
    description: The CloudFormation properties file.
    type: path
    required: true
  dest:
    description: The completed file. The default is O(src), in place.
    type: path
  transactor_src:
    description:
      - The transactor's properties file. The security group admits peers to its C(port).
      - Without this option the port is 4334. O(ingress=exact) requires it, to know which rules it may revoke.
    type: path
  stack_name:
    description:
      - The system's stack, for O(ingress=exact).
      - Without it, a group that only the instances of one stack use counts as this system's.
    type: str
  backup_heap:
    description:
      - The heap of backups and restores, such as V(4g), to compare with the transactor's. This module compares it for
        instance types whose memory only EC2 knows, M(datomic_onprem.aws.validate_properties) for all others.
    type: str
    default: ""
  datomic_version:
    description:
      - The release for a blank C(datomic-version). The default is the release of O(datomic_home).
    type: str
  tags:
    description: Tags of a new security group.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datomic_onprem.aws.accept
  - datomic_onprem.aws.account
  - datomic_onprem.aws.engine
  - datomic_onprem.aws.ingress
  - datomic_onprem.aws.attributes
  - datomic_onprem.aws.attributes.action_group
notes:
  - The region is the file's C(aws-region), whatever O(region) says.
seealso:
  - module: datomic_onprem.aws.ensure_transactor
  - module: datomic_onprem.aws.create_cf_template
"""

EXAMPLES = r"""
- name: Complete the file in place
  datomic_onprem.aws.ensure_cf:
    src: aws/orders-cf.properties
    transactor_src: aws/orders-transactor.properties
    datomic_version: 1.0.7277

- name: Use another VPC than the default one, and tag the new security group
  datomic_onprem.aws.ensure_cf:
    src: aws/orders-cf.properties
    transactor_src: aws/orders-transactor.properties
    vpc_id: vpc-0123456789abcdef0
    tags:
      team: orders
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
security_group_id:
  description: The id of the system's security group. Empty if it is not there yet.
  returned: with the engine V(native)
  type: str
  sample: sg-0a1b2c3d4e5f67890
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
      sample: ec2
    resource:
      description: The kind of resource.
      returned: always
      type: str
      sample: security_group
    name:
      description: The resource's name, or its id if the file has the id.
      returned: always
      type: str
      sample: datomic
    change:
      description: V(create), V(update), or V(delete) for revoked rules.
      returned: always
      type: str
      sample: create
  sample:
    - {service: ec2, resource: security_group, name: datomic, change: create}
    - {service: ec2, resource: security_group_ingress, name: datomic, change: create}
generated:
  description:
    - The generated values, by key, except an empty C(java-opts).
    - After a partial failure, the values that the file already has. The next run continues with them.
  returned: success, or after a partial failure
  type: dict
  sample: {java-xmx: 2625m, datomic-version: 1.0.7277}
properties:
  description: All properties of the completed file. Secrets are masked.
  returned: success
  type: dict
  sample: {aws-instance-type: c4.large, java-xmx: 2625m}
findings:
  description: All findings about the files and AWS.
  returned: always
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
      sample: "Missing property: aws-security-group"
    severity:
      description: V(error).
      returned: always
      type: str
      sample: error
    file:
      description: The file.
      returned: always
      type: str
      sample: aws/orders-cf.properties
    line:
      description: The line, or 0 for a missing key.
      returned: always
      type: int
      sample: 12
    key:
      description: The property.
      returned: always
      type: str
      sample: aws-security-group
    reason:
      description: Why it is wrong.
      returned: always
      type: str
      sample: the stack's template cannot be made without it
    source:
      description: The source of the rule.
      returned: always
      type: str
      sample: https://docs.datomic.com/operation/aws.html
    suggestion:
      description: What to do.
      returned: always
      type: str
      sample: write aws-security-group=… with a value
error_code:
  description: AWS's error code; empty if AWS did not answer.
  returned: when an AWS call failed
  type: str
  sample: UnauthorizedOperation
"""

from ansible_collections.datomic_onprem.aws.plugins.module_utils import rules
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.cli import engine
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.ensure_cf import INGRESS, ensure
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run


def main() -> None:
    spec = {
        "src": {"type": "path", "required": True},
        "dest": {"type": "path"},
        "transactor_src": {"type": "path"},
        "datomic_version": {"type": "str"},
        "account_id": {"type": "str"},
        "stack_name": {"type": "str"},
        "tags": {"type": "dict", "default": {}},
        "backup_heap": {"type": "str", "default": ""},
        **INGRESS,
        **rules.SPEC,
        **engine.SPEC,
    }
    module = AnsibleAWSModule(
        argument_spec=spec,
        # Without the port, rules of the transactor's own port would count as rules that no file names.
        required_if=[("ingress", "exact", ["transactor_src"])],
        supports_check_mode=True,
    )
    run(module, lambda: ensure(Aws(module), module.params, check_mode=module.check_mode))


if __name__ == "__main__":
    main()
