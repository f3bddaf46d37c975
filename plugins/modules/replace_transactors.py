#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replace the transactors of a group."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: replace_transactors
short_description: Replace transactors that do not run what their group now launches
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - An update of the stack changes what the auto scaling group launches, and leaves running instances as they are. This
    replaces them, by default with hardly any outage.
  - Everything that it decides upon comes from the cloud. A run that was stopped or killed anywhere is continued by
    running it again.
  - An action plugin of the same name runs the loop and shows a line whenever something changes.
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
      - V(rolling) launches new transactors beside the old ones, waits until they stand by, as their heartbeats prove,
        and only then terminates the old ones. A standby takes over within three heartbeats and a second.
      - V(terminate) terminates the old ones and lets the group launch others. No transactor serves meanwhile.
    type: str
    choices: [rolling, terminate]
    default: rolling
  when:
    description:
      - V(stale) replaces the instances that were launched with something else than what the group launches now.
      - V(always) replaces all those that are in the group when the run starts. A run of it that was stopped and is
        repeated starts over, with what is in the group then.
      - V(surplus) replaces nothing. It terminates the instances that the group has beyond O(size), and sets the group's
        sizes, so that an update of the stack with that size finds nothing to terminate. Before each termination,
        heartbeats have to prove that a transactor is left that serves.
      - V(never) does nothing.
    type: str
    choices: [stale, always, surplus, never]
    default: stale
  size:
    description:
      - The size that the group is going to have, such as C(aws-autoscaling-group-size) of a file that the stack does
        not have yet. By default what the stack says.
      - In check mode, the plan takes instances beyond it to be terminated by an earlier task with O(when=surplus).
    type: int
  timeout:
    description:
      - How many seconds the whole replacement may take.
      - When they are over, V(rolling) removes the new transactors that did not come up and restores the group's sizes,
        which may take 300 seconds more.
    type: int
    default: 1800
  transactor_src:
    description:
      - The transactor's properties file. Its C(heartbeat-interval-msec), C(aws-cloudwatch-region),
        C(aws-cloudwatch-dimension-value), C(aws-s3-log-bucket-id) and C(aws-dynamodb-table) are used.
    type: path
  heartbeat_interval_msec:
    description: In place of the file's C(heartbeat-interval-msec). Datomic's default is 5000, its minimum 1000.
    type: int
  cloudwatch_region:
    description: In place of the file's C(aws-cloudwatch-region).
    type: str
  cloudwatch_dimension_value:
    description: In place of the file's C(aws-cloudwatch-dimension-value).
    type: str
  log_bucket:
    description: In place of the file's C(aws-s3-log-bucket-id). Its newest log is shown when a replacement fails.
    type: str
  table:
    description: In place of the file's C(aws-dynamodb-table), which is the prefix of the logs.
    type: str
  settle_seconds:
    description: How many seconds a new transactor has to be in service when there are no metrics that prove more.
    type: int
    default: 300
  poll_seconds:
    description: How many seconds lie between two looks at the cloud, at least V(0.1).
    type: float
    default: 5
  files:
    description:
      - The system's files in git. An error says how to go back to what ran before.
      - By default O(transactor_src).
    type: list
    elements: path
    default: []
  commit_before:
    description:
      - The commit of O(files) that made what ran before, as M(datomic_onprem.aws.plan_stack) returns it.
      - An error names the command that goes back to it. Without it, nothing proves a commit and the error names none.
    type: str
  run:
    description: What the action plugin keeps from one call of the module to the next. Not to be set in a task.
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
  - datomic_onprem.aws.account
  - datomic_onprem.aws.attributes
  - datomic_onprem.aws.attributes.action_group
notes:
  - Metrics name no instance, so it cannot be known which of several old transactors is active. They are terminated
    together, which costs one takeover at the most.
seealso:
  - module: datomic_onprem.aws.transactor_info
"""

EXAMPLES = r"""
- name: Replace the transactors that the stack's update left behind
  datomic_onprem.aws.replace_transactors:
    stack_name: orders
    transactor_src: aws/orders-transactor.properties

- name: Replace all of them, and accept an outage
  datomic_onprem.aws.replace_transactors:
    stack_name: orders
    strategy: terminate
    when: always
"""

RETURN = r"""
replaced:
  description: The instances that went, or in check mode those that would.
  returned: always
  type: list
  elements: str
  sample: [i-0123456789abcdef0]
ended:
  description:
    - The instances that went without a successor, because the group had more than its size, or in check mode those that
      would, as far as it is known.
  returned: always
  type: list
  elements: str
  sample: [i-0123456789abcdef0]
launched:
  description: The instances that came.
  returned: always
  type: list
  elements: str
  sample: [i-0fedcba9876543210]
timeline:
  description: What happened.
  returned: always
  type: list
  elements: dict
  contains:
    at:
      description: When, in UTC, by the controller's clock.
      returned: always
      type: str
      sample: "2026-01-31T12:03:20Z"
    event:
      description: What.
      returned: always
      type: str
      sample: standby 1 of 1 is beating (12 per minute)
    instance_id:
      description: Which instance it concerns; empty when it concerns the group.
      returned: always
      type: str
      sample: i-0123456789abcdef0
seconds:
  description: How long it took.
  returned: always
  type: float
  sample: 310.5
steps:
  description: The steps that would follow.
  returned: in check mode
  type: list
  elements: str
  sample: [launch 1 beside the old]
evidence:
  description:
    - What was seen of the failure, such as scaling activities, heartbeats, console output, log lines.
    - Secrets are masked.
  returned: when a replacement fails
  type: list
  elements: str
  sample: ["Scaling activity: We currently do not have sufficient m5.large capacity."]
"""

from ansible.module_utils.common.warnings import warn
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.replace_transactors import Options, once
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run


def main() -> None:
    spec = {
        "stack_name": {"type": "str"},
        "auto_scaling_group_name": {"type": "str"},
        "account_id": {"type": "str"},
        "strategy": {"type": "str", "choices": ["rolling", "terminate"], "default": "rolling"},
        "when": {"type": "str", "choices": ["stale", "always", "surplus", "never"], "default": "stale"},
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
        "run": {"type": "dict", "default": {}},
    }
    module = AnsibleAWSModule(
        argument_spec=spec,
        mutually_exclusive=[("stack_name", "auto_scaling_group_name")],
        required_one_of=[("stack_name", "auto_scaling_group_name")],
        supports_check_mode=True,
    )
    # timeout, files and commit_before are the action plugin's, run is what it keeps from call to call.
    given = {name: module.params[name] for name in spec if name not in ("timeout", "files", "commit_before", "run")}
    options = Options(**{name: value for name, value in given.items() if value is not None})
    run(
        module,
        lambda: once(
            Aws(module, module.params["run"].get("left")),
            options,
            module.params["run"],
            check_mode=module.check_mode,
            warn=warn,
        ),
    )


if __name__ == "__main__":
    main()
