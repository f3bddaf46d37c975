#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verification of a backup with bin/datomic verify-backup."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: verify_backup
short_description: Verify a backup of a Datomic database
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Runs C(bin/datomic verify-backup) of a distribution. Fails if the backup lacks a segment.
options:
  t:
    description: The point in time. The default is the newest.
    type: int
  read_all:
    description: Read every segment, at the cost of reading the whole database.
    type: bool
    default: false
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
- name: Verify that the newest backup is complete and readable
  datomic_onprem.aws.verify_backup:
    datomic_home: /opt/datomic/current
    backup_uri: s3://orders-backup/main
    read_all: true
"""

RETURN = r"""
command:
  description: The command, with secrets masked.
  returned: success
  type: str
  sample: bin/datomic verify-backup s3://orders-backup/main true 6002
version:
  description: The distribution's release.
  returned: success
  type: str
  sample: 1.0.7705
seconds:
  description: How long the tool ran.
  returned: success
  type: float
  sample: 73.4
output:
  description: The tool's last lines, with secrets masked.
  returned: when the tool ran
  type: list
  elements: str
  sample: [":succeeded"]
t:
  description: The verified point in time.
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
  sample: ["java.lang.IllegalStateException: missing segment"]
"""

from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.backup.run import module_of, verify
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run


def main() -> None:
    module = module_of({"t": {"type": "int"}, "read_all": {"type": "bool", "default": False}})
    run(module, lambda: verify(Aws(module), module.params))


if __name__ == "__main__":
    main()
