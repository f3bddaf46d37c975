# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role's variables: what its argument specs have to list, and what is made of what a user sets."""

from __future__ import annotations

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
    names: set[str] = set()
    found: set[str] = set()
    for file in task_files(entry_point):
        text = re.sub(r"#.*", "", (ROLE / "tasks" / file).read_text())
        names |= set(NAME.findall(re.sub(r"datomic_\w+:(?= )|modules?/\w+", "", text)))
    while names:
        found |= names
        names = {name for each in names for name in NAME.findall(str(VALUES.get(each, "")))} - found
    return {name for name in found if not name.startswith("_")} - results()


NAMES_ONLY = {
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
    assert value("_datomic_aws", datomic_aws=given, _datomic_region="us-east-1") == connection


def test_the_role_keeps_few_variables_of_its_own() -> None:
    own = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
    assert len(own) <= 12, "what to do is decided in Python"
