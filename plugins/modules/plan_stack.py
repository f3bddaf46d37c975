#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan the update of the stack of a system."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: plan_stack
short_description: Show what an update of a CloudFormation stack would change
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Compares a stack with a template by a change set, which is deleted as soon as it is read. The stack stays as it is.
    M(amazon.aws.cloudformation) does the update.
  - Shows the values before and after. Secrets are masked.
  - A change set that CloudFormation refuses fails the module with CloudFormation's reason.
  - A stack that does not exist is compared with nothing but the template. No change set is made for it,
    because that would leave a stack in the state C(REVIEW_IN_PROGRESS).
  - Returns the tags and notification topics that M(amazon.aws.cloudformation) has to be given to keep them.
  - A parameter gets its default in the template. A warning names each parameter that was set by hand to another value.
  - A warning names the zones that do not offer the instance type of a legacy template, which uses all zones.
    EC2 is asked only if the stack is new or gets another instance type.
  - In check mode, a pending update counts as changed. In a run, the task that does the update counts it.
options:
  stack_name:
    description: The name of the stack.
    type: str
    required: true
  template:
    description: The file that has the template.
    type: path
    required: true
  tags:
    description:
      - Tags that the stack is to have, besides those that it has.
      - A tag that is left out here stays on the stack, whoever set it.
    type: dict
    default: {}
  files:
    description:
      - The properties files that O(template) was made of, in git. With them the result says which commit made what
        the stack had before, so that an error of a later replacement can name it.
      - Give them only when all instances run what the stack's template says.
    type: list
    elements: path
    default: []
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
  - datomic_onprem.aws.account
  - datomic_onprem.aws.attributes
  - datomic_onprem.aws.attributes.action_group
seealso:
  - module: datomic_onprem.aws.create_cf_template
  - module: datomic_onprem.aws.replace_transactors
"""

EXAMPLES = r"""
- name: Plan the update of the stack
  datomic_onprem.aws.plan_stack:
    stack_name: orders
    template: aws/orders-cf.json
    tags:
      team: orders
  register: plan

- name: Update the stack
  amazon.aws.cloudformation:
    stack_name: orders
    template_body: "{{ lookup('ansible.builtin.file', 'aws/orders-cf.json') }}"
    tags: "{{ plan.tags }}"
    notification_arns: "{{ plan.notification_arns }}"
  when: plan.pending and not ansible_check_mode
"""

RETURN = r"""
pending:
  description: Whether an update changes the stack. In check mode C(changed) says the same, otherwise it is false.
  returned: success
  type: bool
  sample: true
changes:
  description: The resources that change, in the order in which CloudFormation names them.
  returned: success
  type: list
  elements: dict
  contains:
    action:
      description: V(Add), V(Modify) or V(Remove).
      returned: always
      type: str
      sample: Modify
    logical_id:
      description: The resource's name in the template.
      returned: always
      type: str
      sample: LaunchConfig
    type:
      description: Its type.
      returned: always
      type: str
      sample: AWS::AutoScaling::LaunchConfiguration
    replacement:
      description: Whether it is replaced, V(True), V(False) or V(Conditional); empty for one that is added or removed.
      returned: always
      type: str
      sample: "True"
    attributes:
      description: What changes besides its properties.
      returned: always
      type: list
      elements: str
      sample: [Tags]
    details:
      description: The values that change.
      returned: always
      type: list
      elements: dict
      contains:
        name:
          description: The path below the resource's properties; of user data the property.
          returned: always
          type: str
          sample: UserData memory-index-max
        before:
          description: The value now; empty where there is none.
          returned: always
          type: str
          sample: 256m
        after:
          description: The value afterwards; empty where there is none.
          returned: always
          type: str
          sample: 512m
parameters:
  description: The stack's parameters that change.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      returned: always
      type: str
      sample: Xmx
    before:
      description: Its value now; of a parameter of Systems Manager what it comes to.
      returned: always
      type: str
      sample: 8g
    after:
      description: Its value afterwards.
      returned: always
      type: str
      sample: 2625m
    by_hand:
      description: Whether the value now is not what the stack's own template says.
      returned: always
      type: bool
      sample: true
image:
  description: The machine image before and after; empty when it stays.
  returned: success
  type: dict
  contains:
    before:
      description: The image now.
      returned: when it changes
      type: str
      sample: ami-0123456789abcdef0
    after:
      description: The image afterwards.
      returned: when it changes
      type: str
      sample: ami-0fedcba9876543210
outdates_instances:
  description: Whether the instances that run become outdated, because their group launches something else afterwards.
  returned: success
  type: bool
  sample: true
commit_before:
  description:
    - The commit of O(files) that made what the stack had before this update. Its template is the stack's.
    - Empty where nothing proves which one that is, in check mode, and when nothing changes.
  returned: success
  type: str
  sample: 3f1c2d9
exists:
  description: Whether there is a stack.
  returned: success
  type: bool
  sample: true
stack_id:
  description: The stack's ARN; empty when there is none.
  returned: success
  type: str
  sample: arn:aws:cloudformation:us-east-1:123456789012:stack/orders/51af3dc0
tags:
  description: The tags that the stack has, with those of O(tags).
  returned: success
  type: dict
  sample: {billing: "7", team: orders}
notification_arns:
  description: The stack's notification topics, separated by commas.
  returned: success
  type: str
  sample: arn:aws:sns:us-east-1:123456789012:events
"""

from ansible.module_utils.common.warnings import warn
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.plan_stack import plan
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "stack_name": {"type": "str", "required": True},
            "template": {"type": "path", "required": True},
            "tags": {"type": "dict", "default": {}},
            "account_id": {"type": "str"},
            "files": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    names = ("stack_name", "template", "account_id", "files")
    options = {name: module.params[name] for name in names}
    options["tags"] = {key: str(value) for key, value in module.params["tags"].items()}
    run(module, lambda: plan(Aws(module), **options, check_mode=module.check_mode, warn=warn))


if __name__ == "__main__":
    main()
