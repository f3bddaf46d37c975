# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operator's policy allows every call of a create, a check and a changing update, and nothing beyond."""

from __future__ import annotations

import fnmatch
import json
import pathlib
from typing import Any

from tests.emulator import Emulator
from tests.estate import ROOT, Estate

NAMED = {
    "iam": ("arn:aws:iam::123456789012:role/{}", "arn:aws:iam::123456789012:instance-profile/{}"),
    "s3": ("arn:aws:s3:::{}",),
    "dynamodb": ("arn:aws:dynamodb:us-east-1:123456789012:table/{}",),
    "cloudformation": ("arn:aws:cloudformation:us-east-1:123456789012:stack/{}/id",),
}
"""The ARNs that the name in a call may stand for."""


def statements() -> list[dict[str, Any]]:
    policy = json.loads(pathlib.Path(ROOT, "docs", "iam-policy.json").read_text())
    return list(policy["Statement"])


def allows(statement: dict[str, Any], action: str, resource: str) -> bool:
    patterns = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
    arns = [arn.format(resource) for arn in NAMED.get(action.partition(":")[0], ())] if resource else []
    named = not arns or any(fnmatch.fnmatch(arn, pattern) for pattern in patterns for arn in arns)
    return action in statement["Action"] and named


def test_the_operators_policy_is_what_the_playbooks_need(aws: Emulator, tmp_path: pathlib.Path) -> None:
    aws.configure(scale=120)
    estate = Estate(tmp_path / "estate", aws.url)
    needed: dict[tuple[str, str], None] = {}
    for playbook, arguments in (("create.yml", ()), ("update.yml", ("--check",)), ("update.yml", ())):
        if playbook == "update.yml":
            estate.edit("aws/wormbase-transactor.properties", memory_index_max=f"{256 + len(arguments)}m")
        run = estate.play(playbook, *arguments)
        assert run.returncode == 0, run.output
        for call in run.calls:
            for action in call["permissions"]:
                # The name is the one of the call's own service; iam:PassRole is needed for a role inside a request.
                own = action.partition(":")[0] == call["service"]
                needed[action, call["resource"] if own else ""] = None
    missing = [one for one in needed if not any(allows(statement, *one) for statement in statements())]
    assert missing == []
    allowed = {action for statement in statements() for action in statement["Action"]}
    assert allowed == {action for action, _resource in needed}
