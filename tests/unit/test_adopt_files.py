# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a stack: a template that was made of files gives them back."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.adopt import files, lines
from ansible_collections.datomic_onprem.aws.plugins.module_utils.adopt.reading import Reading
from ansible_collections.datomic_onprem.aws.plugins.module_utils.adopt.system import Adopted, Surroundings, adopt
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import Properties
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.ingress import IngressRule, SecurityGroup
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.stack.changes import Parameter
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template import legacy, modern
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template.options import Machine, Options
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import builders, template_combinations
from tests.golden.templates import ADDED, ESCAPED, MAPPINGS

AMI = "ami-0fedcba9876543210"
ACCOUNT = "123456789012"
GROUP = SecurityGroup("sg-0123456789abcdef0", "datomic", ACCOUNT, "vpc-1", ())
WRITTEN_BY_RUNS = ("host", "alt-host")
FILES = ("tx.properties", "cf.properties")
NO_SECRETS = {"aws-transactor-role": "datomic-aws-transactor", "aws-peer-role": "datomic-aws-peer"}


def parameters(template: Mapping[str, Any], **given: str) -> dict[str, Parameter]:
    """Those of a stack of this template. given: set by hand."""
    found = {}
    for name, declared in template["Parameters"].items():
        default = given.get(name, declared["Default"])
        is_name = str(declared["Type"]).startswith("AWS::SSM::Parameter::Value")
        found[name] = Parameter(AMI, default) if is_name else Parameter(default)
    return found


def reading(template: Mapping[str, Any], tags: Mapping[str, str] | None = None, **given: str) -> Reading:
    return Reading.of(
        "orders",
        "UPDATE_COMPLETE",
        # What CloudFormation gives back is another object.
        json.loads(json.dumps(template)),
        parameters(template, **given),
        tags or {},
        region="us-east-1",
        account=ACCOUNT,
    )


def around(nvme_store: bool | None = False, *rules: IngressRule, more: tuple[SecurityGroup, ...] = ()) -> Surroundings:
    return Surroundings((dataclasses.replace(GROUP, ingress=rules), *more), "vpc-1", nvme_store)


def legacy_template(transactor: Properties, cf: Properties) -> dict[str, Any]:
    return legacy.template(transactor, cf, legacy.unmapped_type(cf))


def transactor(**values: str | None) -> Properties:
    return builders.parse(builders.TRANSACTOR | NO_SECRETS, "orders.properties", **values)


def cf(**values: str | None) -> Properties:
    return builders.parse({**builders.CF, "java-xmx": "2625m", "java-opts": ""}, "orders-cf.properties", **values)


def unknown(adopted: Adopted) -> list[str]:
    return [one.key for one in adopted.unknown]


@settings(deadline=None)
@given(
    template_combinations.FILES,
    template_combinations.OPTIONS,
    template_combinations.MACHINES,
    st.sampled_from([{}, {"team": "orders"}, {"team": "orders", "env": "prod", "owner": "anna"}]),
    st.booleans(),
)
def test_a_modern_stack_gives_its_files_and_options_back(
    pair: tuple[Properties, Properties], options: Options, machine: Machine, tags: dict[str, str], watched: bool
) -> None:
    one, other = pair
    if watched:  # a callback would get the metrics, and the template would have no alarms
        one = builders.parse({key: value for key, value in one.as_dict().items() if key != "metrics-callback"})
    template = modern.template(one, other, options, machine)
    adopted = adopt(reading(template, tags), around(machine.instance_store))
    assert adopted.differs == ()
    assert unknown(adopted) == []
    left_out = {key for key in options.secrets if key in one}
    values = {key: value for key, value in adopted.transactor.items() if key not in WRITTEN_BY_RUNS}
    assert values == {
        key: value for key, value in one.as_dict().items() if key not in WRITTEN_BY_RUNS and key not in left_out
    }
    assert adopted.cf == other.as_dict()
    again = modern.template(
        files.made("", "x", adopted.values("transactor", with_secrets=True)),
        files.made("", "x", adopted.values("cf", with_secrets=True)),
        adopted.options,
        machine,
    )
    meaning = [
        {name: part for name, part in each["Resources"].items() if name != "LaunchTemplate"}
        for each in (template, again)
    ]
    assert meaning[0] == meaning[1]


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(["metrics-callback", "valcache-path", "data-dir"]), template_combinations.VALUES),
    st.sampled_from(["", "-XX:+UseG1GC", "'-XX:+UseG1GC -Dx=1'", "-Da='b c'"]),
    st.sampled_from(["1", "2", "17"]),
    st.sampled_from(["c4.large", "m7i.large"]),
    st.sampled_from(["true", "false"]),
    st.booleans(),
)
def test_a_legacy_stack_gives_its_files_back(
    awkward: dict[str, str], java_opts: str, size: str, kind: str, monitoring: str, role: bool
) -> None:
    one = transactor(**({} if role else dict.fromkeys(["aws_transactor_role", "aws_peer_role"]))).edit(awkward)
    other = cf(
        java_opts=java_opts, aws_autoscaling_group_size=size, aws_instance_type=kind, aws_instance_monitoring=monitoring
    )
    rule = IngressRule("tcp", 4334, 4334, group_id=GROUP.group_id, account=ACCOUNT)
    adopted = adopt(reading(legacy_template(one, other)), around(None, rule))
    assert adopted.differs == ()
    assert unknown(adopted) == ([] if role else ["aws-peer-role"])
    assert {**adopted.transactor, "host": "localhost"} == one.as_dict()
    assert adopted.cf == other.as_dict()


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["sql-password", "license-key", "memcached-password"]), template_combinations.VALUES
    )
)
def test_secrets_in_user_data_stay_blank_unless_they_may_be_written(secrets: dict[str, str]) -> None:
    one = transactor().edit(secrets)
    adopted = adopt(reading(legacy_template(one, cf())), around())
    assert set(adopted.secrets) == set(secrets)
    blank = adopted.values("transactor", with_secrets=False)
    assert {key: blank[key] for key in secrets} == dict.fromkeys(secrets, "")
    assert {key: adopted.values("transactor", with_secrets=True)[key] for key in secrets} == secrets
    named = adopted.variables.get("datomic_secrets", {})
    assert named == {key: f"{{{{ vault_orders_{key.replace('-', '_')} }}}}" for key in secrets}
    assert adopted.differs == ()


CASES = pathlib.Path(__file__).parents[1] / "golden" / "cases"
RECORDED = [
    case
    for path in sorted(CASES.glob("template-*.json"))
    for case in [json.loads(path.read_text())]
    # Of an instance type without a mapping, CloudFormation makes no stack.
    if any(run.get("template") for run in case["runs"]) and case["name"] not in ADDED
]


@pytest.mark.parametrize("case", RECORDED, ids=[case["name"] for case in RECORDED])
def test_a_stack_that_bin_datomic_made_gives_its_files_back(case: dict[str, Any]) -> None:
    (template,) = [run["template"] for run in case["runs"] if run.get("template")]
    parts = template["Resources"]["LaunchConfig"]["Properties"]["UserData"]["Fn::Base64"]["Fn::Join"][1]
    place = next(i for i, part in enumerate(parts) if str(part).startswith("alt-host=")) + 1
    parts[place] = "\n".join(parts[place]["lines in any order"])
    adopted = adopt(reading({**template, "Mappings": MAPPINGS}), around())
    one, other = (Properties.scan(case["files"][name].encode(), name).as_dict() for name in FILES)
    ours = {key: value for key, value in adopted.transactor.items() if key not in WRITTEN_BY_RUNS}
    if case["name"] in ESCAPED:
        # The shell and Java of the instances read another value than the file had.
        assert adopted.differs is not None
        assert adopted.unknown
        return
    expected = {key: value for key, value in one.items() if key not in WRITTEN_BY_RUNS}
    if case["name"] == "template-java-properties":
        # As the instances read what the tool made of the file.
        of_the_instances = {"colon": "2", "space": "3", "indented": "1", "escaped": "key=4", "nokey": ""}
        expected |= {"unicode": "ü", "long": "ab", **of_the_instances}
        assert adopted.differs == ("unicode written in another form", "properties in another order")
    else:
        assert adopted.differs == ()
    assert ours == expected
    assert adopted.cf == {"java-opts": "", **other}


SAMPLE = {
    "protocol": "ddb",
    "host": "localhost",
    "aws-dynamodb-region": "us-east-1",
    "aws-transactor-role": "datomic-aws-transactor-4",
    "aws-peer-role": "datomic-aws-peer-4",
    "memory-index-max": "256m",
    "port": "4334",
    "memory-index-threshold": "32m",
    "object-cache-max": "128m",
    "aws-dynamodb-table": "your-system-name",
}


def old_template(**more: str) -> dict[str, Any]:
    """As bin/datomic 0.9.5561.59 made it: images and types of its time, a line for the license key."""
    template = legacy_template(transactor(), cf())
    mappings = template["Mappings"]
    mappings["AWSInstanceType2Arch"]["m1.small"] = {"Arch": "64p"}
    mappings["AWSRegionArch2AMI"]["us-east-1"] = {"64h": "ami-da5110cc", "64p": "ami-7f5f1e69"}
    lines = {**SAMPLE, **{key.replace("_", "-"): value for key, value in more.items()}}
    del lines["host"]
    template["Parameters"]["InstanceProfile"]["Default"] = "datomic-aws-transactor-4"
    joined = template["Resources"]["LaunchConfig"]["Properties"]["UserData"]["Fn::Base64"]["Fn::Join"][1]
    place = next(i for i, part in enumerate(joined) if str(part).startswith("alt-host=")) + 1
    joined[place] = "\n".join(f"{key}={value}" for key, value in lines.items())
    return template


def test_a_stack_of_an_old_bin_datomic() -> None:
    adopted = adopt(reading(old_template(license_key="hidden")), around())
    assert adopted.transactor == {**SAMPLE, "license-key": "hidden"}
    assert adopted.values("transactor", with_secrets=False) == {**SAMPLE, "license-key": ""}
    assert adopted.secrets == ("license-key",)
    assert adopted.differs is not None
    assert "hidden" not in "".join(adopted.differs)
    assert adopted.differs[0] == "image: ami-da5110cc -> ami-08170de87c7863313"


def test_a_value_that_the_shell_makes_is_not_known() -> None:
    adopted = adopt(reading(old_template(metrics_callback="my.$ns/handler", host="$(hostname)")), around())
    assert unknown(adopted) == ["metrics-callback"]
    assert adopted.transactor["host"] == "localhost"
    assert "metrics-callback" not in adopted.transactor


def test_values_of_parameters_count_not_their_defaults() -> None:
    adopted = adopt(reading(legacy_template(transactor(), cf()), GroupSize="5", Xmx="3g"), around())
    assert (adopted.cf["aws-autoscaling-group-size"], adopted.cf["java-xmx"]) == ("5", "3g")
    assert adopted.differs == ()


def test_the_role_is_that_of_the_instances() -> None:
    template = old_template()
    template["Parameters"]["InstanceProfile"]["Default"] = "another"
    adopted = adopt(reading(template), around())
    assert adopted.transactor["aws-transactor-role"] == "another"
    assert unknown(adopted) == ["aws-transactor-role"]


def test_a_stack_that_only_resembles_one_is_read_as_far_as_it_goes() -> None:
    template = {
        "Parameters": {"Password": {"Type": "String", "NoEcho": True, "Default": "x"}, "Type": {"Default": "c5.large"}},
        "Resources": {
            "Workers": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {"MinSize": "1", "MaxSize": "2"}},
            "Profile": {"Type": "AWS::IAM::InstanceProfile", "Properties": {}},
            "Config": {
                "Type": "AWS::AutoScaling::LaunchConfiguration",
                "Properties": {
                    "InstanceType": {"Ref": "Type"},
                    "SecurityGroups": ["sg-1", {"Fn::GetAtt": ["Own", "GroupId"]}],
                    "IamInstanceProfile": {"Ref": "Profile"},
                    "UserData": {
                        "Fn::Base64": {
                            "Fn::Sub": "#!/bin/sh\nXMX=2g\ncat >/etc/transactor.properties <<END\nprotocol=sql\n"
                            "sql-password=${Password}\nport=4334\nEND\n"
                        }
                    },
                },
            },
        },
    }
    found = Reading.of(
        "orders",
        "CREATE_COMPLETE",
        json.dumps(template),
        {"Password": Parameter("****"), "Type": Parameter("c5.large")},
        {},
        region="us-east-1",
    )
    adopted = adopt(found, Surroundings())
    assert adopted.transactor == {"protocol": "sql", "host": "localhost", "port": "4334"}
    assert adopted.cf == {
        "aws-instance-type": "c5.large",
        "aws-region": "us-east-1",
        "aws-instance-monitoring": "true",
        "aws-autoscaling-group-size": "2",
        "java-xmx": "2g",
        "aws-security-group": "",
        "datomic-version": "",
        "datomic-deploy-s3-bucket": "",
    }
    assert unknown(adopted) == [
        "sql-password",
        "aws-transactor-role",
        "java-opts",
        "aws-security-group",
        "datomic-version",
        "datomic-deploy-s3-bucket",
        "aws-ingress-groups",
        "datomic_template_flavor",
    ]
    assert adopted.differs is None


def test_the_rules_of_the_security_group() -> None:
    peers = SecurityGroup("sg-0a", "peers", ACCOUNT, "vpc-1")
    elsewhere = SecurityGroup("sg-0b", "others", ACCOUNT, "vpc-2")
    rules = (
        IngressRule("tcp", 4334, 4334, group_id="sg-0a", account=ACCOUNT),
        IngressRule("tcp", 4334, 4334, group_id="sg-0b", account=ACCOUNT),
        IngressRule("tcp", 4334, 4334, group_id="sg-0c", account="210987654321"),
        IngressRule("tcp", 4334, 4334, cidr="10.0.0.0/8"),
        IngressRule("tcp", 22, 22, cidr="10.0.0.0/8"),
        IngressRule("-1", -1, -1, prefix_list="pl-1"),
    )
    adopted = adopt(reading(legacy_template(transactor(), cf())), around(None, *rules, more=(peers, elsewhere)))
    assert adopted.cf["aws-ingress-groups"] == "peers,sg-0b,210987654321:sg-0c"
    assert adopted.cf["aws-ingress-cidrs"] == "10.0.0.0/8"
    assert [one.why for one in adopted.unknown] == [
        "the group datomic admits 10.0.0.0/8 to tcp 22, which no property says",
        "the group datomic admits pl-1 to everything, which no property says",
    ]


def test_a_group_outside_of_the_default_vpc_keeps_its_id() -> None:
    elsewhere = dataclasses.replace(GROUP, vpc_id="vpc-2")
    made = modern.template(*template_pair(), Options(), template_combinations.MACHINE)
    assert adopt(reading(made), Surroundings((elsewhere,), "vpc-1")).cf["aws-security-group"] == GROUP.group_id


def template_pair() -> tuple[Properties, Properties]:
    return template_combinations.transactor(), template_combinations.cf()


def test_the_variables_hold_what_the_files_cannot() -> None:
    options = Options(
        subnets=("subnet-0a",),
        java_version=21,
        secrets=("sql-password",),
        secrets_versions={"sql-password": 3},
        tags={"team": "orders", "zone": "b"},
    )
    made = modern.template(*template_pair(), options, template_combinations.MACHINE)
    assert adopt(reading(made, {"team": "orders", "owner": "anna"}), around(nvme_store=True)).variables == {
        "datomic_stack_name": "orders",
        "datomic_account_id": ACCOUNT,
        "datomic_template_flavor": "modern",
        "datomic_modern": {"subnets": ["subnet-0a"], "java_version": 21, "tags": {"team": "orders", "zone": "b"}},
        "datomic_tags": {"team": "orders"},
        "datomic_secrets": {"sql-password": "{{ vault_orders_sql_password }}"},
    }


def test_valcache_that_may_be_turned_off_is_named() -> None:
    machine = dataclasses.replace(template_combinations.MACHINE, instance_store=False)
    made = modern.template(*template_pair(), Options(), machine)
    assert unknown(adopt(reading(made), around(nvme_store=None))) == ["datomic_modern.valcache"]
    assert adopt(reading(made), around(nvme_store=True)).options.valcache is False


def test_names_of_the_record_complete_the_file() -> None:
    one = transactor(aws_peer_role=None)
    names = {"aws-peer-role": "datomic-aws-peer", "aws-transactor-role": "another"}
    adopted = adopt(reading(legacy_template(one, cf())), dataclasses.replace(around(), names=names))
    assert adopted.transactor["aws-peer-role"] == "datomic-aws-peer"
    assert adopted.transactor["aws-transactor-role"] == "datomic-aws-transactor"
    assert unknown(adopted) == ["aws-peer-role"]
    assert adopted.differs is not None
    assert adopted.differs[0] == "aws-peer-role: (none) -> datomic-aws-peer"


def test_a_peer_role_that_only_iam_knows_is_named() -> None:
    one = transactor(aws_peer_role=None)
    (missing,) = adopt(reading(legacy_template(one, cf())), around()).unknown
    assert missing.why == "the user data names no role or user of the peers"
    (found,) = adopt(reading(legacy_template(one, cf())), dataclasses.replace(around(), peer_role="our-peer")).unknown
    assert found.why == "the user data names no role or user of the peers; the role our-peer has this system's tag"
    of_users = one.edit({"aws-dynamodb-peer-user": "peer"})
    assert unknown(adopt(reading(legacy_template(of_users, cf())), around())) == []


def test_contradictions_of_a_file_that_exists() -> None:
    stacks = {"protocol": "ddb", "host": "localhost", "memory-index-max": "256m", "license-key": "hidden-1"}
    existing = builders.parse({"protocol": "ddb", "host": "10.0.0.1", "memory-index-max": "512m", "port": "1"})
    existing = existing.edit({"license-key": "hidden-2"})
    assert list(files.contradictions("transactor", existing, stacks)) == [
        {"key": "memory-index-max", "in_file": "512m", "in_stack": "256m"},
        {"key": "license-key", "in_file": "********", "in_stack": "********"},
        {"key": "port", "in_file": "1", "in_stack": ""},
    ]
    of_cf = builders.parse({"aws-ingress-groups": "b, a", "aws-ingress-cidrs": "10.0.0.0/8"})
    assert list(files.contradictions("cf", of_cf, {"aws-ingress-groups": "a,b"})) == []


@pytest.mark.parametrize("size", ["many", ""])
def test_a_stack_whose_numbers_make_no_sense_is_not_compared(size: str) -> None:
    adopted = adopt(reading(legacy_template(transactor(), cf()), GroupSize=size), around())
    assert adopted.differs is None


def test_the_lines_of_a_result() -> None:
    result = {
        "stack": {"name": "orders", "status": "UPDATE_COMPLETE", "region": "us-east-1"},
        "variables": {"datomic_account_id": ACCOUNT},
        "files": ["aws/orders-cf.properties"],
        "contradictions": [{"file": "aws/t.properties", "key": "port", "in_file": "", "in_stack": "4334"}],
        "unknown": [{"key": "license-key", "why": "it is a secret", "suggestion": "write it into the file"}],
        "differs": ["image: ami-1 -> ami-2"],
        "compared": True,
        "last_run": "anna@laptop",
    }

    def shown(**differs: Any) -> list[str]:
        how: dict[str, Any] = {"width": 60, "check": False, "paint": lambda text, style: text}
        return lines.render({**result, **differs}, "orders", "orders:\n  x: y\n", **how).splitlines()

    assert shown() == [
        "orders   account 123456789012 · us-east-1 · stack orders (UPDATE_COMPLETE)",
        "  + aws/orders-cf.properties",
        "  ! port is blank in aws/t.properties, but 4334 in the stack",
        "  ! license-key: it is a secret",
        "      write it into the file",
        "  ~ image: ami-1 -> ami-2",
        "  · last applied run: anna@laptop. Its commit has the files",
        "    with their comments",
        "Adopted: 1 file written, 1 unknown; an update would change the stack as shown.",
        "Host of the inventory:",
        "",
        "    orders:",
        "      x: y",
    ]
    assert "  · both files exist: none was written" in shown(files=[])
    assert "what an update would change is not known yet." in "\n".join(shown(compared=False))
    assert "an update would not change the stack." in "\n".join(shown(differs=[]))
