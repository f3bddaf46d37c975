# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role's variables: what its argument specs have to list, and what is made of what a user sets."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from tests.conftest import ROOT

ROLE = ROOT / "roles" / "datomic"
NAME = re.compile(r"\b_?datomic_(?!onprem\b)[a-z_]+")
SPECS = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]
VALUES = {
    name: text
    for file in ("vars/main.yml", "defaults/main.yml")
    for name, text in yaml.safe_load((ROLE / file).read_text()).items()
}


def results() -> set[str]:
    """What the role's tasks register or set."""
    found: set[str] = set()
    for file in (ROLE / "tasks").iterdir():
        text = file.read_text()
        found |= set(re.findall(r"register: (\w+)", text))
        found |= {name for block in re.findall(r"set_fact:\n((?: {4,}.*\n)+)", text) for name in NAME.findall(block)}
    return found


def task_files(entry_point: str) -> set[str]:
    """The entry point's file and those that it imports or includes."""
    files, found = {f"{entry_point}.yml"}, set()
    while files:
        found |= files
        texts = [(ROLE / "tasks" / file).read_text() for file in files]
        lines = [line for text in texts for line in re.findall(r"(?:import|include)_tasks:\s+(.*)", text)]
        files = {name for line in lines for name in re.findall(r"\w+\.yml", line)} - found
    return found


def used(entry_point: str) -> set[str]:
    """The variables that a user can set, by what tasks say and by what the role's own variables are made of."""
    names, found = set(), set()
    for file in task_files(entry_point):
        text = re.sub(r"#.*", "", (ROLE / "tasks" / file).read_text())
        names |= set(NAME.findall(re.sub(r"datomic_\w+:(?= )|modules?/\w+", "", text)))
    while names:
        found |= names
        names = {name for each in names for name in NAME.findall(str(VALUES.get(each, "")))} - found
    return {name for name in found if not name.startswith("_")} - results()


NAMES_ONLY = {
    "provision": {"datomic_databases"},
    "validate": {"datomic_databases", "datomic_secrets"},
}
"""A spec judges values, and so decrypts them: who checks the files alone need not have the vault's password."""


@pytest.mark.parametrize("entry_point", sorted(SPECS))
def test_every_variable_that_is_used_is_in_the_spec(entry_point: str) -> None:
    options: dict[str, Any] = SPECS[entry_point]["options"]
    assert used(entry_point) - set(options) == NAMES_ONLY.get(entry_point, set())


def test_every_default_is_a_variable_of_some_entry_point() -> None:
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    assert set(defaults) - {name for spec in SPECS.values() for name in spec["options"]} == set()


def locked(directory: pathlib.Path, host: str, **given: Any) -> set[str]:
    """What a host of the inventory locks."""
    variables = {
        "inventory_hostname": host,
        "datomic_directory": str(directory),
        "datomic_transactor_properties": f"{host}-transactor.properties",
        "datomic_cf_properties": f"{host}-cf.properties",
        "datomic_cf_template": f"{host}-cf.json",
        "datomic_stack_name": host,
        "datomic_aws": {},
        "datomic_checked": {"region": "us-east-1", "table": host, "table_region": "us-east-1"},
    }
    return {each["key"] for each in value("_datomic_own", **{**variables, **given})}


def value(name: str, **given: Any) -> Any:
    """What a variable of the role's own comes to when a user has set these."""
    loader = DataLoader()
    own = loader.load_from_file(str(ROLE / "vars" / "main.yml"), trusted_as_template=True)
    return Templar(loader=loader, variables={**own, **given}).template(own[name])


@pytest.mark.parametrize(
    ("given", "connection"),
    [
        ({"region": "", "profile": "", "endpoint_url": None}, {"region": "us-east-1"}),
        ({"region": "eu-west-1", "aws_region": ""}, {"region": "eu-west-1"}),
        ({"ec2_region": "eu-west-1", "validate_certs": False}, {"region": "eu-west-1", "validate_certs": False}),
        ({"aws_access_key_id": "k", "ec2_access_key": ""}, {"region": "us-east-1", "access_key": "k"}),
    ],
)
def test_an_option_of_the_connection_that_is_empty_is_none(given: dict[str, Any], connection: dict[str, Any]) -> None:
    assert value("_datomic_aws", datomic_aws=given, datomic_checked={"region": "us-east-1"}) == connection


@pytest.mark.parametrize(
    ("given", "text"), [(True, "is lost with it"), (False, "data is not in it"), (None, "not in it")]
)
def test_the_data_is_not_in_a_stack_only_where_it_is_elsewhere(given: bool | None, text: str) -> None:
    checked = {} if given is None else {"datomic_checked": {"storage_on_instance": given}}
    for status in ("CREATE_FAILED", "ROLLBACK_COMPLETE"):
        assert text in value("_datomic_obstacles", **checked)[status]


def test_a_file_is_locked_under_its_real_path(tmp_path: pathlib.Path) -> None:
    aws = tmp_path / "aws"
    aws.mkdir()
    (aws / "orders-cf.properties").touch()
    (tmp_path / "link.properties").symlink_to("aws/orders-cf.properties")
    (tmp_path / "link").symlink_to("aws")
    for names in (
        {"datomic_transactor_properties": "./aws/../aws/orders-transactor.properties"},
        {"datomic_transactor_properties": "link/orders-transactor.properties"},
        {"datomic_cf_properties": "link.properties"},
        {"datomic_cf_template": "aws//orders-cf.json"},
    ):
        billing = locked(tmp_path, "billing", **names)
        assert len(locked(aws, "orders") & billing) == 1, names


def test_a_table_is_locked_in_its_region_and_under_its_connection(tmp_path: pathlib.Path) -> None:
    def shared(table: dict[str, str], **given: Any) -> int:
        orders = locked(tmp_path, "orders")
        checked = {"region": "us-east-1", "table": "orders", "table_region": "us-east-1", **table}
        return len(orders & locked(tmp_path, "billing", datomic_checked=checked, **given))

    assert shared({}) == 1
    assert shared({"table_region": ""}) == 1, "then it is the connection's"
    assert shared({"table": "Orders"}) == 0
    assert shared({"table_region": "eu-west-1"}) == 0
    assert shared({}, datomic_aws={"profile": "another"}) == 0
    assert shared({}, datomic_aws={"validate_certs": False, "session_token": "t"}) == 1, "the same account"
    assert shared({"table": ""}) == 0, "storage that is no table of DynamoDB"
    sql = locked(tmp_path, "orders", datomic_checked={"region": "us-east-1", "table": "", "table_region": ""})
    assert len(sql) == len(locked(tmp_path, "orders")) - 1


@pytest.mark.parametrize(
    ("pending", "outdated", "replace", "surplus"),
    [
        (
            True,
            True,
            "stale",
            True,
        ),  # a replacement was stopped, and the stack's update would terminate what it launched
        (False, True, "stale", False),  # the next replacement finishes it
        (False, False, "stale", True),  # somebody scaled the group by hand
        (True, False, "never", False),
    ],
)
def test_the_surplus_goes_before_the_update(pending: bool, outdated: bool, replace: str, surplus: bool) -> None:
    instances = [{"stale": outdated}, {"stale": False}, {"stale": False}]
    group = {"desired_capacity": 3, "min_size": 2}
    given = {
        "_datomic_group_size": 2,
        "datomic_observed": {"group": group, "instances": instances},
        "datomic_stack": {"pending": pending},
        "datomic_replace": replace,
    }
    assert value("_datomic_surplus", **given) is surplus
