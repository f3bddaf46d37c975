#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of a stack's transactors."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: transactor_info
short_description: Get the transactors of a system
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Returns a stack, its auto scaling group, and the group's instances, and whether each instance is outdated. An
    instance is outdated if the group would launch something else now.
  - A stack or a group that does not exist is no error.
options:
  stack_name:
    description:
      - The name of the CloudFormation stack. Its group is the resource C(LaunchGroup).
      - Exactly one of O(stack_name) and O(auto_scaling_group_name) is needed.
    type: str
  auto_scaling_group_name:
    description: The name of the auto scaling group, for groups that no stack of this collection made.
    type: str
  strategy:
    description: The strategy of M(datomic_onprem.aws.replace_transactors) for RV(group.unmet_preconditions).
    type: str
    choices: [rolling, terminate]
    default: rolling
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
  - module: datomic_onprem.aws.replace_transactors
"""

EXAMPLES = r"""
- name: See which transactors run
  datomic_onprem.aws.transactor_info:
    stack_name: orders
  register: transactors

- name: List those that an update would replace
  ansible.builtin.debug:
    msg: "{{ transactors.instances | selectattr('stale') | map(attribute='instance_id') }}"
"""

RETURN = r"""
stack:
  description: The stack; the group's, when O(auto_scaling_group_name) is given and the group belongs to one.
  returned: success
  type: dict
  contains:
    exists:
      description: Whether there is one.
      returned: always
      type: bool
      sample: true
    name:
      description: Its name.
      returned: always
      type: str
      sample: orders
    id:
      description: Its ARN; empty without a stack.
      returned: always
      type: str
      sample: arn:aws:cloudformation:us-east-1:123456789012:stack/orders/51af3dc0
    status:
      description: Its status; empty without a stack.
      returned: always
      type: str
      sample: UPDATE_COMPLETE
    datomic_version:
      description: Its parameter C(DatomicVersion), which new instances run; empty when it has none.
      returned: always
      type: str
      sample: 1.0.7277
    flavor:
      description:
        - V(legacy) when its template has a launch configuration for the group, V(modern) when it has a launch template.
        - Empty without a stack, and when the template's resource C(LaunchGroup) has neither.
      returned: always
      type: str
      sample: modern
group:
  description: The auto scaling group.
  returned: success
  type: dict
  contains:
    exists:
      description: Whether there is one.
      returned: always
      type: bool
      sample: true
    name:
      description: Its name; empty without a group.
      returned: always
      type: str
      sample: orders-LaunchGroup-4D5E6F
    min_size:
      description: Its minimum size.
      returned: when it exists
      type: int
      sample: 1
    max_size:
      description: Its maximum size.
      returned: when it exists
      type: int
      sample: 1
    desired_capacity:
      description: Its desired capacity.
      returned: when it exists
      type: int
      sample: 1
    steady:
      description: Whether it has the sizes of its stack's template, and all its instances are in service and healthy.
      returned: when it exists
      type: bool
      sample: true
    launches:
      description: What it launches now; more than one when a mixed instances policy names more launch templates.
      returned: when it exists
      type: list
      elements: str
      sample: [launch configuration orders-LaunchConfig-1A2B3C]
    suspended_processes:
      description: Its suspended processes.
      returned: when it exists
      type: list
      elements: str
      sample: []
    instance_refresh:
      description: The status of an instance refresh that is under way; empty without one.
      returned: when it exists
      type: str
      sample: ""
    unmet_preconditions:
      description:
        - What would stop a replacement of all instances, with the command that helps; empty when nothing would.
        - For example suspended processes, an instance refresh, a warm pool, an instance in Standby or protected.
      returned: when it exists
      type: list
      elements: str
      sample: []
instances:
  description: The group's instances, those that are starting or terminating included.
  returned: success
  type: list
  elements: dict
  contains:
    instance_id:
      description: Its ID.
      returned: always
      type: str
      sample: i-0123456789abcdef0
    lifecycle_state:
      description: Its state in the group.
      returned: always
      type: str
      sample: InService
    health_status:
      description: Its health in the group, or V(Unhealthy) when EC2 reports it neither pending nor running.
      returned: always
      type: str
      sample: Healthy
    launched_with:
      description:
        - The launch configuration or the launch template's version that it was launched with.
        - Empty when that launch configuration is deleted.
      returned: always
      type: str
      sample: launch configuration orders-LaunchConfig-1A2B3C
    stale:
      description: Whether it is outdated, because the group would launch something else now.
      returned: always
      type: bool
      sample: false
    launched_at:
      description: When it was launched, in UTC; empty when EC2 no longer knows it.
      returned: always
      type: str
      sample: "2026-01-31T12:00:00Z"
    private_ip_address:
      description: Its private address; empty when it has none.
      returned: always
      type: str
      sample: 10.0.0.7
    availability_zone:
      description: The zone that it runs in.
      returned: always
      type: str
      sample: us-east-1a
    protected_from_scale_in:
      description: Whether it is protected from scale-in.
      returned: always
      type: bool
      sample: false
running_version:
  description:
    - The release of Datomic that the instances run, from the stack's parameters.
    - Empty when an instance is outdated, because the stack got its parameters after that instance was launched.
  returned: success
  type: str
  sample: 1.0.7277
running_heartbeat_msec:
  description:
    - The V(heartbeat-interval-msec) that the instances run with, from the stack's template.
    - V(0) when the template does not have it, or when an instance is outdated.
  returned: success
  type: int
  sample: 5000
"""

from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.transactor_info import info
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            **{name: {"type": "str"} for name in ("stack_name", "auto_scaling_group_name", "account_id")},
            "strategy": {"type": "str", "choices": ["rolling", "terminate"], "default": "rolling"},
        },
        mutually_exclusive=[("stack_name", "auto_scaling_group_name")],
        required_one_of=[("stack_name", "auto_scaling_group_name")],
        supports_check_mode=True,
    )
    params = module.params
    names = params["stack_name"] or "", params["auto_scaling_group_name"] or ""
    run(module, lambda: info(Aws(module), *names, strategy=params["strategy"], account_id=params["account_id"]))


if __name__ == "__main__":
    main()
