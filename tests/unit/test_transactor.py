# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ensure-transactor without AWS: what a file asks for, and what the plan makes of what is there."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils import rules
from ansible_collections.datomic_onprem.aws.plugins.module_utils.actions import GENERATED, Action, Decision
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import Properties
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.keys import check as check_keys
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.keys import table_of
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rules.facts import Facts
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.transactor import checks, policies
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.transactor import plan as transactor_plan
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.transactor.current import (
    Account,
    Bucket,
    Current,
    Role,
    Table,
    User,
)
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.transactor.desired import (
    USERS as USER_PREFIXES,
)
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.transactor.desired import (
    Desired,
    Options,
    adopt,
    desired,
    keys_of,
    recorded,
)
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps.transactor.outputs import outputs
from ansible_collections.datomic_onprem.aws.plugins.module_utils.system import System
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import parse

ACCOUNT = Account("123456789012")
HEAD = {"protocol": "ddb", "host": "h", "port": "4334", "aws-dynamodb-region": "us-east-1"}


def messages(values: Mapping[str, str]) -> list[str]:
    file = parse(values)
    return [str(finding) for finding in [*check_keys(file, "transactor"), *checks.of_file(file)]]


@dataclasses.dataclass
class World:
    """An account in the shape that the provisioning code observes, changed by executing a plan's actions."""

    table: Table | None = None
    buckets: set[str] = dataclasses.field(default_factory=set)
    roles: set[str] = dataclasses.field(default_factory=set)
    profiles: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    policies: dict[str, Any] = dataclasses.field(default_factory=dict)
    users: dict[str, str] = dataclasses.field(default_factory=dict)
    owners: dict[str, str] = dataclasses.field(default_factory=dict)
    keys: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    made: Any = dataclasses.field(default_factory=itertools.count)

    def role(self, name: str, base: str) -> Role:
        free = (base if not number else f"{base}-{number}" for number in itertools.count())
        name = name or next(found for found in free if found not in self.roles and not self.profiles.get(found))
        return Role(name, name in self.roles, self.profiles.get(name), policies=self.inline(name))

    def user(self, name: str, base: str) -> User:
        free = (base if not number else f"{base}-{number}" for number in itertools.count())
        name = name or next(found for found in free if found not in self.users)
        known = name in self.users
        mark, owner = self.users.get(name, ""), self.owners.get(name, "")
        return User(name, known, mark, tuple(self.keys.get(name, ())), self.inline(name), owner)

    def inline(self, name: str) -> dict[str, Any]:
        return {
            path.split("/", 1)[1]: document for path, document in self.policies.items() if path.split("/")[0] == name
        }

    def observe(self, wanted: Desired) -> Current:
        return Current(
            account=ACCOUNT,
            region="us-east-1",
            table=self.table,
            bucket=Bucket(exists=wanted.bucket in self.buckets),
            roles={role.key: self.role(role.name, role.base) for role in wanted.roles},
            users={user.key: self.user(user.name, user.base) for user in wanted.users},
        )

    def execute(self, action: Action, file: Properties) -> Properties:
        """What AWS does; returns the file, which an access key is written into."""
        kind = action.resource
        if kind == "table":
            self.table = Table("ACTIVE", (("id", "S", "HASH"),), read=100, write=50)
        elif kind == "bucket":
            self.buckets.add(action.name)
        elif kind == "role":
            assert action.name not in self.roles
            self.roles.add(action.name)
        elif kind == "instance_profile":
            self.profiles[action.name] = (action.params.role,)
        elif kind in ("role_policy", "user_policy"):
            assert action.name.split("/")[0] in (self.roles if kind == "role_policy" else self.users)
            self.policies[action.name] = action.params.document
        elif kind == "user":
            self.users[action.name] = getattr(action.params, "mark", "")
            self.owners[action.name] = getattr(action.params, "owner", self.owners.get(action.name, ""))
        elif (kind, action.change) == ("access_key", "delete"):
            self.keys[action.name] = []
        elif kind == "access_key":
            return self.make_key(action, file)
        return file

    def make_key(self, action: Action, file: Properties) -> Properties:
        key = f"AKIA{next(self.made):016}"
        self.keys.setdefault(action.name, []).append(key)
        assert len(self.keys[action.name]) <= 2
        places = action.params.saved_in
        file = file.edit({place: key if place.endswith("-id") else f"secret-{key}" for place in places})
        self.users[action.name] = "" if action.params.unmark else self.users[action.name]
        return file


def decide(file: Properties, world: World, unique: str = "1234") -> Decision:
    system = System(file)
    wanted = desired(system)
    return transactor_plan.decide(system, wanted, world.observe(wanted), Options(), lambda: unique)


def run(file: Properties, world: World, stop: int = 1000, lost: bool = False) -> Properties:
    """A run that ends, or dies after `stop` actions. lost: with the answer to the last one, so before it was saved."""
    decision = decide(file, world)
    file = file.edit(decision.values)
    for number, action in enumerate(decision.plan.actions[:stop], start=1):
        marked = getattr(action.params, "mark", "") or world.users.get(action.name)
        after = world.execute(action, file)
        if not (lost and number == stop):
            file = after
        elif marked is not None:
            world.users[action.name] = marked
    return file


names = st.sampled_from(["", "tx", "datomic-aws-transactor", "datomic-aws-peer"])
users = st.sampled_from(["", "bob", "datomic-aws-dynamodb"])


@st.composite
def files(draw: st.DrawFn) -> Properties:
    """Sound files of protocol ddb: every mixture of roles and users, of named and blank."""
    values = dict(HEAD)
    if draw(st.booleans()):
        values["aws-dynamodb-table"] = draw(st.sampled_from(["orders", "a.b_c-d"]))
    if draw(st.booleans()):
        values["aws-cloudwatch-region"] = draw(st.sampled_from(["", "us-east-1"]))
    if draw(st.booleans()):
        values["aws-s3-log-bucket-id"] = draw(st.sampled_from(["", "our-logs"]))
    prefixes = []
    for role, prefix in (("aws-transactor-role", "aws-dynamodb"), ("aws-peer-role", "aws-dynamodb-peer")):
        if draw(st.booleans()):
            values[role] = draw(names)
        else:
            prefixes.append(prefix)
    if "aws-dynamodb" in prefixes:
        prefixes += [prefix for prefix in ("aws-cloudwatch", "aws-s3-log") if draw(st.booleans())]
    for prefix in prefixes:
        values |= dict(zip(keys_of(prefix), (draw(users), "", ""), strict=True))
    return parse(values)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    roles = draw(st.sets(st.sampled_from(["datomic-aws-transactor", "datomic-aws-peer", "tx"])))
    held = {name: (name,) for name in roles if draw(st.booleans())}
    empty: dict[str, tuple[str, ...]] = {name: () for name in ("tx", "datomic-aws-peer") if draw(st.booleans())}
    return World(roles=roles, profiles=empty | held, users=dict.fromkeys(draw(st.sets(users.filter(bool))), ""))


@given(files(), worlds())
def test_a_sound_file_has_no_findings_and_the_second_run_has_nothing_to_do(file: Properties, world: World) -> None:
    assert checks.of_file(file) == []
    done = run(file, world)
    again = decide(done, world)
    assert (again.values, again.plan.actions, again.late) == ({}, (), ())
    assert all(done.has_value(key) for key in file if key != "aws-cloudwatch-region")


@settings(deadline=None)
@given(files(), worlds(), st.integers(0, 12))
def test_a_run_that_dies_anywhere_is_continued(file: Properties, world: World, stop: int) -> None:
    """The file was written first, so the world after the second run holds what one run makes, and no more."""
    undisturbed = dataclasses.replace(
        world, roles=set(world.roles), profiles=dict(world.profiles), buckets=set(), policies={}, keys={},
        users=dict(world.users), made=itertools.count(),
    )  # fmt: skip
    run(file, undisturbed)
    run(run(file, world, stop), world)
    for part in ("table", "buckets", "roles", "profiles", "policies", "users"):
        assert getattr(world, part) == getattr(undisturbed, part), part
    assert {user: len(keys) for user, keys in world.keys.items()} == {
        user: len(keys) for user, keys in undisturbed.keys.items()
    }


ROLES = parse(HEAD | {"aws-transactor-role": "", "aws-peer-role": "", "aws-s3-log-bucket-id": ""})
USERS = parse(HEAD | {key: "" for prefix in USER_PREFIXES for key in keys_of(prefix)})


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize(("file", "actions"), [(ROLES, 9), (USERS, 11)])
def test_a_run_that_dies_after_each_action_is_continued(file: Properties, actions: int, lost: bool) -> None:
    whole = World()
    run(file, whole)
    assert len(decide(file, World()).plan.actions) == actions
    for stop in range(actions + 1):
        world = World()
        file_then = run(run(file, world, stop, lost), world)
        assert decide(file_then, world).plan.actions == ()
        for part in ("table", "buckets", "roles", "profiles", "policies", "users"):
            assert getattr(world, part) == getattr(whole, part), (stop, part)
        assert all(len(keys) == 1 for keys in world.keys.values()), stop
        for user, prefix in (("datomic-aws-dynamodb", "aws-dynamodb"),):
            if file is USERS:
                assert world.keys[user] == [file_then.get(keys_of(prefix)[1])]


def test_a_key_that_was_lost_beside_the_saved_one_is_deleted() -> None:
    """The answer was lost, botocore asked again, and the run died between the file and the clearing up."""
    world = World()
    file = run(USERS, world)
    world.users["datomic-aws-dynamodb"] = "datomic/aws-dynamodb"
    world.keys["datomic-aws-dynamodb"].append("AKIA0000000000005678")
    actions = decide(file, world).plan.actions
    assert [(action.resource, action.change) for action in actions] == [("access_key", "delete"), ("user", "update")]
    assert actions[0].before == {"lost_access_keys": ["****5678"]}


def test_one_role_for_transactor_and_peer_gets_the_policies_of_both() -> None:
    file = parse(HEAD | {"aws-transactor-role": "tx", "aws-peer-role": "tx"})
    actions = [(action.resource, action.name) for action in decide(file, World()).plan.actions]
    assert actions[1:] == [
        ("role", "tx"),
        ("instance_profile", "tx"),
        ("role_policy", "tx/datomic-transactor"),
        ("role_policy", "tx/datomic-peer"),
    ]


def test_an_empty_boundary_is_an_error() -> None:
    assert checks.of_options(System(), Options()) == []
    (finding,) = checks.of_options(System.of({"permissions_boundary": ""}), Options())
    assert finding.key == "permissions_boundary"


def test_a_bucket_s_name_is_unique() -> None:
    assert decide(ROLES, World(), "1234").values["aws-s3-log-bucket-id"] == "datomic-logs-1234"


@given(files(), worlds())
def test_check_mode_plans_what_the_real_run_does(file: Properties, world: World) -> None:
    real, planned = decide(file, world, "1234"), decide(file, world, "<generated>")
    shown = [(action.resource, action.name.replace("logs-1234", "logs-<generated>")) for action in real.plan.actions]
    assert shown == [(action.resource, action.name) for action in planned.plan.actions]


@given(files(), worlds())
def test_no_secret_and_no_key_is_in_a_plan(file: Properties, world: World) -> None:
    for user in list(world.users):
        world.users[user] = f"{table_of(file.as_dict())}/aws-dynamodb"
        world.keys[user] = ["AKIA0000000000005678"]
    plan = decide(file, world).plan
    assert "AKIA" not in str(plan.actions)


@pytest.mark.parametrize(
    ("given_values", "expected"),
    [
        ({"protocol": "dev"}, ["Missing property: host", "Missing property: port"]),
        ({}, ["Missing property: protocol", "Missing property: host", "Missing property: port"]),
        ({"protocol": "ddb-local", "host": "h", "port": "1"}, ["Missing property: aws-dynamodb-override-endpoint"]),
    ],
)
def test_required_keys(given_values: dict[str, str], expected: list[str]) -> None:
    found = rules.judge(Facts(parse(given_values)), "ensure_transactor")
    assert [finding.message for finding in found if finding.rule == "required-key"] == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("aws-dynamodb-table", "ab"),
        ("aws-dynamodb-table", "a b"),
        ("aws-dynamodb-table", "a" * 118),
        ("aws-s3-log-bucket-id", "Logs"),
        ("aws-s3-log-bucket-id", "a..b"),
        ("aws-s3-log-bucket-id", "10.0.0.1"),
        ("aws-transactor-role", "arn:aws:iam::123456789012:role/tx"),
        ("aws-peer-role", "a" * 65),
        ("aws-dynamodb-region", "us-east"),
        ("aws-cloudwatch-region", "US-EAST-1"),
    ],
)
def test_names_that_aws_refuses(key: str, value: str) -> None:
    values = HEAD | {"aws-transactor-role": "", "aws-peer-role": ""} | {key: value}
    (found,) = messages(values)
    assert found.startswith(f"x.properties:{list(values).index(key) + 1}: {key}: ")


def test_both_identities_and_neither_are_one_finding_each() -> None:
    assert len(messages(HEAD | {"aws-transactor-role": "", "aws-dynamodb-user": ""})) == 2
    assert len(messages(HEAD)) == 2


BOTH = ("aws-transactor-role", "aws-peer-role", "aws-dynamodb-user", "aws-dynamodb-peer-user")


@pytest.mark.parametrize("identities", [{}, dict.fromkeys(BOTH, "")], ids=["neither", "both"])
def test_the_words_about_an_identity_hold_the_tool_s_with_and_without_full_stop(identities: dict[str, str]) -> None:
    """It writes one for a transactor with both, and none for a peer with neither; the other two are not recorded."""
    found = messages(HEAD | identities)
    assert len(found) == 2
    for text in found:
        assert "-secret-key properties together. (" in text


def test_recorded_names_fill_blank_keys_only() -> None:
    names = {"aws-transactor-role": "t-1", "aws-peer-role": "p-1", "aws-s3-log-bucket-id": "b-1"}
    file = parse({"aws-transactor-role": "", "aws-peer-role": "mine"})
    assert recorded(file, names) == {"aws-transactor-role": "t-1"}


def test_a_recorded_user_is_not_for_a_file_with_an_access_key() -> None:
    user, key_id, secret = keys_of("aws-dynamodb")
    blank = {user: "", key_id: "", secret: ""}
    assert recorded(parse(blank), {user: "u-1"}) == {user: "u-1"}
    assert recorded(parse(blank | {key_id: "AKIA1"}), {user: "u-1"}) == {}


def test_an_earlier_run_s_keys_are_adopted_for_the_same_user_only() -> None:
    prefix = "aws-dynamodb"
    src = parse(HEAD | dict(zip(keys_of(prefix), ("bob", "", ""), strict=True)))
    dest = HEAD | dict(zip(keys_of(prefix), ("bob", "AKIA1", "s"), strict=True))
    assert adopt(src, parse(dest))["aws-dynamodb-secret-key"] == "s"
    other = dest | {"aws-dynamodb-user": "eve"}
    assert adopt(src, parse(other)) == {}


def test_a_table_in_a_state_that_cannot_be_used_is_an_error() -> None:
    file = parse(HEAD | {"aws-dynamodb-table": "orders", "aws-transactor-role": "", "aws-peer-role": ""})
    world = World(table=Table("DELETING", (("id", "S", "HASH"),), replicas=("eu-west-1",)))
    errors = [finding for finding in decide(file, world).findings if finding.severity == "error"]
    assert [finding.rule for finding in errors] == ["table-status", "table-global"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"Action": "s3:Get"}, {"Action": ["S3:get"], "Sid": "x"}, True),
        ({"Action": ["a", "b"]}, {"Action": ["b", "a"]}, True),
        ({"Action": "a"}, {"NotAction": "a"}, False),
        ({"Resource": "a"}, {"Resource": ["a", "b"]}, False),
        ({"Resource": "A"}, {"Resource": "a"}, False),
        ({"Effect": "Allow"}, {"Effect": "Deny"}, False),
        ({"Condition": {"Bool": {"k": True}}}, {"Condition": {"bool": {"K": ["true"]}}}, True),
        ({"Condition": {"Bool": {"k": "true"}}}, {}, False),
    ],
)
def test_when_policies_mean_the_same(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    documents = {"Statement": one}, {"Version": "2012-10-17", "Statement": [other]}
    assert policies.same(*documents) is same


def test_the_version_of_a_policy_with_variables_is_part_of_its_meaning() -> None:
    statement = {"Statement": [{"Resource": "arn:aws:s3:::${aws:username}"}]}
    assert not policies.same(statement, {"Version": "2012-10-17", **statement})


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_policies_name_the_account_s_partition(partition: str) -> None:
    account = Account("123456789012", partition)
    grants: tuple[policies.Grant, ...] = ("table", "logs", "peer")
    for grant in grants:
        document = policies.document(grant, "orders", "our-logs", account, "us-east-1")
        assert f"arn:{partition}:" in str(document)


def test_outputs_are_what_the_run_leaves() -> None:
    blank = {"aws-peer-role": "", "aws-s3-log-bucket-id": ""}
    file = parse({"protocol": "ddb", "aws-dynamodb-table": "orders", "aws-transactor-role": "old", **blank})
    wanted = desired(System(file))
    old = Role("old", exists=True, arn="arn:aws:iam::123456789012:role/teams/old")
    current = Current(ACCOUNT, "eu-central-1", roles={"aws-transactor-role": old, "aws-peer-role": Role("")})
    after = file.edit({"aws-peer-role": "datomic-aws-peer", "aws-s3-log-bucket-id": f"datomic-logs-{GENERATED}"})
    assert outputs(wanted, current, after) == {
        "peer_uri": "datomic:ddb://eu-central-1/orders/{db}",
        "table_arn": "arn:aws:dynamodb:eu-central-1:123456789012:table/orders",
        "transactor_role_arn": "arn:aws:iam::123456789012:role/teams/old",
        "peer_role_arn": "arn:aws:iam::123456789012:role/datomic-aws-peer",
    }
    named = after.edit({"aws-s3-log-bucket-id": "logs"})
    assert outputs(wanted, current, named)["log_bucket_arn"] == "arn:aws:s3:::logs"
    assert "table_arn" not in outputs(wanted, dataclasses.replace(current, account=Account()), after)
    dev = parse({"protocol": "dev"})
    assert outputs(desired(System(dev)), current, dev) == {}
