# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of stacks have a form."""

from __future__ import annotations

import re
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.responses import CloudFormationResponse

LONGEST = 128
NAME = "[a-zA-Z][-a-zA-Z0-9]*"
NAME_OR_ID = NAME + "|arn:[-a-zA-Z0-9:/._+]*"
_CREATION = ("create_stack",)
_OTHERS = (
    "update_stack",
    "delete_stack",
    "create_change_set",
    "describe_stacks",
    "describe_stack_events",
    "describe_stack_resource",
    "describe_stack_resources",
    "list_stack_resources",
    "get_template",
)


def apply() -> None:
    """A stack's name is a letter, then letters, digits and hyphens; moto takes any.

    "CreateStack", StackName, https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html;
    AWS's words: https://github.com/hashicorp/terraform-provider-aws/issues/42668 (CreateStack),
    https://github.com/coreos/coreos-kubernetes/issues/505 (DescribeStacks)
    """
    for operations, pattern in ((_CREATION, NAME), (_OTHERS, NAME_OR_ID)):
        for operation in operations:
            setattr(CloudFormationResponse, operation, _checked(getattr(CloudFormationResponse, operation), pattern))


def _checked(run: Any, pattern: str) -> Any:
    def check_and_run(self: CloudFormationResponse) -> Any:
        name = self._get_param("StackName")
        broken = ""
        if name is not None and not re.fullmatch(pattern, name):
            broken = f"satisfy regular expression pattern: {pattern}"
        elif name and not name.startswith("arn:") and len(name) > LONGEST:
            broken = f"have length less than or equal to {LONGEST}"
        if broken:
            raise ValidationError(
                message=f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint:"
                f" Member must {broken}"
            )
        return run(self)

    return check_and_run
