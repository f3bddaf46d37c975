# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the modules that run bin/datomic for a backup."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  datomic_home:
    description: Root of a distribution of Datomic. Its C(bin/datomic) is what runs.
    type: path
    required: true
  backup_uri:
    description:
      - "Where the backups of the database lie: V(s3://bucket/prefix) or V(file:/full/path)."
      - Each database needs one of its own. Using it again makes the next backup differential.
    type: str
    required: true
  backup_region:
    description: Region of the backup's bucket, when it is not the connection's. The database's stands in its URI.
    type: str
  java_home:
    description: A Java for C(bin/datomic), when the one of C(PATH) or C(JAVA_HOME) is not to be used.
    type: path
  heap:
    description:
      - The tool's memory, such as V(4g), passed as C(-Xmx) and C(-Xms).
      - Give it at least as much as the transactor has.
    type: str
  timeout:
    description: Seconds after which the tool is stopped and the task fails.
    type: int
    default: 14400
  log:
    description:
      - A file that each line of the tool's output is appended to as it comes, secrets masked.
      - C(tail -f) shows the progress.
    type: path
"""
    DATABASE = r"""
options:
  database_uri:
    description:
      - The database, as Datomic's C(connect) takes it, such as V(datomic:ddb://us-east-1/orders/main).
      - The tool takes it on its command line. Leave keys of AWS out of it, they come from the connection.
    type: str
  database:
    description: The database's name; its URI follows from O(transactor_src).
    type: str
  transactor_src:
    description: The transactor's properties file, for O(database).
    type: path
"""
