# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Templates compared by meaning: what an update changes, line by line, and what differs in form only."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import yaml
from ansible_collections.datomic_onprem.aws.plugins.module_utils.actions import GENERATED
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan import Attribute, Change
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import Properties
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.stack import changes, compare, document
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.stack.changes import Detail, Parameter
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.stack.compare import (
    Comparison,
    Current,
    Desired,
)
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template import legacy, modern
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template.options import Machine, Options
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import builders
from tests.golden.harness import CASES
from tests.golden.templates import MAPPINGS
from tests.template_combinations import CF, FILES, MACHINE, MACHINES, METRICS, OPTIONS, TRANSACTOR, VALUES

Template = dict[str, Any]
Make = Callable[[Properties, Properties], Template]

AMI, NEXT_AMI = "ami-0123456789abcdef0", "ami-0fedcba9876543210"
RESOLVED = {modern.IMAGES + architecture: AMI for architecture in ("arm64", "x86_64")}
TX = TRANSACTOR | METRICS
LEGACY_CF = CF | {"aws-instance-type": "c4.large", "datomic-version": "1.0.7277"}


def files(tx: Mapping[str, str] = TX, cf: Mapping[str, str] = CF) -> tuple[Properties, Properties]:
    """Each with a comment and a blank line at its start, so that the first key is in line 3."""
    transactor, group = ("# A comment\n\n" + builders.text(escaped(one)) for one in (tx, cf))
    return _parse(transactor, "tx"), _parse(group, "cf")


def _parse(text: str, name: str) -> Properties:
    return Properties.parse(text.encode(), f"/repo/aws/{name}.properties")


def escaped(values: Mapping[str, str]) -> dict[str, str]:
    return {key: value.replace("\\", "\\\\") for key, value in values.items()}


def made_modern(transactor: Properties, cf: Properties) -> Template:
    return modern.template(transactor, cf, Options(), MACHINE)


def made_legacy(transactor: Properties, cf: Properties) -> Template:
    return legacy.template(transactor, cf)


FLAVORS: dict[str, tuple[Make, Mapping[str, str]]] = {
    "modern": (made_modern, CF),
    "legacy": (made_legacy, LEGACY_CF),
}
flavors = pytest.mark.parametrize("flavor", FLAVORS)


def stack(template: Template, *, tags: Mapping[str, str] | None = None, **parameters: str) -> Current:
    """The stack that CloudFormation makes of this template, with these values of parameters."""
    names = compare.system_parameters(template)
    values = {
        name: Parameter(RESOLVED.get(default, AMI), default) if name in names else Parameter(default)
        for name, default in changes.defaults(template).items()
    }
    values |= {name: Parameter(value) for name, value in parameters.items()}
    return Current("orders", "UPDATE_COMPLETE", template, values, tags or {})


def update(
    current: Current, template: Template, of: tuple[Properties, Properties] | None = None, **more: Any
) -> Comparison:
    transactor, cf = of or files()
    given = {"resolved": RESOLVED, "transactor": transactor, "cf": cf, "directory": "/repo", **more}
    return compare.compare(current, Desired(template, **given))


def changed(values: Mapping[str, str], edits: Mapping[str, str | None]) -> dict[str, str]:
    """The values after edits. None removes a key."""
    return {key: value for key, value in {**values, **edits}.items() if value is not None}


def edited(flavor: str, tx: Mapping[str, str | None] | None = None, **cf: str | None) -> Comparison:
    """An update after an edit of the files."""
    make, values = FLAVORS[flavor]
    of = files(changed(TX, tx or {}), changed(values, {key.replace("_", "-"): value for key, value in cf.items()}))
    return update(stack(make(*files(cf=values))), make(*of), of)


def lines(found: Comparison) -> list[Attribute]:
    """The properties that change. Each is one line of the screen."""
    for change in found.changes:
        assert (change.action, change.kind, change.step) == ("update", "property", "stack")
        assert [one.name for one in change.attributes] == [change.name]
    return [change.attributes[0] for change in found.changes]


def shuffled(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: shuffled(part[key]) for key in random.Random(7).sample(list(part), len(part))}
    return [shuffled(one) for one in part] if isinstance(part, list) else part


def reformatted(template: Template) -> Iterator[Any]:
    """The same template in other forms, as CloudFormation may have it."""
    yield shuffled(template)
    yield json.loads(json.dumps(template, indent=7))
    yield yaml.safe_dump(template)
    yield json.dumps(template, indent=1)
    other = copy.deepcopy(template) | {"Description": "another", "AWSTemplateFormatVersion": "2010-09-09"}
    other["Metadata"] = {"by": "hand"}
    other["Mappings"] = {**other.get("Mappings", {}), "Unused": {"a": {"b": "c"}}}
    for declared in other["Parameters"].values():
        declared["Description"] = "another"
    yield other


@settings(max_examples=15, deadline=None)
@given(of=FILES, options=OPTIONS, machine=MACHINES)
def test_another_form_of_a_modern_template_is_no_change(of: Any, options: Options, machine: Machine) -> None:
    template = modern.template(of[0], of[1], options, machine)
    for other in reformatted(template):
        current = dataclasses.replace(stack(template), template=other)
        assert update(current, template, of) == Comparison(pending=False, form_only=other != template)


def test_another_form_of_a_legacy_template_is_no_change() -> None:
    template = made_legacy(*files(cf=LEGACY_CF))
    for other in reformatted(template):
        assert not update(dataclasses.replace(stack(template), template=other), template).pending


def test_short_forms_of_yaml_are_the_long_ones() -> None:
    text = """
    Resources:
      Topic:
        Type: AWS::SNS::Topic
        Condition: Wanted
        Properties:
          A: !Ref Name
          B: !GetAtt Other.Endpoint.Address
          C: !Sub "${Name}-x"
          D: !Join [",", [!Ref Name, b]]
          E: !If [Wanted, !Ref "AWS::NoValue", 2012-10-17]
          F: !FindInMap
            - Map
            - a
            - !Select [0, !GetAZs ""]
          G: {"Fn::GetAtt": Other.Arn}
    Conditions:
      Wanted: !And [!Condition Other, !Not [!Equals [a, b]]]
    """
    found = document.parsed(text)
    assert found["Resources"]["Topic"]["Properties"] == {
        "A": {"Ref": "Name"},
        "B": {"Fn::GetAtt": "Other.Endpoint.Address"},
        "C": {"Fn::Sub": "${Name}-x"},
        "D": {"Fn::Join": [",", [{"Ref": "Name"}, "b"]]},
        "E": {"Fn::If": ["Wanted", {"Ref": "AWS::NoValue"}, "2012-10-17"]},
        "F": {"Fn::FindInMap": ["Map", "a", {"Fn::Select": [0, {"Fn::GetAZs": ""}]}]},
        "G": {"Fn::GetAtt": "Other.Arn"},
    }
    assert found["Conditions"] == {
        "Wanted": {"Fn::And": [{"Condition": "Other"}, {"Fn::Not": [{"Fn::Equals": ["a", "b"]}]}]}
    }
    both = document.looked_up(found, {}, {})["Resources"]["Topic"]["Properties"]
    assert (both["B"], both["G"]) == ({"Fn::GetAtt": ["Other", "Endpoint.Address"]}, {"Fn::GetAtt": ["Other", "Arn"]})
    assert [document.parsed(text) for text in ("", "- a", "{", "!Ref x", "plain")] == [{}, {}, {}, {"Ref": "x"}, {}]


def leaves(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    if not children:
        yield path
    for key, value in children:
        yield from leaves(value, (*path, key))


def another(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int | float) else f"{value}x"


def with_another(template: Template, path: tuple[Any, ...]) -> Template:
    found = copy.deepcopy(template)
    part: Any = found
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = another(part[path[-1]])
    return found


@flavors
def test_every_single_edit_of_what_cloudformation_reads_is_pending(flavor: str) -> None:
    make, values = FLAVORS[flavor]
    template = make(*files(cf=values))
    no_change = {"Description", "AllowedPattern", "AllowedValues"}
    edits = 0
    for path in leaves(template):
        form_only = path[0] in compare.NO_CHANGE or (path[0] == "Parameters" and path[2] in no_change)
        if path[0] == "Mappings" and LEGACY_CF["aws-instance-type"] not in path and "us-east-1" not in path:
            assert not update(stack(template), with_another(template, path)).pending, path
        elif path[0] != "Mappings":
            assert update(stack(template), with_another(template, path)).pending != form_only, path
            edits += 1
    assert edits > 50


@flavors
@pytest.mark.parametrize("part", ["Resources", "Parameters", "Outputs", "Conditions", "Transform", "Rules"])
def test_what_is_added_or_removed_is_pending(flavor: str, part: str) -> None:
    make, values = FLAVORS[flavor]
    template = make(*files(cf=values))
    more = copy.deepcopy(template)
    more.setdefault(part, {})["More"] = {"Type": "String", "Default": "x"}
    assert update(stack(template), more).pending
    assert update(stack(more), template).pending


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED", "IMPORT_COMPLETE"])
def test_a_stack_that_may_differ_from_its_template_is_pending(status: str) -> None:
    template = made_modern(*files())
    assert update(dataclasses.replace(stack(template), status=status), template).pending


def test_tags_that_were_set_by_hand_stay() -> None:
    current = stack(made_modern(*files()), tags={"team": "a", "billing": "7"})
    assert not update(current, dict(current.template), tags={"team": "a"}).pending
    found = update(current, dict(current.template), tags={"team": "b", "cost": "x"})
    assert found.pending
    assert found.details == (Attribute("tag team", "a", "b"), Attribute("tag cost", "", "x"))
    assert found.notes == ("tags changed", "image unchanged")
    assert not found.outdates


@flavors
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_each_edit_of_the_transactors_file_is_one_line(flavor: str, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from([key for key in TX if key != "host"]))
    value = data.draw(VALUES.filter(lambda value: value != TX[key]))
    if key in ("aws-cloudwatch-region", "aws-dynamodb-region", "aws-dynamodb-table", "protocol", "port"):
        value = "another"  # of which the template is made
    found = edited(flavor, {key: value})
    (one,) = lines(found)
    line = 3 + list(TX).index(key)
    assert (one.name, one.before, one.file, one.line) == (key, TX[key], "aws/tx.properties", line)
    assert one.after == changes.shown(value)
    assert found.outdates


@flavors
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("aws-instance-type", "c4.xlarge"),
        ("aws-instance-monitoring", "false"),
        ("aws-autoscaling-group-size", "3"),
        ("java-xmx", "3g"),
        ("java-opts", "-XX:+UseG1GC"),
        ("datomic-version", "1.0.7021"),
        ("datomic-deploy-s3-bucket", "another"),
    ],
)
def test_each_edit_of_the_cf_file_is_one_line(flavor: str, key: str, value: str) -> None:
    values = FLAVORS[flavor][1]
    found = edited(flavor, None, **{key: value})
    place = ("aws/cf.properties", 3 + list(values).index(key))
    assert lines(found) == [Attribute(key, values[key], value, *place)]
    assert found.outdates == (key != "aws-autoscaling-group-size")
    assert [one.name for one in found.details] == (
        ["parameter DatomicSha256"] if key == "datomic-version" and flavor == "modern" else []
    )


@flavors
def test_properties_that_are_new_and_gone(flavor: str) -> None:
    found = edited(flavor, {"write-concurrency": "8", "memory-index-max": None}, java_opts=None)
    assert lines(found) == [
        Attribute("write-concurrency", "", "8", "aws/tx.properties", 2 + len(TX)),
        Attribute("memory-index-max", "512m", ""),
    ]
    found = edited(flavor, None, java_opts="-Xss1m")
    make, values = FLAVORS[flavor]
    of = files(cf={key: value for key, value in values.items() if key != "java-opts"})
    current = stack(make(*files(cf={**values, "java-opts": "-Xss1m"})))
    assert lines(update(current, make(*of), of)) == [Attribute("java-opts", "-Xss1m", "")]


def test_a_role_is_one_line_although_a_parameter_has_it_too() -> None:
    (one,) = lines(edited("legacy", {"aws-transactor-role": "another"}))
    assert (one.name, one.before, one.after) == ("aws-transactor-role", "datomic-aws-transactor", "another")


@flavors
def test_the_order_of_properties_is_form_unless_more_changes(flavor: str) -> None:
    make, values = FLAVORS[flavor]
    of = files(dict(reversed(TX.items())), values)
    current = stack(make(*files(cf=values)))
    assert update(current, make(*of), of) == Comparison(pending=False, form_only=True)
    found = update(current, make(*of), of, tags={"team": "a"})
    assert found.outdates
    assert found.notes == ("properties in another order", "tags changed", "image unchanged")
    assert lines(found) == []


def test_what_the_shell_would_have_read_is_written_in_another_form() -> None:
    of = files(TX | {"sql-url": "jdbc:$x"}, LEGACY_CF)
    template = made_legacy(*of)
    old = json.loads(json.dumps(template).replace("jdbc:\\\\$x", "jdbc:$x"))
    assert old != template
    found = update(stack(old), template, of)
    assert found.pending
    assert lines(found) == []
    assert found.notes == ("sql-url written in another form", "image and tags unchanged")


@flavors
def test_secrets_are_masked(flavor: str) -> None:
    make, values = FLAVORS[flavor]
    secret = {"license-key": "hidden-1", "sql-url": "jdbc:x?password=hidden-2", "sql-password": "hidden-3"}
    before = files(TX | secret, {**values, "java-opts": "-Djavax.net.ssl.keyStorePassword=hidden-4"})
    after = files(
        TX | {key: value.replace("hidden", "covert") for key, value in secret.items()},
        {**values, "java-opts": "-Djavax.net.ssl.keyStorePassword=covert-4"},
    )
    current = stack(make(*before), Xmx="-Dpassword=hidden-5")
    found = update(current, make(*after), after, tags={"note": "sql-password=hidden-6"})
    assert {"license-key", "sql-url", "sql-password", "java-opts"} < {one.name for one in lines(found)}
    assert not re.search("hidden|covert", str(found))


def test_parameters_and_tags_that_look_like_passwords_are_masked() -> None:
    template = {"Parameters": {"DbPassword": {"Type": "String", "Default": "blank"}}, "Resources": {}}
    current = Current("orders", "UPDATE_COMPLETE", template, {"DbPassword": Parameter("hunter2")}, {"token": "hunter2"})
    found = compare.compare(current, Desired({"Resources": {}}, {"token": "hunter3"}))
    assert "parameter DbPassword" in str(found)
    assert "hunter" not in str(found)


def test_the_script_around_the_properties_is_counted() -> None:
    of = files()
    more = modern.template(*of, Options(java_version=21), MACHINE)
    found = update(stack(made_modern(*of)), more, of)
    assert (lines(found), found.outdates) == ([], True)
    assert found.notes == ("script changed (1 line)", "image and tags unchanged")


def test_the_image_that_applies_here_is_one_line() -> None:
    of = files(cf=LEGACY_CF)
    template = made_legacy(*of)
    old = copy.deepcopy(template)
    old["Mappings"]["AWSRegionArch2AMI"]["eu-west-1"]["64h"] = "ami-1"
    assert update(stack(old), template, of).form_only
    old["Mappings"]["AWSRegionArch2AMI"]["us-east-1"]["64h"] = "ami-1"
    found = update(stack(old), template, of)
    assert lines(found) == [Attribute("image", "ami-1", legacy.IMAGES["us-east-1"])]
    assert found.outdates
    assert found.notes == ("tags unchanged",)
    assert found.details == ()


def test_a_mapping_whose_value_here_is_not_known_counts_as_a_whole() -> None:
    template = made_legacy(*files(cf=LEGACY_CF))
    zone = {"Fn::Select": ["0", {"Fn::GetAZs": ""}]}
    template["Resources"]["LaunchConfig"]["Properties"]["KeyName"] = {"Fn::FindInMap": ["Keys", zone, "Key"]}
    template["Mappings"]["Keys"] = {"us-east-1a": {"Key": "first"}}
    assert not update(stack(template), copy.deepcopy(template)).pending
    assert update(stack(template), with_another(template, ("Mappings", "Keys", "us-east-1a", "Key"))).pending


def test_a_new_image_of_systems_manager_is_one_line() -> None:
    template = made_modern(*files())
    name = compare.system_parameters(template)["ImageId"]
    found = update(stack(template), template, resolved={name: NEXT_AMI})
    assert lines(found) == [Attribute("image", AMI, NEXT_AMI)]
    assert (found.details, found.findings) == ((), ()), "nobody set it by hand"
    unknown = update(stack(template), template, resolved={})
    assert lines(unknown) == [Attribute("image", AMI, "(known after the update)")]


def test_a_legacy_stack_becomes_modern() -> None:
    of = files(cf=LEGACY_CF)
    current = stack(made_legacy(*of))
    found = update(current, made_modern(*of), of)
    assert lines(found) == [Attribute("image", legacy.IMAGES["us-east-1"], AMI)]
    assert found.outdates
    details = {one.name: (one.before, one.after) for one in found.details}
    assert details["parameter SecurityGroups"] == ("datomic", "sg-0123456789abcdef0")
    assert details["Parameters SecurityGroups.Type"] == ("CommaDelimitedList", "List<AWS::EC2::SecurityGroup::Id>")
    assert not [name for name in details if name.startswith("Parameters ImageId")], "parameter ImageId says it"
    assert found.notes[0].startswith("script changed (")


def test_a_security_group_that_the_run_creates() -> None:
    of = files(cf=CF | {"aws-security-group": "another"})
    template = modern.template(*of, Options(), dataclasses.replace(MACHINE, security_groups=(GENERATED,)))
    (one,) = lines(update(stack(made_modern(*files())), template, of))
    assert (one.name, one.before, one.after) == ("aws-security-group", "sg-0123456789abcdef0", GENERATED)


def test_parameters_that_were_set_by_hand_are_warnings() -> None:
    old = made_modern(*files())
    old["Parameters"]["Old"] = {"Type": "String", "Default": "a"}
    found = update(stack(old, GroupSize="5", Old="b"), made_modern(*files()))
    size, other = sorted(found.findings, key=lambda one: one.key, reverse=True)
    assert (size.severity, size.key, size.file, size.line) == (
        "warning", "aws-autoscaling-group-size", "aws/cf.properties", 6,
    )  # fmt: skip
    assert (
        size.message == "the parameter GroupSize of the stack orders was set by hand to '5'; the update sets it to '2'"
    )
    assert size.suggestion == "to keep it, write it to aws-autoscaling-group-size"
    assert "Old of the stack orders was set by hand to 'b'; the update removes it" in other.message
    assert (other.file, other.line) == ("", 0)
    assert lines(found) == [Attribute("aws-autoscaling-group-size", "5", "2", "aws/cf.properties", 6)]


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
NAMES = st.sampled_from(
    [
        "Resources",
        "Parameters",
        "Mappings",
        "Type",
        "Properties",
        "UserData",
        "Default",
        "LaunchTemplateData",
        "Ref",
        "Fn::Base64",
        "Fn::Join",
        "Fn::Sub",
        "Fn::FindInMap",
        "Fn::GetAtt",
    ]
)
ANYTHING = st.recursive(
    SCALARS | st.sampled_from(["Xmx", *document.LAUNCH_TYPES]),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(NAMES, part, max_size=4),
    max_leaves=30,
)


@settings(max_examples=60, deadline=None)
@given(template=ANYTHING, resource=ANYTHING, properties=ANYTHING)
def test_any_template_of_a_stack_can_be_compared(template: Any, resource: Any, properties: Any) -> None:
    desired = made_modern(*files())
    for found in (
        template,
        {"Resources": {"LaunchConfig": resource}, "Parameters": template},
        {"Resources": {"LaunchConfig": {"Type": document.LAUNCH_TYPES[0], "Properties": properties}}},
        {"Resources": {"LaunchConfig": {"Type": document.LAUNCH_TYPES[0], "Properties": {"UserData": properties}}}},
    ):
        assert update(dataclasses.replace(stack(desired), template=found), desired).pending


def with_script(template: Template, script: Any) -> Template:
    found = copy.deepcopy(template)
    found["Resources"]["LaunchConfig"]["Properties"]["UserData"] = {"Fn::Base64": script}
    return found


def test_user_data_without_properties_is_a_script() -> None:
    template = made_legacy(*files(cf=LEGACY_CF))
    found = update(stack(with_script(template, "#!/bin/sh\n./start\n")), template)
    assert (lines(found), found.outdates) == ([], True)
    assert found.notes[0].startswith("script changed (")


@pytest.mark.parametrize(
    "script",
    [
        {"Fn::Sub": "cat <<EOF >a.properties\nport=${Port}\nhome=${!HOME}\nEOF"},
        {"Fn::Sub": ["cat <<EOF >a.properties\nport=${P}\nhome=${!HOME}\nEOF", {"P": {"Ref": "Port"}}]},
        {
            "Fn::Join": [
                "\n",
                ["cat <<EOF >a.properties", {"Fn::Join": ["=", ["port", {"Ref": "Port"}]]}, "home=${HOME}", "EOF"],
            ]
        },
    ],
    ids=["sub", "sub with variables", "join"],
)
def test_user_data_of_others_has_properties_too(script: Any) -> None:
    values = TX | {"port": "4334", "home": "x"}
    template = made_legacy(*files(values, LEGACY_CF))
    found = update(stack(with_script(template, script), Port="4335"), template, files(values, LEGACY_CF))
    both = {one.name: one for one in lines(found)}
    assert (both["port"].before, both["port"].after) == ("4335", "4334")
    assert (both["home"].before, both["home"].after) == ("${HOME}", "x")


def test_user_data_outside_of_ascii() -> None:
    assert changes.details({"UserData": "port=1"}, {"UserData": "\x80"}) == (
        Detail("UserData script", "1 lines", "1 lines, 1 changed"),
    )


def test_keys_and_values_of_yaml_that_json_does_not_have() -> None:
    text = "Mappings: {Accounts: {123456789012: {true: !!binary aGk=}}}\nResources:\nParameters:\n"
    template = made_modern(*files())
    assert update(dataclasses.replace(stack(template), template=text), template).pending
    assert document.parsed(text)["Mappings"]["Accounts"].keys() == {"123456789012"}


def test_a_stack_template_that_cannot_be_read_is_pending() -> None:
    template = made_modern(*files())
    found = update(dataclasses.replace(stack(template), template="{"), template)
    assert (found.pending, found.changes, found.notes) == (True, (), ("its template cannot be read",))


def test_what_cloudformation_looks_up_in_each_update_is_pending() -> None:
    of = files(TX | {"sql-password": "{{resolve:secretsmanager:orders}}"}, LEGACY_CF)
    template = made_legacy(*of)
    assert update(stack(template), template, of).pending


def recorded() -> Iterator[tuple[str, Template, tuple[Properties, Properties]]]:
    """The templates that bin/datomic made, and the files that it made them from."""
    for name, case in CASES.items():
        texts = dict(case["files"])
        for run in case["runs"]:
            of = [Properties.scan(texts[one].encode(), f"/repo/{one}") for one in run["args"][:2] if one in texts]
            if "template" in run and not any(one.findings for one in of):
                template = {**copy.deepcopy(run["template"]), "Mappings": MAPPINGS}
                parts = template["Resources"]["LaunchConfig"]["Properties"]["UserData"]["Fn::Base64"]["Fn::Join"][1]
                for i, part in enumerate(parts):
                    if isinstance(part, dict) and "lines in any order" in part:
                        parts[i] = "\n".join(reversed(part["lines in any order"]))
                yield name, template, (of[0], of[1])
            texts |= run["files"]


RECORDED = {name: (template, of) for name, template, of in recorded()}
DIFFERENT = {"template-special": {"d": ("backslash", "back\\slash")}}
"""Case to what differs: the shell took the backslash away."""


@pytest.mark.parametrize("name", RECORDED)
def test_a_template_of_bin_datomic_differs_in_form_only(name: str) -> None:
    template, of = RECORDED[name]
    found = update(stack(template), made_legacy(*of), of)
    if name in DIFFERENT:
        assert {one.name: (one.before, one.after) for one in lines(found)} == DIFFERENT[name]
        assert found.notes[0].endswith("written in another form")
    else:
        assert found == Comparison(pending=False, form_only=True)


def test_the_line_of_a_stack() -> None:
    found = edited("modern", {"memory-index-max": "256m"}, aws_autoscaling_group_size="3")
    planned = [
        changes.Change(
            "Modify", "LaunchGroup", "AWS::AutoScaling::AutoScalingGroup", "Conditional", (),
            (Detail("MinSize", "2", "3"), Detail("LaunchTemplate.Version", "1", "(known after the update)")),
        ),
        changes.Change(
            "Modify", "LaunchTemplate", "AWS::EC2::LaunchTemplate", "False", (),
            (Detail("UserData script", "9 lines", "9 lines, 1 changed"), Detail("LaunchTemplateData.Ebs", "", "true")),
        ),
        changes.Change("Modify", "Dashboard", "AWS::CloudWatch::Dashboard", "False", ("Metadata",)),
        *(changes.Change("Add", name, "AWS::CloudWatch::Alarm") for name in ("A", "B", "C")),
        *(changes.Change("Remove", name, "AWS::CloudWatch::Alarm") for name in ("D", "E")),
        changes.Change("Remove", "LaunchConfig", "AWS::AutoScaling::LaunchConfiguration"),
    ]  # fmt: skip
    assert compare.stack_change(found, planned) == Change(
        "update",
        "stack",
        "orders",
        "stack",
        "LaunchGroup (in place), LaunchTemplate (new version: Ebs), Dashboard (in place: Metadata), "
        "3 Alarms (created), D (deleted), E (deleted), LaunchConfig (deleted); image and tags unchanged",
        (Attribute("LaunchTemplate LaunchTemplateData.Ebs", "", "true"),),
        ("D", "E"),
    )


def test_what_an_update_deletes() -> None:
    planned = [
        changes.Change("Remove", "Topic", "AWS::SNS::Topic"),
        changes.Change("Modify", "LaunchGroup", "AWS::AutoScaling::AutoScalingGroup", "True"),
        changes.Change("Modify", "Alarm", "AWS::CloudWatch::Alarm", "Conditional"),
        changes.Change("Modify", "LaunchConfig", "AWS::AutoScaling::LaunchConfiguration", "True"),
        changes.Change("Remove", "LaunchConfig", "AWS::AutoScaling::LaunchConfiguration"),
        changes.Change("Add", "Dashboard", "AWS::CloudWatch::Dashboard"),
    ]
    found = edited("modern", {"memory-index-max": "256m"})
    assert compare.stack_change(found, planned).deletes == ("Topic", "LaunchGroup")


def test_a_value_that_happens_to_change_like_a_property_is_not_hidden() -> None:
    of = files(cf=CF | {"aws-instance-monitoring": "false"})
    template = made_modern(*of)
    data = template["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"]
    data["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] = False
    found = update(stack(made_modern(*files())), template, of)
    encrypted, monitored = (
        "LaunchTemplateData.BlockDeviceMappings.0.Ebs.Encrypted",
        "LaunchTemplateData.Monitoring.Enabled",
    )
    details = tuple(Detail(name, "true", "false") for name in (encrypted, monitored))
    launch = changes.Change("Modify", "LaunchTemplate", document.LAUNCH_TEMPLATE, "False", (), details)
    line = compare.stack_change(found, [launch])
    assert line.attributes == (Attribute(f"LaunchTemplate {encrypted}", "true", "false"),)


def test_an_image_is_not_named_twice() -> None:
    of = files(cf=LEGACY_CF)
    old = made_legacy(*of)
    old["Mappings"]["AWSRegionArch2AMI"]["us-east-1"]["64h"] = "ami-1"
    detail = Detail("ImageId", "ami-1", legacy.IMAGES["us-east-1"])
    launch = changes.Change("Modify", "LaunchConfig", document.LAUNCH_TYPES[0], "True", (), (detail,))
    line = compare.stack_change(update(stack(old), made_legacy(*of), of), [launch])
    assert (line.text, line.attributes) == ("LaunchConfig (replaced); tags unchanged", ())


@pytest.mark.parametrize(
    ("policy", "manner"),
    [
        ({}, "in place"),
        ({"AutoScalingReplacingUpdate": {"WillReplace": "false"}}, "in place"),
        ({"AutoScalingReplacingUpdate": {"WillReplace": True}}, "in place or replaced"),
        ({"AutoScalingReplacingUpdate": {"WillReplace": {"Ref": "GroupSize"}}}, "in place or replaced"),
    ],
)
def test_a_group_is_replaced_only_if_its_policy_says_so(policy: dict[str, Any], manner: str) -> None:
    template = made_modern(*files())
    more = copy.deepcopy(template)
    more["Resources"]["LaunchGroup"]["UpdatePolicy"] = policy
    group = changes.Change("Modify", "LaunchGroup", "AWS::AutoScaling::AutoScalingGroup", "Conditional", ("Tags",))
    line = compare.stack_change(update(stack(template), more), [group]).text
    assert line == f"LaunchGroup ({manner}: Tags); image and tags unchanged"
    always = compare.stack_change(update(stack(template), more), [dataclasses.replace(group, replacement="True")])
    assert always.text.startswith("LaunchGroup (replaced: Tags)")


def test_properties_are_in_the_order_of_the_files_the_transactors_first() -> None:
    found = edited(
        "modern",
        {"object-cache-max": "2g", "memory-index-threshold": "64m"},
        java_xmx="3g",
        aws_autoscaling_group_size="3",
        aws_instance_type="m7g.xlarge",
    )
    assert [one.name for one in lines(found)] == [
        "memory-index-threshold",
        "object-cache-max",
        "aws-instance-type",
        "aws-autoscaling-group-size",
        "java-xmx",
    ]


def test_the_line_of_a_stack_without_a_changed_resource() -> None:
    template = made_modern(*files())
    more = copy.deepcopy(template)
    more["Outputs"]["More"] = {"Value": "x"}
    found = compare.stack_change(update(stack(template), more), [])
    assert found.text == "outputs changed; image and tags unchanged"
    assert found.attributes == (Attribute("Outputs More.Value", "", "x"),)


def test_the_line_of_a_new_stack() -> None:
    found = compare.created("orders", made_modern(*files()))
    assert (found.action, found.kind, found.name) == ("create", "stack", "orders")
    assert found.text == "15 resources: LaunchGroup, LaunchTemplate, TransactorPolicy, AlarmTopic, 10 Alarms, Dashboard"
    assert compare.created("x", made_legacy(*files())).text == "2 resources: LaunchGroup, LaunchConfig"
