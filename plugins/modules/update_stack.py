# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of the same name does it all.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: update_stack
short_description: Create or update the stack of a Datomic system, and show its events meanwhile
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Runs M(amazon.aws.cloudformation), which creates or updates the stack and waits for the end. Meanwhile it shows
    each event of the operation as a line, such as C(3/9 LaunchGroup UPDATE_IN_PROGRESS), where 3 of the 9 resources
    that change have finished. During a rollback the lines have no count.
  - If the operation fails, the first line of the error is the root cause, the resource that failed first. Then come
    scaling activities, console output and log lines of the new instances if the auto scaling group failed, and last
    what the stack is now and what to do.
  - If the creation fails before the stack has a transactor, deletes the stack and creates it again, once.
  - If an answer of CloudFormation is lost, waits for the operation that the request began. A lost connection or a
    killed run does not stop CloudFormation.
  - Never takes another's operation for its own. Refuses an operation that was under way before, and one that leaves the
    stack with another template or other tags. The error names when it began, and its events.
options:
  stack_name:
    description: The name of the stack.
    type: str
    required: true
  template:
    description:
      - The file with the template, on the controller. Its secrets are masked in lines, errors and results.
    type: path
    required: true
  tags:
    description:
      - All tags of the stack, see RV(datomic_onprem.aws.plan_system#module:steps.stack). Without this option a stack
        keeps its tags.
    type: dict
  notification_arns:
    description:
      - The ARNs of all notification topics of the stack, separated by commas, see
        RV(datomic_onprem.aws.plan_system#module:steps.stack). A stack loses its other topics.
    type: str
    default: ""
  resources:
    description:
      - The logical ids of the resources that an update changes, for the count in the lines. Without them the lines of
        an update have no count. A creation counts the template's resources.
    type: list
    elements: str
    default: []
  guard:
    description:
      - The guard rails to set, see RV(datomic_onprem.aws.plan_system#module:steps.stack). They are set after the
        creation or update of the stack. One that cannot be set is a line, and no failure.
      - Rollback triggers whose alarms are in C(ALARM) or do not exist would roll the update back at once. They are
        lifted for it, and set again afterwards.
    type: dict
    default: {}
    suboptions:
      protection:
        description: Whether to protect the stack from deletion.
        type: bool
        default: false
      policy:
        description: Whether to set the stack policy that denies replacement and deletion of C(LaunchGroup).
        type: bool
        default: false
      policy_lifted:
        description: Whether the stack policy is lifted for this update.
        type: bool
        default: false
      triggers:
        description: The ARNs of all alarms that roll later updates back. By default the stack keeps its triggers.
        type: list
        elements: str
      lift:
        description: Whether rollback triggers are lifted where they would roll this update back at once.
        type: bool
        default: true
  send:
    description: Whether to send the template. Otherwise only the guard rails are set.
    type: bool
    default: true
attributes:
  action:
    description: Runs M(amazon.aws.cloudformation) as a module, and reads events on the controller.
    support: partial
    details:
      - Needs boto3 for the Python that runs C(ansible-playbook), and a local connection without C(become). Otherwise
        there are no lines, no diagnostics and no second creation.
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying target.
    support: none
    details: Changes nothing, and says so. M(datomic_onprem.aws.plan_system) predicts the changes.
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
notes:
  - The lines need C(cloudformation:DescribeStackEvents). Without it the stack changes all the same, and C(-v) says why
    there are no lines.
seealso:
  - module: datomic_onprem.aws.plan_system
  - module: amazon.aws.cloudformation
"""

EXAMPLES = r"""
- name: Plan the system
  datomic_onprem.aws.plan_system:
    stack_name: orders
    transactor_src: aws/orders-transactor.properties
    cf_src: aws/orders-cf.properties
    template: aws/orders-cf.json
    only: [stack]
  register: planned

- name: Update the stack
  datomic_onprem.aws.update_stack:
    stack_name: orders
    template: aws/orders-cf.json
    tags: "{{ planned.steps.stack.tags }}"
    notification_arns: "{{ planned.steps.stack.notification_arns }}"
    resources: "{{ planned.steps.stack.resources }}"
    guard: "{{ planned.steps.stack.guard }}"
    send: "{{ planned.steps.stack.send }}"
  when: planned.pending
"""

RETURN = r"""
stack_id:
  description: The stack's ARN. Empty if it is not known, because events cannot be read.
  returned: success
  type: str
  sample: arn:aws:cloudformation:us-east-1:123456789012:stack/orders/51af3dc0
outputs:
  description: The outputs of the stack.
  returned: success, not in check mode
  type: dict
  sample: {}
roll_back:
  description: V(false) after a failure to which a rollback is no answer, such as another's operation.
  returned: on some failures
  type: bool
  sample: false
seconds:
  description: How long it took, until the end or the failure.
  returned: not in check mode
  type: float
  sample: 48.3
events:
  description: The events of the operation, oldest first. Empty if events cannot be read.
  returned: success, not in check mode
  type: list
  elements: dict
  contains:
    at:
      description: When, in UTC.
      type: str
      sample: "2026-11-28T12:00:00Z"
    logical_id:
      description: The logical id of the resource, or the name of the stack.
      type: str
      sample: LaunchGroup
    type:
      description: The type of the resource.
      type: str
      sample: AWS::AutoScaling::AutoScalingGroup
    status:
      description: The status of the resource.
      type: str
      sample: UPDATE_COMPLETE
    reason:
      description: CloudFormation's reason. Often empty.
      type: str
      sample: ""
"""
