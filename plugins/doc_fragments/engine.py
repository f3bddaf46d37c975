# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that choose and run an engine."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  engine:
    description:
      - Who does the work.
      - V(native) is this collection, V(cli) the distribution's C(bin/datomic) in O(datomic_home), V(auto) is V(native).
    type: str
    choices: [auto, native, cli]
    default: auto
  datomic_home:
    description: The root of a distribution of Datomic. Required with O(engine=cli).
    type: path
  java_home:
    description: The Java for O(engine=cli), instead of the one in C(PATH) or C(JAVA_HOME).
    type: path
  engine_timeout:
    description: Seconds until the tool of O(engine=cli) is stopped and the task fails.
    type: int
    default: 600
"""
