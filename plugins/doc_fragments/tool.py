# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the modules that run bin/datomic for a backup."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  datomic_home:
    description: Root of a distribution of Datomic, whose C(bin/datomic) runs.
    type: path
    required: true
  backup_uri:
    description:
      - "The backup URI: V(s3://bucket/prefix) or V(file:/full/path)."
      - Each database needs its own. The next backup to the same URI copies only what has changed.
    type: str
    required: true
  backup_region:
    description: Region of the backup's bucket, if it is not the connection's. The database's URI has its own region.
    type: str
  java_home:
    description: The Java for C(bin/datomic), instead of the one in C(PATH) or C(JAVA_HOME).
    type: path
  heap:
    description:
      - The tool's memory, such as V(4g), passed as C(-Xmx) and C(-Xms).
      - It has to be at least the transactor's heap.
    type: str
  timeout:
    description: Seconds until the tool is stopped and the task fails.
    type: int
    default: 14400
  log:
    description:
      - The module appends the tool's output to this file, line by line, with secrets masked.
      - C(tail -f) shows the progress.
    type: path
"""
    DATABASE = r"""
options:
  database_uri:
    description:
      - The database, as Datomic's C(connect) takes it, such as V(datomic:ddb://us-east-1/orders/main).
      - The tool takes it on its command line. Leave AWS keys out of it. They come from the connection.
    type: str
  database:
    description: The database's name. Its URI follows from O(transactor_src).
    type: str
  transactor_src:
    description: The transactor's properties file, for O(database).
    type: path
"""
