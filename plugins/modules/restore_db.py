#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore of one database with bin/datomic restore-db."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: restore_db
short_description: Restore a Datomic database from a backup
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Runs C(bin/datomic restore-db) of a distribution.
  - Stop all transactors and peers first. The module refuses to restore while transactors run. It cannot see peers. For
    C(dev) storage the transactor has to run, so this check is left out.
  - Only one backup or restore of a backup URI runs at a time on a machine.
options:
  t:
    description:
      - The point in time, one of those that M(datomic_onprem.aws.backup_info) returns.
      - The default is the newest.
    type: int
  confirm:
    description: The name of the database to replace, typed by a person.
    type: str
  stack_name:
    description: The stack of the system's transactors.
    type: str
  auto_scaling_group_name:
    description: The auto scaling group of the system's transactors.
    type: str
  transactors_stopped:
    description: Do not check for running transactors, for systems outside of an auto scaling group.
    type: bool
    default: false
extends_documentation_fragment:
  - datomic_onprem.aws.account
  - datomic_onprem.aws.tool
  - datomic_onprem.aws.tool.database
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datomic_onprem.aws.attributes
  - datomic_onprem.aws.attributes.action_group
attributes:
  check_mode:
    description: Checks everything. Does not restore.
    support: full
  diff_mode:
    support: none
  idempotent:
    support: none
"""

EXAMPLES = r"""
- name: Restore the newest backup
  datomic_onprem.aws.restore_db:
    datomic_home: /opt/datomic/current
    backup_uri: s3://orders-backup/main
    database: main
    transactor_src: aws/orders-transactor.properties
    stack_name: orders
    confirm: "{{ datomic_restore_confirm }}"
    heap: 4g
"""

RETURN = r"""
command:
  description: The command, with secrets masked. In check mode, it did not run.
  returned: success
  type: str
  sample: bin/datomic -Xmx4g -Xms4g restore-db s3://orders-backup/main datomic:ddb://us-east-1/orders/main 6002
version:
  description: The distribution's release.
  returned: success
  type: str
  sample: 1.0.7705
seconds:
  description: How long the tool ran; 0 in check mode.
  returned: success
  type: float
  sample: 73.4
output:
  description: The tool's last lines, with secrets masked.
  returned: when the tool ran
  type: list
  elements: str
  sample: ["Copied 46 segments, skipped 0 segments.", ":succeeded"]
t:
  description: The restored point in time.
  returned: success
  type: int
  sample: 6002
exit_code:
  description: The tool's exit code.
  returned: when it failed
  type: int
  sample: 1
messages:
  description: The tool's error messages, with secrets masked.
  returned: when it failed
  type: list
  elements: str
  sample: ["java.lang.IllegalArgumentException: :restore/collision"]
"""

from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.backup.run import module_of, restore
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run


def main() -> None:
    module = module_of(
        {
            "t": {"type": "int"},
            "confirm": {"type": "str"},
            "stack_name": {"type": "str"},
            "auto_scaling_group_name": {"type": "str"},
            "transactors_stopped": {"type": "bool", "default": False},
        },
        database=True,
    )
    run(module, lambda: restore(Aws(module), module.params, check=module.check_mode))


if __name__ == "__main__":
    main()
