# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Actions as changes of the plan. The golden screens show the rest."""

from __future__ import annotations

from ansible_collections.datomic_onprem.aws.plugins.module_utils.actions import Action
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps import plan_changes
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.ingress import IngressRule
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.security_group import RevokeIngress


def test_a_change_names_what_it_deletes() -> None:
    rules = (IngressRule("tcp", 4334, 4334, cidr="10.0.0.0/8"), IngressRule("tcp", 22, 22, cidr="10.1.0.0/16"))
    actions = [
        Action("iam", "role_policy", "peer/old", "delete", {"policy": "x"}),
        Action("iam", "role_policy", "peer/new", "create"),
        Action("ec2", "security_group_ingress", "datomic", "delete", params=RevokeIngress("sg-1", rules)),
        Action("s3", "bucket_policy", "logs", "delete", {"policy": "x"}),
        Action("dynamodb", "table", "orders", "update", {"read": 1}, {"read": 2}),
    ]
    assert {one.name: one.deletes for one in plan_changes.of_actions(actions, "transactor")} == {
        "peer": ("policy old",),
        "datomic": tuple(str(rule) for rule in rules),
        "logs": ("bucket policy",),
        "orders": (),
    }
