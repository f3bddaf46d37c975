#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What C(bin/datomic ensure-cf) does."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ensure_cf
short_description: Fill in a Datomic CloudFormation properties file and make its security group
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Does what C(bin/datomic ensure-cf) does. Missing values get their defaults, the security group is created if it is
    not there, and the ingress rules that it lacks are added. Rules are only revoked with O(ingress=exact).
  - Every error of the file, and every security group that it names and AWS does not have, is reported in one message
    before anything is changed.
options:
  src:
    description: The CloudFormation properties file.
    type: path
    required: true
  dest:
    description: Where the completed file is written. It is O(src) itself by default.
    type: path
  transactor_src:
    description:
      - The transactor's properties file. Peers are let in to its C(port).
      - Without it, the port is 4334. Required with O(ingress=exact), which would revoke the rules of another port.
    type: path
  vpc_id:
    description:
      - The VPC in which names of security groups are looked up, and the group is created.
      - Without it, the VPC of a group that C(aws-security-group) names by id, or else the region's default VPC.
    type: str
  ingress:
    description:
      - What happens to rules of the security group that the file does not name, such as an older range, or one that
        somebody added by hand.
      - V(report) leaves them. They are a warning with the command that revokes them, C(ingress-open) for a range that
        is a good part of the Internet, C(ingress-not-in-files) for all others.
      - V(exact) revokes them after what is missing was added. Where peers may lose the transactor by that, it is the
        warning C(ingress-revoked). When the port changes, the rules on the old port stay in that run, because the
        transactors that run listen there.
      - A group that was not made by C(bin/datomic) or this collection (its description is not C(Provisioned by
        Datomic)), or that instances besides those of O(stack_name) use, is not touched. It is the error
        C(ingress-shared), which O(accept) can turn off.
    type: str
    choices: [report, exact]
    default: report
  stack_name:
    description:
      - The system's stack, for O(ingress=exact). Instances of other stacks with the same group are others.
      - Without it, a group that instances of one stack alone use is taken for this system's.
    type: str
  backup_heap:
    description:
      - The heap of backups and restores, such as V(4g), to be compared with the transactor's where only EC2 knows the
        memory of the instance type. Of the other types M(datomic_onprem.aws.validate_properties) compares it.
    type: str
    default: ""
  datomic_version:
    description:
      - The release for a blank C(datomic-version). Taken from O(datomic_home) when that is given.
    type: str
  tags:
    description: Tags for a security group that is created.
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

- name: Look into a VPC that is not the default one, and tag what is created
  datomic_onprem.aws.ensure_cf:
    src: aws/orders-cf.properties
    transactor_src: aws/orders-transactor.properties
    vpc_id: vpc-0123456789abcdef0
    tags:
      team: orders
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
  description: Whether the native engine tells what the tool would do, as in check mode with O(engine=cli).
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
      sample: ec2
    resource:
      description: The kind of resource.
      returned: always
      type: str
      sample: security_group
    name:
      description: The resource's name, or its id where the file has the id.
      returned: always
      type: str
      sample: datomic
    change:
      description: What happens to it, V(create), V(update), or V(delete) for rules that are revoked.
      returned: always
      type: str
      sample: create
  sample:
    - {service: ec2, resource: security_group, name: datomic, change: create}
    - {service: ec2, resource: security_group_ingress, name: datomic, change: create}
generated:
  description:
    - The values that were filled in, by key, but for an empty C(java-opts).
    - After a failure half way, those that are in the file already, for the next run to go on with.
  returned: success, or when a change failed half way
  type: dict
  sample: {java-xmx: 2625m, datomic-version: 1.0.7277}
properties:
  description: All properties of the file afterwards. Secrets are masked.
  returned: success
  type: dict
  sample: {aws-instance-type: c4.large, java-xmx: 2625m}
findings:
  description: What was found in the files and in what they refer to.
  returned: always
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
      description: The line, 0 for a key that is not there.
      returned: always
      type: int
      sample: 12
    key:
      description: The property.
      returned: always
      type: str
      sample: aws-security-group
    reason:
      description: The reason of the rule.
      returned: always
      type: str
      sample: the stack's template cannot be made without it
    source:
      description: Where the rule comes from.
      returned: always
      type: str
      sample: https://docs.datomic.com/operation/aws.html
    suggestion:
      description: What to write instead.
      returned: always
      type: str
      sample: write aws-security-group=… with a value
error_code:
  description: The code of an error of AWS, empty when AWS did not answer.
  returned: when a call of AWS failed
  type: str
  sample: UnauthorizedOperation
"""

from ansible_collections.datomic_onprem.aws.plugins.module_utils import rules
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.cli import engine
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.ensure_cf import ensure
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run


def main() -> None:
    spec = {
        "src": {"type": "path", "required": True},
        "dest": {"type": "path"},
        "transactor_src": {"type": "path"},
        "vpc_id": {"type": "str"},
        "datomic_version": {"type": "str"},
        "account_id": {"type": "str"},
        "stack_name": {"type": "str"},
        "ingress": {"type": "str", "choices": ["report", "exact"], "default": "report"},
        "tags": {"type": "dict", "default": {}},
        "backup_heap": {"type": "str", "default": ""},
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
