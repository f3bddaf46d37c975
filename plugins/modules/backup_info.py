#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The points in time of a backup, with bin/datomic list-backups."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: backup_info
short_description: List the backups of a Datomic database
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Runs C(bin/datomic list-backups) of a distribution, and adds when each point in time was written.
  - With O(max_age), fails if the newest backup is older.
options:
  max_age:
    description:
      - The greatest age of the newest backup, such as V(24h) or V(7d).
      - The age is that of the object of the newest point in time. A database without new transactions may keep an old
        one.
    type: str
extends_documentation_fragment:
  - datomic_onprem.aws.account
  - datomic_onprem.aws.tool
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datomic_onprem.aws.attributes
  - datomic_onprem.aws.attributes.action_group
attributes:
  check_mode:
    description: Only reads.
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: List the points in time that can be restored
  datomic_onprem.aws.backup_info:
    datomic_home: /opt/datomic/current
    backup_uri: s3://orders-backup/main
  register: orders_backups

- name: Stop unless there is a backup of the last day
  datomic_onprem.aws.backup_info:
    datomic_home: /opt/datomic/current
    backup_uri: s3://orders-backup/main
    max_age: 24h
"""

RETURN = r"""
backups:
  description: The points in time, newest first.
  returned: success
  type: list
  elements: dict
  contains:
    t:
      description: The point in time.
      returned: always
      type: int
      sample: 6002
    written:
      description: When it was written, in UTC; empty if unknown.
      returned: always
      type: str
      sample: "2026-11-23T19:52:11Z"
    age:
      description: Seconds since then; null if unknown.
      returned: always
      type: int
      sample: 3600
  sample:
    - {t: 6002, written: "2026-11-23T19:52:11Z", age: 3600}
newest:
  description: The newest point in time; null without one.
  returned: success
  type: int
  sample: 6002
age:
  description: Seconds since the newest was written; null if unknown.
  returned: success
  type: int
  sample: 3600
summary:
  description: The points in time in words, newest first; without any, one line that says so.
  returned: success
  type: list
  elements: str
  sample: ["t 6002, written 2026-11-23T19:52:11Z, 60m old"]
version:
  description: The distribution's release.
  returned: success
  type: str
  sample: 1.0.7705
output:
  description: The tool's last lines, with secrets masked.
  returned: when the tool failed
  type: list
  elements: str
  sample: ["com.amazonaws.services.s3.model.AmazonS3Exception: Access Denied"]
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
  sample: ["com.amazonaws.services.s3.model.AmazonS3Exception: Access Denied"]
"""

from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.backup.run import info, module_of
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run


def main() -> None:
    module = module_of({"max_age": {"type": "str"}})
    run(module, lambda: info(Aws(module), module.params))


if __name__ == "__main__":
    main()
