# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the security group."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  vpc_id:
    description:
      - The VPC of the security groups.
      - The default is the VPC of the group whose id C(aws-security-group) has, or else the region's default VPC.
    type: str
  ingress:
    description:
      - What to do with rules of the security group that are not in the file, such as older ranges.
      - V(report) keeps them and warns, with the command that revokes them. The warning is C(ingress-open) for a large
        part of the Internet, and otherwise C(ingress-not-in-files).
      - V(exact) adds missing rules first and then revokes the others. If peers may lose the transactor, it is the
        warning C(ingress-revoked). When the port changes, that run keeps the rules of the old port for the running
        transactors.
      - V(exact) does not change a group without the description C(Provisioned by Datomic), or a group that instances
        outside of O(stack_name) use. It is the error C(ingress-shared), which can be accepted.
    type: str
    choices: [report, exact]
    default: report
"""
