#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backup of one database with bin/datomic backup-db."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: backup_db
short_description: Back up a Datomic database
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Runs C(bin/datomic backup-db) of a distribution. A backup can be taken while the system runs.
  - Only one backup or restore of a backup URI runs at a time on a machine.
  - The first backup to a URI copies everything, later ones only what has changed. They keep using old objects, so a
    lifecycle rule of the bucket that expires objects breaks every later backup. Such a rule is an error, see
    O(accept_lifecycle).
  - Datomic cannot delete single points in time. To remove old ones, start a new backup URI and delete the old one.
options:
  encryption:
    description: V(sse) lets S3 encrypt the backup.
    type: str
    choices: [none, sse]
    default: none
  max_age:
    description:
      - Take a backup only if the newest one is older, such as V(24h) or V(7d).
      - The age is that of the object of the newest point in time.
    type: str
  accept_lifecycle:
    description: Only warn of lifecycle rules that would break the backup.
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
    description: Checks home, Java, bucket and lock. Does not start the tool.
    support: full
  diff_mode:
    support: none
  idempotent:
    description: With O(max_age), a second run takes no backup.
    support: partial
"""

EXAMPLES = r"""
- name: Back up a database to S3
  datomic_onprem.aws.backup_db:
    datomic_home: /opt/datomic/current
    database: main
    transactor_src: aws/orders-transactor.properties
    backup_uri: s3://orders-backup/main
    encryption: sse
    heap: 4g

- name: Back up to a directory, unless the newest backup is from the last day
  datomic_onprem.aws.backup_db:
    datomic_home: /opt/datomic/current
    database_uri: datomic:dev://localhost:4334/main
    backup_uri: file:/srv/backup/main
    max_age: 24h
"""

RETURN = r"""
command:
  description: The command, with secrets masked. In check mode, it did not run.
  returned: success
  type: str
  sample: bin/datomic -Xmx4g -Xms4g backup-db --encryption sse datomic:ddb://us-east-1/orders/main s3://orders-backup/main
version:
  description: The distribution's release.
  returned: success
  type: str
  sample: 1.0.7705
seconds:
  description: How long the tool ran; 0 if it did not.
  returned: success
  type: float
  sample: 73.4
output:
  description: The tool's last lines, with secrets masked.
  returned: when the tool ran
  type: list
  elements: str
  sample: ["Copied 46 segments, skipped 0 segments.", ":succeeded"]
copied_segments:
  description: Copied segments, if the tool reports them.
  returned: success
  type: int
  sample: 46
skipped_segments:
  description: Segments that the backup already had, if the tool reports them.
  returned: success
  type: int
  sample: 0
t:
  description: The newest point in time in the backup; null if unknown.
  returned: success
  type: int
  sample: 6002
written:
  description: When that point was written, in UTC; empty if unknown.
  returned: success
  type: str
  sample: "2026-11-23T19:52:11Z"
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
  sample: [":db.error/db-not-found Could not find main in catalog"]
"""

from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.backup.run import module_of, take
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run


def main() -> None:
    module = module_of(
        {
            "encryption": {"type": "str", "choices": ["none", "sse"], "default": "none"},
            "max_age": {"type": "str"},
            "accept_lifecycle": {"type": "bool", "default": False},
        },
        database=True,
    )
    run(module, lambda: take(Aws(module), module.params, check=module.check_mode))


if __name__ == "__main__":
    main()
