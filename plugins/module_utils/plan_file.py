# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan as a file: written for a reviewer, and read back as the plan that was approved. Knows nothing of AWS."""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import stat
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

from .errors import DatomicError, Finding
from .plan import VERSION, Attribute, Change, Plan, Replacement
from .util import atomic_write

MAX_BYTES = 4 * 1024 * 1024
"""A plan has a few KiB."""
NEW_PLAN = "Make a new plan with datomic_plan_file, and have it approved. Nothing was changed."
_TYPES: Mapping[Any, str] = {str: "a string", int: "an integer", float: "a number", type(None): "null"}


@dataclasses.dataclass(frozen=True)
class _Note:
    subject: str
    text: str


def write(path: str, plan: Plan) -> None:
    """Write the plan as JSON, mode 0600, all or nothing. Raises DatomicError.

    Replaces a plan of the same system. Another system's plan and every other file is kept: two systems with one path
    would lose one of the plans, and a mistyped path a file.
    """
    refused = f"Could not write the plan of {plan.system} to {path}:"
    path = os.path.abspath(path)
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        raise DatomicError(
            f"{refused} the directory {directory} does not exist. Create it, or correct datomic_plan_file."
        )
    if os.path.lexists(path) and not os.path.isfile(path):
        raise DatomicError(f"{refused} it is not a regular file. Correct datomic_plan_file.")
    try:
        before = _bytes(path) if os.path.exists(path) else None
        if before:
            _require_plan_of(plan.system, before, refused)
        if before is not None:
            # The new file gets the mode of the one that it replaces.
            os.chmod(path, atomic_write.NEW_FILE_MODE)
    except OSError as error:
        raise DatomicError(f"{refused} {error.strerror}. Correct datomic_plan_file.") from error
    atomic_write.replace(path, (json.dumps(plan.as_returned(), indent=2) + "\n").encode(), was=before)


def _require_plan_of(system: str, content: bytes, refused: str) -> None:
    other = _system(content)
    if other is None:
        raise DatomicError(f"{refused} the file is not a plan. Correct datomic_plan_file, or remove the file.")
    if other != system:
        raise DatomicError(
            f"{refused} the file has the plan of {other}. Put datomic_stack_name into datomic_plan_file, so that "
            "each system has a file, or remove the file."
        )


def _bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(MAX_BYTES + 1)


def _system(content: bytes) -> str | None:
    """Of a plan of any version; None for anything else."""
    try:
        plan = json.loads(content)
    except (ValueError, RecursionError):
        return None
    is_plan = isinstance(plan, dict) and plan.keys() >= {"version", "system", "digest"}
    return str(plan["system"]) if is_plan else None


def read(path: str) -> Plan:
    """The plan in a file. Raises DatomicError when that is not exactly what write() wrote."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise DatomicError(
                f"Could not read the approved plan {path}: it is not a regular file. Correct datomic_approved_plan. "
                "Nothing was changed."
            )
        content = _bytes(path)
    except OSError as error:
        raise DatomicError(
            f"Could not read the approved plan {path}: {error.strerror}. Correct datomic_approved_plan. "
            "Nothing was changed."
        ) from error
    try:
        return _plan(content)
    except ValueError as error:
        raise DatomicError(f"The approved plan {path} {error}. {NEW_PLAN}") from error


def _plan(content: bytes) -> Plan:
    """Raises ValueError with what the file is instead."""
    if len(content) > MAX_BYTES:
        raise ValueError(f"has more than {MAX_BYTES // 1024**2} MiB")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ValueError("is not UTF-8") from error
    try:
        found = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_repetition)
    except RecursionError as error:
        raise ValueError("is not JSON (it is nested too deeply)") from error
    except ValueError as error:
        raise ValueError(f"is not JSON ({error})") from error
    version = found.get("version") if isinstance(found, dict) else None
    if isinstance(version, int) and not isinstance(version, bool) and version != VERSION:
        raise ValueError(
            f"has version {version} of the format, and this release of the collection reads version {VERSION}"
        )
    for mistake in _mistakes(Plan, found, ""):
        raise ValueError(f"is not a plan: {mistake}")
    plan = Plan.of(found)
    for name in ("digest", "summary"):
        if found[name] != getattr(plan, name):
            raise ValueError(f"does not match its {name}: it was edited after it was made")
    return plan


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _no_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON as a dict. A reviewer's tool might show another one of two values than this one."""
    for key, number in collections.Counter(key for key, _value in pairs).items():
        if number > 1:
            raise ValueError(f"{key} occurs twice")
    return dict(pairs)


def _fields(kind: type) -> dict[str, Any]:
    """The members of an object of JSON, with their types."""
    fields = get_type_hints(kind)
    if kind is Plan:
        fields = {"version": int, **fields, "notes": tuple[_Note, ...], "summary": Mapping[str, int], "digest": str}
    return {**fields, "rule": str} if kind is Finding else fields


def _mistakes(kind: Any, value: Any, path: str) -> Iterator[str]:
    """Where a value of JSON is not of a type of Plan."""
    origin, parts = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind) or origin is collections.abc.Mapping:
        if not isinstance(value, dict):
            yield f"{path or 'it'} has to be an object"
            return
        fields = dict.fromkeys(value, parts[1]) if parts else _fields(kind)
        for name, field in fields.items():
            below = f"{path}.{name}" if path else name
            if name in value:
                yield from _mistakes(field, value[name], below)
            else:
                yield f"{below} is missing"
        yield from (f"{path}.{name} is unknown" if path else f"{name} is unknown" for name in value.keys() - fields)
    elif origin is tuple:
        if not isinstance(value, list):
            yield f"{path} has to be a list"
            return
        for index, each in enumerate(value):
            yield from _mistakes(parts[0], each, f"{path}[{index}]")
    elif origin is Literal:
        if value not in parts:
            yield f"{path} has to be {', '.join(parts[:-1])} or {parts[-1]}"
    else:
        allowed = parts if origin is types.UnionType else (kind,)
        # JSON's true is no number, although Python's True is an int. A whole number is a float too.
        fits = isinstance(value, bool) if bool in allowed else not isinstance(value, bool)
        if not fits or not isinstance(value, (*allowed, int) if float in allowed else allowed):
            yield f"{path} has to be {' or '.join(_TYPES[each] for each in allowed)}"


def require_approval(path: str, made: Plan) -> None:
    """Raises DatomicError unless the plan that was just made is the one in the file."""
    approved = read(path)
    for name in ("system", "stack", "account", "region"):
        one, other = getattr(approved, name), getattr(made, name)
        if one != other:
            raise DatomicError(
                f"The approved plan {path} is for the {name} {one or '(unknown)'}, and this run is for the {name} "
                f"{other or '(unknown)'}. Correct datomic_approved_plan. Nothing was changed."
            )
    found = differences(approved, made)
    if found:
        lines = "".join(f"\n  {line}" for line in found)
        done = "Nothing is left to do: the approved plan may have been applied already. Nothing was changed."
        end = f"Nothing was changed. {NEW_PLAN.removesuffix(' Nothing was changed.')}" if made.changed else done
        raise DatomicError(f"The plan differs from the approved one {path}:{lines}\n{end}")


def differences(approved: Plan, made: Plan) -> list[str]:
    """What differs of what a reviewer approves, one line each; empty exactly when the digests are the same.

    Both plans are of one system, stack, account and region.
    """
    approved, made = approved.reviewed, made.reviewed
    found = [*_change_differences(approved, made), *_finding_differences(approved, made)]
    one, other = (_of_transactors(plan.transactors) for plan in (approved, made))
    found += [_differs(name, one[name], other[name]) for name in one if one[name] != other[name]]
    return [" ".join(line.split()) for line in found]


def _differs(name: str, one: str, other: str) -> str:
    return f"{name}: {one} was approved, this plan has {other}"


def _of_transactors(plan: Replacement) -> dict[str, str]:
    return {
        "transactors to replace": _listed(plan.replace),
        "transactors that end": _listed(plan.end),
        "longest pause of writes": f"{str(plan.outage_seconds).removesuffix('.0')} s",
        "longest failover": f"{str(plan.failover_seconds).removesuffix('.0')} s",
    }


def _listed(instances: Sequence[str]) -> str:
    return f"{len(instances)} ({', '.join(sorted(instances))})" if instances else "none"


def _change_differences(approved: Plan, made: Plan) -> Iterator[str]:
    one, other = collections.Counter(approved.changes), collections.Counter(made.changes)
    gone, new = list((one - other).elements()), list((other - one).elements())
    for change in gone:
        partner = next((each for each in new if _identity(each) == _identity(change)), None)
        if partner:
            new.remove(partner)
            yield _differs(_title(change), *_contrast(change, partner))
        else:
            yield f"approved, but not in this plan: {_line(change)}"
    yield from (f"not approved: {_line(change)}" for change in new)


def _identity(change: Change) -> tuple[str, str, str]:
    return change.step, change.kind, change.name


def _title(change: Change) -> str:
    return change.name if change.kind == "property" else f"{change.kind} {change.name}".strip()


def _line(change: Change) -> str:
    action = "" if change.action == "update" else change.action
    return f"{action} {_title(change)} {change.text or _values(change, change.attributes)}"


def _contrast(one: Change, other: Change) -> tuple[str, str]:
    """What distinguishes two changes of one resource or property, the most important thing first."""
    first = [each for each in one.attributes if each not in other.attributes] or one.attributes
    second = [each for each in other.attributes if each not in one.attributes] or other.attributes
    pairs = (
        (one.action, other.action),
        (one.text, other.text),
        (_values(one, first), _values(other, second)),
        (_places(first), _places(second)),
        (_deleted(one), _deleted(other)),
    )
    return next(((a or "nothing", b or "nothing") for a, b in pairs if a != b), ("one order of values", "another one"))


def _deleted(change: Change) -> str:
    return f"deletes {', '.join(change.deletes) or 'nothing'}"


def _values(change: Change, attributes: tuple[Attribute, ...] | list[Attribute]) -> str:
    """The values; with their names unless the change is that of a property."""
    shown = [f"{each.before or '(none)'} -> {each.after or '(none)'}" for each in attributes]
    named = zip(("" if change.kind == "property" else f"{each.name} " for each in attributes), shown, strict=True)
    return ", ".join(name + values for name, values in named)


def _places(attributes: tuple[Attribute, ...] | list[Attribute]) -> str:
    return ", ".join(f"{each.file}:{each.line}" for each in attributes)


def _finding_differences(approved: Plan, made: Plan) -> Iterator[str]:
    one, other = (collections.Counter(_finding(each) for each in plan.findings) for plan in (approved, made))
    for rule, severity, *place in (one - other).elements():
        yield f"the approved {severity} {rule} is gone: {', '.join(filter(None, place))}"
    messages = {_finding(each): each.message for each in made.findings}
    for rule, severity, *place in (other - one).elements():
        where = ", ".join(filter(None, place))
        message = messages[(rule, severity, place[0], place[1])]
        yield f"not approved: {severity} {rule}: {message}" + (f" ({where})" if where else "")


def _finding(finding: Finding) -> tuple[str, str, str, str]:
    return finding.rule, finding.severity, finding.file, finding.key
