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
  - Creates a change set, reads it and deletes it. The stack stays as it is. M(amazon.aws.cloudformation) updates it.
  - Shows the values before and after. Secrets are masked.
  - Fails with CloudFormation's reason if CloudFormation refuses the change set.
  - For a stack that does not exist, returns the resources of the template. A change set would leave a stack in the
    state C(REVIEW_IN_PROGRESS).
  - Returns the tags and notification topics of the stack. Pass them to M(amazon.aws.cloudformation), which would
    remove them otherwise.
  - Each parameter gets its default in the template. A warning names each parameter that was set to another value by
    hand.
  - A warning names the zones that do not offer the instance type of a legacy template, if the stack is new or gets
    another instance type.
  - In check mode, a pending update counts as changed. In a run, the task that does the update is changed.
options:
  stack_name:
    description: The name of the stack.
    type: str
    required: true
  template:
    description: The file with the template.
    type: path
    required: true
  tags:
    description:
      - Tags to set on the stack.
      - The stack keeps its other tags.
    type: dict
    default: {}
  files:
    description:
      - The properties files of O(template), in a git repository. With them the module returns RV(commit_before), which
        M(datomic_onprem.aws.replace_transactors) names if a replacement fails.
      - Set them only if all instances run what the stack's current template says.
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
  description: Whether an update changes the stack.
  returned: success
  type: bool
  sample: true
changes:
  description: The resources that change, in CloudFormation's order.
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
      description: The resource's type.
      returned: always
      type: str
      sample: AWS::AutoScaling::LaunchConfiguration
    replacement:
      description: Whether the resource is replaced, V(True), V(False) or V(Conditional). Otherwise empty.
      returned: always
      type: str
      sample: "True"
    attributes:
      description: What changes other than properties.
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
          description: The path below the resource's properties, or C(UserData) and the key of a property.
          returned: always
          type: str
          sample: UserData memory-index-max
        before:
          description: The current value. Empty without one.
          returned: always
          type: str
          sample: 256m
        after:
          description: The value after the update. Empty without one.
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
      description: The parameter's name.
      returned: always
      type: str
      sample: Xmx
    before:
      description: The current value, resolved if it is a parameter of Systems Manager.
      returned: always
      type: str
      sample: 8g
    after:
      description: The value after the update.
      returned: always
      type: str
      sample: 2625m
    by_hand:
      description: Whether the current value differs from the default of the stack's current template.
      returned: always
      type: bool
      sample: true
image:
  description: The machine image before and after. Empty if it stays.
  returned: success
  type: dict
  contains:
    before:
      description: The current image.
      returned: if it changes
      type: str
      sample: ami-0123456789abcdef0
    after:
      description: The image after the update.
      returned: if it changes
      type: str
      sample: ami-0fedcba9876543210
outdates_instances:
  description: Whether the update makes running instances outdated.
  returned: success
  type: bool
  sample: true
commit_before:
  description:
    - The commit of O(files) from which the stack's current template was made.
    - Empty if git does not prove it, in check mode, and if nothing changes.
  returned: success
  type: str
  sample: 3f1c2d9
exists:
  description: Whether the stack exists.
  returned: success
  type: bool
  sample: true
stack_id:
  description: The stack's ARN. Empty if it does not exist.
  returned: success
  type: str
  sample: arn:aws:cloudformation:us-east-1:123456789012:stack/orders/51af3dc0
tags:
  description: The stack's tags, with O(tags).
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
