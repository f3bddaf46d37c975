#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait until a system has stayed healthy for some time."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: check_health
short_description: Check that a Datomic system stays healthy
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Looks at the system every O(poll_seconds), and succeeds when it has stayed healthy for O(seconds).
  - "A look is good if all of this is true:"
  - The group has as many instances as it wants, and all are in service and healthy.
  - By their heartbeats one transactor is active and all others stand by. Without metrics the instances have to do.
  - No alarm of the stack is in state ALARM that was not when the module began. Alarms are those in the stack's template
    whose name depends on the stack's name only, as in the flavor C(modern). The flavor C(legacy) has none.
  - Fails if the looks are bad for 120 seconds without a good one in between. A takeover is over by then. CloudWatch
    counts heartbeats by the minute, and one report may come a minute late.
  - Heartbeats count for up to seven minutes, because CloudWatch may get them late. If all transactors hang while their
    instances run, heartbeats show that after these minutes, and the alarm on a missing active transactor after two.
  - Other than M(datomic_onprem.aws.transactor_info), this module waits, and fails.
  - With C(connection=local) the lines of progress appear while the module runs.
options:
  stack_name:
    description: The name of the CloudFormation stack. Its group is the resource C(LaunchGroup).
    type: str
    required: true
  transactor_src:
    description:
      - The transactor's properties file. Its C(heartbeat-interval-msec), C(aws-cloudwatch-region) and
        C(aws-cloudwatch-dimension-value) are used.
    type: path
  seconds:
    description: How long the system has to stay healthy. With V(0), one good look is enough.
    type: float
    default: 0
  poll_seconds:
    description: Seconds between two looks at AWS, at least V(0.1).
    type: float
    default: 15
attributes:
  check_mode:
    support: full
    details: Looks once, and fails if that look is bad.
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
  - module: datomic_onprem.aws.transactor_info
  - module: datomic_onprem.aws.replace_transactors
"""

EXAMPLES = r"""
- name: Let the updated system prove itself for half an hour
  datomic_onprem.aws.check_health:
    stack_name: orders
    transactor_src: aws/orders-transactor.properties
    seconds: 1800
"""

RETURN = r"""
seen:
  description: What the last look showed.
  returned: always
  type: str
  sample: standby 1 of 1 is beating (12 per minute)
seconds:
  description: How many seconds the module took.
  returned: always
  type: float
  sample: 1800.4
alarms:
  description: The names of the stack's alarms that were watched.
  returned: success
  type: list
  elements: str
  sample: [orders-no-active-transactor, orders-standby-missing]
"""

from ansible_collections.datomic_onprem.aws.plugins.module_utils import screen
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.check_health import check
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.replace_transactors import Options
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "stack_name": {"type": "str", "required": True},
            "account_id": {"type": "str"},
            "transactor_src": {"type": "path"},
            "seconds": {"type": "float", "default": 0},
            "poll_seconds": {"type": "float", "default": 15},
        },
        supports_check_mode=True,
    )
    params = module.params
    options = Options(
        stack_name=params["stack_name"],
        account_id=params["account_id"] or "",
        transactor_src=params["transactor_src"] or "",
        poll_seconds=params["poll_seconds"],
    )
    run(
        module,
        lambda: check(Aws(module), options, params["seconds"], check_mode=module.check_mode, show=screen.show),
    )


if __name__ == "__main__":
    main()
