# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a stack can be created or updated as it is. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import Finding

_FAILED = "Its creation failed. Read its events, then delete the stack ({data}) and run create.yml."
_ADVICE = {
    "CREATE_FAILED": _FAILED,
    "ROLLBACK_COMPLETE": _FAILED,
    "ROLLBACK_FAILED": _FAILED,
    "DELETE_FAILED": (
        "Its deletion failed. Read its events, delete it again, then run create.yml if you still need the system."
    ),
    "UPDATE_FAILED": "Roll it back first (aws cloudformation rollback-stack), then run again.",
    "UPDATE_ROLLBACK_FAILED": (
        "Its rollback stopped half way. Continue it (aws cloudformation continue-update-rollback), then run again."
    ),
    "REVIEW_IN_PROGRESS": (
        "A change set that was to create it was never executed. Delete the stack, which has no resources "
        "(aws cloudformation delete-stack), and run again."
    ),
}
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html"""
_BUSY = "Another operation on it is in progress{since}. Wait for its end, then run again: the plan is made anew."


def refusals(
    name: str, status: str, region: str, *, since: str = "", may_create: bool, data_on_instance: bool
) -> Iterator[Finding]:
    """Why the stack cannot be created or updated. status: empty without a stack. since: when its last operation began.

    data_on_instance: the database is on the stack's instances.
    """
    if not status:
        if not may_create:
            yield Finding(
                "stack-missing",
                f"The stack {name} does not exist in {region}. If the name is mistyped, correct datomic_stack_name: a "
                "second stack would start a second transactor on the same table. If this is a new system, run "
                "create.yml",
            )
        return
    data = "the database is on its instances and is lost with it" if data_on_instance else "Datomic's data is not in it"
    advice = _ADVICE.get(status, _BUSY if status.endswith("_IN_PROGRESS") else "")
    if advice:
        text = advice.format(data=data, since=since and f" since {since}")
        yield Finding("stack-status", f"The stack {name} is {status}. {text}")
