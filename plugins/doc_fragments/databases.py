# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option databases."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  databases:
    description: The system's databases, for backups and restores.
    type: list
    elements: dict
    suboptions:
      name:
        description: The database's name.
        type: str
        required: true
      backup_uri:
        description: The place of its backups.
        type: str
        required: true
      uri:
        description: The database's URI, if it does not follow from the transactor's file.
        type: str
      backup_region:
        description: The region of the backup's bucket, if it is not the system's.
        type: str
      encryption:
        description: The encryption of a backup in S3.
        type: str
        choices: [none, sse]
        default: sse
"""
