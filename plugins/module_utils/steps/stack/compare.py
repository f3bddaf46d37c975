# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stack compared by meaning with the template that is sent next: what CloudFormation would change, and why. Pure."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...errors import Finding
from ...plan import Attribute, Change
from ...properties import keys
from ...properties.file import EMPTY, Properties
from . import changes, document
from .changes import KEYS, Detail, Parameter, shown, shown_value
from .document import UserData
from .failures import GROUP_TYPE

NO_CHANGE = ("AWSTemplateFormatVersion", "Description", "Mappings", "Metadata")
"""The sections that CloudFormation does not update by themselves. A mapping's values are compared where they are used.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/metadata-section-structure.html
"""
OF_TYPE = ("Type", "NoEcho")
"""What a parameter's declaration says of its value. The rest describes it, or checks it."""
SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE")
"""The statuses of a stack whose resources are those of its template."""
DYNAMIC = "{{resolve:"
"""The start of a reference that CloudFormation looks up anew in each update."""
SYSTEMS_MANAGER = "AWS::SSM::Parameter::Value<"
IMAGE = "image"
MANNERS = {"Add": "created", "Import": "imported", "Remove": "deleted"}


@dataclasses.dataclass(frozen=True)
class Current:
    """What a stack has. template: parsed JSON, or the text of another one. tags: without those that AWS sets."""

    name: str
    status: str
    template: Any
    parameters: Mapping[str, Parameter] = dataclasses.field(default_factory=dict)
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Desired:
    """What an update sends, and the files that it is made from.

    tags: of the options; a stack keeps its others. resolved: the values of the parameters of Systems Manager that
    system_parameters() names, by their names. directory: of the system; files in changes are relative to it.
    """

    template: Mapping[str, Any]
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    resolved: Mapping[str, str] = dataclasses.field(default_factory=dict)
    transactor: Properties = EMPTY
    cf: Properties = EMPTY
    directory: str = "."


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What an update changes about a stack.

    pending: whether an update is needed; otherwise there are no changes, and nobody has to make a change set.
    form_only: not pending, although the documents differ. changes: of kind "property", one for each property, and one
    named IMAGE if that changes. findings: parameters that were set by hand. outdates: whether instances that run become
    outdated. notes, details: what else changes, for stack_change(): in the line, and below it. kept: the logical ids of
    the groups that an update never replaces. rewritten: the properties of resources that differ although each parameter
    counts as the same, as "LOGICAL-ID PATH".
    """

    pending: bool
    form_only: bool = False
    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    outdates: bool = False
    notes: tuple[str, ...] = ()
    details: tuple[Attribute, ...] = ()
    stack: str = ""
    kept: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class _Side:
    """A template and the values of its parameters. sections: what an update compares, mappings looked up."""

    template: Mapping[str, Any]
    parameters: Mapping[str, Parameter]
    values: Mapping[str, str]
    sections: Mapping[str, Any]
    launch: Mapping[str, Any]
    user_data: UserData | None

    @classmethod
    def of(cls, template: Mapping[str, Any], parameters: Mapping[str, Parameter], stack: str, region: str) -> _Side:
        values = {name: one.value for name, one in parameters.items()}
        values |= {"AWS::Region": region, "AWS::StackName": stack}
        found = document.looked_up(
            {name: part for name, part in template.items() if name not in NO_CHANGE},
            template.get("Mappings", {}),
            values,
        )
        declared = document.mapping(found.get("Parameters")).items()
        found["Parameters"] = {name: {key: document.mapping(one).get(key) for key in OF_TYPE} for name, one in declared}
        launch, logical_id = document.launch(found.get("Resources"))
        user_data = document.user_data(launch, values)
        return cls(template, parameters, values, found, {"": logical_id, **launch}, user_data)

    def comparable(self) -> str:
        """The sections as a text that does not depend on their form, nor on the order of properties in user data."""
        if self.user_data is None:
            return document.canonical(self.sections)
        data = [self.user_data.script, sorted(self.user_data.written)]
        return document.canonical(_replaced(self.sections, self.launch["UserData"], data))


def _replaced(part: Any, old: Any, new: Any) -> Any:
    if part is old:
        return new
    if isinstance(part, Mapping):
        return {key: _replaced(value, old, new) for key, value in part.items()}
    return [_replaced(one, old, new) for one in part] if isinstance(part, list) else part


def system_parameters(template: Mapping[str, Any]) -> dict[str, str]:
    """The template's parameters that are parameters of Systems Manager: to the names there."""
    declared = template.get("Parameters", {})
    return {
        name: str(one["Default"])
        for name, one in declared.items()
        if str(one.get("Type")).startswith(SYSTEMS_MANAGER) and "Default" in one
    }


def compare(current: Current, desired: Desired) -> Comparison:
    """What an update of the stack to this template changes."""
    region = desired.cf.get("aws-region")
    old = _Side.of(document.parsed(current.template), current.parameters, current.name, region)
    new = _Side.of(desired.template, _parameters(desired), current.name, region)
    tags = {**current.tags, **desired.tags}
    ours, theirs = new.comparable(), old.comparable()
    pending = (
        ours != theirs
        or dict(old.parameters) != dict(new.parameters)
        or tags != dict(current.tags)
        or current.status not in SETTLED
        or DYNAMIC in ours
    )
    if not pending:
        same = document.canonical(current.template) == document.canonical(desired.template)
        return Comparison(pending=False, form_only=not same)
    if not old.template:
        return Comparison(pending=True, outdates=True, notes=("its template cannot be read",), stack=current.name)
    found = {one.name: one for one in _of_user_data(old, new, desired)}
    for one in sorted(_of_parameters(old, new, desired), key=lambda one: one.attributes[0].line):
        found.setdefault(one.name, one)
    image = _image(old, new)
    others = _other_parameters(old, new, set(found))
    details = [*others, *_sections(old, new), *_attributes("tag ", current.tags, tags)]
    return Comparison(
        pending=True,
        changes=(*found.values(), *image),
        findings=tuple(_by_hand(current.name, old, new, desired)),
        outdates=_outdates(old, new),
        notes=tuple(_notes(old, new, image=bool(image), tags=tags != dict(current.tags))),
        details=tuple(details),
        stack=current.name,
        kept=tuple(_kept(desired.template)),
        rewritten=tuple(_rewritten(old, new)),
    )


def _parameters(desired: Desired) -> dict[str, Parameter]:
    """The values that the parameters get: an update sends none, so these are the defaults."""
    names = system_parameters(desired.template)
    return {
        name: Parameter(desired.resolved.get(default, changes.UNKNOWN), default)
        if name in names
        else Parameter(default)
        for name, default in changes.defaults(desired.template).items()
    }


def _of_user_data(old: _Side, new: _Side, desired: Desired) -> Iterator[Change]:
    """Without those of a stack whose script has no properties that can be read."""
    before, after = ((side.user_data or UserData()).properties for side in (old, new))
    if not before or not after:
        return
    for key in dict.fromkeys([*after, *before]):
        if before.get(key) != after.get(key):
            yield _property(key, before.get(key), after.get(key), desired.transactor, desired)


def _of_parameters(old: _Side, new: _Side, desired: Desired) -> Iterator[Change]:
    """Without the parameters of which the template changes the form, such as a group's id instead of its name."""
    for name, key in KEYS.items():
        file = _file(key, desired)
        before, after = old.values.get(name), new.values.get(name)
        if before != after and file is not None and file.get(key) != before:
            yield _property(key, before, after, file, desired)


def _file(key: str, desired: Desired) -> Properties | None:
    """The file that has the property; None for a variable of the role."""
    return desired.cf if key in keys.CF else desired.transactor if key in keys.TRANSACTOR else None


def _property(key: str, before: str | None, after: str | None, file: Properties, desired: Desired) -> Change:
    old, new = changes.shown_property(key, before), changes.shown_property(key, after)
    attribute = Attribute(key, old, new, *_place(key, file, desired))
    return Change("update", "property", key, "stack", attributes=(attribute,))


def _place(key: str, file: Properties, desired: Desired) -> tuple[str, int]:
    """The file and the line of the key. Empty and 0 if the file does not have it."""
    return (os.path.relpath(file.path, desired.directory), file.line(key)) if key in file else ("", 0)


def _image(old: _Side, new: _Side) -> tuple[Change, ...]:
    before, after = (shown(document.resolved(side.launch.get(changes.IMAGE), side.values)) for side in (old, new))
    if before == after:
        return ()
    return (Change("update", "property", IMAGE, "stack", attributes=(Attribute(IMAGE, before, after),)),)


def _other_parameters(old: _Side, new: _Side, properties: set[str]) -> Iterator[Attribute]:
    before, after = ({name: one.value for name, one in side.parameters.items()} for side in (old, new))
    for one in _attributes("parameter ", before, after):
        name = one.name.removeprefix("parameter ")
        if name != changes.IMAGE and KEYS.get(name) not in properties:
            yield one


def _sections(old: _Side, new: _Side) -> Iterator[Attribute]:
    """Sections other than the resources, whose details only CloudFormation knows. Of parameters those of both."""
    for section in dict.fromkeys([*old.sections, *new.sections]):
        before, after = old.sections.get(section, {}), new.sections.get(section, {})
        if section == "Parameters":
            both = [name for name in after if name in before]
            before, after = ({name: side[name] for name in both} for side in (before, after))
        if section != "Resources":
            yield from _attributes(f"{section} ", before, after)


def _attributes(prefix: str, before: Any, after: Any) -> Iterator[Attribute]:
    for one in changes.details(before, after):
        if one.name:
            yield Attribute(prefix + one.name, one.before, one.after)


def _by_hand(stack: str, old: _Side, new: _Side, desired: Desired) -> Iterator[Finding]:
    """Parameters that were set by hand, and that the update changes."""
    defaults = changes.defaults(old.template)
    for name, one in old.parameters.items():
        other, key = new.parameters.get(name), KEYS.get(name, "")
        if one.given == defaults.get(name, one.given) or (other and other.value == one.value):
            continue
        effect = (
            f"sets it to {shown_value(name, other and other.value)!r}"
            if key
            else "removes it: the new template has none"
        )
        file = _file(key, desired)
        place = _place(key, file, desired) if file else ("", 0)
        yield Finding(
            "parameter-by-hand",
            f"the parameter {name} of the stack {stack} was set by hand to {shown_value(name, one.value)!r}; "
            f"the update {effect}",
            "warning",
            *place,
            key=key,
            suggestion=f"to keep it, write it to {key}" if key else "",
        )


def _rewritten(old: _Side, new: _Side) -> Iterator[str]:
    before, after = (document.mapping(side.sections.get("Resources")) for side in (old, new))
    for logical_id in after:
        one, other = (document.mapping(side.get(logical_id)).get("Properties", {}) for side in (before, after))
        yield from (f"{logical_id} {detail.name}" for detail in changes.details(one, other))


def _outdates(old: _Side, new: _Side) -> bool:
    """Whether instances that are launched after the update differ from those that run."""
    ours, theirs = document.canonical(new.launch), document.canonical(old.launch)
    changed = {name for name in {*old.values, *new.values} if old.values.get(name) != new.values.get(name)}
    refers = (f'"Ref": "{name}"' in ours or f"${{{name}}}" in ours or "Fn::If" in ours for name in changed)
    return ours != theirs or any(refers)


def _notes(old: _Side, new: _Side, *, image: bool, tags: bool) -> Iterator[str]:
    before, after = old.user_data or UserData(), new.user_data or UserData()
    same = {key for key, value in after.properties.items() if before.properties.get(key) == value}
    orders = [[key for key in side.properties if key in same] for side in (before, after)]
    if lines := document.changed_lines(before.script, after.script):
        yield f"script changed ({lines} {'line' if lines == 1 else 'lines'})"
    if rewritten := sorted(key for key in same if before.lines[key] != after.lines[key]):
        yield f"{', '.join(rewritten)} written in another form"
    if not lines and orders[0] != orders[1]:
        yield "properties in another order"
    if old.sections.get("Outputs", {}) != new.sections.get("Outputs", {}):
        yield "outputs changed"
    unchanged = [name for name, changed in ((IMAGE, image), ("tags", tags)) if not changed]
    if tags:
        yield "tags changed"
    if unchanged:
        yield f"{' and '.join(unchanged)} unchanged"


def stack_change(comparison: Comparison, planned: Sequence[changes.Change]) -> Change:
    """The line of the stack. planned: the resources of the change set of the pending update."""
    details = {one.logical_id: [each for each in one.details if _is_news(one, each, comparison)] for one in planned}
    resources = _listed(
        (one.logical_id, one.type, _manner(one, details[one.logical_id], comparison.kept)) for one in planned
    )
    text = "; ".join([*([resources] if resources else []), *comparison.notes])
    attributes = (
        *(Attribute(f"{name} {one.name}", one.before, one.after) for name, found in details.items() for one in found),
        *comparison.details,
    )
    deletes = tuple(
        one.logical_id
        for one in planned
        if (one.action == "Remove" or one.replacement == "True") and one.type not in document.LAUNCH_TYPES
    )
    return Change("update", "stack", comparison.stack, "stack", text, attributes, deletes)


def _is_news(change: changes.Change, detail: Detail, comparison: Comparison) -> bool:
    """Whether neither the line of a property nor another resource has this detail as its consequence."""
    if "UserData" in detail.name or detail.after == changes.LATER:
        return False
    lines = {(one.before, one.after): one.name for change in comparison.changes for one in change.attributes}
    line, name = lines.get((detail.before, detail.after)), f"{change.logical_id} {detail.name}"
    rewritten = any(one == name or one.startswith(f"{name}.") for one in comparison.rewritten)
    return line is None or (rewritten and line != IMAGE)


def _manner(change: changes.Change, details: Iterable[Detail], kept: Collection[str]) -> str:
    """What happens to the resource, and by which of its properties and attributes."""
    if change.action != "Modify":
        return MANNERS.get(change.action, "changed")
    manner = "new version" if change.type == document.LAUNCH_TEMPLATE else "in place"
    if change.replacement == "True":
        manner = "replaced"
    elif change.replacement == "Conditional" and change.logical_id not in kept:
        manner = "in place or replaced"
    names = dict.fromkeys(one.name.removeprefix("LaunchTemplateData.").partition(".")[0] for one in details)
    why = ", ".join(dict.fromkeys([*names, *change.attributes]))
    return f"{manner}: {why}" if why else manner


def _kept(template: Mapping[str, Any]) -> Iterator[str]:
    """The groups whose policy does not replace them. CloudFormation leaves open whether it does."""
    for logical_id, resource in template.get("Resources", {}).items():
        policy = resource.get("UpdatePolicy", {}).get("AutoScalingReplacingUpdate", {})
        if resource.get("Type") == GROUP_TYPE and policy.get("WillReplace", False) in (False, "false"):
            yield logical_id


def created(name: str, template: Mapping[str, Any]) -> Change:
    """The line of a stack that does not exist. name: the stack's."""
    resources = template.get("Resources", {})
    names = _listed((logical_id, str(one.get("Type", "")), "") for logical_id, one in resources.items())
    text = f"{len(resources)} {'resource' if len(resources) == 1 else 'resources'}: {names}"
    return Change("create", "stack", name, "stack", text)


def _listed(resources: Iterable[tuple[str, str, str]]) -> str:
    """Each by its logical id and what happens to it, but more than two of one type together: "9 Alarm (created)"."""
    alike: dict[tuple[str, str], list[str]] = {}
    for logical_id, kind, manner in resources:
        alike.setdefault((kind, manner), []).append(logical_id)
    found = []
    for (kind, manner), names in alike.items():
        what = [f"{len(names)} {kind.rpartition('::')[2]}s"] if len(names) > 2 else names
        found += [f"{one} ({manner})" if manner else one for one in what]
    return ", ".join(found)
