#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Say why a stack could not be created or updated."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: stack_failure_info
short_description: Report why a CloudFormation stack could not be created or updated
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Reads the events of the newest operation on a stack. Returns its root cause and what to do next.
  - Returns whether a stack whose creation was rolled back may be deleted and created again, because it provably never
    had a transactor.
options:
  stack_name:
    description: The name of the stack.
    type: str
    required: true
  template:
    description: The file with the template. Its secrets are masked in CloudFormation's messages.
    type: path
    required: true
  existed:
    description: Whether the stack existed before. See RV(datomic_onprem.aws.plan_stack#module:exists).
    type: bool
    required: true
  outcome:
    description: The C(output) of M(amazon.aws.cloudformation), which it returns if an operation has begun.
    type: str
    default: ""
  refusal:
    description: Otherwise the C(msg) of M(amazon.aws.cloudformation).
    type: str
    default: ""
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datomic_onprem.aws.account
  - datomic_onprem.aws.attributes
  - datomic_onprem.aws.attributes.action_group
seealso:
  - module: datomic_onprem.aws.plan_stack
  - module: amazon.aws.cloudformation
"""

EXAMPLES = r"""
- name: Find out why the stack could not be updated
  datomic_onprem.aws.stack_failure_info:
    stack_name: orders
    template: aws/orders-cf.json
    existed: "{{ plan.exists }}"
    outcome: "{{ update.output | default('') }}"
    refusal: "{{ '' if update.output is defined else update.msg }}"
  register: failed
"""

RETURN = r"""
failure:
  description: The reason, root cause first, and what to do next.
  returned: success
  type: str
  sample: "Could not update the stack orders: LaunchConfig (...) is UPDATE_FAILED: Invalid IamInstanceProfile: orders."
repeatable:
  description: Whether the stack was rolled back before it had a transactor, and creating it again may succeed.
  returned: success
  type: bool
  sample: false
stack_id:
  description: The stack's ARN. Empty if it does not exist, or if no operation has begun.
  returned: success
  type: str
  sample: arn:aws:cloudformation:us-east-1:123456789012:stack/orders/51af3dc0
"""

from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.stack_failure import explain
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "stack_name": {"type": "str", "required": True},
            "template": {"type": "path", "required": True},
            "existed": {"type": "bool", "required": True},
            "outcome": {"type": "str", "default": ""},
            "refusal": {"type": "str", "default": ""},
            "account_id": {"type": "str"},
        },
        supports_check_mode=True,
    )
    names = ("stack_name", "template", "existed", "outcome", "refusal", "account_id")
    run(module, lambda: explain(Aws(module), **{name: module.params[name] for name in names}))


if __name__ == "__main__":
    main()
