# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""datomic_forbid: what a run must not do, as errors before anything changes. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Literal, get_args

from .errors import Finding, Refused
from .instance_memory import TOOL_MEMORY
from .plan import Attribute, Change, Plan
from .properties import keys
from .steps.stack.document import LAUNCH_GROUP

Forbidden = Literal["replacement", "outage", "shrink", "image", "deletion"]
NO_RESOURCES = ("property", "file", "transactors")
"""Kinds of changes that delete nothing in AWS but instances, which replacement and shrink are for."""
IMAGES = ("image", "ImageId")
COUNTS = ("aws-autoscaling-group-size", "valcache-max-gb", "read", "write", "minimum", "maximum", "VolumeSize")
"""Properties, and what tables, their auto scaling and volumes have, that are whole numbers."""
MEMORY = {name for file in keys.SETTINGS.values() for name, setting in file.items() if setting.kind == "memory"}
_SIZES = ("nano", "micro", "small", "medium", "large", "xlarge")
_TYPE = re.compile(r"(?P<family>[a-z0-9-]+)\.(?:(?P<times>\d+)x)?(?P<size>[a-z]+)(?:-\d+xl)?")


def violations(plan: Plan, forbid: Collection[Forbidden]) -> list[Finding]:
    """One error for each thing that the plan does although it is forbidden."""
    found = {"replacement": _replacement, "outage": _outage, "shrink": _shrink, "image": _image, "deletion": _deletion}
    return [finding for name in get_args(Forbidden) if name in forbid for finding in found[name](plan)]


def _replacement(plan: Plan) -> Iterator[Finding]:
    if plan.transactors.replace:
        message = f"{_instances(plan.transactors.replace)} would be replaced{_because(plan)}"
        yield _finding("replacement", "forbidden-replacement", message)
    for message in _groups(plan):
        yield _finding("replacement", "forbidden-replacement", message)


def _outage(plan: Plan) -> Iterator[Finding]:
    pause, failover = plan.transactors.outage_seconds, plan.transactors.failover_seconds
    if pause > failover:
        message = (
            f"nobody could write for up to {pause:g} s, and a failover takes at most {failover:g} s{_because(plan)}"
        )
        yield _finding("outage", "forbidden-outage", message)
    for message in _groups(plan):
        yield _finding("outage", "forbidden-outage", message)


def _groups(plan: Plan) -> Iterator[str]:
    for change in plan.changes:
        if LAUNCH_GROUP in change.deletes:
            yield f"all transactors would be replaced at once, because the stack replaces its group {LAUNCH_GROUP}"


def _shrink(plan: Plan) -> Iterator[Finding]:
    for change in plan.changes:
        for one in change.attributes:
            if _smaller(one):
                values = f"{one.before} -> {one.after} is smaller"
                if change.kind == "property":
                    yield _finding("shrink", "forbidden-shrink", values, one, key=change.name)
                else:
                    message = f"{_title(change)}: {one.name} {values}"
                    yield _finding("shrink", "forbidden-shrink", message, one)
    if plan.transactors.end:
        message = f"{_instances(plan.transactors.end)} would end without a successor{_because(plan)}"
        yield _finding("shrink", "forbidden-shrink", message)


def _smaller(one: Attribute) -> bool:
    """Whether a value gets smaller, as far as that is known."""
    name = one.name.rpartition(".")[2]
    if name == "aws-instance-type":
        return _smaller_type(one.before, one.after)
    if name in COUNTS or name in MEMORY:
        number = keys.parse_integer if name in COUNTS else keys.parse_memory
        before, after = number(one.before), number(one.after)
        return before is not None and after is not None and after < before
    return False


def _smaller_type(before: str, after: str) -> bool:
    if before in TOOL_MEMORY and after in TOOL_MEMORY:
        return TOOL_MEMORY[after] < TOOL_MEMORY[before]
    one, other = _TYPE.fullmatch(before), _TYPE.fullmatch(after)
    if not one or not other or one["family"] != other["family"]:
        return False
    old, new = _size(one), _size(other)
    return old is not None and new is not None and new < old


def _size(found: re.Match[str]) -> tuple[int, int] | None:
    """Orders the types of one family; None for an unknown size."""
    if found["size"] == "metal":
        return (len(_SIZES), 0)
    return (_SIZES.index(found["size"]), int(found["times"] or 1)) if found["size"] in _SIZES else None


def _image(plan: Plan) -> Iterator[Finding]:
    for change in plan.changes:
        for one in change.attributes:
            if re.split(r"[. ]", one.name)[-1] in IMAGES and change.action != "create":
                message = f"the machine image would change: {one.before} -> {one.after}"
                yield _finding("image", "forbidden-image", message, one)
                return


def _deletion(plan: Plan) -> Iterator[Finding]:
    for change in plan.changes:
        if change.kind not in NO_RESOURCES and change.action in ("delete", "replace"):
            again = " and created again" if change.action == "replace" else ""
            yield _finding("deletion", "forbidden-deletion", f"{_title(change)} would be deleted{again}")
        if change.deletes:
            names = ", ".join(change.deletes)
            other = " or replaced by another one" if change.kind == "stack" else ""
            message = f"{names} of the {_title(change)} would be deleted{other}"
            yield _finding("deletion", "forbidden-deletion", message)


def _instances(ids: tuple[str, ...]) -> str:
    return f"the {'transactor' if len(ids) == 1 else 'transactors'} {', '.join(ids)}"


def _title(change: Change) -> str:
    return f"{change.kind} {change.name}".strip()


def _because(plan: Plan) -> str:
    """The properties that change; empty if none does, as when instances were outdated before."""
    names = [change.name for change in plan.changes if change.kind == "property"]
    return f", because of {', '.join(names)}" if names else ""


def _finding(name: Forbidden, rule: Refused, message: str, place: Attribute | None = None, key: str = "") -> Finding:
    place = place or Attribute("")
    suggestion = f"undo the change, or remove {name} from datomic_forbid"
    return Finding(rule, message, "error", place.file, place.line, key, suggestion=suggestion)
