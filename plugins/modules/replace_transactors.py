#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replace the transactors of a group."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: replace_transactors
short_description: Replace outdated transactors
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - An update of the stack changes what the auto scaling group launches, and leaves running instances as they are. This
    module replaces them, by default with one takeover by a standby.
  - All decisions depend only on the current state in AWS. To continue a run that was stopped or killed, run it again.
  - The action plugin of the same name shows a line when something changes, and at least once a minute. With a remote
    connection, C(become) or C(async) the lines appear when the task ends.
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
    description:
      - V(rolling) launches new transactors in addition to the old ones, waits until heartbeats prove that the new ones
        stand by, and only then terminates the old ones. A standby takes over within three heartbeats and a second.
      - V(terminate) terminates the old ones and lets the group launch others. No transactor serves in between.
    type: str
    choices: [rolling, terminate]
    default: rolling
  when:
    description:
      - V(stale) replaces the outdated instances. An instance is outdated if the group would launch something else now.
      - V(always) replaces all instances that are in the group when the run starts. If such a run was stopped, the next
        one starts over with what is in the group then.
      - V(surplus) replaces nothing. It terminates the instances that the group has beyond O(size), and sets the group's
        sizes, so that an update of the stack with that size finds nothing to terminate. Before each termination,
        heartbeats have to prove that a transactor is left that serves.
      - V(never) does nothing.
    type: str
    choices: [stale, always, surplus, never]
    default: stale
  instances:
    description:
      - With O(when=always), the instances to replace instead of all. To continue a run that paused, RV(old).
    type: list
    elements: str
    default: []
  until:
    description:
      - V(takeover) ends successfully, with RV(paused), as soon as the new transactors stand by, before it terminates
        the first old one. Both serve then. Running again without it continues. It needs O(strategy=rolling).
      - V(end) replaces all.
    type: str
    choices: [takeover, end]
    default: end
  size:
    description:
      - The size that the group will have, such as C(aws-autoscaling-group-size) before the stack's update. The default
        is the size in the stack's template.
      - In check mode, the plan assumes that a task with O(when=surplus) has terminated the instances beyond it.
    type: int
  timeout:
    description:
      - How many seconds the whole replacement may take.
      - Then V(rolling) removes new transactors that did not start and restores the group's sizes, which may take 300
        seconds more.
    type: int
    default: 1800
  transactor_src:
    description:
      - The transactor's properties file. Its C(heartbeat-interval-msec), C(aws-cloudwatch-region),
        C(aws-cloudwatch-dimension-value), C(aws-s3-log-bucket-id) and C(aws-dynamodb-table) are used.
    type: path
  heartbeat_interval_msec:
    description: Overrides the file's C(heartbeat-interval-msec). Datomic's default is 5000, its minimum 1000.
    type: int
  cloudwatch_region:
    description: Overrides the file's C(aws-cloudwatch-region).
    type: str
  cloudwatch_dimension_value:
    description: Overrides the file's C(aws-cloudwatch-dimension-value).
    type: str
  log_bucket:
    description: Overrides the file's C(aws-s3-log-bucket-id). The error of a failed replacement shows its newest log.
    type: str
  table:
    description: Overrides the file's C(aws-dynamodb-table), which is the prefix of the logs.
    type: str
  settle_seconds:
    description: How many seconds a new transactor has to be in service when there are no metrics.
    type: int
    default: 300
  poll_seconds:
    description: Seconds between two looks at AWS, at least V(0.1).
    type: float
    default: 5
  files:
    description:
      - The system's files in git. The error of a failed replacement says how to restore the earlier files.
      - By default O(transactor_src).
    type: list
    elements: path
    default: []
  commit_before:
    description:
      - The commit of O(files) that the replaced transactors were made from, as M(datomic_onprem.aws.plan_system)
        returns it. The error of a failed replacement shows the command that restores it.
    type: str
  current:
    description:
      - Ids of instances that run what the group launches now, although another launch configuration or another version
        of the launch template launched them, as after a rollback of the stack.
      - They count as current until the group launches something else. A tag of the group says so, which has room for
        twelve of them.
      - With O(when=surplus) they only go last, and RV(roll_back) says whether only they are left.
    type: list
    elements: str
    default: []
  roll_back_while:
    description:
      - When a failed replacement is to be rolled back, by the old transactors that it left, as
        M(datomic_onprem.aws.plan_system) returns it. RV(roll_back) is the answer. The module itself only terminates
        new transactors that did not start, and restores the group's sizes.
      - V(all) of them serve, and no new one does. V(some) serve. V(none) is left, and new ones serve.
    type: list
    elements: str
    choices: [all, some, none]
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
notes:
  - Metrics name no instance, so it is unknown which of several old transactors is active. They are terminated together,
    which costs one takeover at most.
seealso:
  - module: datomic_onprem.aws.transactor_info
"""

EXAMPLES = r"""
- name: Replace the transactors that the stack's update outdated
  datomic_onprem.aws.replace_transactors:
    stack_name: orders
    transactor_src: aws/orders-transactor.properties

- name: Replace all transactors, and accept an outage
  datomic_onprem.aws.replace_transactors:
    stack_name: orders
    strategy: terminate
    when: always
"""

RETURN = r"""
replaced:
  description: The instances that were replaced, or in check mode those that would be.
  returned: always
  type: list
  elements: str
  sample: [i-0123456789abcdef0]
ended:
  description:
    - The instances that were terminated without a successor, or in check mode those that would be, as things are now.
  returned: always
  type: list
  elements: str
  sample: [i-0123456789abcdef0]
launched:
  description: The instances that the group launched.
  returned: always
  type: list
  elements: str
  sample: [i-0fedcba9876543210]
paused:
  description: With O(until=takeover), whether new transactors stand by, and old ones are left to replace.
  returned: always
  type: bool
  sample: false
new:
  description: The instances that can take over; empty without RV(paused).
  returned: always
  type: list
  elements: str
  sample: [i-0fedcba9876543210]
old:
  description: The instances that are still to be replaced; empty without RV(paused).
  returned: always
  type: list
  elements: str
  sample: [i-0123456789abcdef0]
timeline:
  description: The events of the run.
  returned: always
  type: list
  elements: dict
  contains:
    at:
      description: The time in UTC, by the clock of the host that runs the module.
      returned: always
      type: str
      sample: "2026-01-31T12:03:20Z"
    event:
      description: The event.
      returned: always
      type: str
      sample: standby 1 of 1 is beating (12 per minute)
    instance_id:
      description: The instance; empty when the event concerns the group.
      returned: always
      type: str
      sample: i-0123456789abcdef0
seconds:
  description: How many seconds the run took.
  returned: always
  type: float
  sample: 310.5
steps:
  description: The steps that would follow.
  returned: in check mode
  type: list
  elements: str
  sample: [launch 1 in addition to the old]
diagnostics:
  description:
    - What AWS shows of the failure, such as scaling activities, heartbeats, console output, log lines.
    - Secrets are masked.
  returned: when a replacement fails
  type: list
  elements: str
  sample: ["Scaling activity: We currently do not have sufficient m5.large capacity."]
roll_back:
  description:
    - Whether the stack and the files are to return to what ran before, by O(roll_back_while).
    - After a success only with O(when=surplus), where V(all) means that only instances of O(current) are left.
  returned: outside of check mode
  type: bool
  sample: false
"""

from ansible_collections.datomic_onprem.aws.plugins.module_utils import screen
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.replace_transactors import Options, replace
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run


def main() -> None:
    spec = {
        "stack_name": {"type": "str"},
        "auto_scaling_group_name": {"type": "str"},
        "account_id": {"type": "str"},
        "strategy": {"type": "str", "choices": ["rolling", "terminate"], "default": "rolling"},
        "when": {"type": "str", "choices": ["stale", "always", "surplus", "never"], "default": "stale"},
        "instances": {"type": "list", "elements": "str", "default": []},
        "until": {"type": "str", "choices": ["takeover", "end"], "default": "end"},
        "size": {"type": "int"},
        "timeout": {"type": "int", "default": 1800},
        "transactor_src": {"type": "path"},
        "heartbeat_interval_msec": {"type": "int"},
        "cloudwatch_region": {"type": "str"},
        "cloudwatch_dimension_value": {"type": "str"},
        "log_bucket": {"type": "str"},
        "table": {"type": "str"},
        "settle_seconds": {"type": "int", "default": 300},
        "poll_seconds": {"type": "float", "default": 5},
        "files": {"type": "list", "elements": "path", "default": []},
        "commit_before": {"type": "str"},
        "current": {"type": "list", "elements": "str", "default": []},
        "roll_back_while": {"type": "list", "elements": "str", "choices": ["all", "some", "none"], "default": []},
    }
    module = AnsibleAWSModule(
        argument_spec=spec,
        mutually_exclusive=[("stack_name", "auto_scaling_group_name")],
        required_one_of=[("stack_name", "auto_scaling_group_name")],
        supports_check_mode=True,
    )
    options = Options(**{name: module.params[name] for name in spec if module.params[name] is not None})
    run(module, lambda: replace(Aws(module), options, check_mode=module.check_mode, warn=screen.warn, show=screen.show))


if __name__ == "__main__":
    main()
